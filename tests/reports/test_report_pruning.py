"""Laws of the pruning section: savings and rank correlations are the records', and unsafe pruning is found."""

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import EPOCH_COLUMNS, make_run
from scipy.stats import spearmanr
from test_report_page import page_of

from reports import pruned
from reports.figures import pruning
from reports.page import write_report
from reports.pruned import SAFE, collect
from reports.pruning_finding import unsafe_pruning
from reports.ranks import spearman
from reports.tables import load_run
from sweeps.config import SearchConfig

Row = dict[str, Any]


def trials_of(folder: Path) -> list[Row]:
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def epochs_of(folder: Path) -> list[Row]:
    with gzip.open(folder / "epochs.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def rescored(folder: Path, score: Callable[[int, int, float], float]) -> Path:
    """Rewrite the SHD of the complete trials by epoch: `score(trial, epoch, final)`."""
    final = {int(row["number"]): float(row["val_shd"]) for row in trials_of(folder) if row["state"] == "complete"}
    rows = epochs_of(folder)
    for row in rows:
        trial = int(row["trial"])
        if trial in final:
            row["val_shd"] = score(trial, int(row["epoch"]), final[trial])
    with gzip.open(folder / "epochs.csv.gz", "wt", newline="") as file:
        writer = csv.DictWriter(file, EPOCH_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30))
@settings(max_examples=150)
def test_spearman_is_scipys(pairs: list[tuple[int, int]]) -> None:
    """The rank correlation equals SciPy's, ties included, and is NaN where one side is all equal."""
    first, second = np.array(pairs, dtype=np.float64).T
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(spearman(first, second))
        return
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)
    gap = np.append(first, np.nan), np.append(second, 3.0)
    assert spearman(*gap) == spearman(first, second)


def test_savings_are_the_pruned_trials(usual: Path) -> None:
    """Time saved is the epochs not run, at each pruned trial's own seconds an epoch; section and tile agree."""
    planned = yaml.safe_load((usual / "sweep.yaml").read_text())["trainer"]["epochs"]
    ended = [row for row in trials_of(usual) if row["state"] == "pruned"]
    saved = sum((planned - int(row["epochs"])) * float(row["seconds"]) / int(row["epochs"]) for row in ended)
    run = load_run(usual)
    assert pruned.saved_seconds(run) == pytest.approx(saved)
    numbers = collect(run)
    assert numbers is not None
    spent = sum(float(row["seconds"] or 0) for row in trials_of(usual))
    assert numbers.share == pytest.approx(saved / (saved + spent))
    text = " ".join(text for _, text in page_of(usual).texts)
    assert text.count(f"saved about {saved:.0f} s") >= 2
    assert f"Pruning ended {len(ended)} of 50 trials early" in pruning.title(numbers)


