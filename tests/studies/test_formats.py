"""Laws of the files that others open: spreadsheets, scripts that read summary.json, Optuna and its dashboard."""

import csv
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import ROOT, SMALL, only, sweep, table

from studies.records import decompress

NAMES = (
    "=1+1", "+5V rail", "-5V", "@home", "'quoted", "<script>alert(1)</script>", r"$\frac{1}{$", "x" * 200,
    "\u0645\u0633\u062a\u0634\u0639\u0631 \N{GRINNING FACE}",
)  # fmt: skip
SUMMARY = {
    "format", "study", "dataset", "seed", "objective", "budget", "trials", "complete", "pruned", "failed",
    "stopped_early", "search_seconds", "confirm_seconds", "wall_seconds", "pruning_saved_seconds", "report",
    "rerun_command", "best", "blind", "baselines", "confirm",
}  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
NUMBER = re.compile(r"-?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?|-?inf|nan", re.IGNORECASE)


def hostile_data(folder: Path) -> tuple[Path, Path]:
    """Write data and a graph whose names are formulas, markup and worse, under a name of that kind."""
    rng = np.random.default_rng(0)
    values = np.zeros((200, len(NAMES)))
    for row in range(1, 200):
        values[row] = 0.5 * values[row - 1] + rng.normal(size=len(NAMES))
        values[row, 1:8:2] += 0.9 * values[row - 1, 0:7:2]
    edges = [("cause", "effect"), *((NAMES[k], NAMES[k + 1]) for k in range(0, 8, 2))]
    data, graph = folder / "=1+1 <b>$x.csv", folder / "graph.csv"
    for path, rows in ((data, [NAMES, *values.round(4).tolist()]), (graph, edges)):
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
    return data, graph


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on hostile data, with its report."""
    where = tmp_path_factory.mktemp("hostile")
    data, graph = hostile_data(where)
    small = [word for word in SMALL if not word.startswith("data.rows")]
    del small[small.index("trainer.epochs=8") - 2]  # the --set of the rows
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    words = [*small, "--data", str(data), "--graph", str(graph), "--confirm", "2", "-o", str(where / "runs"), "-q"]
    assert sweep(*words) == 0
    for number, handler in before:
        signal.signal(number, handler)
    return only(where / "runs")


def tables(folder: Path) -> dict[str, list[list[str]]]:
    """Every CSV of a run folder, cell by cell."""
    found = {}
    for path in [*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]:
        text = decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes().decode()
        found[str(path.relative_to(folder))] = list(csv.reader(text.splitlines(keepends=True)))
    return found


def test_no_cell_is_a_formula(hostile: Path) -> None:
    """A spreadsheet opens every CSV of a run without running a cell, whatever the variables are called."""
    found = tables(hostile)
    assert {"trials.csv", "epochs.csv.gz", "graph.csv", "best/adjacency.csv", "confirm/edges.csv"} <= set(found)
    for name, rows in found.items():
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(FORMULA) or NUMBER.fullmatch(cell), (name, cell)
    assert found["graph.csv"][1:] == [
        ["'=1+1", "'+5V rail"], ["'-5V", "'@home"], ["''quoted", NAMES[5]], [NAMES[6], NAMES[7]],
    ]  # fmt: skip


def test_the_graph_of_a_run_can_be_given_to_the_next(hostile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--graph reads a run's own graph.csv: the quotes that make names safe are taken off again."""
    data = hostile.parents[1] / "=1+1 <b>$x.csv"
    assert sweep("--data", str(data), "--graph", str(hostile / "graph.csv"), "--dry-run") == 0
    assert "4 true edges" in capsys.readouterr().err


def test_hostile_names_reach_the_report_as_text(hostile: Path) -> None:
    """Names of variables and file stand in the report as they are, and as nothing else."""
    page = (hostile / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&#39;quoted" in page


def test_the_summary_is_documented(hostile: Path, finished: Path) -> None:
    """summary.json has these keys, no others, in every run, and README's table names each of them."""
    for folder in (hostile, finished):
        assert set(json.loads((folder / "summary.json").read_text(encoding="utf-8"))) == SUMMARY
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = text[text.index("`summary.json` (printed") : text.index("## Compare runs")].splitlines()
    named = [name for row in rows if row.startswith("| `") for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(SUMMARY)


def test_help_points_to_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """--help says where the keys of the JSON are listed."""
    assert sweep("--help") == 0
    assert "summary.json (keys: README)" in re.sub(r"\s+", " ", capsys.readouterr().out)


@pytest.mark.slow
def test_the_dashboard_shows_the_study(finished: Path) -> None:
    """optuna-dashboard, the real one, serves the journal: the study by name, with every trial, its state and value."""
    pytest.importorskip("optuna_dashboard", reason="optuna-dashboard is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from optuna_dashboard._cli import main; sys.exit(main())"
    words = [str(finished / "study.journal"), "--host", "127.0.0.1", "--port", str(port)]
    served = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        (study,) = _asked(served, f"http://127.0.0.1:{port}/api/studies")["study_summaries"]
        summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
        assert study["study_name"].startswith(summary["study"])
        detail = _asked(served, f"http://127.0.0.1:{port}/api/studies/{study['study_id']}?after=0")
        rows = table(finished / "trials.csv")
        known = {"complete": "Complete", "pruned": "Pruned", "failed": "Fail"}
        assert [known[row["state"]] for row in rows] == [trial["state"] for trial in detail["trials"]]
        for row, trial in zip(rows, detail["trials"], strict=True):
            if row["state"] == "complete":
                assert [float(value) for value in trial["values"]] == [float(row["val_shd"])]
    finally:
        served.terminate()
        served.wait(30)


def _asked(served: "subprocess.Popen[bytes]", url: str) -> Any:
    """Ask until the server is up, at most a minute."""
    for _ in range(120):
        assert served.poll() is None, "the dashboard has ended"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.loads(answer.read())
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"no answer from {url}")
