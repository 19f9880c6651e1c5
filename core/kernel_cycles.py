"""The compiled step's price of cycles and its gradient: the counterpart of `gradient.cyclicity_gradient`."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.kernels import Floats, compiled
from core.losses import DECAY

LOG_DET, TRACE_CUBED, WALKS = 0, 1, 2
KINDS = {"log_det": LOG_DET, "trace_cubed": TRACE_CUBED, "walks": WALKS}
"""`trainer.acyclicity` as a number."""


@compiled
def spectral_bound(matrix: NDArray[np.float64], walks: NDArray[np.float64]) -> Any:
    """Bound the spectral radius of a matrix (d, d) float64, at least 1; walks (2 or more, d) is scratch."""
    d, now = matrix.shape[0], 0
    for i in range(d):
        walks[now, i] = 1.0
    for _ in range(8):
        for i in range(0, d, 4):  # four sums at a time: each waits for its own last addition
            a, b, c, e = i, min(i + 1, d - 1), min(i + 2, d - 1), min(i + 3, d - 1)
            first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
            for j in range(d):
                step = walks[now, j]
                first += matrix[a, j] * step
                second += matrix[b, j] * step
                third += matrix[c, j] * step
                fourth += matrix[e, j] * step
            walks[1 - now, a] = first
            walks[1 - now, b] = second
            walks[1 - now, c] = third
            walks[1 - now, e] = fourth
        now = 1 - now
    most = 1.0
    for i in range(d):
        if walks[now, i] > most:
            most = walks[now, i]
    return math.sqrt(math.sqrt(math.sqrt(most)))


@compiled
def divide_pivot(matrix: NDArray[np.float64], p: int) -> Any:
    """Begin the elimination of column p: divide row p by its pivot, which is returned."""
    pivot = matrix[p, p]
    matrix[p, p] = 1.0
    for j in range(matrix.shape[0]):
        matrix[p, j] /= pivot
    return pivot


@compiled
def eliminate(matrix: NDArray[np.float64], i: int, p: int) -> None:
    """Take row p off row i so often that column p of row i would be 0, and write there what the inverse has."""
    factor = matrix[i, p]
    if i != p and factor != 0.0:
        matrix[i, p] = 0.0
        for j in range(matrix.shape[0]):
            matrix[i, j] -= factor * matrix[p, j]


@compiled
def eliminate_four(matrix: NDArray[np.float64], i: int, p: int, rows: NDArray[np.float64]) -> None:
    """Do what `eliminate` does of columns p to p + 3, one after the other, in one pass over row i.

    rows (4 or more, d): of each column, its row when it was that column's turn.
    """
    x1, x2, x3 = matrix[i, p + 1], matrix[i, p + 2], matrix[i, p + 3]
    a = matrix[i, p]
    x1, x2, x3 = x1 - a * rows[0, p + 1], x2 - a * rows[0, p + 2], x3 - a * rows[0, p + 3]
    b = x1
    x2, x3 = x2 - b * rows[1, p + 2], x3 - b * rows[1, p + 3]
    c = x2
    e = x3 - c * rows[2, p + 3]
    if a == 0.0 and b == 0.0 and c == 0.0 and e == 0.0:
        return
    for j in range(matrix.shape[0]):
        x = matrix[i, j] - a * rows[0, j]
        x = x - b * rows[1, j]
        x = x - c * rows[2, j]
        matrix[i, j] = x - e * rows[3, j]
    for q in range(p, p + 4):  # which began at 0 when it was their turn
        x = 0.0
        for n in range(q - p, 4):
            x -= (a if n == 0 else (b if n == 1 else (c if n == 2 else e))) * rows[n, q]
        matrix[i, q] = x


@compiled
def invert(matrix: NDArray[np.float64], rows: NDArray[np.float64]) -> Any:
    """Invert (d, d) float64 in place, by elimination without a change of rows; return log |determinant|.

    What is inverted is I - M with M >= 0 of a spectral radius below 1: there, pivots stay away from 0. Four columns are
    eliminated in one pass over the other rows; no bit depends on it. rows (d, d) is scratch.
    """
    d, logarithm, p = matrix.shape[0], 0.0, 0
    while p < d:
        many = 4 if p + 4 <= d else 1
        for n in range(many):
            logarithm += math.log(abs(divide_pivot(matrix, p + n)))
            for j in range(d if many == 4 else 0):
                rows[n, j] = matrix[p + n, j]
            for i in range(p, p + many):
                eliminate(matrix, i, p + n)
        for i in range(d):
            if many == 4 and (i < p or i >= p + 4):
                eliminate_four(matrix, i, p, rows)
            elif many == 1:
                eliminate(matrix, i, p)
        p += many
    return logarithm


@compiled
def cyclicity_gradient(
    opened: Floats, kind: int, matrix: NDArray[np.float64], squared: NDArray[np.float64], pull: Floats
) -> Any:
    """Return the penalty on cycles, and write its gradient to pull (d, d); matrix and squared (d, d) are scratch."""
    d = opened.shape[0]
    if kind == LOG_DET:
        for i in range(d):
            for j in range(d):
                matrix[i, j] = opened[i, j]
        shrink = DECAY / spectral_bound(matrix, squared)
        for i in range(d):
            for j in range(d):
                matrix[i, j] = (1.0 if i == j else 0.0) - shrink * matrix[i, j]
        h = -invert(matrix, squared) / d
        for i in range(d):
            for j in range(d):
                pull[i, j] = matrix[j, i] * (shrink / d)
        return np.float32(h)
    for i in range(d):
        for j in range(d):
            matrix[i, j] = opened[i, j] if kind == TRACE_CUBED else opened[i, j] / d + (1.0 if i == j else 0.0)
    trace = 0.0
    for i in range(d):
        for j in range(d):
            squared[i, j] = 0.0
        for k in range(d):
            for j in range(d):
                squared[i, j] += matrix[i, k] * matrix[k, j]
        for k in range(d):
            trace += squared[i, k] * matrix[k, i]
    factor = 3.0
    if kind == WALKS:
        trace -= d
        factor = 3.0 / d if trace > 0.0 else 0.0
        trace = max(trace, 0.0)
    for i in range(d):
        for j in range(d):
            pull[i, j] = factor * squared[j, i]
    return np.float32(trace)
