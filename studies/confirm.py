"""Trials trained to their end outside a search: fresh seeds, fresh data sets, repeats, and what they say together."""

import math
from dataclasses import replace
from typing import Any, NamedTuple

from scipy.special import stdtrit

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.data import Dataset, prepare
from core.lanes import Lanes, join, select
from core.results import Outcome, finish
from core.simulate import simulate
from core.trainer import Evaluation, start
from studies.rounds import Workers
from studies.search import derived_seed

DATA_STREAM, FRESH_STREAM = 0, 3
DIVERGED = "loss is not finite"
SEED_COLUMNS = (
    "seed", "val_shd", "val_shd_directed", "val_f1", "edge_count", "best_threshold", "val_shd_blind", "val_f1_blind",
    "edge_count_blind", "blind_score", "skeleton_f1", "skeleton_f1_blind", "weights_hash",
)  # fmt: skip


Trial = tuple[int, int, Hyperparameters]
"""Number, seed and settings, as `core.trainer.start` takes them."""


class Fresh(NamedTuple):
    """A trial's settings trained with a fresh seed, on the sweep's data or on a fresh data set.

    data_seed: None on the sweep's own data. outcome: None where the training failed; error says why.
    """

    trial: int
    seed: int
    data_seed: int | None
    outcome: Outcome | None
    error: str = ""


class Trained(NamedTuple):
    """A trial trained alone or among others: its lane (K = 1), outcome and health log."""

    lanes: Lanes
    outcome: Outcome
    log: list[Evaluation]


def train(trials: list[Trial], dataset: Dataset, workers: Workers, epochs: int) -> list[Trained]:
    """Train trials until they stop early or have run their epochs.

    Args:
        trials: (number, seed, hyperparameters) each.
        dataset: what is learned from.
        workers: who trains, with the fixed settings.
        epochs: after how many a trial ends; fewer than the settings' for one that was pruned.

    Returns:
        One result a trial, in order.
    """
    lanes, going = start(trials, dataset, workers.config), list(range(len(trials)))
    logs: list[list[Evaluation]] = [[] for _ in trials]
    ended: dict[int, Lanes] = {}
    while going:
        lanes, evaluations = workers.advance(lanes)
        left = []
        for lane, (index, item) in enumerate(zip(going, evaluations, strict=True)):
            logs[index].append(item)
            if item.stopped_early or item.failed_step >= 0 or item.epoch >= epochs:
                ended[index] = select(lanes, [lane])
            else:
                left.append(lane)
        lanes, going = (select(lanes, left) if left else lanes), [going[lane] for lane in left]
    final = [ended[index] for index in range(len(trials))]
    outcomes = finish(join(final), dataset, workers.config)
    return [Trained(*parts) for parts in zip(final, outcomes, logs, strict=True)]


def fresh_seeds(study_seed: int, number: int, count: int) -> list[int]:
    """Return seeds that no trial of the study was trained with, the same whenever asked."""
    return [derived_seed(study_seed, number, FRESH_STREAM + index) for index in range(count)]


def confirm(
    number: int, params: dict[str, float], seeds: list[int], dataset: Dataset, workers: Workers
) -> list[dict[str, Any]]:
    """Train a trial's settings on other seeds, all as lanes; return the rows of confirm/seeds.csv.

    The cut is tuned again for each seed, as for the sweep's own number, so that the gap between the two is
    the luck of the seed alone; the columns that end in _blind do without.
    """
    hyper = Hyperparameters(**params)
    results = train([(number, seed, hyper) for seed in seeds], dataset, workers, workers.config.epochs)
    return [{"seed": seed, **result.outcome.numbers} for seed, result in zip(seeds, results, strict=True)]


def fresh_data_seeds(study_seed: int, count: int) -> list[int]:
    """Return seeds for fresh data sets, the same for every trial and whenever asked."""
    return [derived_seed(study_seed, index, DATA_STREAM) for index in range(count)]


def fresh_dataset(config: DataConfig, data_seed: int, sweep: Dataset, trainer: TrainerConfig) -> Dataset:
    """Draw a fresh data set from the sweep's simulation; it is compared with the sweep's true graph.

    Raises:
        InputError: this draw cannot be learned from, e.g. where nearly all of it is missing.
    """
    return prepare(replace(simulate(config, data_seed), truth=sweep.truth), trainer)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Return mean and 95 % Student interval of the mean; a single value has no interval (NaN)."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan, math.nan
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(variance / len(values))
    return mean, mean - half, mean + half


def summary_of(rows: list[dict[str, Any]], suffix: str = "") -> dict[str, Any] | None:
    """Return n, and of SHD and F1 mean and 95 % interval; None without rows, blank scores without a true graph.

    Args:
        rows: columns of the records.
        suffix: "" for the cut tuned on the true graph, "_blind" for the cut that never sees it.
    """
    if not rows:
        return None
    block: dict[str, Any] = {"n": len(rows)}
    for name, top in (("shd", math.inf), ("f1", 1.0)):
        column = f"val_{name}{suffix}"
        if rows[0][column] is None:
            mean = low = high = None
        else:
            mean, low, high = interval([float(row[column]) for row in rows])
            low, high = (None, None) if math.isnan(low) else (max(0.0, low), min(top, high))
        block |= {f"{name}_mean": mean, f"{name}_low": low, f"{name}_high": high}
    return block
