"""A suite's figures: every method's score on every data set, and what a sweep costs in time."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from reports import wording
from reports.colours import CORRECT, GROUND, PRUNED, SECOND, SOFT
from reports.drawing import Plot, log_axis, new_figure
from reports.suite_folder import OURS, DataSet, Method, SuiteFolder
from reports.suite_standing import AHEAD, BEHIND, CUTS, standing, standings

LANE = {"blind": 0.19, "oracle": -0.19}
"""How far above its data set's line a cut's lane is drawn."""
LABEL = 22


def scores(suite: SuiteFolder) -> Plot | None:
    """Draw every method's mean score, ours and the best other one with their spread over the seeds."""
    shown = [
        dataset for dataset in suite.datasets if any(math.isfinite(m.mean(dataset.score)) for m in dataset.methods)
    ]
    if not shown:
        return None
    figure = new_figure(1.0 + 0.46 * len(shown))
    axes = figure.add_subplot()
    for place, dataset in enumerate(shown):
        for cut in CUTS:
            _lane(axes, dataset, cut, place - LANE[cut])
    _rows(axes, shown)
    axes.set(xlim=(-0.03, 1.03), xlabel="mean F1 over the seeds (1 is the true graph)")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1f}"))
    _legend(axes)
    found = standings(suite, "blind")
    ahead, behind = (sum(item.where == where for item in found) for where in (AHEAD, BEHIND))
    title = f"By its own cut ours is ahead on {ahead} of {wording.count(len(found), 'data set')}, behind on {behind}"
    title = title if found else f"F1 on {wording.count(len(shown), 'data set')}"
    judged = [dataset.label for dataset in shown if dataset.skeleton]
    caption = (
        "Two lanes a data set: methods at their own cut above, with the cut tuned on the true graph below. Lines reach "
        "from the worst to the best seed; grey marks are the other methods, the best of them is named."
    )
    caption += f" Judged by the skeleton's F1: {wording.listing(judged)}." if judged else ""
    return Plot("suite", "scores", title, caption, f"{title}. {_spoken(shown)}", figure)


def _lane(axes: Axes, dataset: DataSet, cut: str, y: float) -> None:
    """Draw one cut's methods on one data set: others grey, the best of them and ours with their spread."""
    found, oracle = standing(dataset, cut), cut == "oracle"
    others = [m for m in dataset.methods if m.group != OURS and m.oracle == oracle]
    values = np.array([m.mean(dataset.score) for m in others], dtype=np.float64)
    values = values[np.isfinite(values)]
    axes.scatter(values, np.full(len(values), y), s=16, marker="|", color=PRUNED, linewidths=1.2, zorder=2)
    best = found.best if found is not None else None
    if best is not None:
        _spread(axes, best, dataset.score, y, SECOND)
        axes.scatter(best.mean(dataset.score), y, s=22, marker="D", color=SECOND, linewidths=0, zorder=3)
        text = f"{wording.label(best.label, LABEL)}  {wording.f1(best.mean(dataset.score))}"
        axes.text(1.012, y, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=SOFT)
    ours = dataset.method(f"ours_{cut}")
    if ours is not None:
        _spread(axes, ours, dataset.score, y, CORRECT)
        face = GROUND if oracle else CORRECT
        axes.scatter(
            ours.mean(dataset.score), y, s=34, marker="o", facecolors=face, edgecolors=CORRECT, linewidths=1.3, zorder=4
        )


def _spread(axes: Axes, method: Method, score: str, y: float, colour: str) -> None:
    """Draw a line from the lowest to the highest seed."""
    seeds = method.seeds or (method.mean(score),)
    axes.plot([min(seeds), max(seeds)], [y, y], color=colour, linewidth=1.6, zorder=3)


