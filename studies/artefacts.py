"""What a run leaves beside its records: the best trial, the environment, the summary."""

import hashlib
import json
import math
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

import core
from core.config import Hyperparameters
from core.data import TEST, TRAIN, VALIDATION, Dataset
from core.duplicates import duplicated
from core.lanes import Lanes
from core.results import Outcome, saved_weights
from core.run_format import FORMAT
from core.tables import Table
from studies.devices import device_name
from studies.files import write_whole
from studies.records import DIAGNOSIS_COLUMNS, cell, csv_text
from sweeps.spec import SweepSpec

LOG_NAMES = (
    "epoch",
    "train_loss",
    "val_f1",
    "val_shd",
    "edge_count",
    "grad_clip_ratio",
    "learning_rate",
    "best_threshold",
    "epoch_time",
)
TERMS = ("recon", "sparse", "acyclic", "disen")
SURROUNDINGS = ("graphsweep", "training", "torch", "numpy", "cpu_capability", "mkl_cbwr", "threads", "device")
"""What of environment.json a repeat must match, beside the data."""
TRAINING = (
    "kernel*.py", "model.py", "losses.py", "batches.py", "optimizer.py", "schedule.py", "train*.py", "strength.py",
    "gradient.py", "passes.py", "original.py",
)  # fmt: skip
"""Files of `core` that decide a trial's numbers."""


def as_json(value: Any) -> str:
    """Return JSON text with NaN as null, one key a line, the same for the same value."""

    def clean(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return None
        if isinstance(item, dict):
            return {key: clean(part) for key, part in item.items()}
        return [clean(part) for part in item] if isinstance(item, list | tuple) else item

    return json.dumps(clean(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def adjacency_csv(outcome: Outcome, names: tuple[str, ...]) -> str:
    """Return the square CSV of strengths; the cell in row i and column j belongs to i -> j.

    Written exactly: with `trainer.thresholds: all` a strength is itself the cut, and rounded it could change sides.
    """
    lines = [["", *(cell(name) for name in names)]]
    for name, row in zip(names, outcome.adjacency.tolist(), strict=True):
        lines.append([cell(name), *(f"{value:.17g}" for value in row)])
    return csv_text(lines)


def graph_csv(dataset: Dataset) -> str:
    """Return the true graph as an edge list."""
    assert dataset.truth is not None
    edges = zip(*dataset.truth.nonzero(), strict=True)
    return csv_text([["cause", "effect"], *([cell(dataset.names[i]), cell(dataset.names[j])] for i, j in edges)])


def write_trial(
    folder: Path,
    row: dict[str, Any],
    log: list[dict[str, Any]],
    lanes: Lanes,
    outcome: Outcome,
    spec: SweepSpec,
    names: tuple[str, ...],
) -> None:
    """Write a trial's graph, weights, settings and health log, under the original system's names.

    Args:
        folder: where to, e.g. RUN/best.
        row: its row of trials.csv; log: its rows of epochs.csv.gz.
        lanes: its lane (K = 1); outcome: what it came to.
        spec: settings of the study; names: of the variables.
    """
    entries = [
        {
            **{name: entry[name] for name in LOG_NAMES},
            "train_loss_components": {name: entry[name] for name in TERMS},
            **{name: entry.get(name) for name in DIAGNOSIS_COLUMNS},
        }
        for entry in log
    ]
    summary = {
        "total_time": row["seconds"],
        "epochs": row["epochs"],
        "best_shd": row["val_shd"],
        "best_f1": row["val_f1"],
        "best_threshold": row["best_threshold"],
        "final_edge_count": row["edge_count"],
        "true_edge_count": row["true_edge_count"],
        "avg_grad_clip_ratio": row["avg_grad_clip_ratio"],
        "final_learning_rate": row["final_learning_rate"],
    }
    swept = {name: row.get(name, default.default) for name, default in Hyperparameters.__dataclass_fields__.items()}
    settings = {
        "trial": row["number"],
        "seed": row["seed"],
        "hyperparameters": swept,
        "trainer": spec.to_dict()["trainer"],
        "data": spec.to_dict()["data"],
    }
    write_whole(folder / "adjacency.csv", adjacency_csv(outcome, names))
    write_whole(folder / "training_log.json", as_json(entries))
    write_whole(folder / "training_summary.json", as_json(summary))
    write_whole(folder / "config.yaml", yaml.safe_dump(settings, sort_keys=False, allow_unicode=True))
    write_whole(folder / "weights.pt", saved_weights(lanes, 0))


def commit() -> str | None:
    """Return the commit of the installed source, where it is a git checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def machine() -> dict[str, Any]:
    """Return versions, processor and threads."""
    return {
        "graphsweep": core.__version__,
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "optuna", "numpy", "pandas")},
        "platform": platform.platform(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "mkl_cbwr": os.environ.get("MKL_CBWR", ""),
        "commit": commit(),
    }


def recorded(folder: Path) -> dict[str, Any]:
    """Return a run's environment.json; empty where there is none that can be read."""
    try:
        found = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def training_code() -> str:
    """Return a digest of the code that decides a trial's numbers: versions of graphsweep may share it, or not."""
    here = Path(core.__file__).parent
    files = sorted(file for pattern in TRAINING for file in here.glob(pattern))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:8]


def differences(then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say what of versions, processor, threads and device is no longer what it was."""
    changed = [name for name in SURROUNDINGS if name in then and then[name] != now[name]]
    return [f"{name} {then.get(name)} then, {now[name]} now" for name in changed]


def environment(spec: SweepSpec, table: Table, dataset: Dataset) -> dict[str, Any]:
    """Return what a repeat must match: versions, processor, threads, and the data's digest and shape."""
    missing = {
        name: float((table.values[:, column] != table.values[:, column]).mean())
        for column, name in enumerate(table.names)
    }
    parts = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return {
        "format": FORMAT,
        **machine(),
        "device": device_name(spec.backend),
        "training": training_code(),
        "data": {
            "source": table.source,
            "sha256": table.sha256,
            "rows": len(table.values),
            "variables": list(table.names),
            "missing_share": missing,
            "split": {name: int((dataset.split == part).sum()) for name, part in parts.items()},
            "unusable": dataset.unusable,
            "duplicated": duplicated(dataset),
            "notes": list(table.notes),
            "has_time": spec.trainer.max_lag > 0,
            "max_lag": spec.trainer.max_lag,
            "true_edge_count": None if dataset.truth is None else int(dataset.truth.sum()),
        },
    }
