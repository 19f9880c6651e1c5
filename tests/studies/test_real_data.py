"""Laws on measured data: read in its own form, told as it is, and reported without more than was found."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import ROOT, only, sweep, trials

DATA = ROOT.parent / "shared" / "data"
FEW = ("-c", "smoke", "-j", "1", "-n", "6", "--confirm", "2", "--set", "trainer.epochs=4")
AIR = ("--data", str(DATA / "air_quality" / "AirQualityUCI.csv"), "--graph",
       str(DATA / "air_quality" / "reference_edges.csv"), "--set", "trainer.batch_size=512")  # fmt: skip
SACHS = ("--data", str(DATA / "sachs" / "sachs_observational.csv"), "--graph",
         str(DATA / "sachs" / "consensus_edges.csv"))  # fmt: skip

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data is not beside this checkout")


def summary() -> dict[str, Any]:
    """The summary of the one run."""
    return dict(json.loads((only() / "summary.json").read_text()))


def opening() -> str:
    """The report's words up to the end of its first paragraph of answer, without markup."""
    page = (only() / "report.html").read_text(encoding="utf-8")
    body = re.sub(r"(?s)<(style|script|svg).*?</\1>", " ", page.partition("<body")[2])
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))[:1500]


def test_air_quality(capsys: pytest.CaptureFixture[str]) -> None:
    """The original file runs as it is: 9357 rows of 13 variables, -200 said to be missing, and the answer is honest."""
    assert sweep(*FEW, *AIR) == 0
    text = capsys.readouterr().err
    assert "AirQualityUCI, 9,357 rows x 13 variables" in text
    assert "13 true edges" in text
    assert "-200" in text
    assert "NMHC(GT) 90 %" in text
    environment = json.loads((only() / "environment.json").read_text())["data"]
    assert (environment["rows"], len(environment["variables"]), environment["has_time"]) == (9357, 13, True)
    assert any("-200" in note for note in environment["notes"])
    found = summary()
    assert found["baselines"]["empty"]["shd"] == 13
    beaten = found["best"]["val_shd"] < 13  # by luck: six trials of four epochs have a cut each, chosen by the truth
    assert "Do not rely on this graph" in opening() or "but not on fresh seeds" in opening()
    assert ("not better than the empty graph (SHD 13)" in opening()) != beaten
    assert {row["state"] for row in trials(only())} <= {"complete", "pruned"}


def test_air_quality_blind(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a graph the search is blind, no accuracy appears, and the report is built."""
    assert sweep(*FEW, *AIR[:2], *AIR[4:], "-n", "3") == 0
    streams = capsys.readouterr()
    assert "no true graph" in streams.err
    assert "SHD" not in streams.err
    assert summary()["objective"] == "blind"
    assert {row["val_shd"] for row in trials(only())} == {""}
    assert (only() / "report.html").exists()


@pytest.mark.usefixtures("no_report")
def test_sachs(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows without time are learned with max_lag 0, and no warning about time is given."""
    assert sweep(*FEW, *SACHS, "--set", "trainer.max_lag=0") == 0
    text = capsys.readouterr().err
    assert "853 rows x 11 variables" in text
    assert "17 true edges" in text
    assert "as if the rows had no time" not in text
    assert json.loads((only() / "environment.json").read_text())["data"]["has_time"] is False


@pytest.mark.usefixtures("no_report")
def test_sachs_with_lags_is_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    """Independent rows taken for a series are noticed, with the setting that is right for them."""
    assert sweep(*FEW, *SACHS, "-n", "2") == 0
    text = capsys.readouterr().err
    assert "warning: no variable depends on its own past, as if the rows had no time" in text
    assert "hint: for independent rows use --set trainer.max_lag=0" in text


def test_the_shared_files_are_left_alone() -> None:
    """Reading writes nothing beside the data."""
    assert {path.name for path in Path(DATA / "sachs").iterdir()} == {"sachs_observational.csv", "consensus_edges.csv"}
