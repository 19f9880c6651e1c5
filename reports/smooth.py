"""A smooth surface through scattered trials: local straight lines with Gaussian weights (Cleveland & Devlin 1988)."""

import numpy as np

from reports.columns import Floats

WIDTH = 0.15
LEAST_NEARBY = 1.5
MOST_POINTS = 2000
FEW = 8


def smoothed(points: Floats, values: Floats, where: Floats, widths: Floats) -> Floats:
    """Fit a plane around each place asked for, near trials weighing most, and give its height there.

    Args:
        points: (n, k) places of the trials, 0 to 1. values: (n,) what they have; no NaN in either.
        where: (m, k) places asked for. widths: (k,) standard deviation of the weights along each axis.

    Returns:
        (m,); NaN where there are too few trials nearby to say, everywhere with fewer than 8 of them.
    """
    if len(points) < FEW:
        return np.full(len(where), np.nan)
    every = -(-len(points) // MOST_POINTS)
    points, values = points[::every], values[::every]
    apart = (points[None] - where[:, None]) / widths
    weights = np.exp(-0.5 * (apart**2).sum(axis=2))
    terms = np.concatenate([np.ones((*apart.shape[:2], 1)), apart], axis=2)
    weighted = (terms * weights[..., None]).transpose(0, 2, 1)
    gram = weighted @ terms + 0.05 * np.eye(terms.shape[2]) * (np.arange(terms.shape[2]) > 0)
    slope = weighted @ values
    enough = weights.sum(axis=1) >= LEAST_NEARBY
    found = np.full(len(where), np.nan)
    found[enough] = np.linalg.solve(gram[enough], slope[enough][..., None])[:, 0, 0]
    return found


def width(levels: int) -> float:
    """Give the smoothing width along an axis: wide enough to reach the next of a list's values."""
    return max(WIDTH, 0.6 / levels) if levels else WIDTH
