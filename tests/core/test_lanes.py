"""Stacked equals solo, bit for bit; and lanes survive being picked, joined, shipped and refilled."""

from collections import Counter
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import original, parents_only
from core.config import Hyperparameters, TrainerConfig
from core.data import Dataset
from core.lanes import HYPER_NAMES, Lanes, from_arrays, join, over_tensors, select, to_arrays
from core.results import Outcome, finish
from core.trainer import advance, start
from tests.core import small


class Company(NamedTuple):
    """A drawn situation: what is trained, for how long each lane had been before, and in which order.

    companion: of a lane that diverges, or none. refill: whether after the first round the first lane ends and a new
    trial takes one.
    """

    config: TrainerConfig
    data: Dataset
    ages: list[int]
    order: list[int]
    rounds: int
    companion: str
    refill: bool


@st.composite
def companies(draw: st.DrawFn, variables: int = 9, lanes: int = 12) -> Company:
    """Draw lanes of mixed epochs on data of any shape, in any order, perhaps beside one that diverges."""
    max_lag, instantaneous = draw(st.sampled_from([(0, False), (1, False), (1, True), (2, False), (2, True)]))
    config = small.settings(
        max_lag=max_lag,
        instantaneous=instantaneous,
        batch_size=draw(st.sampled_from([8, 16, 31, 78])),
        evaluate_every=draw(st.integers(1, 2)),
        reconstruction=draw(st.sampled_from(["likelihood", "mse"])),
        plateau=draw(st.sampled_from(["val_loss", "val_shd", "none"])),
        thresholds=draw(st.sampled_from(["21", "all", "fixed"])),
        architecture=draw(st.sampled_from(["parents_only", "original"])),
        window=draw(st.sampled_from([0, 1, 6, 24])),
        standardise=draw(st.sampled_from(["observed", "filled", "none"])),
        reduction=draw(st.sampled_from(["mean", "sum"])),
        acyclicity=draw(st.sampled_from(["log_det", "walks", "trace_cubed"])),
        health_log=draw(st.booleans()),
        plateau_patience=0,
        warmup=draw(st.sampled_from([0.0, 0.3])),
        **{f"{name}_width": draw(st.integers(1, 5)) for name in ("signal", "bias", "noise", "hidden")},
    )
    data = small.dataset(
        config,
        d=draw(st.integers(2, variables)),
        missing=draw(st.sampled_from([0.0, 0.3])),
        seed=draw(st.integers(0, 100)),
        segments=draw(st.sampled_from([1, 3])),
    )
    count = draw(st.integers(1, lanes))
    ages = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return Company(
        config=config,
        data=data,
        ages=ages,
        order=list(draw(st.permutations(range(count)))),
        rounds=draw(st.integers(1, 2)),
        companion=draw(st.sampled_from(["none", "rate", "weights"])),
        refill=draw(st.booleans()),
    )


def alone(company: Company, trial: Any, times: int) -> tuple[list[Lanes], list[str]]:
    """Train one trial by itself; return its states, from the first on, and its evaluations."""
    states, spelt = [start([trial], company.data, company.config)], []
    for _ in range(times):
        lanes, found = advance(states[-1], company.data, company.config)
        states.append(lanes)
        spelt.append(small.timeless(found[0]))
    return states, spelt


def diverging(company: Company) -> list[Lanes]:
    """Return a lane that diverges, by its rate or by its weights, or none."""
    if company.companion == "none":
        return []
    rate = 1e6 if company.companion == "rate" else 0.01
    lane = start([(99, 99, Hyperparameters(lr=rate))], company.data, company.config)
    if company.companion == "weights":
        lane = lane._replace(value=over_tensors(lambda part: torch.full_like(part, torch.nan), lane.value))
    return [lane]


def same_outcome(ours: Outcome, theirs: Outcome) -> bool:
    """Compare everything a trial ended with, bit by bit (NaN equals NaN)."""
    return (
        repr(ours.numbers) == repr(theirs.numbers)
        and ours.adjacency.tobytes() == theirs.adjacency.tobytes()
        and np.array_equal(ours.graph, theirs.graph)
    )


