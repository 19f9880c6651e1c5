"""Laws of the repeat: any trial alone is what it was among others, or the command says what changed."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from commands import SMALL, only, rerun, sweep, trials

from studies.records import read_rows


@pytest.fixture
def run(finished: Path) -> str:
    """A copy of a finished run."""
    shutil.copytree(finished, "run")
    return "run"


@pytest.mark.parametrize("number", range(10))
def test_any_trial_alone_is_the_same(run: str, capsys: pytest.CaptureFixture[str], number: int) -> None:
    """Complete, pruned or failed: run alone a trial has the same weights, graph and numbers, bit for bit."""
    row = read_rows(Path(run, "trials.csv").read_text())[number]
    assert rerun(run, "--trial", str(number), "--json") == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    assert found["reproduced"] is True
    assert found["differences"] == []
    assert f"trial {number}, seed {row['seed']}, same data" in streams.err
    if row["state"] == "failed":
        assert f"failed as recorded: {row['error']}" in streams.err
        return
    for name in ("weights_hash", "graph_hash", "val_shd", "val_f1", "edge_count", "avg_grad_clip_ratio"):
        assert found[name] == row[name]
    assert f"reproduced exactly, weights hash {row['weights_hash']}" in streams.err
    assert ("pruned at epoch" in streams.err) == (row["state"] == "pruned")


def test_the_best_is_repeated_by_default(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --trial it is the best; stdout has the graph's path, and its files equal those of best/."""
    best = json.loads(Path(run, "summary.json").read_text())["best"]
    records = Path(run, "trials.csv").read_bytes()
    assert rerun(run) == 0
    path = Path(capsys.readouterr().out.rstrip("\n"))
    assert path == Path(run, "rerun", f"trial-{best['number']}-seed-{best['seed']}", "adjacency.csv")
    for name in ("adjacency.csv", "weights.pt", "config.yaml"):
        assert (path.parent / name).read_bytes() == Path(run, "best", name).read_bytes()
    assert Path(run, "trials.csv").read_bytes() == records


