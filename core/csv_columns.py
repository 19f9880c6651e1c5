"""What each column of a CSV is: a variable, a time, a series label, a row counter, or nothing."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.cells import MISSING_TEXTS, CellRules, number, numbers
from core.delimited import Sheet, shown
from core.timestamps import TimeColumn, is_time, read_time_column

_COUNTER_NAMES = {"", "index", "unnamed: 0"}


@dataclass(frozen=True)
class Variable:
    """One variable as read.

    Args:
        name: its header.
        position: number of its column in the file, from 1.
        cells: n stripped texts.
        values: (n,) float64; NaN where missing or text, infinite where the cell is or overflows.
        text: (n,) bool, neither a number nor missing.
    """

    name: str
    position: int
    cells: tuple[str, ...]
    values: NDArray[np.float64]
    text: NDArray[np.bool_]


@dataclass(frozen=True)
class Columns:
    """The columns of a file by what they are.

    Args:
        variables: what is learned from, in file order.
        times: columns that say when a row was measured.
        labels: (n,) int64 each; a change starts a new segment.
        unnamed: numbers of the columns without a name or a value, dropped.
        notes: what was left out, besides times.
    """

    variables: list[Variable] = field(default_factory=list)
    times: list[TimeColumn] = field(default_factory=list)
    labels: list[NDArray[np.int64]] = field(default_factory=list)
    unnamed: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def split_header(sheet: Sheet) -> tuple[list[str], list[list[str]], list[str]]:
    """Take the first row as names, or as data where it holds only numbers, times and texts for missing.

    Args:
        sheet: the rectangle of cells.
    Returns:
        d names (x1, x2, ... without a header), the data rows, and notes.
    """
    is_number = [number(cell, "," if "," in cell else ".") is not None for cell in sheet.header]
    words = [cell for cell, numeric in zip(sheet.header, is_number, strict=True) if not numeric]
    if not any(is_number) or not all(cell in MISSING_TEXTS - {""} or is_time(cell) for cell in words):
        return sheet.header, sheet.rows, []
    names = [f"x{k + 1}" for k in range(len(sheet.header))]
    note = f"no header (the first row holds numbers): the columns are named x1 to x{len(names)}"
    return names, [sheet.header, *sheet.rows], [note]


def sort_columns(header: list[str], texts: list[tuple[str, ...]], rules: CellRules) -> Columns:
    """Tell variables from times, labels, counters and empty columns.

    Args:
        header: name of each column.
        texts: cells of each column, n each.
        rules: decimal sign and missing values.
    """
    columns = Columns()
    for position, (name, cells) in enumerate(zip(header, texts, strict=True), start=1):
        if not name and not any(cells):
            columns.unnamed.append(position)
            continue
        values, text = numbers(cells, rules)
        if name.lower() in _COUNTER_NAMES and _counts_rows(values):
            columns.notes.append(f"left out of the variables: column {position}, {shown(name)} (counts the rows)")
        elif name.lower() == "segment" and (label := _label(cells, values, text)) is not None:
            columns.labels.append(label)
        elif (time := read_time_column(name, cells, values, text)) is not None:
            columns.times.append(time)
        else:
            columns.variables.append(Variable(name, position, cells, values, text))
    return columns


def _counts_rows(values: NDArray[np.float64]) -> bool:
    count = np.arange(values.size)
    return bool((values == count).all() or (values == count + 1).all())


def _label(cells: tuple[str, ...], values: NDArray[np.float64], text: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Number the labels, which are whole numbers or texts in every row; None if this is a variable."""
    if text.all():
        return np.unique(cells, return_inverse=True)[1].astype(np.int64)
    if np.isfinite(values).all() and (values % 1 == 0).all():
        return np.unique(values, return_inverse=True)[1].astype(np.int64)
    return None
