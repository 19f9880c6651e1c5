"""Laws of faults: whatever is wrong, one line says what and where, and nothing finished is lost."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import ALL_STATES, SMALL, folders, journal, only, rerun, results, sweep, trials
from damages import DAMAGES, Damage
from faults import ODD, WRONG, Fault, Stopped, csv_of
from tally import keep, tried

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
    with tried(section):
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


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("fault", ODD, ids=lambda fault: fault.name)
def test_odd_input(fault: Fault, capsys: pytest.CaptureFixture[str]) -> None:
    """What can be learned from is: exit code 0, a word about it, records for a report, a trial that reproduces."""
    with tried("data"):
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
    with tried("run folder"):
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
            keep(stopped.finished, trials(only()))
        assert not Path("taken-over").exists()


def test_all_trials_fail(capsys: pytest.CaptureFixture[str]) -> None:
    """Where every trial diverges: exit code 4, each with its step, and a report that says why."""
    with tried("numbers"):
        assert sweep(*SMALL, "-n", "4", "--set", "space.lambda_disen=[1e39]") == 4
        streams = capsys.readouterr()
        assert "4 trials in" in streams.err
        assert "0 complete, 0 pruned, 4 failed" in streams.err
        assert "Traceback" not in streams.err
        page = (only() / "report.html").read_text(encoding="utf-8")
        assert "No trial completed" in page
        assert "not finite at step" in page
        assert json.loads((only() / "summary.json").read_text())["best"] is None
        assert len(list(only().glob("errors/trial-*.txt"))) == 4
        assert rerun(str(only())) == 4
        assert "no trial was completed" in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
def test_a_lane_that_diverges_fails_alone() -> None:
    """It fails with its step and settings, is neither pruned nor best, and changes no other lane's numbers."""
    with tried("numbers"):
        words = (*SMALL, "--sampler", "random", "--pruner", "none")
        assert sweep(*words, "-q", "--set", "space.lambda_disen=[1e-4, 1e39]", "-o", "hit") == 0
        rows = trials(only("hit"))
        failed = [row for row in rows if row["lambda_disen"] == "1e+39"]
        assert 0 < len(failed) < len(rows)
        for row in rows:
            assert row["state"] == ("failed" if row in failed else "complete")
        for row in failed:
            assert re.fullmatch(r"loss is not finite at step \d+", row["error"])
            told = (only("hit") / "errors" / f"trial-{int(row['number']):04}.txt").read_text()
            assert row["error"] in told
            assert "lambda_disen 1e+39" in told
            assert (row["val_shd"], row["weights_hash"]) == ("", "")
        assert json.loads((only("hit") / "summary.json").read_text())["best"]["state"] == "complete"
        states = {number: state for number, state, _, _ in journal(only("hit"))}
        assert all((states[int(row["number"])] == "FAIL") == (row in failed) for row in rows)
        for row in rows:  # each alone: no neighbour has changed a bit
            assert rerun(str(only("hit")), "--trial", row["number"]) == 0


@pytest.mark.usefixtures("no_report")
def test_data_that_changed(capsys: pytest.CaptureFixture[str]) -> None:
    """A data file that changed since begins a run of its own, which says so; the earlier one stays as it is."""
    with tried("data"):
        words = (*SMALL, "-n", "2", "-d", "good.csv")
        assert sweep(*words) == 0
        first, before = only(), contents()
        Path("good.csv").write_text(csv_of(rows=61))
        capsys.readouterr()
        for told in (True, False):  # once: a run that goes on is no new one
            assert sweep(*words) == 0
            text = capsys.readouterr().err
            line = rf"warning: good.csv has changed since {first} began \(sha256 \w+ then, \w+ now\): this is a new run"
            assert bool(re.search(line, text)) == told
        assert len(folders()) == 2
        assert all(path.read_bytes() == data for path, data in before.items() if path.name != "good.csv")
        Path("good.csv").write_text(csv_of())
        assert sweep(*words) == 0
        assert "has changed" not in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    "other",
    [("--set", "space.lr.high=0.2"), ("--objective", "blind"), ("--seed", "1"), ("--sampler", "random")],
    ids=" ".join,
)
@tried("settings")
def test_another_search_is_another_run(other: tuple[str, ...]) -> None:
    """A changed space, objective, seed or sampler never goes on in the run of the old one, which stays as it is."""
    assert sweep(*SMALL, "-q", "-n", "2") == 0
    first, before = only(), contents()
    assert sweep(*SMALL, "-q", "-n", "2", *other) == 0
    assert len(folders()) == 2
    assert all(path.read_bytes() == data for path, data in before.items())
    (second,) = (folder for folder in folders() if folder != first)
    assert len(trials(second)) == 2


@pytest.mark.usefixtures("no_report")
@tried("numbers")
def test_exploding_gradients_are_clipped_and_counted() -> None:
    """Where every step is over the limit, trials complete all the same, and every one of their steps is counted."""
    assert sweep(*SMALL, "-q", "-n", "3", "--pruner", "none", "--set", "trainer.clip_norm=1e-6") == 0
    for row in trials(only()):
        assert (row["state"], row["avg_grad_clip_ratio"]) == ("complete", "1")
        assert 1e-6 < float(row["max_grad_norm"]) < float("inf")
        assert rerun(str(only()), "--trial", row["number"]) == 0


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("empty", ("--set", "space.lambda_sparse=[1000]")),
        ("dense", ("-d", "turning.csv", "-g", "both.csv", "--set", "space.lambda_sparse=[0]")),
    ],
    ids=["empty", "full"],
)  # fmt: skip
@tried("numbers")
def test_an_empty_or_full_graph_is_valid_and_flagged(kind: str, how: tuple[str, ...]) -> None:
    """A graph without an edge, or with all, is a result like another, and its row says what it is."""
    chance, values = np.random.default_rng(0), np.zeros((300, 2))
    for row in range(1, 300):  # each follows the other's last value, not its own
        values[row] = 0.9 * values[row - 1, ::-1] * (1, -1) + chance.standard_normal(2)
    np.savetxt("turning.csv", values, "%.3f", ",", header="a,b", comments="")
    Path("both.csv").write_text("cause,effect\na,b\nb,a\n")
    assert sweep(*SMALL, "-n", "6", "--pruner", "none", "--set", "trainer.epochs=40", *how) == 0
    rows = [row for row in trials(only()) if row["degenerate"] == kind]
    assert rows
    pairs = 2 if kind == "dense" else 0
    for row in rows:
        assert (row["state"], row["edge_count_blind"]) == ("complete", str(pairs))
        assert row["val_shd"]
