"""Reading data by path: faults as one table of cases, real files, names, cost of the import."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from core.config import DataConfig
from core.errors import InputError, InputErrors
from core.readers import read_table, short_name

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the data of ../shared/data are not here")

NUMBERS = "1,2\n" * 3
FAULTS = {  # content of data.csv -> part of the message, part of the hint
    "empty file": (b"", "the file is empty", "header line"),
    "white space": (b" \n\n\t\n", "the file is empty", "header line"),
    "separators only": (b",,\n,,\n", "no row has a filled cell", "header line"),
    "header only": (b"a,b\n", "has a header but no data rows", "add rows"),
    "header, blank rows": (b"a,b\n,\n\n", "has a header but no data rows", "add rows"),
    "not UTF-8": (b"a,b\n1,2\n3,\xb0\n", "is not UTF-8 (line 3, byte 0xb0)", "iconv"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "is UTF-16 text", "UTF-8"),
    "zero bytes": (b"a,b\n1,\x002\n", "is not a text file", "CSV"),
    "spreadsheet": (b"PK\x03\x04rest", "is a zip archive or spreadsheet", "CSV"),
    "compressed": (b"\x1f\x8brest", "is compressed", "gunzip"),
    "single array": (b"\x93NUMPY\x01\x00", "is a single NumPy array", "folder"),
    "text cells": (b"a,b\n1,2\n3,n/a\n4,n/a\n", 'column `b` is text in 2 of 3 rows (first: row 2, "n/a")', '["n/a"]'),
    "dash": (b"a,b\n1,2\n3,-\n", 'column `b` is text in 1 of 2 rows (first: row 2, "-")', '["-"]'),
    "text column": (b"a,b,c\n1,2,x\n3,4,y\n", "column `c` is text in 2 of 2 rows", "remove column `c`"),
    "many texts": (
        b"a,b\n" + b"".join(b"%d,%s\n" % (k, b"ok%d" % k if 7 < k < 16 else b"1") for k in range(30)),
        'is text in 8 of 30 rows (first: row 9, "ok8")',
        "correct these cells",
    ),
    "both decimal signs": (b"a;b\n1,5;2,5\n1,7;2.5\n", "column `b` is text in 1 of 2 rows", "one decimal sign"),
    "a thousand, perhaps": (b'a,b\n"1,234",2\n5,3\n', 'first: row 1, "1,234"', "--set data.decimal=,"),
    "thousands": (b"a;b\n1.234,5;2\n", 'first: row 1, "1.234,5"', "no sign for thousands"),
    "underscore": (b"a,b\n1_000,2\n5,3\n", 'first: row 1, "1_000"', "1_000"),
    "infinite": (b"a,b\n1,2\n-inf,3\n", 'column `a` is infinite in 1 of 2 rows (first: row 2, "-inf")', "empty"),
    "overflow": (b"a,b\n1,2\n1e400,3\n", "column `a` is too large for a 64-bit number in 1 of 2 rows", "empty"),
    "duplicate name": (b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name `a`", "rename"),
    "same but for space": (b"a, a,b\n1,2,3\n", "columns 1 and 2 have the same name `a`", "rename"),
    "empty name": (b"a,,b\n1,2,3\n", "column 2 has no name", "name it"),
    "too few fields": (b"a,b,c\n1,2,3\n4,5\n", "line 3 has 2 fields but the header has 3", "correct these lines"),
    "too many fields": (
        b"a,b\n1,2\n4,5,6\n7,8\n4,5,6\n",
        "line 3 has 3 fields but the header has 2 (2 such lines)",
        "put quotes around",
    ),
    "row names of R": (b"a,b\n1,2,3\n4,5,6\n", "line 2 has 3 fields but the header has 2", "give the first column"),
    "open quote": (b'a,b\n1,2\n"3,4\n', "after line 2", "quote"),
    "one variable": (b"a\n1\n2\n", "needs two variables or more but has 1 (`a`)", "data.separator"),
    "time and one variable": (b"date,a\n2004-01-01,2\n", "has 1 (`a`; `date` taken for the time)", "data.separator"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_faulty_files_are_refused_with_place_and_remedy(tmp_path: Path, case: str) -> None:
    """Law: wrong data end in one line that begins with the path, says where, and a hint that says what to do."""
    content, message, hint = FAULTS[case]
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_table(str(path), DataConfig())
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_several_bad_columns_are_reported_together(tmp_path: Path) -> None:
    """Law: every bad column is named at once, and each hint names all texts, so that one command heals all."""
    path = tmp_path / "data.csv"
    path.write_text("a,b,c\n1,x,2\n2,3,it's\n3,4,5\n")
    with pytest.raises(InputErrors) as caught:
        read_table(str(path), DataConfig())
    assert [error.message.split("column ")[1][:3] for error in caught.value.errors] == ["`b`", "`c`"]
    hint = """--set data.missing_values='["x", "it'"'"'s"]'"""
    assert [error.hint for error in caught.value.errors] == [hint, hint]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.csv", "no such file"),
        ("absent.npz", "no such file"),
        ("empty", "the folder has no X.npy (it is empty)"),
    ],
)
def test_missing_files_and_empty_folders(tmp_path: Path, name: str, message: str) -> None:
    """Law: a path that leads nowhere is an input error, not a traceback."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=message.replace("(", r"\(").replace(")", r"\)")):
        read_table(str(tmp_path / name), DataConfig())


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000])
def test_paths_that_cannot_be_are_input_errors(path: str) -> None:
    """Law: no text given as a path ends in a traceback."""
    with pytest.raises(InputError):
        read_table(path, DataConfig())


