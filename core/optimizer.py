"""Clipping, Adam and ReduceLROnPlateau with one state a lane; checked against torch.optim in the tests."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from core.config import TrainerConfig

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def per_lane(values: Tensor, like: Tensor) -> Tensor:
    """Shape (K,) values so that they broadcast over the trailing axes of a (K, ...) tensor."""
    return values.view(-1, *([1] * (like.dim() - 1)))


def gradient_norm(gradients: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of each lane's whole gradient, (K,) float32, from tensors (K, ...).

    A lane whose squares overflow float32 is measured again in float64; a gradient that is itself not finite
    gives a norm that is not.
    """
    norm = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0).sqrt()
    if bool(norm.isfinite().all()):
        return norm
    wide = torch.stack([gradient.flatten(1).double().square().sum(1) for gradient in gradients]).sum(0).sqrt()
    return torch.where(norm.isfinite(), norm, wide.float())


def clip_scale(norm: Tensor, limit: float) -> Tensor:
    """Return the factor that brings each lane's norm to the limit, (K,); 1 where it is below (torch's rule)."""
    return (limit / (norm + 1e-6)).clamp(max=1.0)


def adam_step(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    scale: Tensor,
    step: Tensor,
    lr: Tensor,
    weight_decay: Sequence[Tensor | None],
) -> None:
    """Apply one step of Adam with L2 weight decay, in place, each lane with its own rate and step count.

    Args:
        parameters, gradients, first, second: matching sequences of (K, ...) tensors; first and second are
            the moments and are changed too.
        scale: (K,) clipping factor on the gradients.
        step: (K,) int64 count of this step, from 1.
        lr: (K,) float32 learning rate.
        weight_decay: for each tensor (K,) or one of its own shape, or None for no decay.
    Source: Kingma, Ba 2015, algorithm 1; equal to torch.optim.Adam.
    """
    root2 = torch.tensor([math.sqrt(1.0 - BETA2**count) for count in step.tolist()], dtype=torch.float64)
    rate = lr.double() / torch.tensor([1.0 - BETA1**count for count in step.tolist()], dtype=torch.float64)
    slope, floor = (-1.0 / (rate * root2)).float(), (-EPSILON / rate).float()
    for value, raw, m, v, decay in zip(parameters, gradients, first, second, weight_decay, strict=True):
        gradient = raw * per_lane(scale, raw)
        if decay is not None:
            gradient.addcmul_(value, decay if decay.dim() == value.dim() else per_lane(decay, value))
        m.lerp_(gradient, 1.0 - BETA1)
        v.mul_(BETA2).addcmul_(gradient, gradient, value=1.0 - BETA2)
        value.addcdiv_(m, v.sqrt().mul_(per_lane(slope, v)).add_(per_lane(floor, v)))


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
