"""Laws of a suite's page: it says where ours stands and where not, compares like with like, and is whole offline."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from test_report_page import Page

from core.errors import RunFolderError
from reports.__main__ import main
from reports.suite import write_suite_report
from reports.suite_folder import load_suite_folder
from reports.suite_standing import goals, in_short, sentences, standing
from reports.suite_tables import groups

METHODS = (  # name, label, group, oracle
    ("ours_oracle", "ours, oracle", "ours", True),
    ("ours_oracle_fresh", "ours, oracle, fresh seeds", "ours", True),
    ("ours_blind", "ours, blind", "ours", False),
    ("ours_blind_fresh", "ours, blind, fresh seeds", "ours", False),
    ("empty", "empty graph", "reference", False),
    ("chance_floor", "best of 50 random adjacencies", "reference", True),
    ("var_t_test", "VAR(1) t-test", "baseline", False),
    ("var_t_test_best", "VAR(1) t-test, best cut", "baseline", True),
    ("pcmci", "PCMCI", "peer", False),
)
PLAIN = {"ours_oracle": 0.98, "ours_blind": 0.95, "empty": 0.0, "var_t_test": 0.90, "var_t_test_best": 0.94}
SUITE_COLUMNS = "dataset seed method method_label group oracle shd f1 skeleton_f1 edge_count true_edge_count seconds"
MEANS = ("f1", "shd", "skeleton_f1", "edge_count", "seconds")


def make_suite(path: Path, datasets: Sequence[dict[str, Any]], seeds: int = 2, **facts: Any) -> Path:
    """Write a suite's folder by hand.

    Args:
        datasets: name, and optionally label, skeleton, goals, facts, scores (method -> F1 or None) and edges (method
            -> edge count); a method without a score has no row.
    """
    path.mkdir(parents=True, exist_ok=True)
    rows, means = [], []
    for item in datasets:
        scores = item.get("scores", PLAIN)
        for name, label, group, oracle in METHODS:
            if name not in scores:
                continue
            f1, edges = scores[name], item.get("edges", {}).get(name, 13)
            own = {"dataset": item["name"], "method": name, "method_label": label, "group": group}
            own["oracle"] = "true" if oracle else "false"
            known = f1 is not None
            values = {"f1": f1, "shd": 1, "skeleton_f1": f1, "edge_count": edges, "seconds": 20 if known else ""}
            for seed in range(1, seeds + 1):
                run = f"{item['name']}-{seed}" if name in ("ours_oracle", "ours_blind") else ""
                error = "" if known else item.get("error", "the wire was cut")
                extra = {"seed": seed, "true_edge_count": item.get("true", 13), "run": run, "error": error}
                rows.append({**own, **extra, **{key: value if known else "" for key, value in values.items()}})
            summary = {
                "label": item.get("label", item["name"]),
                "n": seeds if known else 0,
                "failed": 0 if known else seeds,
            }
            for key, value in values.items():
                summary[f"{key}_mean"] = value if known else ""
                summary[f"{key}_sd"] = 0.01 if known and seeds > 1 else ""
            means.append({**own, **summary})
    write(path / "suite.csv", rows, [*SUITE_COLUMNS.split(), "run", "error"])
    columns = ["dataset", "label", "method", "method_label", "group", "oracle", "n", "failed"]
    write(path / "summary.csv", means, columns + [f"{name}_{part}" for name in MEANS for part in ("mean", "sd")])
    told = {
        "format": 1, "study": "suite", "seeds": list(range(1, seeds + 1)), "methods": [], "trials": 50,
        "sweeps": 2 * seeds * len(datasets), "finished": 2 * seeds * len(datasets), "failed": 0,
        "datasets": [
            {"name": item["name"], "label": item.get("label", item["name"]), "skeleton": item.get("skeleton", False),
             "goals": item.get("goals", {}), "facts": "2,000 rows, 13 variables, 13 true edges, 0 % missing"}
            for item in datasets
        ],
    }  # fmt: skip
    (path / "suite.json").write_text(json.dumps({**told, **facts}), encoding="utf-8")
    return path


def write(path: Path, rows: list[dict[str, Any]], columns: list[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def page_of(path: Path) -> tuple[Page, str]:
    text = write_suite_report(path).read_text(encoding="utf-8")
    return Page(text), text


def said(page: Page) -> str:
    """What a reader can read."""
    return " ".join(text for tag, text in page.texts if tag != "style")


NONSENSE = re.compile(r"\b(nan|NaN|None|inf|undefined)\b")
THREE = [
    {"name": "tanh", "label": "clean tanh", "goals": {"oracle": 0.98, "blind": 0.99}},
    {"name": "abs", "scores": {**PLAIN, "ours_blind": 0.902, "ours_oracle": 0.90}, "goals": {"blind": 0.9}},
    {"name": "square", "scores": {**PLAIN, "ours_blind": 0.2, "pcmci": 0.97}, "goals": {"oracle": 0.5}},
]


def test_where_ours_stands(tmp_path: Path) -> None:
    """Blind ours meets blind methods only; oracle ours meets all; nearly equal is level; goals are not rounded."""
    suite = load_suite_folder(make_suite(tmp_path / "s", THREE))
    found = {
        (data.name, cut): (place.where, place.best.name)
        for data in suite.datasets
        for cut in ("blind", "oracle")
        if (place := standing(data, cut))
    }
    assert found == {
        ("tanh", "blind"): ("ahead", "var_t_test"),
        ("tanh", "oracle"): ("ahead", "var_t_test_best"),
        ("abs", "blind"): ("level", "var_t_test"),
        ("abs", "oracle"): ("behind", "var_t_test_best"),
        ("square", "blind"): ("behind", "pcmci"),
        ("square", "oracle"): ("ahead", "pcmci"),
    }
    first, second, third = sentences(suite)
    assert first == (
        "By its own cut, which never sees the true graph (blind), ours is ahead of every other method on 1 of 3 data "
        "sets; it is level on abs (0.90; VAR(1) t-test 0.90); behind on square (0.20; PCMCI 0.97)."
    )
    assert second.endswith("on 2 of 3 data sets; it is behind on abs (0.90; VAR(1) t-test, best cut, oracle 0.94).")
    assert third == "3 of 4 goals hold; not met: clean tanh blind 0.99, reached 0.950."
    assert in_short(suite) == ("Behind in 2 of 6 comparisons, 1 of 4 goals not met", "doubt")


def test_many_shortfalls_are_named_without_numbers(tmp_path: Path) -> None:
    """More than three data sets in one sentence are named only; their numbers stand in the table below."""
    poor = {**PLAIN, "ours_blind": 0.1}
    datasets = [{"name": f"d{n}", "scores": poor, "goals": {"blind": 0.9, "max_edges": 1}} for n in range(4)]
    suite = load_suite_folder(make_suite(tmp_path / "s", datasets))
    first, _, third = sentences(suite)
    assert first.endswith("on 0 of 4 data sets; it is behind on d0, d1, d2 and d3.")
    assert third == (
        "0 of 8 goals hold; not met: d0 (blind and edges), d1 (blind and edges), d2 (blind and edges) and d3 (blind "
        "and edges)."
    )


def test_a_goal_just_missed_is_missed(tmp_path: Path) -> None:
    """0.996 does not reach 1.00, though it rounds to it; the page shows the third decimal."""
    data = {"name": "a", "scores": {**PLAIN, "ours_oracle": 0.996}, "goals": {"oracle": 1.0}}
    suite = load_suite_folder(make_suite(tmp_path / "s", [data]))
    (goal,) = goals(suite)
    assert not goal.holds
    assert "not met: a oracle 1.00, reached 0.996." in sentences(suite)[2]


@pytest.mark.parametrize(("edges", "holds"), [(0.4, True), (1.0, True), (1.2, False)])
def test_data_without_edges(tmp_path: Path, edges: float, holds: bool) -> None:
    """Where nothing is true the number of edges is what the goal asks for, and the empty graph's F1 of 1 is level."""
    scores = {name: 1.0 for name in PLAIN}
    data = {"name": "none", "true": 0, "scores": scores, "edges": {"ours_blind": edges}, "goals": {"max_edges": 1}}
    path = make_suite(tmp_path / "s", [data])
    suite = load_suite_folder(path)
    assert [goal.holds for goal in goals(suite)] == [holds]
    assert "level on none (1.00; empty graph 1.00)" in sentences(suite)[0]
    _, text = page_of(path)
    assert "at most 1 edge<" in text


