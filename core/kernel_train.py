"""Whole epochs of many lanes in one compiled call, and the gradient alone: what the trainer sees of the kernels.

Lanes are trained one after the other, each through all steps of the epoch: its weights, moments and gradient then stay
in the processor's cache.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.config import TrainerConfig
from core.kernel_plan import mix_of, plan_of, scratch_of
from core.kernel_rows import dot, fma
from core.kernel_step import lane_gradient
from core.kernels import ONE, ZERO, Floats, compiled, compiled_owner
from core.losses import Weights
from core.model import Shape
from core.optimizer import BETA1, BETA2, NORM_MARGIN, bias_corrections

FIRST_SHARE, KEPT, SECOND_SHARE = np.float32(1.0 - BETA1), np.float32(BETA2), np.float32(1.0 - BETA2)
MARGIN, TINY = np.float32(NORM_MARGIN), np.float32(1e-30)


@compiled
def norm_of(gradient: Floats, first: int, last: int, inside: Any) -> Any:
    """Return the Euclidean norm; squares that overflow float32 are measured again in float64.

    inside: the sum of squares from place first up to last, most of which are 0.
    """
    outside = dot(gradient, 0, gradient, 0, first) + dot(gradient, last, gradient, last, gradient.size - last)
    norm = np.sqrt(outside + inside)
    if not np.isfinite(norm):
        squares = 0.0
        for i in range(gradient.size):
            squares += np.float64(gradient[i]) * np.float64(gradient[i])
        norm = np.float32(math.sqrt(squares))
    return norm


@compiled
def adam(
    value: Floats, first: Floats, second: Floats, gradient: Floats, scale: Any, decay: Any, slope: Any, floor: Any
) -> None:
    """Apply one step of Adam to a lane's packed numbers, or a part of them; slope and floor as in `optimizer.Adam`.

    Numbers below `TINY` become 0: weights that only decay would come to where a processor counts slowly.
    """
    for i in range(value.size):
        pull = fma(value[i], decay, gradient[i] * scale)
        first[i] = fma(FIRST_SHARE, pull - first[i], first[i])
        second[i] = fma(SECOND_SHARE * pull, pull, second[i] * KEPT)
        moved = value[i] + first[i] / fma(np.sqrt(second[i]), slope, floor)
        value[i] = ZERO if abs(moved) < TINY else moved
        first[i] = ZERO if abs(first[i]) < TINY else first[i]


@compiled
def lay_out(table: Floats, order: NDArray[np.int64], rows: Floats) -> None:
    """Write the rows of a batch, (d, 2 + F, B), from a table (rows, d, 2 + F)."""
    for v in range(rows.shape[0]):
        for c in range(rows.shape[1]):
            for b in range(order.size):
                rows[v, c, b] = table[order[b], v, c]


@compiled_owner
def train(
    value: Floats, first: Floats, second: Floats, table: Floats, order: NDArray[np.int64], noise: Floats,
    heat: Floats, weight: Floats, decay: Floats, slope: Floats, floor: Floats, limit: Any, plan: Any, spared: int,
    terms: Floats, norms: Floats,
) -> None:  # fmt: skip
    """Train K lanes for the steps of one epoch, in place.

    Args:
        value, first, second: (K, all). table: (rows, d, 2 + F). order: (steps, K, B). noise: (steps, K, d, d).
        heat, decay: (K,). weight: (K, 4). slope, floor: (steps, K), Adam's. limit: of the gradient's norm.
        spared: the first so many parameters do not decay.
        terms: (steps, K, 4); norms: (steps, K), before clipping; both are written.
    """
    room, gradient = scratch_of(plan, order.shape[2]), np.zeros(value.shape[1], np.float32)
    first_mix, last_mix = mix_of(plan)
    for k in range(value.shape[0]):
        for step in range(order.shape[0]):
            lay_out(table, order[step, k], room.rows)
            lane_gradient(value[k], gradient, plan, room, noise[step, k], heat[k], weight[k], terms[step, k])
            norm = norm_of(gradient, first_mix, last_mix, room.squares[0])
            scale = limit / (norm + MARGIN)
            if scale > ONE:
                scale = ONE
            norms[step, k] = norm
            for cut, end, rate in ((0, spared, ZERO), (spared, value.shape[1], decay[k])):
                adam(
                    value[k, cut:end], first[k, cut:end], second[k, cut:end], gradient[cut:end], scale, rate,
                    slope[step, k], floor[step, k],
                )  # fmt: skip


def train_packed(
    packed: tuple[Tensor, Tensor, Tensor], table: Tensor, order: Tensor, noise: Tensor, heat: Tensor, weight: Weights,
    rate: Tensor, decay: Tensor, count: Tensor, config: TrainerConfig, shape: Shape,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Train K lanes for one epoch on packed parameters and moments, which are changed.

    Args:
        packed: value, first and second moment, (K, all) each.
        table, order, noise: as in `train`. heat, rate, decay: (K,). count: (K,) steps so far.
        weight: the lambdas in force. config, shape: fixed settings, sizes of the model.

    Returns:
        Weighted terms (steps, K, 4), and gradient norms before clipping (steps, K).
    """
    steps, lanes = order.shape[:2]
    counts = [done + step for step in range(1, steps + 1) for done in count.tolist()]
    slope, floor = (part.view(steps, lanes).numpy() for part in bias_corrections(counts, rate.double().repeat(steps)))
    terms, norms = np.empty((steps, lanes, 4), np.float32), np.empty((steps, lanes), np.float32)
    train(
        *(part.numpy() for part in packed), table.numpy(), order.numpy(), noise.numpy(), heat.numpy(),
        torch.stack(weight, 1).numpy(), decay.numpy(), slope, floor, np.float32(config.clip_norm),
        plan_of(shape, config), shape.variables**2, terms, norms,
    )  # fmt: skip
    return torch.from_numpy(terms), torch.from_numpy(norms)
