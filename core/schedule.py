"""What is in force in an epoch: warm-up, learning rate, gate temperature and the lambdas of every lane."""

import math

import torch
from torch import Tensor

from core.config import TrainerConfig
from core.lanes import Lanes
from core.losses import Weights

DECAY_FLOOR = 0.02


def progress(epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return how far each lane is through its warm-up, (K,) float32 in [0, 1]."""
    ramp = config.warmup * config.epochs
    return (epoch.float() / ramp).clamp(max=1.0) if ramp > 0 else torch.ones(epoch.shape)


def rate_in_force(lr: Tensor, epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return the learning rate of each lane in an epoch (K,), counted from 0: the plateau's, times a cosine decay.

    The decay lets a fit settle that is to be told apart in small parts of its error.
    """
    if config.decay_start >= 1.0:
        return lr
    along = ((epoch.double() / config.epochs - config.decay_start) / (1.0 - config.decay_start)).clamp(0.0, 1.0)
    cosine = torch.tensor([math.cos(math.pi * part) for part in along.tolist()], dtype=torch.float64)
    return lr * (DECAY_FLOOR + (1.0 - DECAY_FLOOR) * 0.5 * (1.0 + cosine))


def temperature(epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return the gate temperature of each lane at an epoch, (K,): linear over the warm-up, then constant."""
    return config.temperature_start + progress(epoch, config) * (config.temperature_end - config.temperature_start)


def weights(lanes: Lanes, ramp: Tensor) -> Weights:
    """Return the lambdas in force, with lambda_sparse ramped up by (K,) factors."""
    return Weights(
        recon=lanes.setting("lambda_recon"),
        sparse=lanes.setting("lambda_sparse") * ramp,
        acyclic=lanes.setting("lambda_acyclic"),
        disen=lanes.setting("lambda_disen"),
    )
