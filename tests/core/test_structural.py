"""Rows without time: the static model's law, its covariance, its weights and its noise."""

from dataclasses import replace

import numpy as np
import pytest

from core.config import MECHANISMS, DataConfig, TrainerConfig
from core.data import prepare
from core.random_graphs import erdos_renyi
from core.simulate import simulate, simulate_rows
from core.structural import edge_weights, noise_factors, static_values

SEM = DataConfig("sem", rows=3000, missing=0.0)


@pytest.mark.parametrize("kind", ["equal", "unequal"])
def test_linear_rows_have_the_analytic_covariance(kind: str) -> None:
    """Law: cov(x) = (I - W)^-T D (I - W)^-1, entry by entry, for equal and unequal noise."""
    d, rng = 6, np.random.default_rng(0)
    graph, order = erdos_renyi(d, 9, rng)
    factors, weights = noise_factors(d, kind, rng), edge_weights(graph, rng)
    draws = rng.standard_normal((5000, d))
    draws = np.linalg.solve(
        np.linalg.cholesky(np.cov(draws.T, bias=True)), (draws - draws.mean(0)).T
    ).T  # exactly white
    values = static_values(weights, order, "linear", factors * draws)
    inverse = np.linalg.inv(np.eye(d) - weights)
    np.testing.assert_allclose(np.cov(values.T, bias=True), inverse.T @ np.diag(factors**2) @ inverse, rtol=1e-7)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_children_follow_their_parents_in_the_same_row(mechanism: str) -> None:
    """Law: x_j = sum_p w_pj f(x_p) + noise_j, by hand, for a child of three parents."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((800, 4))
    weights = np.zeros((4, 4))
    weights[:3, 3] = [0.7, -1.5, 2.0]
    values = static_values(weights, np.arange(4), mechanism, noise)
    unit = np.clip((noise - noise.mean(0)) / noise.std(0), -3, 3)
    shapes = {
        "linear": 0.7 * noise[:, 0] - 1.5 * noise[:, 1] + 2 * noise[:, 2],
        "tanh": 0.7 * np.tanh(unit[:, 0]) - 1.5 * np.tanh(unit[:, 1]) + 2 * np.tanh(unit[:, 2]),
        "square": 0.7 * (unit[:, 0] ** 2 - 1) - 1.5 * (unit[:, 1] ** 2 - 1) + 2 * (unit[:, 2] ** 2 - 1),
        "abs": (np.abs(unit) - (2 / np.pi) ** 0.5)[:, :3] @ weights[:3, 3],
        "product": 0.7 * unit[:, 0] * unit[:, 1] + 2 * (unit[:, 2] ** 2 - 1),
    }
    assert np.array_equal(values[:, :3], noise[:, :3])
    np.testing.assert_allclose(values[:, 3], shapes[mechanism] + noise[:, 3], rtol=1e-9, atol=1e-9)


def test_weights_and_noises_are_in_their_ranges() -> None:
    """Law: weights are uniform on [-2, -0.5] and [0.5, 2], on the edges alone; noises 1, or log-uniform 0.5 to 2."""
    graph, _ = erdos_renyi(60, 800, np.random.default_rng(0))
    weights = edge_weights(graph, np.random.default_rng(1))
    assert np.array_equal(weights != 0, graph)
    size = np.abs(weights[graph])
    assert 0.5 <= size.min() < 0.52
    assert 1.98 < size.max() <= 2.0
    assert size.mean() == pytest.approx(1.25, abs=0.06)
    assert (weights[graph] > 0).mean() == pytest.approx(0.5, abs=0.06)
    assert (noise_factors(5, "equal", np.random.default_rng(0)) == 1.0).all()
    factors = noise_factors(4000, "unequal", np.random.default_rng(0))
    assert 0.5 <= factors.min() < factors.max() <= 2.0
    assert np.mean(factors < 1.0) == pytest.approx(0.5, abs=0.03)


def test_columns_do_not_betray_the_order() -> None:
    """Law: the raw variances grow along the order, those of the table do not."""
    table = simulate(replace(SEM, mechanism="linear"))
    np.testing.assert_allclose(table.values.std(0), 1.0)
    np.testing.assert_allclose(table.values.mean(0), 0.0, atol=1e-9)
    graph, order = erdos_renyi(13, 30, np.random.default_rng(2))
    raw = simulate_rows(
        graph, order, replace(SEM, mechanism="linear"), np.random.default_rng(0), np.random.default_rng(0)
    ).std(0)
    assert raw[order[-3:]].min() > 2 * raw[order[0]]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_rows_have_no_time(mechanism: str) -> None:
    """Law: neighbouring rows are independent: no column says anything about the next row."""
    values = simulate(replace(SEM, mechanism=mechanism)).values
    unit = (values - values.mean(0)) / values.std(0)
    assert np.abs(unit[1:].T @ unit[:-1] / len(unit)).max() < 0.09


def test_a_wide_table_is_a_table() -> None:
    """Law: 100 variables are named x1 to x100, in one segment, and can be learned from without a lag."""
    table = simulate(replace(SEM, variables=100, edges=200, missing=0.1, graph_kind="scale_free", corruption="severe"))
    assert table.names == tuple(f"x{k}" for k in range(1, 101))
    assert (table.name, table.source) == ("sem", "sem")
    assert (table.segment == 0).all()
    assert prepare(table, TrainerConfig(max_lag=0)).unusable == {}