def test_skeleton_data_are_judged_by_the_skeleton(tmp_path: Path) -> None:
    """Where the arrowheads cannot be known, the skeleton's F1 is the score everywhere."""
    path = make_suite(tmp_path / "s", [{"name": "sem", "skeleton": True, "goals": {"blind": 0.85}}])
    text = (path / "summary.csv").read_text().replace("0.95,0.01,13", "0.80,0.01,13")
    (path / "summary.csv").write_text(text)
    suite = load_suite_folder(path)
    assert [goal.reached for goal in goals(suite)] == [0.80]
    _, page = page_of(path)
    assert "judged by the skeleton" in page
    assert "blind skeleton F1 0.85" in page


def test_every_method_has_its_row_and_the_best_are_marked(tmp_path: Path) -> None:
    """Each data set is a group of all methods; a column's best is marked among blind and oracle rows apart."""
    path = make_suite(tmp_path / "s", THREE)
    found = groups(load_suite_folder(path))
    labels = {name: label for name, label, *_ in METHODS}
    for group, data in zip(found, THREE, strict=True):
        assert [line.label for line in group.lines] == [
            labels[name] for name, *_ in METHODS if name in data.get("scores", PLAIN)
        ]
    marked = [(line.label, line.cut) for line in found[2].lines if line.cells[0].best]
    assert marked == [("ours, oracle", "oracle"), ("PCMCI", "blind")]
    page, text = page_of(path)
    cells = [cell for tag, cell in page.texts if tag == "bdi"]
    for name in PLAIN:
        assert cells.count(labels[name]) >= 3
    assert '<strong>0.97 ± 0.01</strong><span class="hidden"> best</span>' in text
    assert "among the rows with the same cut" in text


