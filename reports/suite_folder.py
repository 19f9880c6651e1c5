"""A suite's folder in memory: everything its page and its lines on the terminal are a function of."""

import csv
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RunFolderError
from reports.columns import parsed, unguard

FORMAT = 1
OURS = "ours"


@dataclass(frozen=True)
class Value:
    """A mean and standard deviation over the seeds; NaN where there is none, or a single seed."""

    mean: float
    sd: float


@dataclass(frozen=True)
class Method:
    """One method on one data set.

    group: ours, reference, baseline or peer. oracle: whether anything of it was chosen by looking at the truth.
    n: seeds it is a mean of; failed: seeds without a result. seeds: its score for each seed.
    """

    name: str
    label: str
    group: str
    oracle: bool
    n: int
    failed: int
    values: dict[str, Value]
    seeds: tuple[float, ...]

    def mean(self, name: str) -> float:
        """Give a mean by name (f1, skeleton_f1, shd, edge_count, seconds); NaN where there is none."""
        return self.values[name].mean


@dataclass(frozen=True)
class DataSet:
    """One data set: how it is called, what it is, what is asked of it, and every method on it."""

    name: str
    label: str
    facts: str
    skeleton: bool
    goals: dict[str, float]
    true_edges: float
    methods: tuple[Method, ...]

    @property
    def score(self) -> str:
        """Name of the score that it is judged by."""
        return "skeleton_f1" if self.skeleton else "f1"

    def method(self, name: str) -> Method | None:
        """Give a method by its name; None where it has no score."""
        found = next((method for method in self.methods if method.name == name), None)
        return found if found is not None and math.isfinite(found.mean(self.score)) else None


@dataclass(frozen=True)
class SuiteFolder:
    """A suite: its facts, its data sets, and one record a data set, seed and method (all texts)."""

    path: Path
    facts: dict[str, Any]
    datasets: tuple[DataSet, ...]
    rows: tuple[dict[str, str], ...]


def load_suite_folder(path: Path) -> SuiteFolder:
    """Read a suite's folder.

    Raises:
        RunFolderError: suite.json, suite.csv or summary.csv is missing, damaged or of a newer format.
    """
    for name in ("suite.json", "suite.csv", "summary.csv"):
        if not (path / name).is_file():
            raise RunFolderError(f"{path} is no suite's folder: {name} missing", "run the suite's command again")
    facts = parsed(path / "suite.json", _facts)
    if facts["format"] > FORMAT:
        raise RunFolderError(f"{path}: written by format {facts['format']}, this graphsweep reads {FORMAT}")
    rows, means = parsed(path / "suite.csv", _records), parsed(path / "summary.csv", _records)
    datasets = tuple(_dataset(item, rows, means) for item in facts["datasets"])
    return SuiteFolder(path, facts, datasets, tuple(rows))


def _facts(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int) or "datasets" not in found:
        raise ValueError("must have format and datasets")
    return found


def _records(text: str) -> list[dict[str, str]]:
    """Read a CSV's rows as texts; a cell that is missing is empty."""
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return [{str(name): unguard(cell or "") for name, cell in row.items() if name} for row in rows]


def _dataset(item: dict[str, Any], rows: list[dict[str, str]], means: list[dict[str, str]]) -> DataSet:
    name, score = str(item["name"]), "skeleton_f1" if item.get("skeleton") else "f1"
    mine = [row for row in rows if row.get("dataset") == name]
    known = [value for row in mine if math.isfinite(value := number(row, "true_edge_count"))]
    return DataSet(
        name=name,
        label=str(item.get("label") or name),
        facts=str(item.get("facts") or ""),
        skeleton=bool(item.get("skeleton")),
        goals={str(key): float(value) for key, value in dict(item.get("goals") or {}).items()},
        true_edges=math.fsum(known) / len(known) if known else math.nan,
        methods=tuple(_method(row, mine, score) for row in means if row.get("dataset") == name),
    )


def _method(row: dict[str, str], rows: list[dict[str, str]], score: str) -> Method:
    seeds = (number(seed, score) for seed in rows if seed.get("method") == row["method"])
    return Method(
        name=row["method"],
        label=row.get("method_label") or row["method"],
        group=row.get("group") or "baseline",
        oracle=row.get("oracle") == "true",
        n=int(number(row, "n") or 0),
        failed=int(number(row, "failed") or 0),
        values={
            name: Value(number(row, f"{name}_mean"), number(row, f"{name}_sd"))
            for name in ("f1", "skeleton_f1", "shd", "edge_count", "seconds")
        },
        seeds=tuple(value for value in seeds if math.isfinite(value)),
    )


def number(row: dict[str, str], name: str) -> float:
    """Give a cell's number; NaN where it is blank or none."""
    try:
        return float(row.get(name) or "nan")
    except ValueError:
        return math.nan
