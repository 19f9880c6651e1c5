"""One lane's loss of a batch and its gradient, compiled: what `gradient.gradients` computes for a stack of lanes.

A shut gate costs nothing: what it would multiply is not computed, forth or back. Everything that belongs to one target
is done, forth and back, before the next one, so that what it needs stays in the nearest cache.
"""

from typing import Any

import numpy as np

from core.kernel_cycles import cyclicity_gradient
from core.kernel_forward import connect, decode, drive_of, encode, reconstruct
from core.kernel_plan import Plan, parts_of
from core.kernel_products import add_rows, dots
from core.kernel_registers import address
from core.kernel_rows import dot, fma, total
from core.kernel_tables import gated
from core.kernel_terms import WIDTH, correlation_gradient, gate_gradient, gates_of
from core.kernels import ONE, ZERO, Floats, compiled


@compiled
def target_backward(value: Any, gradient: Any, plan: Plan, room: Any, j: int) -> None:
    """Pull the gradients of target j's mean and raw log-scale back to its own weights and to its latents."""
    b, starts, first = plan.bias, room.row_starts, plan.signal
    drive, d_drive, lines, latents, d_latents = room.drive, room.d_drive, room.lines, room.latents, room.d_latents
    count, size = drive.shape
    for r in range(size):
        d_drive[0, r] = lines[0, r]
    gradient.scale_bias[j, 0] = total(lines, size, size)
    error, units, pulled = address(lines, 0), address(drive, size), address(d_drive, 0)
    dots(error, starts, units, starts, address(gradient.readout, j * plan.hidden), starts, 1, plan.hidden, size)
    for h in range(plan.hidden):
        weight = value.readout[j, h]
        for r in range(size):
            unit = drive[1 + h, r]
            d_drive[1 + h, r] = weight * lines[0, r] * (ONE - unit * unit)
    own, memory = (j * latents.shape[1] + first) * size, j * count * (b + 1)
    dots(
        pulled, starts, address(latents, own), starts, address(gradient.memory, memory), room.by_memory, count, b, size
    )
    for m in range(count):
        gradient.memory[j, m, b] = total(d_drive, m * size, size)
    add_rows(
        address(d_latents, own), starts, pulled, starts, address(value.memory, memory), room.columns, room.by_memory, b,
        count, size,
    )  # fmt: skip
    for n in range(plan.noise):
        weight = value.scale[j, n]
        gradient.scale[j, n] = dot(lines, size, latents, own + (b + n) * size, size)
        for r in range(size):
            d_latents[j, first + b + n, r] = fma(weight, lines[1, r], d_latents[j, first + b + n, r])


@compiled
def messages_backward(value: Any, gradient: Any, plan: Plan, room: Any, j: int, parents: int) -> None:
    """Pull the gradient of what target j is fed back to the mix, the gates and its connected parents' signals."""
    pulled, starts, s, size = address(room.d_drive, 0), room.row_starts, plan.signal, room.drive.shape[1]
    units, each = plan.hidden + 1, room.messages.shape[1]
    add_rows(
        address(room.d_latents, 0), room.signals, pulled, starts, address(room.messages, 0), room.sent, room.columns,
        parents * s, units, size,
    )  # fmt: skip
    dots(
        address(room.latents, 0), room.signals, pulled, starts, address(room.d_messages, 0), room.by_signal,
        parents * s, units, size,
    )  # fmt: skip
    for i in range(plan.variables):
        room.d_sampled[i, j] = ZERO
        if room.written[i, j] and not room.connected[i]:
            room.written[i, j] = False
            for at in range(each):
                gradient.mix[j, i, at] = ZERO
    for n in range(parents):
        i = room.parents[n]
        first = (j * plan.variables + i) * each
        room.d_sampled[i, j] = gated(
            address(room.d_messages, n * each), address(value.mix, first), address(gradient.mix, first), each,
            room.sampled[i, j], address(room.squares, 0),
        )  # fmt: skip
        room.written[i, j] = True


@compiled
def encoder_backward(gradient: Any, plan: Plan, room: Any) -> None:
    """Pull the gradients of all latents back to the encoders."""
    rows, latents, d_latents, starts = room.rows, room.latents, room.d_latents, room.row_starts
    count, size = latents.shape[1:]
    for v in range(plan.variables):
        for p in range(count):
            if p != 0 and p != plan.signal:
                for r in range(size):
                    d_latents[v, p, r] *= ONE - latents[v, p, r] * latents[v, p, r]
            gradient.encoder_bias[v, p] = total(d_latents, (v * count + p) * size, size)
        own, read = address(d_latents, v * count * size), address(rows, (v * rows.shape[1] + 2) * size)
        out = address(gradient.encoder, v * count * plan.features)
        dots(own, starts, read, starts, out, room.by_latent, count, plan.features, size)
        for p in range(count):
            for f in range(plan.features):
                gradient.encoder[v, p, f] *= plan.reads[p, f]


@compiled
def correlation_price(disen: Any, plan: Plan) -> Any:
    """Return what |correlation| of one pair of latents costs, of a lambda for the mean or the sum of all of them."""
    between = ZERO
    for p in plan.kind_of:
        for q in plan.kind_of:
            between += ONE if p != q else ZERO
    return disen if plan.summed else disen / (between * np.float32(plan.variables))


@compiled
def lane_gradient(
    flat: Floats, d_flat: Floats, plan: Plan, room: Any, noise: Floats, heat: Any, weight: Floats, terms: Floats
) -> None:
    """Write the gradient of one lane's loss of the batch in `room.rows`, and its four weighted terms.

    Args:
        flat, d_flat: packed parameters and their gradient, (all,); the gradient of messages' weights must be 0 where
            `room.written` says no, which is everywhere in a new room.
        noise: (d, d) standard logistic. heat: gate temperature. weight: (4,) recon, sparse, acyclic, disen.
        terms: (4,), written in that order.
    """
    value, gradient, d = parts_of(flat, plan), parts_of(d_flat, plan), plan.variables
    gates_of(value.gate, heat, noise, room.soft, room.sampled, room.opened)
    encode(value, plan, room)
    each = correlation_price(weight[3], plan)
    terms[0] = terms[1] = terms[3] = ZERO
    seen = ZERO
    for v in range(d):
        terms[3] += correlation_gradient(plan, room, v, each)
        size = room.rows.shape[2]
        seen += total(room.rows, (v * room.rows.shape[1] + 1) * size, size)
        for j in range(d):
            terms[1] += room.opened[v, j]
    share = weight[0] if plan.summed else weight[0] / (seen if seen > ONE else ONE)
    room.squares[0] = ZERO
    for at in range(d_flat.size if share == ZERO else 0):  # nothing is predicted where the prediction weighs nothing
        d_flat[at] = ZERO
    for j in range(d):
        if share == ZERO:
            for i in range(d):
                room.d_sampled[i, j], room.written[i, j] = ZERO, False
        else:
            parents = connect(value, plan, room.sampled, j, room)
            drive_of(value, plan, j, parents, room)
            decode(value, plan, room.latents, j, room.drive, room.lines)
            terms[0] += reconstruct(plan, room.rows, j, share, room.lines)
            target_backward(value, gradient, plan, room, j)
            messages_backward(value, gradient, plan, room, j, parents)
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
