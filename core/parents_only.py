"""The parents-only learner as the trainer meets it: its loss on the validation rows, its graph, its blind score."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.batches import Batch
from core.config import TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, samples
from core.gradient import loss_and_gradient
from core.kernel_loss import loss_of
from core.losses import Terms, Weights
from core.model import Parameters, expected_gates, init_parameters, model_shape, open_probability
from core.orientation import oriented
from core.strength import edge_strengths, readout_rows


class Reading(NamedTuple):
    """A learned graph (K, d, d) in [0, 1], [i, j] is i -> j, and its blind scores (K,) where reading gave them."""

    strength: Tensor
    score: Tensor | None = None


def initial(variables: int, config: TrainerConfig, rng: np.random.Generator) -> Parameters:
    """Draw the starting weights of one lane."""
    return init_parameters(model_shape(variables, config), rng)


def step_terms(
    value: Parameters, batch: Batch, heat: Tensor, weight: Weights, config: TrainerConfig
) -> tuple[Terms, Tensor]:
    """Return the loss terms of a batch, (K,) each, and the packed gradient of their sum."""
    shape = model_shape(batch.rows.shape[1], config)
    return loss_and_gradient(value, heat, batch.noise, batch.rows, weight, config, shape)


def validate(value: Parameters, heat: Tensor, weight: Weights, dataset: Dataset, config: TrainerConfig) -> Terms:
    """Return the validation loss terms, with the noise-free gates, (K,) each."""
    opened, gates = open_probability(value.gate, heat), expected_gates(value.gate)
    rows = samples(dataset, VALIDATION, config).rows.permute(1, 2, 0)
    return loss_of(value, gates, opened, rows, weight, config, model_shape(len(rows), config))


def read_graph(
    value: Parameters, heat: Tensor, warm: Tensor, limit: int, dataset: Dataset, config: TrainerConfig
) -> Reading:
    """Return what every edge explains, of `limit` rows; without time, moved onto an acyclic graph.

    Lanes that are not `warm` (K,) keep their strengths: before the warm-up ends most pairs are open, and a
    search among them means nothing.
    """
    strength = edge_strengths(value, heat, readout_rows(dataset, config, limit), config)
    if config.max_lag > 0:
        return Reading(strength)
    moved, scores = strength.numpy().copy(), torch.full(heat.shape, torch.nan, dtype=torch.float64)
    for lane in np.flatnonzero(warm.numpy()).tolist():
        turned = oriented(strength[lane].numpy(), dataset)
        moved[lane], scores[lane] = turned.strength, turned.score
    return Reading(torch.from_numpy(moved), scores)


def blind_score(value: Parameters, graph: Tensor, limit: int, dataset: Dataset, config: TrainerConfig) -> Tensor:
    """Negative log-likelihood of the cut graph, a mean of training's and validation's, plus log(n) / n an edge.

    Validation rows alone are few, and may be of another regime than training's; training rows alone flatter a
    graph that was fitted to them. The weights are left as learned, so a trial that leans on edges below the
    cut pays for it. The price is that of the Bayesian information criterion for two numbers an edge, since a
    needless edge costs the likelihood almost nothing.

    Args:
        value: parameters of K lanes; their gates are set to 0 and 1.
        graph: (K, d, d) bool, the edges of the blind cut.
        limit: how many rows of each part are read at most, evenly spread.
        dataset, config: as trained with.

    Returns:
        (K,) float64 nats a row, lower is better. The true graph is not read.
    """
    gates, size = graph.float(), 0
    zero, means = torch.zeros(len(gates)), torch.zeros(len(gates), dtype=torch.float64)
    plain = Weights(recon=torch.ones_like(zero), sparse=zero, acyclic=zero, disen=zero)
    config = replace(config, reduction="mean")
    for part in (TRAIN, VALIDATION):
        rows = samples(dataset, part, config).rows
        some = rows[:: max(1, -(-len(rows) // limit))].permute(1, 2, 0)
        means += 0.5 * loss_of(value, gates, gates, some, plain, config, model_shape(len(some), config)).recon.double()
        size += len(rows)
    return means * (len(dataset.names) - len(dataset.unusable)) + math.log(size) / size * graph.sum((1, 2)).double()
