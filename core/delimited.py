"""Delimited text as a rectangle of cells: decoding, separator, ragged and blank rows.

Knows nothing of numbers or variables; both data and graphs are read through it.
"""

import csv
import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from core.errors import InputError

SEPARATORS = (";", "\t", "|", ",")  # a comma may also be the decimal sign, so it comes last
_SNIFFED_ROWS = 100
_FOREIGN = (  # first bytes, what the file is, what to do
    (b"PK\x03\x04", "a zip archive or spreadsheet", "export it as CSV, or name it .npz if it holds arrays"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet", "export it as CSV"),
    (b"\x1f\x8b", "compressed", "unpack it first: gunzip"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"\x93NUMPY", "a single NumPy array", "give the folder that holds X.npy, or an NPZ file with the key X"),
    (b"\xff\xfe", "UTF-16 text, not UTF-8", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text, not UTF-8", "save it as UTF-8"),
)


@dataclass(frozen=True)
class Sheet:
    """A rectangle of stripped cells.

    Args:
        header: cells of the first row that is not blank.
        rows: the rows below it, each as wide as the header; a blank row is one of empty cells.
        lines: the line of the file, from 1, on which each row begins.
        separator: what stands between the fields.
        blank_rows: blank rows dropped at the end.
        blank_columns: columns at the right without a name or a value, dropped.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    separator: str
    blank_rows: int = 0
    blank_columns: int = 0


def shown(text: str) -> str:
    """Put a name between backticks for a message: one line, printable, at most 60 characters."""
    if not text:
        return "(no name)"
    plain = "".join(c if c.isprintable() else " " for c in text)
    return f"`{plain if len(plain) <= 60 else plain[:57] + '...'}`"


def shown_cell(text: str) -> str:
    """Put a cell between quotes for a message: one line, at most 40 characters."""
    return json.dumps(text if len(text) <= 40 else text[:37] + "...", ensure_ascii=False)


def read_bytes(path: str) -> bytes:
    """Read a whole file.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"{path}: no such file", "check the path, or list the folder it should be in") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, not a file", "name a file inside it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})", "check the path and its permissions") from None


def decode(path: str, content: bytes) -> str:
    """Turn bytes into text; a byte order mark is accepted.

    Raises:
        InputError: empty, not text, or not UTF-8.
    """
    for magic, what, remedy in _FOREIGN:
        if content.startswith(magic):
            raise InputError(f"{path}: is {what}", remedy)
    if b"\0" in content:
        raise InputError(f"{path}: is not a text file (it holds zero bytes)", "export it as CSV in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}: is not UTF-8 (line {line}, byte 0x{content[error.start]:02x})",
            f"iconv -f WINDOWS-1252 -t UTF-8 {shlex.quote(path)} > utf8.csv, then read utf8.csv",
        ) from None
    if not text.strip():
        raise InputError(f"{path}: the file is empty", "give a file with a header line and data rows")
    return text


def read_sheet(path: str, text: str, separator: str = "", keep_blank: bool = False) -> Sheet:
    """Split text into a rectangle of cells.

    Args:
        path: named in the errors.
        text: the file's text.
        separator: what stands between the fields; empty: recognised.
        keep_blank: whether rows of separators alone at the end count as rows; empty lines there never do.
    Raises:
        InputError: ragged rows, an open quote, no cell at all, or a separator that is not one character.
    """
    separator = {"\\t": "\t", "tab": "\t"}.get(separator, separator)
    if len(separator) > 1 or separator in ('"', "\n", "\r"):
        raise InputError(f"data.separator must be one character but got {shown_cell(separator)}", "for a tab: tab")
    separator = separator or _recognise_separator(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for line, row in _raw_rows(text, separator):
            rows.append([cell.strip() for cell in row])
            lines.append(line)
    except csv.Error as error:
        line = lines[-1] if lines else 1
        raise InputError(f"{path}: after line {line}: {error}", 'a quote (") is not closed or not doubled') from None
    first = next((number for number, row in enumerate(rows) if any(row)), None)
    if first is None:
        raise InputError(f"{path}: no row has a filled cell", "give a file with a header line and data rows")
    end = next(number for number in range(len(rows), 0, -1) if any(rows[number - 1]))
    while keep_blank and end < len(rows) and len(rows[end]) > 1:
        end += 1
    body = Sheet(rows[first], rows[first + 1 : end], lines[first + 1 : end], separator, len(rows) - end)
    return _rectangle(path, body)


def _raw_rows(text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it begins; a quoted cell may hold line breaks."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1


def _recognise_separator(text: str) -> str:
    """Take the separator under which most rows are as wide as the first one, two fields or more."""
    best, best_share = ",", 0.0
    for separator in SEPARATORS:
        widths: list[int] = []
        try:
            widths.extend(len(row) for _, row in islice(_raw_rows(text, separator), _SNIFFED_ROWS) if any(row))
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        share = widths.count(widths[0]) / len(widths)
        if share > best_share:
            best, best_share = separator, share
    return best


def _rectangle(path: str, sheet: Sheet) -> Sheet:
    """Cut empty cells beyond the named columns; refuse rows of another width."""
    header = sheet.header
    if header[-1] and all(len(row) == len(header) for row in sheet.rows):
        return sheet
    named = len(header) - next(count for count, cell in enumerate(reversed(header)) if cell)
    width = named
    for row in sheet.rows:
        if len(row) > width and any(row[width:]):
            width = len(row) - next(count for count, cell in enumerate(reversed(row)) if cell)
    filled = [bool(any(row)) for row in sheet.rows]
    ragged = [k for k, row in enumerate(sheet.rows) if filled[k] and len(row) < min(width, len(header))]
    if width > len(header):
        ragged += [k for k, row in enumerate(sheet.rows) if any(row[len(header) :])]
    if ragged:
        raise _ragged(path, sheet, sorted(ragged))
    rows = [row[:width] if filled[k] else [""] * width for k, row in enumerate(sheet.rows)]
    return Sheet(header[:width], rows, sheet.lines, sheet.separator, sheet.blank_rows, len(header) - width)


def _ragged(path: str, sheet: Sheet, ragged: list[int]) -> InputError:
    width, first = len(sheet.header), ragged[0]
    count = f" ({len(ragged)} such lines)" if len(ragged) > 1 else ""
    message = f"{path}: line {sheet.lines[first]} has {len(sheet.rows[first])} fields but the header has {width}{count}"
    if len(ragged) == len(sheet.rows) and all(len(row) == width + 1 for row in sheet.rows):
        return InputError(message, "give the first column a name in the header, such as index")
    return InputError(message, "put quotes around a field that holds the separator, or correct these lines")
