"""The errors that strengths are made of, compiled: with all open parents, with none, and without each one alone."""

from typing import Any

import numpy as np

from core.kernel_forward import connect, decode, drive_of, encode
from core.kernel_plan import Plan, parts_of, scratch_of
from core.kernel_products import add_rows
from core.kernel_registers import address
from core.kernel_rows import dot, total
from core.kernels import ONE, Floats, compiled


@compiled
def squared_error(rows: Floats, j: int, means: Floats) -> Any:
    """Return the mean squared error of target j over its observed rows; means (2, B): the prediction, and scratch."""
    size = rows.shape[2]
    for r in range(size):
        means[1, r] = (rows[j, 0, r] - means[0, r]) * rows[j, 1, r]
    seen = total(rows, (j * rows.shape[1] + 1) * size, size)
    return dot(means, size, means, size, size) / (seen if seen > ONE else ONE)


@compiled
def copied(source: Floats, target: Floats) -> None:
    """Copy a table (rows, columns)."""
    for m in range(source.shape[0]):
        for r in range(source.shape[1]):
            target[m, r] = source[m, r]


@compiled
def lane_errors(
    flat: Floats, gates: Floats, rows: Floats, plan: Any, room: Any, fed: Floats, means: Floats, whole: Floats,
    alone: Floats, without: Floats,
) -> None:  # fmt: skip
    """Write the errors of one lane, as `edge_errors` has them; fed (M, B) and means (2, B) are scratch."""
    parts, starts, s, size = parts_of(flat, plan), room.row_starts, plan.signal, rows.shape[2]
    encode(parts, plan, room)
    for j in range(plan.variables):
        drive_of(parts, plan, j, 0, room)
        decode(parts, plan, room.latents, j, room.drive, means)
        alone[j] = squared_error(rows, j, means)
        parents = connect(parts, plan, gates, j, room)
        drive_of(parts, plan, j, parents, room)
        copied(room.drive, fed)
        for n in range(parents):
            for at in range(room.messages.shape[1]):
                room.messages[room.parents[n], at] = -room.messages[room.parents[n], at]
        for n in range(parents):
            copied(fed, room.drive)
            add_rows(
                address(room.drive, 0), starts, address(room.latents, 0), room.signals[n * s :],
                address(room.messages, 0), room.columns, room.sent[n * s :], plan.hidden + 1, s, size,
            )  # fmt: skip
            decode(parts, plan, room.latents, j, room.drive, means)
            without[room.parents[n], j] = squared_error(rows, j, means)
        decode(parts, plan, room.latents, j, fed, means)
        whole[j] = squared_error(rows, j, means)


def edge_errors(
    value: Floats, gates: Floats, rows: Floats, plan: Plan, whole: Floats, alone: Floats, without: Floats
) -> None:
    """Write the errors of K lanes with the graph's edges open, and with other ones.

    Args:
        value: packed parameters (K, all). gates: (K, d, d) of 0 and 1, [i, j] is i -> j. rows: (d, 2 + F, B).
        whole, alone: (K, d), errors with all edges, with none. without: (K, d, d), error of j without i -> j, written
            where that edge is open.
    """
    size = rows.shape[2]
    room, fed, means = scratch_of(plan, size), *(np.empty((count, size), np.float32) for count in (plan.hidden + 1, 2))
    room.rows[:] = rows
    for k in range(value.shape[0]):
        lane_errors(value[k], gates[k], rows, plan, room, fed, means, whole[k], alone[k], without[k])
