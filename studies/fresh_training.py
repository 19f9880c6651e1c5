"""Training picks on fresh seeds and fresh data, round by round: it stops soon, and goes on from where it was.

The state after every round is one file in the run folder: what is trained, and the lanes in flight. A run that
was stopped or killed continues from there; one that is finished again trains nothing again.
"""

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

import core
from core.config import BUILT_IN, DataConfig, Hyperparameters, TrainerConfig
from core.data import Dataset
from core.errors import InputError
from core.lanes import Lanes, from_arrays, join, select, to_arrays
from core.results import Outcome, finish
from core.together import Group, advance_together
from core.trainer import Evaluation, start
from core.training import costs
from studies.checkpoint import packed, unpacked
from studies.confirm import DIVERGED, Fresh, fresh_data_seeds, fresh_dataset, fresh_seeds
from studies.files import UNREADABLE, read_tensors, write_whole
from studies.rounds import Workers, in_order, shards

Key = tuple[int, int, int | None]
"""Trial, seed and data seed of a training; data seed None on the sweep's own data."""
LANES_A_JOB = 16
"""Lanes that are worth a worker's time; more pieces than that wait, as their rows take memory."""


@dataclass
class Piece:
    """Lanes that share a data set: all fresh seeds on the sweep's own (data_seed None), or one fresh data set."""

    data_seed: int | None
    dataset: Dataset
    lanes: Lanes

    def keys(self) -> list[Key]:
        """Return what each lane trains."""
        return [(*key, self.data_seed) for key in keys_of(self.lanes)]


class FreshTraining:
    """Trains each pick on fresh seeds; where the data is a simulation also once on each of as many fresh data sets.

    The k-th fresh data set is trained with the k-th fresh seed, so the two differ in the data alone. The result
    depends neither on the number of workers nor on how often the training was stopped.

    Args:
        picks: settings by trial number.
        study_seed: the study's seed, from which all seeds follow.
        count: fresh seeds, and fresh data sets.
        data: what the sweep's data is; a built-in name means a simulation.
        dataset: the sweep's data.
        workers: who trains, with the fixed settings.
        store: file of the state; None to keep none.
    """

    def __init__(
        self, picks: dict[int, Hyperparameters], study_seed: int, count: int, data: DataConfig, dataset: Dataset,
        workers: Workers, store: Path | None = None,
    ) -> None:  # fmt: skip
        self.picks, self.data, self.dataset, self.workers, self.store = picks, data, dataset, workers, store
        self.seeds = {number: fresh_seeds(study_seed, number, count) for number in picks}
        data_seeds = fresh_data_seeds(study_seed, count) if data.name in BUILT_IN else []
        own: list[Key] = [(number, seed, None) for number in picks for seed in self.seeds[number]]
        self.wanted = own + [
            (number, self.seeds[number][place], data_seed)
            for number in picks
            for place, data_seed in enumerate(data_seeds)
        ]
        self.done: dict[Key, Fresh] = {}
        self.seconds = 0.0
        in_flight = self.load()
        self.pieces = [piece for data_seed in (None, *data_seeds) for piece in self.piece(data_seed, in_flight)]

    def piece(self, data_seed: int | None, in_flight: dict[int | None, Lanes]) -> list[Piece]:
        """Return what is left to train on a data set, from where it was; nothing if all is done or none can be."""
        config = self.workers.config
        left = [key for key in self.wanted if key[2] == data_seed and key not in self.done]
        if not left:
            return []
        try:
            dataset = self.dataset
            if data_seed is not None:
                dataset = fresh_dataset(self.data, data_seed, self.dataset, config)
        except InputError as error:
            self.done |= {key: Fresh(*key, None, error.message) for key in left}
            return []
        parts, begun = [], set()
        if data_seed in in_flight:
            found = [(*key, data_seed) for key in keys_of(in_flight[data_seed])]
            going = [lane for lane, key in enumerate(found) if key in left]
            parts, begun = [select(in_flight[data_seed], going)] if going else [], set(found)
        new = [(number, seed, self.picks[number]) for number, seed, _ in left if (number, seed, data_seed) not in begun]
        parts += [start(new, dataset, config)] if new else []
        return [Piece(data_seed, dataset, join(parts))]

    def run(self, stop: Callable[[], bool], watch: Callable[[int, int, float], None]) -> list[Fresh] | None:
        """Train what is left.

        Args:
            stop: asked before every round.
            watch: told after every round how many trainings are done, of how many, and the share of the work.

        Returns:
            Fresh seeds first, then data sets; in each by pick, then by seed. None if stopped before the end.
        """
        while self.pieces and not stop():
            begin = time.perf_counter()
            self.round()
            self.seconds += time.perf_counter() - begin
            self.save()
            watch(sum(key in self.done for key in self.wanted), len(self.wanted), self.share())
        return None if self.pieces else [self.done[key] for key in self.wanted]

    def share(self) -> float:
        """Return the share of the work that is done, in [0, 1]."""
        epochs = self.workers.config.epochs
        left = sum(epochs - int(epoch) for piece in self.pieces for epoch in piece.lanes.epoch.tolist())
        return 1.0 - left / (epochs * len(self.wanted))

    def round(self) -> None:
        """Advance the first pieces by one evaluation interval, as many as keep the workers busy."""
        config, flight = self.workers.config, self.flight()
        tasks = shared(flight, self.workers.jobs, config)
        groups = [[(to_arrays(select(piece.lanes, part)), piece.dataset) for piece, part in task] for task in tasks]
        found = chain.from_iterable(self.workers.map(advance_groups, [(some, config) for some in groups]))
        results = list(zip(chain.from_iterable(tasks), found, strict=True))
        ended: list[tuple[Piece, Lanes, list[bool]]] = []
        for piece in flight:
            mine = [(part, *result) for (owner, part), result in results if owner is piece]
            order = in_order([lane for part, _, _ in mine for lane in part])
            piece.lanes = select(join([from_arrays(arrays) for _, arrays, _ in mine]), order)
            every = [item for _, _, items in mine for item in items]
            evaluations = [every[at] for at in order]
            over = [lane for lane, item in enumerate(evaluations) if is_over(item, config)]
            if over:
                ended.append((piece, select(piece.lanes, over), [evaluations[lane].failed_step >= 0 for lane in over]))
            going = [lane for lane in range(len(evaluations)) if lane not in over]
            if going:
                piece.lanes = select(piece.lanes, going)
            else:
                self.pieces.remove(piece)
        self.end(ended)

    def flight(self) -> list[Piece]:
        """Return the first pieces whose lanes fill the workers."""
        room, found = LANES_A_JOB * self.workers.jobs, []
        for piece in self.pieces:
            if room <= 0:
                break
            found.append(piece)
            room -= len(piece.lanes.trial)
        return found

    def end(self, ended: list[tuple[Piece, Lanes, list[bool]]]) -> None:
        """Read off what the trainings that are over came to; a diverged one fails alone."""
        pieces = [(to_arrays(lanes), piece.dataset, self.workers.config) for piece, lanes, _ in ended]
        outcomes = self.workers.map(finish_shard, pieces) if pieces else []
        for (piece, lanes, failed), found in zip(ended, outcomes, strict=True):
            for key, lost, outcome in zip(keys_of(lanes), failed, found, strict=True):
                whole = (*key, piece.data_seed)
                self.done[whole] = Fresh(*whole, None, DIVERGED) if lost else Fresh(*whole, outcome)

    def save(self) -> None:
        """Write the state; a kill leaves the old one."""
        if self.store is None:
            return
        buffer = io.BytesIO()
        state = {
            "version": core.__version__,
            "seconds": self.seconds,
            "done": [as_plain(item) for item in self.done.values()],
            "in_flight": [(piece.data_seed, packed(piece.lanes)) for piece in self.pieces],
        }
        torch.save(state, buffer)
        write_whole(self.store, buffer.getvalue())

    def load(self) -> dict[int | None, Lanes]:
        """Read the state, if there is one of this version; return the lanes in flight by data seed."""
        if self.store is None or not self.store.exists():
            return {}
        try:
            state = read_tensors(self.store)
            if state["version"] != core.__version__:
                return {}
            found = [from_plain(entry) for entry in state["done"]]
            lanes = {data_seed: unpacked(tensors) for data_seed, tensors in state["in_flight"]}
            seconds = float(state["seconds"])
        except UNREADABLE:  # what it held is trained again
            return {}
        self.done, self.seconds = {(item.trial, item.seed, item.data_seed): item for item in found}, seconds
        return {data_seed: some for data_seed, some in lanes.items() if some is not None}


