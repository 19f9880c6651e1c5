"""CSV files: round trips, recognition, and what each recognition says."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.config import DataConfig
from core.errors import InputError
from core.readers import read_table
from core.tables import Table

_TAKEN = {"segment", "index", "unnamed: 0"}
_TIMES = ("time", "date")
_names = (
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\ufeff"), min_size=1, max_size=12)
    .map(str.strip)
    .filter(lambda name: name and name.lower() not in _TAKEN and not any(word in name.lower() for word in _TIMES))
)


def read(folder: Path, text: str, **config: object) -> Table:
    """Write a CSV and read it."""
    path = folder / "data.csv"
    path.write_bytes(text.encode())
    return read_table(str(path), DataConfig(**config))  # type: ignore[arg-type]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], np.ndarray]:
    """Draw hostile names (the first one no number) and finite or missing values."""
    names = draw(st.lists(_names, min_size=2, max_size=4, unique=True))
    cell = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(np.nan))
    rows = draw(st.lists(st.lists(cell, min_size=len(names), max_size=len(names)), min_size=1, max_size=6))
    return ["first " + names[0], *names[1:]], np.array(rows)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    separator=st.sampled_from(";,\t|"),
    decimal=st.sampled_from(".,"),
    told=st.booleans(),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    missing=st.sampled_from(["NA", "?", "nan", "N/A", "null", "None"]),
    bom=st.booleans(),
)
def test_a_written_table_reads_back_equal(
    tmp_path: Path,
    table: tuple[list[str], np.ndarray],
    separator: str,
    decimal: str,
    told: bool,
    end: str,
    quoting: int,
    missing: str,
    bom: bool,
) -> None:
    """Law: names and values survive any separator, decimal sign, line end, quoting and text for missing."""
    names, values = table
    out = io.StringIO()
    if any("\r" in name for name in names):
        quoting = csv.QUOTE_ALL  # a bare carriage return ends a line
    writer = csv.writer(out, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(names)
    for row in values.tolist():
        writer.writerow([missing if x != x else repr(x).replace(".", decimal) for x in row])
    told = told or (decimal == "," and separator != ";")  # 1,234 alone may be a thousand: a person must tell
    config = {"separator": separator, "decimal": decimal} if told else {}
    back = read(tmp_path, "\ufeff" * bom + out.getvalue(), missing_values=["NA"], **config)
    assert back.names == tuple(names)
    np.testing.assert_array_equal(back.values, values)
    assert back.segment.tolist() == [0] * len(values)
    assert back.truth is None


def test_empty_cells_and_blank_rows_are_missing_and_trailing_blank_rows_are_dropped(tmp_path: Path) -> None:
    """Law: a blank row in the middle is a row without values; at the end it is no row."""
    table = read(tmp_path, "a,b\n1,\n\n,\n2,3\n,\n\n")
    np.testing.assert_array_equal(table.values, [[1, np.nan], [np.nan] * 2, [np.nan] * 2, [2, 3]])
    assert "dropped blank rows at the end: 2" in table.notes


def test_blank_rows_at_the_end_count_where_asked(tmp_path: Path) -> None:
    """Law: with `blank_rows: keep` every row of separators is a row without values; an empty line is none."""
    table = read(tmp_path, "time,a,b\n1,1,5\n2,4,9\n3,2,3\n,,\n,,\n\n", blank_rows="keep")
    np.testing.assert_array_equal(table.values, [[1, 5], [4, 9], [2, 3], [np.nan] * 2, [np.nan] * 2])
    assert table.segment.tolist() == [0] * 5
    assert len(read(tmp_path, "a,b\n1,5\n2,3\n\n\n", blank_rows="keep").values) == 2


def test_columns_without_name_or_value_are_dropped(tmp_path: Path) -> None:
    """Law: an unnamed empty column is dropped and said; a named empty one is a wholly missing variable."""
    table = read(tmp_path, "a,,b,c,,\n1,,2,,,\n3,,4,,,\n")
    assert table.names == ("a", "b", "c")
    assert np.isnan(table.values[:, 2]).all()
    assert [note for note in table.notes if "empty columns" in note] == ["dropped empty columns without a name: 3"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("a;b\n1,5;2\n2;3,25\n", "fields are separated by `;`, the decimal sign is `,`"),
        ('a,b\n"1,5",2\n2,"3,25"\n', "fields are separated by `,`, the decimal sign is `,`"),
        ("a\tb\n1.5\t2\n2\t3.25\n", "fields are separated by tab, the decimal sign is `.`"),
        ("a|b\n1.5|2\n2|3.25\n", "fields are separated by `|`, the decimal sign is `.`"),
        ("1.5,2\n2,3.25\n", "no header (the first row holds numbers): the columns are named x1 to x2"),
        ("index,a,b\n0,1.5,2\n1,2,3.25\n", "left out of the variables: column 1, `index` (counts the rows)"),
        (",a,b\n1,1.5,2\n2,2,3.25\n", "left out of the variables: column 1, (no name) (counts the rows)"),
        ("a,Date,b\n1.5,2004-03-10,2\n2,2004-03-11,3.25\n", "left out of the variables: `Date` (time)"),
        ("a,b,when\n1.5,2,10 March\n2,3.25,11 March\n".replace("when", "date"), "left out of the variables: `date`"),
        ("segment,a,b\n4,1.5,2\n2,2,3.25\n", "segments (unbroken series): 2, by column `segment`"),
    ],
)
def test_what_is_recognised_is_said(tmp_path: Path, text: str, note: str) -> None:
    """Law: nothing is recognised in silence."""
    table = read(tmp_path, text)
    np.testing.assert_array_equal(table.values, [[1.5, 2], [2, 3.25]])
    assert any(each.startswith(note) for each in table.notes), table.notes


def test_an_index_that_does_not_count_and_a_segment_that_is_not_whole_are_variables(tmp_path: Path) -> None:
    """Law: a name alone does not take a column away."""
    assert read(tmp_path, "index,segment\n3,0.5\n1,1\n").names == ("index", "segment")


@pytest.mark.parametrize(
    ("times", "segments"),
    [
        (["2004-03-10T18:00", "2004-03-10T19:00", "2004-03-10T20:00", "2004-03-10T22:00"], [0, 0, 0, 1]),
        (["10/03/2004 18.00.00", "10/03/2004 19.00.00", "10/03/2004 19.00.00", "10/03/2004 20.00.00"], [0, 0, 0, 0]),
        (["03/10/2004", "03/11/2004", "03/12/2004", "03/13/2004"], [0, 0, 0, 0]),  # month first
        (["30.01.2004", "31.01.2004", "01.02.2004", "29.01.2004"], [0, 0, 0, 1]),
        (["22:00:00", "23:00:00", "00:00:00", "01:00:00"], [0, 0, 0, 0]),  # midnight
        (["1:30 PM", "1:31 PM", "1:32 PM", "1:40 PM"], [0, 0, 0, 1]),
        (["2004-03-10 01:00:00+01:00", "2004-03-10 00:01:00Z", "2004-03-10 00:02:00Z", ""], [0, 0, 0, 0]),
        (["2004-01", "2004-02", "2004-03", "2004-04"], [0, 0, 0, 0]),
        (["20040330", "20040331", "20040401", "20040403"], [0, 0, 0, 1]),
        (["1078941600", "1078945200", "1078948800", "1078960000"], [0, 0, 0, 1]),
    ],
)
def test_gaps_and_falls_in_time_start_segments(tmp_path: Path, times: list[str], segments: list[int]) -> None:
    """Law: a step over 1.5 medians, or back in time, starts a segment; a repeated or unread time does not."""
    lines = [f"{time},{k}.5,{k * k}" for k, time in enumerate(times)]
    table = read(tmp_path, "\n".join(["Timestamp,a,b", *lines]))
    assert table.names == ("a", "b")
    assert table.segment.tolist() == segments


def test_date_and_time_columns_are_one_time(tmp_path: Path) -> None:
    """Law: a date and a time of day in two columns are joined before gaps are looked for."""
    rows = ["10/03/2004;23.00.00;1;2", "11/03/2004;00.00.00;2;3", "11/03/2004;01.00.00;3;5", "11/03/2004;04.00.00;3;4"]
    table = read(tmp_path, "\n".join(["Date;Time;a;b", *rows]))
    assert table.segment.tolist() == [0, 0, 0, 1]
    assert "time step 1 h, 1 longer gaps, each starting a segment" in table.notes


def test_rows_from_last_to_first_are_turned_round(tmp_path: Path) -> None:
    """Law: the past comes first, or causes would be learned backwards."""
    rows = [f"2004-03-{day},{day},{day * 2},{day > 12:d}" for day in (14, 13, 12, 11)]
    table = read(tmp_path, "\n".join(["date,a,b,segment", *rows]))
    assert table.values[:, 0].tolist() == [11, 12, 13, 14]
    assert table.segment.tolist() == [0, 0, 1, 1]
    assert "the rows ran from last to first and were turned round" in table.notes


def test_a_variable_with_time_in_its_name_that_does_not_run_is_a_variable(tmp_path: Path) -> None:
    """Law: a numeric column is left out as time only if it also increases like one."""
    table = read(tmp_path, "response_time,a\n0.5,1\n0.2,2\n0.9,3\n0.1,4\n0.3,5\n")
    assert table.names == ("response_time", "a")


@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ("1 2 -200 3 -200", 2),
        ("-1 20 -200 30 -200", 2),
        ("1 2 9999 3 9999.0", 2),
        ("1 2 -999 3 -200 -999 -200", 4),
        ("1 2 -200 3 4", 0),  # once is no code
        ("97 98 99 99 60", 0),  # within reach of the others
        ("-150 -80 -200 -200 40", 0),
        ("0 0 999 999 0", 0),  # a switch
        ("1 2 -77 3 -77", 0),  # not a usual code
    ],
)
def test_number_codes_for_missing(tmp_path: Path, values: str, missing: int) -> None:
    """Law: a usual code, repeated and far from all other values, is missing; everything else is a value."""
    table = read(tmp_path, "a,b\n" + "\n".join(f"{value},{k}" for k, value in enumerate(values.split())))
    assert np.isnan(table.values).sum() == missing
    assert any("is read as missing" in note and "in `a`" in note for note in table.notes) == (missing > 0)


def test_a_code_of_one_column_is_one_in_all(tmp_path: Path) -> None:
    """Law: once a code is certain, a column that holds it once, or holds nothing else, is missing there."""
    table = read(tmp_path, "a,b,c\n1,5,-200\n2,-200,-200\n-200,6,-200\n-200,7,-200\n")
    assert np.isnan(table.values).sum(axis=0).tolist() == [2, 1, 4]


def test_named_missing_values_end_the_recognition(tmp_path: Path) -> None:
    """Law: where the settings name what is missing, only that is; in any spelling of the number."""
    text = "a;b\n1,5;-999\n-200,0;3\n-200;-999\nx;4\n2;5\n"
    table = read(tmp_path, text, missing_values=[" -200 ", "x", "gone"])
    np.testing.assert_array_equal(table.values[:, 0], [1.5, np.nan, np.nan, np.nan, 2])
    assert table.values[:, 1].tolist() == [-999, 3, -999, 4, 5]
    assert any(note.startswith("-999 is read as a number, but looks like") for note in table.notes)
    assert 'data.missing_values names "gone", which is in no cell' in table.notes


def test_the_remedy_for_text_keeps_recognised_codes(tmp_path: Path) -> None:
    """Law: following the hint must not turn -200 back into a measurement."""
    text = "a,b\n1,5\n-200,n/a\n-200,6\n3,7\n"
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert caught.value.hint == """--set data.missing_values='["-200", "n/a"]'"""
    table = read(tmp_path, text, missing_values=["-200", "n/a"])
    assert np.isnan(table.values).sum() == 3
