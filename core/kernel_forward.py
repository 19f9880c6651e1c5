"""The compiled prediction of one lane, target by target, and its error; a shut gate costs nothing."""

from typing import Any

import numpy as np

from core.kernel_plan import Plan
from core.kernel_products import add_rows
from core.kernel_registers import address
from core.kernel_rows import fma, total
from core.kernel_tables import scaled
from core.kernels import HALF, ONE, TWO, ZERO, Floats, compiled, exp, tanh
from core.model import LOG_SCALE_LIMIT

LIMIT = np.float32(LOG_SCALE_LIMIT)


@compiled
def encode(value: Any, plan: Plan, room: Any) -> None:
    """Encode every variable's features into its latents; the first of signal and own state stay linear."""
    rows, latents, reading = room.rows, room.latents, room.reading
    count, size = latents.shape[1:]
    for v in range(plan.variables):
        for p in range(count):
            for f in range(plan.features):
                reading[p, f] = value.encoder[v, p, f] * plan.reads[p, f]
            for r in range(size):
                latents[v, p, r] = value.encoder_bias[v, p]
        add_rows(
            address(latents, v * count * size), room.row_starts, address(rows, (v * rows.shape[1] + 2) * size),
            room.row_starts, address(reading, 0), room.by_latent, room.columns, count, plan.features, size,
        )  # fmt: skip
        for p in range(count):
            if p != 0 and p != plan.signal:
                for r in range(size):
                    latents[v, p, r] = tanh(latents[v, p, r])


@compiled
def connect(value: Any, plan: Plan, gates: Floats, j: int, room: Any) -> Any:
    """Gather target j's open parents, their signals' places and weights times gates; return how many parents."""
    count, s, each, size = 0, plan.signal, room.latents.shape[1] * room.latents.shape[2], room.messages.shape[1]
    for i in range(plan.variables):
        room.connected[i] = gates[i, j] != ZERO or (plan.dense and i != j)
        if room.connected[i]:
            room.parents[count] = i
            for k in range(s):
                room.signals[count * s + k] = i * each + room.row_starts[k]
                room.sent[count * s + k] = i * size + room.by_signal[k]
            weights = address(value.mix, (j * plan.variables + i) * size)
            scaled(address(room.messages, i * size), weights, size, gates[i, j])
            count += 1
    return count


@compiled
def drive_of(value: Any, plan: Plan, j: int, parents: int, room: Any) -> None:
    """Write what the decoder of target j is fed, (M, B): own state, a constant, and messages of connected parents."""
    drive, latents, s, b = room.drive, room.latents, plan.signal, plan.bias
    count, size = drive.shape
    for m in range(count):
        for r in range(size):
            drive[m, r] = value.memory[j, m, b]
    own, memory = address(latents, (j * latents.shape[1] + s) * size), address(value.memory, j * count * (b + 1))
    fed, starts = address(drive, 0), room.row_starts
    add_rows(fed, starts, own, starts, memory, room.by_memory, room.columns, count, b, size)
    add_rows(
        fed, starts, address(latents, 0), room.signals, address(room.messages, 0), room.columns, room.sent, count,
        parents * s, size,
    )  # fmt: skip


@compiled
def decode(value: Any, plan: Plan, latents: Floats, j: int, drive: Floats, out: Floats) -> None:
    """Bend the units of target j in place, and write its mean and raw log-scale to the two rows of out, (2, B)."""
    size, first = drive.shape[1], plan.signal + plan.bias
    for r in range(size):
        out[0, r] = drive[0, r]
        out[1, r] = value.scale_bias[j, 0]
    for h in range(plan.hidden):
        weight = value.readout[j, h]
        for r in range(size):
            drive[1 + h, r] = tanh(drive[1 + h, r])
        for r in range(size):
            out[0, r] = fma(weight, drive[1 + h, r], out[0, r])
    for n in range(plan.noise):
        weight = value.scale[j, n]
        for r in range(size):
            out[1, r] = fma(weight, latents[j, first + n, r], out[1, r])


@compiled
def reconstruct(plan: Plan, rows: Floats, j: int, each: Any, out: Floats) -> Any:
    """Return the summed error of target j, and put gradients, times each, in place of its mean and raw log-scale.

    out: (3, B), mean, raw log-scale and scratch.
    """
    size = out.shape[1]
    for r in range(size):
        seen, raw = rows[j, 1, r], out[1, r]
        error = (rows[j, 0, r] - out[0, r]) * seen
        if plan.likelihood:
            held = raw
            if held > LIMIT:
                held = LIMIT
            if held < -LIMIT:
                held = -LIMIT
            precise = exp(-held)
            ratio = error * precise
            out[2, r] = fma(HALF * ratio, ratio, held * seen)
            out[0, r] = -each * (ratio * precise)
            out[1, r] = (seen - ratio * ratio) * each * (ONE if held == raw else ZERO)
        else:
            out[2, r] = error * error
            out[0, r] = -TWO * each * error
            out[1, r] = ZERO
    return total(out, 2 * size, size)
