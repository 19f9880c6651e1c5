"""A table from raw arrays: shapes, masks, labels, names and graph checked, windows merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.delimited import shown
from core.errors import InputError
from core.graph_forms import check_adjacency
from core.tables import Table
from core.windows import merge_windows


@dataclass(frozen=True)
class ArraySource:
    """Arrays as stored.

    Args:
        path: the file or folder as given.
        arrays: by key: X, M, e, segment (or X_train, M_train, ...), names, A_true.
        where: begins an error about a key: path and key, or the file.
        sha256: digest of what was read.
        notes: what was not used.
    """

    path: str
    arrays: dict[str, NDArray[Any]]
    where: dict[str, str]
    sha256: str
    notes: list[str]


def table_from_arrays(name: str, source: ArraySource) -> Table:
    """Check arrays and make a table of them.

    Args:
        name: short name of the data set.
        source: with X or at least one of X_train, X_val, X_test.
    Returns:
        The table. Windows that overlap are merged; every other window, every part and every change of a label
        starts a segment.
    Raises:
        InputError: a shape, a type or a value is not as it must be; the message names file and key.
    """
    suffixes = [key.removeprefix("X") for key in source.arrays if key == "X" or key.startswith("X_")]
    parts = [_values(source, suffix) for suffix in suffixes]
    shapes = [part.shape[1:] for part in parts]
    for suffix, shape in zip(suffixes, shapes, strict=True):
        if shape != shapes[0]:
            message = f"{source.where['X' + suffix]} has rows or windows of shape {shape}"
            raise InputError(f"{message} but X{suffixes[0]} has {shapes[0]}", "cut all parts alike")
    labels = [_labels(source, key, suffixes, parts) for key in ("e", "segment")]
    names, name_notes = _names(source, shapes[0][-1])
    graph = source.arrays.get("A_true")
    truth = None if graph is None else check_adjacency(source.where["A_true"], graph, names)
    values, segment, series_note = _series(parts, [label for label in labels if label is not None])
    notes = (*source.notes, *name_notes, *_mask_notes(source, suffixes, parts), *series_note)
    return Table(name, names, values, segment, truth, source.sha256, notes, source.path)


def _series(
    parts: list[NDArray[np.float64]], labels: list[NDArray[np.int64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Join parts, merge windows, and number the unbroken series."""
    joined = np.concatenate(parts)
    if joined.ndim == 2:
        values, starts = joined, np.zeros(len(joined), dtype=np.bool_)
        starts[np.cumsum([0, *map(len, parts[:-1])])] = True
    else:
        merged = merge_windows(joined)
        values, starts = merged.values, merged.starts.copy()
        labels = [label[merged.window, merged.step] for label in labels]
    for label in labels:
        starts[1:] |= label[1:] != label[:-1]
    segment = np.cumsum(starts).astype(np.int64) - 1
    n_segments = int(segment[-1]) + 1
    if joined.ndim == 3:
        return values, segment, [_window_note(len(joined), joined.shape[1], merged.stride, len(values), n_segments)]
    return values, segment, [f"segments (unbroken series): {n_segments}"] if n_segments > 1 else []


def _window_note(n_windows: int, length: int, stride: int, rows: int, segments: int) -> str:
    if not stride:
        return f"{n_windows} windows of {length} rows do not overlap: each is a segment of its own"
    plural = "s" if segments > 1 else ""
    windows = f"{n_windows} windows of {length} rows at stride {stride}"
    return f"{windows} merged into {rows} rows in {segments} segment{plural}"


