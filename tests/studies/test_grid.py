"""Laws of a grid: it grows without repeating a point, retries a failed one once, and keeps its order."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from commands import SMALL, folders, journal, only, results, signal_at, sweep, table, trials
from hypothesis import given
from hypothesis import strategies as st

from studies.grid import Grid
from studies.search import Restored, Search
from sweeps.spec import SweepSpec, load_spec

BASE = tuple(
    word for pair in zip(SMALL[::2], SMALL[1::2], strict=True) if "space." not in pair[1] for word in pair
) + ("--sampler", "grid", "--pruner", "none", "-n", "100", "--set", "space.lambda_acyclic=0.001")  # fmt: skip
TWO = ("--set", "space.lambda_sparse=[0.01, 0.1]", "--set", "space.lr=[0.01, 0.02]")
GROWN = ("--set", "space.lambda_sparse=[0.01, 0.05, 0.1]", "--set", "space.lr=[0.005, 0.01, 0.02]")
FAILING = (*TWO, "--set", "space.lambda_disen=[1e-4, 1e39]")
"""float32 knows no 1e39, so half of these points diverge at their first step."""

pytestmark = pytest.mark.usefixtures("no_report")


def points(rows: list[dict[str, str]]) -> list[tuple[float, float]]:
    """Return the two swept values of rows of trials.csv."""
    return [(float(row["lambda_sparse"]), float(row["lr"])) for row in rows]


def grid_spec(sparse: list[float], lr: list[float], number: int = 100) -> SweepSpec:
    """Return a grid's settings."""
    values = [("space.lambda_sparse", f"{sparse}"), ("space.lr", f"{lr}"), ("space.lambda_acyclic", "0.001")]
    return load_spec("lambda_grid", [*values, ("search.trials", f"{number}")])


def test_the_packaged_grid_covers_the_original_and_ours() -> None:
    """lambda_grid has the nine points of the original's last step, and visits every point it has."""
    spec = load_spec("lambda_grid")
    grid = Grid(spec.space)
    pairs = {(point["lambda_sparse"], point["lambda_acyclic"]) for point in grid.points}
    assert pairs >= {(s, a) for s in (1e-4, 1e-5, 1e-6) for a in (1e-5, 1e-6, 1e-7)}
    assert {point["lambda_sparse"] for point in grid.points} >= {0.003, 0.01, 0.03, 0.1, 0.3}
    assert len(grid.points) == spec.search.trials == Search(spec, "val_shd").budget()


def test_a_grid_grows_in_its_own_folder() -> None:
    """New values add their points to the same run; none is repeated, and what was done stays as it was."""
    assert sweep(*BASE, *TWO, "-q") == 0
    before = trials(only())
    assert sweep(*BASE, *GROWN, "-q") == 0
    rows = trials(only())
    assert rows[:4] == before
    assert [int(row["number"]) for row in rows] == list(range(9))
    assert len(set(points(rows))) == 9
    left = [(s, lr) for s in (0.01, 0.05, 0.1) for lr in (0.005, 0.01, 0.02)]
    assert points(rows)[4:] == [point for point in left if point not in points(before)]
    assert [number for number, *_ in journal(only())] == list(range(9))
    assert "0.05" in (only() / "sweep.yaml").read_text()


def test_a_grid_that_shrinks_keeps_what_it_has(capsys: pytest.CaptureFixture[str]) -> None:
    """Values that are taken away ask for nothing more and lose nothing."""
    assert sweep(*BASE, *GROWN, "-q") == 0
    before = results(only())
    assert sweep(*BASE, *TWO) == 0
    assert "finished: 9 of 9 done" in capsys.readouterr().err
    assert results(only()) == before


def test_a_larger_budget_goes_on_to_further_points(capsys: pytest.CaptureFixture[str]) -> None:
    """--trials counts points, earlier ones included; a budget below or above the grid's size is said."""
    assert sweep(*BASE, *TWO, "-n", "3") == 0
    assert "hint: the grid has 4 points; --trials 4 trains them all" in capsys.readouterr().err
    before = trials(only())
    assert sweep(*BASE, *TWO, "-n", "9") == 0
    assert "warning: the grid has 4 points, so 9 trials are not needed" in capsys.readouterr().err
    assert trials(only())[:3] == before
    assert points(trials(only())) == [(s, lr) for s in (0.01, 0.1) for lr in (0.01, 0.02)]


def test_failed_points_are_tried_once_more(capsys: pytest.CaptureFixture[str]) -> None:
    """The command given again retries what failed, once, as new trials with seeds of their own."""
    assert sweep(*BASE, *FAILING, "-q") == 0
    first = trials(only())
    assert [row["state"] for row in first] == ["complete", "failed"] * 4
    assert sweep(*BASE, *FAILING) == 0
    assert "retrying: 4 points that failed, once" in capsys.readouterr().err
    rows = trials(only())
    assert rows[:8] == first
    assert points(rows[8:]) == points(first)[1::2]
    assert {row["lambda_disen"] for row in rows[8:]} == {first[1]["lambda_disen"]}
    assert len({row["seed"] for row in rows}) == 12
    assert sweep(*BASE, *FAILING) == 0
    assert trials(only()) == rows
    assert json.loads((only() / "summary.json").read_text())["trials"] == 12


