"""Clipping, Adam and ReduceLROnPlateau with one state a lane; checked against torch.optim in the tests."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from core.config import TrainerConfig

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
NORM_MARGIN = 1e-6
"""Added to a norm before the limit is divided by it, as torch does."""
AHEAD = 16
"""Steps whose bias corrections are computed at once."""
TILE = 4
"""Lanes stepped at once on a processor: their numbers stay in its caches from one operation to the next."""


def gradient_norm(gradient: Tensor) -> Tensor:
    """Return the Euclidean norm of each lane's gradient, (K,) float32, from (K, all of it).

    A lane whose squares overflow float32 is measured again in float64; a gradient that is itself not finite
    gives a norm that is not.
    """
    if gradient.device.type != "cpu":  # where to look at a number is to wait for it
        return double_norm(gradient)
    norm = gradient.square().sum(1).sqrt()
    if bool(norm.isfinite().all()):
        return norm
    return torch.where(norm.isfinite(), norm, double_norm(gradient))


def double_norm(gradient: Tensor) -> Tensor:
    """Return the Euclidean norm of each lane's gradient, (K,) float32, whose squares are added in float64."""
    return gradient.double().square().sum(1).sqrt().float()


def clip(gradient: Tensor, norm: Tensor, limit: float) -> None:
    """Scale each lane's gradient (K, all of it) in place so that its norm (K,) is at most the limit (torch's rule)."""
    scale = (limit / (norm + NORM_MARGIN)).clamp(max=1.0)
    if gradient.device.type != "cpu" or bool((scale != 1.0).any()):
        gradient.mul_(scale[:, None])


def bias_corrections(counts: list[int], lr: Tensor) -> tuple[Tensor, Tensor]:
    """Return slope and floor, (K,) each, of lanes at their step counts: a step is first / (sqrt(second) slope + floor).

    lr: (K,) float64, the learning rates.
    """
    root2 = torch.tensor([math.sqrt(1.0 - BETA2**count) for count in counts], dtype=torch.float64)
    rate = lr / torch.tensor([1.0 - BETA1**count for count in counts], dtype=torch.float64)
    return (-1.0 / (rate * root2)).float(), (-EPSILON / rate).float()


def corrections_ahead(counts: list[int], lr: Tensor, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the bias corrections of each coming step, (K, 1) each, on a device: to copy there is to wait for it."""
    while True:
        coming = [count + step for step in range(1, AHEAD + 1) for count in counts]
        parts = bias_corrections(coming, lr.repeat(AHEAD))
        yield from zip(*(part.view(AHEAD, -1, 1).to(device) for part in parts), strict=True)
        counts = coming[-len(counts) :]


class Adam:
    """Adam with L2 weight decay, in place on packed parameters, each lane with its own rate, decay and step count.

    Args:
        value, first, second: (K, P) float32: parameters and moments, changed by every step.
        count: (K,) int64 steps so far; not changed.
        lr: (K,) float32. weight_decay: (K, P) float32. count and lr are on the processor, the others where it steps.
    Source: Kingma, Ba 2015, algorithm 1; equal to torch.optim.Adam.
    """

    def __init__(
        self, value: Tensor, first: Tensor, second: Tensor, count: Tensor, lr: Tensor, weight_decay: Tensor
    ) -> None:
        self.corrections = corrections_ahead(count.tolist(), lr.double(), value.device)
        self.tile = TILE if value.device.type == "cpu" else len(value)
        parts = (value, first, second, weight_decay)
        self.parts = list(zip(*(torch.split(part, self.tile) for part in parts), strict=True))

    def step(self, gradient: Tensor) -> None:
        """Apply one step with the gradient (K, P), which is used up."""
        scales = zip(*(torch.split(part, self.tile) for part in (gradient, *next(self.corrections))), strict=True)
        for (value, first, second, decay), (own, steep, least) in zip(self.parts, scales, strict=True):
            own.addcmul_(value, decay)
            first.lerp_(own, 1.0 - BETA1)
            second.mul_(BETA2).addcmul_(own, own, value=1.0 - BETA2)
            value.addcdiv_(first, torch.sqrt(second, out=own).mul_(steep).add_(least))


class Plateau(NamedTuple):
    """State of ReduceLROnPlateau, one element a lane: lr, best, drops (K,), bad and cooldown counts (K,)."""

    lr: Tensor
    best: Tensor
    bad: Tensor
    cooldown: Tensor
    drops: Tensor


def plateau_start(lr: Tensor) -> Plateau:
    """Start with the given learning rates, (K,) float64, and no value seen."""
    zero = torch.zeros(lr.shape, dtype=torch.int64)
    return Plateau(lr.clone(), torch.full(lr.shape, torch.inf, dtype=torch.float64), zero, zero.clone(), zero.clone())


def plateau_step(state: Plateau, value: Tensor, counts: Tensor, config: TrainerConfig) -> Plateau:
    """Lower a lane's rate by the factor after more than `plateau_patience` evaluations without progress.

    Args:
        state: of K lanes.
        value: (K,) float64, lower is better.
        counts: (K,) bool; lanes still warming up pass False and keep their state.
        config: factor, patience and cooldown.

    Returns:
        The new state.
    Source: torch.optim.lr_scheduler.ReduceLROnPlateau with mode min, threshold 1e-4 relative to the size of
    the best; torch's own rule turns round where losses, as log-likelihoods do, fall below zero.
    """
    margin = 1e-4 * state.best.abs().where(state.best.isfinite(), torch.zeros(()).double())
    better = value < state.best - margin
    best = torch.where(better, value, state.best)
    bad = torch.where(better, 0, state.bad + 1)
    cooling = state.cooldown > 0
    cooldown = torch.where(cooling, state.cooldown - 1, state.cooldown)
    bad = torch.where(cooling, 0, bad)
    drop = bad > config.plateau_patience
    moved = Plateau(
        lr=torch.where(drop, state.lr * config.plateau_factor, state.lr),
        best=best,
        bad=torch.where(drop, 0, bad),
        cooldown=torch.where(drop, config.plateau_cooldown, cooldown),
        drops=state.drops + drop,
    )
    return Plateau(*(torch.where(counts, new, old) for new, old in zip(moved, state, strict=True)))
