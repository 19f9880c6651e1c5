"""How hard each term of the loss pulls, compiled: the norms of the terms' own gradients, lane by lane."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.batches import Batch
from core.config import TrainerConfig
from core.kernel_cycles import cyclicity_gradient
from core.kernel_pack import packed
from core.kernel_plan import mix_of, parts_of, plan_of, scratch_of
from core.kernel_step import correlation_price, encoder_backward, lane_gradient
from core.kernel_terms import WIDTH, correlation_gradient, gate_gradient
from core.kernel_train import norm_of
from core.kernels import ONE, ZERO, Floats, compiled
from core.model import Parameters, model_shape

RECON_ALONE = np.array([1.0, 0.0, 0.0, 0.0], np.float32)


@compiled
def lane_pulls(d_flat: Floats, plan: Any, room: Any, heat: Any, found: Floats) -> None:
    """Write the norms of the gradients of recon, sparse, acyclic, disen, and of d recon / d gates, to found (5,).

    d_flat: the gradient of recon alone, as `lane_gradient` has just left it and the room; it is used up. heat: of the
    gates. Every lambda is 1.
    """
    gradient, d = parts_of(d_flat, plan), plan.variables
    gates, (first, last) = d * d, mix_of(plan)
    found[0] = norm_of(d_flat, first, last, room.squares[0])
    found[4] = norm_of(room.d_sampled.reshape(gates), gates, gates, ZERO)
    for i in range(d):
        for j in range(d):
            room.d_sampled[i, j] = ZERO
            room.d_opened[i, j] = ONE if plan.summed else ONE / np.float32(d)
    for term in (1, 2):  # neither penalty reads a row
        if term == 2:
            cyclicity_gradient(room.opened, plan.cycles, room.matrix, room.squared, room.d_opened)
        gate_gradient(gradient.gate, room.soft, room.opened, room.d_sampled, room.d_opened, WIDTH / heat)
        found[term] = norm_of(d_flat[:gates], gates, gates, ZERO)
    each = correlation_price(ONE, plan)
    for v in range(d):
        correlation_gradient(plan, room, v, each)
    encoder_backward(gradient, plan, room)
    found[3] = norm_of(d_flat[gates:first], first - gates, first - gates, ZERO)


def pulls(value: Parameters, batch: Batch, heat: Tensor, config: TrainerConfig) -> tuple[Tensor, Tensor]:
    """Return norms of the terms' gradients where every lambda is 1, (4, K), and of d recon / d gates, (K,), float64."""
    shape = model_shape(batch.rows.shape[1], config)
    flat, plan = packed(value).numpy(), plan_of(shape, config, dense=True)
    room, found = scratch_of(plan, batch.rows.shape[3]), torch.empty(len(flat), 5)
    gradient, rows, noise = np.zeros_like(flat[0]), batch.rows.numpy(), batch.noise.numpy()
    terms = np.empty(4, np.float32)
    for k, warmth in enumerate(heat.numpy()):
        room.rows[:] = rows[k]
        lane_gradient(flat[k], gradient, plan, room, noise[k], warmth, RECON_ALONE, terms)
        lane_pulls(gradient, plan, room, warmth, found[k].numpy())
    return found[:, :4].T.double(), found[:, 4].double()
