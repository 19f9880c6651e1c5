"""What a reader or a simulation gives: named columns, their segments, and the true graph if known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Table:
    """Raw data as read, in its own units.

    Args:
        name: short name of the data set, `[A-Za-z0-9._-]`, used in the run folder's name.
        names: d distinct variable names.
        values: (n, d) float64 in the data's own units; NaN where missing, never infinite.
        segment: (n,) int64; rows of one unbroken series are adjacent and share a number.
        truth: (d, d) bool true or reference graph, [i, j] is i -> j, zero diagonal; None if unknown.
        sha256: digest of what was read (of the arrays, for a simulation).
        notes: lines for the person: what was recognised, merged or left out.
        source: where it came from: the file's path as given, or the simulation's name.
    """

    name: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    segment: NDArray[np.int64]
    truth: NDArray[np.bool_] | None
    sha256: str
    notes: tuple[str, ...] = ()
    source: str = ""
