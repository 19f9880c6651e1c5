"""Laws of what TPE looks back on: everything at first, then the best and the latest, by the trials alone."""

import sys
from dataclasses import replace

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.samplers._tpe.sampler import _split_trials, default_gamma
from optuna.trial import FrozenTrial, TrialState, create_trial

from studies import search as searching
from studies.history import BEST, BoundedHistory
from studies.records import COMPLETE, FAILED, PRUNED
from studies.search import Restored, Search
from sweeps.spec import SweepSpec, load_spec

SPEC = load_spec("smoke", [])
ENDS = st.sampled_from([TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
STORIES = st.lists(st.tuples(ENDS, st.integers(0, 9).map(float), st.integers(1, 3)), min_size=1, max_size=150)


def put(study: optuna.Study, state: TrialState, value: float, step: int) -> None:
    """Add a trial that ended so."""
    found = value if state == TrialState.COMPLETE else None
    told = {step: value} if state != TrialState.FAIL else {}
    study.add_trial(create_trial(state=state, value=found, intermediate_values=told))


def shown(storage: BoundedHistory, study: optuna.Study) -> list[FrozenTrial]:
    """What a sampler sees."""
    with storage.bounded():
        return study.get_trials(deepcopy=False)


@pytest.mark.parametrize("trials", [searching.HISTORY, 10 * searching.HISTORY, 10**6])
def test_tpe_calls_no_more_trials_good(trials: int) -> None:
    """What is kept for good is what Optuna's TPE takes for good, of the part and of the whole."""
    assert default_gamma(trials) == BEST


@given(STORIES, st.integers(BEST + 1, 80), st.sets(st.integers(0, 149), max_size=5))
def test_good_trials_and_the_latest_are_shown(
    story: list[tuple[TrialState, float, int]], limit: int, running: set[int]
) -> None:
    """Few enough are all shown; of more, TPE's good ones, those that run, and as many of the latest as there is room.

    It is the same whether the storage was asked after every trial or only at the end.
    """
    often, once = BoundedHistory(limit), BoundedHistory(limit)
    studies = [optuna.create_study(storage=storage) for storage in (often, once)]
    for number, end in enumerate(story):
        for study in studies:
            put(study, *end) if number not in running else study.ask()
        shown(often, studies[0])
    everything, part = studies[1].get_trials(deepcopy=False), shown(once, studies[1])
    assert [trial.number for trial in part] == [trial.number for trial in shown(often, studies[0])]
    assert [trial.number for trial in part] == sorted({trial.number for trial in part})
    if len(everything) <= limit:
        assert part == everything
        return
    ended = [trial for trial in part if trial.state.is_finished()]
    hidden = [trial for trial in everything if trial not in part]
    assert len(ended) <= limit
    assert all(trial.state.is_finished() for trial in hidden)
    good = _split_trials(studies[1], everything, BEST)[0]
    assert {trial.number for trial in good} <= {trial.number for trial in ended}
    others = [trial.number for trial in ended if trial not in good]
    assert not hidden or len(ended) == limit and min(others) > max(trial.number for trial in hidden)


def searched(patch: pytest.MonkeyPatch, limit: int, trials: int, kept: int = sys.maxsize) -> list[dict[str, float]]:
    """The settings that a search suggests; after `kept` trials another process goes on."""
    patch.setattr(searching, "HISTORY", limit)
    search, found, known = Search(SPEC, "val_shd"), [], list[Restored]()
    for number in range(trials):
        if number == kept:
            attributes, search = search.attributes(), Search(SPEC, "val_shd")
            search.restore(known, attributes)
        params = search.ask().params
        found.append(params)
        state = (COMPLETE, COMPLETE, PRUNED, FAILED)[number % 4] if number > 4 else COMPLETE
        value = 10 * next(iter(params.values()))
        search.report(number, 1, value)
        search.tell(number, state, value)
        known.append(Restored(number, state, params, value if state == COMPLETE else None, {1: value}))
    return found


def test_suggestions_change_only_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the limit TPE suggests what it would with all trials before it; beyond, another process agrees."""
    limit, trials = 40, 70
    bounded, unbounded = (searched(monkeypatch, most, trials) for most in (limit, sys.maxsize))
    assert bounded[: limit + 1] == unbounded[: limit + 1]
    assert bounded != unbounded
    assert searched(monkeypatch, limit, trials, kept=55) == bounded


@pytest.mark.parametrize(("sampler", "bounds"), [("tpe", True), ("random", False), ("cmaes", False), ("qmc", False)])
def test_only_tpe_forgets(sampler: str, bounds: bool) -> None:
    """Samplers that keep count of trials see them all."""
    spec: SweepSpec = replace(SPEC, search=replace(SPEC.search, sampler=sampler))
    assert (Search(spec, "val_shd").storage.shown == searching.HISTORY) == bounds
