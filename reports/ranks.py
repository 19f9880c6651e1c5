"""Rank correlation: whether two lists of numbers put the same things in the same order."""

import numpy as np

from reports.columns import Floats


def average_ranks(values: Floats) -> Floats:
    """Rank values from 1 for the lowest; equal values share the mean of their ranks, (n,)."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(times)
    mean: Floats = last - (times - 1) / 2
    return mean[place]


def spearman(first: Floats, second: Floats, least: int = 3) -> float:
    """Correlate the ranks of two lists: 1 is the same order, 0 no relation, -1 the reverse.

    Args:
        first, second: (n,); pairs with a NaN are left out.
        least: pairs without which nothing is said.

    Returns:
        The correlation; NaN where there are too few pairs, or where all values of one list are equal.

    Source: Spearman 1904; ties by average ranks, as in scipy.stats.spearmanr.
    """
    known = np.isfinite(first) & np.isfinite(second)
    one, other = (average_ranks(values[known]) for values in (first, second))
    if known.sum() < least or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    one, other = one - one.mean(), other - other.mean()
    return float((one @ other) / np.sqrt((one @ one) * (other @ other)))
