"""The preset that shows the original's failure runs like any sweep, and the switches go through every step."""

import json

import pytest
from commands import only, rerun, sweep, trials

FEW = (
    "-c", "original", "-j", "1", "-n", "4", "--set", "trainer.epochs=4", "--set", "data.rows=300", "--confirm", "1",
)  # fmt: skip
BEFORE = (
    "--set", "trainer.reduction=sum", "--set", "trainer.standardise=none", "--set", "trainer.acyclicity=trace_cubed",
    "--set", "trainer.plateau=none", "--set", "trainer.thresholds=fixed", "--set", "trainer.health_log=false",
)  # fmt: skip


def test_the_preset_searches_and_any_trial_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    """Law: `-c original` searches, reports and is rerun bit for bit; no trial has more edges than it was dealt."""
    assert sweep(*FEW) == 0
    assert (only() / "report.html").exists()
    assert {row["state"] for row in trials(only())} == {"complete"}
    assert max(int(row["edge_count_blind"]) for row in trials(only())) <= 16
    for number in ("0", "3"):
        capsys.readouterr()
        assert rerun(str(only()), "--trial", number, "--json") == 0
        assert json.loads(capsys.readouterr().out)["reproduced"] is True


@pytest.mark.parametrize("preset", ["original", "smoke"])
def test_all_switches_together_search_report_and_repeat(preset: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Law: without any of the measures a sweep still ends in a report, says what it did not log, and is rerun."""
    few = FEW if preset == "original" else ("-c", "smoke", "-j", "1", "-n", "3", "--confirm", "1")
    assert sweep(*few, *BEFORE) == 0
    text = capsys.readouterr().err
    assert "no health log" in text
    assert "nan" not in text
    assert (only() / "report.html").exists()
    complete = [row for row in trials(only()) if row["state"] == "complete"]
    assert {row["avg_grad_clip_ratio"] for row in complete} == {""}
    assert {row["best_threshold"] for row in complete} == {"0.5"}
    assert rerun(str(only()), "--trial", complete[0]["number"], "--json") == 0
    assert json.loads(capsys.readouterr().out)["reproduced"] is True
