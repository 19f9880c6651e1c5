"""Laws of confirmation: fresh seeds, the trial's own settings, and an interval that is Student's."""

import csv
import json
import math
from pathlib import Path

import pytest
from commands import SMALL, only, sweep, table, trials
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from studies.confirm import SEED_COLUMNS, fresh_seeds, interval, summary_of
from studies.search import derived_seed

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


@pytest.mark.usefixtures("no_report")
def test_the_winner_on_fresh_seeds() -> None:
    """confirm/seeds.csv has a row a seed and agrees with the summary; the records do not depend on --confirm."""
    assert sweep(*SMALL, "--confirm", "3", "-q", "-o", "with") == 0
    assert sweep(*SMALL, "--confirm", "0", "-q", "-o", "none") == 0
    assert trials(only("with")) == trials(only("none"))
    assert not (only("none") / "confirm").exists()
    text = (only("with") / "confirm" / "seeds.csv").read_text()
    assert next(csv.reader(text.splitlines())) == list(SEED_COLUMNS)
    rows = table(only("with") / "confirm" / "seeds.csv")
    summary = json.loads((only("with") / "summary.json").read_text())
    best, block = summary["best"], summary["confirm"]
    assert [int(row["seed"]) for row in rows] == fresh_seeds(1337, best["number"], 3)
    assert block["n"] == 3
    assert block["shd_mean"] == pytest.approx(sum(float(row["val_shd"]) for row in rows) / 3)
    assert block["shd_low"] <= block["shd_mean"] <= block["shd_high"]
    assert len({row["weights_hash"] for row in rows} | {best["weights_hash"]}) == 4


@pytest.mark.usefixtures("no_report")
def test_fewer_fresh_seeds_later() -> None:
    """A run that is finished again with --confirm 0 keeps no seeds that its summary does not speak of."""
    assert sweep(*SMALL, "--confirm", "2", "-q") == 0
    assert sweep(*SMALL, "--confirm", "0", "-q") == 0
    summary = json.loads((only() / "summary.json").read_text())
    assert (summary["confirm"] is None) == (not Path(only() / "confirm" / "seeds.csv").exists())
