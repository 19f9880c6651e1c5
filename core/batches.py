"""What a step is given: rows of one epoch, shuffled lane by lane, each lane from streams of its own."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config import TrainerConfig
from core.data import TRAIN, Dataset, positions, samples, windows_of
from core.lanes import Lanes

INIT, SHUFFLE, GATES = 0, 1, 2


def generator(seed: int, purpose: int, epoch: int = 0) -> np.random.Generator:
    """Return the random stream of one trial for one purpose and epoch: a function of which trial it is."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, epoch]))


class Batch(NamedTuple):
    """One step of every lane.

    rows (K, d, 2 + F, B): target, observed flag and features (F is 0 for the original). noise (K, d, d): of the
    gates, standard logistic; (K, 0, 0) for the original, which has none.
    """

    rows: Tensor
    noise: Tensor


class Draws(NamedTuple):
    """What chance decides in one epoch: order (steps, K, B) of the training rows, gate noise (steps, K, d, d)."""

    order: Tensor
    noise: Tensor


def draw_epoch(
    lanes: Lanes, count: int, variables: int, config: TrainerConfig, each: Callable[..., Iterable[None]] = map
) -> Draws:
    """Shuffle `count` training rows and draw the gate noise of one epoch, lane by lane from its own streams.

    Rows that do not fill a batch, other ones every epoch, wait for the next: batches stay equally long,
    and a multiple of 16 lets the matrix products run at full speed. `each` calls a function for every lane.
    """
    size = min(config.batch_size, count)
    steps, seeds, epochs = count // size, lanes.seed.tolist(), lanes.epoch.tolist()
    order = np.empty((steps, len(seeds), size), np.int64)
    noise = np.empty((steps, len(seeds), variables, variables), np.float32)

    def draw(lane: int) -> None:
        seed, epoch = seeds[lane], epochs[lane]
        shuffled = generator(seed, SHUFFLE, epoch).permutation(count)
        order[:, lane] = shuffled[: steps * size].reshape(steps, size)
        noise[:, lane] = generator(seed, GATES, epoch).logistic(size=(steps, variables, variables))

    for _ in each(draw, range(len(seeds))):
        pass
    return Draws(torch.from_numpy(order), torch.from_numpy(noise))


def draw_ahead(lanes: Lanes, count: int, variables: int, config: TrainerConfig, jobs: int) -> Iterator[Draws]:
    """Yield what chance decides in each epoch of an evaluation interval, drawn by threads while the one before trains.

    A GPU is done with the steps of many lanes sooner than a core is with their draws.
    """
    with ThreadPoolExecutor(jobs) as several, ThreadPoolExecutor(1) as ahead:

        def begin(epoch: int) -> Future[Draws]:
            later = lanes._replace(epoch=lanes.epoch + epoch)
            return ahead.submit(draw_epoch, later, count, variables, config, several.map)

        coming = begin(0)
        for epoch in range(1, config.evaluate_every):
            draws, coming = coming.result(), begin(epoch)
            yield draws
        yield coming.result()


def row_batches(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> Iterator[Batch]:
    """Return the steps of an epoch as `draw_epoch` decides them."""
    rows = samples(dataset, TRAIN, config).rows
    return batches_of(draw_epoch(lanes, len(rows), len(dataset.names), config), rows)


def batches_of(draws: Draws, rows: Tensor) -> Iterator[Batch]:
    """Yield the steps of an epoch, of rows (rows, d, 2 + F), on the device of the rows.

    Only the step in hand is laid out: a whole epoch of all lanes leaves the processor's caches, and gathering it
    then takes eight times as long.
    """
    for order, noise in zip(*(part.to(rows.device) for part in draws), strict=True):
        yield Batch(laid_out(rows, order), noise)


def laid_out(rows: Tensor, order: Tensor) -> Tensor:
    """Return the rows of a step, (K, d, 2 + F, B), from a table (rows, d, 2 + F) and their places in it, (K, B)."""
    picked = rows.index_select(0, order.flatten()).view(*order.shape, *rows.shape[1:])
    return picked.permute(0, 2, 3, 1).contiguous()


def window_batches(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> Iterator[Batch]:
    """Yield the steps of an epoch of the original: `batch_size` windows each, or as many single rows.

    All training windows are shuffled, and the last, smaller batch is trained too; of single rows it is left
    out, as for the other learner. Windows overlap, so that only the step in hand is laid out in memory.
    """
    width = max(1, config.window)
    starts = windows_of(dataset, TRAIN) if config.window > 0 else positions(dataset, TRAIN, 0)
    size = min(config.batch_size, len(starts))
    steps = -(-len(starts) // size) if config.window > 0 else len(starts) // size
    streams = zip(lanes.seed.tolist(), lanes.epoch.tolist(), strict=True)
    orders = np.stack([starts[generator(seed, SHUFFLE, epoch).permutation(len(starts))] for seed, epoch in streams])
    table = torch.from_numpy(np.stack([dataset.values, dataset.observed], axis=2, dtype=np.float32))
    none = torch.empty(len(orders), 0, 0)
    for step in range(steps):
        at = (orders[:, step * size : (step + 1) * size, None] + np.arange(width)).reshape(len(orders), -1)
        picked = table.index_select(0, torch.from_numpy(at.ravel())).view(*at.shape, *table.shape[1:])
        yield Batch(picked.permute(0, 2, 3, 1).contiguous(), none)
