"""What the seeds of each variant came to, and what each measure buys, in numbers."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.columns import Floats
from reports.stability_folder import (
    AFTER,
    BEFORE,
    WITH,
    WITHOUT,
    Family,
    StabilityFolder,
    Variant,
    finite,
    mean,
    middle,
)

SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class Result:
    """What the seeds of a variant came to; each array has a value a seed, NaN where none was recorded.

    norm: largest gradient norm. better: seeds whose graph is better than chance's, of `scored`.
    graph_gradient: largest norm of d reconstruction / d graph of any seed and evaluation.
    """

    variant: Variant
    seeds: int
    failed: int
    norm: Floats
    clip: Floats
    loss_first: Floats
    loss_last: Floats
    f1: Floats
    shd: Floats
    edges: Floats
    p: Floats
    better: int
    graph_gradient: float
    hashes: tuple[str, ...]

    @property
    def scored(self) -> int:
        """Count the seeds with a score."""
        return len(finite(self.f1))


@dataclass(frozen=True, eq=False)
class Bought:
    """What a measure does for a family: removed from `after`, and added to `before`.

    removed, added: by how many times the median largest gradient norm is larger without it; NaN where not kept.
    """

    family: Family
    measure: str
    label: str
    after: Result
    without: Result
    before: Result
    with_it: Result

    @property
    def removed(self) -> float:
        """Return how many times larger the norm is where this one is missing."""
        return _ratio(self.without.norm, self.after.norm)

    @property
    def added(self) -> float:
        """Return how many times larger the norm is before this one is added."""
        return _ratio(self.before.norm, self.with_it.norm)

    @property
    def same_weights(self) -> bool:
        """Tell whether the weights are the same to the bit with and without it, in all seeds."""
        return bool(self.after.hashes) and self.after.hashes == self.without.hashes and all(self.after.hashes)

    @property
    def known(self) -> list[float]:
        """Give the factors that are known; 1 where none is."""
        return [value for value in (self.removed, self.added) if math.isfinite(value) and value > 0] or [1.0]

    @property
    def weight(self) -> float:
        """Give what measures are ranked by: the logarithms of both factors, without sign, together."""
        return math.fsum(abs(math.log(value)) for value in self.known)


def _ratio(top: Floats, bottom: Floats) -> float:
    high, low = middle(top), middle(bottom)
    return high / low if low > 0 else math.nan


def result(study: StabilityFolder, variant: Variant) -> Result:
    """Collect a variant's seeds."""
    rows = study.of(study.rows, variant)
    states = rows.text("state")
    f1, p = rows.number("val_f1"), rows.number("p_value")
    high = study.reference("chance_floor").f1_high
    last = [f"grad_clip_ratio_{n}" for n in ("1", "2", "3", "4", "last")]
    moved = finite(study.of(study.epochs, variant).number("graph_gradient"))
    return Result(
        variant=variant,
        seeds=rows.rows,
        failed=sum(state == "failed" for state in states),
        norm=rows.number("max_grad_norm"),
        clip=np.array([mean(rows.number(name)) for name in last]),
        loss_first=rows.number("train_loss_1"),
        loss_last=rows.number("train_loss_last"),
        f1=f1,
        shd=rows.number("val_shd"),
        edges=rows.number("edge_count"),
        p=p,
        better=int(np.sum((p < SIGNIFICANT) & (f1 > high))),
        graph_gradient=float(moved.max()) if len(moved) else math.nan,
        hashes=tuple(rows.text("weights_hash")),
    )


def results(study: StabilityFolder) -> list[Result]:
    """Collect every variant that was trained, in order."""
    found = (result(study, variant) for variant in study.variants)
    return [item for item in found if item.seeds]


def kind_of(study: StabilityFolder, family: Family, kind: str, measure: str = "") -> Result | None:
    """Collect one variant; None where it was not trained."""
    variant = study.variant(family, kind, measure)
    return None if variant is None else result(study, variant)


def purchases(study: StabilityFolder, family: Family) -> list[Bought]:
    """Collect what each measure does for a family, in the order of the settings file."""
    after, before = kind_of(study, family, AFTER), kind_of(study, family, BEFORE)
    found = []
    for name, label in study.measures:
        without, with_it = kind_of(study, family, WITHOUT, name), kind_of(study, family, WITH, name)
        if after and before and without and with_it:
            found.append(Bought(family, name, label, after, without, before, with_it))
    return found


def bought(study: StabilityFolder) -> list[dict[str, Any]]:
    """Give what each measure buys as plain numbers, for summary.json; medians of norms and losses, means of F1."""
    found = []
    for family in study.families:
        for item in purchases(study, family):
            row: dict[str, Any] = {"family": family.name, "measure": item.measure, "same_weights": item.same_weights}
            sides = (
                ("removed", item.removed, item.without, item.after),
                ("added", item.added, item.before, item.with_it),
            )
            for side, ratio, lacking, having in sides:
                row[side] = {
                    "max_grad_norm_ratio": ratio,
                    "max_grad_norm_without": middle(lacking.norm),
                    "max_grad_norm_with": middle(having.norm),
                    "train_loss_last_without": middle(lacking.loss_last),
                    "train_loss_last_with": middle(having.loss_last),
                    "val_f1_without": mean(lacking.f1),
                    "val_f1_with": mean(having.f1),
                    "failed_without": lacking.failed,
                    "failed_with": having.failed,
                }
            found.append(row)
    return found


def measured(study: StabilityFolder) -> list[Family]:
    """Give the families that were trained before and after the measures."""
    return [item for item in study.families if item.measures and study.variant(item, AFTER) is not None]
