"""Laws of the comparison: each run's own numbers side by side, only what differs, no rank where none holds."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from run_folders import HOSTILE, SENSORS, make_run
from test_report_page import Page

from reports import wording
from reports.__main__ import main, parser
from reports.answer import answer
from reports.comparison import compare
from reports.figures import overlaid_fresh
from reports.figures.overlaid_progress import COLOURS, DASHES
from reports.scores import fresh_seeds
from reports.several import Overlay, default_folder, load_several, overlay, same_data
from reports.several_page import write_comparison
from reports.several_tables import GLYPHS, differences, edge_table, numbers, recorded
from reports.several_words import sentences
from reports.tables import load_run

Row = dict[str, Any]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three sweeps on the same data: an ordinary one, a better one, and a blind one."""
    top = tmp_path_factory.mktemp("runs")
    recipes: list[Row] = [{}, {"skill": 0.65, "trials": 40}, {"objective": "blind"}]
    return [make_run(top / name, **recipe) for name, recipe in zip(("plain", "better", "blind"), recipes, strict=True)]


def words(paths: list[Path]) -> tuple[str, str, str]:
    members = load_several(paths)
    first, second, third = sentences(members, differences(members), overlay(members))
    return first, second, third


def overlaid(paths: list[Path]) -> Overlay:
    found = overlay(load_several(paths))
    assert isinstance(found, Overlay)
    return found


def changed(folder: Path, name: str, **values: Any) -> None:
    """Change a JSON or YAML file of a run folder; a dotted key goes down."""
    path = folder / name
    told = json.loads(path.read_text()) if name.endswith(".json") else yaml.safe_load(path.read_text())
    for key, value in values.items():
        place, *parts = key.split("__")[::-1]
        part = told
        for step in reversed(parts):
            part = part[step]
        part[place] = value
    path.write_text(json.dumps(told) if name.endswith(".json") else yaml.safe_dump(told))


def twin(folder: Path, new: Path) -> Path:
    shutil.copytree(folder, new)
    return new


def test_each_answer_stands_whole(runs: list[Path]) -> None:
    """The page holds each run's own three sentences and verdict, in the order given, with its letter and name."""
    page = Page(write_comparison(runs).read_text(encoding="utf-8"))
    said = [text for tag, text in page.texts if tag == "p"]
    places = [said.index(sentence) for path in runs for sentence in answer(load_run(path)).sentences]
    assert places == sorted(places)
    cards = [a["id"] for a in page.having("h3") if a.get("id", "").startswith("run-")]
    assert cards == ["run-A", "run-B", "run-C"]


def test_headline_numbers_are_each_runs(runs: list[Path]) -> None:
    """Every column holds the numbers of its own folder: score, references, fresh seeds, blind pick."""
    table = numbers(load_several(runs))
    rows = {row[0]: row[1:] for row in table.rows}
    for place, path in enumerate(runs):
        summary = json.loads((path / "summary.json").read_text())
        tail = "_blind" if summary["objective"] == "blind" else ""
        assert rows["SHD"][place] == str(summary["best"][f"val_shd{tail}"])
        assert rows["F1"][place] == f"{summary['best'][f'val_f1{tail}']:.2f}"
        edges = summary["best"][f"edge_count{tail}"]
        assert rows["edges learned / true"][place] == f"{edges} / {summary['best']['true_edge_count']}"
        assert rows["empty graph, SHD"][place] == str(summary["baselines"]["empty"]["shd"])
        fresh = fresh_seeds(load_run(path))
        assert fresh is not None
        assert rows["fresh seeds, SHD (95 %)"][place].startswith(f"{fresh.shd.mean:.1f} ({fresh.shd.low:.1f} to ")
        assert rows["blind pick, SHD"][place].startswith(str(summary["blind"]["val_shd_blind"]))
        assert rows["its cut"][place] == ("blind" if tail else "oracle")


def test_only_what_differs_is_listed(runs: list[Path], tmp_path: Path) -> None:
    """Equal settings are not listed; changed ones of data, trainer, space, search and versions are, by their key."""
    other = twin(runs[0], tmp_path / "other")
    members = load_several([runs[0], other])
    assert differences(members).rows == []
    assert "nothing else that was recorded of them differs" in words([runs[0], other])[0]
    changed(other, "sweep.yaml", trainer__epochs=777, search__sampler="qmc", space__lr__high=0.5, data__seed=9)
    changed(other, "sweep.yaml", backend__jobs=99)
    changed(other, "environment.json", torch="9.9", data__sha256="f" * 64)
    rows = {row[0]: row[1:] for row in differences(load_several([runs[0], other])).rows}
    assert set(rows) == {
        "data sha256", "data.seed", "trainer.epochs", "space.lr.high", "search.sampler", "version: torch",
    }  # fmt: skip
    assert rows["trainer.epochs"] == ("100", "777")
    assert rows["search.sampler"] == ("tpe", "qmc")
    assert not same_data(load_several([runs[0], other]))
    for name, cells in rows.items():
        assert cells[0] == recorded(load_run(runs[0]))[name]


