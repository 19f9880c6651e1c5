"""Which variables are copies of others: no data can tell which of two copies is the cause."""

import numpy as np
from numpy.typing import NDArray

from core.data import Dataset

ALIKE = 0.999
LEAST_SHARED = 20
MOST_ROWS = 20_000
Floats = NDArray[np.float64]


def correlations(dataset: Dataset) -> Floats:
    """Return the correlation of each two variables over the rows that observe both, (d, d).

    Of long data no more than `MOST_ROWS` rows are read, evenly spread: enough to tell copies. NaN on the diagonal, and
    where fewer than `LEAST_SHARED` of them observe both variables, or one does not vary in them.
    """
    every = slice(None, None, -(-len(dataset.values) // MOST_ROWS) or 1)
    seen, value = dataset.observed[every].astype(np.float64), dataset.values[every].astype(np.float64)
    value *= seen
    value /= np.maximum(np.abs(value).max(axis=0, initial=0.0), 1e-30)
    value = (value - value.sum(axis=0) / np.maximum(seen.sum(axis=0), 1.0)) * seen
    rows, one, square, product = seen.T @ seen, value.T @ seen, (value**2).T @ seen, value.T @ value
    n = np.maximum(rows, 1.0)
    spread = square - one**2 / n
    both = spread * spread.T
    usable = (rows >= LEAST_SHARED) & (both > 1e-20 * (square * square.T))
    np.fill_diagonal(usable, False)
    found = np.full(rows.shape, np.nan)
    np.divide(product - one * one.T / n, np.sqrt(np.where(usable, both, 1.0)), out=found, where=usable)
    return found


def duplicated(dataset: Dataset) -> dict[str, str]:
    """Name the variables that are copies, |r| > 0.999, of an earlier one: copy -> the first that it copies.

    A copy may be turned, shifted or scaled. Missing values are left out, pair by pair; unusable variables have none.
    """
    alike = np.abs(correlations(dataset)) > ALIKE
    earlier = [np.flatnonzero(alike[j, :j]) for j in range(len(dataset.names))]
    return {dataset.names[j]: dataset.names[int(found[0])] for j, found in enumerate(earlier) if len(found)}
