"""The best graph at every cut: edges, F1 and SHD against the cut, and how far the cut may move."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.columns import Floats
from reports.run import Run
from reports.scores import best_cut

Bools = NDArray[np.bool_]
MOVE = 2  # wrong pairs that SHD may change by before the cut matters
AROUND = 0.2  # share of the cut on either side that a result should stand


@dataclass(frozen=True, eq=False)
class Cuts:
    """The graphs `adjacency > cut`; arrays (m,), each value holding from its cut up to the next one.

    Args:
        cut: ascending, from 0; all values at which an edge goes, or those asked for.
        edges: edges over each cut.
        shd: pairs of variables on which the graph differs from the true one; NaN where that is not known.
        f1: over directed edges; 1 for two empty graphs, NaN as above.
        chance: expected F1 of random graphs with as many edges; NaN as above.
    """

    cut: Floats
    edges: Floats
    shd: Floats
    f1: Floats
    chance: Floats


def cut_course(adjacency: Floats, truth: Bools | None, cut: Floats | None = None) -> Cuts:
    """Score the graph `adjacency > cut` at many cuts.

    Args:
        adjacency: (d, d) in [0, 1], [i, j] is i -> j; the diagonal is not read.
        truth: (d, d) bool, the same convention, or None.
        cut: (m,) cuts; None for 0 and every distinct strength, where the course is complete.

    Source: SHD and F1 as in `core.metrics`. A pair is wrong with none, the stronger, or both of its directions
    learned, so SHD is a sum of steps at the two strengths of each pair.
    """
    apart = ~np.eye(len(adjacency), dtype=np.bool_)
    if cut is None:
        cut = np.unique(np.append(adjacency[apart], 0.0))
    edges = _above(adjacency[apart], cut)
    unknown = np.full(len(cut), np.nan)
    if truth is None:
        return Cuts(cut, edges, unknown, unknown, unknown)
    hits, true = _above(adjacency[truth & apart], cut), float((truth & apart).sum())
    both = edges + true
    f1 = np.where(both > 0, 2 * hits / np.maximum(both, 1), 1.0)
    chance = np.where(both > 0, 2 * edges * true / apart.sum() / np.maximum(both, 1), 1.0)
    return Cuts(cut, edges, _wrong_pairs(adjacency, truth, cut), f1, chance)


def _above(strength: Floats, cut: Floats) -> Floats:
    """Count the strengths over each cut, (m,)."""
    return np.asarray(len(strength) - np.searchsorted(np.sort(strength), cut, side="right"), dtype=np.float64)


def _wrong_pairs(adjacency: Floats, truth: Bools, cut: Floats) -> Floats:
    """Count the unordered pairs on which the graph differs from the true one at each cut, (m,)."""
    i, j = np.triu_indices(len(truth), 1)
    swap = adjacency[i, j] < adjacency[j, i]
    strong, weak = np.where(swap, (j, i), (i, j)), np.where(swap, (i, j), (j, i))
    along, back = truth[strong[0], strong[1]], truth[weak[0], weak[1]]
    empty, one, two = along | back, ~along | back, ~(along & back)
    total = np.full(len(cut), float(empty.sum()))
    for strength, before, after in (
        (adjacency[strong[0], strong[1]], empty, one),
        (adjacency[weak[0], weak[1]], one, two),
    ):
        total += _above(strength[after & ~before], cut) - _above(strength[before & ~after], cut)
    return total


def at(course: Cuts, values: Floats, cut: float) -> float:
    """Give what one of the course's arrays is at a cut."""
    return float(values[max(0, int(np.searchsorted(course.cut, cut, side="right")) - 1)])


def around(cut: float) -> tuple[float, float]:
    """Give the cuts 20 % below and above one, within 0 to 1."""
    return (1 - AROUND) * cut, min(1.0, (1 + AROUND) * cut)


def span(course: Cuts, values: Floats, cut: float) -> tuple[float, float]:
    """Give the lowest and highest value of one of the course's arrays within 20 % of a cut."""
    low, high = around(cut)
    first, last = (max(0, int(np.searchsorted(course.cut, end, side="right")) - 1) for end in (low, high))
    part = values[first : last + 1]
    return float(part.min()), float(part.max())


def stable_range(course: Cuts, cut: float) -> tuple[float, float]:
    """Find the cuts around one at which SHD is at most 2 from what it is there, (low, high) in [0, 1].

    The graphs from `low` on and below `high` are meant; where `high` is 1, up to the empty graph.
    """
    place = max(0, int(np.searchsorted(course.cut, cut, side="right")) - 1)
    moved = np.abs(course.shd - course.shd[place]) > MOVE
    before, after = np.flatnonzero(moved[:place]), np.flatnonzero(moved[place:])
    low = course.cut[before[-1] + 1] if len(before) else 0.0
    high = course.cut[place + after[0]] if len(after) else 1.0
    return float(low), float(high)


def fragile(course: Cuts, cut: float) -> bool:
    """Whether SHD moves by more than 2 within 20 % of a cut. At cut 0 there is nothing within 20 %."""
    low, high = span(course, course.shd, cut)
    own = at(course, course.shd, cut)
    return max(own - low, high - own) > MOVE


def best_course(run: Run) -> tuple[Cuts, float] | None:
    """Score the best graph at every cut, and give the cut in use; None where no graph was saved."""
    if run.adjacency is None or len(run.names) < 2:
        return None
    return cut_course(run.adjacency, run.truth), best_cut(run)
