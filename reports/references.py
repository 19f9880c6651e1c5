"""The best trial beside everything it should be compared with."""

import numpy as np

from reports.blocks import TableBlock
from reports.run import REFERENCES, Baseline, Record, Run, number
from reports.scores import Estimate, Fresh, fresh_blind, fresh_data, fresh_seeds, scale_of
from reports.wording import NO_VALUE, clean, count, decimals, f1, listing, shd

HEADS = ("graph", "cut", "SHD", "F1", "edges", "how")
CAPTION = "What the {} is compared with. An oracle graph has to beat every row, a blind one the blind rows."


def compared(run: Run) -> TableBlock | None:
    """Collect the table; without a true graph only the numbers of edges; None where no references were recorded."""
    if not run.baselines:
        return None
    rows = [*_own(run), *(_reference(row) for row in run.baselines)]
    if not run.has_truth:
        caption = "Edges learned, beside those of simple methods"
        return TableBlock(caption, ("graph", "edges", "how"), [(row[0], *row[-2:]) for row in rows])
    return TableBlock(CAPTION.format(scale_of(run).winner) + _sortability(run), HEADS, rows)


def _own(run: Run) -> list[tuple[str, ...]]:
    """Give the run's own rows: the best trial at both cuts, the blind pick, the fresh seeds."""
    best, blind, scale = run.best, run.summary.get("blind"), scale_of(run)
    if best is None:
        return []
    rows = [_trial(f"{scale.winner} ({number(best, 'number'):.0f})", best, scale.oracle)]
    if scale.oracle:
        rows.append(_trial("the same, cut at 0.5", best, oracle=False))
    if blind and run.has_truth and number(blind, "number") != number(best, "number"):
        rows.append(
            _trial(
                f"blind pick (trial {number(blind, 'number'):.0f})",
                blind,
                oracle=False,
                how="most typical graph of the best third by blind score",
            )
        )
    rows += _again(
        "best settings" if scale.oracle else "its settings", fresh_seeds(run), fresh_data(run), oracle=scale.oracle
    )
    return rows + _again("blind pick", fresh_blind(run), fresh_blind(run, data=True), oracle=False)


def _again(whose: str, seeds: Fresh | None, data: Fresh | None, *, oracle: bool) -> list[tuple[str, ...]]:
    """Give the rows of settings trained again."""
    rows: list[tuple[str, ...]] = []
    for fresh, noun in ((seeds, "fresh seed"), (data, "fresh data set")):
        if fresh is not None:
            how = "mean and 95 % interval" if fresh.interval else "mean, lowest and highest" if fresh.n > 1 else ""
            scores = _between(fresh.shd, 1), _between(fresh.f1, 2), decimals(fresh.edges, 1)
            rows.append((f"{whose} on {count(fresh.n, noun)}", _cut(oracle), *scores, how))
    return rows


def _trial(name: str, row: Record, oracle: bool, how: str = "") -> tuple[str, ...]:
    columns = ("val_shd", "val_f1", "edge_count") if oracle else ("val_shd_blind", "val_f1_blind", "edge_count_blind")
    errors, score, edges = (number(row, column) for column in columns)
    return name, _cut(oracle), shd(errors), f1(score), decimals(edges, 0), how


def _reference(row: Baseline) -> tuple[str, ...]:
    cut = NO_VALUE if row.name in REFERENCES else _cut(row.oracle)
    high = f" (95 %: {f1(row.f1_high)})" if np.isfinite(row.f1_high) else ""
    note = clean(row.error or row.note) if row.error or row.note else ""
    return row.label, cut, shd(row.shd), f"{f1(row.f1)}{high}", decimals(row.edge_count, 0), note


def _sortability(run: Run) -> str:
    """Say how far variance and R squared alone give the directions away; empty where it was not recorded."""
    known = [("variance", "sortnregress_var"), ("R\u00b2", "sortnregress_r2")]
    parts = [
        f"{f1(row.sortability)} by {word}"
        for word, name in known
        if (row := run.baseline(name)) is not None and np.isfinite(row.sortability)
    ]
    if not parts:
        return ""
    return (
        f" Sortability, the share of the true graph's directed paths that rise: {listing(parts)}; at 0.5 sorting tells "
        "nothing, near 1 (or 0) a method can read the directions off it without learning any cause."
    )


def _cut(oracle: bool) -> str:
    return "oracle" if oracle else "blind"


def _between(value: Estimate, digits: int) -> str:
    """Write a mean with what is around it."""
    if not np.isfinite(value.low + value.high):
        return decimals(value.mean, digits)
    return f"{decimals(value.mean, digits)} ({decimals(value.low, digits)} to {decimals(value.high, digits)})"
