"""Laws of the figures: the numbers behind them are right, titles state them, and drawings follow the graph."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_recipe import scores
from numpy.typing import NDArray

from reports import wording
from reports.colours import COLOURS
from reports.comparison import kind_of
from reports.drawing import spread
from reports.figures import clipping, edges, progress, training
from reports.layers import arrange, assign_layers, crossings, downward_order
from reports.tables import load_run

Bools = NDArray[np.bool_]


def graphs(low: int = 2, high: int = 9) -> st.SearchStrategy[Bools]:
    """Draw square boolean graphs without self-loops."""

    def loopless(graph: Bools) -> Bools:
        np.fill_diagonal(graph, False)
        return graph

    return st.integers(low, high).flatmap(lambda d: arrays(np.bool_, (d, d)).map(loopless))


def test_best_so_far_is_the_running_minimum(usual: Path) -> None:
    """The line is the lowest SHD of a complete trial up to each trial, and the title ends where it ends."""
    run = load_run(usual)
    numbers = progress.collect(run)
    assert numbers is not None
    lowest = np.inf
    for state, value, drawn in zip(numbers.state, numbers.value, numbers.best_so_far, strict=True):
        lowest = min(lowest, value) if state == "complete" else lowest
        assert drawn == lowest or (np.isnan(drawn) and lowest == np.inf)
    first = int(np.flatnonzero(numbers.best_so_far == lowest)[0])
    assert progress.title(numbers).startswith(f"Best SHD {lowest:.0f}, first reached by trial {first}")
    worse = int(np.sum((numbers.state == "complete") & (numbers.value >= 13)))
    assert f"{worse} of 28 complete trials" in progress.title(numbers)


def test_each_method_is_drawn_once_at_its_best(usual: Path) -> None:
    """An oracle sweep is drawn against the empty graph, chance, and each simple method at its best cut."""
    run = load_run(usual)
    numbers = progress.collect(run)
    assert numbers is not None
    methods = [name.removesuffix(" (oracle)") for name, _ in numbers.references]
    assert methods[:2] == ["empty graph", "chance"]
    assert sorted(methods[2:]) == ["VAR t-test", "correlation"]
    for method, (_, shd) in zip(methods[2:], numbers.references[2:], strict=True):
        assert shd == min(row.shd for row in run.baselines if row.label.startswith(method))


def test_clipping_counts_the_heavy(usual: Path) -> None:
    """The clipping title counts the trials over one half."""
    run = load_run(usual)
    numbers = clipping.collect(run)
    assert numbers is not None
    assert numbers.heavy == sum(ratio > 0.5 for ratio in run.trials.number("avg_grad_clip_ratio"))
    assert clipping.title(numbers).startswith(f"{numbers.heavy} of 49 trials clip")


def test_loss_shares_add_up(usual: Path) -> None:
    """The four terms' shares sum to one at every evaluation, negative likelihoods included."""
    numbers = training.collect(load_run(usual))
    assert numbers is not None
    assert np.allclose(sum(numbers.shares.values()), 1.0)
    assert numbers.limit == 1.0


def test_plateaus_are_counted_not_the_schedules_steps(usual: Path) -> None:
    """A rate that falls with every epoch is a schedule's: plateaus are those on record."""
    numbers = training.collect(load_run(usual))
    assert numbers is not None
    falling = replace(numbers, rate=np.linspace(1.0, 0.1, len(numbers.rate)))
    assert training.rate_words(replace(falling, drops=0.0)) == (
        f"lr falls to {wording.share(0.1)} of its start, with no plateau"
    )
    assert training.rate_words(replace(falling, drops=1.0)).endswith("with 1 plateau")
    assert training.rate_words(replace(falling, drops=3.0)).endswith("with 3 plateaus")
    assert training.rate_words(replace(falling, rate=falling.rate * 0 + 1, drops=np.nan)) == "lr stays"


def test_useful_range_is_only_claimed_where_it_holds(usual: Path) -> None:
    """The edges title names a range of lambda_sparse only if most trials in it come near the true count."""
    numbers = edges.collect(load_run(usual))
    assert numbers is not None
    if numbers.useful is not None:
        low, high = numbers.useful
        inside = (numbers.price >= low) & (numbers.price <= high)
        near = (numbers.opened >= numbers.truth / 2) & (numbers.opened <= numbers.truth * 2)
        assert near[inside].mean() >= edges.TRUSTED


