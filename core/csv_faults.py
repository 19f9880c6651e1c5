"""What keeps a CSV's columns from being variables, and what to do about it."""

import json
import shlex
from collections import Counter
from collections.abc import Sequence

import numpy as np

from core.cells import is_other_notation
from core.csv_columns import Columns, Variable
from core.delimited import shown, shown_cell
from core.errors import InputError, InputErrors

_LISTED = 5  # more different texts than this are not a missing code


def missing_values_option(texts: Sequence[str]) -> str:
    """Spell the option that names all texts and codes for missing, as typed in a shell."""
    listed = json.dumps(list(dict.fromkeys(texts)), ensure_ascii=False)
    return f"--set data.missing_values={shlex.quote(listed)}"


def check_names(path: str, columns: Columns) -> None:
    """Refuse variables without a name, variables of one name, and fewer than two variables.

    Raises:
        InputError: with the numbers of the columns.
    """
    for variable in columns.variables:
        if not variable.name:
            raise InputError(
                f"{path}: column {variable.position} has no name",
                "name it in the header, or remove the column; a file without a header needs one",
            )
    for name, count in Counter(variable.name for variable in columns.variables).items():
        if count > 1:
            positions = [str(variable.position) for variable in columns.variables if variable.name == name]
            where = f"{', '.join(positions[:-1])} and {positions[-1]}"
            raise InputError(f"{path}: columns {where} have the same name {shown(name)}", "rename all but one")
    if len(columns.variables) < 2:
        found = ", ".join(shown(variable.name) for variable in columns.variables) or "none"
        left = f"; {', '.join(shown(time.name) for time in columns.times)} taken for the time" if columns.times else ""
        raise InputError(
            f"{path}: needs two variables or more but has {len(columns.variables)} ({found}{left})",
            "if something else than ; , | or tab stands between the fields, name it: --set data.separator=' '",
        )


def check_text(path: str, variables: list[Variable], decimal: str, codes: Sequence[str]) -> None:
    """Refuse columns with cells that are neither numbers nor missing.

    Args:
        path: named in the error.
        variables: all of them.
        decimal: the decimal sign of the file.
        codes: what the remedy must name besides the texts found, since naming codes ends their recognition.
    Raises:
        InputError: column, number of cells, first row and cell; InputErrors for several columns.
    """
    bad = [variable for variable in variables if variable.text.any()]
    found = {variable.position: _texts(variable) for variable in bad}
    fixable = [variable for variable in bad if _is_code_like(variable, found[variable.position])]
    texts = [text for variable in fixable for text in found[variable.position]]
    errors = []
    for variable in bad:
        row = int(np.argmax(variable.text))
        message = (
            f"{path}: column {shown(variable.name)} is text in {variable.text.sum()} of {variable.text.size} rows "
            f"(first: row {row + 1}, {shown_cell(variable.cells[row])})"
        )
        if variable in fixable:
            hint = missing_values_option([*codes, *texts])
        else:
            hint = _other_remedy(variable, found[variable.position], decimal)
        errors.append(InputError(message, hint))
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)


def _texts(variable: Variable) -> list[str]:
    """List the different texts of a column in the order they appear."""
    return list(dict.fromkeys(variable.cells[row] for row in np.flatnonzero(variable.text)))


def _is_code_like(variable: Variable, texts: list[str]) -> bool:
    """Tell whether the texts of a column can be codes for missing: few, beside numbers, no numbers themselves."""
    has_numbers = bool(np.isfinite(variable.values).any())
    return has_numbers and len(texts) <= _LISTED and not any(is_other_notation(text) for text in texts)


def _other_remedy(variable: Variable, texts: list[str], decimal: str) -> str:
    if any(is_other_notation(text) for text in texts):
        other = "." if decimal == "," else ","
        return (
            f"use one decimal sign throughout and no sign for thousands; if it is `{other}`: --set data.decimal={other}"
        )
    if not np.isfinite(variable.values).any() or 2 * variable.text.sum() >= variable.text.size:
        return f"remove column {shown(variable.name)} from the file, or write it as numbers"
    return "correct these cells, or name every text that means missing in data.missing_values"


def check_finite(path: str, variables: list[Variable]) -> None:
    """Refuse infinite values.

    Raises:
        InputError: column, number of cells, first row and cell; InputErrors for several columns.
    """
    errors = []
    for variable in variables:
        infinite = np.isinf(variable.values)
        if not infinite.any():
            continue
        row = int(np.argmax(infinite))
        cell = variable.cells[row]
        what = "infinite" if cell.lstrip("+-").lower().startswith("inf") else "too large for a 64-bit number"
        message = (
            f"{path}: column {shown(variable.name)} is {what} in {infinite.sum()} of {infinite.size} rows "
            f"(first: row {row + 1}, {shown_cell(cell)})"
        )
        errors.append(InputError(message, "leave the cell empty where nothing was measured"))
    if errors:
        raise errors[0] if len(errors) == 1 else InputErrors(errors)
