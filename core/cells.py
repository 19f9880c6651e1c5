"""Cells of a CSV as numbers: decimal sign, and the texts and numbers that mean missing."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# `n/a`, `-` and others are not here: they may mean "below detection" or "unchanged", so a person decides.
MISSING_TEXTS = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "?"})

_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_DOT_NUMBER = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")


@dataclass(frozen=True)
class CellRules:
    """How the cells of one file are read.

    Args:
        decimal: "." or ",".
        texts: cells that mean missing.
        codes: numbers that mean missing, however they are written.
    """

    decimal: str
    texts: frozenset[str]
    codes: tuple[float, ...]


def cell_rules(decimal: str, missing_values: Iterable[str]) -> CellRules:
    """Join the built-in texts for missing with those of the settings.

    Args:
        decimal: "." or ",".
        missing_values: texts that mean missing; one that is a number also means every spelling of it.
    """
    texts = {text.strip() for text in missing_values}
    numbers = (number(text, "," if "," in text else ".") for text in sorted(texts))
    codes = tuple(value for value in numbers if value is not None and value == value)
    return CellRules(decimal, MISSING_TEXTS | texts, codes)


def number(text: str, decimal: str) -> float | None:
    """Read one number; None if it is none. `1_000`, which Python takes for a number, is text."""
    if "_" in text or (decimal == "," and "." in text):
        return None
    try:
        return float(text.replace(",", ".") if decimal == "," else text)
    except ValueError:
        return None


def numbers(cells: Sequence[str], rules: CellRules) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read a column.

    Args:
        cells: n stripped texts.
        rules: decimal sign and missing codes.
    Returns:
        (n,) float64, NaN where missing or text, infinite where the cell is or overflows; (n,) bool, text.
    """
    values = _bulk(cells, rules.decimal)
    text = np.zeros(len(cells), dtype=np.bool_)
    if values is None:
        distinct = set(cells)
        known = {cell: number(cell, rules.decimal) for cell in distinct - rules.texts}
        unread = {cell for cell, value in known.items() if value is None}
        missing = float("nan")
        table = {cell: missing if (value := known.get(cell)) is None else value for cell in distinct}
        values = np.fromiter((table[cell] for cell in cells), dtype=np.float64, count=len(cells))
        if unread:
            text = np.fromiter((cell in unread for cell in cells), dtype=np.bool_, count=len(cells))
    for code in rules.codes:
        values[values == code] = np.nan
    return values, text


def _bulk(cells: Sequence[str], decimal: str) -> NDArray[np.float64] | None:
    """Read a clean column at once; None if any cell needs a closer look."""
    joined = "".join(cells)
    if "_" in joined or (decimal == "," and "." in joined):
        return None
    try:
        if decimal == "," and "," in joined:
            return np.array([float(cell.replace(",", ".")) for cell in cells], dtype=np.float64)
        return np.array(list(map(float, cells)), dtype=np.float64)
    except ValueError:
        return None


def recognise_decimal(columns: Iterable[Sequence[str]], separator: str) -> str:
    """Tell the decimal sign of a file from its cells.

    `1,234` beside dots, or quoted between commas, may be a thousand: it is then left as text, so that a
    person is asked.

    Args:
        columns: the cells of each column.
        separator: what stands between the fields.
    Returns:
        "," or ".".
    """
    columns = list(columns)
    with_comma = {cell for cells in columns for cell in cells if "," in cell}
    commas = {cell for cell in with_comma if _COMMA_NUMBER.fullmatch(cell) or _THOUSANDS.fullmatch(cell)}
    if not commas:
        return "."
    dots = sum(_DOT_NUMBER.fullmatch(cell) is not None for cell in set().union(*columns) if "." in cell)
    if (dots or separator != ";") and all(_THOUSANDS.fullmatch(cell) for cell in commas):
        return "."
    return "," if len(commas) > dots else "."


def is_other_notation(text: str) -> bool:
    """Tell whether a text is a number with another decimal sign, or with a sign for thousands."""
    digits = text.replace(",", "").replace(".", "")
    return digits != text and number(digits, ".") is not None