def test_a_missing_setting_is_a_difference(runs: list[Path], tmp_path: Path) -> None:
    """A run of a version without some setting shows a dash there."""
    other = twin(runs[0], tmp_path / "other")
    changed(other, "sweep.yaml", trainer__new_setting=3)
    (row,) = differences(load_several([runs[0], other])).rows
    assert row == ("trainer.new_setting", wording.NO_VALUE, "3")


def test_edges_are_counted_over_all_graphs(runs: list[Path]) -> None:
    """Edges in all, some and one are those of the single graphs; the table names who has each, the shared ones last."""
    found = overlaid(runs)
    graphs = [compare(load_run(path)) for path in runs]
    votes = sum(graph.learned.astype(int) for graph in graphs if graph is not None)
    assert isinstance(votes, np.ndarray)
    assert np.array_equal(found.votes, votes)
    assert [found.having(kind) for kind in ("all", "some", "one")] == [int((votes == k).sum()) for k in (3, 2, 1)]
    table = edge_table(found)
    assert len(table.rows) == int((votes > 0).sum())
    marks = [row[2].split()[0] for row in table.rows]
    assert marks == sorted(marks, key=[GLYPHS[kind] for kind in ("one", "some", "all")].index)
    for cause, effect, who, true, *each in table.rows:
        i, j = found.names.index(cause), found.names.index(effect)
        having = [
            letter for letter, graph in zip("ABC", graphs, strict=True) if graph is not None and graph.learned[i, j]
        ]
        assert who.split(" ", 1)[1] == ("all" if len(having) == 3 else ", ".join(having))
        assert found.truth is not None
        assert true == ("yes" if found.truth[i, j] else "no")
        assert each == [f"{graph.adjacency[i, j]:.2f}" for graph in graphs if graph is not None]


def test_the_order_of_variables_does_not_matter(runs: list[Path], tmp_path: Path) -> None:
    """A run whose variables come in another order lays its edges over the same names."""
    other = twin(runs[0], tmp_path / "other")
    names = list(SENSORS)[::-1]
    changed(other, "environment.json", data__variables=names)
    found = overlaid([runs[0], other])
    assert found.names == SENSORS
    assert found.having("one") == 0
    assert found.truth is not None
    assert same_data(load_several([runs[0], other]))


def test_other_variables_are_not_overlaid(runs: list[Path], tmp_path: Path) -> None:
    """Runs of different variables are compared without a common graph, and the page says why."""
    small = make_run(tmp_path / "small", trials=6, names=SENSORS[:5], edges=4)
    why = overlay(load_several([runs[0], small]))
    assert isinstance(why, str)
    assert "A has 13, B 5, of which 5 are the same" in why
    text = write_comparison([runs[0], small], tmp_path / "out").read_text(encoding="utf-8")
    assert why in text
    assert "fig-overlaid_graphs" not in text
    assert "say little about each other" in text


def standing_of(path: Path, *, mean: float, low: float | None, high: float | None) -> Path:
    """Give a run's winner a mean on fresh seeds with an interval."""
    values = {"confirm__shd_mean": mean, "confirm__shd_low": low, "confirm__shd_high": high}
    changed(path, "summary.json", **values)
    return path


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ((1.0, 0.5, 1.5), (3.0, 2.0, 4.0), "no interval of another overlaps the lowest one's"),
        ((1.0, 0.5, 2.5), (3.0, 2.0, 4.0), "the interval of B overlaps that of A: treat them as equal"),
        ((2.0, 1.0, 3.0), (2.0, 1.5, 2.5), "all have the same SHD"),
        ((1.0, None, None), (3.0, 2.0, 4.0), "not all have an interval"),
    ],
)
def test_runs_are_ranked_by_fresh_seeds(
    runs: list[Path], tmp_path: Path, one: tuple[Any, ...], other: tuple[Any, ...], told: str
) -> None:
    """On the same data and cut the lowest mean on fresh seeds leads, and overlapping intervals are said to."""
    paths = []
    for name, (mean, low, high) in (("one", one), ("other", other)):
        paths.append(standing_of(twin(runs[0], tmp_path / name), mean=mean, low=low, high=high))
    second = words(paths)[1]
    assert told in second
    assert second.startswith("On fresh seeds ")
    if one[0] != other[0]:
        assert "A has the lowest SHD" in second
        assert "B has the lowest SHD" in words(paths[::-1])[1]


