"""Laws of loading: what a run folder says arrives as it stands, and a bad folder is named, never guessed at."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from run_folders import HOSTILE, make_run

import core
from core.errors import RunFolderError
from reports.tables import load_run


def test_trials_arrive_as_written(usual: Path) -> None:
    """Every number of trials.csv is in the run under its column, blanks as NaN, in the order of the trials."""
    run = load_run(usual)
    with (usual / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert run.trials.rows == len(rows) == 50
    for name in ("number", "lambda_sparse", "val_shd", "val_f1", "edge_count", "pruned_epoch", "seconds"):
        expected = [float(row[name]) if row[name] else np.nan for row in rows]
        assert np.array_equal(run.trials.number(name), expected, equal_nan=True)
    assert run.states.tolist() == [row["state"] for row in rows]
    assert run.trials.text("error") == [row["error"] for row in rows]


def test_graphs_arrive_under_their_names(hostile: Path) -> None:
    """Names survive whatever they look like: formulas with a guarding quote, NA, line-breaking and long ones."""
    run = load_run(hostile)
    assert run.names == HOSTILE
    assert run.truth is not None
    assert run.adjacency is not None
    with (hostile / "graph.csv").open(newline="", encoding="utf-8") as file:
        edges = list(csv.reader(file))[1:]
    assert run.truth.sum() == len(edges) == 13
    assert run.adjacency.shape == (13, 13)
    assert np.all(np.diag(run.adjacency) == 0)


def test_adjacency_follows_the_names_not_the_columns(tmp_path: Path) -> None:
    """A table with its variables in another order loads the same graph."""
    folder = make_run(tmp_path / "run", trials=6)
    before = load_run(folder).adjacency
    path = folder / "best" / "adjacency.csv"
    with path.open(newline="", encoding="utf-8") as file:
        table = np.array(list(csv.reader(file)), dtype=object)
    order = [0, *np.random.default_rng(5).permutation(np.arange(1, len(table))).tolist()]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table[np.ix_(order, order)].tolist())
    after = load_run(folder).adjacency
    assert before is not None
    assert after is not None
    assert np.array_equal(before, after)


def drop(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text(text)


def set_format(value: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = folder / "summary.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": value}))

    return change


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (drop("summary.json"), "not a complete run folder: summary.json missing"),
        (drop("trials.csv"), "not a complete run folder: trials.csv missing"),
        (set_format(2), f"(format 2), this is {core.__version__} (format 1)"),
        (set_format("1"), "format must be a whole number but got '1'"),
        (write("summary.json", "{"), "summary.json: is damaged"),
        (write("summary.json", "[]"), "must be a mapping but got list"),
        (write("sweep.yaml", "a: [1"), "sweep.yaml: is damaged"),
        (write("best/adjacency.csv", ",a,b\na,0,1\n"), "must be square but got 1 rows and 2 columns"),
        (write("best/adjacency.csv", ",a\na,x\n"), "adjacency.csv: is damaged"),
        (write("best/adjacency.csv", ",a\na,0\n"), "its variables are not those of environment.json"),
        (write("graph.csv", "cause,effect\nboiler_temp,nobody\n"), "names an unknown variable"),
        (write("epochs.csv.gz", "no gzip"), "epochs.csv.gz"),
        (write("trials.csv", 'number,state\n1,"complete'), "trials.csv: is damaged"),
    ],
)
def test_a_bad_folder_is_named(tmp_path: Path, harm: Callable[[Path], object], says: str) -> None:
    """Missing, damaged and newer files end in one line that says which, and never in a traceback."""
    folder = make_run(tmp_path / "run", trials=3)
    harm(folder)
    with pytest.raises(RunFolderError) as caught:
        load_run(folder)
    assert says in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.exit_code == 3


def test_the_folder_above_suggests_the_run(tmp_path: Path) -> None:
    """Who names the folder of all runs is told which run is in it."""
    run = make_run(tmp_path / "run", trials=3)
    with pytest.raises(RunFolderError) as caught:
        load_run(tmp_path)
    assert caught.value.hint == f"did you mean {run}?"
    with pytest.raises(RunFolderError, match="no run folder at"):
        load_run(tmp_path / "nowhere")


def test_optional_files_may_be_absent(tmp_path: Path) -> None:
    """summary.json and trials.csv are enough to load."""
    folder = make_run(tmp_path / "run", trials=4)
    for name in ("epochs.csv.gz", "baselines.csv", "graph.csv", "sweep.yaml", "environment.json"):
        (folder / name).unlink()
    run = load_run(folder)
    assert run.epochs.rows == 0
    assert run.baselines == ()
    assert run.truth is None
    assert len(run.names) == 13
