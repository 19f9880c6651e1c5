"""The loss of rows that nothing is learned from, compiled: what the validation rows cost, lane by lane."""

from typing import Any

import torch
from torch import Tensor

from core.config import TrainerConfig
from core.kernel_forward import connect, decode, drive_of, encode, reconstruct
from core.kernel_pack import packed
from core.kernel_plan import parts_of, plan_of, scratch_of
from core.kernel_rows import total
from core.kernel_step import correlation_price
from core.kernel_terms import correlation_gradient
from core.kernels import ONE, ZERO, Floats, compiled
from core.losses import Terms, Weights, cyclicity, sparsity
from core.model import Parameters, Shape


@compiled
def lane_loss(flat: Floats, gates: Floats, plan: Any, room: Any, disen: Any, found: Floats) -> None:
    """Write recon without its lambda, and disen with its own, of one lane and the rows in `room.rows` to found (2,)."""
    value, size = parts_of(flat, plan), room.rows.shape[2]
    encode(value, plan, room)
    found[0], found[1], seen = ZERO, ZERO, ZERO
    each = correlation_price(disen, plan)
    for v in range(plan.variables):
        found[1] += correlation_gradient(plan, room, v, each)
        seen += total(room.rows, (v * room.rows.shape[1] + 1) * size, size)
    for j in range(plan.variables):
        drive_of(value, plan, j, connect(value, plan, gates, j, room), room)
        decode(value, plan, room.latents, j, room.drive, room.lines)
        found[0] += reconstruct(plan, room.rows, j, ONE, room.lines)
    if not plan.summed:
        found[0] /= seen if seen > ONE else ONE


def loss_of(
    value: Parameters, gates: Tensor, opened: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig, shape: Shape
) -> Terms:
    """Return the loss terms of rows, as `losses.terms` of `model.predict` has them, to float32's digits.

    Args:
        value: parameters of K lanes.
        gates: (K, d, d) what messages are multiplied by. opened: (K, d, d) what is priced.
        rows: (d, 2 + F, B), the same for all lanes.
        weight: the lambdas, (K,) each.
        config, shape: fixed settings, sizes of the model.

    Returns:
        Terms, (K,) each.
    """
    plan, flat, found = plan_of(shape, config), packed(value), torch.empty(len(gates), 2)
    room = scratch_of(plan, rows.shape[2])
    room.rows[:] = rows.numpy()
    for k, (lane, own, disen) in enumerate(zip(flat.numpy(), gates.numpy(), weight.disen.numpy(), strict=True)):
        lane_loss(lane, own, plan, room, disen, found[k].numpy())
    return Terms(
        recon=weight.recon * found[:, 0],
        sparse=weight.sparse * sparsity(opened, config.reduction),
        acyclic=weight.acyclic * cyclicity(opened, config.acyclicity),
        disen=found[:, 1],
    )
