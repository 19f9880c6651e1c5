"""Sorting by variance and by R^2, against plain loops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core import baselines, regression, sortability
from core.data import TEST, prepare, split_rows
from tests import oracles
from tests.core import small


def loop_sortability(value: np.ndarray, truth: np.ndarray) -> float:
    """Walk from every start, one step at a time, and ask at every length which ends lie higher."""
    d = len(value)
    rising, total = 0.0, 0
    for start in range(d):
        ends = {start}
        for _ in range(d - 1):
            ends = {j for i in ends for j in range(d) if truth[i, j]}
            for end in ends - {start}:
                total += 1
                rising += 1.0 if value[start] < value[end] else 0.5 if value[start] == value[end] else 0.0
    return rising / total if total else float("nan")


@settings(max_examples=200)
@given(d=st.integers(2, 8), density=st.floats(0, 1), seed=st.integers(0, 2**32), cyclic=st.booleans())
def test_sortability_equals_walking(d: int, density: float, seed: int, cyclic: bool) -> None:
    """Law: the share of directed paths along which the value rises, a tie counted half; with cycles as well."""
    rng = np.random.default_rng(seed)
    truth = oracles.random_dag(d, density, rng)
    if cyclic:
        truth = (rng.random((d, d)) < density) & ~np.eye(d, dtype=bool)
    value = rng.integers(0, 4, d).astype(float)
    found, expected = sortability.sortability(value, truth), loop_sortability(value, truth)
    assert found == pytest.approx(expected, nan_ok=True)
    if truth.any():
        assert 0 <= found <= 1
        assert sortability.sortability(-value, truth) == pytest.approx(1 - found)


def test_sortability_of_a_chain() -> None:
    """Law: growing values along a chain give 1, shrinking ones 0, equal ones one half, and no edges no number."""
    chain = np.eye(5, k=1, dtype=bool)
    assert sortability.sortability(np.arange(5.0), chain) == 1
    assert sortability.sortability(-np.arange(5.0), chain) == 0
    assert sortability.sortability(np.ones(5), chain) == 0.5
    assert np.isnan(sortability.sortability(np.arange(5.0), np.zeros((5, 5), dtype=bool)))


@pytest.mark.parametrize("max_lag", [0, 1])
def test_deviations_are_in_the_data_s_own_units(max_lag: int) -> None:
    """Law: numpy's deviation over the rows that are not test rows, whatever the size; 0 for a column of nothing."""
    config = small.settings(max_lag=max_lag)
    table = small.table(missing=0.2)
    values = table.values * np.array([1.0, 1e-200, 1e200, np.nan])
    table = replace(table, values=values)
    order, split = split_rows(table, max_lag > 0)
    kept = values[order][split != TEST]
    expected = [np.nanstd(kept[:, 0]), 1e-200 * np.nanstd(kept[:, 1] * 1e200), 1e200 * np.nanstd(kept[:, 2] / 1e200)]
    np.testing.assert_allclose(sortability.deviations(table, config), [*expected, 0.0], rtol=1e-9)


@pytest.mark.parametrize("max_lag", [0, 1])
def test_r_squared_equals_regression(max_lag: int) -> None:
    """Law: 1 - residual variance / variance of the regression on all other variables of the row."""
    config = small.settings(max_lag=max_lag)
    data = small.dataset(config, missing=0.1)
    filled = oracles.interpolated(data.values, data.observed, data.block) if max_lag else data.values.astype(float)
    rows = filled[data.split != TEST]
    for j, found in enumerate(sortability.r_squared(data, config)):
        design = np.column_stack([np.ones(len(rows)), np.delete(rows, j, axis=1)])
        weights, _, _, _ = np.linalg.lstsq(design, rows[:, j], rcond=None)
        assert found == pytest.approx(1 - (rows[:, j] - design @ weights).var() / rows[:, j].var(), abs=1e-5)


@pytest.mark.parametrize("max_lag", [0, 1, 2])
def test_sorted_regression_equals_loops(max_lag: int) -> None:
    """Law: each variable is regressed on those of lower value and its own past, and the tests that pass are kept."""
    config = small.settings(max_lag=max_lag)
    data = small.dataset(config, rows=400)
    value = np.array([2.0, 1.0, 3.0, 3.0])
    lags = range(1, max_lag + 1) if max_lag else [0]
    wide, p_values = data.values.astype(float), {}
    for j in range(4):
        earlier = [i for i in range(4) if value[i] < value[j]]
        columns = earlier + [j] * bool(max_lag)
        rows = [
            t for t in range(max_lag, len(wide))
            if data.split[t] != TEST and (not max_lag or data.block[t] == data.block[t - max_lag])
        ]  # fmt: skip
        x = np.array([[1.0, *(wide[t - lag, i] for lag in lags for i in columns)] for t in rows])
        weights, _, _, _ = np.linalg.lstsq(x, wide[rows, j], rcond=None)
        freedom = len(rows) - x.shape[1]
        variance = ((wide[rows, j] - x @ weights) ** 2).sum() / freedom
        t_values = np.abs(weights / np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x))))[1:]
        for k, i in enumerate(earlier):
            largest = max(t_values[n * len(columns) + k] for n in range(len(lags)))
            p_values[i, j] = min(1.0, len(lags) * 2 * stats.t.sf(largest, freedom))
    passed = stats.false_discovery_control(list(p_values.values())) <= 0.01
    expected = {edge for edge, kept in zip(p_values, passed, strict=True) if kept}
    assert oracles.edge_set(sortability.sorted_regression(data, config, value)) == expected
    assert expected


@pytest.mark.parametrize("scale", ["growing", "shrinking", "equal"])
def test_the_units_give_the_directions(scale: str) -> None:
    """Law: growing variances along the chain find it, shrinking or equal ones cannot; R^2 does not see the units."""
    config = small.settings()
    table = small.table(rows=600)
    unit = table.values / table.values.std(axis=0)
    factor = {"growing": 10.0 ** np.arange(4), "shrinking": 10.0 ** -np.arange(4), "equal": np.ones(4)}[scale]
    table = replace(table, values=unit * factor)
    rows = {row["name"]: row for row in baselines.baseline_rows(prepare(table, config), config, 5, table)}
    row = rows["sortnregress_var"]
    if scale == "growing":
        assert row["var_sortability"] == 1
        assert row["recall"] == 1
    if scale == "shrinking":
        assert row["var_sortability"] == 0
        assert row["recall"] == 0
    plain = prepare(replace(table, values=unit), config)
    other = {row["name"]: row for row in baselines.baseline_rows(plain, config, 5)}
    assert "sortnregress_var" not in other, "without the raw data there are no units"
    found, expected = rows["sortnregress_r2"], other["sortnregress_r2"]
    assert {**found, "seconds": 0} == {**expected, "seconds": 0}
    assert "var_sortability" not in found


def test_no_edge_points_down() -> None:
    """Law: sortnregress gives an acyclic graph, whatever the values."""
    config = small.settings()
    for seed in range(5):
        data = small.dataset(config, d=6, seed=seed)
        value = np.random.default_rng(seed).integers(0, 4, 6).astype(float)
        graph = sortability.sorted_regression(data, config, value)
        assert all(value[i] < value[j] for i, j in oracles.edge_set(graph))
        _, p_value = regression.t_statistics(data, config, value[:, None] < value)
        assert (p_value[~(value[:, None] < value)] == 1).all()
