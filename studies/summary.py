"""What summary.json says of a run."""

import math
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.chance import chance_f1, hypergeometric_p
from core.data import Dataset
from core.run_format import FORMAT
from studies.confirm import Fresh
from studies.fresh import Picks, confirm_block
from studies.records import COMPLETE, FAILED, PRUNED

if TYPE_CHECKING:
    from studies.run import Run


def summary(run: "Run", picks: Picks | None, fresh: list[Fresh] | None) -> dict[str, Any]:
    """Return summary.json; `fresh` None means that the fresh trainings have not come to their end."""
    assert run.sweep is not None
    trials, spec, path, columns = run.sweep.trials, run.spec, run.folder.path, run.folder.columns
    states = [row["state"] for row in trials]
    scores = ("shd", "f1", "edge_count", "seconds")
    baselines = {row["name"]: {key: row.get(key) for key in scores} for row in run.baselines}
    return {
        "format": FORMAT,
        "study": spec.study,
        "dataset": run.table.name,
        "seed": spec.search.seed,
        "objective": run.objective,
        "budget": run.sweep.search.budget(),
        "trials": len(trials),
        "complete": states.count(COMPLETE),
        "pruned": states.count(PRUNED),
        "failed": states.count(FAILED),
        "stopped_early": fresh is None or len(trials) < run.sweep.search.budget(),
        "search_seconds": round(run.sweep.seconds, 3),
        "confirm_seconds": round(run.confirm_seconds, 3),
        "wall_seconds": 0.0,
        "pruning_saved_seconds": round(saved_seconds(trials, spec.trainer.epochs), 3),
        "report": str(path / "report.html"),
        "rerun_command": f"python -m studies.rerun {shlex.quote(str(path))}",
        "best": None if picks is None else {**named(picks.winner, columns), **luck(picks.winner, run.dataset)},
        "blind": None if picks is None else named(picks.blind, columns),
        "baselines": baselines,
        "confirm": confirm_block(fresh or [], picks),
    }


def named(row: dict[str, Any], columns: Sequence[str]) -> dict[str, Any]:
    """Return a row with the columns of trials.csv, in their order; blank is None, as when it is read back."""
    return {name: None if row.get(name) == "" else row.get(name) for name in columns}


def luck(row: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Return what chance would have given with as many edges; empty without a true graph."""
    if row["val_shd"] is None:
        return {"chance_f1": None, "chance_p": None}
    d, edges, known = len(dataset.names), row["edge_count"], row["true_edge_count"]
    hits = round((edges + known - row["val_shd_directed"]) / 2)
    return {"chance_f1": chance_f1(edges, known, d), "chance_p": hypergeometric_p(hits, edges, known, d)}


def saved_seconds(trials: list[dict[str, Any]], epochs: int) -> float:
    """Return the training time that pruning saved: epochs not run, at each trial's own seconds an epoch."""
    pruned = [row for row in trials if row["state"] == PRUNED]
    return math.fsum((epochs - row["epochs"]) * row["seconds"] / row["epochs"] for row in pruned)
