"""The order of the autoregressions beside a sweep, chosen without the truth, against plain least squares."""

import math
import time
from dataclasses import replace

import numpy as np
import pytest

from core import baselines, regression
from core.config import DataConfig, TrainerConfig
from core.data import TEST, Dataset, prepare
from core.simulate import simulate
from core.tables import Table
from tests import oracles
from tests.core import small


def autoregression(weights: dict[int, np.ndarray], rows: int = 600, seed: int = 0, missing: float = 0.0) -> Table:
    """Return x(t) = sum over lags of x(t - lag) weights[lag] + noise; weights[lag][i, j] is i -> j."""
    rng = np.random.default_rng(seed)
    d, longest = len(next(iter(weights.values()))), max(weights)
    values = rng.standard_normal((rows, d))
    for t in range(longest, rows):
        values[t] += sum(values[t - lag] @ weight for lag, weight in weights.items())
    values[rng.random(values.shape) < missing] = np.nan
    truth = np.logical_or.reduce([weight != 0 for weight in weights.values()]) & ~np.eye(d, dtype=bool)
    return replace(small.table(d=d, rows=rows), values=values, truth=truth, segment=np.zeros(rows, dtype=np.int64))


def loop_order(data: Dataset, max_lag: int) -> int:
    """Choose the order by numpy's least squares, row by row, variable by variable, order by order."""
    filled = oracles.interpolated(data.values, data.observed, data.block)
    variables = [j for j, name in enumerate(data.names) if name not in data.unusable]
    totals = []
    for order in range(1, max_lag + 1):
        total = 0.0
        for j in variables:
            rows = [
                t for t in range(max_lag, len(filled))
                if data.split[t] != TEST and data.block[t] == data.block[t - max_lag] and data.observed[t, j]
            ]  # fmt: skip
            x = np.array([[1.0] + [filled[t - 1 - k, i] for k in range(order) for i in variables] for t in rows])
            y = filled[rows, j]
            weights, _, _, _ = np.linalg.lstsq(x, y, rcond=None)
            error = float(((y - x @ weights) ** 2).sum())
            total += len(rows) * math.log(error / len(rows)) + x.shape[1] * math.log(len(rows))
        totals.append(total)
    return 1 + int(np.argmin(totals))


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_order_equals_loops(missing: float) -> None:
    """Law: the order has the least BIC, all orders fitted on the rows with max_lag rows of history."""
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        lag = 1 + seed % 4
        weights = {1: 0.4 * np.eye(4), lag: 0.4 * np.eye(4) + rng.choice([0.0, 0.15, 0.25]) * np.eye(4, k=1)}
        table = autoregression(weights, rows=150 + 20 * seed, seed=seed, missing=missing)
        table = replace(table, segment=np.sort(np.arange(len(table.values)) % 2))
        if seed % 3 == 0:
            table.values[:, 2] = 7.0  # unusable
        config = small.settings(max_lag=4)
        data = prepare(table, config)
        order = regression.var_order(data, config)
        assert order == loop_order(data, 4), seed
        found.append(order)
    assert len(set(found)) >= 3, "orders that never differ test nothing"


@pytest.mark.parametrize("lag", [1, 2, 3])
def test_the_longest_true_lag_is_the_order(lag: int) -> None:
    """Law: with max_lag 3, data of order 1 choose 1, and an effect after two or three rows chooses its lag."""
    own = {1: 0.3 * np.eye(5)}
    weights = {1: 0.3 * np.eye(5) + 0.6 * np.eye(5, k=1)} if lag == 1 else {**own, lag: 0.6 * np.eye(5, k=1)}
    config = small.settings(max_lag=3)
    for seed in range(5):
        table = autoregression(weights, seed=seed)
        data = prepare(table, config)
        assert regression.var_order(data, config) == lag
        rows = {row["name"]: row for row in baselines.baseline_rows(data, config, 5, table)}
        assert rows["var_t_test"]["label"] == f"VAR({lag}) t-test"
        assert rows["var_stability"]["label"] == f"VAR({lag}), stability selection"
        assert rows["var_t_test_best"]["label"] == f"VAR({lag}) t-test, best cut"
        assert rows["var_t_test"]["recall"] == rows["var_held_out"]["recall"] == 1


