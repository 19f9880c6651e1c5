"""The numbers that the first sentences quote, and which references the best trial does not beat."""

from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.run import PEERS, Baseline, Run, number
from reports.scores import Scale, best_baseline, scale_of
from reports.wording import f1, shd

CHANCE_P = 0.05


@dataclass(frozen=True)
class Headline:
    """The numbers that the sentences quote, all of the best trial at the cut the run is judged by."""

    trial: int
    shd: float
    f1: float
    edges: float
    true_edges: float
    chance_f1: float
    chance_p: float
    chance: Baseline | None
    empty: float
    empty_f1: float
    floor: Baseline | None
    baseline: Baseline | None
    scale: Scale
    edges_blind: float

    @property
    def nothing_to_find(self) -> bool:
        """Whether neither the true graph nor the learned one, at its own cut and at 0.5, has an edge."""
        return self.true_edges == self.edges == self.edges_blind == 0


def headline(run: Run) -> Headline | None:
    """Collect the numbers of the best trial; None where no trial completed."""
    if run.best is None:
        return None
    scale = scale_of(run)
    empty = run.baseline("empty")
    same_cut = number(run.best, scale.edges) == number(run.best, "edge_count")  # chance was recorded for that count
    return Headline(
        trial=int(number(run.best, "number")),
        shd=number(run.best, scale.shd),
        f1=number(run.best, scale.f1),
        edges=number(run.best, scale.edges),
        true_edges=run.true_edges,
        chance_f1=number(run.best, "chance_f1") if same_cut else float("nan"),
        chance_p=number(run.best, "chance_p") if same_cut else float("nan"),
        chance=run.baseline("chance"),
        empty=empty.shd if empty is not None else float("nan"),
        empty_f1=empty.f1 if empty is not None and np.isfinite(empty.f1) else 0.0,
        floor=run.baseline("chance_floor") if scale.oracle else None,
        baseline=best_baseline(run),
        scale=scale,
        edges_blind=number(run.best, "edge_count_blind"),
    )


def floor_of(floor: Baseline | None) -> float:
    """Give the F1 that random graphs reach: the 95th percentile of their best where recorded, else its mean."""
    if floor is None:
        return float("nan")
    return floor.f1_high if np.isfinite(floor.f1_high) else floor.f1


def shortfalls(head: Headline) -> list[str]:
    """Name the references that the best trial does not beat, each with its number."""
    if head.nothing_to_find:
        return []
    missed = []
    if head.shd >= head.empty:
        missed.append(f"the empty graph (SHD {shd(head.empty)})")
    if head.chance_p > CHANCE_P:
        missed.append(f"chance ({wording.p_value(head.chance_p)})")
    if not np.isfinite(head.chance_p) and head.chance is not None and head.f1 <= head.chance.f1_high:
        missed.append(f"a random graph with as many edges as the true one (F1 up to {f1(head.chance.f1_high)})")
    if head.floor is not None and head.f1 <= floor_of(head.floor):
        missed.append(f"the {head.floor.label.removeprefix('the ')} (F1 up to {f1(floor_of(head.floor))})")
    if head.baseline is not None and head.shd >= head.baseline.shd:
        missed.append(f"{named(head.baseline)} (SHD {shd(head.baseline.shd)})")
    return missed


def kind_of(row: Baseline) -> str:
    """Say what a baseline is: a simple method, or another learner."""
    return "other learner" if row.name in PEERS else "simple method"


def named(row: Baseline) -> str:
    """Name a baseline with its label, and say where its cut saw the true graph."""
    return f"{row.label} (oracle)" if row.oracle else row.label
