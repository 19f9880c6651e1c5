"""Sensor data from NumPy arrays: an NPZ file, or a folder of .npy files. Nothing is ever unpickled."""

import hashlib
import io
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.array_table import ArraySource, table_from_arrays
from core.delimited import decode, read_bytes
from core.errors import InputError
from core.tables import Table

SPLITS = ("train", "val", "test")  # read in this order, which is that of time
_PARTS = ("X", "M", "e", "segment")
_DAMAGED = (  # what zipfile and the decompressors raise on damaged bytes
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
_NAME_FILES = ("names.txt", "names.json", "feature_names.txt", "feature_names.json")


def read_npz(path: str, name: str) -> Table:
    """Read arrays from an NPZ file.

    Keys: X of shape (n, d) or (N, T, d), NaN where missing; M of the shape of X, 1 where observed and 0 where
    missing (the opposite cannot be recognised); e or segment, a label per row, window, or row of a window,
    whose change starts a segment; names (d,); A_true (d, d), [i, j] is i -> j. Where there is no X, X_train,
    X_val and X_test (and M_train, ...) are read one after another.

    Args:
        path: the file; named in the errors.
        name: short name of the data set.
    Returns:
        The table; overlapping windows are merged back into series.
    Raises:
        InputError: the file, or one of the keys, is not as described.
    """
    content = read_bytes(path)
    if not content:
        raise InputError(f"{path}: the file is empty", "write it again with np.savez")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist() if name.endswith(".npy")}
            used = _used(members)
            raw = {key: archive.read(members[key]) for key in used}
    except _DAMAGED as error:
        raise InputError(f"{path}: is not a readable NPZ file ({error})", "write it again with np.savez") from None
    if not any(key.startswith("X") for key in used):
        raise InputError(f"{path}: has no key X{_found(members)}", "np.savez(file, X=values, names=names)")
    where = {key: f"{path}: {key}" for key in used}
    arrays = {key: _array(where[key], raw[key]) for key in used}
    notes = _ignored("keys", set(members) - set(used))
    return table_from_arrays(name, ArraySource(path, arrays, where, hashlib.sha256(content).hexdigest(), notes))


def read_folder(path: str, name: str) -> Table:
    """Read a folder of arrays, one file a key: X.npy, M.npy, e.npy, A_true.npy, ... as in `read_npz`.

    Names come from names.npy, or a text file (one a line) or JSON list called names or feature_names.

    Args:
        path: the folder; named in the errors.
        name: short name of the data set.
    Returns:
        The table; its digest covers the files used, in the order of their names.
    Raises:
        InputError: no X.npy and no X_train.npy, or a file is not as described.
    """
    try:
        files = {file.name: file for file in sorted(Path(path).iterdir()) if file.is_file()}
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check its permissions") from None
    available = {file.removesuffix(".npy"): file for file in files if file.endswith(".npy")}
    used = _used(available)
    if not any(key.startswith("X") for key in used):
        tables = [str(file) for file in files.values() if file.suffix.lower() in (".csv", ".npz", ".txt", ".tsv")]
        hint = f"name the file: --data {tables[0]}" if tables else "give a folder with X.npy, or a CSV or NPZ file"
        raise InputError(f"{path}: the folder has no X.npy{_found(files)}", hint)
    where = {key: str(files[available[key]]) for key in used}
    content = {where[key]: read_bytes(where[key]) for key in used}
    arrays = {key: _array(where[key], content[where[key]]) for key in used}
    name_file = next((str(files[file]) for file in _NAME_FILES if file in files), None)
    if name_file and "names" not in arrays:
        where["names"] = name_file
        content[name_file] = read_bytes(name_file)
        arrays["names"] = np.array(_names(name_file, content[name_file]), dtype=np.str_)
    sha256 = hashlib.sha256(b"".join(content[file] for file in sorted(content))).hexdigest()
    notes = _ignored("arrays", set(available) - set(used))
    return table_from_arrays(name, ArraySource(path, arrays, where, sha256, notes))


def _used(available: Iterable[str]) -> list[str]:
    """List the keys that are read: the whole where there is an X, otherwise its splits."""
    suffixes = [""] if "X" in available else [f"_{split}" for split in SPLITS if f"X_{split}" in available]
    wanted = [part + suffix for suffix in suffixes for part in _PARTS] + ["A_true", "names"]
    return [key for key in wanted if key in available]


def _found(names: Iterable[str]) -> str:
    listed = sorted(names)
    return f" (found: {', '.join(listed[:8])}{', ...' if len(listed) > 8 else ''})" if listed else " (it is empty)"


def _ignored(what: str, names: set[str]) -> list[str]:
    return [f"{what} not used: {', '.join(sorted(names))}"] if names else []


def _array(where: str, raw: bytes) -> NDArray[Any]:
    """Read one array; never one of Python objects, which would run code."""
    try:
        return np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)
    except (ValueError, TypeError, EOFError, OverflowError, MemoryError) as error:
        if "Object arrays" in str(error):
            remedy = "save numbers as float64 and names as np.array(names, dtype=str)"
            raise InputError(f"{where} is an array of Python objects, which is not loaded", remedy) from None
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{where} is not a readable array ({reason})", "write it again with NumPy") from None


def _names(file: str, raw: bytes) -> list[str]:
    """Read names from a JSON list, or from text with one name a line."""
    text = decode(file, raw)
    if not file.endswith(".json"):
        return [line.strip() for line in text.splitlines() if line.strip()]
    try:
        names = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: is not JSON ({error})", 'write a list of names: ["a", "b"]') from None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputError(f"{file}: must be a list of names", 'write it as ["a", "b"]')
    return names
