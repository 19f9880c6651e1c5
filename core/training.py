"""Epochs of training, no evaluation: compiled lane by lane, or as a tensor program of all lanes."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core.architecture import learner
from core.batches import Batch, batches_of, draw_ahead, draw_epoch, laid_out
from core.config import TrainerConfig
from core.data import TRAIN, Dataset, samples
from core.kernel_pack import copied, unpacked
from core.kernel_train import train_packed
from core.lanes import Lanes, join, over_tensors, select
from core.losses import Weights
from core.model import CPU, model_shape, open_probability, pack, unpack
from core.optimizer import Adam, clip, gradient_norm
from core.schedule import progress, rate_in_force, temperature, weights

FIXED_COST = 0.5
"""What a step costs with all gates shut, where all gates open add 1."""


class EpochLog(NamedTuple):
    """One epoch: terms (steps, K, 4), gradient norms before clipping (steps, K), and its first step's batch."""

    terms: Tensor
    norms: Tensor
    batch: Batch

    def of(self, first: int, last: int) -> "EpochLog":
        """Return the part of lanes `first` up to `last`."""
        rows, noise = (part[first:last].contiguous() for part in self.batch)
        return EpochLog(
            self.terms[:, first:last].contiguous(), self.norms[:, first:last].contiguous(), Batch(rows, noise)
        )

    @classmethod
    def of_all(cls, logs: Sequence["EpochLog"]) -> "EpochLog":
        """Return the log of all lanes of some logs, in order."""
        rows, noise = (torch.cat(parts) for parts in zip(*(log.batch for log in logs), strict=True))
        return cls(
            torch.cat([log.terms for log in logs], 1), torch.cat([log.norms for log in logs], 1), Batch(rows, noise)
        )

    def twice(self) -> "EpochLog":
        """Return the log of a lone lane as that of two lanes."""
        rows, noise = (torch.cat([part, part]) for part in self.batch)
        return EpochLog(self.terms.expand(-1, 2, -1), self.norms.expand(-1, 2), Batch(rows, noise))


