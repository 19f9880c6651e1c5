"""What results are compared with, against numpy and scipy: regressions, p-values, luck."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core import baselines, chance, metrics, regression
from core.config import DataConfig, TrainerConfig
from core.data import TEST, Dataset, prepare
from core.simulate import simulate
from tests import oracles
from tests.core import small

LAGGED, TIMELESS = small.settings(), small.settings(max_lag=0)


def loop_t_test(data: Dataset, max_lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Regress each variable by numpy's least squares, with scipy's Student law."""
    d, lags = len(data.names), range(1, max_lag + 1) if max_lag else [0]
    filled = oracles.interpolated(data.values, data.observed, data.block) if max_lag else data.values.astype(float)
    score, p_value = np.zeros((d, d)), np.ones((d, d))
    for j in range(d):
        columns = [i for i in range(d) if max_lag or i != j]
        design, target = [], []
        for t in range(max_lag, len(filled)):
            whole = max_lag == 0 or data.block[t] == data.block[t - max_lag]
            if whole and data.split[t] != TEST and data.observed[t, j]:
                design.append([1.0] + [filled[t - lag, i] for lag in lags for i in columns])
                target.append(float(data.values[t, j]))
        x, y = np.array(design), np.array(target)
        freedom = len(y) - x.shape[1]
        weights, _, _, _ = np.linalg.lstsq(x, y, rcond=None)
        variance = ((y - x @ weights) ** 2).sum() / freedom
        t_values = np.abs(weights / np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x))))[1:]
        for k, i in enumerate(columns):
            if i != j:
                score[i, j] = max(t_values[lag * len(columns) + k] for lag in range(len(lags)))
                p_value[i, j] = min(1.0, len(lags) * 2 * stats.t.sf(score[i, j], freedom))
    return score, p_value


