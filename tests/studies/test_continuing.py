"""Laws of the same command again: where it goes on, and in what environment; and of what a dry run foresees."""

import json
import re
import time
from pathlib import Path

import pytest
from commands import SMALL, code_of, folders, only, rerun, sweep, table

from studies import suite
from studies.estimate import Costs, fresh_seconds, search_seconds
from studies.run_names import run_path
from sweeps.spec import load_spec


@pytest.fixture(autouse=True)
def _quick(no_report: None) -> None:
    """No test here looks at a report."""


def test_which_folder_goes_on() -> None:
    """--fresh begins the next folder; without it the newest goes on."""
    out, found = Path("runs"), []
    for fresh in (False, False, True, False, True, False):
        found.append(run_path(out, "a", fresh=fresh).name)
        (out / found[-1]).mkdir(parents=True, exist_ok=True)
    assert found == ["a", "a", "a-2", "a-2", "a-3", "a-3"]


def test_after_fresh_the_same_command_goes_on_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A separate run that ended early is continued by the command without --fresh, as its last line says."""
    assert sweep(*SMALL, "-q") == 0
    assert sweep(*SMALL, "--fresh", "-q", "-n", "4") == 0
    capsys.readouterr()
    assert sweep(*SMALL) == 0
    first, second = folders()
    assert f"folder     {second}\ncontinuing: 4 of 10 done\n" in capsys.readouterr().err
    assert [len(table(folder / "trials.csv")) for folder in (first, second)] == [10, 10]


def test_another_environment_is_told_and_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """Continued with another torch or MKL setting, a run says so in one line, and which trials came before."""
    assert sweep(*SMALL, "-q", "-n", "4") == 0
    file = only() / "environment.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps({**known, "torch": "1.0", "mkl_cbwr": "COMPATIBLE"}))
    capsys.readouterr()
    assert sweep(*SMALL) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "last digits" in line]
    told = f"torch 1.0 then, {known['torch']} now; mkl_cbwr COMPATIBLE then, {known['mkl_cbwr']} now"
    assert line == f"warning: {told}: what is trained from here on may differ in the last digits"
    found = json.loads(file.read_text())
    assert found == {**known, "earlier": "trials 0 to 3 were begun with torch 1.0, mkl_cbwr COMPATIBLE"}
    assert sweep(*SMALL, "-n", "12") == 0
    assert "last digits" not in capsys.readouterr().err
    assert json.loads(file.read_text()) == found


def test_a_finished_search_keeps_its_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Where only the report is written again, the record of where the trials were trained stays."""
    assert sweep(*SMALL, "-q") == 0
    file = only() / "environment.json"
    other = {**json.loads(file.read_text()), "torch": "1.0"}
    file.write_text(json.dumps(other))
    assert sweep(*SMALL) == 0
    assert json.loads(file.read_text()) == other
    capsys.readouterr()
    rerun(str(only()))
    assert "torch 1.0 then" in capsys.readouterr().err


def test_out_of_time(capsys: pytest.CaptureFixture[str]) -> None:
    """After --timeout no new trial starts; how far it came is said, and the command that goes on comes last."""
    words = (*SMALL, "-n", "400", "--timeout", "0.01")
    assert sweep(*words) == 0
    lines = capsys.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("timeout")]
    assert re.fullmatch(r"timeout    \d+ of 400 trials done in 0\.01 min; the same command continues", line)
    assert lines[-1].startswith("Continue    python -m studies.lambda_sweep")
    assert 0 < len(table(only() / "trials.csv")) < 400
    assert {row["state"] for row in table(only() / "trials.csv")} <= {"complete", "pruned", "failed"}


def test_no_browser(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """--open without a browser says where the page is, and is no failure."""
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    assert sweep(*SMALL, "--open") == 0
    assert f"hint: no browser could be opened; the page is {only()}/report.html" in capsys.readouterr().err


def seconds_of(text: str) -> int:
    """Read a duration of the terminal, such as 8 s or 1 min 5 s."""
    units = {"s": 1, "min": 60, "h": 3600}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)\s(s|min|h)", text))


def test_what_a_dry_run_foresees(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the folder, counts confirmation, start and report, and of a begun run only what is left."""
    taken, now = time.process_time(), time.process_time  # by the tests before, where a command's process is its own
    monkeypatch.setattr(time, "process_time", lambda: now() - taken)
    words = (*SMALL, "--confirm", "3", "--dry-run")
    assert sweep(*words) == 0
    text = capsys.readouterr().err
    assert "folder     runs/smoke-sensors-" in text
    last = r"{} trials of 8 epochs would take about (.*?) on 1 job of an idle machine: search (.*?), fresh "\
           r"training (.*?), start and report (.*?); nothing was run\."  # fmt: skip
    found = re.search(last.format(10), text)
    assert found
    whole, *parts = map(seconds_of, found.groups())
    assert abs(whole - sum(parts)) <= 2
    assert not Path("runs").exists()
    assert sweep(*SMALL, "-q", "-n", "4") == 0
    capsys.readouterr()
    assert sweep(*words) == 0
    text = capsys.readouterr().err
    assert "continuing: 4 of 10 done\n" in text
    assert re.search(last.format(6), text)
    assert sweep(*SMALL, "-q") == 0
    capsys.readouterr()
    assert sweep(*words) == 0
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert last_line == "finished: 10 of 10 done; the report would be written again. Nothing was run."


def test_the_estimate_is_of_what_is_done() -> None:
    """Without pruning every epoch of every trial is paid; pruning and more jobs pay less, confirmation more."""
    costs = Costs(fixed=0.0, lane=1.0, late=0.0, end=0.0)
    spec = load_spec("lambda_sweep", [("search.trials", "32"), ("search.pruner", "none"), ("search.lanes", "16")])
    intervals = 32 * spec.trainer.epochs / spec.trainer.evaluate_every
    whole = search_seconds(spec, "val_shd", costs, 32, 1)
    assert whole == pytest.approx(intervals, rel=0.01)
    assert search_seconds(spec, "val_shd", costs, 32, 2) == pytest.approx(intervals / 2, rel=0.01)
    pruning = load_spec("lambda_sweep", [("search.trials", "32")])
    assert 0.4 * whole < search_seconds(pruning, "val_shd", costs, 32, 1) < 0.8 * whole
    assert search_seconds(pruning, "blind", costs, 32, 1) == pytest.approx(whole, rel=0.01)
    fresh = fresh_seconds(spec, "val_shd", costs, 1)
    assert fresh == pytest.approx((10 + 5 * 2) * spec.trainer.epochs / spec.trainer.evaluate_every, rel=0.05)
    assert fresh_seconds(load_spec("lambda_sweep", [("search.confirm", "0")]), "val_shd", costs, 1) == 0.0


def test_the_other_commands_speak_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """Version, unknown options and a missing folder read the same for every command."""
    from reports.__main__ import main as reports

    for main in (suite.main, reports):
        assert code_of(main, ["--version"]) == 0
        assert re.fullmatch(r"graphsweep \d+\.\d+\.\d+\n", capsys.readouterr().out)
    assert rerun("--version") == 0
    capsys.readouterr()
    for main in (suite.main, reports):
        assert code_of(main, ["--bogus", "x"]) == 2
        streams = capsys.readouterr()
        assert streams.out == ""
        assert re.match(r"error: .*--bogus.*\nhint: .*--help lists all options\n", streams.err)
    assert code_of(reports, ["nowhere", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err
