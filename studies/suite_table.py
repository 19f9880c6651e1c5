"""The suite's tables: one row a data set, seed and method from the run folders, and their means over the seeds.

Read from what the sweeps wrote, by name: a name that a run folder does not have leaves its cell blank.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from studies.confirm import interval
from studies.records import parse_cell, write_rows

Row = dict[str, Any]
SUITE_COLUMNS = (
    "dataset", "seed", "method", "method_label", "group", "oracle", "shd", "f1", "skeleton_f1", "edge_count",
    "true_edge_count", "val_loss", "seconds", "n", "shd_low", "shd_high", "f1_low", "f1_high", "run", "error",
)  # fmt: skip
AVERAGED = ("f1", "shd", "skeleton_f1", "edge_count", "seconds")
SUMMARY_COLUMNS = (
    "dataset", "label", "method", "method_label", "group", "oracle", "n", "failed",
    *(f"{name}_{part}" for name in AVERAGED for part in ("mean", "sd")),
)  # fmt: skip
GROUPS = ("ours", "reference", "baseline", "peer")
PEER_COLUMNS = (
    "name", "label", "oracle", "shd", "f1", "skeleton_f1", "edge_count", "seconds", "note", "error",
)  # fmt: skip
REFERENCES = ("empty", "chance", "chance_floor")
SCORES = {
    "oracle": {"shd": "val_shd", "f1": "val_f1", "skeleton_f1": "skeleton_f1", "edge_count": "edge_count"},
    "blind": {
        "shd": "val_shd_blind", "f1": "val_f1_blind", "skeleton_f1": "skeleton_f1_blind",
        "edge_count": "edge_count_blind",
    },
}  # fmt: skip
"""Columns of trials.csv and confirm/seeds.csv, by the cut that a sweep is judged at."""


def finished_summary(folder: Path) -> Row | None:
    """Return summary.json of a sweep that came to its end; None for one to begin or to continue."""
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(summary, dict) and summary.get("stopped_early") is False
    return summary if whole else None


def own_rows(method: str, summary: Row, folder: Path) -> list[Row]:
    """Return the rows of one of our sweeps: its winner, and the winner's settings on fresh seeds.

    Args:
        method: `oracle` (the cut tuned on the true graph) or `blind` (the truth only scores).
        summary: the run's summary.json; folder: the run's folder.
    """
    names, best, oracle = SCORES[method], summary.get("best"), method == "oracle"
    shared = {"group": "ours", "oracle": oracle, "run": folder.name}
    first = {**shared, "method": f"ours_{method}", "method_label": f"ours, {method}"}
    if best is None:
        return [{**first, "error": f"no trial completed ({summary.get('failed', 0)} failed)"}]
    scores = {name: best.get(column) for name, column in names.items()}
    extra = {name: best.get(name) for name in ("true_edge_count", "val_loss")}
    rows = [{**first, **scores, **extra, "seconds": summary.get("search_seconds"), "n": 1}]
    fresh = [row for row in table(folder / "confirm" / "seeds.csv") if row.get("pick", method) == method]
    fresh = [row for row in fresh if not row.get("error")]
    if fresh:
        label = f"ours, {method}, fresh seeds"
        again = {**shared, "method": f"ours_{method}_fresh", "method_label": label, "n": len(fresh)}
        again["true_edge_count"] = best.get("true_edge_count")
        rows.append({**again, **averages(fresh, names)})
    return rows


def averages(rows: list[Row], names: dict[str, str]) -> Row:
    """Return means of named columns over rows, and 95 % Student intervals of SHD and F1; blank what is not there."""
    found: Row = {}
    for name, column in names.items():
        values = [float(row[column]) for row in rows if row.get(column) is not None]
        if not values:
            continue
        mean, low, high = interval(values)
        found[name] = mean
        if name in ("shd", "f1") and math.isfinite(low):
            top = 1.0 if name == "f1" else math.inf
            found |= {f"{name}_low": max(0.0, low), f"{name}_high": min(top, high)}
    return found


def timed(rows: Iterable[Row], named: dict[str, Row]) -> list[Row]:
    """Return a run's baselines with their times, which stand in summary.json so that the CSV can be compared."""
    return [{"seconds": named.get(str(row.get("name")), {}).get("seconds"), **row} for row in rows]


def other_rows(rows: Iterable[Row], group: str) -> list[Row]:
    """Return the rows of the methods beside ours.

    Args:
        rows: as in a run's baselines.csv.
        group: `baseline` or `peer`; the empty graph and chance are references whatever is said here.
    """
    names = ("oracle", "shd", "f1", "skeleton_f1", "edge_count", "seconds", "error")
    return [
        {
            "method": row["name"],
            "method_label": row.get("label") or row["name"],
            "group": "reference" if row["name"] in REFERENCES else group,
            "n": None if row.get("error") else 1,
            **{name: row.get(name) for name in names},
        }
        for row in rows
        if row.get("name")
    ]


def dead(method: str, reason: str) -> Row:
    """Return the row of a sweep that could not be run, and why."""
    first = {"method": f"ours_{method}", "method_label": f"ours, {method}", "group": "ours"}
    return {**first, "oracle": method == "oracle", "error": " ".join(reason.split())}


def table(path: Path) -> list[Row]:
    """Read a CSV of a run folder; cells that are no number stay text; no rows where there is no file."""
    try:
        lines = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    return [{name: typed(name, cell) for name, cell in line.items()} for line in lines]


def typed(name: str, cell: str) -> Any:
    """Return a cell as a number, a flag or None; as text where it is neither."""
    try:
        return parse_cell(name, cell or "")
    except ValueError:
        return cell


def mean_and_sd(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the mean and the standard deviation over the seeds; no deviation of a single one."""
    if not values:
        return None, None
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return mean, None
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def summarised(rows: Sequence[Row], labels: dict[str, str]) -> list[Row]:
    """Return the rows of summary.csv: a data set's methods, each with means and deviations over the seeds.

    Args:
        rows: those of suite.csv; labels: of the data sets by name, in their order.
    """
    found = []
    for dataset, label in labels.items():
        here = [row for row in rows if row["dataset"] == dataset]
        first = {row["method"]: row for row in here[::-1]}
        for method in sorted(dict.fromkeys(row["method"] for row in here), key=rank(first)):
            same = [row for row in here if row["method"] == method]
            alive = [row for row in same if row.get("error") is None]
            shown = (alive or same)[0]
            summary: Row = {name: shown.get(name) for name in ("dataset", "method", "method_label", "group", "oracle")}
            summary |= {"label": label, "n": len(alive), "failed": len(same) - len(alive)}
            for name in AVERAGED:
                known = [float(row[name]) for row in alive if row.get(name) is not None]
                summary[f"{name}_mean"], summary[f"{name}_sd"] = mean_and_sd(known)
            found.append(summary)
    return found


def rank(first: dict[str, Row]) -> Callable[[str], int]:
    """Return the order of methods: ours, references, baselines, peers."""
    return lambda name: GROUPS.index(first[name]["group"])


def written(write: Callable[[str, str], object], rows: Sequence[Row], labels: dict[str, str]) -> None:
    """Write suite.csv and summary.csv with `write(name, text)`."""
    write("suite.csv", write_rows(rows, SUITE_COLUMNS))
    write("summary.csv", write_rows(summarised(rows, labels), SUMMARY_COLUMNS))