@pytest.mark.parametrize("max_lag", [0, 1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_the_t_test_equals_scipy(max_lag: int, missing: float) -> None:
    """Law: |t| and p are those of ordinary least squares on the lagged rows of one block, test rows left out."""
    config = small.settings(max_lag=max_lag)
    data = small.dataset(config, missing=missing, segments=2)
    score, p_value = regression.t_statistics(data, config)
    expected, expected_p = loop_t_test(data, max_lag)
    np.testing.assert_allclose(score, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(p_value, expected_p, atol=0.001 * max(1, max_lag))


@pytest.mark.parametrize("freedom", [5, 10, 30, 100, 2000])
def test_the_normal_deviate_is_good_to_a_thousandth(freedom: int) -> None:
    """Law: Wallace's deviate gives Student's two-sided p within 0.001, decreasing, 1 at t = 0."""
    t = np.linspace(0, 40, 3001)
    found = regression.two_sided_p(t, freedom)
    assert np.abs(found - 2 * stats.t.sf(t, freedom)).max() < 0.001
    assert found[0] == 1
    assert (np.diff(found) <= 0).all()
    far = regression.two_sided_p(np.array([1e6, 1e150]), freedom)
    assert ((far >= 0) & (far < 1e-6)).all()


@settings(max_examples=100)
@given(d=st.integers(2, 8), seed=st.integers(0, 2**32), rate=st.sampled_from([0.01, 0.05, 0.3]))
def test_false_discovery_equals_scipy(d: int, seed: int, rate: float) -> None:
    """Law: the tests kept are those whose Benjamini-Hochberg adjusted p-value is at most the rate."""
    rng = np.random.default_rng(seed)
    p_value = rng.random((d, d)) ** rng.integers(1, 6)
    off = ~np.eye(d, dtype=bool)
    kept = regression.false_discovery(p_value, rate)
    assert not kept.diagonal().any()
    assert np.array_equal(kept[off], stats.false_discovery_control(p_value[off]) <= rate)


def test_no_discovery_is_the_empty_graph() -> None:
    """Law: p-values of 1 keep nothing, p-values of 0 keep everything but self-loops."""
    assert not regression.false_discovery(np.ones((4, 4)), 0.01).any()
    assert regression.false_discovery(np.zeros((4, 4)), 0.01).sum() == 12


@settings(max_examples=200)
@given(d=st.integers(2, 14), shares=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)))
def test_the_chance_of_hits_equals_scipy(d: int, shares: tuple[float, float, float]) -> None:
    """Law: chance_p is the upper tail of the hypergeometric law, from no edge to all."""
    pairs = d * (d - 1)
    edges, true_edges = round(shares[0] * pairs), round(shares[1] * pairs)
    hits = round(shares[2] * min(edges, true_edges))
    found = chance.hypergeometric_p(hits, edges, true_edges, d)
    assert found == pytest.approx(stats.hypergeom.sf(hits - 1, pairs, true_edges, edges), rel=1e-9, abs=1e-12)
    assert 0 <= found <= 1 + 1e-12
    if hits == 0:
        assert found == 1


def test_three_hits_of_sixteen_are_no_wonder() -> None:
    """Law: the original's 3 hits among 16 edges for 13 true ones happen by chance 13 times in 100."""
    assert chance.hypergeometric_p(3, 16, 13, 13) == pytest.approx(0.13, abs=0.01)


@pytest.mark.parametrize(("d", "edges", "true_edges"), [(4, 3, 5), (13, 16, 13), (6, 30, 7), (5, 1, 1), (5, 4, 0)])
def test_the_f1_of_chance_equals_drawing(d: int, edges: int, true_edges: int) -> None:
    """Law: expected F1 of a random graph with as many edges is what drawing many of them gives."""
    rng = np.random.default_rng(0)
    pairs, draws = d * (d - 1), 4000
    scores = []
    for _ in range(draws):
        hits = int((rng.permutation(pairs)[:edges] < true_edges).sum())
        scores.append(2 * hits / (edges + true_edges))
    spread = np.std(scores) / math.sqrt(draws)
    assert chance.chance_f1(edges, true_edges, d) == pytest.approx(np.mean(scores), abs=4 * spread + 1e-12)


def test_the_f1_of_chance_at_the_ends() -> None:
    """Law: nothing of nothing is 1, nothing of something 0, everything of everything 1."""
    assert chance.chance_f1(0, 0, 5) == 1
    assert chance.chance_f1(0, 3, 5) == 0
    assert chance.chance_f1(20, 20, 5) == 1


def test_the_floor_of_a_sweep_is_what_fifty_random_adjacencies_reach() -> None:
    """Law: best of 50 random adjacencies with a tuned cut, 13 variables, 13 edges: 0.34, 95th percentile 0.42."""
    truth = oracles.random_dag(13, 1.0, np.random.default_rng(0))
    keep = np.random.default_rng(1).permutation(np.flatnonzero(truth))[:13]
    truth = np.isin(np.arange(169), keep).reshape(13, 13)
    luck, floor = chance.expected_chance(truth, 50)
    assert luck["f1"] == chance.chance_f1(int(truth.sum()), int(truth.sum()), len(truth)), "one number, drawn nowhere"
    assert floor["f1"] == pytest.approx(0.34, abs=0.03)
    assert floor["f1_high"] == pytest.approx(0.42, abs=0.03)
    assert luck["f1"] == pytest.approx(chance.chance_f1(13, 13, 13), abs=0.01)
    assert luck["f1_high"] == pytest.approx(stats.hypergeom.ppf(0.95, 156, 13, 13) / 13, abs=1e-9)
    assert luck["shd_directed"] == pytest.approx(26 * (1 - 13 / 156), rel=0.01)


def test_the_floor_rises_with_the_trials() -> None:
    """Law: the more trials, the more luck: the floor of one trial is a tuned random graph, more is never less."""
    truth = np.triu(np.ones((5, 5), dtype=bool), 1)
    floors = [chance.expected_chance(truth, trials)[1] for trials in (1, 5, 50, 500)]
    for name in ("f1", "f1_high"):
        values = [row[name] for row in floors]
        assert values == sorted(values)
        assert values[0] < values[-1]
    shd = [row["shd"] for row in floors]
    assert shd == sorted(shd, reverse=True)


@pytest.mark.parametrize("max_lag", [0, 1])
@pytest.mark.parametrize("kind", ["none", "empty", "one", "full"])
def test_any_true_graph_has_its_references(kind: str, max_lag: int) -> None:
    """Law: without a graph, with none, one or all edges, every baseline has a row, and every number is finite."""
    config = small.settings(max_lag=max_lag)
    truth = {"none": None, "empty": np.zeros((4, 4), dtype=bool), "one": np.eye(4, k=3, dtype=bool)}
    known = np.ones((4, 4), dtype=bool) & ~np.eye(4, dtype=bool) if kind == "full" else truth[kind]
    data = replace(small.dataset(config), truth=known)
    rows = baselines.baseline_rows(data, config, 10, small.table())
    names = [row["name"] for row in rows]
    regressions = ["var_t_test", "var_stability", "var_held_out", "sortnregress_var", "sortnregress_r2"]
    assert all(row["seconds"] >= 0 for row in rows)
    if known is None:
        assert names == ["empty", "correlation", *regressions]
        assert all(set(row) == {"name", "label", "oracle", "edge_count", "note", "seconds"} for row in rows)
        assert not any(row["oracle"] for row in rows)
        return
    assert names == [
        "empty", "chance", "chance_floor", "correlation", *regressions, "correlation_best", "var_t_test_best",
    ]  # fmt: skip
    for row in rows:
        for name in ("shd", "f1", *(["f1_high"] if row["name"].startswith("chance") else [])):
            assert math.isfinite(row[name]), (row["name"], name)
        for name in ("f1", "precision", "recall", "skeleton_f1", "f1_high"):
            assert 0 <= row.get(name, 0) <= 1
    oracle = {row["name"] for row in rows if row["oracle"]}
    assert oracle == {"chance", "chance_floor", "correlation", "correlation_best", "var_t_test_best"}
    assert rows[0]["shd"] == metrics.shd(torch.zeros(4, 4, dtype=torch.bool), torch.from_numpy(known))


def test_rows_are_scored_by_the_one_definition() -> None:
    """Law: the numbers beside a baseline are those of its graph, and its best cut is at least as good as its own."""
    data = small.dataset(LAGGED, rows=300)
    rows = {row["name"]: row for row in baselines.baseline_rows(data, LAGGED, 10)}
    for item in baselines.baselines(data, LAGGED):
        assert rows[item.name]["f1"] == oracles.f1(item.graph, data.truth)
        assert rows[item.name]["shd"] == oracles.shd(item.graph, data.truth)
        assert rows[item.name]["edge_count"] == item.graph.sum()
    assert rows["var_t_test_best"]["f1"] >= rows["var_t_test"]["f1"]
    assert rows["correlation_best"]["f1"] >= rows["correlation"]["f1"]


def test_linear_chains_are_found_by_regression() -> None:
    """Law: on a clean linear simulation the VAR t-test finds nearly all, so that it is a baseline worth beating."""
    config = TrainerConfig()
    data = prepare(simulate(DataConfig(mechanism="linear", rows=1000, variables=6, edges=6)), config)
    rows = {row["name"]: row for row in baselines.baseline_rows(data, config, 10)}
    assert rows["var_t_test"]["f1"] > 0.8
    assert rows["var_t_test_best"]["f1"] == 1.0


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_correlations_equal_numpy(missing: float) -> None:
    """Law: the score is |corr(x_i(t - 1), x_j(t))|, or |corr(x_i, x_j)| from earlier to later columns without time."""
    for config in (LAGGED, TIMELESS):
        data = small.dataset(config, missing=missing)
        targets, predictors, _ = regression.lagged_design(data, config)
        score = baselines.correlation(data, config)
        assert not score.diagonal().any()
        for i in range(4):
            for j in range(4):
                if i == j or (config is TIMELESS and i > j):
                    assert score[i, j] == 0
                else:
                    expected = abs(np.corrcoef(predictors[:, 0, i], targets[:, j])[0, 1])
                    assert score[i, j] == pytest.approx(expected, abs=1e-9)


def test_top_edges_are_the_strongest() -> None:
    """Law: exactly the strongest are taken, ties in row order, and a score of zero is never an edge."""
    score = np.array([[0.0, 0.5, 0.2], [0.5, 0.0, 0.0], [0.9, 0.1, 0.0]])
    assert np.argwhere(baselines.top_edges(score, 2)).tolist() == [[0, 1], [2, 0]]
    assert baselines.top_edges(score, 99).sum() == 5
    assert baselines.top_edges(score, 0).sum() == 0


def test_test_rows_are_never_read() -> None:
    """Law: baselines are made of training and validation rows; other test rows change no bit of them."""
    data = small.dataset(LAGGED)
    values = data.values.copy()
    values[data.split == TEST] += 3
    other = small.with_values(data, values)
    table = small.table()
    changed = replace(table, values=np.where(data.split[:, None] == TEST, table.values * 9, table.values))
    pairs = zip(baselines.baselines(data, LAGGED, table), baselines.baselines(other, LAGGED, changed), strict=True)
    for ours, theirs in pairs:
        assert np.array_equal(ours.graph, theirs.graph)
        assert ours.facts == theirs.facts
    assert np.array_equal(regression.t_statistics(data, LAGGED)[0], regression.t_statistics(other, LAGGED)[0])


@pytest.mark.parametrize("max_lag", [0, 1, 2])
def test_relabelling_and_repeating(max_lag: int) -> None:
    """Law: other orders of the variables give the same edges under their new names, and a repetition the same rows."""
    config = small.settings(max_lag=max_lag)
    table = small.table(d=6, rows=300, missing=0.1)
    order = np.array([3, 0, 5, 1, 4, 2])
    other = replace(
        table, values=table.values[:, order], names=tuple(table.names[k] for k in order),
        truth=table.truth[np.ix_(order, order)],
    )  # fmt: skip
    pairs = [(prepare(item, config), item) for item in (table, other)]
    ours, theirs = (baselines.baselines(data, config, item) for data, item in pairs)
    for mine, its in zip(ours, theirs, strict=True):
        if max_lag or "correlation" not in mine.name:  # without time correlations go from earlier to later columns
            assert np.array_equal(mine.graph[np.ix_(order, order)], its.graph), mine.name
        assert mine.facts == pytest.approx(its.facts)
    rows = [baselines.baseline_rows(pairs[0][0], config, 10, table) for _ in range(2)]
    assert [{**row, "seconds": 0} for row in rows[0]] == [{**row, "seconds": 0} for row in rows[1]]


def test_a_variable_never_seen_after_its_lags() -> None:
    """Law: a variable without a single row whose history is whole has no edges, and does no harm."""
    config = small.settings(max_lag=3, batch_size=2)
    table = small.table(rows=60, segments=3)
    values = table.values.copy()
    values[3:, 0] = np.nan
    table = replace(table, values=values)
    data = prepare(table, config)
    assert data.unusable == {}
    for item in baselines.blind_baselines(data, config):
        assert not item.graph[:, 0].any() or item.name == "correlation"


@pytest.mark.parametrize("config", [LAGGED, TIMELESS])
def test_columns_that_repeat_each_other_do_no_harm(config: TrainerConfig) -> None:
    """Law: a variable that is a copy, or unusable, gives finite scores and no warning."""
    table = small.table()
    values = table.values.copy()
    values[:, 2] = 2 * values[:, 1] + 1
    values[:, 3] = np.nan
    data = prepare(replace(table, values=values), config)
    score, p_value = regression.t_statistics(data, config)
    assert np.isfinite(score).all()
    assert ((p_value >= 0) & (p_value <= 1)).all()
    assert not score[:, 3].any()
    assert not score[3].any()
    rows = baselines.baseline_rows(data, config, 5, replace(table, values=values))
    assert len(rows) == 11
    for item in baselines.baselines(data, config, replace(table, values=values)):
        assert not item.graph[3].any(), item.name
        assert not item.graph[:, 3].any(), item.name