def test_the_page_is_whole_and_offline(tmp_path: Path) -> None:
    """Nothing is loaded, nothing runs, ids are unique, links lead somewhere, and no number is a NaN."""
    path = make_suite(tmp_path / "s", THREE)
    (path / "tanh-1").mkdir()
    (path / "tanh-1" / "report.html").write_text("a report")
    page, text = page_of(path)
    assert not page.having("script")
    assert not page.having("link")
    assert page.having("meta")[1]["content"].startswith("default-src 'none'; style-src 'sha256-")
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        for key in ("src", "href"):
            value = attributes.get(key, "")
            assert not re.match(r"\s*(?:[a-z]+:)?//", value)
            if value.startswith("#"):
                assert value[1:] in ids
            elif value:
                assert tag == "a"
                assert (path / value).is_file()
    assert [attributes["href"] for attributes in page.having("a")].count("tanh-1/report.html") == 2
    assert not NONSENSE.search(said(page))
    assert len(page.having("h1")) == 1
    assert page.open == []
    for name in ("suite.png", "suite_seconds.png"):
        assert (path / "figures" / name).read_bytes().startswith(b"\x89PNG")
    assert str(tmp_path) not in text


ODD: list[tuple[str, list[dict[str, Any]], dict[str, Any]]] = [
    ("nothing has finished", [{"name": "a", "scores": {}, "goals": {"blind": 1}}], {"finished": 0}),
    ("all failed", [{"name": "a", "scores": {"ours_oracle": None, "ours_blind": None}}], {"finished": 0, "failed": 4}),
    ("only ours", [{"name": "a", "scores": {"ours_blind": 0.5}}], {}),
    ("no score of ours", [{"name": "a", "scores": {"empty": 0.0, "var_t_test": 0.5}}], {}),
    ("a peer failed", [{"name": "a", "scores": {**PLAIN, "pcmci": None}, "error": "no room"}], {}),
    ("some still to come", [{"name": "a"}, {"name": "b", "scores": {}}], {"finished": 4}),
]


