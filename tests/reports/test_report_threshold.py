"""Laws of the threshold section: its numbers are the definitions' at every cut, and a fragile cut is found."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from run_folders import SENSORS, make_run

from core import metrics
from reports.cut_findings import CUT_RULES
from reports.cuts import best_course, cut_course, fragile, span, stable_range
from reports.drawing import theme
from reports.figures import threshold
from reports.page import write_report
from reports.tables import load_run

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Floats, Bools]:
    """Draw strengths with many ties, and a true graph, cycles and empty ones included."""
    d = draw(st.integers(2, 6))
    strength = draw(arrays(np.float64, (d, d), elements=st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.5000001, 0.9, 1.0])))
    truth = draw(arrays(np.bool_, (d, d)))
    np.fill_diagonal(strength, 0)
    np.fill_diagonal(truth, False)
    return strength, truth


@given(graphs())
@settings(max_examples=100)
def test_scores_at_every_cut_are_the_definitions(drawn: tuple[Floats, Bools]) -> None:
    """Edges, SHD and F1 at each cut are those that core.metrics gives for the graph over it."""
    strength, truth = drawn
    complete = cut_course(strength, truth)
    for course in (complete, cut_course(strength, truth, np.linspace(0, 1, 9))):
        for k, cut in enumerate(course.cut):
            counts = metrics.compare(torch.from_numpy(strength > cut), torch.from_numpy(truth))
            assert course.edges[k] == counts.edge_count
            assert course.shd[k] == counts.shd
            assert course.f1[k] == pytest.approx(float(counts.f1))
    assert complete.cut[0] == 0
    assert np.all(np.diff(complete.cut) > 0)


@given(graphs(), st.sampled_from([0.0, 0.05, 0.25, 0.4, 0.5, 0.85, 0.95, 1.0]))
@settings(max_examples=100)
def test_the_stable_range_holds_and_ends(drawn: tuple[Floats, Bools], cut: float) -> None:
    """Within the stable range no SHD is more than 2 off, beyond each of its ends one is; fragile says the same."""
    strength, truth = drawn
    course = cut_course(strength, truth)
    low, high = stable_range(course, cut)

    def off(place: float) -> bool:
        own, there = (int(metrics.shd(torch.from_numpy(strength > t), torch.from_numpy(truth))) for t in (cut, place))
        return abs(own - there) > 2

    tried = np.unique(np.concatenate([np.linspace(0, 1, 201), strength.ravel()]))
    assert low <= cut <= high
    assert not any(off(place) for place in tried if low <= place < high)
    assert high == 1 or off(high)
    assert low == 0 or off(np.nextafter(low, 0))
    near = tried[(tried >= 0.8 * cut) & (tried <= min(1.0, 1.2 * cut))]
    assert fragile(course, cut) or not any(off(place) for place in near)
    assert not fragile(course, cut) or any(off(place) for place in [*near, 0.8 * cut, min(1.0, 1.2 * cut)])


def at_cut(folder: Path, strength: dict[tuple[int, int], float], edges: list[tuple[int, int]], cut: float) -> Path:
    """Give a run a best graph of its own choice: strengths, true edges and the cut in use."""
    make_run(folder, trials=3, failed=0.0, names=SENSORS[:6], edges=0)
    square = np.zeros((6, 6))
    for place, value in strength.items():
        square[place] = value
    names = SENSORS[:6]
    lines = [
        ",".join(["", *names]),
        *(",".join([name, *map(str, row)]) for name, row in zip(names, square, strict=True)),
    ]
    (folder / "best" / "adjacency.csv").write_text("\n".join(lines) + "\n")
    listed = [f"{names[i]},{names[j]}" for i, j in edges]
    (folder / "graph.csv").write_text("\n".join(["cause,effect", *listed]) + "\n")
    summary = json.loads((folder / "summary.json").read_text())
    known = {"best_threshold": cut, "edge_count": int((square > cut).sum()), "true_edge_count": len(edges)}
    summary["best"] |= known
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def found(folder: Path) -> list[Any]:
    run = load_run(folder)
    return [finding for rule in CUT_RULES for finding in rule(run)]


@pytest.mark.parametrize(
    ("strengths", "cut", "told"),
    [
        ((0.41, 0.45), 0.5, ""),  # two edges come: SHD moves by 2
        ((0.41, 0.45, 0.5), 0.5, "SHD is 3 at the cut 0.5 and 0 to 3 within 20 % of it (cuts 0.4 to 0.6)"),
        ((0.59, 0.55, 0.51), 0.5, "SHD is 0 at the cut 0.5 and 0 to 3 within 20 % of it"),
        ((0.61, 0.62, 0.63), 0.5, ""),  # all go, but further than 20 % above
        ((0.39, 0.38, 0.37), 0.5, ""),  # all come, but further than 20 % below
        ((0.91, 0.95, 0.99), 0.9, "within 20 % of it (cuts 0.72 to 1)"),
        ((0.01, 0.02, 0.03), 0.0, ""),  # nothing lies within 20 % of 0
    ],
)
def test_a_fragile_cut_is_found(tmp_path: Path, strengths: tuple[float, ...], cut: float, told: str) -> None:
    """More than 2 wrong pairs within 20 % of the cut are a finding with the range; 2, or further off, are not."""
    edges = [(0, 1), (1, 2), (2, 3)]
    strength = dict(zip(edges, strengths, strict=False))
    for spare in edges[len(strengths) :]:
        strength[spare] = 0.99
    items = found(at_cut(tmp_path / "run", strength, edges, cut))
    assert [item.title for item in items] == (["Fragile threshold"] if told else [])
    for item in items:
        assert told in item.text.replace("\N{NO-BREAK SPACE}", " ")
        assert item.link == "fig-threshold"
        assert item.advice


def test_no_cut_is_fragile_without_a_true_graph(blind: Path, tmp_path: Path) -> None:
    """Where no SHD is known none moves; neither where no graph was saved."""
    assert not found(blind)
    assert not found(make_run(tmp_path / "run", trials=3, best_files=False))


def test_the_title_is_the_finding(tmp_path: Path) -> None:
    """A cut that holds is named with its range, one that does not with what SHD does around it."""
    edges = [(0, 1), (1, 2), (2, 3)]
    good = load_run(at_cut(tmp_path / "good", dict.fromkeys(edges, 0.8), edges, 0.5))
    bad = load_run(at_cut(tmp_path / "bad", dict.fromkeys(edges, 0.55), edges, 0.5))
    titles = []
    for run in (good, bad):
        numbers = threshold.collect(run)
        assert numbers is not None
        titles.append(threshold.title(numbers))
    assert titles[0] == "SHD is 0 at the used cut 0.5 and stays within 2 of it from 0 to 0.8"
    assert titles[1] == "SHD is 0 at the used cut 0.5, but 0 to 3 within 20 % of it"


def test_without_a_true_graph_it_shows_edges(blind: Path) -> None:
    """Without a true graph the figure counts edges against the cut, and claims no accuracy."""
    run = load_run(blind)
    numbers = threshold.collect(run)
    assert numbers is not None
    assert run.adjacency is not None
    over = [int((run.adjacency > cut).sum()) for cut in (0.5, 0.6, 0.4)]
    assert threshold.title(numbers) == (
        f"{over[0]} edges at the plain cut 0.5, {over[1]} to {over[2]} within 20 % of it"
    )
    with theme():
        plot = threshold.plot(run)
    assert plot is not None
    assert len(plot.figure.axes) == 1
    for text in (plot.title, plot.caption, plot.description):
        assert "F1" not in text
        assert "SHD" not in text


def test_what_is_drawn_is_the_course(tmp_path: Path) -> None:
    """The lines go through the definitions' numbers at the used cut, F1 above and SHD below, with both cuts marked."""
    run = load_run(make_run(tmp_path / "run", seed=3))
    assert run.best is not None
    assert run.best["best_threshold"] == 0.6
    with theme():
        plot = threshold.plot(run)
    assert plot is not None
    upper, lower = plot.figure.axes
    for axes, column in ((upper, "val_f1"), (lower, "val_shd")):
        line = next(line for line in axes.lines if line.get_label() == threshold.LEARNED)
        x, y = line.get_data()
        here = np.flatnonzero(np.asarray(x) <= run.best["best_threshold"])[-1]
        assert np.asarray(y)[here] == pytest.approx(run.best[column], abs=1e-4)
    legend = upper.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0] == "used cut 0.6 (oracle)"
    assert labels[1] == f"plain cut 0.5: SHD {run.best['val_shd_blind']}"
    assert labels[2].startswith("SHD within 2: ")