@given(graphs(), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_kinds_add_up_to_the_shd(truth: Bools, chance: "np.random.Generator") -> None:
    """Without two-way edges, extra + missing + reversed is the SHD, and correct + missing + reversed the truth."""
    d = len(truth)
    truth = np.triu(truth)
    estimate = np.zeros_like(truth)
    for i in range(d):
        for j in range(i + 1, d):
            way = chance.choice(("none", "down", "up"))
            estimate[i, j], estimate[j, i] = way == "down", way == "up"
    kinds = [kind_of(i, j, estimate, truth) for i in range(d) for j in range(d)]
    assert sum(kinds.count(kind) for kind in ("extra", "missing", "reversed")) == scores(estimate, truth)["shd"]
    assert sum(kinds.count(kind) for kind in ("correct", "missing", "reversed")) == truth.sum()


@given(graphs())
@settings(max_examples=60)
def test_orders_are_permutations_and_topological(graph: Bools) -> None:
    """Any graph gives a permutation; an acyclic one a topological order, so that no arrow points up."""
    assert sorted(downward_order(graph)) == list(range(len(graph)))
    acyclic = np.triu(graph)[::-1, ::-1].T[::-1, ::-1].T  # still acyclic, in an order of its own
    rank = {node: place for place, node in enumerate(downward_order(acyclic))}
    assert all(rank[i] < rank[j] for i, j in np.argwhere(acyclic).tolist())


@given(graphs(), st.integers(1, 5))
@settings(max_examples=60)
def test_layers_go_down_and_stay_narrow(graph: Bools, widest: int) -> None:
    """In an acyclic graph every effect is below its cause; no layer is wider than asked and none is empty."""
    layer = assign_layers(np.triu(graph), widest)
    assert all(layer[i] < layer[j] for i, j in np.argwhere(np.triu(graph)).tolist())
    sizes = [layer.count(row) for row in range(max(layer) + 1)]
    assert max(sizes) <= widest
    assert min(sizes) >= 1


@given(graphs(3, 8))
@settings(max_examples=40)
def test_boxes_do_not_overlap(graph: Bools) -> None:
    """Variables of one layer stand at least one width apart, inside the drawing; long edges pass every layer."""
    links = [(i, j) for i, j in np.argwhere(graph).tolist()]
    layout = arrange(graph, links, 4)
    for row in range(layout.depth):
        places = sorted(x for x, layer in zip(layout.x, layout.layer, strict=True) if layer == row)
        assert all(b - a >= 1 - 1e-9 for a, b in zip(places, places[1:], strict=False))
        assert all(0.5 - 1e-9 <= x <= layout.width - 0.5 + 1e-9 for x in places)
    for cause, effect in links:
        passed = abs(layout.layer[cause] - layout.layer[effect]) - 1
        assert len(layout.routes[cause, effect]) == max(passed, 0)


def test_crossings_are_counted() -> None:
    """Two links that swap sides cross once; two that do not, not."""
    assert crossings([[0, 1], [2, 3]], [{(0, 3), (1, 2)}, set()]) == 1
    assert crossings([[0, 1], [2, 3]], [{(0, 2), (1, 3)}, set()]) == 0


@given(st.lists(st.floats(0, 10), min_size=1, max_size=8))
def test_labels_keep_apart_and_inside(places: list[float]) -> None:
    """Labels end at least almost the gap apart, in the order of their lines."""
    moved = spread(places, 1.0, 0.0, 10.0)
    ordered = [place for _, place in sorted(zip(places, moved, strict=True))]
    assert all(b - a > 0.9 for a, b in zip(sorted(moved), sorted(moved)[1:], strict=False))
    assert ordered == sorted(ordered)


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours by WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("shade", [0, 1])
def test_colours_can_be_told_from_the_ground(shade: int) -> None:
    """Text has at least 4.5:1 on the ground, marks 3:1, in light and in dark."""
    ground = COLOURS["ground"][shade]
    for role in ("ink", "soft", "correct"):
        assert contrast(COLOURS[role][shade], ground) >= 4.5
    for role in ("bad", "watch", "good", "second", "pruned"):
        assert contrast(COLOURS[role][shade], ground) >= 3
    assert len({light for light, _ in COLOURS.values()}) == len(COLOURS)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0123456, "0.0123"),
        (1.2e-5, "1.2e-5"),
        (12300.0, "12300"),
        (0.0, "0"),
        (1e6, "1e6"),
        (-8.157, "\N{MINUS SIGN}8.16"),
    ],
)
def test_significant_digits(value: float, written: str) -> None:
    """Settings are short and exact to three digits."""
    assert wording.significant(value) == written


def test_short_names_stay_distinct() -> None:
    """Names that shorten to the same text are numbered."""
    names = ("sensor_" + "x" * 50, "sensor_" + "x" * 51, "ok")
    short = wording.labels(names, 12)
    assert len(set(short)) == 3
    assert all(len(text) <= 12 for text in short)


def test_trials_that_cover_each_other_are_counted(usual: Path) -> None:
    """On a grid of lambda_sparse a mark says for how many trials it stands; a random search has no such number."""
    assert edges.stacked(np.array([1.0, 1.0, 2.0, np.nan]), np.array([3.0, 3.0, 3.0, 1.0])) == [(1.0, 3.0, 2)]
    loaded = load_run(usual)
    plain = edges.plot(loaded)
    loaded.trials.numbers["lambda_sparse"] = np.resize([0.01, 0.1, 1.0], loaded.trials.rows)
    dense = edges.plot(loaded)
    assert plain is not None
    assert dense is not None
    assert "that many trials" not in plain.caption
    assert "that many trials" in dense.caption
    numbers = edges.collect(loaded)
    assert numbers is not None
    drawn = [text.get_text() for text in dense.figure.axes[0].texts if text.get_text().isdigit()]
    assert sorted(drawn) == sorted(str(n) for *_, n in edges.stacked(numbers.price, numbers.opened))
