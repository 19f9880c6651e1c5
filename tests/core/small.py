"""Small data and small learners for the numeric tests: a fraction of a second each."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from core import trainer
from core.config import Hyperparameters, TrainerConfig
from core.data import TEST, TRAIN, VALIDATION, Dataset, digest, prepare
from core.lanes import Lanes, over_tensors
from core.model import Parameters
from core.schedule import temperature
from core.strength import edge_strengths, readout_rows
from core.tables import Table
from core.trainer import Evaluation, advance, start

ROWS = 120
PARTS = (TRAIN, VALIDATION, TEST)


def settings(**changes: Any) -> TrainerConfig:
    """Return settings for a few quick epochs."""
    quick: dict[str, Any] = {"epochs": 6, "batch_size": 16, "evaluate_every": 1, "hidden_width": 3, "signal_width": 2}
    return TrainerConfig(**{**quick, **changes})


def table(d: int = 4, rows: int = ROWS, missing: float = 0.0, seed: int = 0, segments: int = 1) -> Table:
    """Return a chain 0 -> 1 -> ... with effects after one row, in odd units, with cells missing at random."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((rows, d))
    for t in range(1, rows):
        values[t] += 0.4 * values[t - 1]
        values[t, 1:] += 0.9 * np.tanh(values[t - 1, :-1])
    values = values * (10.0 ** np.arange(d) / 3.0) + 50.0
    values[rng.random(values.shape) < missing] = np.nan
    truth = np.zeros((d, d), dtype=bool)
    truth[np.arange(d - 1), np.arange(1, d)] = True
    segment = np.sort(np.arange(rows) * segments // rows).astype(np.int64)
    return Table("small", tuple(f"v{j}" for j in range(d)), values, segment, truth, "0" * 64, (), "small")


def dataset(config: TrainerConfig, **how: Any) -> Dataset:
    """Return a prepared table."""
    return prepare(table(**how), config)


def with_values(data: Dataset, values: np.ndarray, observed: np.ndarray | None = None) -> Dataset:
    """Return a data set with other values, and the key that goes with them."""
    seen = data.observed if observed is None else observed
    key = digest(values, seen, data.block, data.split)
    return replace(data, values=values, observed=seen, key=key)


def trials(count: int, **changes: float) -> list[tuple[int, int, Hyperparameters]]:
    """Return trials with numbers, seeds and settings of their own."""
    return [
        (k, 1000 + 7 * k, Hyperparameters(**{"lambda_sparse": 0.01 * (k + 1), "lr": 0.004 * (k + 1), **changes}))
        for k in range(count)
    ]


def trained(
    data: Dataset, config: TrainerConfig, count: int = 2, times: int = 1, **changes: float
) -> tuple[Lanes, list[Evaluation]]:
    """Start some lanes and advance them; return them with their last evaluations."""
    lanes, found = start(trials(count, **changes), data, config), []
    for _ in range(times):
        lanes, found = advance(lanes, data, config)
    return lanes, found


def differing(ours: Any, theirs: Any) -> list[str]:
    """Name the tensors of two states that differ in any bit; NaN equals NaN."""
    names: list[str] = []

    def compare(a: torch.Tensor, b: torch.Tensor) -> None:
        if a.dtype != b.dtype or a.shape != b.shape or a.numpy().tobytes() != b.numpy().tobytes():
            names.append(f"tensor {len(names)} of shape {tuple(a.shape)}")

    over_tensors(compare, ours, theirs)
    return names


def timeless(evaluation: Evaluation) -> str:
    """Spell an evaluation bit by bit (NaN equals NaN), without what the clock says."""
    return repr(evaluation._replace(epoch_time=0.0))


def strengths(value: Parameters, epoch: torch.Tensor, data: Dataset, config: TrainerConfig) -> torch.Tensor:
    """Return the graphs that an evaluation reads off some weights."""
    rows = readout_rows(data, config, trainer.WATCHED_ROWS)
    return edge_strengths(value, temperature(epoch, config), rows, config)