def train_epoch(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> tuple[Lanes, EpochLog]:
    """Train every lane for one epoch; the lanes given are not changed."""
    lanes, logs = train_epochs(lanes, dataset, config, 1)
    return lanes, logs[0]


def train_epochs(lanes: Lanes, dataset: Dataset, config: TrainerConfig, count: int) -> tuple[Lanes, list[EpochLog]]:
    """Train every lane for some epochs, at least one; the lanes given are not changed."""
    if learner(config).compiled:
        return train_compiled(lanes, dataset, config, count)
    if len(lanes.trial) == 1:  # some batched products take another path for a stack of one
        pair, logs = train_epochs(join([lanes, lanes]), dataset, config, count)
        return select(pair, [0]), [log.of(0, 1) for log in logs]
    logs = []
    for _ in range(count):
        lanes, log = train_steps(lanes, learner(config).batches(lanes, dataset, config), len(dataset.names), config)
        logs.append(log)
    return lanes, logs


def costs(lanes: Lanes, config: TrainerConfig) -> list[float]:
    """Return what training each lane is expected to cost beside the others; a shut gate costs next to nothing."""
    if not learner(config).compiled:
        return [1.0] * len(lanes.trial)
    opened = open_probability(lanes.value.gate, temperature(lanes.epoch, config))
    expected: list[float] = (FIXED_COST + opened.mean((1, 2)).nan_to_num(1.0)).tolist()
    return expected


def train_on(
    lanes: Lanes, dataset: Dataset, config: TrainerConfig, device: torch.device, width: int, jobs: int = 1
) -> tuple[Lanes, list[EpochLog]]:
    """Train every lane for one evaluation interval on a device other than the processor.

    `width` lanes are always trained together, some of them copies where there are fewer: what a product in a stack is
    rounded to may depend on how many there are, so that this way it does not depend on a lane's company.

    Args:
        lanes: on the processor; not changed. dataset, config: what is learned from, fixed settings.
        jobs: threads that draw the batches of an epoch while the one before is trained.

    Returns:
        The lanes afterwards and one log an epoch, on the processor.
    """
    done, rows = list[tuple[Lanes, list[EpochLog]]](), samples(dataset, TRAIN, config).rows
    there, variables = rows.to(device), len(dataset.names)
    for first in range(0, len(lanes.trial), width):
        part = range(first, min(first + width, len(lanes.trial)))
        block, logs = select(lanes, [*part, *[first] * (width - len(part))]), list[EpochLog]()
        for draws in draw_ahead(block, len(rows), variables, config, jobs):
            block, log = train_steps(block, batches_of(draws, there), variables, config, device)
            logs.append(log.of(0, len(part)))
        home = over_tensors(lambda tensor: tensor[: len(part)].cpu(), block)  # noqa: B023, called here
        done.append((home, logs))
    epochs = zip(*(logs for _, logs in done), strict=True)
    return join([block for block, _ in done]), [EpochLog.of_all(logs) for logs in epochs]


@torch.no_grad()
def train_compiled(lanes: Lanes, dataset: Dataset, config: TrainerConfig, count: int) -> tuple[Lanes, list[EpochLog]]:
    """Train every lane for some epochs by compiled steps; weights and moments are laid out for them once."""
    rows, d, logs = samples(dataset, TRAIN, config).rows, len(dataset.names), list[EpochLog]()
    flat = (copied(lanes.value), copied(lanes.first), copied(lanes.second))
    for _ in range(count):
        draws = draw_epoch(lanes, len(rows), d, config)
        terms, norms = train_packed(
            flat, rows, draws.order, draws.noise, temperature(lanes.epoch, config),
            weights(lanes, progress(lanes.epoch, config)), rate_in_force(lanes.plateau.lr, lanes.epoch, config).float(),
            lanes.setting("weight_decay"), lanes.step, config, model_shape(d, config),
        )  # fmt: skip
        logs.append(EpochLog(terms, norms, Batch(laid_out(rows, draws.order[0]), draws.noise[0])))
        lanes = counted(lanes, norms)
    return moved(lanes, [unpacked(part, lanes.value) for part in flat]), logs


@torch.no_grad()
def train_steps(
    lanes: Lanes, steps: Iterable[Batch], variables: int, config: TrainerConfig, device: torch.device = CPU
) -> tuple[Lanes, EpochLog]:
    """Train every lane for the steps of one epoch, on packed parameters; the lanes given are not changed.

    Weights and moments may be on the device already, and stay there, as the batches are; all else is on the processor.
    """
    model = learner(config)
    heat = temperature(lanes.epoch, config).to(device)
    weight = Weights(*(part.to(device) for part in weights(lanes, progress(lanes.epoch, config))))
    value, first, second = (pack(part).to(device) for part in (lanes.value, lanes.first, lanes.second))
    spared = 0 if model.graph_decays else variables**2
    decay = lanes.setting("weight_decay").to(device)[:, None] * (torch.arange(value.shape[1], device=device) >= spared)
    rate = rate_in_force(lanes.plateau.lr, lanes.epoch, config).float()
    adam = Adam(value, first, second, lanes.step, rate, decay)
    logged, norms, batches = list[Tensor](), list[Tensor](), iter(steps)
    opening, views = next(batches), unpack(value, lanes.value)
    for batch in chain([opening], batches):
        loss, gradient = model.step_terms(views, batch, heat, weight, config)
        norm = gradient_norm(gradient)
        clip(gradient, norm, config.clip_norm)
        adam.step(gradient)
        logged.append(torch.stack(loss, dim=1))
        norms.append(norm)
    log = EpochLog(torch.stack(logged).cpu(), torch.stack(norms).cpu(), Batch(*(part.cpu() for part in opening)))
    parts = [unpack(flat, lanes.value) for flat in (value, first, second)]
    return moved(counted(lanes, log.norms), parts), log


def moved(lanes: Lanes, parts: Sequence[Any]) -> Lanes:
    """Return the lanes with other weights and moments."""
    return lanes._replace(value=parts[0], first=parts[1], second=parts[2])


def counted(lanes: Lanes, norms: Tensor) -> Lanes:
    """Return the lanes after the steps of an epoch, of which the gradient norms (steps, K) are known."""
    bad = ~torch.isfinite(norms)
    first_bad = lanes.step + 1 + bad.int().argmax(0)
    failed = torch.where((lanes.failed_step < 0) & bad.any(0), first_bad, lanes.failed_step)
    return lanes._replace(step=lanes.step + len(norms), epoch=lanes.epoch + 1, failed_step=failed)
