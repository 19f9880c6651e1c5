"""The compiled step's gates and correlations: the counterparts of functions of the same names in `gradient`.

All work on one lane; d variables, P latents, B rows of a batch.
"""

import math
from typing import Any

import numpy as np

from core.kernel_products import add_rows, dots
from core.kernel_registers import address
from core.kernel_rows import dot, fma, total
from core.kernels import HALF, ONE, TWO, ZERO, Floats, compiled, tanh
from core.losses import LEAST_VARIANCE
from core.model import GATE_HIGH, GATE_LOW

LOW, WIDTH = np.float32(GATE_LOW), np.float32(GATE_HIGH - GATE_LOW)
SHIFT = np.float32(math.log(-GATE_LOW / GATE_HIGH))
LEAST = np.float32(LEAST_VARIANCE)


@compiled
def gates_of(gate: Floats, heat: Any, noise: Floats, soft: Floats, sampled: Floats, opened: Floats) -> None:
    """Sample the gates of a step: soft values, stretched and cut ones, and the probability of being open, (d, d)."""
    d = gate.shape[0]
    for i in range(d):
        for j in range(d):
            soft[i, j] = HALF * (ONE + tanh(HALF * ((gate[i, j] + noise[i, j]) / heat)))
            opened[i, j] = HALF * (ONE + tanh(HALF * (gate[i, j] - heat * SHIFT)))
            stretched = soft[i, j] * WIDTH + LOW
            if stretched < ZERO:
                stretched = ZERO
            if stretched > ONE:
                stretched = ONE
            sampled[i, j] = stretched
        sampled[i, i] = ZERO
        opened[i, i] = ZERO


@compiled
def gate_gradient(out: Floats, soft: Floats, opened: Floats, d_sampled: Floats, d_opened: Floats, slope: Any) -> None:
    """Pull the gradients of sampled gates and open probabilities back to the log-odds; slope is d soft's factor."""
    d = soft.shape[0]
    for i in range(d):
        for j in range(d):
            stretched = soft[i, j] * WIDTH + LOW
            through = d_opened[i, j] * opened[i, j] * (ONE - opened[i, j])
            if i != j and stretched >= ZERO and stretched <= ONE:
                through += d_sampled[i, j] * (soft[i, j] * (ONE - soft[i, j]) * slope)
            out[i, j] = through


@compiled
def correlation_gradient(plan: Any, room: Any, v: int, each: Any) -> Any:
    """Return the sum of |correlation| between latents of different kinds of variable v, times each.

    Its gradient is written to the variable's part of d_latents, in place of what was there.
    """
    latents, out, centred, spread, starts = room.latents, room.d_latents, room.centred, room.spread, room.row_starts
    pairs, kind_of, s, count, size = room.pairs, plan.kind_of, plan.signal, latents.shape[1], latents.shape[2]
    for p in range(count):
        for r in range(size):
            out[v, p, r] = ZERO
    if each == ZERO:
        return ZERO
    rows, variance, inverse, spin = np.float32(size), 0, 1, 2
    for p in range(count):
        first = latents[v, p, 0]  # taken off at once, so that a latent that is constant is exactly 0
        for r in range(size):
            centred[p, r] = latents[v, p, r] - first
        mean = total(centred, p * size, size) / rows
        for r in range(size):
            centred[p, r] -= mean
    # signals, which come first, have no term with one another
    rest = address(centred, s * size)
    dots(address(centred, 0), starts, rest, starts, address(pairs, s), room.by_pair, count, count - s, size)
    for p in range(count):
        held = (dot(centred, p * size, centred, p * size, size) if p < s else pairs[p, p]) / rows
        spread[variance, p], spread[spin, p] = held, ZERO
        spread[inverse, p] = ONE / np.sqrt(held if held > LEAST else LEAST)
    penalty = ZERO
    for p in range(s, count):
        pairs[p, p] = ZERO
        for q in range(p):
            factor = ZERO
            if kind_of[p] != kind_of[q]:
                outer = spread[inverse, p] * spread[inverse, q]
                correlation = pairs[q, p] / rows * outer
                pull = each if correlation > ZERO else (-each if correlation < ZERO else ZERO)
                penalty += TWO * abs(correlation) * each
                spread[spin, p] += pull * correlation
                spread[spin, q] += pull * correlation
                factor = pull * outer * TWO / rows
            pairs[p, q] = pairs[q, p] = factor
    own, others = address(out, v * count * size), address(out, (v * count + s) * size)
    add_rows(own, starts, rest, starts, address(pairs, s), room.by_pair, room.columns, s, count - s, size)
    add_rows(
        others, starts, address(centred, 0), starts, address(pairs, s * count), room.by_pair, room.columns, count - s,
        count, size,
    )  # fmt: skip
    for p in range(count):
        if spread[variance, p] >= LEAST:
            factor = -spread[spin, p] * spread[inverse, p] * spread[inverse, p] * TWO / rows
            for r in range(size):
                out[v, p, r] = fma(factor, centred[p, r], out[v, p, r])
    return penalty
