"""Laws of a run folder's files: their names, their columns, and that they agree with each other."""

import csv
import gzip
import json
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from commands import STATES, journal, rerun, table, trials

from core.results import Outcome
from studies.artefacts import adjacency_csv, as_json
from studies.choice import best_row
from studies.records import DIAGNOSIS_COLUMNS, EPOCH_COLUMNS, parse_cell, read_rows, trial_columns
from sweeps.spec import load_spec

TRIAL_COLUMNS = (  # noqa: SIM905
    "number state seed lambda_sparse lambda_acyclic lr lambda_disen epochs best_epoch val_shd val_shd_directed val_f1 "
    "precision recall skeleton_f1 edge_count true_edge_count best_threshold val_shd_blind val_f1_blind "
    "skeleton_f1_blind edge_count_blind blind_score val_loss h is_dag degenerate avg_grad_clip_ratio max_grad_norm "
    "final_learning_rate lr_drops pruned_epoch seconds graph_hash blind_edges weights_hash error grad_share_recon "
    "grad_share_sparse grad_share_acyclic grad_share_disen graph_gradient"
).split()
MAY_BE_BLANK = {"degenerate", "pruned_epoch", "error"}
FILES = {
    "report.html", "trials.csv", "epochs.csv.gz", "summary.json", "baselines.csv", "graph.csv", "sweep.yaml",
    "environment.json", "study.journal", "checkpoint.pt", "checksums.json", "sweep.lock", "sweep.log",
    "confirm/trained.pt", "confirm/seeds.csv", "confirm/data.csv", "confirm/edges.csv", "best/adjacency.csv",
    "best/graph.png", "best/training_log.json", "best/training_summary.json", "best/weights.pt", "best/config.yaml",
}  # fmt: skip


@pytest.fixture
def summary(finished: Path) -> dict[str, Any]:
    """The summary of a finished run."""
    return dict(json.loads((finished / "summary.json").read_text()))


def test_the_files_of_a_run(finished: Path) -> None:
    """A run writes the files that scripts expect, pictures and errors, nothing else, and nothing elsewhere."""
    found = {str(path.relative_to(finished)) for path in finished.rglob("*") if path.is_file()}
    rest = found - FILES
    assert found >= FILES
    assert {name.split("/")[0] for name in rest} == {"figures", "errors"}
    assert all(name.endswith((".png", ".txt")) for name in rest)
    assert [path.name for path in finished.parents[1].iterdir()] == ["runs"]
    assert [path.name for path in finished.parent.iterdir()] == [finished.name]


