"""One lane's loss of a batch and its gradient, compiled: what `gradient.gradients` computes for a stack of lanes.

A shut gate costs nothing: what it would multiply is not computed, forth or back. Everything that belongs to one target
is done, forth and back, before the next one, so that what it needs stays in the nearest cache.
"""

from typing import Any

import numpy as np

from core.kernel_forward import decode, drive_of, encode, reconstruct
from core.kernel_plan import Plan, parts_of
from core.kernel_rows import dot, fma, total
from core.kernel_terms import WIDTH, correlation_gradient, cyclicity_gradient, gate_gradient, gates_of
from core.kernels import ONE, ZERO, Floats, compiled


@compiled
def target_backward(value: Any, gradient: Any, plan: Plan, room: Any, j: int) -> None:
    """Pull the gradients of target j's mean and raw log-scale back to its own weights and to its latents."""
    b, size, first = plan.bias, room.drive.shape[1], plan.signal
    drive, d_drive, lines, latents, d_latents = room.drive, room.d_drive, room.lines, room.latents, room.d_latents
    for r in range(size):
        d_drive[0, r] = lines[0, r]
    gradient.scale_bias[j, 0] = total(lines, size, size)
    for h in range(plan.hidden):
        weight = value.readout[j, h]
        for r in range(size):
            unit = drive[1 + h, r]
            d_drive[1 + h, r] = weight * lines[0, r] * (ONE - unit * unit)
        gradient.readout[j, h] = dot(lines, 0, drive, (1 + h) * size, size)
    own = (j * latents.shape[1] + first) * size
    for m in range(plan.hidden + 1):
        gradient.memory[j, m, b] = total(d_drive, m * size, size)
        for c in range(b):
            weight = value.memory[j, m, c]
            gradient.memory[j, m, c] = dot(d_drive, m * size, latents, own + c * size, size)
            for r in range(size):
                d_latents[j, first + c, r] = fma(weight, d_drive[m, r], d_latents[j, first + c, r])
    for n in range(plan.noise):
        weight = value.scale[j, n]
        gradient.scale[j, n] = dot(lines, size, latents, own + (b + n) * size, size)
        for r in range(size):
            d_latents[j, first + b + n, r] = fma(weight, lines[1, r], d_latents[j, first + b + n, r])


@compiled
def messages_backward(value: Any, gradient: Any, plan: Plan, room: Any, j: int) -> None:
    """Pull the gradient of what target j is fed back to the mix, the gates and its parents' signals."""
    d_drive, latents, d_latents, size = room.d_drive, room.latents, room.d_latents, room.drive.shape[1]
    for m in range(plan.hidden + 1):
        for i in range(plan.variables):
            for k in range(plan.signal):
                gradient.mix[j, m, i, k] = ZERO
    for i in range(plan.variables):
        gate, pull = room.sampled[i, j], ZERO
        if gate != ZERO or (plan.dense and i != j):
            for m in range(plan.hidden + 1):
                for k in range(plan.signal):
                    weight = value.mix[j, m, i, k]
                    through = gate * weight
                    d_weight = dot(d_drive, m * size, latents, (i * latents.shape[1] + k) * size, size)
                    for r in range(size):
                        d_latents[i, k, r] = fma(through, d_drive[m, r], d_latents[i, k, r])
                    gradient.mix[j, m, i, k] = gate * d_weight
                    pull = fma(d_weight, weight, pull)
        room.d_sampled[i, j] = pull


@compiled
def encoder_backward(gradient: Any, plan: Plan, room: Any) -> None:
    """Pull the gradients of all latents back to the encoders."""
    rows, latents, d_latents, size = room.rows, room.latents, room.d_latents, room.drive.shape[1]
    for v in range(plan.variables):
        for p in range(latents.shape[1]):
            start = (v * latents.shape[1] + p) * size
            if p != 0 and p != plan.signal:
                for r in range(size):
                    d_latents[v, p, r] *= ONE - latents[v, p, r] * latents[v, p, r]
            gradient.encoder_bias[v, p] = total(d_latents, start, size)
            for f in range(plan.features):
                d_weight = ZERO
                if plan.reads[p, f] != ZERO:
                    d_weight = dot(d_latents, start, rows, (v * rows.shape[1] + 2 + f) * size, size)
                gradient.encoder[v, p, f] = d_weight


@compiled
def lane_gradient(
    flat: Floats, d_flat: Floats, plan: Plan, room: Any, noise: Floats, heat: Any, weight: Floats, terms: Floats
) -> None:
    """Write the gradient of one lane's loss of the batch in `room.rows`, and its four weighted terms.

    Args:
        flat, d_flat: packed parameters and their gradient, (all,).
        noise: (d, d) standard logistic. heat: gate temperature. weight: (4,) recon, sparse, acyclic, disen.
        terms: (4,), written in that order.
    """
    value, gradient, d = parts_of(flat, plan), parts_of(d_flat, plan), plan.variables
    gates_of(value.gate, heat, noise, room.soft, room.sampled, room.opened)
    encode(value, plan, room.rows, room.latents)
    between = ZERO
    for p in plan.kind_of:
        for q in plan.kind_of:
            between += ONE if p != q else ZERO
    each = weight[3] if plan.summed else weight[3] / (between * np.float32(d))
    terms[0] = terms[1] = terms[3] = ZERO
    seen = ZERO
    for v in range(d):
        terms[3] += correlation_gradient(room.latents, v, plan.kind_of, each, room.centred, room.spread, room.d_latents)
        size = room.rows.shape[2]
        seen += total(room.rows, (v * room.rows.shape[1] + 1) * size, size)
        for j in range(d):
            terms[1] += room.opened[v, j]
    share = weight[0] if plan.summed else weight[0] / (seen if seen > ONE else ONE)
    for at in range(d_flat.size if share == ZERO else 0):  # nothing is predicted where the prediction weighs nothing
        d_flat[at] = ZERO
    for j in range(d):
        if share == ZERO:
            for i in range(d):
                room.d_sampled[i, j] = ZERO
        else:
            drive_of(value, plan, room.sampled, room.latents, j, room.drive)
            decode(value, plan, room.latents, j, room.drive, room.lines)
            terms[0] += reconstruct(plan, room.rows, j, share, room.lines)
            target_backward(value, gradient, plan, room, j)
            messages_backward(value, gradient, plan, room, j)
    encoder_backward(gradient, plan, room)
    h = cyclicity_gradient(room.opened, plan.cycles, room.matrix, room.squared, room.d_opened)
    price = weight[1] if plan.summed else weight[1] / np.float32(d)
    for i in range(d):
        for j in range(d):
            room.d_opened[i, j] = room.d_opened[i, j] * weight[2] + price
    gate_gradient(gradient.gate, room.soft, room.opened, room.d_sampled, room.d_opened, WIDTH / heat)
    terms[0] *= share
    terms[1] *= price
    terms[2] = weight[2] * h
