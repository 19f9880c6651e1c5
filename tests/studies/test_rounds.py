"""Laws of the round: lanes are split evenly, put together in order, and a lost worker costs a repeat."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.data import Dataset, prepare
from core.errors import ClusterError
from core.lanes import Lanes, to_arrays
from core.processors import cores
from core.simulate import simulate
from core.trainer import start
from studies.rounds import ATTEMPTS, Workers, local_backend, shards
from sweeps.config import BackendConfig

CONFIG = TrainerConfig(epochs=4, evaluate_every=2, batch_size=16)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """A little data."""
    return prepare(simulate(DataConfig(rows=100, variables=4, edges=3)), CONFIG)


def lanes_of(dataset: Dataset, count: int) -> Lanes:
    """Some new trials."""
    return start([(n, 50 + n, Hyperparameters(lr=0.01 * (n + 1))) for n in range(count)], dataset, CONFIG)


def bits(result: tuple[Lanes, list[Any]]) -> list[Any]:
    """All of a round's result but the time it took."""
    lanes, evaluations = result
    times_left_out = [repr(item._replace(epoch_time=0.0)) for item in evaluations]
    return [[array.tobytes() for array in to_arrays(lanes)], times_left_out]


@given(st.lists(st.floats(0.5, 1.5), min_size=1, max_size=200), st.integers(1, 40))
def test_shards(costs: list[float], jobs: int) -> None:
    """Every lane is in one shard, at most one a job; no shard could spare a lane and still be the largest."""
    parts = shards(costs, jobs)
    assert sorted(lane for part in parts for lane in part) == list(range(len(costs)))
    assert len(parts) == min(jobs, len(costs))
    assert all(part == sorted(part) and part for part in parts)
    loads = [sum(costs[lane] for lane in part) for part in parts]
    largest = loads.index(max(loads))
    assert max(loads) - min(costs[lane] for lane in parts[largest]) <= min(loads) + 1e-9


def test_auto_is_threads_where_steps_are_compiled() -> None:
    """Law: compiled steps train in threads, the original's many operations in processes; a name stands."""
    original = replace(CONFIG, architecture="original")
    assert BackendConfig().name == "auto"
    assert local_backend("auto", CONFIG) == "threading"
    assert local_backend("auto", original) == "loky"
    assert local_backend("auto", replace(CONFIG, max_lag=0)) == "loky"
    assert local_backend("loky", CONFIG) == "loky"
    assert local_backend("threading", original) == "threading"


@pytest.mark.parametrize("jobs", [2, 3, 5])
def test_any_split_gives_the_same_bits(dataset: Dataset, jobs: int) -> None:
    """A round in threads gives, bit for bit, what one process gives."""
    lanes = lanes_of(dataset, 7)
    with Workers(BackendConfig(jobs=1), dataset, CONFIG) as alone:
        expected = bits(alone.advance(lanes))
    with Workers(BackendConfig(jobs=jobs), dataset, CONFIG) as workers:
        assert bits(workers.advance(lanes)) == expected


@pytest.mark.parametrize("loss", [TerminatedWorkerError, BrokenProcessPool])
def test_a_lost_worker_costs_a_repeat(monkeypatch: pytest.MonkeyPatch, dataset: Dataset, loss: Any) -> None:
    """A round whose worker was killed, or never started, is run again; lost every time, one line says so."""
    lanes = lanes_of(dataset, 4)
    run, lost = Workers.run, [ATTEMPTS - 1]

    def losing(self: Workers, work: Any, pieces: Any) -> Any:
        lost[0] -= 1
        if lost[0] >= 0:
            raise loss("killed")
        return run(self, work, pieces)

    monkeypatch.setattr(Workers, "run", losing)
    with Workers(BackendConfig(name="loky", jobs=2), dataset, CONFIG) as workers:
        found = bits(workers.advance(lanes))
        lost[0] = ATTEMPTS
        with pytest.raises(ClusterError, match="worker processes were lost 3 times in one round") as caught:
            workers.advance(lanes)
        assert caught.value.exit_code == 3
        assert "the same command continues" in caught.value.hint
    with Workers(BackendConfig(jobs=1), dataset, CONFIG) as alone:
        assert bits(alone.advance(lanes)) == found


def test_one_thread_and_all_cores(dataset: Dataset) -> None:
    """Torch keeps to one thread once there are workers, and 0 jobs means one a usable core."""
    torch.set_num_threads(1)
    workers = Workers(BackendConfig(jobs=0), dataset, CONFIG)
    assert torch.get_num_threads() == 1
    assert workers.jobs == cores() == len(os.sched_getaffinity(0))


def test_the_lanes_given_are_left_alone(dataset: Dataset) -> None:
    """A round does not change what it was given, so that it can be repeated."""
    lanes = lanes_of(dataset, 3)
    before = [np.copy(array) for array in to_arrays(lanes)]
    with Workers(BackendConfig(jobs=1), dataset, CONFIG) as workers:
        first, second = workers.advance(lanes), workers.advance(lanes)
    assert all(np.array_equal(a, b) for a, b in zip(before, to_arrays(lanes), strict=True))
    assert bits(first) == bits(second)
