"""Laws of what the report says of fresh seeds and fresh data: the folder's numbers, and faults that are found."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_folders import make_run

from reports.answer import answer
from reports.figures import fresh, returns
from reports.finding import Finding
from reports.fresh_findings import FRESH_RULES
from reports.page import write_report
from reports.references import compared
from reports.scores import fresh_blind, fresh_data, fresh_seeds
from reports.tables import load_run

Row = dict[str, Any]


def confirm_of(folder: Path) -> Row:
    return dict(json.loads((folder / "summary.json").read_text())["confirm"])


def change(folder: Path, block: Row) -> None:
    """Replace the summary's word on fresh seeds and data."""
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"confirm": block}))


def rows_of(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / "confirm" / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def found(folder: Path) -> dict[str, Finding]:
    """The findings about fresh seeds and data, by title."""
    run = load_run(folder)
    return {item.title: item for rule in FRESH_RULES for item in rule(run)}


def test_picks_are_told_apart(usual: Path) -> None:
    """The best trial's numbers are of its own rows at the tuned cut, the blind pick's of its own at the blind cut."""
    run = load_run(usual)
    for name, mine, other in (
        ("seeds.csv", fresh_seeds(run), fresh_blind(run)), ("data.csv", fresh_data(run), fresh_blind(run, data=True)),
    ):  # fmt: skip
        rows = rows_of(usual, name)
        for pick, got, suffix in (("oracle", mine, ""), ("blind", other, "_blind")):
            expected = [float(row[f"val_shd{suffix}"]) for row in rows if row["pick"] == pick]
            assert got is not None
            assert got.each.tolist() == expected
            assert got.shd.mean == pytest.approx(np.mean(expected))
            assert (got.n, got.interval) == (5, True)


def test_a_failed_training_is_no_score(tmp_path: Path) -> None:
    """A row with a reason and no score is left out of what is drawn."""
    folder = make_run(tmp_path / "run")
    path = folder / "confirm" / "seeds.csv"
    head, first, *rest = path.read_text().splitlines()
    blank = dict.fromkeys(head.split(","), "") | {"seed": "1", "pick": "oracle", "trial": "3", "error": "not finite"}
    path.write_text("\n".join([head, ",".join(blank.values()), *rest]) + "\n")
    got = fresh_seeds(load_run(folder))
    assert got is not None
    assert len(got.each) == 4
    assert np.isfinite(got.each).all()
    assert first


def test_the_figure_draws_what_was_trained(usual: Path, blind: Path, tmp_path: Path) -> None:
    """A line each for sweep, fresh seeds and fresh data of both picks; the title states mean and gap; none unscored."""
    numbers = fresh.collect(load_run(usual))
    assert numbers is not None
    block = confirm_of(usual)
    assert [line.label.split(",")[0].split(" (")[0] for line in numbers.lines] == [
        "best trial", "its settings", "its settings", "blind pick", "its settings", "its settings",
    ]  # fmt: skip
    assert fresh.title(numbers).startswith(
        f"On fresh seeds SHD is {block['shd_mean']:.1f}, {block['shd_gap']:.1f} more"
    )
    assert fresh.title(numbers).endswith(f"on fresh data it is {block['data']['shd_mean']:.1f}")
    assert [name for name, _ in numbers.references][0] == "empty graph"
    assert fresh.collect(load_run(blind)) is None
    assert fresh.collect(load_run(make_run(tmp_path / "none", confirm=0))) is None
    alone = fresh.collect(load_run(make_run(tmp_path / "blind", objective="blind", data=0)))
    assert alone is not None
    assert len(alone.lines) == 2


def test_edges_are_drawn_by_how_often_they_return(usual: Path, blind: Path) -> None:
    """Every edge of the file is known, most frequent first, with its share at the judged cut and what it is."""
    for folder, column in ((usual, "frequency_oracle"), (blind, "frequency_blind")):
        rows, numbers = rows_of(folder, "edges.csv"), returns.collect(load_run(folder))
        assert numbers is not None
        shares = [edge.judged for edge in numbers.edges]
        assert shares == sorted((float(row[column]) for row in rows), reverse=True)
        assert sum(edge.in_best for edge in numbers.edges) == sum(row["in_sweep_graph"] == "true" for row in rows)
        always, ever = sum(share == 1 for share in shares), sum(share > 0 for share in shares)
        assert returns.title(numbers).startswith(f"{always} of {ever} edges seen ")
        kinds = {edge.kind for edge in numbers.edges}
        assert kinds == {"learned"} if folder == blind else kinds <= {"correct", "extra", "missing"}
    right = [edge for edge in returns.collect(load_run(usual)).edges if edge.kind == "correct"]  # type: ignore[union-attr]
    true = [row for row in rows_of(usual, "edges.csv") if row["true"] == "true" and float(row["frequency_oracle"]) > 0]
    assert len(right) == len(true)


def test_missing_edges_are_always_drawn(tmp_path: Path) -> None:
    """Where not all edges fit, those that are true and never found are among the drawn, and the caption counts."""
    folder = make_run(tmp_path / "run", skill=0.25, edges=20, names=[f"v{n}" for n in range(16)])
    run = load_run(folder)
    numbers = returns.collect(run)
    assert numbers is not None
    missing = [edge for edge in numbers.edges if edge.kind == "missing"]
    assert len(numbers.edges) > returns.MOST == len(numbers.drawn)
    assert missing
    assert numbers.drawn[-len(missing) :] == missing
    assert set(numbers.drawn) <= set(numbers.edges)
    plot = returns.plot(run)
    assert plot is not None
    assert f"{returns.MOST} shown of {len(numbers.edges)} edges" in plot.caption


def test_the_comparison_has_a_row_for_each_way(usual: Path) -> None:
    """The table of references holds fresh seeds and fresh data of winner and blind pick, each at its own cut."""
    table, block = compared(load_run(usual)), confirm_of(usual)
    assert table is not None
    rows = {row[0]: row for row in table.rows}
    for name, cut, item in (
        ("best settings on 5 fresh seeds", "oracle", block),
        ("best settings on 5 fresh data sets", "oracle", block["data"]),
        ("blind pick on 5 fresh seeds", "blind", block["blind"]),
        ("blind pick on 5 fresh data sets", "blind", block["data"]["blind"]),
    ):
        assert rows[name][1] == cut
        assert rows[name][2].startswith(f"{item['shd_mean']:.1f} (")
        assert float(rows[name][4]) == pytest.approx(item["edges_mean"], abs=0.051)


def even(folder: Path, **parts: Row) -> Row:
    """Return a block without any fault: all as in the sweep, all edges in every graph."""
    summary = json.loads((folder / "summary.json").read_text())
    own = float(summary["best"]["val_shd"])
    same = {"shd_mean": own, "shd_low": own - 0.5, "shd_high": own + 0.5, "edges_always": 12, "edges_ever": 13}
    block = {**summary["confirm"], **same}
    block["blind"] = {**summary["confirm"]["blind"], **same} | parts.get("blind", {})
    block["data"] = {**summary["confirm"]["data"], **same} | parts.get("data", {})
    return block | parts.get("seeds", {})


@pytest.mark.parametrize(
    ("parts", "title", "told"),
    [
        ({}, "", ""),
        ({"seeds": {"shd_mean": 3.5, "shd_low": 1.0}}, "Lucky winner", "1.5 more than the sweep's own 2"),
        ({"seeds": {"shd_mean": 2.6, "shd_low": 2.2}}, "Lucky winner", "0.6 more than the sweep's own 2"),
        ({"seeds": {"shd_mean": 0.3, "shd_low": 0.0, "shd_high": 0.6}}, "Unlucky winner", "0.0 to 0.6"),
        ({"data": {"shd_mean": 3.2}}, "Tuned to this data set", "1.2 more than on fresh seeds"),
        ({"blind": {"shd_mean": 7.2}}, "Blind pick much worse", "has SHD 7.2 on 5 fresh seeds"),
        (
            {"data": {"n": 3, "failed": 2}},
            "Fresh training failed",
            "On 2 of 5 fresh data sets the best settings failed",
        ),
        ({"blind": {"edges_always": 6}}, "Edges change with the seed", "6 of the 13 edges that 5 fresh seeds learn"),
    ],
)
def test_each_fault_is_found_alone(tmp_path: Path, parts: dict[str, Row], title: str, told: str) -> None:
    """Luck, bad luck, settings that suit one data set, a poor blind pick and fickle edges are found, by the rule."""
    folder = make_run(tmp_path / "run")
    change(folder, even(folder, **parts))
    rules = found(folder)
    if parts.get("seeds", {}).get("shd_mean", 9) < 2:  # then fresh data, as in the sweep, are worse than fresh seeds
        rules.pop("Tuned to this data set")
    assert set(rules) == ({title} if title else set())
    assert not title or told in rules[title].text


def test_settings_that_fail_on_every_fresh_seed(tmp_path: Path) -> None:
    """Where every fresh training failed the answer says so, instead of that none was run."""
    folder = make_run(tmp_path / "run", data=0)
    none = dict.fromkeys(("shd_mean", "shd_low", "shd_high", "shd_gap", "f1_mean", "f1_low", "f1_high", "f1_gap"))
    change(folder, confirm_of(folder) | none | {"n": 0, "failed": 5})
    assert answer(load_run(folder)).sentences[2].startswith("The same settings failed on fresh seeds")
    assert found(folder)["Fresh training failed"].grave


def test_the_section_says_when_there_is_nothing(tmp_path: Path) -> None:
    """Without fresh seeds the section says so, and no finding is made of what was not run."""
    folder = make_run(tmp_path / "run", confirm=0)
    write_report(folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "nothing says how much of this is luck" in page
    assert found(folder).keys() <= {"Blind pick much worse"}


def test_folders_of_version_0_1_still_open(tmp_path: Path) -> None:
    """Rows without picks, no data.csv, no edges.csv and a summary without their blocks give a report."""
    folder = make_run(tmp_path / "run", data=0)
    path = folder / "confirm" / "seeds.csv"
    rows = [row for row in rows_of(folder, "seeds.csv") if row["pick"] == "oracle"]
    kept = [name for name in rows[0] if name not in ("pick", "trial", "error")]
    path.write_text("\n".join([",".join(kept), *(",".join(row[name] for name in kept) for row in rows)]) + "\n")
    (folder / "confirm" / "edges.csv").unlink()
    old = ("n", "shd_mean", "shd_low", "shd_high", "f1_mean", "f1_low", "f1_high")
    change(folder, {name: confirm_of(folder)[name] for name in old})
    run = load_run(folder)
    got = fresh_seeds(run)
    assert got is not None
    assert len(got.each) == 5
    assert (fresh_data(run), fresh_blind(run), returns.collect(run)) == (None, None, None)
    write_report(folder)
    assert "fig-fresh_seeds" in (folder / "report.html").read_text(encoding="utf-8")


def test_an_arrow_keeps_its_direction(tmp_path: Path) -> None:
    """Names that are read from right to left stand between marks, so that cause and effect do not change places."""
    folder = make_run(tmp_path / "run", names=("\u05d0\u05d1", "\u05d2\u05d3", "abc"), edges=2, cyclic=False)
    numbers = returns.collect(load_run(folder))
    assert numbers is not None
    rows = rows_of(folder, "edges.csv")
    mark = "\N{LEFT-TO-RIGHT MARK}"
    told = {edge.edge.replace(mark, "") for edge in numbers.edges}
    assert told == {f"{row['cause']} \N{RIGHTWARDS ARROW} {row['effect']}" for row in rows}
    assert all(
        edge.edge.count(mark) == 2 * sum(name in edge.edge for name in ("\u05d0\u05d1", "\u05d2\u05d3"))
        for edge in numbers.edges
    )
