"""Which of the recorded numbers this run is judged by, and by which cut they were made.

A sweep on val_shd is judged at the cut tuned on the true graph (oracle), a blind sweep at the cut that never
saw it, and a run without a true graph by its blind score alone. Every section asks here, so that all of them
quote the same number.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.columns import Floats
from reports.run import REFERENCES, Baseline, Run, number

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
    """The best settings on fresh seeds, scored as the run is judged.

    `interval`: low and high are the 95 % interval of the mean; else they are the lowest and highest seed.
    """

    n: int
    shd: Estimate
    f1: Estimate
    edges: float
    interval: bool


def fresh_seeds(run: Run) -> Fresh | None:
    """Give the winner on fresh seeds; None where they were not run or no true graph is known.

    summary.json has the interval at the tuned cut only. A blind run quotes the blind scores of the seeds with
    their range, because a tuned cut beside a blind one would flatter the seeds.
    """
    scale, confirm = scale_of(run), run.summary.get("confirm")
    edges = run.seeds.number(scale.edges)
    mean_edges = float(edges[np.isfinite(edges)].mean()) if np.isfinite(edges).any() else float("nan")
    if scale.oracle:
        if not np.isfinite(number(confirm, "shd_mean")):
            return None
        shd, f1 = (Estimate(*(number(confirm, f"{name}_{part}") for part in PARTS)) for name in ("shd", "f1"))
        return Fresh(int(number(confirm, "n")), shd, f1, mean_edges, interval=bool(np.isfinite(shd.low + shd.high)))
    scores = [run.seeds.number(column) for column in (scale.shd, scale.f1)]
    if not np.isfinite(scores[0]).any():
        return None
    shd, f1 = (Estimate(*(float(part(value)) for part in (np.nanmean, np.nanmin, np.nanmax))) for value in scores)
    return Fresh(run.seeds.rows, shd, f1, mean_edges, interval=False)
