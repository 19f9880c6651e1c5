"""Sorting variables by variance or by R^2: how far that alone gives away the direction of effects.

Sources: Reisach, Seiler, Weichwald 2021 (variance, sortnregress); Reisach, Tami, Seiler, Chambaz, Weichwald 2023 (R^2).
"""

import numpy as np
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.data import TEST, Dataset, interpolate, split_rows
from core.regression import FALSE_DISCOVERY_RATE, RIDGE, Bools, Floats, false_discovery, t_statistics, usable_columns
from core.tables import Table


def deviations(table: Table, config: TrainerConfig) -> Floats:
    """Return the standard deviation of each variable in its own units, test rows left out, (d,); 0 where unknown."""
    order, split = split_rows(table, config.max_lag > 0)
    values = table.values[order][split != TEST]
    known = ~np.isnan(values)
    size = np.maximum(np.abs(np.where(known, values, 0.0)).max(axis=0), 1e-300)  # squares of 1e200 overflow
    unit = np.where(known, values / size, 0.0)
    count = np.maximum(known.sum(axis=0), 1)
    centred = np.where(known, unit - unit.sum(axis=0) / count, 0.0)
    return np.asarray(size * np.sqrt((centred**2).sum(axis=0) / count))


def r_squared(dataset: Dataset, config: TrainerConfig) -> Floats:
    """Return the share of each variable's variance that all others explain in the same row, (d,); 0 if unusable.

    1 - 1 / (C^-1)_jj with C the correlations; missing values are interpolated (without time: the mean).
    """
    filled = interpolate(dataset.values, dataset.observed, dataset.block) if config.max_lag > 0 else dataset.values
    usable = usable_columns(dataset)
    rows = filled[dataset.split != TEST][:, usable].astype(np.float64)
    correlations = np.atleast_2d(np.corrcoef(rows, rowvar=False))
    inverse = np.linalg.inv(correlations + RIDGE * np.eye(len(correlations)))
    shares = np.zeros(len(usable))
    shares[usable] = np.clip(1.0 - 1.0 / np.diag(inverse), 0.0, 1.0)
    return shares


def sortability(value: Floats, truth: NDArray[np.bool_]) -> float:
    """Return the share of directed paths of a graph along which a value increases from start to end; a tie is half.

    1 means that sorting by the value orders all causes before their effects, 0 that it orders them after, 0.5
    that it tells nothing. A pair counts once for every length of path between its ends, up to d - 1.

    Args:
        value: (d,), such as the variances.
        truth: (d, d) bool, [i, j] is i -> j. On a cycle the paths back to their start are left out.

    Returns:
        A share in [0, 1]; NaN for a graph without edges.
    """
    rises = np.where(value[:, None] == value, 0.5, value[:, None] < value)
    np.fill_diagonal(rises, np.nan)
    paths = lengths = 0.0
    reached = truth.copy()
    for _ in range(len(truth) - 1):
        ends = reached & ~np.eye(len(truth), dtype=bool)
        paths += rises[ends].sum()
        lengths += int(ends.sum())
        reached = (reached.astype(np.float64) @ truth.astype(np.float64)) > 0
    return float(paths / lengths) if lengths else float("nan")


def sorted_regression(dataset: Dataset, config: TrainerConfig, value: Floats) -> Bools:
    """Regress every variable on those with a lower value, and keep what passes the t-test (false discoveries 1 %).

    Sortnregress with the lagged rows and the own past where there is time. The order, not the test, gives the
    directions; the original selects by BIC instead.

    Args:
        dataset: standardised data; its true graph is not read.
        config: max_lag.
        value: (d,), such as the variances; the order in which variables may act on each other.

    Returns:
        (d, d) bool, [i, j] is i -> j.
    """
    usable = usable_columns(dataset)
    before = (value[:, None] < value) & usable[:, None] & usable
    _, p_value = t_statistics(dataset, config, before)
    return false_discovery(p_value, FALSE_DISCOVERY_RATE, before)
