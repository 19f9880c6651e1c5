"""Laws of the records' text: what is written reads back equal, and what was torn is left out."""

import csv
import gzip
import io
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studies.records import (
    DIAGNOSIS_COLUMNS,
    EPOCH_COLUMNS,
    TEXT_COLUMNS,
    cell,
    compress,
    decompress,
    parse_cell,
    read_rows,
    trial_columns,
    write_rows,
)

PRINTED = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r"), max_size=30)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False), st.booleans())
SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")


@given(NUMBERS)
def test_a_number_reads_back_equal(value: float) -> None:
    """Every float, whole number and truth value reads back equal; floats keep every bit."""
    back = parse_cell("h", cell(value))
    assert back == value
    if isinstance(value, bool):
        assert isinstance(back, bool)


@pytest.mark.parametrize("value", [None, math.nan])
def test_unknown_is_blank(value: Any) -> None:
    """Nothing known is written as a blank cell, which reads back as None."""
    assert cell(value) == ""
    assert parse_cell("h", "") is None


@given(PRINTED.filter(lambda text: text != "" and text[:1] != "'"))
def test_a_text_reads_back_equal(text: str) -> None:
    """Every text of a text column reads back as it was."""
    assert parse_cell("error", cell(text)) == text


@pytest.mark.parametrize("text", ["'quoted' at the start", "'=1"])
def test_a_text_that_starts_with_a_quote_reads_back(text: str) -> None:
    """The quote that makes a text safe is told apart from one that was there before."""
    assert parse_cell("error", cell(text)) == text


@given(PRINTED)
def test_no_text_is_a_formula(text: str) -> None:
    """No cell that holds text starts with what a spreadsheet takes for a formula."""
    assert not cell(text).startswith(SPREADSHEET)


@given(st.lists(st.tuples(st.integers(0, 999), NUMBERS, PRINTED.filter(lambda text: text[:1] != "'")), max_size=5))
def test_rows_read_back(rows: list[tuple[int, float, str]]) -> None:
    """Rows with any numbers and texts, line breaks and quotes too, read back equal."""
    columns = ("number", "h", "error")
    written = [dict(zip(columns, row, strict=True)) for row in rows]
    expected = [{**row, "error": row["error"] or None} for row in written]
    assert read_rows(write_rows(written, columns)) == expected


@given(st.data())
def test_a_torn_last_line_is_left_out(data: st.DataObject) -> None:
    """Cut anywhere, the records give the whole rows before the cut and nothing else."""
    columns = ("number", "h", "error")
    rows = [{"number": n, "h": 1.5 * n, "error": 'a, "b"' if n % 2 else None} for n in range(4)]
    text = write_rows(rows, columns)
    cut = data.draw(st.integers(0, len(text)))
    whole = max(0, text[:cut].count("\n") - 1)
    assert read_rows(text[:cut]) == rows[:whole]


@given(st.lists(PRINTED, max_size=4))
def test_gzip_members_add_up(parts: list[str]) -> None:
    """Members that were appended one by one read back as one text, by the standard library too."""
    data = b"".join(compress(part) for part in parts)
    assert decompress(data) == "".join(parts)
    if data:
        assert gzip.decompress(data).decode() == "".join(parts)


@given(st.data())
def test_a_torn_gzip_member_costs_itself_only(data: st.DataObject) -> None:
    """Cut anywhere in the last member, all members before it read back whole."""
    first, last = compress("a\nb\n"), compress("c,d\n" * 40)
    kept = data.draw(st.integers(0, len(last)))
    text = decompress(first + last[:kept])
    assert text.startswith("a\nb\n")
    assert ("a\nb\n" + "c,d\n" * 40).startswith(text)


@given(st.binary(max_size=60))
def test_garbage_is_no_text(data: bytes) -> None:
    """Bytes that are no gzip member give an answer, never an exception."""
    assert isinstance(decompress(compress("a\n") + data), str)


def test_the_same_text_gives_the_same_bytes() -> None:
    """A compressed record holds no time of writing."""
    assert compress("a") == compress("a")
    assert compress("a")[4:8] == b"\0\0\0\0"


def test_columns() -> None:
    """The classic swept names always have their columns; any other swept name follows them."""
    usual = trial_columns(["lambda_sparse", "lambda_acyclic", "lr"])
    assert usual == trial_columns([])
    assert trial_columns(["lr", "weight_decay"])[:7] == (*usual[:6], "weight_decay")
    assert len(set(usual)) == len(usual)
    assert set(TEXT_COLUMNS) <= set(usual)
    assert usual[-6:] == ("error", *DIAGNOSIS_COLUMNS)
    assert len(EPOCH_COLUMNS) == 23


def test_lines_are_for_any_reader() -> None:
    """Records are plain CSV: the standard library reads the same cells."""
    text = write_rows([{"number": 1, "error": 'a "b", c\nd'}], ("number", "error"))
    assert list(csv.reader(io.StringIO(text))) == [["number", "error"], ["1", 'a "b", c\nd']]
