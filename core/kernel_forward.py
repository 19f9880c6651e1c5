"""The compiled prediction of one lane, target by target, and its error; a shut gate costs nothing."""

from typing import Any

import numpy as np

from core.kernel_plan import Plan
from core.kernel_rows import fma, total
from core.kernels import HALF, ONE, TWO, ZERO, Floats, compiled, exp, tanh
from core.model import LOG_SCALE_LIMIT

LIMIT = np.float32(LOG_SCALE_LIMIT)


@compiled
def encode(value: Any, plan: Plan, rows: Floats, latents: Floats) -> None:
    """Encode every variable's features into its latents; the first of signal and own state stay linear."""
    size = rows.shape[2]
    for v in range(plan.variables):
        for p in range(latents.shape[1]):
            for r in range(size):
                latents[v, p, r] = value.encoder_bias[v, p]
            for f in range(plan.features):
                weight = value.encoder[v, p, f]
                if plan.reads[p, f] != ZERO:
                    for r in range(size):
                        latents[v, p, r] = fma(weight, rows[v, 2 + f, r], latents[v, p, r])
            if p != 0 and p != plan.signal:
                for r in range(size):
                    latents[v, p, r] = tanh(latents[v, p, r])


@compiled
def drive_of(value: Any, plan: Plan, gates: Floats, latents: Floats, j: int, drive: Floats) -> None:
    """Write what the decoder of target j is fed, (M, B): own state, a constant, and messages of open parents."""
    s, b, size = plan.signal, plan.bias, drive.shape[1]
    for m in range(drive.shape[0]):
        for r in range(size):
            drive[m, r] = value.memory[j, m, b]
        for c in range(b):
            weight = value.memory[j, m, c]
            for r in range(size):
                drive[m, r] = fma(weight, latents[j, s + c, r], drive[m, r])
    for i in range(plan.variables):
        gate = gates[i, j]
        if gate != ZERO:
            for m in range(drive.shape[0]):
                for k in range(s):
                    weight = gate * value.mix[j, m, i, k]
                    for r in range(size):
                        drive[m, r] = fma(weight, latents[i, k, r], drive[m, r])


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
