"""Lanes of several data sets in one tensor program.

Where steps are not compiled, a training that is alone on its data set, as every fresh data set's is, costs mostly what
its operations cost to start. Batches of equal shape can be stacked wherever their rows come from, so such trainings
share their steps; only drawing the batches and evaluating are done data set by data set.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import torch

from core.architecture import learner
from core.batches import Batch
from core.config import TrainerConfig
from core.data import TRAIN, Dataset, positions, windows_of
from core.lanes import Lanes, join, select
from core.trainer import Evaluation, advance, close_interval
from core.training import train_steps


class Group(NamedTuple):
    """Lanes, one or more, that learn from the same data set."""

    lanes: Lanes
    dataset: Dataset


def advance_together(groups: Sequence[Group], config: TrainerConfig) -> list[tuple[Lanes, list[Evaluation]]]:
    """Train and evaluate every lane for one evaluation interval, as `trainer.advance` does it, bit for bit.

    Args:
        groups: one a data set; not changed. Those whose epochs have batches of other shapes train by themselves.
        config: fixed settings.

    Returns:
        For each group, in order, its lanes afterwards and one Evaluation a lane.
    """
    if learner(config).compiled:  # whose steps cost the same alone
        return [advance(group.lanes, group.dataset, config) for group in groups]
    found: dict[int, tuple[Lanes, list[Evaluation]]] = {}
    alike: dict[tuple[int, ...], list[int]] = {}
    for place, group in enumerate(groups):
        alike.setdefault(batch_shapes(group.dataset, config), []).append(place)
    for places in alike.values():
        found |= zip(places, advance_alike([groups[place] for place in places], config), strict=True)
    return [found[place] for place in range(len(groups))]


def batch_shapes(dataset: Dataset, config: TrainerConfig) -> tuple[int, ...]:
    """Return what decides the shapes of an epoch's batches: variables, and training rows and windows."""
    rows = (len(positions(dataset, TRAIN, lag)) for lag in (config.max_lag, 0))
    return (len(dataset.names), *rows, len(windows_of(dataset, TRAIN)))


def advance_alike(groups: Sequence[Group], config: TrainerConfig) -> list[tuple[Lanes, list[Evaluation]]]:
    """Do the same for groups whose batches have equal shapes."""
    begin = time.perf_counter()
    # a lone lane is evaluated beside a copy of itself: some kernels take another path for a stack of one
    whole = [
        Group(join([group.lanes] * 2), group.dataset) if len(group.lanes.trial) == 1 else group for group in groups
    ]
    bounds = list(pairwise(accumulate((len(group.lanes.trial) for group in whole), initial=0)))
    lanes, logs = join([group.lanes for group in whole]), []
    for _ in range(config.evaluate_every):
        parts = [Group(select(lanes, range(*bound)), group.dataset) for bound, group in zip(bounds, whole, strict=True)]
        lanes, log = train_steps(lanes, stacked(parts, config), len(groups[0].dataset.names), config)
        logs.append(log)
    spent = time.perf_counter() - begin
    results = []
    for group, (first, last), given in zip(whole, bounds, groups, strict=True):
        own = [log.of(first, last) for log in logs]
        opened = time.perf_counter() - spent * (last - first) / bounds[-1][1]
        moved, evaluations = close_interval(select(lanes, range(first, last)), own, opened, group.dataset, config)
        kept = range(len(given.lanes.trial))
        results.append((select(moved, kept), evaluations[: len(kept)]))
    return results


def stacked(parts: Sequence[Group], config: TrainerConfig) -> Iterator[Batch]:
    """Yield the steps of an epoch, the batches of all groups on top of one another."""
    batches = learner(config).batches
    for step in zip(*(batches(part.lanes, part.dataset, config) for part in parts), strict=True):
        yield Batch(torch.cat([batch.rows for batch in step]), torch.cat([batch.noise for batch in step]))