def test_a_wrong_separator_setting_is_refused(tmp_path: Path) -> None:
    """Law: a separator is one character, and a tab can be typed."""
    path = tmp_path / "data.csv"
    path.write_text("a\tb\n1\t2\n")
    assert read_table(str(path), DataConfig(separator="tab")).names == ("a", "b")
    with pytest.raises(InputError, match="must be one character"):
        read_table(str(path), DataConfig(separator=", "))


def test_large_and_small_values_survive(tmp_path: Path) -> None:
    """Law: float64 is read to the last bit."""
    path = tmp_path / "data.csv"
    path.write_text("a,b\n1e12,1e-300\n1.7976931348623157e308,0.1\n")
    np.testing.assert_array_equal(
        read_table(str(path), DataConfig()).values, [[1e12, 1e-300], [1.7976931348623157e308, 0.1]]
    )


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("AirQualityUCI", "AirQualityUCI"),
        ("März 2024", "Marz-2024"),
        ("..", "data"),
        ("数据", "data"),
        ("a" * 99, "a" * 64),
    ],
)
def test_short_names_are_safe(stem: str, name: str) -> None:
    """Law: a data set's name is [A-Za-z0-9._-]{1,64} and never a way out of a folder."""
    assert short_name(stem) == name


@needs_shared
def test_the_uci_file_reads_as_documented() -> None:
    """Law: 9357 hourly rows of 13 variables in one series, -200 missing, nothing recognised in silence."""
    path = SHARED / "air_quality" / "AirQualityUCI.csv"
    begin = time.process_time()
    table = read_table(str(path), DataConfig())
    assert time.process_time() - begin < 1
    assert (table.name, table.source) == ("AirQualityUCI", str(path))
    assert table.values.shape == (9357, 13)
    assert np.isnan(table.values[:, table.names.index("NMHC(GT)")]).sum() == 8443
    assert np.nanmax(table.values) == 2775
    assert (table.values[~np.isnan(table.values)] > -2).all()
    assert table.segment.max() == 0
    assert table.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    notes = "\n".join(table.notes)
    for part in ("`;`", "`Date`, `Time`", "blank rows at the end: 114", "8443 in `NMHC(GT)`", "time step 1 h, no gaps"):
        assert part in notes
    named = read_table(str(path), DataConfig(missing_values=["-200"]))
    np.testing.assert_array_equal(named.values, table.values)
    assert "-200" not in "\n".join(named.notes)


@needs_shared
def test_clean_real_data_read_without_a_word() -> None:
    """Law: a plain file gives its numbers and no notes."""
    table = read_table(str(SHARED / "sachs" / "sachs_observational.csv"), DataConfig())
    assert table.values.shape == (853, 11)
    assert table.values[0, :3].tolist() == [26.4, 13.2, 8.82]
    assert table.notes == ()


@needs_shared
def test_text_in_the_sachs_data_is_reported_in_the_documented_form(tmp_path: Path) -> None:
    """Law: column, count, first row and cell, and a hint that heals the file when typed."""
    lines = (SHARED / "sachs" / "sachs_observational.csv").read_text().splitlines()
    column = lines[0].split(",").index("PKC")
    for row in range(102, 116):
        cells = lines[row].split(",")
        cells[column] = "n/a"
        lines[row] = ",".join(cells)
    path = tmp_path / "my.csv"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        read_table(str(path), DataConfig())
    assert caught.value.message == f'{path}: column `PKC` is text in 14 of 853 rows (first: row 102, "n/a")'
    assert caught.value.hint == """--set data.missing_values='["n/a"]'"""
    assert np.isnan(read_table(str(path), DataConfig(missing_values=["n/a"])).values).sum() == 14


def test_reading_needs_neither_torch_nor_pandas() -> None:
    """Law: data errors are reported before anything slow is imported."""
    code = "import sys, core.readers, core.graph_reader; print({'torch', 'pandas', 'optuna'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