def test_the_truth_is_not_read() -> None:
    """Law: the order is the same whatever the true graph, and so whether there is one."""
    config = small.settings(max_lag=3)
    data = prepare(autoregression({3: 0.6 * np.eye(5, k=1)}), config)
    assert {regression.var_order(replace(data, truth=truth), config) for truth in (None, ~data.truth)} == {3}


@pytest.mark.parametrize("max_lag", [0, 1])
def test_there_is_nothing_to_choose(max_lag: int) -> None:
    """Law: without time the regression stays on the same row, and one lag is one lag."""
    config = small.settings(max_lag=max_lag)
    assert regression.var_order(small.dataset(config), config) == max_lag


def test_more_lags_than_needed_change_no_edge() -> None:
    """Law: with max_lag 3 and order 1 chosen, all graphs and facts are those of max_lag 1: the rows are the same."""
    for seed in range(3):
        table = autoregression({1: 0.3 * np.eye(5) + 0.4 * np.eye(5, k=1)}, seed=seed, missing=0.1)
        short, long = small.settings(max_lag=1), small.settings(max_lag=3)
        data = prepare(table, long)
        assert regression.var_order(data, long) == 1
        pairs = zip(
            baselines.baselines(prepare(table, short), short, table),
            baselines.baselines(data, long, table),
            strict=True,
        )
        for ours, theirs in pairs:
            assert (ours.name, ours.label, ours.note, ours.facts) == (
                theirs.name, theirs.label, theirs.note, theirs.facts,
            )  # fmt: skip
            assert np.array_equal(ours.graph, theirs.graph), ours.name


@pytest.mark.parametrize("rows", [95, 100, 105, 110, 150])
def test_few_rows_choose_few_lags(rows: int) -> None:
    """Law: an order with less than two rows a coefficient is not tried: nearly saturated, it would always win."""
    config = small.settings(max_lag=12, batch_size=2)
    for seed in range(3):
        assert regression.var_order(small.dataset(config, d=6, rows=rows, seed=seed), config) == 1


def test_a_variable_with_few_values_does_not_decide() -> None:
    """Law: a variable that is hardly ever observed has no say in the order, which is that of the others."""
    config = small.settings(max_lag=3)
    table = autoregression({3: 0.6 * np.eye(5, k=1)})
    table.values[9:, 4] = np.where(np.arange(len(table.values) - 9) % 100 == 0, table.values[9:, 4], np.nan)
    assert regression.var_order(prepare(table, config), config) == 3


def test_copies_and_perfect_prediction_do_no_harm() -> None:
    """Law: columns that repeat each other or follow from the past without error give an order and no warning."""
    config = small.settings(max_lag=4)
    table = small.table(rows=300)
    table.values[:, 2] = 2 * table.values[:, 1] + 1
    table.values[:, 3] = np.sin(0.3 * np.arange(300))  # follows from two rows, down to rounding
    assert regression.var_order(prepare(table, config), config) == 2
    table.values[:, 3] = np.arange(300) < 1  # constant wherever there is a history
    assert regression.var_order(prepare(table, config), config) == 1


def test_the_choice_is_quick() -> None:
    """Law: choosing among three orders on 13 variables and 2,000 rows takes under a tenth of a second."""
    config = TrainerConfig(max_lag=3)
    data = prepare(simulate(DataConfig()), config)
    spent = []
    for _ in range(3):
        begin = time.perf_counter()
        regression.var_order(data, config)
        spent.append(time.perf_counter() - begin)
    assert min(spent) < 0.1


@pytest.mark.parametrize("corruption", ["clean", "corrupted"])
def test_the_simulation_is_of_order_one(corruption: str) -> None:
    """Law: the default data, clean or corrupted, choose the one lag that they were made with."""
    config = TrainerConfig(max_lag=3)
    for seed in range(1, 6):
        data = prepare(simulate(DataConfig(seed=seed, corruption=corruption)), config)
        assert regression.var_order(data, config) == 1
