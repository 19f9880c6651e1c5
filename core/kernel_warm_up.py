"""Have everything compiled that a learner needs, or loaded where that has been done."""

import numpy as np
import torch

from core.batches import Batch
from core.config import TrainerConfig
from core.kernel_loss import loss_of
from core.kernel_pack import packed
from core.kernel_plan import plan_of
from core.kernel_pulls import pulls
from core.kernel_strength import edge_errors
from core.kernel_train import train_packed
from core.losses import Weights
from core.model import init_parameters, model_shape


def compile_kernels() -> None:
    """Compile what training and evaluating need, or load it, by a step of a tiny model."""
    config = TrainerConfig(max_lag=1)
    shape = model_shape(2, config)
    lane = init_parameters(shape, np.random.default_rng(0))
    flat = packed(lane)
    rows, one = torch.zeros(2, 2, 2 + shape.features), torch.ones(1)
    weight = Weights(one, one, one, one)
    train_packed(
        (flat.clone(), flat.clone(), flat.square()), rows, torch.zeros(1, 1, 2, dtype=torch.int64),
        torch.zeros(1, 1, 2, 2), one, weight, one, one, torch.zeros(1), config, shape,
    )  # fmt: skip
    batch = rows.permute(1, 2, 0).contiguous()
    pulls(lane, Batch(batch[None], torch.zeros(1, 2, 2)), one, config)
    loss_of(lane, torch.zeros(1, 2, 2), torch.zeros(1, 2, 2), batch, weight, config, shape)
    found = (np.zeros((1, 2), np.float32), np.zeros((1, 2), np.float32), np.zeros((1, 2, 2), np.float32))
    edge_errors(flat.numpy(), found[2], batch.numpy(), plan_of(shape, config), *found)
