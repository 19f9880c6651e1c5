"""Clipping, Adam and ReduceLROnPlateau with one state a lane; checked against torch.optim in the tests."""

from typing import NamedTuple

import torch
from torch import Tensor

from core.config import TrainerConfig

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def gradient_norm(gradient: Tensor) -> Tensor:
    """Return the Euclidean norm of each lane's gradient, (K,) float32, from (K, all of it).

    A lane whose squares overflow float32 is measured again in float64; a gradient that is itself not finite
    gives a norm that is not.
    """
    norm: Tensor = torch.linalg.vector_norm(gradient, dim=1)
    if bool(norm.isfinite().all()):
        return norm
    return torch.where(norm.isfinite(), norm, torch.linalg.vector_norm(gradient.double(), dim=1).float())


def clip(gradient: Tensor, norm: Tensor, limit: float) -> None:
    """Scale each lane's gradient (K, all of it) in place so that its norm (K,) is at most the limit (torch's rule)."""
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    if bool((scale != 1.0).any()):
        gradient.mul_(scale[:, None])


class Adam:
    """Adam with L2 weight decay, in place on packed parameters, each lane with its own rate, decay and step count.

    Every lane is a call of torch's fused kernel, which passes over its numbers once; whole-tensor operations for
    all lanes at once take eight passes over memory, and at 16 lanes three times as long.

    Args:
        value, first, second: (K, P) float32, contiguous: parameters and moments, changed by every step.
        count: (K,) steps so far; not changed.
        lr, weight_decay: (K,).
        spared: the first so many parameters of a lane do not decay.
    Source: Kingma, Ba 2015, algorithm 1; `torch.optim.Adam(fused=True)`.
    """

    def __init__(
        self, value: Tensor, first: Tensor, second: Tensor, count: Tensor, lr: Tensor, weight_decay: Tensor, spared: int
    ) -> None:
        self.cuts = [part for part in (slice(0, spared), slice(spared, None)) if part != slice(0, 0)]
        self.count = count.float()
        self.states = [(self.split(value[k]), self.split(first[k]), self.split(second[k])) for k in range(len(value))]
        self.counts, self.rates = self.count.unbind(), lr.tolist()
        self.decays = [
            [decay if part.start == spared else 0.0 for part in self.cuts] for decay in weight_decay.tolist()
        ]

    def split(self, lane: Tensor) -> list[Tensor]:
        """Return the parts of a lane that decay alike."""
        return [lane[part] for part in self.cuts]

    def step(self, gradient: Tensor) -> None:
        """Apply one step with the gradient (K, P)."""
        self.count += 1.0
        pieces = zip(*(gradient[:, part].unbind() for part in self.cuts), strict=True)
        lanes = zip(pieces, self.states, self.counts, self.rates, self.decays, strict=True)
        for own, (value, first, second), count, rate, decays in lanes:
            for part, decay in enumerate(decays):
                torch._fused_adam_(
                    [value[part]], [own[part]], [first[part]], [second[part]], [], [count],
                    lr=rate, beta1=BETA1, beta2=BETA2, weight_decay=decay, eps=EPSILON,
                    amsgrad=False, maximize=False,
                )  # fmt: skip


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
