"""What a result has to beat: nothing, luck, correlation, and a linear autoregression.

Each baseline is a few lines of numpy on the same standardised rows; only its score, by `metrics`, reads
the true graph. A row whose cut or edge count was chosen by looking at the truth is marked oracle.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from core import metrics
from core.chance import expected_chance
from core.config import TrainerConfig
from core.data import TEST, Dataset, interpolate, positions

FALSE_DISCOVERY_RATE = 0.01


class Baseline(NamedTuple):
    """A method's graph or scores.

    name, label: for scripts and for people. graph: (d, d) bool at the method's own cut, [i, j] is i -> j.
    oracle: whether the cut was chosen by looking at the truth. note: what it assumes.
    """

    name: str
    label: str
    graph: NDArray[np.bool_]
    oracle: bool
    note: str


def lagged_design(
    dataset: Dataset, config: TrainerConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Stack targets and their predictors over the training and validation rows.

    Returns:
        targets (m, d), predictors (m, L, d) with L = max_lag lags (the same row at max_lag 0), and
        observed (m, d) of the targets; missing predictors are interpolated linearly.
    """
    lags = range(1, config.max_lag + 1) if config.max_lag > 0 else range(1)
    parts = [part for part in np.unique(dataset.split) if part != TEST]
    at = np.concatenate([positions(dataset, part, config.max_lag) for part in parts])
    filled = interpolate(dataset.values, dataset.observed, dataset.block) if config.max_lag > 0 else dataset.values
    wide = filled.astype(np.float64)
    return wide[at], np.stack([wide[at - lag] for lag in lags], axis=1), dataset.observed[at]


def two_sided_p(t: NDArray[np.float64], freedom: int) -> NDArray[np.float64]:
    """Return P(|T| > |t|) for Student's t, through a normal deviate good to about 0.001.

    Source: Wallace 1959, equation for u with the (8n + 1) / (8n + 3) factor.
    """
    deviate = (8 * freedom + 1) / (8 * freedom + 3) * np.sqrt(freedom * np.log1p(t**2 / freedom))
    return np.asarray(np.vectorize(lambda z: math.erfc(z / math.sqrt(2.0)), otypes=[float])(deviate))


