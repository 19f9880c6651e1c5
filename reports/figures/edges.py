"""Edges: how many each trial learns, what lambda_sparse does to that, and what density does to F1.

What lambda_sparse does is drawn at the blind cut: the tuned one finds about the true number of edges in almost
any strengths, and so hides graphs that are empty or dense.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports import wording
from reports.colours import BAD, CORRECT, GROUND, INK, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, log_axis, new_figure, whole_ticks
from reports.run import Run, number
from reports.scores import DENSE_SHARE, Scale, degenerate, scale_of

NEAR = 2.0
TRUSTED = 0.7
TICKS = (0, *(digit * 10**power for power in range(6) for digit in (1, 2, 5)))


@dataclass(frozen=True, eq=False)
class Edges:
    """What the figure shows; arrays hold the trials that have a graph.

    Args:
        edges: at the cut the run is judged by.
        opened: edges at cut 0.5.
        price: lambda_sparse; NaN where it was not recorded.
        truth: true edges, NaN where unknown.
        best: place of the best trial in the arrays, -1 where it is not among them.
        useful: range of lambda_sparse whose trials come within a factor 2 of the true count, or None.
    """

    edges: Floats
    opened: Floats
    price: Floats
    f1: Floats
    complete: np.ndarray[tuple[int], np.dtype[np.bool_]]
    truth: float
    pairs: int
    empty: int
    dense: int
    best: int
    useful: tuple[float, float] | None
    scale: Scale


def collect(run: Run) -> Edges | None:
    """Collect the numbers; None where no trial has a graph."""
    scale = scale_of(run)
    edges = run.trials.number(scale.edges)
    here = np.isfinite(edges)
    if not here.any():
        return None
    empty, dense, _ = degenerate(run)
    opened = run.trials.number("edge_count_blind")[here]
    opened = opened if np.isfinite(opened).any() else edges[here]
    price = run.trials.number("lambda_sparse")[here]
    numbers = run.trials.number("number")[here]
    found = np.flatnonzero(numbers == number(run.best, "number"))
    return Edges(
        edges=edges[here],
        opened=opened,
        price=price,
        f1=run.trials.number(scale.f1)[here],
        complete=(run.states == "complete")[here],
        truth=run.true_edges,
        pairs=run.pairs,
        empty=empty,
        dense=dense,
        best=int(found[0]) if len(found) else -1,
        useful=_useful(opened, price, run.true_edges),
        scale=scale,
    )


def _useful(edges: Floats, price: Floats, truth: float) -> tuple[float, float] | None:
    """Find the lambda_sparse between which the middle 80 % of the trials with about the true count lie.

    None where too few of the trials in that range have about the true count for the range to mean anything.
    """
    near = (edges >= truth / NEAR) & (edges <= truth * NEAR) & np.isfinite(price)
    if near.sum() < 3 or np.ptp(price[np.isfinite(price)]) == 0:
        return None
    low, high = np.quantile(price[near], (0.1, 0.9))
    inside = (price >= low) & (price <= high)
    return (float(low), float(high)) if near[inside].mean() >= TRUSTED else None


def title(numbers: Edges) -> str:
    """Say where the useful densities are, and how many trials are degenerate."""
    odd = [f"{count} {kind}" for count, kind in ((numbers.empty, "empty"), (numbers.dense, "dense")) if count]
    rest = (
        f"{wording.listing(odd)} of {wording.count(len(numbers.edges), 'graph')}"
        if odd
        else "no graph is empty or dense"
    )
    if not np.isfinite(numbers.truth):
        low, high = int(np.nanmin(numbers.opened)), int(np.nanmax(numbers.opened))
        span = wording.count(low, "edge") if low == high else f"{low:,} to {wording.count(high, 'edge')}"
        return f"Trials learn {span} of {numbers.pairs:,} possible; {rest}"
    if not numbers.truth:
        right = int(np.sum(numbers.opened == 0))
        who = f"{right:,} of {wording.count(len(numbers.edges), 'trial')} {wording.either(right, 'learns', 'learn')}"
        return f"{who} no edge at cut 0.5, as the true graph has none; {numbers.dense:,} dense"
    near = int(np.sum((numbers.opened >= numbers.truth / NEAR) & (numbers.opened <= numbers.truth * NEAR)))
    if len(numbers.edges) == 1:
        true = wording.either(numbers.truth, "one", "ones")
        has = wording.count(float(numbers.opened[0]), "edge")
        return f"The only graph has {has} at cut 0.5, for {numbers.truth:,.0f} true {true}"
    if numbers.useful is None:
        return (
            f"{near:,} of {wording.count(len(numbers.edges), 'trial')} {wording.either(near, 'comes', 'come')} "
            f"within a factor 2 of the {wording.count(numbers.truth, 'true edge')}; {rest}"
        )
    first, last = (wording.significant(value, 2) for value in numbers.useful)
    return (
        f"\N{GREEK SMALL LETTER LAMDA}_sparse from {first} to {last} gives about the true "
        f"{wording.count(numbers.truth, 'edge')}; {rest}"
    )


def caption(numbers: Edges) -> str:
    """Say how to read the two panels."""
    known = np.isfinite(numbers.truth)
    parts = ["Left: edges of each trial at cut 0.5 against its price of an edge, \N{GREEK SMALL LETTER LAMDA}_sparse"]
    parts.append("; the dashed line is the true number. " if known else ". ")
    if np.isfinite(linear_up_to(numbers)):
        parts.append(f"Above {linear_up_to(numbers):,.0f} its scale is logarithmic. ")
    if np.isfinite(numbers.f1).any():
        parts.append("Right: F1 against the number of edges: too few miss edges, too many invent them. ")
    parts.append(
        "Shaded: degenerate graphs, without any edge or "
        f"with {wording.share(DENSE_SHARE)} of the {numbers.pairs:,} possible."
    )
    if on_a_grid(numbers):
        parts.append(" A small number beside a mark: that many trials fall on it.")
    if numbers.scale.oracle:
        parts.append(" On the right the cut is the one that suits each trial best on the true graph (oracle).")
    return "".join(parts)


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(3.2)
    priced, scored = bool((numbers.price > 0).any()), bool(np.isfinite(numbers.f1).any())
    panels = figure.subplots(1, priced + scored or 1, squeeze=False)[0]
    if priced or not scored:
        draw_price(panels[0], numbers)
    if scored:
        draw_f1(panels[-1], numbers)
    panels[0].legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=3, handletextpad=0.3, columnspacing=1.2)
    middle = float(np.nanmedian(numbers.opened))
    description = (
        f"{title(numbers)}. At cut 0.5 edges from {np.nanmin(numbers.opened):,.0f} to "
        f"{np.nanmax(numbers.opened):,.0f}, median {middle:,.0f}; "
        f"{numbers.empty} empty, {numbers.dense} dense, of {wording.count(len(numbers.edges), 'graph')}."
    )
    return Plot("edges", "edges", title(numbers), caption(numbers), description, figure)


def _marks(axes: Axes, numbers: Edges, x: Floats, y: Floats) -> None:
    many = len(x) > RASTER_MARKS
    size = 22 if len(x) <= 100 else 12 if not many else 3
    done, cut = numbers.complete, ~numbers.complete
    if cut.any():
        axes.scatter(
            x[cut], y[cut], s=size * 0.6, marker="D", facecolors="none", edgecolors=PRUNED,
            linewidths=0.5 if many else 0.8, rasterized=many, zorder=3, label="pruned",
        )  # fmt: skip
    axes.scatter(
        x[done], y[done], s=size, marker="o", facecolors=CORRECT, edgecolors=GROUND, linewidths=0 if many else 0.4,
        rasterized=many, zorder=3, label="complete",
    )  # fmt: skip
    if numbers.best >= 0:
        at = slice(numbers.best, numbers.best + 1)
        axes.scatter(x[at], y[at], s=90, facecolors="none", edgecolors=INK, linewidths=1.3, zorder=5,
                     label=numbers.scale.ring)  # fmt: skip
    for a, b, trials in stacked(x, y) if on_a_grid(numbers) else ():
        axes.annotate(
            f"{trials}", (a, b), (5, 1), textcoords="offset points", va="bottom", fontsize=7, color=SOFT, zorder=6,
        )  # fmt: skip


def on_a_grid(numbers: Edges) -> bool:
    """Tell whether trials share few values of lambda_sparse, so that their marks cover each other."""
    return len(numbers.price) <= RASTER_MARKS and len(np.unique(numbers.price)) <= len(numbers.price) / 2


def stacked(x: Floats, y: Floats) -> list[tuple[float, float, int]]:
    """Return the places that several trials share, and how many do."""
    seen = np.isfinite(x) & np.isfinite(y)
    places, counts = np.unique(np.stack([x[seen], y[seen]], axis=1), axis=0, return_counts=True)
    return [(float(a), float(b), int(n)) for (a, b), n in zip(places, counts, strict=True) if n > 1]


def _limit(numbers: Edges, edges: Floats) -> float:
    """Choose the end of the edges axis: all trials, and the true count."""
    known = numbers.truth if np.isfinite(numbers.truth) else 0.0
    return max(float(np.nanmax(edges)) * 1.06, 1.5 * known, 3.0)


def linear_up_to(numbers: Edges) -> float:
    """Give the number of edges above which the scale is compressed; NaN where all fits on a linear scale."""
    linear = 2 * max(numbers.truth, 1.0)
    return linear if _limit(numbers, numbers.opened) > 2 * linear else float("nan")


def draw_price(axes: Axes, numbers: Edges) -> None:
    """Draw edges against lambda_sparse."""
    price = numbers.price[numbers.price > 0]
    low, high = (float(price.min()), float(price.max())) if len(price) else (0.1, 1.0)
    top = _limit(numbers, numbers.opened)
    dense = DENSE_SHARE * numbers.pairs
    shade: Any = {"color": BAD, "alpha": 0.1, "linewidth": 0}
    axes.axhspan(-0.035 * top, 0.5, **shade)
    if top > dense:
        axes.axhspan(dense, top, **shade)
        beside = axes.get_yaxis_transform()
        axes.text(1.015, (dense + top) / 2, "dense", transform=beside, va="center", fontsize=7.5, color=SOFT)
    if np.isfinite(numbers.truth):
        axes.axhline(numbers.truth, color=SOFT, linewidth=0.9, dashes=(4, 3))
        beside = axes.get_yaxis_transform()
        name = f"true\n{numbers.truth:,.0f}"
        axes.text(1.015, numbers.truth, name, transform=beside, va="center", fontsize=7.5, color=SOFT)
    _marks(axes, numbers, numbers.price, numbers.opened)
    axes.set(
        xlabel="\N{GREEK SMALL LETTER LAMDA}_sparse (nats per row)", ylabel="edges at cut 0.5", ylim=(-0.035 * top, top)
    )
    if len(price):
        log_axis(axes, "x", low / 1.3, high * 1.3)
        axes.set_xlim(low / 1.3, high * 1.3)
    linear = linear_up_to(numbers)
    if np.isfinite(linear):
        axes.set_yscale("symlog", linthresh=linear, linscale=2.2)
        axes.set_ylim(-0.07 * linear, top * 1.15)
        marks = [tick for tick in TICKS if (tick == 0 or tick >= linear / 6) and tick <= top]
        axes.yaxis.set_major_locator(FixedLocator(marks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    else:
        whole_ticks(axes.yaxis, 0, top, 5)
    axes.grid(visible=False, axis="x")


def draw_f1(axes: Axes, numbers: Edges) -> None:
    """Draw F1 against edges."""
    end = _limit(numbers, numbers.edges)
    dense = DENSE_SHARE * numbers.pairs
    shade: Any = {"color": BAD, "alpha": 0.1, "linewidth": 0}
    axes.axvspan(-0.03 * end, 0.5, **shade)
    if end > dense:
        axes.axvspan(dense, end, **shade)
        axes.text(dense, 1.04, " dense", ha="left", va="top", fontsize=7.5, color=SOFT)
    if np.isfinite(numbers.truth):
        axes.axvline(numbers.truth, color=SOFT, linewidth=0.9, dashes=(4, 3))
    _marks(axes, numbers, numbers.edges, numbers.f1)
    axes.set(
        xlabel="edges at the tuned cut (oracle)" if numbers.scale.oracle else "edges at cut 0.5",
        ylabel="F1 (0 to 1)",
        xlim=(-0.03 * end, end),
        ylim=(-0.03, 1.05),
    )
    whole_ticks(axes.xaxis, 0, end, 5)
    axes.grid(visible=False, axis="x")
