"""Train one variant of a stability study: its seeds as lanes of one program, every step watched.

All variants are watched by keeping the health log, which changes no weight, so that what `before` would never
have noticed can be drawn. Only the variant that goes without the health log is trained without it.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.chance import hypergeometric_p
from core.config import TrainerConfig
from core.data import Dataset, prepare
from core.lanes import Lanes
from core.results import finish
from core.schedule import rate_in_force
from core.tables import Table
from core.trainer import Evaluation, evaluate, start
from core.training import EpochLog, train_epoch
from studies.records import COMPLETE, FAILED, write_rows
from sweeps.stability_spec import WITHOUT, Variant

Row = dict[str, Any]
FIRST_EPOCHS = 4
MOST_STEPS = 400
"""Steps of a seed that are kept: of each stretch the one with the largest gradient norm."""
VARIANT_COLUMNS = (
    "family", "variant", "kind", "measure", "seed", "state", "failed_step", "max_grad_norm", "median_grad_norm",
    *(f"grad_clip_ratio_{n}" for n in range(1, FIRST_EPOCHS + 1)), "grad_clip_ratio_last",
    *(f"train_loss_{n}" for n in range(1, FIRST_EPOCHS + 1)), "train_loss_last",
    "final_learning_rate", "lr_drops", "val_f1", "val_shd", "edge_count", "true_edge_count", "best_threshold",
    "val_f1_blind", "val_shd_blind", "edge_count_blind", "p_value", "graph_gradient", "seconds", "weights_hash",
)  # fmt: skip
EVALUATED = (
    "val_loss", "val_f1", "val_shd", "edge_count", "best_threshold", "grad_share_recon", "grad_share_sparse",
    "grad_share_acyclic", "grad_share_disen", "graph_gradient",
)  # fmt: skip
EPOCH_COLUMNS = (
    "family", "variant", "seed", "epoch", "train_loss", "recon", "sparse", "acyclic", "disen", "grad_clip_ratio",
    "grad_norm_median", "grad_norm_max", "learning_rate", *EVALUATED,
)  # fmt: skip
STEP_COLUMNS = ("family", "variant", "seed", "step", "grad_norm", "train_loss")
SCORES = (
    "final_learning_rate", "lr_drops", "val_f1", "val_shd", "edge_count", "true_edge_count", "best_threshold",
    "val_f1_blind", "val_shd_blind", "edge_count_blind", "weights_hash",
)  # fmt: skip


class Piece(NamedTuple):
    """What a worker is given: a variant, its seeds, the data, and the file that asks it to stop."""

    variant: Variant
    seeds: tuple[int, ...]
    table: Table
    stop: Path


class Trained(NamedTuple):
    """What a variant left: rows of the three records as CSV text without a header, and its seconds."""

    variants: str
    epochs: str
    steps: str
    seconds: float


def train_piece(piece: Piece) -> Trained | None:
    """Train one variant; None where it was asked to stop before its end."""
    begin, variant = time.perf_counter(), piece.variant
    config = watched(variant)
    dataset = prepare(piece.table, config)
    course = Course(variant, config, piece.seeds, dataset)
    while not course.over():
        if piece.stop.exists():
            return None
        course.advance()
    seconds = time.perf_counter() - begin
    rows = course.variant_rows(seconds / len(piece.seeds))
    return Trained(
        write_rows(rows, VARIANT_COLUMNS, header=False),
        write_rows(course.epoch_records(), EPOCH_COLUMNS, header=False),
        write_rows(course.step_rows(), STEP_COLUMNS, header=False),
        seconds,
    )


def watched(variant: Variant) -> TrainerConfig:
    """Return the settings to train with: the health log is kept but where it is the measure that was removed.

    What a variant without it loses can then be seen, and that its weights are those of the variant with it.
    """
    alone = variant.kind == WITHOUT and not variant.trainer.health_log
    return variant.trainer if alone else replace(variant.trainer, health_log=True)


class Course:
    """The training of a variant, from the first step to the last; failed seeds end alone.

    Args:
        variant: what is trained; config: its settings as watched.
        seeds: one a lane. dataset: prepared by the same settings.
    """

    def __init__(self, variant: Variant, config: TrainerConfig, seeds: Sequence[int], dataset: Dataset) -> None:
        self.variant, self.config, self.dataset, self.seeds = variant, config, dataset, tuple(seeds)
        trials = [(number, seed, variant.hyper) for number, seed in enumerate(seeds)]
        self.lanes: Lanes = start(trials * 2 if len(trials) == 1 else trials, dataset, config)  # never a stack of one
        self.epochs: list[Row] = []
        self.norms: list[Tensor] = []
        self.losses: list[Tensor] = []
        self.failed = [-1] * len(seeds)

    def over(self) -> bool:
        """Tell whether all epochs are done, or every seed has diverged."""
        return int(self.lanes.epoch[0]) >= self.config.epochs or min(self.failed) >= 0

    def advance(self) -> None:
        """Train all lanes to their next evaluation, early stopping aside, and note every epoch."""
        begin, logs, rows = time.perf_counter(), [], []
        for _ in range(self.config.evaluate_every):
            rate = rate_in_force(self.lanes.plateau.lr, self.lanes.epoch, self.config)
            self.lanes, log = train_epoch(self.lanes, self.dataset, self.config)
            logs.append(log)
            rows.append(self.epoch_rows(log, rate))
        norms = torch.cat([log.norms for log in logs])
        with torch.no_grad():
            self.lanes, found = evaluate(self.lanes, logs[-1], norms, len(logs), begin, self.dataset, self.config)
        self.note(logs, rows, found)

    def epoch_rows(self, log: EpochLog, rate: Tensor) -> list[Row]:
        """Return the row of every seed for one epoch."""
        means, norms = log.terms.double().mean(0), log.norms
        rows = []
        for lane, seed in enumerate(self.seeds):
            parts = dict(zip(("recon", "sparse", "acyclic", "disen"), means[lane].tolist(), strict=True))
            row = {"family": self.variant.family, "variant": self.variant.name, "seed": seed}
            row |= {"epoch": int(self.lanes.epoch[lane]), "train_loss": float(means[lane].sum()), **parts}
            if not self.config.health_log:
                rows.append({**row, **dict.fromkeys(parts), "learning_rate": float(rate[lane])})
                continue
            row |= {
                "grad_clip_ratio": float((norms[:, lane] > self.config.clip_norm).double().mean()),
                "grad_norm_median": float(norms[:, lane].median()),
                "grad_norm_max": float(norms[:, lane].max()),
                "learning_rate": float(rate[lane]),
            }
            rows.append(row)
        return rows

    def note(self, logs: Sequence[EpochLog], rows: Sequence[list[Row]], found: Sequence[Evaluation]) -> None:
        """Keep the rows of the seeds that go on; a seed that diverged keeps its steps up to there."""
        self.norms += [log.norms for log in logs]
        self.losses += [log.terms.double().sum(2) for log in logs]
        for lane, evaluation in enumerate(found[: len(self.seeds)]):
            if self.failed[lane] >= 0:
                continue
            self.failed[lane] = evaluation.failed_step
            rows[-1][lane] |= {name: getattr(evaluation, name) for name in EVALUATED}
            self.epochs += [epoch[lane] for epoch in rows]

    def epoch_records(self) -> list[Row]:
        """Return the rows of all epochs, seed by seed."""
        return sorted(self.epochs, key=lambda row: (self.seeds.index(row["seed"]), row["epoch"]))

    def seed_steps(self, lane: int) -> tuple[list[float], list[float]]:
        """Return the gradient norm and the loss of every step of a seed, up to where it diverged."""
        until = self.failed[lane] if self.failed[lane] >= 0 else None
        norms = torch.cat([part[:, lane] for part in self.norms])[:until]
        losses = torch.cat([part[:, lane] for part in self.losses])[:until]
        return norms.tolist(), losses.tolist()

    def step_rows(self) -> list[Row]:
        """Return the steps kept of every seed; none where the health log was not."""
        rows = []
        for lane, seed in enumerate(self.seeds if self.config.health_log else ()):
            norms, losses = self.seed_steps(lane)
            shared = {"family": self.variant.family, "variant": self.variant.name, "seed": seed}
            rows += [
                {**shared, "step": step + 1, "grad_norm": norms[step], "train_loss": losses[step]}
                for step in thinned(norms, MOST_STEPS)
            ]
        return rows

    def variant_rows(self, seconds: float) -> list[Row]:
        """Return the row of every seed."""
        outcomes = finish(self.lanes, self.dataset, self.config)
        rows = []
        for lane, seed in enumerate(self.seeds):
            failed, log = self.failed[lane], [row for row in self.epochs if row["seed"] == seed]
            norms = [value for value in self.seed_steps(lane)[0] if math.isfinite(value)]
            kept = self.config.health_log and norms
            row = {
                "family": self.variant.family, "variant": self.variant.name, "kind": self.variant.kind,
                "measure": self.variant.measure, "seed": seed, "state": FAILED if failed >= 0 else COMPLETE,
                "failed_step": failed if failed >= 0 else None, "seconds": round(seconds, 3),
                "max_grad_norm": max(norms) if kept else None,
                "median_grad_norm": float(torch.tensor(norms).median()) if kept else None,
                **first_and_last(log, "grad_clip_ratio", whole=failed < 0),
                **first_and_last(log, "train_loss", whole=failed < 0),
            }  # fmt: skip
            if failed < 0:
                row |= self.scores(outcomes[lane].numbers) | {"graph_gradient": log[-1]["graph_gradient"]}
            rows.append(row)
        return rows

    def scores(self, numbers: Row) -> Row:
        """Return what the learned graph is worth, and how often chance finds as many true edges among as many."""
        row = {name: numbers[name] for name in SCORES}
        if numbers["val_shd_directed"] is not None:
            edges, known = numbers["edge_count"], numbers["true_edge_count"]
            hits = round((edges + known - numbers["val_shd_directed"]) / 2)
            row["p_value"] = hypergeometric_p(hits, edges, known, len(self.dataset.names))
        return row


def first_and_last(log: Sequence[Row], name: str, *, whole: bool) -> Row:
    """Return a number of the first epochs and of the last; blank where a seed did not get there."""
    found = {f"{name}_{row['epoch']}": row.get(name) for row in log if row["epoch"] <= FIRST_EPOCHS}
    return {**found, f"{name}_last": log[-1].get(name) if whole and log else None}


def thinned(norms: Sequence[float], most: int) -> list[int]:
    """Return the places of at most `most` steps: of each stretch the one with the largest norm, NaN above all."""
    stretch = -(-len(norms) // most) if norms else 1
    rank = [norm if math.isfinite(norm) else math.inf for norm in norms]
    starts = range(0, len(norms), stretch)
    return [max(range(at, min(at + stretch, len(norms))), key=rank.__getitem__) for at in starts]
