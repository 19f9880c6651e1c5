"""Which term of the loss drives training, and whether the reconstruction moves with the graph at all."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.architecture import learner
from core.batches import Batch
from core.config import TrainerConfig
from core.lanes import Lanes, over_tensors
from core.losses import Weights
from core.optimizer import gradient_norm
from core.schedule import progress, temperature, weights

FEW_ROWS = 2


class Diagnosis(NamedTuple):
    """One number a lane, (K,) float64 each, under their names in the records.

    grad_share_*: the norm of the term's own gradient in all parameters, lambda included, as a share of the sum of
    the four norms; NaN where that is 0 or not finite. They add up to 1, but norms of opposed gradients do not
    cancel as the gradients do: it is a share of the pulling, not of the way moved. graph_gradient: the Frobenius
    norm of d recon / d A, recon without its lambda, A the sampled gates of `parents_only` or the logits of
    `original`; exactly 0 where the reconstruction does not read the graph, so that no lambda can help.
    """

    grad_share_recon: Tensor
    grad_share_sparse: Tensor
    grad_share_acyclic: Tensor
    grad_share_disen: Tensor
    graph_gradient: Tensor


NAMES = Diagnosis._fields


def diagnose(lanes: Lanes, batch: Batch, config: TrainerConfig) -> Diagnosis:
    """Measure the terms' gradients on one batch of training rows, at the weights that an evaluation looks at.

    The loss is linear in its lambdas, so a term's gradient is that of a loss whose other lambdas are 0. The
    terms train side by side as lanes: recon and disen on the batch; sparse and acyclic, which read no row, on a
    few rows of it. Nothing of training is changed, and no random number is drawn.

    Args:
        lanes: K >= 2 trials after an epoch of training.
        batch: one step of that epoch, its noise included.
        config: fixed settings.

    Returns:
        Diagnosis, (K,) each, with the lambdas and the gate temperature of that epoch.
    """
    epoch, count = lanes.epoch - 1, len(lanes.trial)
    heat, weight = temperature(epoch, config), weights(lanes, progress(epoch, config))
    twice = over_tensors(lambda part: torch.cat([part, part]), lanes.value)
    heats = torch.cat([heat, heat])
    few = batch._replace(rows=batch.rows[..., :FEW_ROWS])
    norms: dict[str, Tensor] = {}
    pull = torch.zeros(0)
    for pair, rows in ((("recon", "disen"), batch), (("sparse", "acyclic"), few)):
        both = Batch(*(torch.cat([part, part]) for part in rows))
        gradient, graph = learner(config).term_gradient(twice, both, heats, alone(pair, count), config)
        size = gradient_norm(gradient).double()
        norms.update(zip(pair, (size[:count], size[count:]), strict=True))
        pull = graph[:count] if pair[0] == "recon" else pull
    weighted = torch.stack([norms[name] * getattr(weight, name).double() for name in Weights._fields])
    recon, sparse, acyclic, disen = weighted / weighted.sum(0)
    return Diagnosis(recon, sparse, acyclic, disen, gradient_norm(pull.flatten(1)).double())


def alone(pair: tuple[str, str], count: int) -> Weights:
    """Return lambdas (2 * count,) of 1 for one term in the first half of the lanes, the other in the second."""
    found = {name: torch.zeros(2 * count) for name in Weights._fields}
    found[pair[0]][:count] = 1.0
    found[pair[1]][count:] = 1.0
    return Weights(**found)


def unmeasured(count: int) -> Diagnosis:
    """Return what is kept of K lanes where the health log is off."""
    return Diagnosis(*(torch.full((count,), torch.nan, dtype=torch.float64) for _ in NAMES))
