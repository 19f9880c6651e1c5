"""Laws of the command from end to end: what it prints where, what it writes, and what it leaves alone."""

import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from commands import SMALL, folders, only, rerun, run, sweep, trials

from sweeps.spec import load_spec

SLOW_MODULES = ("torch", "optuna", "pandas", "matplotlib")


def test_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Facts, results and what to type next on stderr; stdout has the report's path and nothing else."""
    assert sweep(*SMALL, "--confirm", "2") == 0
    streams = capsys.readouterr()
    path = f"runs/{only().name}"
    assert streams.out == f"{path}/report.html\n"
    lines = streams.err.splitlines()
    assert lines[0].startswith("smoke: sensors, 120 rows x 5 variables, ")
    assert lines[0].endswith(" % missing, 5 true edges, seed 1337")
    starts = ("missing    ", "search     lambda_sparse 0.0003-3 log", "baselines  empty graph SHD 5, VAR(",
              f"folder     {path}", "trial ", "winner on 2 fresh seeds: SHD ", "10 trials in ", f"Report      {path}",
              f"Run again   python -m studies.rerun {path}")  # fmt: skip
    places = [next(place for place, line in enumerate(lines) if line.startswith(start)) for start in starts]
    assert places == sorted(places)
    assert "chance (best of 10 random adjacencies) F1 0." in streams.err
    assert Path(streams.out.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json stdout is the summary and nothing but it."""
    assert sweep(*SMALL, "--json") == 0
    streams = capsys.readouterr()
    assert json.loads(streams.out) == json.loads((only() / "summary.json").read_text())
    assert streams.err == ""


@pytest.mark.usefixtures("no_report")
def test_quiet_and_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    """-q says nothing but the path; -v every trial."""
    assert sweep(*SMALL, "-q") == 0
    streams = capsys.readouterr()
    assert (streams.out, streams.err) == (f"{only()}/report.html\n", "")
    assert sweep(*SMALL, "-v", "--fresh") == 0
    text = capsys.readouterr().err
    assert [f"trial {n:<4}" in text for n in range(10)] == [True] * 10


@pytest.mark.parametrize("words", [(), ("-c", "smoke"), ("-c", "lambda_grid", "--set", "space.lr=[0.1, 0.2]")])
def test_show_config_is_a_config(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    """--show-config prints YAML that --config reads back as the same settings; it writes nothing."""
    assert sweep(*words, "--show-config", "--trials", "7") == 0
    text = capsys.readouterr().out
    assert list(Path().iterdir()) == []
    assert isinstance(yaml.safe_load(text), dict)
    Path("mine.yaml").write_text(text)
    overrides = [tuple(word.split("=", 1)) for word in words if "=" in word]
    known = load_spec(words[1] if words else "lambda_sweep", [*overrides, ("search.trials", "7")])  # type: ignore[list-item]
    assert load_spec("mine.yaml") == known


def test_dry_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run reads the data, estimates the time, runs nothing and leaves no file."""
    assert sweep(*SMALL, "--dry-run") == 0
    streams = capsys.readouterr()
    assert list(Path().iterdir()) == []
    assert streams.out == ""
    assert "10 trials of 8 epochs would take about " in streams.err
    assert "nothing was run" in streams.err


def test_another_folder_and_an_opened_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """--out makes the folder elsewhere, --open hands the report to the browser."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("reports.page.write_report", lambda folder: folder)
    assert sweep(*SMALL, "-o", "deep/er", "--open", "-q") == 0
    assert opened == [(Path.cwd() / only("deep/er") / "report.html").as_uri()]
    assert [path.name for path in Path().iterdir()] == ["deep"]


def test_nothing_but_the_run_folder_is_written(tmp_path: Path) -> None:
    """A run as a process of its own, with a home that cannot be used, writes its folder and nothing else."""
    home = tmp_path / "home"
    home.touch()
    from commands import environment

    where = tmp_path / "work"
    where.mkdir()
    changes = {"HOME": str(home), "NO_COLOR": "1", "COLUMNS": "40", "MPLCONFIGDIR": str(tmp_path / "mpl")}
    code, out, err = run(*SMALL, cwd=where, env=environment(**changes))
    assert code == 0, err
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    assert [path.name for path in where.iterdir()] == ["runs"]
    assert out == f"runs/{only(where / 'runs').name}/report.html\n"
    assert home.read_bytes() == b""


LISTED = "import sys\nfrom {} import main\ntry:\n    code = main(sys.argv[1:])\nexcept SystemExit as left:\n" \
    "    code = left.code\nprint(code, *[m for m in {} if m in sys.modules], file=sys.stderr)"  # fmt: skip


@pytest.mark.parametrize(
    ("module", "words", "code"),
    [
        ("studies.lambda_sweep", ["--help"], 0),
        ("studies.lambda_sweep", ["--version"], 0),
        ("studies.lambda_sweep", ["--show-config"], 0),
        ("studies.lambda_sweep", ["--trials", "0"], 2),
        ("studies.lambda_sweep", ["--data", "sensor"], 2),
        ("studies.lambda_sweep", ["--data", "text.csv"], 2),
        ("studies.lambda_sweep", ["--data", "own.csv", "--objective", "val_shd"], 2),
        ("studies.lambda_sweep", ["--set", "space.lambda_sprase=1"], 2),
        ("studies.rerun", ["--help"], 0),
        ("studies.rerun", ["nowhere"], 3),
        ("studies.rerun", ["--version"], 0),
        ("studies.suite", ["--help"], 0),
        ("studies.suite", ["--version"], 0),
        ("studies.suite", ["--trials", "0"], 2),
        ("studies.stability", ["--version"], 0),
        ("studies.suite", ["-c", "nowhere.yaml"], 2),
        ("studies.stability", ["--help"], 0),
        ("reports.__main__", ["--help"], 0),
        ("reports.__main__", ["--version"], 0),
        ("reports.__main__", [], 2),
        ("reports.__main__", ["nowhere"], 3),
    ],
)
def test_wrong_input_does_not_wait_for_torch(module: str, words: list[str], code: int) -> None:
    """Help and every error of arguments, settings and data come before torch, optuna or pandas is imported."""
    import subprocess

    from commands import environment

    Path("own.csv").write_text("a,b\n" + "".join(f"{n % 7},{n % 5}\n" for n in range(99)))
    Path("text.csv").write_text("a,b\n" + "".join(f"{n},hello\n" for n in range(99)))
    done = subprocess.run(
        [sys.executable, "-c", LISTED.format(module, SLOW_MODULES), *words],
        capture_output=True, text=True, env=environment(), check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == str(code)


HOSTILE = ("=1+1", "<script>alert(1)</script>", "@x $\\frac$", 'na\u00efve, "q"')


def test_hostile_names(capsys: pytest.CaptureFixture[str]) -> None:
    """Names that are formulas, markup or mathematics go through the whole run and stay text everywhere."""
    rows = np.random.default_rng(0).standard_normal((80, 4)).cumsum(axis=0).round(3).tolist()
    with open("own.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HOSTILE, *rows])
    with open("edges.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("cause", "effect"), HOSTILE[:2], HOSTILE[2:]])
    assert sweep(*SMALL, "-n", "4", "-d", "own.csv", "-g", "edges.csv") == 0
    assert "<script>alert" not in (only() / "report.html").read_text(encoding="utf-8")
    for name in ("best/adjacency.csv", "graph.csv"):
        with open(only() / name, encoding="utf-8", newline="") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
        assert set(HOSTILE) <= {cell.removeprefix("'") for cell in cells}
    assert rerun(str(only())) == 0
    assert "reproduced exactly" in capsys.readouterr().err


@pytest.mark.usefixtures("no_report")
def test_a_grid_by_its_file() -> None:
    """The packaged grid runs, cut to a few of its points."""
    words = ("-c", "lambda_grid", "-n", "3", "--set", "trainer.epochs=4", "--set", "data.rows=120", "--confirm", "0")
    assert sweep(*words, "-j", "1", "-q") == 0
    assert [row["lr"] for row in trials(only())] == ["0.003", "0.01", "0.003"]
    assert len(folders()) == 1


@pytest.mark.slow
def test_the_packaged_sweep_beats_the_empty_graph(capsys: pytest.CaptureFixture[str]) -> None:
    """The sweep without any option finds a graph of the simulated sensors that is better than none."""
    assert sweep("--json", "-n", "20") == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["best"]["val_shd"] < summary["baselines"]["empty"]["shd"]
    assert summary["best"]["chance_p"] < 0.01


@pytest.mark.usefixtures("no_report")
def test_a_blind_pick_that_never_led_is_trained_again(capsys: pytest.CaptureFixture[str]) -> None:
    """best/ holds the picked trial's own weights, whether or not it had the lowest blind score."""
    led: set[bool] = set()
    for seed in range(12):
        assert sweep(*SMALL, "--objective", "blind", "--seed", str(seed), "-o", f"out{seed}") == 0
        folder = only(f"out{seed}")
        best = json.loads((folder / "summary.json").read_text())["best"]
        rows = [row for row in trials(folder) if row["state"] == "complete"]
        led.add(min(rows, key=lambda row: float(row["blind_score"]))["number"] == str(best["number"]))
        weights = torch.load(folder / "best" / "weights.pt", weights_only=True)
        total = hashlib.sha256()
        for tensor in weights.values():
            total.update(tensor.contiguous().numpy().tobytes())
        assert total.hexdigest().startswith(best["weights_hash"])
        if len(led) == 2:
            break
    assert led == {True, False}, "both cases were met"
    assert "came out differently" not in capsys.readouterr().err