def _rows(axes: Axes, shown: Sequence[DataSet]) -> None:
    """Name the data sets down the side, first on top."""
    axes.set_yticks(range(len(shown)), [wording.label(dataset.label, 24) for dataset in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _legend(axes: Axes) -> None:
    """Name the marks, above the drawing."""
    axes.scatter([], [], s=34, marker="o", color=CORRECT, label="ours, blind")
    axes.scatter([], [], s=34, marker="o", facecolors=GROUND, edgecolors=CORRECT, linewidths=1.3, label="ours, oracle")
    axes.scatter([], [], s=22, marker="D", color=SECOND, label="best other")
    axes.scatter([], [], s=16, marker="|", color=PRUNED, label="others")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, handletextpad=0.4, columnspacing=1.4)


def _spoken(shown: Sequence[DataSet]) -> str:
    """Give the numbers in words."""
    parts = []
    for dataset in shown:
        own = [f"{cut} {wording.f1(m.mean(dataset.score))}" for cut in CUTS if (m := dataset.method(f"ours_{cut}"))]
        parts.append(f"{dataset.label}: {wording.listing(own) or 'no result'}")
    return f"{'; '.join(parts)}."


def slowest(dataset: DataSet) -> Method | None:
    """Give the slowest of the other methods that recorded a time; drawing random graphs is no method."""
    timed = [m for m in dataset.methods if m.group in ("baseline", "peer") and math.isfinite(m.mean("seconds"))]
    return max(timed, key=lambda method: method.mean("seconds"), default=None)


def seconds(suite: SuiteFolder) -> Plot | None:
    """Draw what a sweep of ours takes on each data set, beside the slowest of the other methods."""
    timed: list[tuple[DataSet, list[Method]]] = []
    for dataset in suite.datasets:
        own = [m for cut in CUTS if (m := dataset.method(f"ours_{cut}")) and m.mean("seconds") > 0]
        timed += [(dataset, own)] if own else []
    if not timed:
        return None
    figure = new_figure(1.0 + 0.34 * len(timed))
    axes = figure.add_subplot()
    everything: list[float] = []
    named = 0
    for place, (dataset, own) in enumerate(timed):
        for method in own:
            face = GROUND if method.oracle else CORRECT
            axes.scatter(
                method.mean("seconds"), place, s=34, facecolors=face, edgecolors=CORRECT, linewidths=1.3, zorder=4
            )
            everything.append(method.mean("seconds"))
        other = slowest(dataset)
        if other is not None and other.mean("seconds") > 0:
            named += 1
            axes.scatter(other.mean("seconds"), place, s=22, marker="D", color=SECOND, linewidths=0, zorder=3)
            text = f"{wording.label(other.label, LABEL)}  {wording.duration(other.mean('seconds'))}"
            axes.text(1.012, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7, color=SOFT)
            everything.append(other.mean("seconds"))
    _rows(axes, [dataset for dataset, _ in timed])
    low, high = min(everything) / 1.6, max(everything) * 1.6
    axes.set_xlim(low, high)
    log_axis(axes, "x", low, high)
    axes.set_xlabel("seconds (logarithmic)")
    _legend_of_times(axes)
    means = [method.mean("seconds") for _, own in timed for method in own]
    trials = suite.facts.get("trials")
    title = f"A sweep{f' of {trials} trials' if trials else ''} takes {wording.duration(float(np.median(means)))}"
    title += f" (median of {len(means)})" if len(means) > 1 else ""
    caption = "Mean search time of a sweep, fresh seeds not counted, and the time of the slowest other method." + (
        "" if named else " No times were recorded for the other methods."
    )
    return Plot("suite_seconds", "seconds", title, caption, f"{title}. {_spoken_times(timed)}", figure)


def _legend_of_times(axes: Axes) -> None:
    axes.scatter([], [], s=34, marker="o", color=CORRECT, label="ours, blind")
    axes.scatter([], [], s=34, marker="o", facecolors=GROUND, edgecolors=CORRECT, linewidths=1.3, label="ours, oracle")
    axes.scatter([], [], s=22, marker="D", color=SECOND, label="slowest other")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, handletextpad=0.4, columnspacing=1.4)


def _spoken_times(timed: Sequence[tuple[DataSet, list[Method]]]) -> str:
    parts = []
    for dataset, own in timed:
        other = slowest(dataset)
        beside = f", {other.label} {wording.duration(other.mean('seconds'))}" if other is not None else ""
        times = wording.listing([f"{m.label} {wording.duration(m.mean('seconds'))}" for m in own])
        parts.append(f"{dataset.label}: {times}{beside}")
    return f"{'; '.join(parts)}."
