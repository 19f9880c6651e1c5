"""The tables of a suite's page: at a glance, every method beside ours, the goals, every sweep."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from reports.blocks import TableBlock
from reports.suite_folder import OURS, DataSet, Method, SuiteFolder, Value, number
from reports.suite_standing import CUTS, at_most, goals, standing
from reports.wording import NO_VALUE, count, decimals, duration, share

Text = Callable[[Value, DataSet], str]


@dataclass(frozen=True)
class Cell:
    """A number of the large table, and whether it is the best of its column among the rows with the same cut."""

    text: str
    best: bool


@dataclass(frozen=True)
class Line:
    """A method's row; group `ours` stands out."""

    label: str
    cut: str
    ours: bool
    cells: tuple[Cell, ...]
    seeds: str


@dataclass(frozen=True)
class Group:
    """A data set with all its methods."""

    name: str
    label: str
    words: str
    lines: tuple[Line, ...]


def spread(value: Value, digits: int) -> str:
    """Write a mean, and its standard deviation where several seeds give one."""
    mean = decimals(value.mean, digits)
    return f"{mean} ± {decimals(value.sd, digits)}" if math.isfinite(value.sd) else mean


def _edges_off(mean: float, dataset: DataSet) -> float:
    return round(abs(mean - dataset.true_edges), 1)


COLUMNS: tuple[tuple[str, str, Text, Callable[[float, DataSet], float]], ...] = (
    ("F1", "f1", lambda value, _: spread(value, 2), lambda mean, _: -round(mean, 2)),
    ("skeleton F1", "skeleton_f1", lambda value, _: spread(value, 2), lambda mean, _: -round(mean, 2)),
    ("SHD", "shd", lambda value, _: spread(value, 1), lambda mean, _: round(mean, 1)),
    (
        "edges",
        "edge_count",
        lambda value, _: spread(value, 1),
        _edges_off,
    ),
    ("time", "seconds", lambda value, _: duration(value.mean), lambda mean, _: mean),
)
"""Heading, name, how it is written, and what is lowest for the best: edges nearest to the true number."""


def groups(suite: SuiteFolder) -> list[Group]:
    """Collect every method on every data set, the best of each column marked among blind and oracle rows apart."""
    return [_group(dataset) for dataset in suite.datasets]


def _group(dataset: DataSet) -> Group:
    best: dict[tuple[str, bool], float] = {}
    for method in dataset.methods:
        for _, name, _, rank in COLUMNS:
            place, mean = (name, method.oracle), method.mean(name)
            if math.isfinite(mean) and math.isfinite(rank(mean, dataset)):
                best[place] = min(best.get(place, math.inf), rank(mean, dataset))
    words = dataset.facts + ("; judged by the skeleton's F1" if dataset.skeleton else "")
    lines = tuple(_line(method, dataset, best) for method in dataset.methods if method.n or method.group != "peer")
    return Group(dataset.name, dataset.label, words, lines)


def _line(method: Method, dataset: DataSet, best: dict[tuple[str, bool], float]) -> Line:
    cells = []
    for _, name, text, rank in COLUMNS:
        value = method.values[name]
        top = math.isfinite(value.mean) and rank(value.mean, dataset) == best.get((name, method.oracle))
        cells.append(Cell(text(value, dataset), top))
    seeds = str(method.n) if not method.failed else f"{method.n}, {method.failed} failed"
    return Line(method.label, "oracle" if method.oracle else "blind", method.group == OURS, tuple(cells), seeds)


def glance(suite: SuiteFolder) -> TableBlock:
    """Put ours beside the best other method, a row a data set and cut."""
    rows = []
    for dataset in suite.datasets:
        for cut in CUTS:
            ours, found = dataset.method(f"ours_{cut}"), standing(dataset, cut)
            mine = NO_VALUE if ours is None else spread(ours.values[dataset.score], 2)
            other = NO_VALUE if found is None else spread(found.best.values[dataset.score], 2)
            name = NO_VALUE if found is None else f"{found.best.label}{' (oracle)' if found.best.oracle else ''}"
            place = NO_VALUE if found is None else found.where
            rows.append((dataset.label, cut, mine, other, name, place))
    caption = (
        "Ours beside the best other method: F1, mean and standard deviation over the seeds. Blind rows meet blind "
        "methods only; oracle rows meet every method. Level: equal to two decimals, nearly."
    )
    return TableBlock(caption, ("data set", "cut", "ours", "best other", "which", "ours is"), rows)


def goal_table(suite: SuiteFolder) -> TableBlock | None:
    """List the goals, what was reached, and whether they hold; None where none is stated."""
    rows = []
    for goal in goals(suite):
        edges = goal.name == "max_edges"
        asked = at_most(goal.goal) if edges else f"{goal.name} F1 {goal.goal:.2f}"
        asked = asked.replace("F1", "skeleton F1") if goal.dataset.skeleton else asked
        reached = decimals(goal.reached, 2 if edges else 3)
        met = "holds" if goal.holds else "not met" if math.isfinite(goal.reached) else "not run"
        rows.append((goal.dataset.label, asked, reached, met))
    caption = "Goals that the settings file states, and the mean over the seeds, not rounded before it is compared"
    return TableBlock(caption, ("data set", "goal", "reached", "verdict"), rows) if rows else None


@dataclass(frozen=True)
class SweepLine:
    """One sweep: what it gave, and where its own report is, if it was written."""

    label: str
    seed: str
    cut: str
    result: str
    run: str
    report: str


def sweep_lines(suite: SuiteFolder) -> list[SweepLine]:
    """List every sweep; one that failed says why."""
    labels = {dataset.name: dataset.label for dataset in suite.datasets}
    found = []
    for row in suite.rows:
        if row.get("method") not in ("ours_oracle", "ours_blind"):
            continue
        run, error = row.get("run", ""), row.get("error", "")
        safe = run and "/" not in run and not run.startswith(".")
        report = f"{run}/report.html" if safe and (suite.path / run / "report.html").is_file() else ""
        f1, shd, edges = (number(row, name) for name in ("f1", "shd", "edge_count"))
        result = (
            f"failed: {error}" if error else f"F1 {decimals(f1, 2)}, SHD {decimals(shd, 0)}, {count(edges, 'edge')}"
        )
        result = result if error or math.isfinite(edges) else "no score"
        cut = row["method"].removeprefix("ours_")
        found.append(SweepLine(labels.get(row.get("dataset", ""), ""), row.get("seed", ""), cut, result, run, report))
    return found


def tiles(suite: SuiteFolder) -> list[tuple[str, str, str]]:
    """Give the size of things: label, value, reference."""
    finished, total = (int(suite.facts.get(name) or 0) for name in ("finished", "sweeps"))
    checked = goals(suite)
    held = sum(goal.holds for goal in checked)
    times = [value for row in suite.rows if row.get("group") == OURS and (value := number(row, "seconds")) > 0]
    found = [
        ("Data sets", f"{len(suite.datasets)}", f"{count(len(suite.facts.get('seeds') or []), 'seed')} each"),
        ("Sweeps finished", f"{finished} / {total}", share(finished / total) if total else NO_VALUE),
        ("Search time", duration(math.fsum(times)) if times else NO_VALUE, "all sweeps together"),
    ]
    return [*found, ("Goals that hold", f"{held} / {len(checked)}", share(held / len(checked)))] if checked else found
