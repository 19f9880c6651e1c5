"""What a result has to beat: nothing, luck, correlation, linear autoregressions, and sorting by variance.

Each baseline is a few lines of numpy on the same standardised rows; only its score, by `metrics`, reads
the true graph. A row whose cut or edge count was chosen by looking at the truth is marked oracle.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from core import metrics
from core.chance import expected_chance
from core.config import TrainerConfig
from core.data import Dataset
from core.regression import (
    FALSE_DISCOVERY_RATE,
    HELD_OUT_SHARE,
    false_discovery,
    held_out_edges,
    lagged_design,
    t_statistics,
    var_order,
)
from core.sortability import deviations, r_squared, sortability, sorted_regression
from core.stability_selection import PAIRS, SELECTED_SHARE, stable_edges
from core.tables import Table

SCORES = ("shd", "shd_directed", "f1", "precision", "recall", "skeleton_f1")


class Baseline(NamedTuple):
    """A method's graph.

    name, label: for scripts and for people. graph: (d, d) bool at the method's own cut, [i, j] is i -> j.
    oracle: whether the cut was chosen by looking at the truth. note: what it assumes. seconds: what it took.
    facts: further columns of `baselines.csv`.
    """

    name: str
    label: str
    graph: NDArray[np.bool_]
    oracle: bool
    note: str
    seconds: float
    facts: dict[str, float]


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


def baselines(dataset: Dataset, config: TrainerConfig, table: Table | None = None) -> list[Baseline]:
    """Return the graphs of the simple methods, those at an oracle cut last.

    max_lag is the learner's; needless lags would weaken the regressions, so they take the order that BIC chooses
    from it, and all graphs are those of max_lag at that order.

    Args:
        dataset: standardised data.
        config: max_lag, the largest order; 0 means rows without time.
        table: the raw data of the data set, for the variances; without it nothing is sorted by variance.
    """
    config = replace(config, max_lag=var_order(dataset, config))
    rows = [*blind_baselines(dataset, config), *sorted_baselines(dataset, config, table)]
    if dataset.truth is not None:
        rows += oracle_baselines(dataset, config, dataset.truth)
    return rows


def timed(
    name: str, label: str, note: str, graph: Callable[[], NDArray[np.bool_]], *, oracle: bool = False,
    facts: dict[str, float] | None = None,
) -> Baseline:  # fmt: skip
    """Call what finds a graph, and note how long it took."""
    begin = time.perf_counter()
    found = graph()
    return Baseline(name, label, found, oracle, note, time.perf_counter() - begin, facts or {})


def method(config: TrainerConfig) -> str:
    """Name the regression behind most baselines; max_lag is its order."""
    return f"VAR({config.max_lag})" if config.max_lag > 0 else "regression"


def correlation_note(config: TrainerConfig) -> str:
    """Say which values are correlated."""
    return "lag 1" if config.max_lag > 0 else "same row, earlier column to later"


def blind_baselines(dataset: Dataset, config: TrainerConfig) -> Iterator[Baseline]:
    """Give the empty graph, correlations and regressions of order max_lag; only the count of correlations is told."""
    d, known = len(dataset.names), dataset.truth is not None
    edges = d if dataset.truth is None else int(dataset.truth.sum())
    label, rows = method(config), "missing values at the mean"
    if config.max_lag > 0:
        rows = "after linear interpolation, order by BIC"
    yield timed("empty", "empty graph", "predicts no edge", lambda: np.zeros((d, d), dtype=bool))
    yield timed(
        "correlation", "|correlation|",
        f"{correlation_note(config)}; the {edges} strongest" + (", as many as true edges" if known else ""),
        lambda: top_edges(correlation(dataset, config), edges), oracle=known,
    )  # fmt: skip
    yield timed(
        "var_t_test", f"{label} t-test",
        f"least squares {rows}, false-discovery rate {100 * FALSE_DISCOVERY_RATE:g} %",
        lambda: false_discovery(t_statistics(dataset, config)[1], FALSE_DISCOVERY_RATE),
    )  # fmt: skip
    yield timed(
        "var_stability", f"{label}, stability selection",
        f"among the largest |t| in {100 * SELECTED_SHARE:g} % of {2 * PAIRS} halves of the rows, {rows}",
        lambda: stable_edges(dataset, config),
    )  # fmt: skip
    yield timed(
        "var_held_out", f"{label}, held-out error",
        f"leaving the edge out raises the error on rows held out by over {100 * HELD_OUT_SHARE:g} %, {rows}",
        lambda: held_out_edges(dataset, config, t_statistics(dataset, config)[0]),
    )  # fmt: skip


def sorted_baselines(dataset: Dataset, config: TrainerConfig, table: Table | None) -> Iterator[Baseline]:
    """Give the regressions on variables of lower variance, or lower R^2, with the sortability of the data."""
    kinds = [
        ("r2", "R\u00b2", r_squared(dataset, config), "R\u00b2 given the others in the same row grows along effects")
    ]
    if table is not None:
        what = "variance grows along effects, and the variables' units are comparable"
        kinds.insert(0, ("var", "variance", deviations(table, config), what))
    for kind, word, value, what in kinds:
        facts = {}
        if dataset.truth is not None:
            facts[f"{kind}_sortability"] = sortability(value, dataset.truth)
        yield timed(
            f"sortnregress_{kind}", f"sortnregress by {word}", f"assumes that {what}; t-tests as above",
            partial(sorted_regression, dataset, config, value), facts=facts,
        )  # fmt: skip


def oracle_baselines(dataset: Dataset, config: TrainerConfig, truth: NDArray[np.bool_]) -> Iterator[Baseline]:
    """Give correlations and t-tests at the cut that suits the truth (d, d) best."""
    yield timed(
        "correlation_best", "|correlation|, best cut", correlation_note(config),
        lambda: best_cut(correlation(dataset, config), truth), oracle=True,
    )  # fmt: skip
    yield timed(
        "var_t_test_best", f"{method(config)} t-test, best cut", "ranked by |t|",
        lambda: best_cut(t_statistics(dataset, config)[0], truth), oracle=True,
    )  # fmt: skip


def baseline_rows(
    dataset: Dataset, config: TrainerConfig, trials: int, table: Table | None = None
) -> list[dict[str, Any]]:
    """Return the rows of `baselines.csv`, the same for every run of a data set and trial count.

    Args:
        dataset, config, table: as for `baselines`.
        trials: n of the best of n random adjacencies.

    Returns:
        Rows with name, label, oracle, edge_count, the scores where there is a truth, var_sortability or
        r2_sortability where they belong, note; and `seconds`, which is left out of `baselines.csv`.
    """
    rows = [scored(item, dataset) for item in baselines(dataset, config, table)]
    if dataset.truth is not None:
        begin = time.perf_counter()
        luck = expected_chance(dataset.truth, trials)
        rows[1:1] = [{**row, "seconds": time.perf_counter() - begin} for row in luck]
    return rows


def scored(item: Baseline, dataset: Dataset) -> dict[str, Any]:
    """Return a graph's row, with its scores where there is a truth."""
    row: dict[str, Any] = {
        "name": item.name,
        "label": item.label,
        "oracle": item.oracle,
        "edge_count": int(item.graph.sum()),
    }
    if dataset.truth is not None:
        counts = metrics.compare(torch.from_numpy(item.graph), torch.from_numpy(dataset.truth))
        row |= {name: getattr(counts, name).item() for name in SCORES}
    return {**row, **item.facts, "note": item.note, "seconds": item.seconds}