def test_a_hundred_variables_are_drawn_with_few_points(tmp_path: Path) -> None:
    """However many strengths there are, a line has at most some hundred points, and the used cut is one of them."""
    names = [f"sensor_{number:03d}" for number in range(100)]
    run = load_run(make_run(tmp_path / "run", trials=4, failed=0.0, names=names, edges=160))
    numbers = threshold.collect(run)
    assert numbers is not None
    assert len(numbers.drawn.cut) <= threshold.POINTS + 1
    assert numbers.used in numbers.drawn.cut
    course = best_course(run)
    assert course is not None
    assert len(course[0].cut) > threshold.POINTS
    assert span(*(course[0], course[0].shd, course[1]))[0] <= numbers.shd


@pytest.mark.parametrize("recipe", [{}, {"truth": False}, {"objective": "blind"}, {"best_files": False}])
def test_the_section_is_on_the_page(tmp_path: Path, recipe: dict[str, Any]) -> None:
    """The section stands after the best graph, with its figure or with the reason why there is none."""
    text = write_report(make_run(tmp_path / "run", trials=8, **recipe)).read_text(encoding="utf-8")
    assert 0 < text.index('id="graph"') < text.index('id="threshold"') < text.index('id="fresh"')
    assert ('id="fig-threshold"' in text) == (recipe != {"best_files": False})
    assert ("no cut can be tried" in text) == (recipe == {"best_files": False})
