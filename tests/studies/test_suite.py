"""Laws of a suite: every method's row is there, a kill changes nothing, a dead sweep is a row, errors are lines."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import code_of, environment, run, signal_at

from studies.run_folder import RunFolder
from studies.suite_table import averages, own_rows, summarised

SMOKE = ("-c", "suite_smoke", "-j", "1", "--seeds", "1")
OWN = ["ours_oracle", "ours_oracle_fresh", "ours_blind", "ours_blind_fresh"]
OTHERS = {"empty", "chance", "chance_floor", "correlation", "var_t_test", "correlation_best", "var_t_test_best"}
CLOCK = ("seconds", "seconds_mean", "seconds_sd")


def suite(*words: str) -> int:
    """Run `python -m studies.suite` in this process; return its exit code."""
    from studies.suite import main

    return code_of(main, words)


def folder(out: str = "runs") -> Path:
    """The one suite's folder below a folder."""
    (found,) = Path(out).glob("*/suite.json")
    return found.parent


def table(name: str, out: str = "runs") -> list[dict[str, str]]:
    """A table of the suite without what the clock says."""
    with (folder(out) / name).open(encoding="utf-8", newline="") as file:
        return [{key: value for key, value in row.items() if key not in CLOCK} for row in csv.DictReader(file)]