def t_statistics(dataset: Dataset, config: TrainerConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Regress every variable on all lags of all variables (at max_lag 0: on the same row of the others).

    Returns:
        score and p-value, both (d, d), [i, j] is i -> j: the largest |t| over the lags, and its two-sided
        p-value times the number of lags. The diagonal is 0 and 1.
    """
    targets, predictors, observed = lagged_design(dataset, config)
    d, lags = targets.shape[1], predictors.shape[1]
    score, p_value = np.zeros((d, d)), np.ones((d, d))
    usable = np.array([name not in dataset.unusable for name in dataset.names])
    for j in np.flatnonzero(usable):
        inputs = usable.copy()
        inputs[j] = usable[j] and config.max_lag > 0
        seen = observed[:, j]
        design = predictors[seen][:, :, inputs].reshape(int(seen.sum()), -1)
        design = np.column_stack([np.ones(len(design)), design])
        freedom = len(design) - design.shape[1]
        if freedom < 1:
            continue
        inverse = np.linalg.pinv(design.T @ design)
        weights = inverse @ design.T @ targets[seen, j]
        variance = float(((targets[seen, j] - design @ weights) ** 2).sum()) / freedom
        t = weights / np.sqrt(np.maximum(variance * np.diag(inverse), 1e-300))
        t = np.abs(t[1:]).reshape(lags, -1).max(axis=0)
        score[inputs, j] = t
        p_value[inputs, j] = np.minimum(1.0, lags * two_sided_p(t, freedom))
    np.fill_diagonal(score, 0.0)
    np.fill_diagonal(p_value, 1.0)
    return score, p_value


def false_discovery(p_value: NDArray[np.float64], rate: float) -> NDArray[np.bool_]:
    """Keep the off-diagonal tests that pass at a false-discovery rate (Benjamini, Hochberg 1995)."""
    off = ~np.eye(len(p_value), dtype=bool)
    ordered = np.sort(p_value[off])
    passed = np.flatnonzero(ordered <= rate * np.arange(1, len(ordered) + 1) / len(ordered))
    limit = ordered[passed[-1]] if len(passed) else -1.0
    return np.asarray(off & (p_value <= limit))


def correlation(dataset: Dataset, config: TrainerConfig) -> NDArray[np.float64]:
    """Return |corr(x_i(t - 1), x_j(t))|, (d, d), [i, j] is i -> j; without time |corr(x_i, x_j)| for i < j."""
    targets, predictors, _ = lagged_design(dataset, config)
    d = targets.shape[1]

    def unit(x: NDArray[np.float64]) -> NDArray[np.float64]:
        centred = x - x.mean(0)
        return np.asarray(centred / np.maximum(np.sqrt((centred**2).sum(0)), 1e-12))

    score = np.abs(unit(predictors[:, 0]).T @ unit(targets))
    np.fill_diagonal(score, 0.0)
    return score if config.max_lag > 0 else np.triu(score, 1) if d > 1 else score


def top_edges(score: NDArray[np.float64], count: int) -> NDArray[np.bool_]:
    """Return the `count` largest positive scores as a graph; ties go to the first in row order."""
    graph = np.zeros(score.shape, dtype=bool)
    order = np.argsort(-score, axis=None, kind="stable")[:count]
    graph.flat[order] = score.flat[order] > 0
    return graph


def best_cut(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the graph at the cut of a score that suits the truth best (oracle)."""
    adjacency = torch.from_numpy(score / max(score.max(), 1e-300))[None]
    cut, _ = metrics.tune_threshold(adjacency, torch.from_numpy(truth), "all")
    graph: NDArray[np.bool_] = metrics.edges_above(adjacency, cut)[0].numpy()
    return graph


def baselines(dataset: Dataset, config: TrainerConfig) -> list[Baseline]:
    """Return the graphs of the simple methods: empty, correlation and regression t-test, also at oracle cuts."""
    d = len(dataset.names)
    t, p_value = t_statistics(dataset, config)
    linear = correlation(dataset, config)
    lagged = config.max_lag > 0
    method = f"VAR({config.max_lag}) t-test" if lagged else "regression t-test"
    edges = d if dataset.truth is None else int(dataset.truth.sum())
    how = "lag 1" if lagged else "same row, earlier column to later"
    rows = [
        Baseline("empty", "empty graph", np.zeros((d, d), dtype=bool), False, "predicts no edge"),
        Baseline(
            "correlation", "|correlation|", top_edges(linear, edges), dataset.truth is not None,
            f"{how}; the {edges} strongest" + ("" if dataset.truth is None else ", as many as true edges"),
        ),
        Baseline(
            "var_t_test", method, false_discovery(p_value, FALSE_DISCOVERY_RATE), False,
            f"least squares after linear interpolation, false-discovery rate {FALSE_DISCOVERY_RATE:.0%}",
        ),
    ]  # fmt: skip
    if dataset.truth is not None:
        rows.append(Baseline("correlation_best", "|correlation|, best cut", best_cut(linear, dataset.truth), True, how))
        rows.append(
            Baseline("var_t_test_best", f"{method}, best cut", best_cut(t, dataset.truth), True, "ranked by |t|")
        )
    return rows


def baseline_rows(dataset: Dataset, config: TrainerConfig, trials: int) -> list[dict[str, Any]]:
    """Return the rows of `baselines.csv`, the same for every run of a data set and trial count."""
    rows: list[dict[str, Any]] = []
    for item in baselines(dataset, config):
        row: dict[str, Any] = {
            "name": item.name,
            "label": item.label,
            "oracle": item.oracle,
            "edge_count": int(item.graph.sum()),
        }
        if dataset.truth is not None:
            counts = metrics.compare(torch.from_numpy(item.graph), torch.from_numpy(dataset.truth))
            for name in ("shd", "shd_directed", "f1", "precision", "recall", "skeleton_f1"):
                row[name] = getattr(counts, name).item()
        rows.append({**row, "note": item.note})
    if dataset.truth is not None:
        rows[1:1] = expected_chance(dataset.truth, trials)
    return rows
