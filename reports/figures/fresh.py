"""Was it luck: winner and blind pick in the sweep, on fresh seeds and on fresh data, beside what has to be beaten."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports.colours import BAD, CORRECT, GROUND, INK, SECOND, SOFT
from reports.columns import Floats
from reports.drawing import Plot, new_figure, whole_ticks
from reports.run import Run, number
from reports.scores import Fresh, best_baseline, fresh_blind, fresh_data, fresh_seeds, scale_of
from reports.wording import count, decimals, shd

ROW_HEIGHT = 0.36


@dataclass(frozen=True, eq=False)
class Line:
    """One line of the figure: a single trial's SHD (`each` of one, no mean), or trainings with their mean."""

    label: str
    each: Floats
    fresh: Fresh | None
    blind: bool


@dataclass(frozen=True, eq=False)
class Luck:
    """What the figure shows: lines from top to bottom, and the SHDs to beat by name."""

    lines: list[Line]
    references: list[tuple[str, float]]
    own: float
    seeds: Fresh
    data: Fresh | None


def collect(run: Run) -> Luck | None:
    """Collect the numbers; None where nothing was run on fresh seeds, or no true graph is known."""
    seeds = fresh_seeds(run)
    if seeds is None or run.best is None:
        return None
    scale = scale_of(run)
    own, data = number(run.best, scale.shd), fresh_data(run)
    lines = _lines(scale.winner, run, seeds, data, own, blind=not scale.oracle)
    again = fresh_blind(run)
    if again is not None:
        picked = number(run.summary.get("blind"), "val_shd_blind")
        lines += _lines("blind pick", run, again, fresh_blind(run, data=True), picked, blind=True)
    empty, rival = run.baseline("empty"), best_baseline(run)
    references = [("empty graph", empty.shd)] if empty is not None and np.isfinite(empty.shd) else []
    references += [(rival.label, rival.shd)] if rival is not None else []
    return Luck(lines, references, own, seeds, data)


def _lines(who: str, run: Run, seeds: Fresh, data: Fresh | None, own: float, *, blind: bool) -> list[Line]:
    of_its_own = who == "blind pick" and scale_of(run).oracle
    trial = number(run.summary.get("blind") if of_its_own else run.best, "number")
    lines = [Line(f"{who} ({trial:.0f}), in the sweep", np.array([own]), None, blind)]
    lines.append(Line(f"its settings, {count(seeds.n, 'fresh seed')}", seeds.each, seeds, blind))
    if data is not None:
        lines.append(Line(f"its settings, {count(data.n, 'fresh data set')}", data.each, data, blind))
    return lines


def title(numbers: Luck) -> str:
    """Say what to expect of the settings, and how that compares with the sweep's own number."""
    mean, gap = numbers.seeds.shd.mean, round(numbers.seeds.shd.mean - numbers.own, 1)
    than = (
        "as in the sweep" if gap == 0 else f"{decimals(abs(gap), 1)} {'more' if gap > 0 else 'less'} than in the sweep"
    )
    text = f"On fresh seeds SHD is {decimals(mean, 1)}, {than}"
    return text if numbers.data is None else f"{text}; on fresh data it is {decimals(numbers.data.shd.mean, 1)}"


def plot(run: Run) -> Plot | None:
    """Draw the section's first figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(0.95 + ROW_HEIGHT * len(numbers.lines))
    draw(figure.add_subplot(), numbers)
    figure.draw_without_rendering()  # one layout is not enough for labels as long as these
    oracle = scale_of(run).oracle
    own = "the best of many trials and so likely lucky" if oracle else "that of one training"
    caption = (
        "Each ring is one training; a dot with a bar is their mean with its 95 % interval. The sweep's own number is "
        f"{own}; the means are what to expect. Dashed: what has to be beaten."
    )
    if oracle:
        caption += " Best trial: cut tuned on the true graph (oracle); blind pick: chosen and cut without it."
    told = [
        f"{line.label}: SHD {shd(float(line.each[0]))}"
        if line.fresh is None
        else f"{line.label}: SHD {decimals(line.fresh.shd.mean, 1)} on average"
        for line in numbers.lines
    ]
    return Plot("fresh_seeds", "fresh", title(numbers), caption, f"{title(numbers)}. {'; '.join(told)}.", figure)


def draw(axes: Axes, numbers: Luck) -> None:
    """Draw a line of marks for each way of trying the settings."""
    means = [line.fresh.shd.mean for line in numbers.lines if line.fresh is not None]
    known = np.concatenate([*(line.each for line in numbers.lines), means, [value for _, value in numbers.references]])
    top = float(np.nanmax(known))
    for row, line in enumerate(numbers.lines):
        colour = SECOND if line.blind and any(not other.blind for other in numbers.lines) else CORRECT
        if line.fresh is None:
            axes.scatter(line.each, [row], s=46, marker="D", color=colour, zorder=4)
            continue
        offset = 0.16 * (np.arange(len(line.each)) % 3 - 1)
        axes.scatter(line.each, row + offset, s=22, facecolors="none", edgecolors=colour, linewidths=0.9, zorder=3)
        estimate = line.fresh.shd
        if np.isfinite(estimate.low + estimate.high):
            axes.plot([estimate.low, estimate.high], [row, row], color=INK, linewidth=1.6, zorder=4)
            top = max(top, estimate.high)
        axes.scatter([estimate.mean], [row], s=30, color=INK, edgecolors=GROUND, linewidths=0.5, zorder=5)
    for index, (name, value) in enumerate(numbers.references):
        axes.axvline(value, color=BAD if index == 0 else SOFT, linewidth=1.0, dashes=(4, 3), zorder=1)
        side = "right" if value > 0.8 * top else "left"
        axes.annotate(
            f"{name} {shd(value)}", (value, -0.62 - 0.42 * index), (-4 if side == "right" else 4, 0),
            textcoords="offset points", ha=side, va="center", fontsize=7.5, color=SOFT,
        )  # fmt: skip
    axes.set_yticks(range(len(numbers.lines)), [line.label for line in numbers.lines], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set(
        xlim=(-0.03 * max(top, 1.0), 1.04 * max(top, 1.0)),
        ylim=(len(numbers.lines) - 0.5, -0.5 - 0.45 * max(1, len(numbers.references))),
        xlabel="SHD to the true graph (0 is perfect)",
    )
    whole_ticks(axes.xaxis, 0, max(top, 1.0), 8)
    axes.grid(visible=False, axis="y")
