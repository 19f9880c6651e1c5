"""Laws of the search: decisions depend on what was reported, suggestions on seed and number alone."""

import signal
import warnings
from typing import Any

import optuna
import pytest
from commands import SMALL, only, results, signal_at, sweep, trials
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RunFolderError
from studies.journal import Journal
from studies.search import CohortPruner, Restored, Search, derived_seed, pruning_epochs
from sweeps.config import PRUNERS, SAMPLERS
from sweeps.spec import SweepSpec, load_spec

EPOCH = 4
VALUES = st.lists(st.integers(0, 6).map(float), min_size=1, max_size=12)


def spec_of(*settings: str) -> SweepSpec:
    """The smoke sweep with some settings changed."""
    return load_spec("smoke", [tuple(item.split("=", 1)) for item in settings])  # type: ignore[misc]


def pruned(values: list[float], keep: float, reports: list[int], asking: list[int], quorum: int = 4) -> set[int]:
    """Which trials the cohort ends, when they report and ask in these orders."""
    study = optuna.create_study(pruner=CohortPruner([EPOCH], keep, quorum))
    running = [study.ask() for _ in values]
    for number in reports:
        running[number].report(values[number], EPOCH)
    return {number for number in asking if running[number].should_prune()}


@given(st.data(), VALUES, st.sampled_from([0.2, 0.5, 0.9]))
def test_pruning_does_not_depend_on_order(data: st.DataObject, values: list[float], keep: float) -> None:
    """Who is pruned is the same whatever the order of reports and of asking."""
    numbers = list(range(len(values)))
    expected = pruned(values, keep, numbers, numbers)
    reports, asking = data.draw(st.permutations(numbers)), data.draw(st.permutations(numbers))
    assert pruned(values, keep, reports, asking) == expected


@given(VALUES, st.sampled_from([0.01, 0.3, 0.5, 1.0]))
def test_ties_and_the_best_survive(values: list[float], keep: float) -> None:
    """Trials of equal value share their fate, the best are kept, and so is the share to keep of them all."""
    numbers = list(range(len(values)))
    gone = pruned(values, keep, numbers, numbers)
    fates = {value: {number in gone for number in numbers if values[number] == value} for value in values}
    assert all(len(fate) == 1 for fate in fates.values())
    assert fates[min(values)] == {False}
    assert len(values) - len(gone) >= keep * len(values)


@given(st.lists(st.integers(0, 6).map(float), max_size=3))
def test_a_small_cohort_prunes_nobody(values: list[float]) -> None:
    """Fewer trials than the quorum are too few to compare with."""
    numbers = list(range(len(values)))
    assert pruned(values, 0.01, numbers, numbers) == set()


def test_other_epochs_decide_nothing() -> None:
    """Between its epochs the cohort lets everybody go on."""
    study = optuna.create_study(pruner=CohortPruner([EPOCH], 0.1, 1))
    running = [study.ask() for _ in range(5)]
    for value, trial in enumerate(running):
        trial.report(float(value), EPOCH + 1)
    assert not any(trial.should_prune() for trial in running)


@given(st.integers(1, 30), st.integers(1, 12), st.floats(0, 1))
def test_pruning_epochs_are_evaluations_within_the_trial(rounds: int, every: int, warmup: float) -> None:
    """The cohort decides at evaluations, not before the warm-up, never at the end, at most three times."""
    epochs = rounds * every
    spec = spec_of(f"trainer.epochs={epochs}", f"trainer.evaluate_every={every}", f"search.prune_warmup={warmup!r}")
    found = pruning_epochs(spec)
    assert found == sorted(set(found))
    assert len(found) <= 3
    assert all(epoch % every == 0 and warmup * epochs <= epoch < epochs for epoch in found)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("name", PRUNERS)
