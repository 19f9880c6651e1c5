"""Which term of the loss drives training, and whether the reconstruction moves with the graph at all."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.architecture import learner
from core.batches import Batch
from core.config import TrainerConfig
from core.lanes import Lanes
from core.schedule import progress, temperature, weights


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

    The loss is linear in its lambdas, so a term's gradient is its lambda times that of the term alone. Nothing of
    training is changed, and no random number is drawn.

    Args:
        lanes: K >= 2 trials after an epoch of training.
        batch: one step of that epoch, its noise included.
        config: fixed settings.

    Returns:
        Diagnosis, (K,) each, with the lambdas and the gate temperature of that epoch.
    """
    epoch = lanes.epoch - 1
    weight = weights(lanes, progress(epoch, config))
    norms, graph = learner(config).pulls(lanes.value, batch, temperature(epoch, config), config)
    weighted = norms * torch.stack(weight).double()
    recon, sparse, acyclic, disen = weighted / weighted.sum(0)
    return Diagnosis(recon, sparse, acyclic, disen, graph)


def unmeasured(count: int) -> Diagnosis:
    """Return what is kept of K lanes where the health log is off."""
    return Diagnosis(*(torch.full((count,), torch.nan, dtype=torch.float64) for _ in NAMES))