def test_agreement_is_over_complete_trials(usual: Path) -> None:
    """At each epoch the correlation is SciPy's, of that epoch's SHD with the final one of the complete trials."""
    numbers = collect(load_run(usual))
    assert numbers is not None
    final = {row["number"]: float(row["val_shd"]) for row in trials_of(usual) if row["state"] == "complete"}
    for epoch, found in zip(numbers.epoch, numbers.agreement, strict=True):
        there = [row for row in epochs_of(usual) if float(row["epoch"]) == epoch and row["trial"] in final]
        expected = spearmanr([float(row["val_shd"]) for row in there], [final[row["trial"]] for row in there])
        assert found == pytest.approx(expected.statistic, nan_ok=True)
    ended = sorted(int(row["pruned_epoch"]) for row in trials_of(usual) if row["state"] == "pruned")
    assert numbers.median == ended[(len(ended) - 1) // 2]
    assert f"correlation of {numbers.agreed:.2f}" in pruning.title(numbers)


def test_unsafe_pruning_is_found_on_its_side_of_the_limit(tmp_path: Path) -> None:
    """Ranked as at the end: nothing. Reversed until epoch 48: the finding, and a warm-up that long."""
    folder = make_run(tmp_path / "run")
    rescored(folder, lambda _, __, final: final)
    assert list(unsafe_pruning(load_run(folder))) == []
    rescored(folder, lambda _, epoch, final: final if epoch >= 48 else 50 - final)
    (found,) = unsafe_pruning(load_run(folder))
    assert found.title == "Unsafe pruning"
    assert "\N{MINUS SIGN}1.00" in found.text
    assert found.link == "fig-pruning"
    assert found.setting == "--set search.prune_warmup=0.48"
    name = found.setting.removeprefix("--set search.").partition("=")[0]
    assert name in SearchConfig.__dataclass_fields__
    rescored(folder, lambda _, __, final: 50 - final)
    (found,) = unsafe_pruning(load_run(folder))
    assert found.setting == "--pruner none"


def test_the_limit_is_one_half(tmp_path: Path) -> None:
    """The finding comes exactly where the correlation at the median pruning epoch is under the limit."""
    folder = make_run(tmp_path / "run")
    sides = set()
    for noise in range(0, 24, 3):
        rng = np.random.default_rng(noise)
        rescored(folder, lambda _, __, final, rng=rng, noise=noise: final + rng.integers(0, noise + 1))  # type: ignore[misc]
        numbers = collect(load_run(folder))
        assert numbers is not None
        assert bool(list(unsafe_pruning(load_run(folder)))) == (numbers.agreed < SAFE)
        sides.add(numbers.agreed < SAFE)
    assert sides == {True, False}


def test_trials_too_few_or_too_alike_tell_nothing(tmp_path: Path) -> None:
    """Under eight complete trials, or all within one SHD, no correlation is judged, and the title says why."""
    few = make_run(tmp_path / "few", trials=11, failed=0.0, pruned=0.6)
    numbers = collect(load_run(few))
    assert numbers is not None
    assert numbers.judged < 8
    assert "cannot tell whether it was safe" in pruning.title(numbers)
    assert list(unsafe_pruning(load_run(few))) == []
    alike = make_run(tmp_path / "alike")
    rows = trials_of(alike)
    for row in rows:
        row["val_shd"] = 3 + int(row["number"]) % 2 if row["state"] == "complete" else row["val_shd"]
    with (alike / "trials.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    rescored(alike, lambda _, __, final: 50 - final)
    numbers = collect(load_run(alike))
    assert numbers is not None
    assert "too alike to tell" in pruning.title(numbers)
    assert list(unsafe_pruning(load_run(alike))) == []


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"pruned": 0.0}, "No trial was pruned: the pruner cohort found none"),
        ({"pruned": 0.0, "objective": "blind"}, "a blind sweep never prunes"),
        ({"pruned": 0.0, "truth": False}, "a blind sweep never prunes"),
    ],
    ids=str,
)
def test_a_run_without_pruning_says_so(tmp_path: Path, recipe: Row, told: str) -> None:
    """Where nothing was pruned the section is a sentence, there is no figure and no finding."""
    folder = make_run(tmp_path / "run", trials=6, **recipe)
    write_report(folder)
    page = page_of(folder)
    assert any(told in text for tag, text in page.texts if tag == "p")
    assert "fig-pruning" not in [attributes["id"] for attributes in page.having("figure")]
    assert not (folder / "figures" / "pruning.png").exists()
    assert list(unsafe_pruning(load_run(folder))) == []


def test_pruned_trials_without_curves_are_told(tmp_path: Path) -> None:
    """A folder without epochs.csv.gz still says how many were pruned and what that saved."""
    folder = make_run(tmp_path / "run")
    (folder / "epochs.csv.gz").unlink()
    run = load_run(folder)
    assert collect(run) is None
    assert f"{run.having('pruned')} trials were pruned, which saved about" in pruned.note(run)
    assert "not recorded" in pruned.note(run)


def test_many_curves_are_thinned_and_counted(tmp_path: Path) -> None:
    """Of 300 trials 80 curves are drawn, the best one among them, and the caption says so."""
    numbers = collect(load_run(make_run(tmp_path / "run", trials=300)))
    assert numbers is not None
    chosen = pruning.shown_curves(numbers)
    assert len(chosen) == len(set(chosen.tolist())) == pruning.MOST_CURVES
    assert numbers.best in numbers.trial[chosen]
    drawn = np.isfinite(numbers.ended[chosen]).mean()
    assert drawn == pytest.approx(np.isfinite(numbers.ended).mean(), abs=0.05)
    assert f"80 shown of {len(numbers.trial)} trials" in pruning.caption(numbers, chosen, 0, True)
