"""Which learner is trained: what the trainer must know of it, for each value of `trainer.architecture`."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import kernel_pulls, parents_only
from core.batches import Batch, row_batches, window_batches
from core.config import TrainerConfig
from core.data import VALIDATION, Dataset, positions, windows_of
from core.lanes import Lanes, over_tensors
from core.losses import Terms, Weights
from core.optimizer import gradient_norm
from core.original import Original, init_original, original_graph, original_terms
from core.parents_only import Reading
from core.windows import row_counts

FEW_ROWS = 2


class Learner(NamedTuple):
    """The functions of an architecture; `value` is its named tuple of parameters, (K, ...) each.

    initial: starting weights of one lane. batches: the steps of one epoch, of lanes, data set and settings. step_terms:
    loss terms of a batch and the packed gradient of their sum, whose first d * d entries are the graph's. pulls: norms
    of the terms' gradients where every lambda is 1, (4, K), and of d recon / d A, (K,). graph_decays: whether the
    graph's entries have weight decay too. compiled: whether `kernel_train` trains it. validate: loss terms of the
    validation rows.
    read_graph: the learned graph. blind_score: (K,) float64, lower is better, without the true graph.
    """

    initial: Callable[[int, TrainerConfig, np.random.Generator], Any]
    batches: Callable[[Lanes, Dataset, TrainerConfig], Iterable[Batch]]
    step_terms: Callable[[Any, Batch, Tensor, Weights, TrainerConfig], tuple[Terms, Tensor]]
    pulls: Callable[[Any, Batch, Tensor, TrainerConfig], tuple[Tensor, Tensor]]
    graph_decays: bool
    compiled: bool
    validate: Callable[[Any, Tensor, Weights, Dataset, TrainerConfig], Terms]
    read_graph: Callable[[Any, Tensor, Tensor, int, Dataset, TrainerConfig], Reading]
    blind_score: Callable[[Any, Tensor, int, Dataset, TrainerConfig], Tensor]


def learner(config: TrainerConfig) -> Learner:
    """Return the learner that `architecture` names."""
    return ORIGINAL if config.architecture == "original" else PARENTS_ONLY


def original_initial(variables: int, config: TrainerConfig, rng: np.random.Generator) -> Original:
    """Draw the starting weights of one lane; no setting changes the original's sizes."""
    del config
    return init_original(variables, rng)


def original_step(
    value: Original, batch: Batch, heat: Tensor, weight: Weights, config: TrainerConfig
) -> tuple[Terms, Tensor]:
    """Return `original_terms` of a batch; the original has no gates that could be hot."""
    del heat
    return original_terms(value, batch.rows, torch.ones(batch.rows.shape[3]), weight, config)


def original_pulls(value: Original, batch: Batch, heat: Tensor, config: TrainerConfig) -> tuple[Tensor, Tensor]:
    """Return the norms of the terms' gradients where every lambda is 1, and of d recon / d A.

    The terms train side by side as lanes: recon and disen on the batch; sparse and acyclic, which read no row, on a
    few rows of it.
    """
    count = len(heat)
    twice = over_tensors(lambda part: torch.cat([part, part]), value)
    heats, few = torch.cat([heat, heat]), batch._replace(rows=batch.rows[..., :FEW_ROWS])
    norms: dict[str, Tensor] = {}
    pull = torch.zeros(0)
    for pair, rows in ((("recon", "disen"), batch), (("sparse", "acyclic"), few)):
        both = Batch(*(torch.cat([part, part]) for part in rows))
        gradient, graph = original_gradient(twice, both, heats, alone(pair, count), config)
        size = gradient_norm(gradient).double()
        norms.update(zip(pair, (size[:count], size[count:]), strict=True))
        pull = graph[:count] if pair[0] == "recon" else pull
    return torch.stack([norms[name] for name in Weights._fields]), gradient_norm(pull.flatten(1)).double()


def alone(pair: tuple[str, str], count: int) -> Weights:
    """Return lambdas (2 * count,) of 1 for one term in the first half of the lanes, the other in the second."""
    found = {name: torch.zeros(2 * count) for name in Weights._fields}
    found[pair[0]][:count] = 1.0
    found[pair[1]][count:] = 1.0
    return Weights(**found)


def original_gradient(
    value: Original, batch: Batch, heat: Tensor, weight: Weights, config: TrainerConfig
) -> tuple[Tensor, Tensor]:
    """Return the packed gradient of a batch, and its part in the graph's logits, (K, d, d).

    Where the penalties weigh nothing, that part is what the other terms pull at the graph.
    """
    gradient = original_step(value, batch, heat, weight, config)[1]
    return gradient, gradient[:, : value.graph[0].numel()].view(value.graph.shape)


def original_validation(
    value: Original, heat: Tensor, weight: Weights, dataset: Dataset, config: TrainerConfig
) -> Terms:
    """Return the validation terms, (K,) each; in recon a row counts as often as it is in a validation window."""
    del heat
    if config.window > 0:
        counts = row_counts(windows_of(dataset, VALIDATION), config.window, len(dataset.values))
    else:
        counts = np.bincount(positions(dataset, VALIDATION, 0), minlength=len(dataset.values))
    at = np.flatnonzero(counts)
    rows = torch.from_numpy(np.stack([dataset.values[at].T, dataset.observed[at].T], axis=1, dtype=np.float32))
    stacked = rows.expand(len(weight.recon), *rows.shape).contiguous()
    return original_terms(value, stacked, torch.from_numpy(counts[at].astype(np.float32)), weight, config)[0]


def original_reading(
    value: Original, heat: Tensor, warm: Tensor, limit: int, dataset: Dataset, config: TrainerConfig
) -> Reading:
    """Return the original's adjacency as it is; no rows are read, and without time nothing is turned."""
    del heat, warm, limit, dataset, config
    return Reading(original_graph(value))


def original_score(value: Original, graph: Tensor, limit: int, dataset: Dataset, config: TrainerConfig) -> Tensor:
    """Return the mean squared error on the validation rows, (K,): there is nothing better, for no edge changes it."""
    del graph, limit
    zero = torch.zeros(len(value.graph))
    plain = Weights(recon=torch.ones_like(zero), sparse=zero, acyclic=zero, disen=zero)
    return original_validation(value, zero, plain, dataset, replace(config, reduction="mean")).recon.double()


PARENTS_ONLY = Learner(
    initial=parents_only.initial,
    batches=row_batches,
    step_terms=parents_only.step_terms,
    pulls=kernel_pulls.pulls,
    graph_decays=False,
    compiled=True,
    validate=parents_only.validate,
    read_graph=parents_only.read_graph,
    blind_score=parents_only.blind_score,
)
ORIGINAL = Learner(
    initial=original_initial,
    batches=window_batches,
    step_terms=original_step,
    pulls=original_pulls,
    graph_decays=True,
    compiled=False,
    validate=original_validation,
    read_graph=original_reading,
    blind_score=original_score,
)