def check_company(company: Company) -> None:
    """Train every lane alone and all of them side by side, and compare every bit."""
    newcomer, data, config = len(company.ages), company.data, company.config
    trials, ages = small.trials(newcomer + 1), [*company.ages, -1]
    single = [alone(company, trial, age + company.rounds) for trial, age in zip(trials, ages, strict=True)]
    strangers = diverging(company)
    here = [*company.order, *(-1 for _ in strangers)]  # whose lane each is; -1: the stranger's
    together = join([*(single[k][0][ages[k]] for k in company.order), *strangers])
    for turn in range(company.rounds):
        if turn == 1 and company.refill and len(here) > 1:
            kept = select(together, list(range(1, len(here))))
            here, together = [*here[1:], newcomer], join([kept, start(trials[newcomer:], data, config)])
        together, found = advance(together, data, config)
        for place, k in enumerate(here):
            assert k < 0 or small.timeless(found[place]) == single[k][1][ages[k] + turn]
    outcomes = finish(together, data, config)
    for place, k in enumerate(here):
        if k >= 0:
            assert small.differing(select(together, [place]), single[k][0][-1]) == []
            assert same_outcome(outcomes[place], finish(single[k][0][-1], data, config)[0])
        elif company.companion == "weights":
            assert together.failed_step[place] == 1


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=40, suppress_health_check=QUIET)
@given(companies())
def test_stacked_equals_solo(company: Company) -> None:
    """Law: a trial's numbers are the same to the bit alone and in any company, at any place, beside any lane."""
    check_company(company)


EXAMPLES = 200


@pytest.mark.slow
def test_stacked_equals_solo_at_length() -> None:
    """Law: stacked equals solo, on 200 cases and more of many shapes, refilled and beside lanes that diverge."""
    tried: list[tuple[Any, ...]] = []

    @settings(max_examples=EXAMPLES, suppress_health_check=QUIET)
    @given(companies(variables=13, lanes=6))
    def compare(company: Company) -> None:
        check_company(company)
        refilled = company.refill and company.rounds > 1
        tried.append((len(company.ages), len(company.data.names), company.companion, refilled))

    compare()
    assert len(tried) >= EXAMPLES
    assert len({case[:2] for case in tried}) > 20, "shapes"
    for column in range(2, 4):
        assert min(Counter(case[column] for case in tried).values()) > EXAMPLES // 20


def test_no_lane_of_the_original_is_ever_computed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a lone trial of the original is padded with a copy too."""
    config, widths, forward = small.settings(architecture="original"), [], original.forward

    def watched(*given: Any) -> Any:
        widths.append(given[1].shape[0])
        return forward(*given)

    monkeypatch.setattr(original, "forward", watched)
    data = small.dataset(config)
    lanes, _ = advance(start(small.trials(1), data, config), data, config)
    finish(lanes, data, config)
    assert min(widths) == 2


def test_no_lane_is_ever_computed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: a lone trial is padded with a copy, since some batched kernels take another path for a stack of one."""
    config, widths, loss_of = small.settings(), [], parents_only.loss_of

    def watched(*given: Any) -> Any:
        widths.append(given[1].shape[0])
        return loss_of(*given)

    monkeypatch.setattr(parents_only, "loss_of", watched)
    data = small.dataset(config)
    lanes, found = advance(start(small.trials(1), data, config), data, config)
    outcomes = finish(lanes, data, config)
    assert len(lanes.trial) == len(found) == len(outcomes) == 1
    assert min(widths) == 2


@pytest.mark.parametrize("architecture", ["parents_only", "original"])
def test_a_lane_is_refilled_without_a_trace(architecture: str) -> None:
    """Law: when a trial ends and another takes its lane, neither the newcomer nor the others differ from solo."""
    config = small.settings(architecture=architecture)
    data, trials = small.dataset(config), small.trials(4)
    lanes = start(trials[:3], data, config)
    lanes, _ = advance(lanes, data, config)
    lanes = join([select(lanes, [0, 2]), start(trials[3:], data, config)])
    lanes, _ = advance(lanes, data, config)
    lanes = select(lanes, [2, 0])
    lanes, _ = advance(lanes, data, config)
    for place, (trial, times) in enumerate([(trials[3], 2), (trials[0], 3)]):
        solo = start([trial], data, config)
        for _ in range(times):
            solo, _ = advance(solo, data, config)
        assert small.differing(select(lanes, [place]), solo) == []


