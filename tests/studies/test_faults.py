"""Laws of faults: whatever is wrong, one line says what and where, and nothing finished is lost."""

import re
import shutil
from pathlib import Path

import pytest
from commands import ALL_STATES, SMALL, only, rerun, results, sweep, trials
from damages import DAMAGES, Damage
from faults import ODD, TALLY, WRONG, Fault, Stopped, csv_of

from reports.tables import load_run

CASES = [(section, fault) for section, faults in WRONG.items() for fault in faults]


@pytest.fixture(autouse=True)
def _files() -> None:
    """The files that the cases name."""
    Path("good.csv").write_text(csv_of())
    Path("empty_folder").mkdir()


def in_house_form(text: str) -> bool:
    """Only printable `error:` and `hint:` lines, an error first."""
    lines = text.removesuffix("\n").split("\n")
    assert lines[0].startswith("error: ")
    assert "Traceback" not in text
    return all(re.match(r"(error|hint): \S", line) and line.isprintable() for line in lines)


def contents() -> dict[Path, bytes]:
    """Every file below the working directory."""
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(("section", "fault"), CASES, ids=[f"{section}-{fault.name[:60]}" for section, fault in CASES])
def test_wrong_input(section: str, fault: Fault, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, the text, only `error:` and `hint:` lines on stderr, nothing on stdout, no file touched."""
    TALLY[f"{section} tried"] += 1
    for name, content in fault.files.items():
        Path(name).write_bytes(content)
    before = contents()
    settings = ("-c", "smoke") if fault.name.startswith(("option", "settings", "study")) else SMALL
    assert sweep(*settings, *fault.words) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert in_house_form(streams.err)
    assert fault.says in streams.err
    assert contents() == before
    TALLY[f"{section} passed"] += 1


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("fault", ODD, ids=lambda fault: fault.name)
def test_odd_input(fault: Fault, capsys: pytest.CaptureFixture[str]) -> None:
    """What can be learned from is: exit code 0, a word about it, records for a report, a trial that reproduces."""
    TALLY["data tried"] += 1
    for name, content in fault.files.items():
        Path(name).write_bytes(content)
    assert sweep(*SMALL, "-n", "2", *fault.words) == 0
    streams = capsys.readouterr()
    assert fault.says in streams.err
    assert "Traceback" not in streams.err
    assert all(line.isprintable() for line in streams.err.splitlines())
    assert load_run(only()).trials.rows == 2
    assert rerun(str(only())) == 0
    assert "reproduced exactly" in capsys.readouterr().err
    TALLY["data passed"] += 1


@pytest.mark.slow
@pytest.mark.parametrize("fault", ODD, ids=lambda fault: fault.name)
def test_a_report_of_odd_input(fault: Fault) -> None:
    """The same with its report."""
    for name, content in fault.files.items():
        Path(name).write_bytes(content)
    assert sweep(*SMALL, "-n", "4", "-q", *fault.words) == 0
    assert "<script>alert" not in (only() / "report.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.name)
def test_damaged_folder(stopped: Stopped, damage: Damage, capsys: pytest.CaptureFixture[str]) -> None:
    """Continued, a damaged folder gives the undisturbed records, or one line and is left as it is."""
    TALLY["run folder tried"] += 1
    shutil.copytree(stopped.runs, "runs")
    damage.harm(only())
    before = contents()
    assert sweep(*ALL_STATES) == damage.code
    text = capsys.readouterr().err
    assert damage.says in text
    assert "Traceback" not in text
    after = contents()
    if damage.code:
        assert in_house_form(text)
        mine = {only() / name for name in ("sweep.lock", "sweep.log")}
        assert {path: data for path, data in after.items() if path not in mine} == {
            path: data for path, data in before.items() if path not in mine
        }
    else:
        assert results(only()) == stopped.calm
        for kept in only().glob("*.torn"):
            assert before[kept.with_suffix("")].endswith(after[kept])
            assert damage.says
        lost = [row for row in stopped.finished if row not in trials(only())]
        TALLY["records lost"] += len(lost)
        assert not lost
    TALLY["run folder passed"] += 1
