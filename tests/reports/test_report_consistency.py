"""Laws of the whole page: sentences, tiles, findings and figures of one run never say two things of one number."""

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from run_folders import HOSTILE, SENSORS, edit_trials, make_run

from reports import findings as finding
from reports import sections, wording
from reports.answer import DOUBT, EVEN, answer
from reports.figures import (
    arrows,
    blind_choice,
    edges,
    fresh,
    landscape,
    parallel,
    progress,
    pruning,
    returns,
    slices,
)
from reports.page import write_report
from reports.references import compared
from reports.run import Run
from reports.several_page import write_comparison
from reports.swept import Setting
from reports.tables import load_run

RUNS: dict[str, dict[str, Any]] = {
    "usual": {"trials": 50},
    "no truth": {"trials": 30, "truth": False, "pruned": 0.0},
    "blind objective": {"trials": 50, "objective": "blind", "pruned": 0.0},
    "failing": {"trials": 40, "failed": 0.7, "pruned": 0.1},
    "no edges": {"trials": 30, "edges": 0},
    "no skill": {"trials": 30, "skill": 0.0},
    "few variables": {"trials": 30, "names": SENSORS[:3], "edges": 2},
    "one": {"trials": 1, "failed": 0.0},
}
PLOTS: tuple[Callable[[Run], Any], ...] = (
    progress.plot,
    arrows.plot,
    fresh.plot,
    returns.plot,
    landscape.plot,
    slices.plot,
    parallel.plot,
    edges.plot,
    pruning.plot,
    blind_choice.plot,
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    folder = tmp_path_factory.mktemp("runs")
    return {name: load_run(make_run(folder / name.replace(" ", "_"), **recipe)) for name, recipe in RUNS.items()}


def titles(run: Run) -> dict[str, str]:
    drawn = [plot(run) for plot in PLOTS]
    return {plot.name: plot.title.replace("\N{NO-BREAK SPACE}", " ") for plot in drawn if plot is not None}


def quoted(text: str) -> str:
    """The first SHD that a text quotes."""
    return re.findall(r"SHD (\d+(?:\.\d+)?)", text)[0]


@pytest.mark.parametrize("name", ["usual", "blind objective", "failing", "no skill", "few variables", "one"])
def test_one_number_for_the_chosen_trial(runs: dict[str, Run], name: str) -> None:
    """Sentence, tile, table, threshold and landscape quote one SHD; where a lower one is seen, both are named."""
    run = runs[name]
    said, drawn = answer(run).sentences[0], titles(run)
    own = re.findall(r"has SHD (\d+)|with SHD (\d+)|it has SHD (\d+)", said)[-1]
    shd = next(filter(None, own))
    tile = next(tile for tile in sections.tiles(run) if "SHD" in tile.label)
    table = compared(run)
    assert table is not None
    assert tile.value == table.rows[0][2] == shd
    lowest = quoted(drawn["search_progress"].replace(" at cut 0.5", ""))
    assert int(lowest) <= int(shd)
    if lowest != shd:
        number = re.findall(r"[Tt]rial (\d+)", said)[0]
        assert f"the blind pick, trial {number}, has {shd}" in drawn["search_progress"]
        assert f"the lowest of all is {lowest}" in drawn["blind_choice"]
    if "landscape" in drawn:
        assert quoted(drawn["landscape"]) == shd


@pytest.mark.parametrize("name", ["no truth", "blind objective"])
def test_a_blind_pick_is_not_called_the_best(runs: dict[str, Run], name: str) -> None:
    """What was picked blind is called the blind pick, in sentence, tile, table, setup, titles and legends."""
    run = runs[name]
    assert "the best of" not in answer(run).sentences[0]
    table = compared(run)
    assert table is not None
    parts = [*titles(run).values(), table.caption, *(row[0] for row in table.rows)]
    parts += [tile.label for tile in sections.tiles(run)]
    for text in parts:
        assert not re.search(r"[Bb]est (?:SHD|blind score|trial|settings)\b", text), text
    for plot in (slices.plot(run), edges.plot(run)):
        assert plot is not None
        words = [text.get_text() for axes in plot.figure.axes for text in getattr(axes.get_legend(), "texts", [])]
        assert "best" not in words


def test_a_pick_with_the_lowest_score_needs_no_second_number(tmp_path: Path) -> None:
    """Where the blind pick has the lowest blind score too, the progress names one number; else both."""
    run = load_run(make_run(tmp_path / "run", truth=False, trials=20))
    assert "the blind pick" not in titles(run)["search_progress"]
    assert run.best is not None
    run.best["blind_score"] = float(run.best["blind_score"]) + 0.01
    assert f"; the blind pick, trial {run.best['number']}, has" in titles(run)["search_progress"]


def test_nothing_to_find_is_no_failure(runs: dict[str, Run]) -> None:
    """Where neither graph has an edge the answer says so; no advice moves the search away from it."""
    run = runs["no edges"]
    said = answer(run)
    assert said.verdict == EVEN
    assert said.sentences[0].startswith("The true graph has no edge, and trial")
    assert "Do not rely" not in " ".join(said.sentences)
    assert "The empty graph has SHD 0 and F1 1.00" in said.sentences[1]
    drawn = titles(run)
    assert drawn["best_graph"].endswith("learns no edge, and the true graph has none")
    assert "no edge at cut 0.5, as the true graph has none" in drawn["edges"]
    for text in drawn.values():
        assert not re.search(r"\b0 true edges|the true 0\b", text), text
    for item in finding.findings(run):
        assert "empty" not in item.text, item


def test_edges_where_there_are_none_are_a_failure(tmp_path: Path) -> None:
    """A graph with edges where the true one has none, be it at cut 0.5 only, is not called right."""
    run = load_run(make_run(tmp_path / "run", trials=12, edges=0))
    assert run.best is not None
    run.best["edge_count_blind"] = 4
    assert answer(run).verdict == DOUBT


def test_a_perfect_trial_is_not_said_to_be_beaten(tmp_path: Path) -> None:
    """Where the best trial has SHD 0, unsafe pruning cannot have ended a better one, and does not say so."""
    rng = iter(range(10**6))

    def shuffled(row: dict[str, str]) -> None:
        if row["state"] == "complete":
            row["val_shd"] = str(next(rng) * 7 % 12 + least)

    for least, words in ((0, "No trial can be better than SHD 0"), (1, "Better trials than the best may")):
        folder = make_run(tmp_path / str(least), trials=60)
        edit_trials(folder, shuffled)
        (found,) = (item for item in finding.findings(load_run(folder)) if item.title == "Unsafe pruning")
        assert words in found.text


def test_trials_that_are_all_alike_have_no_best_part(runs: dict[str, Run]) -> None:
    """Where all scores are the same, no part of the trials is called the best."""
    drawn = titles(runs["no edges"])
    assert drawn["parallel"].startswith("All 16 complete trials have about the same score")
    assert drawn["slices"].startswith("All 16 complete trials have SHD 1 or less")


def test_the_edge_list_counts_what_it_lists(runs: dict[str, Run]) -> None:
    """Learned and missing edges are counted apart: a missing one is not among the edges learned."""
    for run in runs.values():
        table = sections.edge_list(sections.compare(run))
        if table is None or "shown of" in table.caption:
            continue
        counted = [int(n) for n in re.findall(r"(\d+) (?:learned|missing|edges?)", table.caption)]
        missing = sum("missing" in row[-1] for row in table.rows)
        assert counted == ([len(table.rows) - missing, missing] if missing else [len(table.rows)])


@pytest.mark.parametrize("name", [name for name in RUNS if name not in {"usual", "failing"}])
def test_no_sentence_stumbles(tmp_path: Path, name: str) -> None:
    """Singulars and plurals agree, no mark stands on another, no number is missing; headings come in order."""
    folder = make_run(tmp_path / "run", **RUNS[name])
    text = write_report(folder).read_text(encoding="utf-8")
    plain = html.unescape(re.sub(r"<svg.*?</svg>|<script.*?</script>|<style.*?</style>", "", text, flags=re.DOTALL))
    levels = [int(level) for level in re.findall(r"<h(\d)", plain)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    for line in re.sub(r"<[^>]+>", "\n", plain).splitlines():
        assert not re.search(r"[,;:.] ?[,;:]|\(\)|  +\S| [,;.]", line.strip()), line
        assert not re.search(
            r"\b1 (?:trials|edges|graphs|variables|seeds)\b|\b(?:[02-9]|\d\d+) (?:trial|edge)\b", line
        ), line
        assert not re.search(r"\bnan\b|\bNone\b|\binf\b", line), line


def test_nav_names_every_section(usual: Path, blind: Path) -> None:
    """The list of sections links each section once, in the order of the page."""
    for folder in (usual, blind):
        text = (folder / "report.html").read_text(encoding="utf-8")
        linked = re.findall(r'href="#([a-z]+)"', text[text.index("<nav") : text.index("</nav>")])
        assert linked == re.findall(r'<section id="([a-z]+)"', text)


@pytest.mark.parametrize("name", [*HOSTILE, "x" * 200])
def test_a_hostile_study_is_text_everywhere(tmp_path: Path, name: str) -> None:
    """Names of study, data and folder are text in report, comparison and figures' README, whatever they hold."""
    clean = "".join(char for char in name if char.isprintable() and char not in "/\0")
    folder = make_run(tmp_path / clean, trials=4, confirm=0, failed=1.1)
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps(summary | {"study": name, "dataset": name}))
    other = make_run(tmp_path / "other", trials=4, confirm=0, failed=1.1)
    for page in (write_report(folder), write_comparison([folder, other], tmp_path / "out")):
        text = page.read_text(encoding="utf-8")
        bare = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", text, flags=re.DOTALL)
        assert not re.search(r"<script>|<img|alert\(\d\)</script", bare)
        assert "\u202e" not in text
        assert "49" not in re.findall(r"<h1[^>]*>(.*?)</h1>", text)[0]
    heading = html.unescape(re.findall(r"<h1[^>]*>(.*?)</h1>", (folder / "report.html").read_text())[0])
    assert re.sub(r"\s+", " ", heading) == re.sub(r"\s+", " ", wording.clean(f"{name} on {name}"))


def test_only_states_that_occur_are_in_the_legend(tmp_path: Path) -> None:
    """A sweep without pruned trials has none in the legend of its progress."""
    for share, expected in ((0.0, ["complete (20)", "best so far"]), (0.4, ["pruned", "complete", "best so far"])):
        drawn = progress.plot(load_run(make_run(tmp_path / str(share), trials=20, pruned=share, failed=0.0)))
        assert drawn is not None
        legend = drawn.figure.axes[0].get_legend()
        assert legend is not None
        texts = [text.get_text() for text in legend.get_texts()]
        assert len(texts) == len(expected)
        assert all(text.startswith(start) for text, start in zip(texts, expected, strict=True))


@pytest.mark.parametrize("levels", [2, 4, 6, 8, 12])
def test_labels_of_a_grid_do_not_touch(levels: int) -> None:
    """On an axis of a list's values the labels stand at least as far apart as was asked for."""
    values = np.geomspace(1e-6, 1.0, levels)
    setting = Setting("lambda_sparse", values, 1e-6, 1.0, False, tuple(values.tolist()))
    for gap in (0.1, 0.19):
        places = setting.place(np.array(setting.ticks(gap)))
        assert len(places) >= 2
        assert np.diff(places).min() >= gap - 1e-9
