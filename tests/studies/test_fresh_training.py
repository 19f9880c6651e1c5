"""Laws of fresh training: seeds and data that are fresh, any number of jobs, any stop; and Student's interval."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.data import Dataset, prepare
from core.simulate import simulate
from studies import fresh_training
from studies.confirm import (
    Fresh,
    fresh_data_seeds,
    fresh_dataset,
    fresh_seeds,
    interval,
    summary_of,
)
from studies.fresh_training import FreshTraining
from studies.rounds import Workers
from studies.search import derived_seed
from sweeps.config import BackendConfig

TRAINER = TrainerConfig(epochs=4, evaluate_every=2, batch_size=16)

PICKS = {7: Hyperparameters(lr=0.03), 2: Hyperparameters(lambda_sparse=0.1)}


def train_fresh(
    picks: dict[int, Hyperparameters], count: int, data: DataConfig, dataset: Dataset, backend: BackendConfig,
    store: Path | None = None, rounds: int = 100,
) -> list[Fresh] | None:  # fmt: skip
    """Train picks on fresh seeds and data; None where that takes more rounds than given."""
    left = iter([False] * rounds)
    with Workers(backend, dataset, TRAINER) as workers:
        training = FreshTraining(picks, 5, count, data, dataset, workers, store)
        return training.run(lambda: next(left, True), lambda *_: None)


def alike(one: list[Fresh] | None, other: list[Fresh] | None) -> bool:
    """Tell whether trainings are the same, bit for bit and in the same order."""
    assert one
    assert other
    same = [a[:3] + a[4:] == b[:3] + b[4:] for a, b in zip(one, other, strict=True)]
    for a, b in zip(one, other, strict=True):
        assert (a.outcome is None) == (b.outcome is None)
        if a.outcome is not None and b.outcome is not None:
            same.append(a.outcome.numbers == b.outcome.numbers)
            same += [np.array_equal(x, y) for x, y in zip(a.outcome[1:], b.outcome[1:], strict=True)]
    return all(same)


VALUES = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20)


@given(VALUES)
def test_the_interval_is_students(values: list[float]) -> None:
    """Mean and bounds agree with scipy's interval for the mean."""
    mean, low, high = interval(values)
    spread = stats.sem(values)
    assert mean == pytest.approx(sum(values) / len(values), abs=1e-9)
    if spread > 1e-9:
        expected = stats.t.interval(0.95, len(values) - 1, loc=mean, scale=spread)
        assert (low, high) == pytest.approx(expected, abs=1e-6)


def test_one_value_has_no_interval() -> None:
    """A single seed gives a mean and no bounds."""
    assert interval([2.0])[0] == 2.0
    assert all(math.isnan(bound) for bound in interval([2.0])[1:])
    assert summary_of([{"val_shd": 2, "val_f1": 0.5}]) == {
        "n": 1, "shd_mean": 2.0, "shd_low": None, "shd_high": None, "f1_mean": 0.5, "f1_low": None, "f1_high": None,
    }  # fmt: skip


def test_bounds_stay_possible() -> None:
    """An SHD is not below 0 and an F1 not beyond 0 and 1; without a true graph there is nothing to bound."""
    block = summary_of([{"val_shd": 0, "val_f1": 1.0}, {"val_shd": 9, "val_f1": 0.1}])
    assert block is not None
    assert (block["shd_low"], block["f1_low"], block["f1_high"]) == (0.0, 0.0, 1.0)
    blind = summary_of([{"val_shd": None, "val_f1": None}] * 2)
    assert blind is not None
    assert {blind[name] for name in blind if name != "n"} == {None}
    assert summary_of([]) is None


@given(st.integers(0, 2**32), st.integers(0, 200), st.integers(1, 20))
def test_fresh_seeds_are_fresh(seed: int, number: int, count: int) -> None:
    """The seeds are the same whenever asked, start alike for any count, and are no trial's own."""
    seeds = fresh_seeds(seed, number, count)
    assert seeds == fresh_seeds(seed, number, count + 1)[:count]
    assert len(set(seeds)) == count
    assert not set(seeds) & {derived_seed(seed, other, 1) for other in range(50)}


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_fresh_data_seeds_are_fresh(seed: int, count: int) -> None:
    """The seeds of the data are the same whenever asked, start alike for any count, and are no trial's own."""
    seeds = fresh_data_seeds(seed, count)
    assert seeds == fresh_data_seeds(seed, count + 1)[:count]
    assert len(set(seeds)) == count
    assert not set(seeds) & {derived_seed(seed, other, stream) for other in range(20) for stream in range(1, 6)}