@pytest.mark.parametrize(("what", "datasets", "facts"), ODD, ids=[what for what, *_ in ODD])
@pytest.mark.parametrize("seeds", [1, 2])
def test_odd_suites_have_a_page(
    tmp_path: Path, what: str, datasets: list[dict[str, Any]], facts: dict[str, Any], seeds: int
) -> None:
    """Whatever a suite lacks, its page builds, says three sentences, and says what is missing."""
    page, text = page_of(make_suite(tmp_path / "s", datasets, seeds=seeds, **facts))
    assert not NONSENSE.search(said(page))
    missing = {
        "nothing has finished": "have finished: all numbers are of those alone",
        "all failed": "failed: the wire was cut",
        "only ours": "nothing can be said",
        "no score of ours": "nothing can be said",
        "a peer failed": "PCMCI gave no graph on some data: no room.",
        "some still to come": f"4 of {4 * seeds} sweeps have finished" if seeds > 1 else "No sweep has finished.",
    }
    assert missing[what] in text


def test_hostile_labels_are_text(tmp_path: Path) -> None:
    """A label that looks like markup or mathematics appears as written and does nothing."""
    label = "<script>alert(1)</script> $\\frac{1}{$ {{ 7*7 }}"
    page, text = page_of(make_suite(tmp_path / "s", [{"name": "a", "label": label}], study="<img src=x>"))
    assert not page.having("script")
    assert not page.having("img")
    assert "49" not in re.sub(r"<svg.*?</svg>|<style.*?</style>", "", text, flags=re.DOTALL)
    assert label in {cell for tag, cell in page.texts if tag == "bdi"}


def test_rebuilding_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page is a function of the folder; `python -m reports` knows a suite's and can write elsewhere."""
    path = make_suite(tmp_path / "s", THREE)
    first = write_suite_report(path).read_bytes()
    assert main([str(path)]) == 0
    assert (path / "report.html").read_bytes() == first
    assert main([str(path), "--out", str(tmp_path / "elsewhere")]) == 0
    assert (tmp_path / "elsewhere/figures/suite.png").read_bytes() == (path / "figures/suite.png").read_bytes()
    assert capsys.readouterr().out.splitlines()[0] == f"{path}/report.html"


def test_what_was_not_run_missed_no_goal(tmp_path: Path) -> None:
    """A goal is met, missed, or not run yet; the three read differently."""
    from studies.suite_lines import table_lines

    goals = {"oracle": 0.9, "blind": 0.99}
    edges = {"max_edges": 1}
    path = make_suite(tmp_path / "s", [
        {"name": "ran", "goals": goals}, {"name": "idle", "goals": goals, "scores": {}},
        {"name": "empty", "goals": edges, "scores": {}}, {"name": "many", "goals": edges},
    ])  # fmt: skip
    text = "\n".join(table_lines(path))
    for line in (r"ran +blind +0\.95.* 0\.99 no ", r" oracle 0\.98.* 0\.90 met ", r"idle +blind +- +0\.99 -$",
                 r" edges .* at most 1 edge: not run$", r" edges +13\.0 +at most 1 edge: not met$"):  # fmt: skip
        assert re.search(line, text, re.MULTILINE), line


def test_a_large_suite_stays_within_its_budget(tmp_path: Path) -> None:
    """Eleven data sets of five seeds: under 1 MB and 6,000 elements."""
    page, text = page_of(make_suite(tmp_path / "s", [{"name": f"data-{n}"} for n in range(11)], seeds=5))
    assert len(text) < 1e6
    assert len(page.elements) < 6000


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("suite.json", "{", "damaged"),
        ("suite.json", "[]", "damaged"),
        ("suite.json", '{"format": 9, "datasets": []}', "written by format 9"),
        ("summary.csv", None, "summary.csv missing"),
    ],
)
def test_a_damaged_folder_is_one_line(tmp_path: Path, name: str, text: str | None, message: str) -> None:
    """A suite's folder that cannot be read is an error with the file's name, not a traceback."""
    path = make_suite(tmp_path / "s", THREE)
    (path / name).unlink()
    if text is not None:
        (path / name).write_text(text)
    with pytest.raises(RunFolderError, match=message):
        write_suite_report(path)