def test_trials_csv(finished: Path) -> None:
    """The columns are exactly those agreed, numbers count from 0, states are three, and only some cells are blank."""
    with open(finished / "trials.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == TRIAL_COLUMNS == list(trial_columns(["lambda_disen"]))
    assert [row["number"] for row in rows] == [str(n) for n in range(10)]
    assert {row["state"] for row in rows} == set(STATES)
    for row in rows:
        blank = {name for name, value in row.items() if value == ""}
        if row["state"] == "failed":
            assert blank == {*TRIAL_COLUMNS[8:], "pruned_epoch"} - {"seconds", "error"}
        else:
            assert blank <= MAY_BE_BLANK
            assert (row["pruned_epoch"] == row["epochs"]) == (row["state"] == "pruned")
            assert row["error"] == ""
            assert 0 <= float(row["avg_grad_clip_ratio"]) <= 1
            assert math.isfinite(float(row["val_loss"]))


def test_states_add_up(finished: Path, summary: dict[str, Any]) -> None:
    """Asked = complete + pruned + failed = rows of the records = trials of the journal."""
    states = Counter(row["state"] for row in trials(finished))
    assert {name: summary[name] for name in STATES} == dict(states)
    assert summary["trials"] == summary["budget"] == sum(states.values()) == len(journal(finished)) == 10
    assert summary["stopped_early"] is False


def test_epochs(finished: Path) -> None:
    """One row a trial and evaluation, sorted; the weighted terms of every row add up to its loss."""
    text = gzip.decompress((finished / "epochs.csv.gz").read_bytes()).decode()
    rows = read_rows(text)
    assert tuple(rows[0]) == EPOCH_COLUMNS
    keys = [(row["trial"], row["epoch"]) for row in rows]
    assert keys == sorted(set(keys))
    for item in read_rows((finished / "trials.csv").read_text()):
        assert [epoch for number, epoch in keys if number == item["number"]] == list(range(2, item["epochs"] + 1, 2))
    for row in rows:
        if row["train_loss"] is None or not math.isfinite(row["train_loss"]):
            assert read_rows((finished / "trials.csv").read_text())[row["trial"]]["state"] == "failed"
            continue
        terms = [row[name] for name in ("recon", "sparse", "acyclic", "disen")]
        assert math.fsum(terms) == pytest.approx(row["train_loss"], rel=1e-9, abs=1e-12)
        assert 0 <= row["grad_clip_ratio"] <= 1


def test_a_run_that_completes_a_trial_agrees_with_its_log(finished: Path) -> None:
    """A trial's row takes its numbers at its best epoch: validation loss and learning rate are those of the log."""
    log = read_rows(gzip.decompress((finished / "epochs.csv.gz").read_bytes()).decode())
    for row in read_rows((finished / "trials.csv").read_text()):
        if row["state"] == "complete":
            (kept,) = [item for item in log if (item["trial"], item["epoch"]) == (row["number"], row["best_epoch"])]
            assert kept["val_loss"] == pytest.approx(row["val_loss"], rel=1e-5)
            assert kept["val_shd"] == row["val_shd"]
            own = [item for item in log if item["trial"] == row["number"]]
            ratio = sum(item["grad_clip_ratio"] for item in own) / len(own)
            assert row["avg_grad_clip_ratio"] == pytest.approx(ratio)
            assert row["max_grad_norm"] == pytest.approx(max(item["grad_norm_max"] for item in own))


def test_the_summary(finished: Path, summary: dict[str, Any]) -> None:
    """The summary has its agreed keys, and says of the best trial what the records say."""
    assert set(summary) == {
        "format", "study", "dataset", "seed", "objective", "budget", "trials", "complete", "pruned", "failed",
        "stopped_early", "search_seconds", "wall_seconds", "pruning_saved_seconds", "report", "rerun_command", "best",
        "blind", "baselines", "confirm", "confirm_seconds",
    }  # fmt: skip
    assert summary["format"] == 1
    assert set(summary["best"]) == {*TRIAL_COLUMNS, "chance_f1", "chance_p"}
    assert set(summary["blind"]) == set(TRIAL_COLUMNS)
    rows = read_rows((finished / "trials.csv").read_text())
    for name in ("best", "blind"):
        recorded = rows[summary[name]["number"]]
        assert {column: summary[name][column] for column in TRIAL_COLUMNS} == recorded
    complete = [row for row in rows if row["state"] == "complete"]
    assert summary["best"]["val_shd"] == min(row["val_shd"] for row in complete)
    pick = best_row(rows, "blind")
    assert pick is not None
    assert summary["blind"]["number"] == pick["number"]
    assert 0 <= summary["best"]["chance_p"] <= 1
    block = {
        "n", "shd_mean", "shd_low", "shd_high", "f1_mean", "f1_low", "f1_high", "shd_gap", "f1_gap", "trial", "failed",
        "pair_shd", "edges_mean", "edges_always", "edges_ever",
    }  # fmt: skip
    confirm = summary["confirm"]
    assert set(confirm) == block | {"blind", "data"}
    assert set(confirm["data"]) == block | {"blind"}
    assert set(confirm["blind"]) == set(confirm["data"]["blind"]) == block
    assert summary["rerun_command"] == f"python -m studies.rerun runs/{finished.name}"
    assert summary["report"] == f"runs/{finished.name}/report.html"
    assert summary["pruning_saved_seconds"] > 0
    assert summary["wall_seconds"] >= summary["search_seconds"] + summary["confirm_seconds"] - 0.01
    assert min(summary["search_seconds"], summary["confirm_seconds"]) > 0


def test_the_baselines(finished: Path, summary: dict[str, Any]) -> None:
    """Every reference has its row, oracle cuts are marked, and the summary repeats the scores."""
    rows = table(finished / "baselines.csv")
    texts = ("name", "label", "note")
    named = {row["name"]: {key: parse_cell(key, row[key]) for key in row if key not in texts} for row in rows}
    assert list(rows[0]) == [
        "name", "label", "oracle", "shd", "shd_directed", "f1", "precision", "recall", "skeleton_f1", "edge_count",
        "f1_high", "var_sortability", "r2_sortability", "note", "error",
    ]  # fmt: skip
    assert set(named) == {
        "empty", "chance", "chance_floor", "correlation", "correlation_best", "var_t_test", "var_t_test_best",
        "var_stability", "var_held_out", "sortnregress_var", "sortnregress_r2",
    }  # fmt: skip
    assert named["empty"]["shd"] == 5
    assert named["chance"]["f1"] <= named["chance"]["f1_high"]
    assert named["chance_floor"]["f1"] <= named["chance_floor"]["f1_high"]
    assert named["var_t_test"]["oracle"] is named["var_stability"]["oracle"] is False
    for kind in ("var", "r2"):
        given = [name for name, row in named.items() if row[f"{kind}_sortability"] is not None]
        assert given == [f"sortnregress_{kind}"]
        assert 0 <= named[f"sortnregress_{kind}"][f"{kind}_sortability"] <= 1
    assert named["var_t_test_best"]["oracle"] is named["correlation_best"]["oracle"] is True
    assert set(summary["baselines"]) == set(named)
    for name, scores in summary["baselines"].items():
        assert scores.pop("seconds") > 0, "kept out of baselines.csv, so that repeating a run gives the same file"
        assert scores == {key: named[name][key] for key in ("shd", "f1", "edge_count")}


def test_the_best_graph(finished: Path, summary: dict[str, Any]) -> None:
    """adjacency.csv is square with names, within 0 and 1, and cut at best_threshold has the edges recorded."""
    rows = list(csv.reader((finished / "best" / "adjacency.csv").read_text().splitlines()))
    names = rows[0][1:]
    strength = np.array([[float(value) for value in row[1:]] for row in rows[1:]])
    assert [row[0] for row in rows[1:]] == names
    assert strength.shape == (5, 5)
    assert strength.min() >= 0
    assert strength.max() <= 1
    assert not np.diagonal(strength).any()
    assert (strength > summary["best"]["best_threshold"]).sum() == summary["best"]["edge_count"]
    assert (strength > 0.5).sum() == summary["best"]["edge_count_blind"]
    true = {tuple(row) for row in list(csv.reader((finished / "graph.csv").read_text().splitlines()))[1:]}
    cut = {(names[i], names[j]) for i, j in np.argwhere(strength > summary["best"]["best_threshold"])}
    assert len(true) == 5
    assert 2 * len(true & cut) / (len(true) + len(cut)) == pytest.approx(summary["best"]["val_f1"])


def test_the_best_trials_log(finished: Path, summary: dict[str, Any]) -> None:
    """The health log and its summary have the original system's keys, and agree with the records."""
    log = json.loads((finished / "best" / "training_log.json").read_text())
    short = json.loads((finished / "best" / "training_summary.json").read_text())
    best = summary["best"]
    assert [entry["epoch"] for entry in log] == [2, 4, 6, 8]
    for entry in log:
        assert set(entry) == {
            "epoch", "train_loss", "train_loss_components", "val_f1", "val_shd", "edge_count", "grad_clip_ratio",
            "learning_rate", "best_threshold", "epoch_time", *DIAGNOSIS_COLUMNS,
        }  # fmt: skip
        assert set(entry["train_loss_components"]) == {"recon", "sparse", "acyclic", "disen"}
        assert math.fsum(entry["train_loss_components"].values()) == pytest.approx(entry["train_loss"])
    assert short == {
        "total_time": best["seconds"], "epochs": 8, "best_shd": best["val_shd"], "best_f1": best["val_f1"],
        "best_threshold": best["best_threshold"], "final_edge_count": best["edge_count"], "true_edge_count": 5,
        "avg_grad_clip_ratio": best["avg_grad_clip_ratio"], "final_learning_rate": best["final_learning_rate"],
    }  # fmt: skip


def test_weights_and_settings_of_the_best(finished: Path, summary: dict[str, Any]) -> None:
    """Weights are plain tensors that load safely; config.yaml has the trial's settings and the study's."""
    weights = torch.load(finished / "best" / "weights.pt", weights_only=True)
    assert all(isinstance(tensor, torch.Tensor) and torch.isfinite(tensor).all() for tensor in weights.values())
    assert "gate" in weights
    config = yaml.safe_load((finished / "best" / "config.yaml").read_text())
    best, spec = summary["best"], load_spec(str(finished / "sweep.yaml"))
    assert set(config) == {"trial", "seed", "hyperparameters", "trainer", "data"}
    for name in ("lambda_sparse", "lambda_acyclic", "lr", "lambda_disen"):
        assert config["hyperparameters"][name] == best[name]
    assert config["hyperparameters"]["weight_decay"] == 1e-4
    assert (config["seed"], config["trial"]) == (best["seed"], best["number"])
    assert config["trainer"] == spec.to_dict()["trainer"]


def test_the_journal_is_optunas(finished: Path) -> None:
    """optuna.load_study opens the journal: the same numbers, parameters, states and values as the records."""
    known = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}
    rows = read_rows((finished / "trials.csv").read_text())
    for row, (number, state, params, value) in zip(rows, journal(finished), strict=True):
        assert number == row["number"]
        assert state == known[row["state"]]
        assert params == {name: row[name] for name in ("lambda_sparse", "lambda_acyclic", "lr", "lambda_disen")}
        if row["state"] == "complete":
            assert value == row["val_shd"]