def test_every_pruner_runs(name: str) -> None:
    """Each pruner can be named, and none of them ends every trial; without one all are complete."""
    words = (*SMALL, "--pruner", name, "--set", "search.prune_warmup=0.25", "-q")
    assert sweep(*words) == 0
    states = [row["state"] for row in trials(only())]
    assert len(states) == 10
    assert "complete" in states
    if name == "none":
        assert set(states) == {"complete"}


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "grid"])
def test_every_sampler_is_repeatable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Each sampler gives the same results again, also when the run was stopped in between, and stays in range."""
    words = (*SMALL, "--sampler", name, "-n", "16", "--set", "trainer.epochs=4", "-q")
    assert sweep(*words) == 0
    for _ in range(2):
        with monkeypatch.context() as patch:
            signal_at(patch, signal.SIGINT, at_round=3)
            assert sweep(*words, "-o", "again") == 130
    assert sweep(*words, "-o", "again") == 0
    assert results(only("again")) == results(only())
    for row in trials(only()):
        assert 0.01 <= float(row["lr"]) <= 0.3
    assert len({row["lr"] for row in trials(only())}) == 16


@given(st.integers(0, 2**32), st.integers(0, 10**6), st.integers(0, 5))
def test_seeds_depend_on_seed_number_and_purpose(seed: int, number: int, stream: int) -> None:
    """A derived seed is a function of its three origins and fits 32 bits."""
    own = derived_seed(seed, number, stream)
    assert own == derived_seed(seed, number, stream)
    assert 0 <= own < 2**32
    assert own not in {derived_seed(seed + 1, number, stream), derived_seed(seed, number + 1, stream)}


def told(search: Search, count: int) -> list[dict[str, float]]:
    """Ask for trials and end them in the round they were asked in."""
    found = []
    for _ in range(count):
        item = search.ask()
        search.report(item.number, EPOCH, float(item.number % 5))
        search.tell(item.number, ("complete", "pruned", "failed")[item.number % 3], float(item.number % 5))
        found.append(item.params)
    return found


@pytest.mark.parametrize("name", ["tpe", "qmc", "cmaes", "random", "gp"])
def test_a_restored_search_suggests_the_same(name: str) -> None:
    """Suggestions after a restart are those of a search that went on, for each sampler; so is all it tells."""
    spec = spec_of(f"search.sampler={name}", "search.lanes=1")
    steady = Search(spec, "val_shd")
    params = told(steady, 12)
    later = told(steady, 6)
    first = Search(spec, "val_shd")
    told(first, 12)
    saved = first.attributes()
    items = [
        Restored(n, ("complete", "pruned", "failed")[n % 3], params[n], None if n % 3 else float(n % 5), {EPOCH: n % 5})
        for n in range(12)
    ]
    second = Search(spec, "val_shd")
    second.restore(items, saved)

    def facts(search: Search) -> list[Any]:
        return [(t.number, t.state, t.params, t.value, t.intermediate_values) for t in search.finished(0)]

    assert facts(second) == facts(first)
    assert told(second, 6) == later


def test_a_journal_takes_finished_trials_in_order() -> None:
    """The journal gets trials up to the first that still runs, under their own numbers."""
    search = Search(spec_of(), "val_shd")
    items = [search.ask() for _ in range(3)]
    search.tell(items[2].number, "complete", 1.0)
    assert search.finished(0) == []
    search.tell(items[0].number, "pruned", None)
    assert [trial.number for trial in search.finished(0)] == [0]
    search.tell(items[1].number, "failed", None)
    journal = Journal("study.journal", "smoke")
    journal.append(search.finished(journal.written))
    again = Journal("study.journal", "smoke")
    assert (journal.written, again.written) == (3, 3)
    assert search.finished(again.written) == []


@pytest.mark.parametrize("text", ["garbage\n", "{}\n", "[1]\n", "\0\0\n", '{"op_code": 99}\n'])
def test_a_file_that_is_no_journal(tmp_path: Any, text: str) -> None:
    """A journal that Optuna cannot read is an error in the house form, and the file stays as it was."""
    (tmp_path / "study.journal").write_text(text)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(RunFolderError):
            Journal(str(tmp_path / "study.journal"), "smoke")
    assert (tmp_path / "study.journal").read_text() == text
