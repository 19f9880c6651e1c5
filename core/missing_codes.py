"""Numbers that stand for missing in sensor files, such as -200, told from measured values."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

_NINES = (99.0, 99.9, 99.99, 999.0, 999.9, 999.99, 9999.0, 9999.9, 9999.99, 99999.0, 999999.0, 9999999.0)
CODES = np.array(sorted([-200.0, -32768.0, *_NINES, *(-value for value in _NINES)]))


@dataclass(frozen=True)
class FoundCodes:
    """Codes found, each with its cells per column number.

    Args:
        certain: far outside all other values of the column.
        doubtful: outside, but not by more than the range of the others; a person should decide.
    """

    certain: dict[float, dict[int, int]] = field(default_factory=dict)
    doubtful: dict[float, dict[int, int]] = field(default_factory=dict)


def find_codes(values: NDArray[np.float64]) -> FoundCodes:
    """Find numbers that stand for missing.

    A code of the usual list is certain in a column if it occurs twice or more, at least two different other
    values remain, and it lies beyond them by more than their range, or is negative where they never are.
    Once certain in one column, it is one in every column where it lies as far out, even once or alone.

    Args:
        values: (n, d) float64, NaN where already known as missing.
    Returns:
        The codes, largest magnitude first; nothing in `values` is changed.
    """
    present = [np.isin(column, CODES) for column in values.T]
    suspects = [k for k, mask in enumerate(present) if mask.any()]
    rest = {k: _others(values[:, k], present[k]) for k in suspects}
    found = FoundCodes()
    for code in sorted(CODES.tolist(), key=lambda value: -abs(value)):
        counts = {k: int((values[:, k] == code).sum()) for k in suspects}
        counts = {k: count for k, count in counts.items() if count}
        distance = {k: _distance(code, rest[k]) for k in counts}
        varied = {k: count for k, count in counts.items() if count >= 2 and np.unique(rest[k]).size >= 2}
        if any(distance[k] > 1 for k in varied):
            found.certain[code] = {k: count for k, count in counts.items() if distance[k] > 1}
        doubtful = {k: count for k, count in varied.items() if 0.25 < distance[k] <= 1}
        if doubtful:
            found.doubtful[code] = doubtful
    return found


def _others(column: NDArray[np.float64], codes: NDArray[np.bool_]) -> NDArray[np.float64]:
    return column[~codes & np.isfinite(column)]


def _distance(code: float, rest: NDArray[np.float64]) -> float:
    """Measure how far a code lies beyond the other values, in units of their range; 0 if among them."""
    if rest.size == 0:
        return np.inf
    low, high = float(rest.min()), float(rest.max())
    gap = max(low - code, code - high)
    if gap <= 0:
        return 0.0
    if code < 0 <= low:
        return np.inf
    return gap / (high - low) if high > low else np.inf