def test_a_stop_changes_nothing_of_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in its first pass and among its retries, a grid ends as the undisturbed one does."""
    for _ in range(2):
        assert sweep(*BASE, *FAILING, "--lanes", "3", "-q", "-o", "whole") == 0
    for at in (1, 4, 12, 1):
        with monkeypatch.context() as patch:
            signal_at(patch, signal.SIGINT, at_round=at)
            sweep(*BASE, *FAILING, "--lanes", "3", "-q", "-o", "stopped")
    for _ in range(2):
        assert sweep(*BASE, *FAILING, "--lanes", "3", "-q", "-o", "stopped") == 0
    assert results(only("stopped")) == results(only("whole"))


def test_the_order_of_a_grid_is_that_of_its_values() -> None:
    """Number n is the same point however many lanes and jobs there are."""
    found = []
    for turn, words in enumerate((("--lanes", "1"), ("--lanes", "4"), ("--lanes", "16", "-j", "2"))):
        assert sweep(*BASE, *GROWN, *words, "-q", "-o", f"out{turn}") == 0
        found.append(
            [(row["number"], row["lambda_sparse"], row["lr"], row["seed"]) for row in trials(only(f"out{turn}"))]
        )
    assert found[0] == found[1] == found[2]


def test_other_settings_get_another_folder() -> None:
    """A grid's values do not name its run; its names, seed and trainer do, and so do the values of a sampler."""
    assert sweep(*BASE, *TWO, "-n", "1", "-q") == 0
    assert sweep(*BASE, *GROWN, "-n", "1", "-q") == 0
    assert len(folders()) == 1
    assert sweep(*BASE, *TWO, "-n", "1", "-q", "--set", "space.lambda_disen=0.1") == 0
    assert sweep(*BASE, *TWO, "-n", "1", "-q", "--seed", "5") == 0
    assert len(folders()) == 3
    assert sweep(*BASE, *TWO, "-n", "1", "-q", "--sampler", "random") == 0
    assert sweep(*BASE, *GROWN, "-n", "1", "-q", "--sampler", "random") == 0
    assert len(folders()) == 5


def test_epochs_follow_their_trials() -> None:
    """Every trial of a grown grid has its own epochs in the records, and rows are in order."""
    assert sweep(*BASE, *TWO, "-q") == 0
    assert sweep(*BASE, *GROWN, "-q") == 0
    rows = table(only() / "epochs.csv.gz")
    assert [(int(row["trial"]), int(row["epoch"])) for row in rows] == [(n, e) for n in range(9) for e in (2, 4, 6, 8)]


VALUES = st.lists(st.sampled_from([1e-8, 1e-7, 1e-6, 0.003, 0.1, 1.0, 3.0]), min_size=1, max_size=4, unique=True)


def asked(search: Search, count: int, fail: set[int]) -> list[Restored]:
    """Ask for some trials and end them; those in `fail` fail."""
    found = []
    for _ in range(min(count, search.budget() - search.asked)):
        item = search.ask()
        state = "failed" if item.number in fail else "complete"
        search.tell(item.number, state, 1.0)
        found.append(Restored(item.number, state, item.params, None if state == "failed" else 1.0, {}))
    return found


@given(st.lists(st.tuples(VALUES, VALUES, st.integers(1, 20), st.integers(0, 20)), min_size=1, max_size=5), st.data())
def test_any_history_repeats_only_what_failed(sessions: list[tuple[Any, Any, int, int]], data: st.DataObject) -> None:
    """However a grid grows and stops: no point twice unless it failed, none thrice, --trials bounds the points."""
    done: list[Restored] = []
    saved, most = "", 0
    for sparse, lr, number, count in sessions:
        spec = grid_spec(sparse, lr, number)
        search, most = Search(spec, "val_shd"), max(most, number)
        if done:
            search.restore(done, saved)
        budget = search.budget()
        fail = set(data.draw(st.lists(st.integers(0, 60))))
        done += asked(search, count, fail)
        assert search.budget() == budget
        saved = search.attributes()
        tried = [tuple(item.params.values()) for item in done]
        assert [item.number for item in done] == list(range(len(done)))
        assert len(set(tried)) <= most
        for point in set(tried):
            states = [item.state for item, own in zip(done, tried, strict=True) if own == point]
            assert states in (["complete"], ["failed"], ["failed", "complete"], ["failed", "failed"])
        if search.asked == budget and number >= len(set(tried) | {tuple(p.values()) for p in Grid(spec.space).points}):
            assert {tuple(point.values()) for point in Grid(spec.space).points} <= set(tried)


def test_a_point_is_retried_after_it_ended_not_while_it_waits() -> None:
    """A search that was cut off goes on first; what failed in it has its turn when it has ended."""
    spec = grid_spec([0.01, 0.1], [0.01, 0.02])
    first = Search(spec, "val_shd")
    done = asked(first, 2, {0})
    second = Search(spec, "val_shd")
    second.restore(done, first.attributes())
    assert second.budget() == 4
    done += asked(second, 9, set())
    third = Search(spec, "val_shd")
    third.restore(done, second.attributes())
    assert third.budget() == 5
    again = third.ask()
    assert (again.number, again.params) == (4, done[0].params)


def test_an_old_checkpoint_of_a_grid_can_be_read(tmp_path: Path) -> None:
    """What a search saved before it knew of retries still restores."""
    assert os.listdir(tmp_path) == []
    spec = grid_spec([0.01], [0.01, 0.02])
    first = Search(spec, "val_shd")
    done = asked(first, 1, set())
    plain = json.loads(first.attributes())
    second = Search(spec, "val_shd")
    second.restore(done, json.dumps({name: plain[name] for name in ("study", "trials")}))
    assert second.budget() == 2
