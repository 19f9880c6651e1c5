"""The steps between the rows of a table: gaps, falls and repeats."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAP_FACTOR = 1.5  # a step longer than this many median steps is a gap


@dataclass(frozen=True)
class Steps:
    """The steps between the times of a table.

    Args:
        backwards: the rows run from last to first, and must be reversed before `starts` is used.
        starts: (n,) bool, a gap or a fall lies before the row; never at row 0.
        median: the median of the steps forward, in the unit of the times; 0 if there is none.
        gaps: steps longer than `GAP_FACTOR` medians.
        falls: steps back in time.
        repeats: steps of 0.
        unread: rows without a readable time.
    """

    backwards: bool
    starts: NDArray[np.bool_]
    median: float
    gaps: int
    falls: int
    repeats: int
    unread: int


def find_steps(times: NDArray[np.float64]) -> Steps:
    """Find where a table's time does not go on evenly.

    A row without a readable time is taken to lie evenly between its neighbours.

    Args:
        times: (n,) float64, NaN where unreadable.
    """
    known = np.flatnonzero(~np.isnan(times))
    falling = np.diff(times[known]) < 0
    backwards = bool(falling.size >= 2 and falling.mean() > 0.9)
    if backwards:
        times = times[::-1]
        known = np.flatnonzero(~np.isnan(times))
    starts = np.zeros(times.size, dtype=np.bool_)
    step = np.diff(times[known]) / np.diff(known)
    forward = step[step > 0]
    median = float(np.median(forward)) if forward.size else 0.0
    gap = (step > GAP_FACTOR * median) if forward.size else np.zeros(step.size, dtype=np.bool_)
    fall = step < 0
    starts[known[1:]] = gap | fall
    counts = (int(gap.sum()), int(fall.sum()), int((step == 0).sum()))
    return Steps(backwards, starts, median, *counts, unread=times.size - known.size)
