"""What a compiled step is told, the room it works in, and how it sees a lane's packed parameters."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.kernel_cycles import KINDS
from core.kernels import Floats, Places, compiled, compiled_owner
from core.losses import kinds
from core.model import Shape, reads


class Plan(NamedTuple):
    """What a step is told that is the same for all lanes: sizes, which feature a latent reads, and switches.

    reads: (P, F) float32 of 0 and 1. kind_of: (P,) int64, 0 signal, 1 own, 2 noise. cycles: of `kernel_cycles.KINDS`.
    likelihood, summed: the reconstruction is a likelihood and not a squared error; terms are sums and not means.
    dense: gates that are shut have a gradient too (`diagnosis`). The sizes are those of `model.Shape`, whose flags, as
    tuples, would have the step compiled anew for every number of lags.
    """

    variables: int
    features: int
    signal: int
    bias: int
    noise: int
    hidden: int
    reads: Floats
    kind_of: NDArray[np.int64]
    cycles: int
    likelihood: bool
    summed: bool
    dense: bool


@lru_cache(maxsize=32)
def plan_of(shape: Shape, config: TrainerConfig, *, dense: bool = False) -> Plan:
    """Return what a compiled step is told of the model and the settings."""
    return Plan(
        shape.variables, shape.features, shape.signal, shape.bias, shape.noise, shape.hidden, reads(shape).numpy(),
        np.array(kinds(shape)), KINDS[config.acyclicity], config.reconstruction != "mse", config.reduction == "sum",
        dense,
    )  # fmt: skip


class Views(NamedTuple):
    """A lane's parameters, as `model.Parameters` without the axes of length one, but mix (d, d, S M): `kernel_pack`."""

    gate: Floats
    encoder: Floats
    encoder_bias: Floats
    mix: Floats
    memory: Floats
    readout: Floats
    scale: Floats
    scale_bias: Floats


class Scratch(NamedTuple):
    """Room for one lane: rows (d, 2 + F, B), latents (d, P, B), of one target drive (M, B); d_* are gradients.

    messages, d_messages: of one target, weights times gates, and the gradients of the parents' weights, those first,
    (d, S M). connected, parents, signals, sent: whether each variable is one, who is, where their signals begin in
    latents, and their weights in messages. written (d, d): whose messages' weights have a gradient now, squares (1,)
    the sum of its squares. reading (P, F): an encoder's weights. pairs (P, P): what latents have with one another.
    row_starts, columns: where row n begins, and n itself; by_latent, by_pair: where latent n begins in reading and in
    pairs; by_signal: where signal n begins in d_messages; by_memory: where unit n begins in memory; all as
    `kernel_products` asks for places.
    """

    rows: Floats
    latents: Floats
    d_latents: Floats
    drive: Floats
    d_drive: Floats
    lines: Floats
    centred: Floats
    spread: Floats
    soft: Floats
    sampled: Floats
    opened: Floats
    d_sampled: Floats
    d_opened: Floats
    matrix: NDArray[np.float64]
    squared: NDArray[np.float64]
    messages: Floats
    d_messages: Floats
    reading: Floats
    pairs: Floats
    connected: NDArray[np.bool_]
    written: NDArray[np.bool_]
    squares: Floats
    parents: Places
    signals: Places
    sent: Places
    row_starts: Places
    columns: Places
    by_latent: Places
    by_pair: Places
    by_signal: Places
    by_memory: Places


@compiled_owner
def scratch_of(plan: Plan, size: int) -> Any:
    """Make room for batches of `size` rows."""
    d, p, m, s = plan.variables, plan.signal + plan.bias + plan.noise, plan.hidden + 1, plan.signal
    f4, i8 = np.float32, np.int64
    columns = np.arange(max(d * s, p, m, plan.features))
    return Scratch(
        np.empty((d, 2 + plan.features, size), f4), np.empty((d, p, size), f4), np.empty((d, p, size), f4),
        np.empty((m, size), f4), np.empty((m, size), f4), np.empty((3, size), f4), np.empty((p, size), f4),
        np.empty((3, p), f4), np.empty((d, d), f4), np.empty((d, d), f4), np.empty((d, d), f4), np.empty((d, d), f4),
        np.empty((d, d), f4), np.empty((d, d)), np.empty((max(d, 2), d)),
        np.empty((d, s * m), f4), np.empty((d, s * m), f4), np.empty((p, plan.features), f4), np.empty((p, p), f4),
        np.zeros(d, np.bool_), np.zeros((d, d), np.bool_), np.zeros(1, f4),
        np.empty(d, i8), np.empty(d * s, i8), np.empty(d * s, i8), columns * size,
        columns, columns * plan.features, columns * p, columns * m, columns * (plan.bias + 1),
    )  # fmt: skip


@compiled
def mix_of(plan: Plan) -> Any:
    """Return where the weights of messages begin and end in a lane's packed parameters."""
    first = plan.variables * (plan.variables + (plan.signal + plan.bias + plan.noise) * (plan.features + 1))
    return first, first + plan.variables * (plan.hidden + 1) * plan.variables * plan.signal


@compiled
def parts_of(flat: Floats, plan: Plan) -> Any:
    """Return views of a lane's packed parameters."""
    d, s, n, h = plan.variables, plan.signal, plan.noise, plan.hidden
    p, m, f, b = s + plan.bias + n, h + 1, plan.features, plan.bias + 1
    a0 = d * d
    a1 = a0 + d * p * f
    a2, a3 = mix_of(plan)
    a4 = a3 + d * m * b
    a5 = a4 + d * h
    a6 = a5 + d * n
    return Views(
        flat[:a0].reshape(d, d), flat[a0:a1].reshape(d, p, f), flat[a1:a2].reshape(d, p),
        flat[a2:a3].reshape(d, d, s * m), flat[a3:a4].reshape(d, m, b), flat[a4:a5].reshape(d, h),
        flat[a5:a6].reshape(d, n), flat[a6 : a6 + d].reshape(d, 1),
    )  # fmt: skip
