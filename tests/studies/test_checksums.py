"""Laws of checksums: a report says what of the records was changed by hand, and a folder of runs names its runs."""

import csv
import os
import re
import shutil
from pathlib import Path

import pytest
from commands import ALL_STATES, SMALL, only, rerun, signal_at, sweep
from damages import cells, edit, exchanged, lines_of, more

from reports.__main__ import main as report
from reports.checksums import CHECKSUMS, RECORDS, altered, sums
from reports.tables import load_run
from studies.checksums import Checksums
from studies.records import EPOCH_COLUMNS, read_rows

HERE = "the page shows what stands there now"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    shutil.copytree(finished, tmp_path / "runs" / finished.name)
    return Path("runs") / finished.name


def read_only(folder: Path, _: Path | None = None) -> Path:
    """Read a run as its report does, and write no page."""
    load_run(folder)
    return folder / "report.html"


@pytest.fixture(autouse=True)
def _no_page(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the page, which takes most of the time."""
    assert finished.is_dir()
    monkeypatch.setattr("reports.page.write_report", read_only)


def first_trial(folder: Path) -> str:
    """The number in the first row that `cells` changes: of a trial that has not failed."""
    with open(folder / "trials.csv", encoding="utf-8", newline="") as file:
        return next(row["number"] for row in csv.DictReader(file) if row["state"] != "failed" and row["val_shd"])


def test_an_untouched_run_is_not_doubted(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As it was written, in another order, or with the line ends of Windows: nothing is said."""
    assert report([str(run)]) == 0
    assert capsys.readouterr().err == ""
    edit("trials.csv", lambda text: text.replace("\n", "\r\n"))(run)
    edit("epochs.csv.gz", lines_of(lambda rows: rows[::-1]))(run)
    assert altered(run) == []


@pytest.mark.parametrize("column", ["val_shd", "seed", "edge_count"])
def test_a_changed_digit_is_told(run: Path, column: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One plausible digit in trials.csv: one line with file and trial, and the page all the same."""
    edit("trials.csv", cells(column, more))(run)
    assert report([str(run)]) == 0
    streams = capsys.readouterr()
    line = f"{run / 'trials.csv'}: trial {first_trial(run)} is not as the run wrote it; {HERE}"
    assert streams.err == f"warning: {line}\n"
    assert streams.out == f"{run / 'report.html'}\n"


def test_more_changes(run: Path) -> None:
    """Exchanged numbers, lost rows and changed epochs are told too, each record in one line."""
    edit("trials.csv", lines_of(exchanged))(run)
    edit("epochs.csv.gz", cells("val_shd", more))(run)
    first, second = altered(run)
    assert re.fullmatch(rf"{run}/trials\.csv: 2 trials, \d+ first, are not as the run wrote it; {HERE}", first)
    assert second.startswith(f"{run}/epochs.csv.gz: trial ")
    edit("trials.csv", lines_of(lambda rows: rows[:2]))(run)
    assert len(altered(run)) == 2


@pytest.mark.parametrize("content", [b"", b"\0", b"{}", b"[1]", b"[" * 9999, b'{"trials.csv": {"x": "y"}}'])
def test_checksums_of_anything(run: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the checksums themselves are damaged, one line says that nothing was compared; without them, none."""
    (run / CHECKSUMS).write_bytes(content)
    assert report([str(run)]) == 0
    assert capsys.readouterr().err.startswith(f"warning: {run / CHECKSUMS}: cannot be compared with the records")
    (run / CHECKSUMS).unlink()
    assert report([str(run)]) == 0
    assert capsys.readouterr().err == ""


def test_the_sums_are_those_of_the_checkpoint(run: Path) -> None:
    """What the report adds up is what the sweep compares before it goes on."""
    text = (run / "trials.csv").read_text(encoding="utf-8")
    columns = text.splitlines()[0].split(",")
    expected = Checksums("number", columns)
    expected.add(read_rows(text))
    assert sums(run / "trials.csv", RECORDS["trials.csv"]) == {n: f"{value:014x}" for n, value in expected.items()}
    assert EPOCH_COLUMNS[0] == RECORDS["epochs.csv.gz"]


def test_a_run_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped, its live trials are not judged; a trial more since is none that was changed."""
    with monkeypatch.context() as patch:
        signal_at(patch, 2, at_round=6)
        assert sweep(*ALL_STATES, "-q") == 130
    assert altered(only()) == []
    before = (only() / CHECKSUMS).read_bytes()
    assert sweep(*ALL_STATES, "-q") == 0
    assert altered(only()) == []
    assert (only() / CHECKSUMS).read_bytes() != before
    (only() / CHECKSUMS).write_bytes(before)
    assert altered(only()) == []


@pytest.mark.parametrize("command", [report, rerun], ids=["report", "rerun"])
def test_a_folder_of_runs(run: Path, command: object, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that holds run folders is none; the hint names them, the newest first, three at most."""
    call = (lambda: report(["runs"])) if command is report else (lambda: rerun("runs"))
    assert call() == 3
    assert capsys.readouterr().err.endswith(f"hint: did you mean {run}?\n")
    for age, name in enumerate("abcd"):
        shutil.copytree(run, Path("runs") / name)
        then = run.joinpath("trials.csv").stat().st_mtime - 100 * (age + 1)
        os.utime(Path("runs") / name / "trials.csv", (then, then))
    (Path("runs") / "nothing").mkdir()
    assert call() == 3
    text = capsys.readouterr().err
    assert text.startswith("error: runs")
    assert text.endswith(f"hint: did you mean {run}, runs/a or runs/b?\n")


def test_a_small_run_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The checksums are there after the first command, and the command that continues keeps them true."""
    assert sweep(*SMALL, "-q", "-n", "4") == 0
    assert altered(only()) == []
    assert sweep(*SMALL, "-q") == 0
    assert altered(only()) == []
    edit("trials.csv", cells("val_shd", more))(only())
    assert len(altered(only())) == 1
    assert sweep(*SMALL, "-q") == 3
    assert "is not as the run wrote it" in capsys.readouterr().err