def test_fresh_trainings_stand_beside_the_sweeps_numbers(runs: list[Path]) -> None:
    """Each run's own SHD and its means on fresh seeds and data are drawn; among blind runs the blind picks too."""
    drawn = overlaid_fresh.collect(load_several(runs[:2]))
    assert drawn is not None
    assert [line.label[0] for line in drawn.lines] == ["A"] * 3 + ["B"] * 3
    for path, line in zip(runs, (drawn.lines[1], drawn.lines[4]), strict=False):
        fresh = fresh_seeds(load_run(path))
        assert fresh is not None
        assert line.fresh is not None
        assert (line.fresh.shd, line.each.tolist()) == (fresh.shd, fresh.each.tolist())
    mixed = overlaid_fresh.collect(load_several([runs[0], runs[2]]))
    assert mixed is not None
    picked = [line for line in mixed.lines if "blind pick" in line.label]
    assert len(picked) == 3
    assert all(line.blind and line.label[0] == "A" for line in picked)
    assert overlaid_fresh.plot(load_several(runs)) is not None


def test_many_runs_have_one_line_each(runs: list[Path], tmp_path: Path) -> None:
    """Over four runs only the means on fresh seeds are drawn."""
    paths = [twin(runs[0], tmp_path / f"run{k}") for k in range(5)]
    drawn = overlaid_fresh.collect(load_several(paths))
    assert drawn is not None
    assert [line.label for line in drawn.lines] == [f"{letter}, 5 fresh seeds" for letter in "ABCDE"]


def test_different_cuts_are_compared_blind(runs: list[Path]) -> None:
    """An oracle run and a blind one are ranked at the cut that never saw the truth, by the oracle run's blind pick."""
    second = words([runs[0], runs[2]])[1]
    assert second.startswith("At the cut that never saw the true graph")
    blind = json.loads((runs[0] / "summary.json").read_text())["confirm"]["blind"]["shd_mean"]
    own = json.loads((runs[2] / "summary.json").read_text())["confirm"]["blind"]["shd_mean"]
    assert f"A {blind:.1f}" in second
    assert f"C {own:.1f}" in second or f"B {own:.1f}" in second


def test_without_a_truth_nothing_is_ranked(runs: list[Path], tmp_path: Path) -> None:
    """A run without a true graph, or without a result, is compared without a rank; no fresh seeds are said to lack."""
    unknown = make_run(tmp_path / "unknown", trials=8, truth=False)
    assert "no accuracy tells which run is better" in words([runs[0], unknown])[1]
    empty = make_run(tmp_path / "empty", trials=3, failed=1.1)
    assert "No trial of B completed" in words([runs[0], empty])[1]
    short = [make_run(tmp_path / name, trials=9, confirm=0) for name in ("one", "two")]
    assert "a sweep's own number is the best of many" in words(short)[1]
    for paths in ([runs[0], unknown], [runs[0], empty], [empty, unknown], short):
        text = write_comparison(paths, tmp_path / "out").read_text(encoding="utf-8")
        for nonsense in (">nan<", "nan ", "None", "NaN", "inf "):
            assert nonsense not in text.replace("None of the best", ""), nonsense


