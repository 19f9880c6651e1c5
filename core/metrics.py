"""Every number about a graph, defined once: edges, SHD, F1, the tuned threshold, degeneracy.

Graphs are boolean (..., d, d) tensors, [i, j] is i -> j, with a zero diagonal. This is the only module
that compares with the true graph.
"""

from typing import NamedTuple

import torch
from torch import Tensor

GRID = torch.arange(21, dtype=torch.float64) / 20.0
DENSE_SHARE = 0.9
BLIND_CUT = 0.5


class Counts(NamedTuple):
    """How a graph compares with the true one; every field has the graphs' leading shape."""

    shd: Tensor
    shd_directed: Tensor
    f1: Tensor
    precision: Tensor
    recall: Tensor
    skeleton_f1: Tensor
    edge_count: Tensor
    true_positives: Tensor


def check(estimate: Tensor, truth: Tensor) -> None:
    """Raise unless both are boolean graphs of one size with a zero diagonal."""
    if estimate.dtype != torch.bool or truth.dtype != torch.bool:
        raise TypeError(f"graphs must be boolean but got {estimate.dtype} and {truth.dtype}; threshold first")
    if estimate.shape[-2:] != truth.shape[-2:]:
        raise ValueError(f"graphs must have one size but got {tuple(estimate.shape)} and {tuple(truth.shape)}")
    for graph in (estimate, truth):
        if torch.diagonal(graph, dim1=-2, dim2=-1).any():
            raise ValueError("a graph must not have self-loops but its diagonal has an edge")


def shd(estimate: Tensor, truth: Tensor) -> Tensor:
    """Count the unordered pairs of variables on which two graphs differ.

    One pair is one error however it differs: missing, extra or reversed.

    Args:
        estimate: (..., d, d) bool. Edges; [i, j] is i -> j.
        truth: (d, d) or (..., d, d) bool, the same convention.

    Returns:
        (...,) int64 in [0, d(d-1)/2]; 0 means equal.

    Raises:
        TypeError: an argument is not boolean; threshold first.
        ValueError: a diagonal entry is set, or the shapes differ.
    Source: Tsamardinos, Brown, Aliferis 2006; equal to the count of NOTEARS and DAGMA.
    """
    check(estimate, truth)
    differ = estimate ^ truth
    return torch.triu(differ | differ.transpose(-1, -2)).sum((-2, -1))


def ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Divide counts; 1 where both are zero (nothing to find, nothing claimed), 0 where only the top is."""
    return torch.where(denominator == 0, 1.0, numerator.double() / denominator.clamp(min=1).double())


def compare(estimate: Tensor, truth: Tensor) -> Counts:
    """Compare graphs with the true one.

    Args:
        estimate: (..., d, d) bool, [i, j] is i -> j.
        truth: (d, d) bool, the same convention.

    Returns:
        Counts: SHD (a reversal counts 1), directed SHD (FP + FN, a reversal counts 2), F1 = 2TP / (2TP + FP
        + FN) over directed edges (1 for two empty graphs), precision (0 where nothing is claimed but there
        are edges), recall, F1 of the undirected skeleton,
        edges and true positives.

    Raises:
        TypeError, ValueError: as `shd`.
    """
    check(estimate, truth)
    hits = (estimate & truth).sum((-2, -1))
    edges = estimate.sum((-2, -1))
    true_edges = truth.sum((-2, -1)).expand_as(edges)
    skeleton = torch.triu(estimate | estimate.transpose(-1, -2))
    true_skeleton = torch.triu(truth | truth.transpose(-1, -2))
    pairs, true_pairs = skeleton.sum((-2, -1)), true_skeleton.sum((-2, -1)).expand_as(edges)
    return Counts(
        shd=shd(estimate, truth),
        shd_directed=(estimate ^ truth).sum((-2, -1)),
        f1=ratio(2 * hits, edges + true_edges),
        precision=torch.where(edges + true_edges == 0, 1.0, hits.double() / edges.clamp(min=1).double()),
        recall=ratio(hits, true_edges),
        skeleton_f1=ratio(2 * (skeleton & true_skeleton).sum((-2, -1)), pairs + true_pairs),
        edge_count=edges,
        true_positives=hits,
    )


def edges_above(adjacency: Tensor, threshold: Tensor | float) -> Tensor:
    """Return the graph A > t, (..., d, d) bool; a threshold with axes is matched to the leading ones."""
    cut = torch.as_tensor(threshold, dtype=torch.float64)
    return adjacency.double() > cut[..., None, None]


def tune_threshold(adjacency: Tensor, truth: Tensor, cuts: str = "21") -> tuple[Tensor, Counts]:
    """Find the cut with the best F1, then the lowest SHD, then the highest cut. Oracle: it reads the truth.

    Args:
        adjacency: (K, d, d) in [0, 1], [i, j] is i -> j, zero diagonal.
        truth: (d, d) bool.
        cuts: "21" for 0, 0.05 ... 1, or "all" for every distinct value of each adjacency, and 0, or
            "fixed" for `BLIND_CUT` alone, which tunes nothing.

    Returns:
        thresholds (K,) float64, and Counts (K,) at them.
    """
    if cuts == "fixed":
        grid = torch.full((adjacency.shape[0], 1), BLIND_CUT, dtype=torch.float64)
    elif cuts == "all":
        zero = torch.zeros(adjacency.shape[0], 1, dtype=torch.float64)
        grid = torch.cat([zero, adjacency.double().flatten(1)], dim=1).sort(1).values
    else:
        grid = GRID.expand(adjacency.shape[0], -1)
    found = compare(adjacency.double()[:, None] > grid[:, :, None, None], truth)
    errors = torch.where(found.f1 == found.f1.amax(1, keepdim=True), found.shd, torch.iinfo(torch.int64).max)
    best = grid.shape[1] - 1 - errors.flip(1).argmin(1)
    rows = torch.arange(adjacency.shape[0])
    return grid[rows, best], Counts(*(field[rows, best] for field in found))


def is_dag(graph: Tensor) -> Tensor:
    """Tell whether graphs have no directed cycle, (...,) bool, by powers of the boolean matrix."""
    reach = graph.double()
    for _ in range(max(1, (graph.shape[-1] - 1).bit_length())):
        reach = ((reach + reach @ reach) > 0).double()
    return torch.diagonal(reach, dim1=-2, dim2=-1).sum(-1) == 0


def degenerate(graph: Tensor) -> list[str]:
    """Name what is useless about each graph (K, d, d): "empty", "dense" (90 % of all pairs or more), or ""."""
    d = graph.shape[-1]
    names = []
    for edges in graph.sum((-2, -1)).tolist():
        names.append("empty" if edges == 0 else "dense" if edges >= DENSE_SHARE * d * (d - 1) else "")
    return names
