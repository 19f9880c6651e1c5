"""How long a sweep would take: two intervals of training are timed, and the sweep is played through with them.

Processor time is what is timed, so that the answer is that of an idle machine, however busy this one is.
"""

import random
import time
from typing import NamedTuple

import torch

from core.architecture import learner
from core.config import BUILT_IN, Hyperparameters, TrainerConfig
from core.data import Dataset
from core.lanes import Lanes
from core.processors import cores
from core.results import finish
from core.trainer import advance, start
from studies.processes import one_thread
from studies.rounds import shards
from studies.search import Search, pruning_epochs
from sweeps.spec import SweepSpec

REPORT_SECONDS, ROUND_SECONDS = 3.5, 0.02
"""To build a report, and to write the records and the checkpoint of a round; measured on one core."""
QUORUM = 4
SETTLED = -2.0
"""Log-odds at which one gate in five is open."""


class Costs(NamedTuple):
    """Seconds of one core: of an evaluation interval (`fixed`, `lane` for each lane), and to end a trial.

    late: what a lane takes in addition, or less, once the warm-up is over: most gates are shut then, and rows without
    time are oriented only then.
    """

    fixed: float
    lane: float
    late: float
    end: float

    def interval(self, lanes: int, late: float) -> float:
        """Return the time of an interval, `late` of whose lanes are."""
        return self.fixed + self.lane * lanes + self.late * late


class Estimate(NamedTuple):
    """Seconds on an idle machine with as many free cores as jobs."""

    trials: int
    jobs: int
    search: float
    fresh: float

    def total(self, around: float) -> float:
        """Return the whole time.

        Args:
            around: seconds to start, for the baselines and for the report.
        """
        return self.search + self.fresh + around


def estimate(spec: SweepSpec, objective: str, dataset: Dataset, done: int = 0) -> Estimate:
    """Time a little training and play the sweep through.

    Args:
        spec, objective: what would be searched.
        dataset: what would be learned from.
        done: trials that an earlier process has behind it.
    """
    one_thread()
    budget = Search(spec, objective).budget()
    jobs = min(spec.backend.jobs or cores(), cores())
    costs = measure(spec, dataset)
    left = max(0, budget - done)
    return Estimate(budget, jobs, search_seconds(spec, objective, costs, left, jobs),
                    fresh_seconds(spec, objective, costs, jobs))  # fmt: skip


def measure(spec: SweepSpec, dataset: Dataset) -> Costs:
    """Time intervals of two lanes and of half as many as would be in flight, early and late, and the end."""
    many, last = max(6, spec.search.lanes // 2), max(0, spec.trainer.epochs - spec.trainer.evaluate_every)

    def lanes_of(first: int, count: int) -> Lanes:
        return start([(n, n, Hyperparameters()) for n in range(first, first + count)], dataset, spec.trainer)

    def timed(lanes: Lanes) -> tuple[Lanes, float]:
        begin = time.process_time()
        lanes, _ = advance(lanes, dataset, spec.trainer)
        return lanes, time.process_time() - begin

    few, _ = timed(lanes_of(0, 2))  # builds what is kept, and is not counted
    _, two = timed(few)
    some, _ = timed(lanes_of(2, many))
    some, early = timed(some)
    some, late = timed(settled(some._replace(epoch=torch.full_like(some.epoch, last)), spec.trainer))
    begin = time.process_time()
    finish(some, dataset, spec.trainer)
    end = (time.process_time() - begin) / many
    lane = max(0.0, (early - two) / (many - 2))
    return Costs(max(0.0, two - 2 * lane), lane, max(late - early, -0.9 * early) / many, end)


def settled(lanes: Lanes, config: TrainerConfig) -> Lanes:
    """Shut as many gates as are shut once the warm-up is over, about four in five of all trials' on average."""
    if not learner(config).compiled:
        return lanes
    return lanes._replace(value=lanes.value._replace(gate=torch.full_like(lanes.value.gate, SETTLED)))


def search_seconds(spec: SweepSpec, objective: str, costs: Costs, trials: int, jobs: int) -> float:
    """Play the rounds of a search; under the cohort pruner every trial has a random rank that it keeps."""
    every, epochs = spec.trainer.evaluate_every, spec.trainer.epochs
    prunes = objective == "val_shd" and spec.search.pruner == "cohort"
    deciding = set(pruning_epochs(spec)) if prunes else set()
    ranks, reached = random.Random(0), {epoch: list[float]() for epoch in deciding}
    live: list[tuple[int, float]] = []
    seconds, asked = 0.0, 0
    while live or asked < trials:
        new = min(spec.search.lanes - len(live), trials - asked)
        live += [(0, ranks.random()) for _ in range(new)]
        asked += new
        late = sum(epoch >= spec.trainer.warmup * epochs for epoch, _ in live) / len(live)
        seconds += (
            max(costs.interval(len(part), late * len(part)) for part in shards([1.0] * len(live), jobs)) + ROUND_SECONDS
        )
        live = [(epoch + every, rank) for epoch, rank in live]
        for epoch, rank in live:
            if epoch in deciding:
                reached[epoch].append(rank)
        left = [item for item in live if item[0] < epochs and not pruned(item[1], reached.get(item[0], []), spec)]
        seconds += costs.end * (len(live) - len(left))
        live = left
    return seconds


def pruned(rank: float, others: list[float], spec: SweepSpec) -> bool:
    """Tell whether the cohort pruner would end a trial among those that reached the same epoch."""
    better = sum(other < rank for other in others)
    return len(others) >= QUORUM and better >= spec.search.prune_keep * len(others)


def fresh_seconds(spec: SweepSpec, objective: str, costs: Costs, jobs: int) -> float:
    """Return the time to train the picks on fresh seeds and data sets, as `FreshTraining` goes about it."""
    picks, seeds = (1 if objective == "blind" else 2), spec.search.confirm
    if not seeds:
        return 0.0
    rounds = -(-spec.trainer.epochs // spec.trainer.evaluate_every)
    pieces = [picks * seeds] + [picks] * (seeds if spec.data.name in BUILT_IN else 0)
    seconds = costs.end * sum(pieces) / jobs
    while pieces:
        flight, pieces = pieces[: 2 * jobs], pieces[2 * jobs :]
        parts = [len(part) for lanes in flight for part in shards([1.0] * lanes, max(1, jobs - len(flight) + 1))]
        took = [costs.interval(lanes, (1.0 - spec.trainer.warmup) * lanes) for lanes in parts]
        seconds += rounds * (max(sum(took) / jobs, *took) + ROUND_SECONDS)
    return seconds