def _values(source: ArraySource, suffix: str) -> NDArray[np.float64]:
    """Read X with NaN where missing, (n, d) or (N, T, d); never infinite."""
    x, where = source.arrays["X" + suffix], source.where["X" + suffix]
    if x.ndim not in (2, 3):
        message = f"{where} must have shape (rows, variables) or (windows, rows, variables) but got {x.shape}"
        raise InputError(message, "the last axis holds the variables")
    if x.dtype.kind not in "biuf":
        raise InputError(f"{where} must hold numbers but is of type {x.dtype}", "save it as float64")
    if 0 in x.shape:
        raise InputError(f"{where} is empty: its shape is {x.shape}", "save at least one row")
    if x.shape[-1] < 2:
        message = f"{where} needs two variables or more but has {x.shape[-1]}"
        raise InputError(f"{message}: its shape is {x.shape}", "the last axis holds the variables")
    with np.errstate(over="ignore"):
        values = x.astype(np.float64)
    mask = source.arrays.get("M" + suffix)
    if mask is not None:
        values[~_observed(source.where["M" + suffix], mask, x.shape)] = np.nan
    elif any(key.startswith("M") for key in source.arrays):
        raise InputError(
            f"{where} has no M{suffix}, though another part has one", "save a mask for every part, or none"
        )
    infinite = np.argwhere(np.isinf(values))
    if infinite.size:
        place = tuple(infinite[0].tolist())
        message = f"{where} is infinite, or too large for float64, in {len(infinite)} of {values.size} values"
        raise InputError(f"{message} (first: index {place})", "use NaN where nothing was measured")
    return values


def _observed(where: str, mask: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if mask.shape != shape:
        raise InputError(f"{where} must have the shape of X, {shape}, but got {mask.shape}", "one flag a value")
    if mask.dtype.kind not in "biuf" or not ((mask == 0) | (mask == 1)).all():
        raise InputError(f"{where} must hold 1 where observed and 0 where missing", "save it as booleans")
    return mask.astype(np.bool_)


def _mask_notes(source: ArraySource, suffixes: Sequence[str], parts: Sequence[NDArray[np.float64]]) -> list[str]:
    """Say so where a mask hides most values: 0 and 1 may be the other way round."""
    if not any("M" + suffix in source.arrays for suffix in suffixes):
        return []
    share = sum(int(np.isnan(part).sum()) for part in parts) / sum(part.size for part in parts)
    return [f"{share:.0%} of the values are missing; in M, 1 means observed"] if share > 0.5 else []


def _labels(
    source: ArraySource, key: str, suffixes: Sequence[str], parts: Sequence[NDArray[np.float64]]
) -> NDArray[np.int64] | None:
    """Read a label for each row, (n,) or (N, T); None if there is none."""
    found = []
    for suffix, part in zip(suffixes, parts, strict=True):
        label = source.arrays.get(key + suffix)
        if label is None:
            continue
        where, shape = source.where[key + suffix], part.shape[:-1]
        if label.ndim == len(shape) + 1 and label.shape[-1] == 1:
            label = label[..., 0]
        if label.shape not in (shape, shape[:1]):
            allowed = " or ".join(str(each) for each in dict.fromkeys([shape[:1], shape]))
            raise InputError(f"{where} must have shape {allowed} but got {label.shape}", "one label a row or window")
        if label.dtype.kind not in "biufUS" or (label.dtype.kind == "f" and np.isnan(label).any()):
            raise InputError(f"{where} must hold whole numbers or texts", "one label a row or window, none missing")
        found.append(np.broadcast_to(label.reshape(label.shape + (1,) * (len(shape) - label.ndim)), shape))
    if not found:
        return None
    if len(found) < len(parts):
        raise InputError(f"{source.path}: some parts have {key} and others do not", "save it for every part, or none")
    joined = np.concatenate(found)
    return np.unique(joined, return_inverse=True)[1].reshape(joined.shape).astype(np.int64)


def _names(source: ArraySource, d: int) -> tuple[tuple[str, ...], list[str]]:
    """Read d distinct names, or number the variables."""
    array = source.arrays.get("names")
    if array is None:
        return tuple(f"x{k + 1}" for k in range(d)), [f"no names: the variables are named x1 to x{d}"]
    where = source.where["names"]
    if array.dtype.kind not in "US" or array.shape != (d,):
        message = f"{where} must hold {d} texts, one a variable, but has shape {array.shape} and type {array.dtype}"
        raise InputError(message, "names=np.array([...], dtype=str)")
    try:
        texts = [text.decode("utf-8") if isinstance(text, bytes) else str(text) for text in array.tolist()]
    except UnicodeDecodeError:
        raise InputError(f"{where} is not UTF-8", "names=np.array([...], dtype=str)") from None
    names = tuple(text.strip() for text in texts)
    if "" in names:
        raise InputError(f"{where}: variable {names.index('') + 1} has no name", "give every variable a name")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise InputError(f"{where}: two variables are named {shown(double)}", "rename one of them")
    return names, []