def test_the_page_is_a_function_of_the_folders(runs: list[Path], tmp_path: Path) -> None:
    """From another process the same bytes come out at the same place, which is printed; so they do when all move."""
    page = write_comparison(runs)
    files = {path: path.read_bytes() for path in page.parent.rglob("*") if path.is_file()}
    assert len(files) == 5
    command = [sys.executable, "-m", "reports", *map(str, runs)]
    environment = {**os.environ, "PYTHONHASHSEED": "11"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert (done.stdout, done.stderr) == (f"{page}\n", "")
    assert {path: path.read_bytes() for path in files} == files
    moved = twin(runs[0].parent, tmp_path / "moved")
    again = write_comparison([moved / path.name for path in runs])
    assert again == moved / page.parent.name / "report.html"
    assert again.read_bytes() == page.read_bytes()


def test_it_goes_beside_the_first_run(runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named by which runs are compared, not by their order, and leaves the runs' own reports alone."""
    folder = default_folder(runs)
    assert folder.parent == runs[0].parent
    assert re.fullmatch(r"compare-[0-9a-f]{8}", folder.name)
    assert default_folder(runs[::-1]) == folder
    assert default_folder(runs[:2]) != folder
    monkeypatch.chdir(runs[0])
    assert default_folder([Path(), Path("../better"), Path("../blind")]) == folder
    monkeypatch.chdir(runs[0].parent)
    assert default_folder([Path(path.name) for path in runs]) == Path(folder.name)


def test_everything_in_a_folder_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`runs/*` names the folder of an earlier comparison too: it is left out, so that the same page is built again."""
    for name in ("one", "two"):
        make_run(tmp_path / name, trials=4)
    monkeypatch.chdir(tmp_path)
    assert main(["one", "two"]) == 0
    first = capsys.readouterr().out
    assert main(sorted(path.name for path in tmp_path.iterdir())) == 0
    assert capsys.readouterr().out == first
    assert len(list(tmp_path.iterdir())) == 3
    (comparison,) = tmp_path.glob("compare-*")
    assert main([comparison.name]) == 3


def test_runs_of_one_name_are_told_apart(runs: list[Path], tmp_path: Path) -> None:
    """Two folders of the same name are named with what is above them."""
    paths = [twin(runs[0], tmp_path / top / "run") for top in ("before", "after")]
    assert [member.name for member in load_several(paths)] == ["before/run", "after/run"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["plain", "nowhere"], 3, "no run folder at "),
        (["plain", "plain"], 2, "is given twice"),
        (["plain", "suite"], 3, "only single runs can be compared"),
        (["plain"] * 13, 2, "at most 12 runs can be compared but got 13"),
        (["plain", "better", "--out", "plain/trials.csv"], 3, "the report cannot be written"),
    ],
)
def test_errors_are_two_lines(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str],
    code: int, told: str,
) -> None:  # fmt: skip
    """A folder that is no run, one given twice or too many end in error and hint, with the exit codes of one run."""
    monkeypatch.chdir(runs[0].parent)
    Path("suite").mkdir(exist_ok=True)
    Path("suite/suite.json").write_text("{}")
    assert main(arguments) == code
    written = capsys.readouterr()
    assert re.fullmatch(r"error: .*\nhint: .*\n", written.err)
    assert told in written.err
    assert written.out == ""


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Names of variables and of folders that look like markup appear as written; nothing is loaded or run."""
    named = tmp_path / "<img src=x onerror=alert(1)>"
    paths = [make_run(path, names=HOSTILE, trials=8) for path in (named, tmp_path / "other")]
    for path in paths:
        (path / "report.html").write_text("its own")
    text = write_comparison(paths).read_text(encoding="utf-8")
    page = Page(text)
    assert not page.having("script")
    assert not page.having("img")
    assert "\u202e" not in text
    cells = {content for tag, content in page.texts if tag == "bdi"}
    assert named.name in cells
    found = overlaid(paths)
    for cause, effect in np.argwhere(found.votes > 0).tolist():
        assert wording.label(found.names[cause], 48) in cells
        assert wording.label(found.names[effect], 48) in cells
    links = [a["href"] for a in page.having("a") if "report.html" in a["href"]]
    assert links == ["../%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E/report.html", "../other/report.html"]
    policy = page.having("meta")[1]["content"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_links_and_drawings_are_whole(runs: list[Path]) -> None:
    """Ids stand once, inner links find their targets, pictures exist, and drawings have no colour of their own."""
    report = write_comparison(runs)
    text = report.read_text(encoding="utf-8")
    page = Page(text)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for a in page.having("a")]
    assert {target[1:] for target in targets if target.startswith("#")} <= set(ids)
    pictures = [target for target in targets if target.startswith("figures/")]
    assert sorted(pictures) == [f"figures/overlaid_{name}.png" for name in ("fresh", "graphs", "progress")]
    assert all((report.parent / target).is_file() for target in pictures)
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        assert not re.search(r'(?:fill|stroke)="(?!none|url)', drawing)
        assert "style=" not in drawing
    assert report.stat().st_size <= 1e6
    assert len(page.elements) <= 6000


def test_a_hundred_variables_and_twelve_runs_stay_readable(tmp_path: Path) -> None:
    """Large graphs list 100 edges and say how many there are; twelve runs keep distinct colours and dashes."""
    names = [f"sensor_{number:03d}" for number in range(100)]
    paths = [make_run(tmp_path / f"run{k}", trials=4, names=names, edges=160, failed=0.0) for k in range(2)]
    report = write_comparison(paths)
    text = report.read_text(encoding="utf-8")
    assert re.search(r"100 shown of \d+ edges", text)
    assert len(Page(text).elements) <= 6000
    assert len({(COLOURS[k % len(COLOURS)], DASHES[k % len(DASHES)]) for k in range(12)}) == 12


def test_help_is_true(capsys: pytest.CaptureFixture[str]) -> None:
    """The help says that several runs are compared and where the page goes."""
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(["--help"])
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "RUN [RUN ...]" in told
    assert "two or more" in told
    assert "compare-" in told


def test_a_run_without_a_graph_is_left_out_of_the_overlay(runs: list[Path], tmp_path: Path) -> None:
    """Where two graphs remain they are laid over one another, and the third is named as missing."""
    bare = make_run(tmp_path / "bare", trials=6, best_files=False)
    found = overlaid([*runs[:2], bare])
    assert [one.letter for one in found.members] == ["A", "B"]
    text = write_comparison([*runs[:2], bare], tmp_path / "out").read_text(encoding="utf-8")
    assert "C saved no graph and is left out." in text