def test_a_copy_beside_itself_stays_a_copy() -> None:
    """Law: the same trial twice in one stack is trained twice alike."""
    config = small.settings()
    data = small.dataset(config, d=3)
    lanes = start(small.trials(1) * 5, data, config)
    lanes, _ = advance(lanes, data, config)
    for place in range(1, 5):
        assert small.differing(select(lanes, [0]), select(lanes, [place])) == []


def test_the_trial_number_is_a_label() -> None:
    """Law: seed and settings decide a trial's numbers, and the number it bears decides nothing."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start([(3, 5, Hyperparameters()), (77, 5, Hyperparameters())], data, config)
    lanes, _ = advance(lanes, data, config)
    one, other = select(lanes, [0]), select(lanes, [1])
    assert small.differing(one._replace(trial=other.trial), other) == []
    assert lanes.trial.tolist() == [3, 77]


@pytest.mark.parametrize("architecture", ["parents_only", "original"])
@pytest.mark.parametrize("count", [1, 3])
def test_arrays_carry_everything(count: int, architecture: str) -> None:
    """Law: to_arrays and back is the same state, bit for bit, and trains on in the same way."""
    config = small.settings(architecture=architecture)
    data = small.dataset(config)
    lanes, _ = small.trained(data, config, count)
    arrays = [array.copy() for array in to_arrays(lanes)]
    again = from_arrays(arrays)
    assert small.differing(lanes, again) == []
    assert [type(part) for part in again] == [type(part) for part in lanes]
    after, _ = advance(again, data, config)
    assert small.differing(after, advance(lanes, data, config)[0]) == []
    for array, kept in zip(to_arrays(again), arrays, strict=True):
        assert array.tobytes() == kept.tobytes(), "advancing changed what was handed in"


def test_rebuilt_lanes_own_their_memory() -> None:
    """Law: lanes rebuilt from arrays do not change when the arrays do."""
    config = small.settings()
    lanes, _ = small.trained(small.dataset(config), config)
    arrays = [array.copy() for array in to_arrays(lanes)]
    again = from_arrays(arrays)
    for array in arrays:
        array[...] = 0
    assert small.differing(lanes, again) == []


def test_select_and_join_are_inverse() -> None:
    """Law: taking lanes apart and putting them together, in any order, loses and mixes up nothing."""
    config = small.settings()
    lanes, _ = small.trained(small.dataset(config), config, 4)
    parts = [select(lanes, [k]) for k in range(4)]
    assert small.differing(join(parts), lanes) == []
    assert small.differing(join([parts[2], parts[0]]), select(lanes, [2, 0])) == []
    assert small.differing(select(select(lanes, [3, 1, 0]), [2, 1]), select(lanes, [0, 1])) == []
    twice = select(lanes, [1, 1])
    assert twice.trial.tolist() == [1, 1]


def test_selected_lanes_are_copies() -> None:
    """Law: changing selected lanes leaves those they were taken from alone."""
    config = small.settings()
    lanes, _ = small.trained(small.dataset(config), config)
    before = [array.copy() for array in to_arrays(lanes)]
    over_tensors(lambda part: part.zero_(), select(lanes, [0, 1]))
    assert all(np.array_equal(a, b) for a, b in zip(to_arrays(lanes), before, strict=True))


def test_settings_are_found_by_name() -> None:
    """Law: every hyperparameter stands in its own column, one value a lane."""
    values = [{name: 0.01 * (k + 1) + lane for k, name in enumerate(HYPER_NAMES)} for lane in range(2)]
    trials = [(lane, lane, Hyperparameters(**one)) for lane, one in enumerate(values)]
    config = small.settings()
    lanes = start(trials, small.dataset(config), config)
    assert set(HYPER_NAMES) == set(asdict(Hyperparameters()))
    for name in HYPER_NAMES:
        assert lanes.setting(name).tolist() == pytest.approx([one[name] for one in values])
    assert lanes.plateau.lr.tolist() == [one["lr"] for one in values]