def test_no_strength_changes_sides_in_writing() -> None:
    """A graph read back is the same at every cut, at its own strengths too."""
    strength = np.random.default_rng(5).random((6, 6)).astype(np.float32)
    np.fill_diagonal(strength, 0)
    blank = np.zeros((6, 6), dtype=np.bool_)
    text = adjacency_csv(Outcome({}, strength, blank, blank), tuple("abcdef"))
    read = np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(text.splitlines()))[1:]])
    for cut in strength.ravel().astype(float):
        assert ((read > cut) == (strength > cut)).all()


def test_the_environment(finished: Path) -> None:
    """Versions, threads, processor and the data's digest and shape are on record."""
    found = json.loads((finished / "environment.json").read_text())
    assert set(found) == {
        "graphsweep", "python", "torch", "optuna", "numpy", "pandas", "platform", "cpu_capability", "threads",
        "mkl_cbwr", "device", "commit", "data", "format", "training",
    }  # fmt: skip
    assert (found["threads"], found["mkl_cbwr"], found["device"]) == (1, "AUTO", "cpu")
    data = found["data"]
    assert set(data) == {
        "source", "sha256", "rows", "variables", "missing_share", "split", "unusable", "duplicated", "notes",
        "has_time", "max_lag", "true_edge_count",
    }  # fmt: skip
    assert data["rows"] == 120 >= sum(data["split"].values())
    assert set(data["split"]) == {"train", "validation", "test"}
    assert set(data["missing_share"]) == set(data["variables"])
    assert data["true_edge_count"] == 5
    assert data["duplicated"] == {}


