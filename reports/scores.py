"""Which of the recorded numbers this run is judged by, and by which cut they were made.

A sweep on val_shd is judged at the cut tuned on the true graph (oracle), a blind sweep at the cut that never
saw it, and a run without a true graph by its blind score alone. Every section asks here, so that all of them
quote the same number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.columns import Columns, Floats
from reports.run import REFERENCES, Baseline, Record, Run, number

BLIND_CUT = 0.5
DENSE_SHARE = 0.9
PARTS = ("mean", "low", "high")


@dataclass(frozen=True)
class Scale:
    """The columns that a run is judged by; lower is better in `order`."""

    order: str
    order_label: str
    shd: str
    f1: str
    edges: str
    oracle: bool

    @property
    def cut(self) -> str:
        """Say how the cut was chosen, for a sentence."""
        return "cut chosen by looking at the true graph: oracle" if self.oracle else "cut at 0.5, chosen blind"

    @property
    def winner(self) -> str:
        """Name the trial that the run chose: a blind sweep's need not have the lowest SHD, so it is not the best."""
        return "best trial" if self.oracle else "blind pick"

    @property
    def ring(self) -> str:
        """Name that trial in a legend."""
        return "best" if self.oracle else "blind pick"


def scale_of(run: Run) -> Scale:
    """Choose the columns that a run is judged by."""
    if not run.has_truth:
        return Scale("blind_score", "blind score", "val_shd_blind", "val_f1_blind", "edge_count_blind", oracle=False)
    if run.objective == "blind":
        return Scale(
            "val_shd_blind", "SHD at cut 0.5", "val_shd_blind", "val_f1_blind", "edge_count_blind", oracle=False
        )
    return Scale("val_shd", "SHD", "val_shd", "val_f1", "edge_count", oracle=True)


def best_cut(run: Run) -> float:
    """Give the cut on the best adjacency that its quoted numbers were taken at."""
    cut = number(run.best, "best_threshold")
    return cut if scale_of(run).oracle and np.isfinite(cut) else BLIND_CUT


def simple_baselines(run: Run) -> list[Baseline]:
    """Give the methods to compare with, other people's learners too (not the empty graph, not chance)."""
    return [row for row in run.baselines if row.name not in REFERENCES]


def fair_baselines(run: Run) -> list[Baseline]:
    """Give the simple methods that a run has to beat.

    Who may look at the true graph may look at all of them, so an oracle sweep has to beat each, at its own cut
    and at its best; a blind sweep those whose cut was blind too.
    """
    simple = simple_baselines(run)
    return simple if scale_of(run).oracle else [row for row in simple if not row.oracle] or simple


def best_baseline(run: Run) -> Baseline | None:
    """Give the method with the lowest SHD, of those it is fair to compare with; a blind one before an oracle one."""
    known = [row for row in fair_baselines(run) if np.isfinite(row.shd)]
    return min(known, key=lambda row: (row.shd, row.oracle, -row.f1 if np.isfinite(row.f1) else 0.0), default=None)


def degenerate(run: Run) -> tuple[int, int, int]:
    """Count the trials with an empty graph at cut 0.5, with a dense one, and those that have a graph at all."""
    marks = run.trials.text("degenerate")
    judged = int(np.sum(np.isin(run.states, ("complete", "pruned"))))
    return marks.count("empty"), marks.count("dense"), judged


def finished(run: Run, column: str) -> Floats:
    """Give a column of the complete trials, NaN for all other trials, (trials,)."""
    return np.where(run.states == "complete", run.trials.number(column), np.nan)


def ranked(run: Run) -> NDArray[np.int64]:
    """Order the trials: complete before pruned before failed, the best first, then by number."""
    scale = scale_of(run)
    state = np.select([run.states == "complete", run.states == "pruned"], [0, 1], 2)
    value = np.nan_to_num(run.trials.number(scale.order), nan=np.inf)
    f1 = -np.nan_to_num(run.trials.number(scale.f1))
    best = run.trials.number("number") != number(run.best, "number")
    return np.lexsort((run.trials.number("number"), f1, value, state, best)).astype(np.int64)


@dataclass(frozen=True)
class Estimate:
    """A mean and what is around it; NaN where a single seed gives no interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Fresh:
    """A trial's settings on fresh seeds or fresh data, scored at the cut that it was picked by.

    `interval`: low and high are the 95 % interval of the mean; else they are the lowest and highest.
    `each`: SHD of every training, (n,).
    """

    n: int
    shd: Estimate
    f1: Estimate
    edges: float
    interval: bool
    each: Floats


def picked(table: Columns, pick: str) -> Columns:
    """Give the rows of one pick, `oracle` or `blind`, that have a result; all rows of a table without picks."""
    named = [not names or names == pick for names in table.text("pick")]
    sound = [not error for error in table.text("error")]
    return table.take(np.array(named, dtype=np.bool_) & np.array(sound, dtype=np.bool_))


def winner_seeds(run: Run) -> Columns:
    """Give the best trial's rows of confirm/seeds.csv."""
    return picked(run.seeds, "oracle" if scale_of(run).oracle else "blind")


def fresh_seeds(run: Run) -> Fresh | None:
    """Give the best trial's settings on fresh seeds; None where they were not run or no true graph is known."""
    return _fresh(run.summary.get("confirm"), run.seeds, oracle=scale_of(run).oracle)


def fresh_data(run: Run) -> Fresh | None:
    """Give the best trial's settings on fresh data sets; None where they were not run."""
    block = (run.summary.get("confirm") or {}).get("data")
    return _fresh(block, run.fresh_data, oracle=scale_of(run).oracle)


def fresh_blind(run: Run, *, data: bool = False) -> Fresh | None:
    """Give the blind pick of an oracle sweep on fresh seeds, or data, at the cut that never saw the true graph."""
    confirm = run.summary.get("confirm") or {}
    block, table = (confirm.get("data"), run.fresh_data) if data else (confirm, run.seeds)
    if not scale_of(run).oracle or "blind" not in (block or {}):
        return None
    return _fresh(block, table, oracle=False)


def _fresh(block: Record | None, table: Columns, *, oracle: bool) -> Fresh | None:
    """Read a block of summary.json, and the rows it is a mean of.

    A blind number without an interval on record gets its rows' range: a tuned cut beside a blind one would flatter.
    """
    rows, suffix = picked(table, "oracle" if oracle else "blind"), "" if oracle else "_blind"
    each, edges = rows.number(f"val_shd{suffix}"), rows.number(f"edge_count{suffix}")
    mean_edges = float(edges[np.isfinite(edges)].mean()) if np.isfinite(edges).any() else float("nan")
    found = block if oracle else (block or {}).get("blind")
    if np.isfinite(number(found, "shd_mean")):
        shd, f1 = (Estimate(*(number(found, f"{name}_{part}") for part in PARTS)) for name in ("shd", "f1"))
        known = bool(np.isfinite(shd.low + shd.high))
        return Fresh(int(number(found, "n")), shd, f1, mean_edges, interval=known, each=each)
    if oracle or not np.isfinite(each).any():
        return None
    scores = (each, rows.number("val_f1_blind"))
    shd, f1 = (Estimate(*(float(part(value)) for part in (np.nanmean, np.nanmin, np.nanmax))) for value in scores)
    return Fresh(rows.rows, shd, f1, mean_edges, interval=False, each=each)
