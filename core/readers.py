"""Data from outside: one door for CSV, NPZ and folders of arrays."""

import re
import unicodedata
from pathlib import Path

from core.array_reader import read_folder, read_npz
from core.config import DataConfig
from core.csv_reader import read_csv
from core.errors import InputError
from core.tables import Table


def read_table(path: str, config: DataConfig) -> Table:
    """Read a CSV file, an NPZ file, or a folder of arrays.

    Args:
        path: a folder, a file that ends in .npz, or delimited text under any other name.
        config: separator, decimal sign and missing values of a CSV; the rest is not used.
    Returns:
        The table, with the true graph where an NPZ file or a folder holds `A_true`.
    Raises:
        InputError: no such file, or whatever keeps it from being read; the message starts with the path.
    """
    try:
        is_folder = Path(path).is_dir()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None
    if is_folder:
        return read_folder(path, short_name(Path(path).resolve().name))
    name = short_name(Path(path).stem)
    return read_npz(path, name) if Path(path).suffix.lower() == ".npz" else read_csv(path, name, config)


def short_name(stem: str) -> str:
    """Turn a file's stem into a name of 1 to 64 characters out of A-Z, a-z, 0-9, dot, underscore and dash."""
    ascii_stem = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", ascii_stem).strip("-.")[:64].rstrip("-.") or "data"