def shared(flight: list[Piece], jobs: int, config: TrainerConfig) -> list[list[tuple[Piece, list[int]]]]:
    """Share the lanes of all pieces among the jobs by what they are expected to cost; each with its lanes by piece."""
    every = [(piece, lane) for piece in flight for lane in range(len(piece.lanes.trial))]
    expected = [cost for piece in flight for cost in costs(piece.lanes, config)]
    dealt = []
    for part in shards(expected, jobs):
        runs = groupby((every[place] for place in part), key=lambda item: id(item[0]))
        items = [list(run) for _, run in runs]
        dealt.append([(run[0][0], [lane for _, lane in run]) for run in items])
    return dealt


def advance_groups(
    groups: list[tuple[list[NDArray[Any]], Dataset]], config: TrainerConfig
) -> list[tuple[list[NDArray[Any]], list[Evaluation]]]:
    """Advance lanes of several data sets wherever this runs; lanes travel as arrays."""
    found = advance_together([Group(from_arrays(arrays), dataset) for arrays, dataset in groups], config)
    return [(to_arrays(lanes), evaluations) for lanes, evaluations in found]


def keys_of(lanes: Lanes) -> list[tuple[int, int]]:
    """Return trial and seed of every lane."""
    return list(zip(lanes.trial.tolist(), lanes.seed.tolist(), strict=True))


def is_over(item: Evaluation, config: TrainerConfig) -> bool:
    """Tell whether a training has ended, one way or another."""
    return item.stopped_early or item.failed_step >= 0 or item.epoch >= config.epochs


def finish_shard(arrays: list[NDArray[Any]], dataset: Dataset, config: TrainerConfig) -> list[Outcome]:
    """Read off what some lanes came to, wherever this runs; lanes travel as arrays."""
    return finish(from_arrays(arrays), dataset, config)


def as_plain(item: Fresh) -> tuple[int, int, int | None, str, str, list[torch.Tensor]]:
    """Return a training as what a file may hold that is read without pickle."""
    numbers, arrays = ({}, ()) if item.outcome is None else (item.outcome.numbers, item.outcome[1:])
    return (*item[:3], item.error, json.dumps(numbers), [torch.from_numpy(array) for array in arrays])


def from_plain(entry: Any) -> Fresh:
    """Return the training that `as_plain` made."""
    trial, seed, data_seed, error, numbers, tensors = entry
    outcome = Outcome(json.loads(numbers), *(tensor.numpy() for tensor in tensors)) if tensors else None
    return Fresh(trial, seed, data_seed, outcome, error)
