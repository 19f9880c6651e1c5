"""Edges chosen by held-out error and by stability selection, against plain loops over rows and halves."""

import math

import numpy as np
import pytest
from scipy import stats

from core import baselines, regression, stability_selection
from core.config import DataConfig, TrainerConfig
from core.data import TEST, Dataset, prepare
from core.simulate import simulate
from core.stability_selection import PAIRS, STRETCHES
from tests import oracles
from tests.core import small


def loop_rows(data: Dataset, max_lag: int) -> tuple[list[list[list[float]]], list[list[float]], list[list[bool]]]:
    """Return histories (m, lags, d), targets and flags (m, d), row by row, test rows left out."""
    filled = oracles.interpolated(data.values, data.observed, data.block) if max_lag else data.values.astype(float)
    lags = range(1, max_lag + 1) if max_lag else [0]
    histories, targets, flags = [], [], []
    for t in range(max_lag, len(filled)):
        if data.split[t] != TEST and (max_lag == 0 or data.block[t] == data.block[t - max_lag]):
            histories.append([filled[t - lag].tolist() for lag in lags])
            targets.append(filled[t].tolist())
            flags.append(data.observed[t].tolist())
    return histories, targets, flags


def loop_design(data: Dataset, max_lag: int, j: int, parents: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a constant and the lags of the parents, the target, and where in the rows each stands, in (0, 1)."""
    histories, targets, flags = loop_rows(data, max_lag)
    design, target, place = [], [], []
    for row, (history, now, seen) in enumerate(zip(histories, targets, flags, strict=True)):
        if seen[j]:
            design.append([1.0] + [past[i] for past in history for i in parents])
            target.append(now[j])
            place.append(row / len(targets))
    return np.array(design), np.array(target), np.array(place)


def loop_held_out_error(data: Dataset, max_lag: int, j: int, parents: list[int]) -> float:
    """Predict each fifth of the rows by numpy's least squares on the other four."""
    design, target, place = loop_design(data, max_lag, j, parents)
    total = 0.0
    for fold in range(5):
        out = np.array([math.floor(5 * at + 1e-9) == fold for at in place])
        weights, _, _, _ = np.linalg.lstsq(design[~out], target[~out], rcond=None)
        total += float(((target[out] - design[out] @ weights) ** 2).sum())
    return total


@pytest.mark.parametrize("max_lag", [0, 1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_held_out_edges_equal_loops(max_lag: int, missing: float) -> None:
    """Law: an edge is kept if the five-fold error without it is over 1 % higher, tried from the weakest on."""
    config = small.settings(max_lag=max_lag)
    data = small.dataset(config, missing=missing, segments=2, rows=200)
    score, _ = regression.t_statistics(data, config)
    expected = np.zeros((4, 4), dtype=bool)
    for j in range(4):
        parents = [i for i in range(4) if max_lag or i != j]
        for i in sorted((i for i in range(4) if i != j), key=lambda i: score[i, j]):
            fewer = [k for k in parents if k != i]
            if loop_held_out_error(data, max_lag, j, fewer) <= 1.01 * loop_held_out_error(data, max_lag, j, parents):
                parents = fewer
        expected[[i for i in parents if i != j], j] = True
    assert np.array_equal(regression.held_out_edges(data, config, score), expected)
    assert expected.any()


@pytest.mark.parametrize("max_lag", [0, 1, 2])
@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_half_scores_equal_loops(max_lag: int, missing: float) -> None:
    """Law: |t| on a half-sample is that of ordinary least squares on its rows alone."""
    config = small.settings(max_lag=max_lag)
    data = small.dataset(config, missing=missing, segments=2, rows=300)
    score = stability_selection.half_scores(data, config)
    taken = stability_selection.halves()
    assert score.shape == (2 * PAIRS, 4, 4)
    for half in (0, 1, 2 * PAIRS - 1):
        for j in range(4):
            parents = [i for i in range(4) if max_lag or i != j]
            design, target, place = loop_design(data, max_lag, j, parents)
            rows = np.array([taken[half, math.floor(STRETCHES * at + 1e-9)] for at in place])
            x, y = design[rows], target[rows]
            weights, _, _, _ = np.linalg.lstsq(x, y, rcond=None)
            variance = ((y - x @ weights) ** 2).sum() / (len(y) - x.shape[1])
            t = np.abs(weights / np.sqrt(variance * np.diag(np.linalg.inv(x.T @ x))))[1:]
            for k, i in enumerate(parents):
                largest = max(t[lag * len(parents) + k] for lag in range(max(1, max_lag)))
                assert score[half, i, j] == pytest.approx(0.0 if i == j else largest, rel=1e-4, abs=1e-6)


def test_halves_are_complementary() -> None:
    """Law: every half-sample has half of the stretches, and the next one the other half; all differ."""
    taken = stability_selection.halves()
    assert (taken.sum(axis=1) == STRETCHES // 2).all()
    assert (taken[::2] ^ taken[1::2]).all()
    assert len({tuple(half) for half in taken.tolist()}) == 2 * PAIRS


@pytest.mark.parametrize("seed", range(5))
def test_stable_edges_equal_counting(seed: int) -> None:
    """Law: kept are the edges among the q strongest of 45 of 50 halves, q the largest with a bound of a tenth."""
    config = small.settings()
    data = small.dataset(config, seed=seed, rows=150, d=6)
    score = stability_selection.half_scores(data, config)
    pairs, kept = 30, set()
    for q in range(1, 18):  # 30 / sqrt(3) = 17.3
        counts: dict[tuple[int, int], int] = {}
        for half in score:
            edges = sorted((-half[i, j], i, j) for i in range(6) for j in range(6) if i != j)
            for _, i, j in edges[:q]:
                counts[i, j] = counts.get((i, j), 0) + 1
        chosen = {edge for edge, count in counts.items() if count >= 45}
        bound = 4 * (1 - 0.9 + 1 / 50) / (1 + 1 / 25) * q**2 / pairs  # Shah and Samworth's constant, B = 25
        if bound <= 0.1 * len(chosen):
            kept = chosen
    assert oracles.edge_set(stability_selection.stable_edges(data, config)) == kept


def test_noise_is_not_stable() -> None:
    """Law: among variables that have nothing to do with each other, next to no edge is stable."""
    config = small.settings()
    found = 0
    for seed in range(20):
        table = small.table(d=8, rows=200, seed=seed)
        noise = np.random.default_rng(seed).standard_normal(table.values.shape)
        data = prepare(type(table)(**{**vars(table), "values": noise}), config)
        found += int(stability_selection.stable_edges(data, config).sum())
    assert found <= 20, "at most one in 20 data sets of 56 possible edges each"


def test_too_few_rows_have_no_stable_edge() -> None:
    """Law: where a half-sample has no more rows than predictors, nothing is selected and nothing warns."""
    config = small.settings(max_lag=12)
    data = small.dataset(config, d=6, rows=120)
    assert not stability_selection.stable_edges(data, config).any()


def test_stability_selection_withstands_corruption() -> None:
    """Law: on corrupted data it is closer to the truth than the t-test at its own cut, and on clean data right."""
    config = TrainerConfig(max_lag=1)
    scores: dict[tuple[str, str], list[float]] = {}
    for corruption in ("clean", "corrupted"):
        for seed in range(1, 6):
            data = prepare(simulate(DataConfig(seed=seed, corruption=corruption, missing=0.0)), config)
            for item in baselines.blind_baselines(data, config):
                scores.setdefault((corruption, item.name), []).append(oracles.f1(item.graph, data.truth))
    mean = {key: np.mean(values) for key, values in scores.items()}
    assert mean["clean", "var_stability"] > 0.98
    assert mean["clean", "var_held_out"] > 0.95
    assert mean["corrupted", "var_stability"] > mean["corrupted", "var_t_test"] + 0.1


def test_false_discovery_among_some_tests() -> None:
    """Law: tests that were not made neither pass nor count."""
    p_value = np.full((3, 3), 0.004)
    p_value[0, 1] = 1.0
    few = np.zeros((3, 3), dtype=bool)
    few[0, 1] = few[0, 2] = True
    expected = few & (p_value < 1) & (stats.false_discovery_control(p_value[few])[1] <= 0.01)
    assert np.array_equal(regression.false_discovery(p_value, 0.01, few), expected)
    assert not regression.false_discovery(p_value, 0.01, np.zeros((3, 3), dtype=bool)).any()
