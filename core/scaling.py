"""Columns brought to one scale, or left raw: the settings of `trainer.standardise`."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FARTHEST = 1e9  # deviations, or the data's own unit; a square of it is still a float32


def scaled(values: Floats, times: NDArray[np.int64], kind: str) -> Floats:
    """Bring every column to mean 0 and deviation 1 over the training rows, in float64.

    Args:
        values: (n, u), NaN where missing; every column varies over the rows that count.
        times: (n,) how often a row counts: 1 for a training row, or the number of training windows that hold it.
        kind: observed: by mean and deviation of what was observed, a row that counts at all counting once;
            filled: blanks are zeros of the data's own unit, as the original system had them, before mean and
            deviation are taken; none: values as they are.

    Returns:
        (n, u) within +- `FARTHEST`. A blank is NaN for observed, and what its zero came to for the others.
    """
    known = values if kind == "observed" else np.nan_to_num(values, nan=0.0)
    if kind == "none":
        return np.clip(known, -FARTHEST, FARTHEST)
    counted = times > 0
    # a power of two, so that dividing by it costs no bit and squares of 1e200 do not overflow
    size = np.exp2(np.frexp(np.nanmax(np.abs(known[counted]), axis=0))[1] - 1)
    unit = known[counted] / size
    if kind == "observed":
        mean, deviation = np.nanmean(unit, axis=0), np.nanstd(unit, axis=0)
    else:
        mean = np.average(unit, axis=0, weights=times[counted])
        deviation = np.sqrt(np.average((unit - mean) ** 2, axis=0, weights=times[counted]))
        deviation[deviation == 0.0] = 1.0  # measured only in rows that no training window holds
    with np.errstate(over="ignore"):
        z: Floats = (known / size - mean) / deviation
    return np.clip(z, -FARTHEST, FARTHEST)
