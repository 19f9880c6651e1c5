"""The errors that strengths are made of, compiled: with all open parents, with none, and without each one alone."""

from typing import Any

import numpy as np

from core.kernel_forward import decode, drive_of, encode
from core.kernel_plan import parts_of
from core.kernel_rows import dot, fma, total
from core.kernels import ONE, ZERO, Floats, compiled


@compiled
def squared_error(rows: Floats, j: int, means: Floats) -> Any:
    """Return the mean squared error of target j over its observed rows; means (2, B): the prediction, and scratch."""
    size = rows.shape[2]
    for r in range(size):
        means[1, r] = (rows[j, 0, r] - means[0, r]) * rows[j, 1, r]
    seen = total(rows, (j * rows.shape[1] + 1) * size, size)
    return dot(means, size, means, size, size) / (seen if seen > ONE else ONE)


@compiled
def edge_errors(
    value: Floats, gates: Floats, rows: Floats, plan: Any, whole: Floats, alone: Floats, without: Floats
) -> None:
    """Write the errors of K lanes with the graph's edges open, and with other ones.

    Args:
        value: packed parameters (K, all). gates: (K, d, d) of 0 and 1, [i, j] is i -> j. rows: (d, 2 + F, B).
        whole, alone: (K, d), errors with all edges, with none. without: (K, d, d), error of j without i -> j, written
            where that edge is open.
    """
    d, size = plan.variables, rows.shape[2]
    latents = np.empty((d, plan.signal + plan.bias + plan.noise, size), np.float32)
    fed, drive = np.empty((plan.hidden + 1, size), np.float32), np.empty((plan.hidden + 1, size), np.float32)
    means, shut = np.empty((2, size), np.float32), np.zeros((d, d), np.float32)
    for lane in range(value.shape[0]):
        parts = parts_of(value[lane], plan)
        encode(parts, plan, rows, latents)
        for j in range(d):
            drive_of(parts, plan, shut, latents, j, drive)
            decode(parts, plan, latents, j, drive, means)
            alone[lane, j] = squared_error(rows, j, means)
            drive_of(parts, plan, gates[lane], latents, j, fed)
            for i in range(d):
                if gates[lane, i, j] != ZERO:
                    for m in range(drive.shape[0]):
                        for r in range(size):
                            drive[m, r] = fed[m, r]
                        for k in range(plan.signal):
                            weight = -parts.mix[j, m, i, k]
                            for r in range(size):
                                drive[m, r] = fma(weight, latents[i, k, r], drive[m, r])
                    decode(parts, plan, latents, j, drive, means)
                    without[lane, i, j] = squared_error(rows, j, means)
            decode(parts, plan, latents, j, fed, means)
            whole[lane, j] = squared_error(rows, j, means)
