"""CSV files of a run folder as named columns: numbers with NaN for blanks, texts as they stand."""

import csv
import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import RunFolderError

Floats = NDArray[np.float64]
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Columns:
    """A table by columns, all of `rows` entries. A column that was not recorded reads as all blank."""

    rows: int
    numbers: dict[str, Floats]
    texts: dict[str, list[str]]
    order: tuple[str, ...] = ()

    def number(self, name: str) -> Floats:
        """Give a numeric column, (rows,) float64, NaN where blank."""
        return self.numbers.get(name, np.full(self.rows, np.nan))

    def text(self, name: str) -> list[str]:
        """Give a text column; a numeric one is not turned into text."""
        return self.texts.get(name, [""] * self.rows)

    def take(self, chosen: NDArray[np.int64] | NDArray[np.bool_]) -> "Columns":
        """Give some rows, in the order chosen."""
        where = np.arange(self.rows)[chosen]
        numbers = {name: values[where] for name, values in self.numbers.items()}
        texts = {name: [values[i] for i in where] for name, values in self.texts.items()}
        return Columns(len(where), numbers, texts, self.order)


def unguard(text: str) -> str:
    """Take off the quote that keeps a spreadsheet from reading a text cell as a formula, or another quote as one."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@\t\r'" else text


def parsed(path: Path, parse: Callable[[str], T]) -> T:
    """Read and parse a text file of a run folder.

    Raises:
        RunFolderError: the file is unreadable or is not what it should be.
    """
    try:
        return parse(path.read_bytes().decode("utf-8-sig"))  # as text a carriage return in a cell would be lost
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error.strerror}", "check the folder's permissions") from error
    except (ValueError, csv.Error) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(
            f"{path}: is damaged: {line}", "run the sweep's command again: it continues and rewrites the file"
        ) from error


def rows_of(text: str) -> list[list[str]]:
    """Parse a CSV into rows of texts, blank lines left out."""
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


def read_columns(path: Path, text_columns: frozenset[str]) -> Columns:
    """Read a CSV or CSV.gz; columns not named as text must be numeric, except unknown ones, which may be either.

    Raises:
        RunFolderError: the file is unreadable or damaged.
    """
    try:
        frame = pd.read_csv(
            path,
            dtype={name: str for name in text_columns},
            keep_default_na=False,
            na_values={},
            encoding="utf-8-sig",
            low_memory=False,
        )
    except pd.errors.EmptyDataError:
        return Columns(0, {}, {})
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be read: {error}", "check that it is whole and readable") from error
    except (ValueError, EOFError, zlib.error) as error:
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunFolderError(
            f"{path}: is damaged: {line}", "run the sweep's command again: it continues and rewrites the file"
        ) from error
    numbers: dict[str, Floats] = {}
    texts: dict[str, list[str]] = {}
    for name in frame.columns:
        column = frame[name]
        if name not in text_columns:
            values = _numeric(column)
            if values is not None:
                numbers[name] = values
                continue
        texts[name] = [unguard(str(cell)) for cell in column.tolist()]
    return Columns(len(frame), numbers, texts, tuple(str(name) for name in frame.columns))


def _numeric(column: "pd.Series[str]") -> Floats | None:
    """Turn a column into numbers with NaN for blanks; None where it is text."""
    try:
        return np.asarray(pd.to_numeric(column.mask(column == "")), dtype=np.float64)
    except (ValueError, TypeError):
        return None
