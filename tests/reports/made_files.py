"""The files of a made-up run: the best trial, settings, facts and tables."""

import csv
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from made_recipe import (
    EPOCH_COLUMNS,
    Bools,
    Recipe,
    Row,
)


def write_best(folder: Path, made: Recipe, learned: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    table = [[as_text(name), *row] for name, row in zip(made.names, learned["adjacency"].tolist(), strict=True)]
    with (folder / "adjacency.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["", *map(as_text, made.names)], *table])
    log = []
    for values in learned["curve"]:
        entry = dict(zip(EPOCH_COLUMNS, values, strict=True))
        parts = {name: entry.pop(name) for name in ("recon", "sparse", "acyclic", "disen")}
        kept = "epoch train_loss val_f1 val_shd edge_count grad_clip_ratio learning_rate best_threshold epoch_time"
        log.append({key: as_plain(entry[key]) for key in kept.split()} | {"train_loss_components": parts})
    (folder / "training_log.json").write_text(json.dumps(log, default=float))


def write_records(
    folder: Path,
    made: Recipe,
    truth: Bools,
    trials: list[Row],
    baselines: list[Row],
    confirm: Row | None,
    learned: dict[str, Any],
) -> None:
    """Write summary.json, sweep.yaml and environment.json."""
    best = {key: as_plain(value) for key, value in learned["row"].items()} if learned else None
    if best is not None and made.truth:
        best |= {"chance_f1": 0.09, "chance_p": 1e-9 if best["val_f1"] > 0.4 else 0.31}
    states = [row["state"] for row in trials]
    complete = [row for row in trials if row["state"] == "complete"]
    blind = min(complete, key=lambda row: (row["blind_score"], row["number"]), default=None)
    summary = {
        "format": 1,
        "study": "lambda_sweep",
        "dataset": "sensors",
        "seed": made.seed,
        "objective": made.objective if made.truth else "blind",
        "trials": len(trials),
        **{state: states.count(state) for state in ("complete", "pruned", "failed")},
        "stopped_early": made.budget is not None and made.budget > len(trials),
        "budget": made.budget or len(trials),
        "search_seconds": round(0.3 * len(trials), 1),
        "wall_seconds": round(0.35 * len(trials) + 4, 1),
        "report": "report.html",
        "rerun_command": "python -m studies.rerun runs/lambda_sweep-sensors-3f9a2c",
        "best": best,
        "blind": {key: as_plain(value) for key, value in blind.items()} if blind else None,
        "baselines": {row["name"]: {key: row.get(key) for key in ("shd", "f1", "edge_count")} for row in baselines},
        "confirm": confirm,
        "pruning_saved_seconds": round(0.1 * states.count("pruned"), 1),
    }
    (folder / "summary.json").write_text(json.dumps(summary, default=float))
    (folder / "environment.json").write_text(json.dumps(made_environment(made, truth)))
    (folder / "sweep.yaml").write_text(yaml.safe_dump(made_settings(made), sort_keys=False))


def made_environment(made: Recipe, truth: Bools) -> Row:
    share = np.random.default_rng(3).uniform(0.02, 0.14, len(made.names))
    return {
        "graphsweep": "0.1.0",
        "python": "3.11.9",
        "torch": "2.13.0",
        "optuna": "5.0.0",
        "numpy": "2.4.0",
        "pandas": "3.1.1",
        "platform": "Linux x86_64",
        "cpu_capability": "AVX2",
        "threads": 1,
        "mkl_cbwr": "AUTO",
        "device": "cpu",
        "commit": "0a1b2c3d4e5f60718293a4b5c6d7e8f901234567",
        "data": {
            "source": "sensors",
            "sha256": hashlib.sha256(truth.tobytes()).hexdigest(),
            "rows": 2000,
            "variables": list(made.names),
            "missing_share": {name: round(float(s), 4) for name, s in zip(made.names, share, strict=True)},
            "split": {"train": 1400, "validation": 300, "test": 300},
            "unusable": {},
            "notes": ["8 % of the values are missing at random"],
            "has_time": True,
            "max_lag": 1,
            "true_edge_count": int(truth.sum()) if made.truth else None,
        },
    }


def made_settings(made: Recipe) -> Row:
    return {
        "study": "lambda_sweep",
        "data": {"name": "sensors", "seed": 1337, "rows": 2000, "variables": len(made.names)},
        "trainer": {"epochs": 4 * made.evaluations, "batch_size": 64, "evaluate_every": 4, "clip_norm": 1.0},
        "space": {
            "lambda_sparse": {"low": 1e-4, "high": 1.0, "log": True},
            "lambda_acyclic": {"low": 1e-6, "high": 0.1, "log": True},
            "lr": {"low": 1e-3, "high": 0.05, "log": True},
        },
        "search": {"sampler": "tpe", "pruner": "cohort", "lanes": 16, "objective": made.objective, "confirm": 5},
        "backend": {"jobs": 2, "name": "loky", "device": "cpu"},
    }


def as_plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return None if value == "" else value


def as_text(text: Any) -> Any:
    return f"'{text}" if isinstance(text, str) and text[:1] in {*"=+-@\t\r'"} and text[:1] else text


def write_csv(path: Path, columns: Sequence[str], rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows({key: as_text(value) for key, value in row.items()} for row in rows)
