"""What luck alone would have given: one random graph, the best of many, and exact p-values."""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core import metrics

DRAWS = 4000
CHANCE_SEED = 19930608


def best_of_all_cuts(
    score: NDArray[np.float64], truth: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return what `metrics.tune_threshold(..., "all")` finds, by adding edges one by one, strongest first.

    Args:
        score: (n, d, d) distinct positive scores, [i, j] is i -> j; the diagonal is not read.
        truth: (d, d) bool, the same convention.

    Returns:
        F1 and SHD, (n,), at the number of edges with the best F1, then the lowest SHD.
    """
    off = ~np.eye(len(truth), dtype=bool)
    ahead = (score > score.transpose(0, 2, 1))[:, off]
    true, reverse = truth[off], truth.T[off]
    # pairs in error before and after this edge joins an empty pair, or one that holds its reverse
    first = ~(true & ~reverse) * 1 - (true | reverse)
    second = ~(true & reverse) * 1 - ~(reverse & ~true)
    order = np.argsort(-score[:, off], axis=1)
    steps = np.take_along_axis(np.where(ahead, first, second), order, axis=1)
    empty = np.triu(truth | truth.T).sum()
    shd = np.concatenate([np.full((len(score), 1), empty), empty + steps.cumsum(1)], axis=1)
    hits = np.concatenate([np.zeros((len(score), 1), dtype=np.int64), true[order].cumsum(1)], axis=1)
    edges = np.arange(hits.shape[1]) + true.sum()
    f1 = np.where(edges == 0, 1.0, 2 * hits / np.maximum(edges, 1))
    top = f1.max(1)
    return top, np.where(f1 == top[:, None], shd, np.iinfo(np.int64).max).min(1)


def expected_chance(truth: NDArray[np.bool_], trials: int) -> list[dict[str, Any]]:
    """Score luck: one random graph with as many edges, and the best of `trials` random adjacencies, cut tuned.

    Args:
        truth: (d, d) bool, [i, j] is i -> j.
        trials: n of the best of n.

    Returns:
        Two rows of `baselines.csv`; expected values, with the 95th percentile of F1 as f1_high.
    """
    d, edges = len(truth), int(truth.sum())
    rng = np.random.default_rng(CHANCE_SEED)
    draws = int(min(DRAWS, max(200, 4e7 / (21 * d * d))))
    off = torch.from_numpy(~np.eye(d, dtype=bool))
    known = torch.from_numpy(truth)
    random = torch.from_numpy(rng.random((draws, d, d))) * off
    kth = random.flatten(1).sort(1, descending=True).values[:, edges - 1] if edges else torch.ones(draws)
    counts = metrics.compare(
        (random >= kth[:, None, None]) & off if edges else torch.zeros_like(random, dtype=torch.bool), known
    )
    tuned_f1, tuned_shd = [], []
    for chunk in np.split(random.numpy(), range(500, draws, 500)):
        best_f1, its_shd = best_of_all_cuts(chunk, truth)
        tuned_f1.append(best_f1)
        tuned_shd.append(its_shd)
    f1 = np.sort(np.concatenate(tuned_f1))
    shd_at = np.sort(np.concatenate(tuned_shd))[::-1].astype(float)
    level = np.arange(1, draws + 1) / draws
    mass = np.diff(np.concatenate([[0.0], level**trials]))
    high = f1[np.searchsorted(level**trials, 0.95)]
    means = {
        name: float(getattr(counts, name).double().mean())
        for name in ("shd", "shd_directed", "precision", "recall", "skeleton_f1")
    }
    return [
        {"name": "chance", "label": "random graph", "oracle": True, **means, "f1": chance_f1(edges, edges, d),
         "edge_count": edges, "f1_high": float(np.quantile(counts.f1.numpy(), 0.95)),
         "note": "expected values for a random graph with as many edges as the true one"},
        {"name": "chance_floor", "label": f"best of {trials} random adjacencies", "oracle": True,
         "shd": float(mass @ shd_at), "f1": float(mass @ f1), "f1_high": float(high),
         "note": "cut tuned on the true graph, as for the trials; SHD and F1 each at their best"},
    ]  # fmt: skip


def hypergeometric_p(hits: int, edges: int, true_edges: int, variables: int) -> float:
    """Return P(at least `hits` true edges among `edges` drawn at random from all ordered pairs), exactly."""
    pairs = variables * (variables - 1)
    ways = sum(
        math.comb(true_edges, k) * math.comb(pairs - true_edges, edges - k)
        for k in range(hits, min(edges, true_edges) + 1)
        if edges - k <= pairs - true_edges
    )
    return ways / math.comb(pairs, edges)


def chance_f1(edges: int, true_edges: int, variables: int) -> float:
    """Return the expected F1 of a random graph with `edges` edges; 1 where both graphs are empty."""
    if edges + true_edges == 0:
        return 1.0
    return 2.0 * edges * true_edges / (variables * (variables - 1)) / (edges + true_edges)
