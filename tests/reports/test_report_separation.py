"""Laws of the finding that the winner is not separated: who is inside its interval, on both sides of the limit."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from run_folders import edit_trials, make_run

from reports.findings import findings
from reports.separation import not_separated, standing
from reports.tables import load_run


def contest(
    folder: Path, others: list[float], high: float | None, *, pick: list[float] | None = None, own: float = 2.0
) -> Path:
    """A run whose winner has SHD `own` and an interval up to `high`; the other trials' SHDs; the blind pick's seeds."""
    make_run(folder, trials=len(others) + 1, failed=0.0, pruned=0.0, confirm=5 if high is not None else 0, data=0)
    shd = [own, *others]

    def score(row: dict[str, str]) -> None:
        row["val_shd"], row["val_f1"] = str(shd[int(row["number"])]), "0.5"

    edit_trials(folder, score)
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    summary["best"] |= {"number": 0, "val_shd": own}
    if high is not None:
        summary["confirm"] |= {"shd_mean": (own + high) / 2, "shd_low": own - 1, "shd_high": high}
        path = folder / "confirm" / "seeds.csv"
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for k, row in enumerate(rows):
            row["trial"] = "0" if row["pick"] == "oracle" or pick is None else "1"
            if pick is not None and row["pick"] == "blind":
                row["val_shd"] = str(pick[k % len(pick)])
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.mark.parametrize(
    ("others", "high", "equal"),
    [
        ([4, 4, 9], 4.0, 2),
        ([4, 4, 9], 3.9, 0),
        ([5, 6, 7], 4.0, 0),
        ([2, 5, 6], 1.0, 1),
        ([3, 5, 6], 1.0, 0),
        ([2, 2, 3], None, 2),
        ([3, 3, 3], None, 0),
    ],
)
def test_who_is_inside(tmp_path: Path, others: list[float], high: float | None, equal: int) -> None:
    """A trial is inside up to the interval's end and not beyond; with none, or a luckier mean, only ties are."""
    run = load_run(contest(tmp_path / "run", others, high))
    found = standing(run)
    assert found is not None
    assert (found.equal, found.of) == (equal, 3)
    told = list(not_separated(run))
    assert len(told) == (equal > 0)
    if told:
        verb = "has" if equal == 1 else "have"
        assert told[0].text.startswith(f"{equal} of 3 other complete trials {verb} ")
        assert f"Treat the top {equal + 1} as equal" in told[0].advice
        assert told[0].setting.endswith("--trial 1 --seeds 5")
        assert told[0] in findings(run)


def test_words_say_what_it_rests_on(tmp_path: Path) -> None:
    """With fresh seeds the interval is quoted, without them the tie."""
    (inside,) = not_separated(load_run(contest(tmp_path / "seeds", [3, 9], 4.0)))
    assert "the winner's 95 % interval on fresh seeds (1.0 to 4.0)" in inside.text
    (tie,) = not_separated(load_run(contest(tmp_path / "none", [2, 9], None)))
    assert tie.text == "1 of 2 other complete trials has the winner's SHD of 2 too."


@pytest.mark.parametrize(
    ("own", "pick", "equal", "told"),
    [
        (9, [4, 5, 6, 7, 8], 1, True),
        (9, [5, 5, 6, 7, 8], 0, False),
        (3, [5, 5, 6, 7, 8], 0, False),
        (3, [4, 4, 4, 4, 4], 1, True),
    ],
)
def test_the_blind_pick_is_judged_by_its_fresh_seeds(
    tmp_path: Path, own: float, pick: list[float], equal: int, told: bool
) -> None:
    """Where the blind pick was trained again, its fresh seeds decide, not its one score in the sweep."""
    run = load_run(contest(tmp_path / "run", [own, 20], 4.0, pick=pick))
    found = standing(run)
    assert found is not None
    assert found.equal == equal
    text = "".join(item.text for item in not_separated(run))
    mean = f"{sum(pick) / 5:.1f} on average, is among them"
    assert (mean in text) == told


def test_pruned_and_failed_trials_are_not_rivals(tmp_path: Path) -> None:
    """A score from the middle of a training is not compared with a final one."""
    folder = contest(tmp_path / "run", [3, 3, 3], 4.0)
    states = ["complete", "pruned", "failed", "complete"]
    edit_trials(folder, lambda row: row.update(state=states[int(row["number"])]))
    found = standing(load_run(folder))
    assert found is not None
    assert (found.equal, found.of, found.next) == (1, 1, 3)


def test_without_a_truth_the_blind_score_decides(tmp_path: Path) -> None:
    """No true graph: the spread of the winner's blind score over fresh seeds, from lowest to highest."""
    folder = make_run(tmp_path / "run", trials=4, failed=0.0, pruned=0.0, truth=False)
    best = int(json.loads((folder / "summary.json").read_text())["best"]["number"])
    scores = iter(["-7.9", "-7.8", "-7.7"])
    edit_trials(folder, lambda row: row.update(blind_score="-8" if int(row["number"]) == best else next(scores)))
    path = folder / "confirm" / "seeds.csv"
    path.write_text(path.read_text().replace("-7.9,", "-7.8,", 1))
    summary = json.loads((folder / "summary.json").read_text())
    summary["best"]["blind_score"] = -8
    (folder / "summary.json").write_text(json.dumps(summary))
    found = standing(load_run(folder))
    assert found is not None
    assert (found.low, found.high, found.interval) == (-7.9, -7.8, False)
    assert (found.equal, found.of) == (2, 3)
    (told,) = not_separated(load_run(folder))
    assert "range on fresh seeds (\N{MINUS SIGN}7.900 to \N{MINUS SIGN}7.800)" in told.text


def test_no_winner_no_finding(tmp_path: Path) -> None:
    """Where nothing completed there is nobody to compare with."""
    run = load_run(make_run(tmp_path / "run", trials=6, failed=1.1))
    assert standing(run) is None
    assert list(not_separated(run)) == []
