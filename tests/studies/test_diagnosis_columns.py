"""Laws of what a sweep keeps of the diagnosis: each trial's columns are a mean over its last evaluations."""

import json
import math
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import ALL_STATES, SMALL, only, results, signal_at, sweep, table, trials
from hypothesis import given
from hypothesis import strategies as st

from studies.records import DIAGNOSIS_COLUMNS, compress, decompress, read_rows, settled, write_rows

SHARES = DIAGNOSIS_COLUMNS[:4]

pytestmark = pytest.mark.usefixtures("no_report")


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=45))
def test_settled_is_the_mean_of_the_last_tenth(values: list[float]) -> None:
    """At least one evaluation counts; nine give the last, twenty the last two; a missing one gives none."""
    rows: list[dict[str, Any]] = [dict.fromkeys(DIAGNOSIS_COLUMNS, value) for value in values]
    count = max(1, int(len(values) / 10))
    expected = pytest.approx(sum(values[-count:]) / count)
    assert all(value == expected for value in settled(rows).values())
    for nothing in (None, math.nan):
        rows[-1] = {**rows[-1], "graph_gradient": nothing}
        assert settled(rows)["graph_gradient"] is None
        assert settled(rows)["grad_share_recon"] == expected


def test_every_trial_has_its_diagnosis() -> None:
    """Each row of trials.csv has the mean of its last evaluations; shares add up; the best trial's log has them too."""
    assert sweep(*SMALL, "--set", "trainer.epochs=40", "--set", "trainer.evaluate_every=2", "-q") == 0
    epochs = read_rows(decompress((only() / "epochs.csv.gz").read_bytes()))
    for row in read_rows((only() / "trials.csv").read_text()):
        own = [item for item in epochs if item["trial"] == row["number"]]
        last = own[-max(1, len(own) // 10) :]
        for name in DIAGNOSIS_COLUMNS:
            assert row[name] == pytest.approx(sum(item[name] for item in last) / len(last))
        assert all(sum(item[name] for name in SHARES) == pytest.approx(1.0) for item in own)
        assert all(item["graph_gradient"] > 0 for item in own)
    log = json.loads((only() / "best" / "training_log.json").read_text())
    best = json.loads((only() / "summary.json").read_text())["best"]["number"]
    mine = [item for item in epochs if item["trial"] == best]
    assert [{name: item[name] for name in DIAGNOSIS_COLUMNS} for item in log] == [
        {name: item[name] for name in DIAGNOSIS_COLUMNS} for item in mine
    ]


def test_a_stop_in_between_leaves_the_same_means(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial that was continued has the columns of one that was not, failed ones included."""
    assert sweep(*ALL_STATES, "-q", "-o", "whole") == 0
    with monkeypatch.context() as patch:
        signal_at(patch, signal.SIGINT, at_round=3)
        assert sweep(*ALL_STATES, "-q", "-o", "stopped") == 130
    assert sweep(*ALL_STATES, "-q", "-o", "stopped") == 0
    assert results(only("stopped")) == results(only("whole"))


def test_nothing_is_kept_without_the_health_log() -> None:
    """Off means blank cells, and the same weights."""
    assert sweep(*SMALL, "-q", "-o", "on") == 0
    assert sweep(*SMALL, "-q", "-o", "off", "--set", "trainer.health_log=false") == 0
    on, off = (trials(only(where)) for where in ("on", "off"))
    assert [row["weights_hash"] for row in on] == [row["weights_hash"] for row in off]
    rows = [*off, *table(only("off") / "epochs.csv.gz")]
    assert {row[name] for row in rows for name in DIAGNOSIS_COLUMNS} == {""}


def strip(path: Path) -> None:
    """Take the diagnosis out of a record, as a version that did not know of it wrote it."""
    packed = path.suffix == ".gz"
    rows = read_rows(decompress(path.read_bytes()) if packed else path.read_text())
    names = [name for name in rows[0] if name not in DIAGNOSIS_COLUMNS]
    text = write_rows(rows, names)
    path.write_bytes(compress(text) if packed else text.encode())


def test_an_older_run_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder without these columns goes on; what was not measured stays blank."""
    with monkeypatch.context() as patch:
        signal_at(patch, signal.SIGINT, at_round=3)
        assert sweep(*SMALL, "-q") == 130
    for name in ("trials.csv", "epochs.csv.gz"):
        if (only() / name).exists():
            strip(only() / name)
    state = torch.load(only() / "checkpoint.pt", weights_only=True)
    del state["sums"]  # such a version kept none
    torch.save(state, only() / "checkpoint.pt")
    assert sweep(*SMALL, "-n", "24", "-q") == 0
    rows = trials(only())
    assert len(rows) == 24
    assert all(row["graph_gradient"] for row in rows[20:])
    assert table(only() / "epochs.csv.gz")[0]["graph_gradient"] == ""