def test_settings_on_record(finished: Path) -> None:
    """sweep.yaml reads back as the settings that were used, the objective resolved."""
    spec = load_spec(str(finished / "sweep.yaml"))
    assert (spec.study, spec.search.trials, spec.search.objective, spec.data.rows) == ("smoke", 10, "val_shd", 120)
    assert (spec.backend.jobs, spec.search.confirm) == (1, 2)


def test_a_run_folder_can_be_moved(finished: Path, tmp_path: Path) -> None:
    """Nothing in the records names an absolute path; a copy elsewhere is repeated and reported all the same."""
    for path in finished.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert str(finished.parents[1]).encode() not in data, path.name
    moved = tmp_path / "elsewhere"
    shutil.copytree(finished, moved)
    (moved / "report.html").unlink()
    from reports.page import write_report

    write_report(moved)
    assert (moved / "report.html").read_text() != ""
    assert rerun(str(moved)) == 0


def test_tables_are_read_by_others(finished: Path) -> None:
    """Both records are read by pandas as they are."""
    import pandas

    frame = pandas.read_csv(finished / "trials.csv")
    epochs = pandas.read_csv(finished / "epochs.csv.gz")
    assert list(frame.columns) == TRIAL_COLUMNS
    assert len(epochs) == len(table(finished / "epochs.csv.gz"))


def test_json_has_no_nan() -> None:
    """What is not finite becomes null, at any depth; the text is the same for the same value."""
    value = {"a": [1.0, math.nan, {"b": math.inf}], "c": (-math.inf, "é")}
    text = as_json(value)
    assert json.loads(text) == {"a": [1.0, None, {"b": None}], "c": [None, "é"]}
    assert text == as_json(value)
    assert "é" in text