def test_another_seed_says_so(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--seed trains with that seed, names both results, and is no failure for being different."""
    best = json.loads(Path(run, "summary.json").read_text())["best"]
    assert rerun(run, "--seed", "5", "--json") == 0
    streams = capsys.readouterr()
    found = json.loads(streams.out)
    assert (found["seed"], found["reproduced"]) == (5, False)
    assert found["weights_hash"] != best["weights_hash"]
    assert f"the trial's own seed gave SHD {best['val_shd']}, F1 {best['val_f1']:.2f}" in streams.err
    assert f"trial {best['number']}, seed 5" in streams.err
    assert Path(run, "rerun", f"trial-{best['number']}-seed-5", "adjacency.csv").exists()


def test_the_own_seed_by_name_is_the_own_seed(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--seed with the trial's own seed must reproduce like none at all."""
    row = read_rows(Path(run, "trials.csv").read_text())[0]
    assert rerun(run, "--trial", "0", "--seed", str(row["seed"])) == 0
    assert "reproduced exactly" in capsys.readouterr().err


def test_several_seeds(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--seeds K writes K rows, prints mean and interval, and starts with the seeds of the confirmation."""
    assert rerun(run, "--seeds", "3") == 0
    streams = capsys.readouterr()
    rows = list(csv.DictReader(Path(streams.out.rstrip("\n")).read_text().splitlines()))
    confirmed = list(csv.DictReader(Path(run, "confirm", "seeds.csv").read_text().splitlines()))
    assert len(rows) == 3
    winner = [{name: row[name] for name in rows[0]} for row in confirmed if row["pick"] == "oracle"]
    assert rows[:2] == winner
    assert streams.err.count("seed ") >= 3
    assert "mean SHD" in streams.err
    assert "95 % interval" in streams.err
    assert rerun(run, "--seeds", "1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["shd_low"]) == (1, None)


@pytest.mark.parametrize("number", ["0"])
def test_seeds_of_any_trial(run: str, number: str) -> None:
    """--seeds goes with --trial."""
    assert rerun(run, "--trial", number, "--seeds", "2") == 0
    assert Path(run, "rerun", f"trial-{number}-seeds-2", "seeds.csv").exists()


def data_run(blind: bool = False) -> str:
    """A run on a data file; return its folder."""
    import numpy as np

    rng = np.random.default_rng(3)
    values = rng.standard_normal((150, 3)).cumsum(axis=0)
    lines = ["a,b,c", *(",".join(f"{value:.4f}" for value in row) for row in values)]
    Path("own.csv").write_text("\n".join(lines) + "\n")
    Path("edges.csv").write_text("cause,effect\na,b\n")
    graph = [] if blind else ["-g", "edges.csv"]
    assert sweep(*SMALL, "-n", "4", "-d", "own.csv", *graph, "-q") == 0
    return str(only())


@pytest.mark.usefixtures("no_report")
def test_changed_data_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A repeat on other data does not reproduce: exit code 4, and the data's digest is what changed."""
    run = data_run()
    text = Path("own.csv").read_text().splitlines()
    text[40] = "9.5,-9.5,9.5"
    Path("own.csv").write_text("\n".join(text) + "\n")
    capsys.readouterr()
    assert rerun(run) == 4
    text = capsys.readouterr().err
    recorded = json.loads(Path(run, "environment.json").read_text())["data"]["sha256"]
    assert f"data sha256 {recorded[:12]} then, " in text
    assert "did not reproduce: weights hash" in text
    assert "NOT reproduced" in text


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("blind", [False, True])
def test_moved_data(capsys: pytest.CaptureFixture[str], blind: bool) -> None:
    """Data that is gone is an input error; --data says where it is now, and the repeat reproduces, blind too."""
    run = data_run(blind)
    Path("own.csv").rename("moved.csv")
    capsys.readouterr()
    assert rerun(run) == 2
    assert "own.csv" in capsys.readouterr().err
    assert rerun(run, "--data", "moved.csv") == 0
    assert "reproduced exactly" in capsys.readouterr().err
    assert rerun(run, "--data", "moved.csv", "--seed", "3") == 0
    assert rerun(run, "--data", "moved.csv", "--seeds", "2") == 0


def test_other_versions_are_named(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A recorded version that is another now is said even where the repeat is the same."""
    path = Path(run, "environment.json")
    other = {"torch": "1.0", "cpu_capability": "abacus", "training": "older"}
    path.write_text(json.dumps({**json.loads(path.read_text()), **other}))
    assert rerun(run) == 0
    text = capsys.readouterr().err
    assert "torch 1.0 then, " in text
    assert "cpu_capability abacus then, " in text
    assert "training older then, " in text
    assert "reproduced exactly" in text


def test_a_changed_record_does_not_reproduce(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A hash that is not that of the trained weights is exit code 4."""
    best = json.loads(Path(run, "summary.json").read_text())["best"]
    path = Path(run, "trials.csv")
    path.write_text(path.read_text().replace(best["weights_hash"], "0123456789ab"))
    assert rerun(run) == 4
    assert "recorded 0123456789ab" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["nowhere"], 3, "nowhere: not a run folder"),
        (["."], 3, "not a run folder"),
        (["run/trials.csv"], 3, "not a run folder"),
        (["run", "--trial", "10"], 2, "--trial 10: the run has no such trial"),
        (["run", "--trial", "-1"], 2, "--trial"),
        (["run", "--trial", "x"], 2, "must be a whole number of 0 or more"),
        (["run", "--seed", "1.5"], 2, "must be a whole number of 0 or more"),
        (["run", "--seed", "1", "--seeds", "2"], 2, "not allowed with"),
        (["run", "--seeds", "0"], 2, "--seeds must be 1 or more, got 0"),
        (["run", "--sead", "1"], 2, "did you mean `--seed"),
        (["run", "--seed", "99999999999999999999999"], 2, "--seed"),
        ([], 2, "RUN"),
        (["run", "more"], 2, "unexpected word `more`"),
    ],
)
def test_wrong_input(run: str, capsys: pytest.CaptureFixture[str], words: list[str], code: int, text: str) -> None:
    """Wrong input is one error line with its exit code, nothing on stdout and no traceback."""
    assert run == "run"
    assert rerun(*words) == code
    streams = capsys.readouterr()
    assert streams.out == ""
    assert text in streams.err
    assert streams.err.startswith("error: ")


def test_ctrl_c_is_no_traceback(run: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a trial is repeated ends the command with 130, and leaves no half-written graph."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("studies.confirm.train", interrupted)
    try:
        code = rerun(run)
    except KeyboardInterrupt:  # would end the whole test run
        pytest.fail("the interrupt got out")
    assert code == 130
    assert "Traceback" not in capsys.readouterr().err
    assert not Path(run, "rerun").exists()


@pytest.mark.parametrize("name", ["trials.csv", "environment.json", "sweep.yaml"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"garbage", b"[1, 2]\n", b"number,state\nx,y\n", b"{}"])
def test_a_damaged_folder(run: str, capsys: pytest.CaptureFixture[str], name: str, content: bytes) -> None:
    """Garbage in a file of the run is an error line, never a traceback."""
    Path(run, name).write_bytes(content)
    assert rerun(run, "--trial", "0") in (2, 3, 4)
    assert capsys.readouterr().err.startswith("error: ")


def test_no_complete_trial(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without a complete trial has no best one to repeat: exit code 4; any trial can be named."""
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder)
    assert sweep(*SMALL, "--set", "space.lambda_disen=[1e39]", "-n", "2", "-q") == 4
    assert trials(only())[1]["state"] == "failed"
    assert rerun(str(only())) == 4
    assert "no trial was completed" in capsys.readouterr().err
    assert rerun(str(only()), "--trial", "1") == 0
    assert "failed as recorded" in capsys.readouterr().err
