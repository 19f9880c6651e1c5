"""Laws of the methods beside a sweep: each is in the table, the best is named as what it is, none drowns the figure."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run

from reports.answer import answer
from reports.figures import progress
from reports.page import write_report
from reports.references import compared
from reports.scores import best_baseline
from reports.tables import load_run

Row = dict[str, Any]
FURTHER: list[Row] = [
    {"name": "var_stability", "label": "VAR(1), stability selection", "oracle": "false", "shd": 4, "f1": 0.8},
    {"name": "var_held_out", "label": "VAR(1), held-out error", "oracle": "false", "shd": 5, "f1": 0.75},
    {"name": "sortnregress_var", "label": "sortnregress by variance", "oracle": "false", "shd": 11, "f1": 0.4,
     "var_sortability": 0.673},
    {"name": "sortnregress_r2", "label": "sortnregress by R\u00b2", "oracle": "false", "shd": 12, "f1": 0.3,
     "r2_sortability": 0.914},
    {"name": "pcmci", "label": "PCMCI", "oracle": "false", "error": "tigramite is not installed"},
]  # fmt: skip


def extended(folder: Path, *changes: Row) -> Path:
    """Make a run whose baselines.csv has the further methods, some of them changed by name."""
    make_run(folder)
    path = folder / "baselines.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[Row] = [*csv.DictReader(file), *FURTHER]
    known = {row["name"]: row for row in changes}
    rows = [row | known.get(row["name"], {}) for row in rows]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def first_sentence(folder: Path) -> str:
    return answer(load_run(folder)).sentences[0].replace("\N{NO-BREAK SPACE}", " ")


def test_every_method_has_a_row(tmp_path: Path) -> None:
    """Each method is a row with its scores; one without a graph has the reason; sortability is one sentence."""
    table = compared(load_run(extended(tmp_path / "run")))
    assert table is not None
    rows = {row[0]: row for row in table.rows}
    assert rows["VAR(1), stability selection"][1:4] == ("blind", "4", "0.80")
    assert rows["PCMCI"][-1] == "tigramite is not installed"
    assert rows["PCMCI"][2] == rows["PCMCI"][3] == "\N{EN DASH}"
    assert "0.67 by variance and 0.91 by R\u00b2" in table.caption
    plain = compared(load_run(make_run(tmp_path / "plain")))
    assert plain is not None
    assert "ortability" not in plain.caption


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("var_stability", "a simple method is closer: VAR(1), stability selection, SHD 0"),
        ("sortnregress_r2", "a simple method is closer: sortnregress by R\u00b2, SHD 0"),
        ("pcmci", "another learner is closer: PCMCI, SHD 0"),
    ],
)
def test_the_first_sentence_says_what_is_closer(tmp_path: Path, name: str, said: str) -> None:
    """Whichever method is closest is named in the first sentence, other people's learners as such."""
    folder = extended(tmp_path / "run", {"name": name, "shd": 0, "f1": 1.0, "edge_count": 13, "error": ""})
    summary = json.loads((folder / "summary.json").read_text())
    summary["best"]["val_shd"] = 1
    (folder / "summary.json").write_text(json.dumps(summary))
    assert said in first_sentence(folder)
    assert answer(load_run(folder)).verdict == "doubt"


def test_of_equals_the_one_that_never_saw_the_truth_is_named(tmp_path: Path) -> None:
    """Where a blind method is as close as one at an oracle cut, the blind one is what has to be beaten."""
    run = load_run(make_run(tmp_path / "plain"))
    rival = best_baseline(run)
    assert rival is not None
    assert rival.oracle
    equal = {"name": "var_stability", "shd": rival.shd, "f1": 0.1}
    found = best_baseline(load_run(extended(tmp_path / "run", equal)))
    assert found is not None
    assert found.name == "var_stability"


def test_the_figure_shows_the_best_three(tmp_path: Path) -> None:
    """Beside nothing and chance, the three lowest lines are drawn, each method once."""
    run = load_run(extended(tmp_path / "run"))
    numbers = progress.collect(run)
    assert numbers is not None
    names = [name for name, _ in numbers.references]
    assert names[:2] == ["empty graph", "chance"]
    assert len(names) == 5
    drawn = [shd for _, shd in numbers.references[2:]]
    best: dict[str, float] = {}
    for row in run.baselines:
        if row.name not in ("empty", "chance", "chance_floor", "pcmci"):
            method = row.label.removesuffix(", best cut").removeprefix("VAR(1), ")
            best[method] = min(best.get(method, row.shd), row.shd)
    assert sorted(drawn) == sorted(best.values())[:3]
    assert {name.removesuffix(" (oracle)") for name in names[2:]} <= set(best)


def test_the_page_is_written(tmp_path: Path) -> None:
    """A report with all methods, one of them without a graph, is written and names them all."""
    folder = extended(tmp_path / "run")
    write_report(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for row in FURTHER:
        assert row["label"] in page
