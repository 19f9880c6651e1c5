"""Laws of what the data find fault with: sortable directions and copied variables, on both sides of each limit."""

import json
from pathlib import Path
from typing import Any

import pytest
from run_folders import HOSTILE, make_run
from test_report_baselines import extended

from reports import wording
from reports.data_findings import DATA_RULES
from reports.finding import Finding
from reports.page import write_report
from reports.tables import load_run


def found(folder: Path) -> dict[str, Finding]:
    run = load_run(folder)
    return {finding.title: finding for rule in DATA_RULES for finding in rule(run)}


@pytest.mark.parametrize(
    ("variance", "explained", "told"),
    [
        (0.9, 0.9, ""),
        (0.05, 0.5, ""),
        (0.91, 0.9, "variance rises along 0.91 of them (0.5"),
        (0.5, 0.901, ": R\u00b2 rises along 0.90 of them (0.5"),
        (0.95, 1.0, "variance rises along 0.95 of them and R\u00b2 rises along 1.00 of them (0.5"),
    ],
)
def test_sortable_data_are_found(tmp_path: Path, variance: float, explained: float, told: str) -> None:
    """Sortability over 0.9, by variance or by R squared, is a finding with what sorting alone reaches; 0.9 is none."""
    folder = extended(
        tmp_path / "run",
        {"name": "sortnregress_var", "var_sortability": variance},
        {"name": "sortnregress_r2", "r2_sortability": explained},
    )
    items = found(folder)
    assert set(items) == ({"Sortable data"} if told else set())
    if told:
        text = items["Sortable data"].text
        assert told in text
        assert ("sortnregress by variance alone reaches SHD 11" in text) == (variance > 0.9)
        assert ("sortnregress by R\u00b2 alone reaches SHD 12" in text) == (explained > 0.9)
        assert items["Sortable data"].link == "compared"


def test_nothing_is_said_of_sorting_that_was_not_recorded(usual: Path, blind: Path) -> None:
    """A folder without sortabilities, or without a true graph, is no sortable one."""
    assert not found(usual)
    assert not found(blind)


def with_copies(folder: Path, copies: Any, **recipe: Any) -> Path:
    make_run(folder, **recipe)
    path = folder / "environment.json"
    environment = json.loads(path.read_text())
    environment["data"]["duplicated"] = copies
    path.write_text(json.dumps(environment))
    return folder


@pytest.mark.parametrize("copies", [{}, None])
def test_no_copies_no_finding(tmp_path: Path, copies: Any) -> None:
    """Where no variable is a copy, or an old folder does not say, there is no finding."""
    assert not found(with_copies(tmp_path / "run", copies))


def test_copies_are_named(tmp_path: Path) -> None:
    """Copied variables are named with what they copy, the first eight of many."""
    one = found(with_copies(tmp_path / "one", {"feed_temp": "oil_temp"}))["Duplicated variables"]
    assert one.text.startswith("1 variable is a copy of another one (|r| > 0.999): feed_temp (of oil_temp). ")
    many = found(with_copies(tmp_path / "many", {f"copy_{k}": "oil_temp" for k in range(11)}))["Duplicated variables"]
    assert many.text.startswith("11 variables are copies of others")
    assert "copy_7 (of oil_temp) and 3 more" in many.text
    assert "copy_8" not in many.text


def test_hostile_copies_are_text(tmp_path: Path) -> None:
    """Names of copies that look like markup appear as text, in the finding and in the setup."""
    copies = {HOSTILE[0]: HOSTILE[1]}
    page = write_report(with_copies(tmp_path / "run", copies, names=HOSTILE, trials=3)).read_text(encoding="utf-8")
    assert "Duplicated variables" in page
    assert "copy" in page
    assert page.count("<script") == 2
    assert wording.clean(HOSTILE[0]).replace("<", "&lt;").replace(">", "&gt;") in page
