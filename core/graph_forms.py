"""The forms in which a graph comes: edge list, square CSV, array. [i, j] is i -> j throughout."""

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.cells import number
from core.delimited import Sheet, shown, shown_cell
from core.errors import InputError

_LISTED = 3  # so many unknown names are spelt out
_WORDS = {"true": 1.0, "false": 0.0}


def plain_name(cell: str, names: Sequence[str]) -> str:
    """Drop the quote that a CSV writer puts before = + - @, which spreadsheets would run, and before a quote."""
    quoted = cell not in names and cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@", "\t", "\r", "'")
    return cell[1:] if quoted and cell[1:] in names else cell


def graph_from_edges(path: str, sheet: Sheet, ends: tuple[int, int], names: Sequence[str]) -> NDArray[np.bool_]:
    """Read an edge list.

    Args:
        path: named in the errors.
        sheet: one row an edge; blank rows are skipped, an edge given twice counts once.
        ends: column numbers of cause and effect, from 0.
        names: d distinct variable names.
    Returns:
        (d, d) bool, [i, j] is i -> j.
    Raises:
        InputError: an unknown name, a self-loop, or a row with one end only.
    """
    node = {name: k for k, name in enumerate(names)}
    graph = np.zeros((len(names), len(names)), dtype=np.bool_)
    unknown: dict[str, int] = {}
    for line, row in zip(sheet.lines, sheet.rows, strict=True):
        cause, effect = (plain_name(row[end], names) for end in ends)
        if not any(row):
            continue
        if not cause or not effect:
            raise InputError(f"{path}: line {line} names no {'effect' if cause else 'cause'}", "complete the line")
        for name in (cause, effect):
            if name not in node:
                unknown.setdefault(name, line)
        if cause == effect:
            message = f"{path}: line {line}: self-loop {shown(cause)} -> {shown(effect)}"
            raise InputError(message, "remove the line: a variable's own past needs no edge")
        if cause in node and effect in node:
            graph[node[cause], node[effect]] = True
    if unknown:
        raise _unknown_names(path, unknown, names)
    return graph


def graph_from_square(path: str, sheet: Sheet, names: Sequence[str]) -> NDArray[np.bool_]:
    """Read a square CSV: names as header and first column, in any order; cell [row, column] is row -> column.

    Args:
        path: named in the errors.
        sheet: cells 0 and 1, or true and false; blank rows are skipped.
        names: d distinct variable names.
    Returns:
        (d, d) bool, [i, j] is i -> j.
    Raises:
        InputError: unknown, missing or double names, a cell that is not 0 or 1, or a self-loop.
    """
    rows = [(line, row) for line, row in zip(sheet.lines, sheet.rows, strict=True) if any(row)]
    effects = [plain_name(cell, names) for cell in sheet.header[1:]]
    causes = [plain_name(row[0], names) for _, row in rows]
    lines = dict(zip(reversed(causes), (line for line, _ in reversed(rows)), strict=True))
    unknown = {name: lines.get(name, 1) for name in [*effects, *causes] if name not in names}
    if unknown:
        raise _unknown_names(path, unknown, names)
    for what, found in (("columns", effects), ("rows", causes)):
        if len(set(found)) < len(found):
            double = next(name for name in found if found.count(name) > 1)
            raise InputError(f"{path}: two {what} are named {shown(double)}", "keep one of them")
        if len(found) < len(names):
            absent = ", ".join(shown(name) for name in names if name not in found)
            message = f"{path}: has {len(found)} {what} but the data have {len(names)} variables; missing: {absent}"
            raise InputError(message, "give every variable a row and a column")
    graph = np.zeros((len(names), len(names)))
    node = {name: k for k, name in enumerate(names)}
    for cause, (line, row) in zip(causes, rows, strict=True):
        for effect, cell in zip(effects, row[1:], strict=True):
            graph[node[cause], node[effect]] = _binary(f"{path}: line {line}, {shown(cause)} -> {shown(effect)}", cell)
    return check_adjacency(f"{path}: the graph", graph, names)


def _binary(where: str, cell: str) -> float:
    """Read 0, 1, true or false."""
    value = _WORDS.get(cell.lower(), number(cell, "," if "," in cell else "."))
    if value is None or value not in (0.0, 1.0):
        got = shown_cell(cell) if cell else "an empty cell"
        remedy = "write 0 for no edge and 1 for an edge; cut strengths at a threshold first"
        raise InputError(f"{where}: must be 0 or 1 but got {got}", remedy)
    return value


def check_adjacency(where: str, values: NDArray[np.generic], names: Sequence[str]) -> NDArray[np.bool_]:
    """Turn a matrix of 0 and 1 into a graph.

    Args:
        where: begins the error, such as "data.npz: A_true".
        values: (d, d) numbers or booleans, [i, j] is i -> j.
        names: d variable names.
    Returns:
        (d, d) bool, [i, j] is i -> j, zero diagonal.
    Raises:
        InputError: another shape, a value that is not 0 or 1, or a self-loop.
    """
    d = len(names)
    if values.shape != (d, d):
        raise InputError(f"{where} must have shape ({d}, {d}) but got {values.shape}", "one row and column a variable")
    if values.dtype.kind not in "biuf":
        raise InputError(f"{where} must hold 0 and 1 but is of type {values.dtype}", "write it as numbers or booleans")
    odd = np.argwhere((values != 0) & (values != 1))  # NaN differs from both
    if odd.size:
        i, j = odd[0]
        got = f"{values[i, j]} at {shown(names[i])} -> {shown(names[j])}"
        raise InputError(f"{where} must hold 0 and 1 but got {got}", "cut strengths at a threshold first")
    graph = values.astype(np.bool_)
    loops = np.flatnonzero(np.diag(graph))
    if loops.size:
        raise InputError(f"{where} has a self-loop at {shown(names[loops[0]])}", "set the diagonal to 0")
    return graph


def _unknown_names(path: str, unknown: dict[str, int], names: Sequence[str]) -> InputError:
    """Name the unknown variables with their lines, and the nearest known ones."""
    first = list(unknown.items())[:_LISTED]
    listed = ", ".join(f"{shown(name)} (line {line})" for name, line in first)
    more = f" and {len(unknown) - len(first)} more" if len(unknown) > len(first) else ""
    message = f"{path}: unknown variable{'s' if len(unknown) > 1 else ''} {listed}{more}"
    lower = {name.lower(): name for name in reversed(names)}
    near = {name: difflib.get_close_matches(name.lower(), lower, n=1) for name, _ in first}
    guesses = [f"{shown(lower[match[0]])} for {shown(name)}" for name, match in near.items() if match]
    known = ", ".join(shown(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
    return InputError(message, (f"did you mean {', '.join(guesses)}? " if guesses else "") + f"The data have {known}")
