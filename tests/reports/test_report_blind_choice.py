"""Laws of the section on choosing without the truth: its trials, its pick and its best are the folder's."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_folders import make_run

from reports.drawing import theme
from reports.figures import blind_choice
from reports.fresh_findings import blind_pick
from reports.page import write_report
from reports.tables import load_run


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["state"] == "complete"]


def summary_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text()))


def test_it_shows_the_complete_trials_at_the_blind_cut(usual: Path) -> None:
    """Every complete trial is a point of blind score and SHD at cut 0.5; pick and best are the summary's."""
    numbers = blind_choice.collect(load_run(usual))
    assert numbers is not None
    expected = [(float(row["blind_score"]), float(row["val_shd_blind"])) for row in rows_of(usual)]
    assert list(zip(numbers.score, numbers.shd, strict=True)) == expected
    summary = summary_of(usual)
    assert numbers.trial[numbers.pick] == summary["blind"]["number"]
    assert numbers.trial[numbers.best] == summary["best"]["number"]
    assert numbers.own == summary["best"]["val_shd"]
    title = blind_choice.title(numbers)
    assert title.startswith(
        f"The blind pick, trial {summary['blind']['number']}, has SHD {summary['blind']['val_shd_blind']}, "
        f"the best trial {summary['best']['val_shd']} (oracle); rank correlation of score and SHD 0."
    )


@pytest.mark.parametrize("pruned", [0.0, 0.4])
def test_pruning_that_read_the_truth_is_said(tmp_path: Path, pruned: float) -> None:
    """An oracle sweep that pruned left its blind pick fewer trials, and says so; one that did not does not."""
    numbers = blind_choice.collect(load_run(make_run(tmp_path / "run", pruned=pruned)))
    assert numbers is not None
    assert ("Pruning read it too" in blind_choice.caption(numbers, 0)) == (pruned > 0)


def test_a_blind_sweep_is_compared_with_its_lowest_shd(tmp_path: Path) -> None:
    """Where the best trial is the blind pick itself, it is set beside the trial that the truth would have picked."""
    folder = make_run(tmp_path / "run", objective="blind")
    numbers = blind_choice.collect(load_run(folder))
    assert numbers is not None
    assert numbers.pruned > 0
    assert numbers.own == min(float(row["val_shd_blind"]) for row in rows_of(folder)) == numbers.shd[numbers.best]
    assert not numbers.oracle
    assert "oracle" not in blind_choice.title(numbers)
    assert "--objective blind" not in blind_choice.caption(numbers, 0)


@pytest.mark.parametrize(("turn", "told"), [(1, "1.00"), (-1, "\N{MINUS SIGN}1.00"), (0, "too few different")])
def test_the_rank_correlation_is_said(tmp_path: Path, turn: int, told: str) -> None:
    """Scores in the order of SHD say 1, in the reverse order -1, and equal scores that nothing can be said."""
    folder = make_run(tmp_path / "run")
    path = folder / "trials.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["state"] == "complete":
            row["blind_score"] = str(turn * float(row["val_shd_blind"]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    numbers = blind_choice.collect(load_run(folder))
    assert numbers is not None
    assert told in blind_choice.title(numbers)
    assert len(np.unique(numbers.score)) == (1 if turn == 0 else len(np.unique(numbers.shd)))


def test_far_trials_stand_at_the_edge_and_are_counted(usual: Path) -> None:
    """A few poor trials do not flatten the rest: they stand at the edge, are told, and pick and best stay inside."""
    run = load_run(usual)
    numbers = blind_choice.collect(run)
    assert numbers is not None
    with theme():
        plot = blind_choice.plot(run)
    assert plot is not None
    axes = plot.figure.axes[0]
    left, right = axes.get_xlim()
    low, top = axes.get_ylim()
    drawn = np.concatenate([np.asarray(marks.get_offsets()) for marks in axes.collections])
    assert len(drawn) == len(numbers.score) + 2
    assert np.all((drawn[:, 0] >= left) & (drawn[:, 0] <= right))
    assert np.all((drawn[:, 1] >= low) & (drawn[:, 1] <= top))
    ends = blind_choice.limits(numbers)
    far = int(np.sum((numbers.score > ends[0]) | (numbers.shd > ends[1])))
    assert far > 0
    assert f"{far} trial" in plot.caption
    for place in (numbers.pick, numbers.best):
        assert numbers.score[place] <= ends[0]
        assert numbers.shd[place] <= ends[1]


def with_pick(folder: Path, gap: float) -> Path:
    """Set the blind pick's SHD a gap over the best trial's, without fresh seeds to ask."""
    make_run(folder, confirm=0)
    summary = summary_of(folder)
    summary["blind"]["val_shd_blind"] = summary["best"]["val_shd"] + gap
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.mark.parametrize(("gap", "much"), [(5, False), (6, True)])
def test_a_much_worse_pick_is_found(tmp_path: Path, gap: int, much: bool) -> None:
    """A pick more than 5 wrong pairs off is a finding that links to the figure; one of exactly 5 is none."""
    run = load_run(with_pick(tmp_path / "run", gap))
    found = list(blind_pick(run))
    assert [finding.title for finding in found] == (["Blind pick much worse"] if much else [])
    assert all(finding.link == "fig-blind_choice" for finding in found)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [({}, ""), ({"truth": False}, "No true graph is known"), ({"failed": 1.1}, "No complete trial has a blind score")],
)
def test_the_section_is_on_the_page(tmp_path: Path, recipe: dict[str, Any], told: str) -> None:
    """The section stands before the table of trials, with its figure or with the reason why there is none."""
    text = write_report(make_run(tmp_path / "run", trials=8, **recipe)).read_text(encoding="utf-8")
    assert 0 < text.index('id="health"') < text.index('id="blind"') < text.index('id="trials"')
    assert ('id="fig-blind_choice"' in text) == (not told)
    assert told in text