def tables(out: str = "runs") -> list[list[dict[str, str]]]:
    """Both tables without what the clock says."""
    return [table(name, out) for name in ("suite.csv", "summary.csv")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke suite with both seeds, run once as a process; only to be read."""
    where = tmp_path_factory.mktemp("suite")
    code, out, err = run("-c", "suite_smoke", "-j", "1", module="studies.suite", cwd=where)
    assert code == 0, err
    (where / "out.txt").write_text(out, encoding="utf-8")
    (where / "err.txt").write_text(err, encoding="utf-8")
    return where


def test_every_method_has_its_row(whole: Path) -> None:
    """suite.csv has each data set, seed and method once, ours and those beside it; summary.csv each method once."""
    rows = table("suite.csv", str(whole / "runs"))
    keys = [(row["dataset"], row["seed"], row["method"]) for row in rows]
    assert len(keys) == len(set(keys))
    for dataset in ("tanh", "no-edges"):
        for seed in ("1", "2"):
            here = [method for name, number, method in keys if (name, number) == (dataset, seed)]
            assert here[:4] == OWN
            assert set(here) >= OTHERS
    means = table("summary.csv", str(whole / "runs"))
    assert {(row["dataset"], row["method"]) for row in means} == {(name, method) for name, _, method in keys}
    assert all(row["n"] == "2" and row["failed"] == "0" for row in means)
    assert {row["oracle"] for row in rows if row["method"].startswith("ours_oracle")} == {"true"}
    assert {row["oracle"] for row in rows if row["method"].startswith("ours_blind")} == {"false"}


def test_rows_are_what_the_runs_recorded(whole: Path) -> None:
    """Our rows repeat summary.json and confirm/seeds.csv of the run they name, each at its own cut."""
    for row in table("suite.csv", str(whole / "runs")):
        if not row["run"]:
            continue
        path = folder(str(whole / "runs")) / row["run"]
        best = json.loads((path / "summary.json").read_text())["best"]
        suffix = "_blind" if row["oracle"] == "false" else ""
        if row["method"] in ("ours_oracle", "ours_blind"):
            assert float(row["f1"]) == best[f"val_f1{suffix}"]
            assert float(row["shd"]) == best[f"val_shd{suffix}"]
            assert float(row["edge_count"]) == best[f"edge_count{suffix}"]
            assert float(row["val_loss"]) == best["val_loss"]
        else:
            with (path / "confirm" / "seeds.csv").open(newline="") as file:
                pick = "blind" if suffix else "oracle"
                seeds = [seed for seed in csv.DictReader(file) if seed.get("pick", pick) == pick]
            assert int(row["n"]) == len(seeds) == 2
            mean = sum(float(seed[f"skeleton_f1{suffix}"]) for seed in seeds) / 2
            assert float(row["skeleton_f1"]) == pytest.approx(mean)
            assert float(row["f1"]) == pytest.approx(sum(float(seed[f"val_f1{suffix}"]) for seed in seeds) / 2)


def test_the_others_have_their_times(whole: Path) -> None:
    """What a baseline took, as summary.json has it, stands in the table, so that the slowest can be named."""
    path = folder(str(whole / "runs"))
    with (path / "suite.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "1" and row["dataset"] == "tanh"]
    (run,) = [row["run"] for row in rows if row["method"] == "ours_oracle"]
    named = json.loads((path / run / "summary.json").read_text())["baselines"]
    timed = {name: row["seconds"] for name, row in named.items() if row.get("seconds")}
    assert len(timed) > 2
    assert {row["method"]: float(row["seconds"]) for row in rows if row["method"] in timed} == timed


def test_blind_sweeps_never_saw_the_truth(whole: Path) -> None:
    """The blind rows come from sweeps whose objective is blind, and the winner is the blind pick."""
    for path in folder(str(whole / "runs")).glob("*-blind-*"):
        summary = json.loads((path / "summary.json").read_text())
        assert summary["objective"] == "blind"
        assert summary["best"]["number"] == summary["blind"]["number"]


def test_data_without_edges(whole: Path) -> None:
    """Without true edges an empty graph has F1 1 and the count of learned edges is what is judged."""
    rows = [row for row in table("suite.csv", str(whole / "runs")) if row["dataset"] == "no-edges"]
    for row in rows:
        if row["method"] in ("ours_oracle", "ours_blind"):
            assert row["true_edge_count"] == "0"
            assert float(row["f1"]) == (1.0 if row["edge_count"] == "0" else 0.0)
    assert "at most 1 edge: " in (whole / "err.txt").read_text()


def test_what_is_printed(whole: Path) -> None:
    """Progress and the table on stderr, a line a sweep; stdout has the page's path and nothing else."""
    lines = (whole / "err.txt").read_text().splitlines()
    path = folder(str(whole / "runs")).relative_to(whole)
    assert (whole / "out.txt").read_text() == f"{path}/report.html\n"
    assert lines[0] == "suite_smoke: 2 data sets x 2 seeds x oracle and blind: 8 sweeps"
    assert [line[:5] for line in lines[2:10]] == [f"  {n}/8" for n in range(1, 9)]
    assert any(line.startswith("8 sweeps of 8 finished, 8 sweeps run now") for line in lines)
    text = (folder(str(whole / "runs")) / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert not list(folder(str(whole / "runs")).glob("*/report.html"))


@pytest.mark.parametrize("columns", ["30", "40", "200"])
def test_the_table_fits_the_terminal(whole: Path, columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a narrow terminal names are shortened, numbers are not."""
    from studies.suite_lines import table_lines

    monkeypatch.setenv("COLUMNS", columns)
    lines = table_lines(folder(str(whole / "runs")))
    body = lines[: lines.index("")]
    assert all(len(line) <= max(40, int(columns)) for line in body)
    assert all(re.search(r"\d\.\d\d ±\d\.\d\d", line) for line in body if " blind " in line or " oracle " in line)
    assert len([line for line in body if " blind " in line or " oracle " in line]) == 4


@pytest.mark.usefixtures("no_page")
def test_the_same_command_again_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A finished suite is told from its summaries: no sweep is run again and the tables are the same bytes."""
    assert suite(*SMOKE) == 0
    first = (folder() / "suite.csv").read_bytes()
    capsys.readouterr()
    assert suite(*SMOKE) == 0
    assert "4 sweeps of 4 finished, 0 sweeps run now" in capsys.readouterr().err
    assert (folder() / "suite.csv").read_bytes() == first


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the page, which takes longer than a small suite."""
    monkeypatch.setattr("reports.suite.write_suite_report", lambda path: path / "report.html")


class Killed(BaseException):
    """Ends the process that writes, as far as the code under test can tell."""


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_writes_and_continued(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A suite that is killed again and again, each time some writes later, and continued, has the same tables."""
    words = (*SMOKE, "-q", "-n", "4")
    assert suite(*words, "-o", "calm") == 0
    left, kills, original = 0, 0, os.replace

    def counted(*arguments: Any, **how: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        return original(*arguments, **how)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted)
        for kills in range(1, 100):
            left = kills * step
            try:
                assert suite(*words, "-o", "hit") == 0
                break
            except Killed:
                continue
    assert kills > 2
    assert tables("hit") == tables("calm")


@pytest.mark.usefixtures("no_page")
def test_ctrl_c_stops_cleanly(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends the suite after the round with exit code 130 and the command that goes on; that one finishes it."""
    assert suite(*SMOKE, "-q", "-o", "calm") == 0
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", ["suite.py", *SMOKE])
        signal_at(patch, signal.SIGINT, at_round=4)
        assert suite(*SMOKE) == 130
    streams = capsys.readouterr()
    assert "Continue    python -m studies.suite -c suite_smoke -j 1 --seeds 1\n" in streams.err
    assert len({row["run"] for row in table("suite.csv") if row["run"]}) < 4
    assert suite(*SMOKE, "-q") == 0
    assert tables() == tables("calm")


@pytest.mark.usefixtures("no_page")
def test_a_dead_sweep_is_a_row(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep that cannot be run says why in its row, the others run, and the next command tries it again."""
    from core.errors import InputError
    from studies import suite_run

    original = suite_run.Run.search

    def search(self: Any, *arguments: Any, **how: Any) -> None:
        if self.spec.study == "tanh-1-oracle":
            raise InputError("the wire was cut")
        original(self, *arguments, **how)

    with monkeypatch.context() as patch:
        patch.setattr(suite_run.Run, "search", search)
        assert suite(*SMOKE) == 0
    assert "tiny, seed 1, oracle: failed: the wire was cut" in capsys.readouterr().err
    (row,) = [row for row in table("suite.csv") if row["error"]]
    assert (row["dataset"], row["method"], row["error"], row["f1"]) == ("tanh", "ours_oracle", "the wire was cut", "")
    (mean,) = [row for row in table("summary.csv") if row["failed"] != "0"]
    assert (mean["method"], mean["n"], mean["failed"]) == ("ours_oracle", "0", "1")
    assert json.loads((folder() / "suite.json").read_text())["failed"] == 1
    assert suite(*SMOKE, "-q") == 0
    assert not [row for row in table("suite.csv") if row["error"]]


@pytest.mark.usefixtures("no_page")
def test_peers_are_run_once_and_stand_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers are run once for each data set and seed; one that gave no graph says why and is tried again."""
    calls: list[str] = []
    good = {"name": "pcmci", "label": "PCMCI", "oracle": False, "shd": 1, "f1": 0.5, "edge_count": 2, "seconds": 9.0}
    bad = {"name": "dagma", "label": "DAGMA", "oracle": False, "error": "dagma is not installed"}
    found = [good, bad]

    def peer_rows(data: Any, *_: Any) -> list[dict[str, Any]]:
        calls.append(data.name)
        return found

    monkeypatch.setattr("studies.peers.peer_rows", peer_rows)
    words = (*SMOKE, "-q", "--only", "tanh", "--set", "methods=[blind, peers]")
    assert suite(*words) == 0
    rows = table("suite.csv")
    assert [row["method"] for row in rows] == ["ours_blind", "ours_blind_fresh", "pcmci", "dagma"]
    assert [row["group"] for row in rows[2:]] == ["peer", "peer"]
    assert [(row["f1"], row["error"]) for row in rows[2:]] == [("0.5", ""), ("", "dagma is not installed")]
    found[1] = {**good, "name": "dagma"}
    assert suite(*words) == 0
    assert len(calls) == 2
    assert suite(*words) == 0
    assert len(calls) == 2
    assert [row["error"] for row in table("suite.csv")] == [""] * 4


def test_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run names every sweep's folder, estimates the time, and leaves no file."""
    assert suite(*SMOKE, "--dry-run", "--only", "tanh") == 0
    streams = capsys.readouterr()
    assert list(Path().iterdir()) == []
    assert streams.out == ""
    lines = streams.err.splitlines()
    assert [line.split("/")[-1].rpartition("-")[0] for line in lines[:2]] == [
        "tanh-1-oracle-sensors",
        "tanh-1-blind-sensors",
    ]
    assert lines[-1].startswith("2 sweeps to run, about ")
    assert lines[-1].endswith("nothing was run.")


@pytest.mark.usefixtures("no_page")
def test_dry_run_names_the_folders_that_are_made(capsys: pytest.CaptureFixture[str]) -> None:
    """What --dry-run promises is where the sweeps are, and then they count as done."""
    assert suite(*SMOKE, "--dry-run") == 0
    promised = [line.rpartition("/")[2] for line in capsys.readouterr().err.splitlines() if "/" in line]
    assert suite(*SMOKE, "-q") == 0
    assert sorted(promised) == sorted(path.parent.name for path in folder().glob("*/summary.json"))
    assert suite(*SMOKE, "--dry-run") == 0
    assert "0 sweeps to run" in capsys.readouterr().err.splitlines()[-1]


def test_show_config_is_a_suite(capsys: pytest.CaptureFixture[str]) -> None:
    """--show-config prints a file that gives the same suite; it writes nothing else."""
    from sweeps.suite_reader import load_suite

    assert suite("-c", "suite", "--show-config") == 0
    text = capsys.readouterr().out
    assert list(Path().iterdir()) == []
    Path("mine.yaml").write_text(text)
    assert load_suite("mine.yaml") == load_suite("suite")


WRONG = [
    (("--only", "tanhh"), "error: --only: no data set called `tanhh`\nhint: did you mean `tanh`? "),
    (("--seeds", "0"), "error: --seeds must be between 1 and 5, got 0\n"),
    (("--seeds", "x"), "error: --seeds: invalid int value: 'x'\n"),
    (("--trials", "0"), "error: --trials must be 1 or more, got 0\n"),
    (("--set", "data.rws=3"), "error: unknown setting `data.rws` in --set data.rws=3\nhint: did you mean `rows`?"),
    (("-c", "smoke"), "error: sweeps/smoke.yaml lists no data sets (datasets:), so it is no suite\n"),
    (("-c", "nowhere.yaml"), "error: no settings file `nowhere.yaml`\n"),
    (("--sed", "3"), "error: unknown option `--sed`\n"),
    (("--only", "tanh", "--set", "data.rows=20"), "error: data set `tanh`: "),
]


@pytest.mark.parametrize(("words", "text"), WRONG, ids=range(len(WRONG)))
def test_errors_are_lines(words: tuple[str, ...], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong words end in error and hint with exit code 2, and nothing is written."""
    assert suite(*words) == 2
    streams = capsys.readouterr()
    assert streams.err.startswith(text)
    assert "Traceback" not in streams.err
    assert list(Path().iterdir()) == []


def test_a_suite_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Two commands do not share a suite's folder."""
    from sweeps.suite_reader import load_suite

    held = RunFolder(Path("runs") / f"suite_smoke-{load_suite('suite_smoke').identity()[:6]}", [])
    try:
        assert suite(*SMOKE) == 3
    finally:
        held.close()
    assert "is in use by process" in capsys.readouterr().err


def test_help_and_errors_load_nothing_heavy() -> None:
    """--help and wrong settings are answered before torch, optuna, pandas, matplotlib or numpy is imported."""
    check = (
        "import sys\nfrom studies.suite import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'optuna', 'pandas', 'matplotlib', 'numpy'} & set(sys.modules)"
    )
    for words in (("--help",), ("--only", "nothing"), ("--set", "data.rows=x")):
        subprocess.run([sys.executable, "-c", check, *words], check=True, env=environment(), capture_output=True)


def test_averages_and_deviations() -> None:
    """Means are over what is there, deviations over the seeds (n - 1), a single seed has none, failures stay out."""
    rows = [
        {"dataset": "a", "method": "m", "group": "baseline", "f1": value, "error": error}
        for value, error in ((0.5, None), (1.0, None), (None, "dead"))
    ]
    (mean,) = summarised(rows, {"a": "A"})
    assert (mean["n"], mean["failed"], mean["f1_mean"]) == (2, 1, 0.75)
    assert mean["f1_sd"] == pytest.approx(0.3535533906)
    assert mean["shd_mean"] is None
    (single,) = summarised(rows[:1], {"a": "A"})
    assert (single["f1_mean"], single["f1_sd"]) == (0.5, None)


def test_names_that_a_run_lacks_are_blank(tmp_path: Path) -> None:
    """A run folder of another version, without confirm or some names, still gives its row."""
    (row,) = own_rows("blind", {"best": {"val_f1_blind": 0.5}}, tmp_path)
    assert (row["f1"], row["shd"], row["seconds"], row["val_loss"]) == (0.5, None, None, None)
    (row,) = own_rows("oracle", {"best": None, "failed": 3}, tmp_path)
    assert row["error"] == "no trial completed (3 failed)"
    assert averages([{"val_f1": 0.5}, {"val_f1": None}], {"f1": "val_f1", "shd": "val_shd"}) == {"f1": 0.5}


def test_a_fresh_row_is_that_of_its_own_pick(tmp_path: Path) -> None:
    """Where confirm/seeds.csv has rows of both picks, each sweep's fresh row takes its own, without failures."""
    (tmp_path / "confirm").mkdir()
    text = (
        "pick,val_f1,val_f1_blind,error\noracle,1,0.1,\noracle,0.5,0.1,\nblind,0.2,0.4,\nblind,,,loss is not finite\n"
    )
    (tmp_path / "confirm" / "seeds.csv").write_text(text)
    assert own_rows("oracle", {"best": {}}, tmp_path)[1]["f1"] == 0.75
    fresh = own_rows("blind", {"best": {}}, tmp_path)[1]
    assert (fresh["f1"], fresh["n"]) == (0.4, 1)
