"""Run folders of the documented format, made up but consistent: every number follows from a graph.

The learner is pretended: an adjacency is drawn around the true graph, denser for a small lambda_sparse, and
scored as a sweep would score it. `make_run(folder, trials=50)` writes one;
`python tests/reports/run_folders.py FOLDER [--trials N]` makes one to look at.
"""

import argparse
import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from made_files import write_best, write_csv, write_records
from made_fresh import made_again
from made_recipe import (
    BASELINE_COLUMNS,
    EPOCH_COLUMNS,
    HOSTILE,
    SENSORS,
    TRIAL_COLUMNS,
    Recipe,
    Row,
    true_graph,
)
from made_trials import made_baselines, made_trial


def make_run(folder: Path, **recipe: Any) -> Path:
    """Write a run folder of the documented format and give its path."""
    made = Recipe(**recipe)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(made.seed)
    truth = true_graph(made, rng)
    trials: list[Row] = []
    epochs: list[list[Any]] = []
    learned: dict[str, Any] = {}
    for index in range(made.trials):
        row, curve, adjacency = made_trial(made, truth, index, rng)
        trials.append(row)
        epochs.extend(curve)
        if row["state"] == "complete" and is_better(row, learned.get("row"), made):
            learned = {"row": row, "adjacency": adjacency, "curve": curve}
    baselines = made_baselines(made, truth, rng)
    complete = [row for row in trials if row["state"] == "complete"]
    blind = min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)
    again = made_again(made, truth, learned, blind, rng)
    write_csv(folder / "trials.csv", TRIAL_COLUMNS, trials)
    with gzip.open(folder / "epochs.csv.gz", "wt", newline="", encoding="utf-8") as file:
        csv.DictWriter(file, EPOCH_COLUMNS).writeheader()
        file.writelines(",".join(str(value) for value in row) + "\r\n" for row in epochs)
    write_csv(folder / "baselines.csv", BASELINE_COLUMNS, baselines)
    if made.truth:
        edges = [{"cause": made.names[i], "effect": made.names[j]} for i, j in np.argwhere(truth)]
        write_csv(folder / "graph.csv", ["cause", "effect"], edges)
    for name, rows in (("seeds", again.seeds), ("data", again.data), ("edges", again.edges)):
        if rows:
            (folder / "confirm").mkdir(exist_ok=True)
            write_csv(folder / "confirm" / f"{name}.csv", list(rows[0]), rows)
    if learned and made.best_files:
        write_best(folder / "best", made, learned)
    write_records(folder, made, truth, trials, baselines, again.block, learned)
    return folder


def edit_trials(folder: Path, change: Callable[[dict[str, str]], object]) -> None:
    """Change the rows of a run's trials.csv, each in place and as texts; columns may be added."""
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with (folder / "trials.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def is_better(row: Row, best: Row | None, made: Recipe) -> bool:
    def key(trial: Row) -> tuple[float, ...]:
        if made.objective == "blind" or not made.truth:
            return (trial["blind_score"], trial["number"])
        return (trial["val_shd"], -trial["val_f1"], trial["number"])

    return best is None or key(row) < key(best)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--trials", type=int, default=50)
    options.add_argument("--variables", type=int, default=13)
    options.add_argument("--edges", type=int, default=13)
    options.add_argument("--skill", type=float, default=0.47)
    options.add_argument("--blind", action="store_true", help="no true graph")
    options.add_argument("--hostile", action="store_true", help="names from a stranger's file")
    given = options.parse_args()
    names = HOSTILE if given.hostile else (*SENSORS, *(f"sensor_{n:03d}" for n in range(200)))
    make_run(
        given.folder,
        trials=given.trials,
        names=names[: given.variables],
        edges=given.edges,
        skill=given.skill,
        truth=not given.blind,
    )
