"""Overlapping windows: merged back into the series they were cut from, and cut again for a learner that wants them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CHUNK = 4096  # window pairs compared at once
_SAMPLED_ROWS = 50_000  # rows from which the chance of equal values is taken
_CHANCE_BITS = 20  # a pair agrees by chance once in a million data sets
_USUAL_BITS = 8  # enough, all pairs together, where at least half of them agree


def window_starts(segment: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Return the first row of every window of `length` rows within one segment, stride 1, (m,); none at length 0."""
    if length < 1 or len(segment) < length:
        return np.zeros(0, dtype=np.int64)
    series = np.cumsum(np.concatenate([[False], np.diff(segment) != 0]))
    return np.flatnonzero(series[: len(series) - length + 1] == series[length - 1 :])


def row_counts(starts: NDArray[np.int64], length: int, rows: int) -> NDArray[np.int64]:
    """Count in how many windows each of `rows` rows lies, (rows,) int64."""
    return np.bincount((starts[:, None] + np.arange(length)).ravel(), minlength=rows)


@dataclass(frozen=True)
class MergedWindows:
    """The rows of a set of windows, each once.

    Args:
        values: (R, d) float64.
        window: (R,) int64, the first window that holds the row.
        step: (R,) int64, the row's place in that window, from 0.
        starts: (R,) bool, the row does not follow the one before it.
        stride: rows between the starts of two windows of a series; 0 if no windows overlap.
    """

    values: NDArray[np.float64]
    window: NDArray[np.int64]
    step: NDArray[np.int64]
    starts: NDArray[np.bool_]
    stride: int


def merge_windows(windows: NDArray[np.float64]) -> MergedWindows:
    """Merge windows wherever the next one repeats the end of the one before, to the last bit.

    Window k + 1 continues window k at stride s if its first T - s rows equal the last T - s rows of window k,
    NaN equal to NaN. The stride is the one that fits most pairs; a pair at a multiple of it (windows were left
    out between them) continues too, if its overlap says enough to rule out a coincidence.

    Args:
        windows: (N, T, d) float64, NaN where missing; N, T, d of 1 or more.
    Returns:
        The merged rows; a window that does not continue the one before starts a new series.
    """
    n_windows, length, _ = windows.shape
    strides, stride = _strides(windows)
    fresh = np.concatenate([[length], np.where(strides > 0, strides, length)])  # new rows of each window
    window = np.repeat(np.arange(n_windows), fresh)
    rank = np.arange(window.size) - np.repeat(np.cumsum(fresh) - fresh, fresh)
    step = length - fresh[window] + rank
    starts = (rank == 0) & np.concatenate([[True], strides == 0])[window]
    return MergedWindows(windows[window, step], window, step, starts, stride)


def _strides(windows: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Find the stride from each window to the next, (N - 1,), 0 where it does not continue; and the usual one."""
    n_pairs, length = len(windows) - 1, windows.shape[1]
    strides = np.zeros(n_pairs, dtype=np.int64)
    bits = np.where(np.isnan(windows), np.nan, windows + 0.0).view(np.int64)  # one NaN, one zero: exact equality
    information = _information(bits)
    margin = np.log2(max(n_pairs, 1) * length)  # so many comparisons are made, in bits
    shared_row = {s: (bits[1:, 0] == bits[:-1, s]).all(axis=1) for s in range(1, length)}
    best, best_count = 0, 0
    for s, candidates in shared_row.items():
        if candidates.sum() <= best_count:
            continue
        evidence = _evidence(bits, information, s, _continuing(bits, s, np.flatnonzero(candidates)))
        count = int((evidence > 0).sum())
        usual = 2 * count >= n_pairs and evidence.sum() > np.log2(length) + _USUAL_BITS
        if count > best_count and (usual or evidence.max(initial=0.0) > margin + _CHANCE_BITS):
            best, best_count = s, count
    if best == 0:
        return strides, 0
    strides[_continuing(bits, best, np.flatnonzero(shared_row[best]))] = best
    for s in range(2 * best, length, best):
        pairs = _continuing(bits, s, np.flatnonzero(shared_row[s] & (strides == 0)))
        strides[pairs[_evidence(bits, information, s, pairs) > margin + _CHANCE_BITS]] = s
    return strides, best


def _continuing(bits: NDArray[np.int64], s: int, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Keep the pairs k whose window k + 1 repeats window k from row s on."""
    kept = []
    for chunk in np.split(pairs, range(_CHUNK, len(pairs), _CHUNK)):
        equal = bits[chunk + 1, : bits.shape[1] - s] == bits[chunk, s:]
        kept.append(chunk[equal.all(axis=(1, 2))])
    return np.concatenate(kept)


def _information(bits: NDArray[np.int64]) -> NDArray[np.float64]:
    """Measure what it says that two values of a variable agree: -log2 of its chance, (d,) bits."""
    rows = bits.reshape(-1, bits.shape[2])
    rows = rows[:: max(1, len(rows) // _SAMPLED_ROWS)]
    counts = [np.unique(column, return_counts=True)[1] / len(rows) for column in rows.T]
    return np.array([-np.log2(np.sum(share**2)) for share in counts])


def _evidence(
    bits: NDArray[np.int64], information: NDArray[np.float64], s: int, pairs: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Count the bits that speak against coincidence in the overlap of each pair.

    Only the first row and the values that differ from the row before count: sensors often stand still.
    """
    evidence = []
    for chunk in np.split(pairs, range(_CHUNK, len(pairs), _CHUNK)):
        overlap = bits[chunk, s:]
        told = (overlap[:, 1:] != overlap[:, :-1]).sum(axis=1) + 1
        evidence.append(told @ information)
    return np.concatenate(evidence)