def test_fresh_data_are_fresh() -> None:
    """A fresh data set has other values and the sweep's true graph, also where that is not the simulation's."""
    data = DataConfig(rows=120, variables=5, edges=4, missing=0.1)
    sweep_data = prepare(simulate(data), TRAINER)
    first, second = (fresh_dataset(data, seed, sweep_data, TRAINER) for seed in fresh_data_seeds(1337, 2))
    assert len({item.key for item in (sweep_data, first, second)}) == 3
    for fresh in (first, second):
        assert fresh.names == sweep_data.names
        assert np.array_equal(fresh.truth, sweep_data.truth)
        assert not np.array_equal(fresh.values, sweep_data.values)
        assert not np.array_equal(fresh.observed, sweep_data.observed)
    given = np.eye(5, k=1, dtype=bool)
    assert np.array_equal(fresh_dataset(data, 7, replace(sweep_data, truth=given), TRAINER).truth, given)


@pytest.mark.parametrize("jobs", [2, 3, 9])
def test_fresh_trainings_do_not_depend_on_jobs(jobs: int) -> None:
    """Any number of workers gives, bit for bit and in the same order, what one gives."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset = prepare(simulate(data), TRAINER)
    expected = train_fresh(PICKS, 3, data, dataset, BackendConfig(jobs=1))
    found = train_fresh(PICKS, 3, data, dataset, BackendConfig(name="threading", jobs=jobs))
    assert alike(expected, found)
    assert found is not None
    seeds = [(number, seed) for number in PICKS for seed in fresh_seeds(5, number, 3)]
    assert [item[:2] for item in found] == seeds + seeds
    assert [item.data_seed for item in found] == [None] * 6 + fresh_data_seeds(5, 3) * 2
    assert len({item.outcome.numbers["weights_hash"] for item in found if item.outcome}) == 12


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_stopped_after_any_round_and_continued(rounds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped again and again, fresh training goes on where it was and gives what it would have given."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    calm = train_fresh(PICKS, 3, data, dataset, one)
    monkeypatch.setattr(fresh_training, "LANES_A_JOB", 7)  # six lanes on the sweep's data, two on each fresh set
    starts, found = 0, None
    while found is None:
        starts += 1
        found = train_fresh(PICKS, 3, data, dataset, one, store, rounds=rounds)
    assert starts == math.ceil(4 / rounds), "two data sets at a time, two rounds each"
    assert alike(calm, found)


def test_what_was_trained_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second time nothing is trained; of another pick, or of more seeds, only what is new."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    first = train_fresh(PICKS, 2, data, dataset, one, store)
    assert alike(first, train_fresh(PICKS, 2, data, dataset, one, store, rounds=0))
    begun: list[tuple[int, int]] = []
    original = fresh_training.start

    def start(trials: list[tuple[int, int, Hyperparameters]], *rest: Any) -> Any:
        begun.extend((number, seed) for number, seed, _ in trials)
        return original(trials, *rest)

    monkeypatch.setattr(fresh_training, "start", start)
    other = {7: PICKS[7], 3: Hyperparameters()}
    again = train_fresh(other, 2, data, dataset, one, store)
    assert {number for number, _ in begun} == {3}
    assert alike(again, train_fresh(other, 2, data, dataset, one))
    begun.clear()
    more = train_fresh(other, 3, data, dataset, one, store)
    assert sorted(begun) == sorted(2 * [(number, fresh_seeds(5, number, 3)[2]) for number in other])
    assert alike(more, train_fresh(other, 3, data, dataset, one))


@pytest.mark.parametrize("damage", [b"", b"no file of ours", "cut"])
def test_a_damaged_state_is_trained_again(damage: bytes | str, tmp_path: Path) -> None:
    """What cannot be read costs the time to train it again, nothing else."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, store, one = prepare(simulate(data), TRAINER), tmp_path / "trained.pt", BackendConfig(jobs=1)
    calm = train_fresh(PICKS, 2, data, dataset, one, store)
    store.write_bytes(damage if isinstance(damage, bytes) else store.read_bytes()[:-200])
    assert alike(calm, train_fresh(PICKS, 2, data, dataset, one, store))


def test_a_training_that_diverges_fails_alone() -> None:
    """A diverged training has a reason and no score; its neighbours are as if it were not there."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset, one = prepare(simulate(data), TRAINER), BackendConfig(jobs=1)
    found = train_fresh({**PICKS, 4: Hyperparameters(lambda_disen=1e39)}, 2, data, dataset, one)
    assert found is not None
    assert [(item.trial, item.error, item.outcome is None) for item in found if item.error] == [
        (4, "loss is not finite", True)
    ] * 4
    assert alike([item for item in found if item.trial != 4], train_fresh(PICKS, 2, data, dataset, one))


def test_data_that_cannot_be_learned_from_fail() -> None:
    """A draw without enough values is a failed training with its reason, not an error of the run."""
    data = DataConfig(rows=120, variables=4, edges=3)
    dataset = prepare(simulate(data), TRAINER)
    found = train_fresh({0: Hyperparameters()}, 2, replace(data, rows=20), dataset, BackendConfig(jobs=1))
    assert found is not None
    assert [item.error == "" for item in found] == [True, True, False, False]
    assert all("rows" in item.error for item in found[2:])
