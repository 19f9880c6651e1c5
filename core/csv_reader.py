"""Sensor data from CSV: everything recognised is said in the notes, everything else is refused."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from core.cells import cell_rules, number, recognise_decimal
from core.config import DataConfig
from core.csv_columns import Columns, Variable, sort_columns, split_header
from core.csv_faults import check_finite, check_names, check_text, missing_values_option
from core.delimited import Sheet, decode, read_bytes, read_sheet, shown
from core.errors import InputError
from core.missing_codes import FoundCodes, find_codes
from core.tables import Table
from core.time_steps import Steps, find_steps
from core.timestamps import TimeColumn, row_times

_UNITS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def read_csv(path: str, name: str, config: DataConfig) -> Table:
    """Read sensor data from delimited text.

    Separator, decimal sign, a missing header, date and time columns, a row counter, a column `segment` and
    number codes for missing are recognised, and each is said in the notes. A gap in time starts a segment.

    Args:
        path: the file; named in the errors.
        name: short name of the data set.
        config: separator, decimal sign and missing values, where given.
    Returns:
        The table; `truth` is None.
    Raises:
        InputError: whatever keeps the file from being read as numbers, with its column and row (data rows
            count from 1 below the header) or its line (from 1 at the top of the file).
    """
    content = read_bytes(path)
    sheet = read_sheet(path, decode(path, content), config.separator, config.blank_rows == "keep")
    header, rows, notes = split_header(sheet)
    if not rows:
        raise InputError(f"{path}: has a header but no data rows", "add rows below the header")
    texts = list(zip(*rows, strict=True))
    decimal = config.decimal or recognise_decimal(texts, sheet.separator)
    columns = sort_columns(header, texts, cell_rules(decimal, config.missing_values))
    notes += _format_notes(sheet, decimal, len(columns.unnamed))
    check_names(path, columns)
    variables = columns.variables
    values = np.column_stack([variable.values for variable in variables])
    codes = find_codes(values)
    check_text(path, variables, decimal, config.missing_values or [_spelt(code) for code in codes.certain])
    check_finite(path, variables)
    notes += columns.notes + _unmatched(variables, config.missing_values, decimal)
    notes += _code_notes(codes, [variable.name for variable in variables], config.missing_values)
    if not config.missing_values:
        values = _without_codes(values, codes)
    values, segment, time_notes = _series(values, columns)
    names = tuple(variable.name for variable in variables)
    sha256 = hashlib.sha256(content).hexdigest()
    return Table(name, names, values, segment, None, sha256, (*notes, *time_notes), path)


def _format_notes(sheet: Sheet, decimal: str, unnamed: int) -> list[str]:
    notes = []
    if sheet.separator != "," or decimal != ".":
        separator = {"\t": "tab", " ": "space"}.get(sheet.separator, f"`{sheet.separator}`")
        notes.append(f"fields are separated by {separator}, the decimal sign is `{decimal}`")
    if unnamed + sheet.blank_columns:
        notes.append(f"dropped empty columns without a name: {unnamed + sheet.blank_columns}")
    if sheet.blank_rows:
        notes.append(f"dropped blank rows at the end: {sheet.blank_rows}")
    return notes


def _unmatched(variables: list[Variable], missing_values: list[str], decimal: str) -> list[str]:
    """Say which of the missing values that the settings name is in no cell: most likely a slip."""
    if not missing_values:
        return []
    cells = set().union(*(variable.cells for variable in variables))
    present = {number(cell, decimal) for cell in cells} - {None}
    unmatched = [
        text
        for text in (text.strip() for text in missing_values)
        if text not in cells and number(text, "," if "," in text else ".") not in present
    ]
    return [f'data.missing_values names "{text}", which is in no cell' for text in unmatched]


def _without_codes(values: NDArray[np.float64], codes: FoundCodes) -> NDArray[np.float64]:
    values = values.copy()
    for code, counts in codes.certain.items():
        for k in counts:
            values[values[:, k] == code, k] = np.nan
    return values


def _code_notes(codes: FoundCodes, names: list[str], missing_values: list[str]) -> list[str]:
    """Say which codes were taken for missing, and which were not but may have to be."""
    certain = [_spelt(code) for code in codes.certain]
    notes = []
    for code, counts in codes.certain.items():
        cells = _counts(counts, names)
        if missing_values:
            option = missing_values_option([*missing_values, _spelt(code)])
            notes.append(f"{_spelt(code)} is read as a number, but looks like a code for missing: {cells}; {option}")
        else:
            option = missing_values_option(["NA"])
            notes.append(f"{_spelt(code)} is read as missing: {cells}; to read it as a number: {option}")
    for code, counts in codes.doubtful.items():
        option = missing_values_option([*(missing_values or certain), _spelt(code)])
        notes.append(f"{_spelt(code)} is read as a number: {_counts(counts, names)}; if it means missing: {option}")
    return notes


def _spelt(code: float) -> str:
    return f"{code:.15g}"


def _counts(counts: dict[int, int], names: list[str]) -> str:
    return ", ".join(f"{count} in {shown(names[k])}" for k, count in counts.items())


def _series(values: NDArray[np.float64], columns: Columns) -> tuple[NDArray[np.float64], NDArray[np.int64], list[str]]:
    """Number the unbroken series; turn a table round that runs from last to first."""
    notes = []
    starts = np.zeros(len(values), dtype=np.bool_)
    labels = columns.labels
    if columns.times:
        names = ", ".join(shown(column.name) for column in columns.times)
        notes.append(f"left out of the variables: {names} (time)")
    times = row_times(columns.times)
    if times is not None and np.isfinite(times).sum() >= 2:
        steps = find_steps(times)
        notes += _step_notes(steps, columns.times)
        starts |= steps.starts
        if steps.backwards:
            values, labels = values[::-1].copy(), [label[::-1] for label in labels]
    for label in labels:
        starts[1:] |= np.diff(label) != 0
    segment = np.cumsum(starts).astype(np.int64)
    if labels or segment[-1]:
        notes.append(f"segments (unbroken series): {segment[-1] + 1}" + (", by column `segment`" if labels else ""))
    return values, segment, notes


def _step_notes(steps: Steps, times: list[TimeColumn]) -> list[str]:
    """Say how the rows follow each other in time."""
    notes = []
    if steps.backwards:
        notes.append("the rows ran from last to first and were turned round")
    if steps.unread:
        notes.append(f"rows without a readable time: {steps.unread}, taken to lie evenly between their neighbours")
    if not steps.median:
        return [*notes, "time does not go forward, so no gaps can be seen"]
    counted = all(column.kind in ("number", "unread") for column in times)
    every = f"{steps.median:g}" if counted else _duration(steps.median)
    gaps = f"{steps.gaps} longer gaps, each starting a segment" if steps.gaps else "no gaps"
    notes.append(f"time step {every}, {gaps}")
    if steps.falls:
        notes.append(f"steps back in time: {steps.falls}, each starting a segment")
    if steps.repeats:
        notes.append(f"rows that repeat the time of the row before: {steps.repeats}")
    if steps.gaps > 0.1 * steps.starts.size:
        notes.append("time steps are uneven: to read the rows as one series, remove the time columns")
    return notes


def _duration(seconds: float) -> str:
    unit, name = next(((size, name) for size, name in _UNITS if seconds >= size), (1.0, "s"))
    return f"{seconds / unit:g} {name}"
