"""What matters: how much of the trials' ranking each swept setting explains, with its uncertainty."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from reports.colours import CORRECT, INK, PRUNED, SOFT
from reports.drawing import Plot, new_figure
from reports.importance import Importances, importances
from reports.run import Run
from reports.scores import scale_of
from reports.wording import count, either, listing, share

ROW_HEIGHT = 0.33
LITTLE = 0.1


def title(numbers: Importances) -> str:
    """Say which settings matter, and whether their order is more than luck."""
    names = [setting.label for setting in numbers.settings]
    if not numbers.clear:
        first = numbers.order[0]
        weak = f"Not clear which setting matters: {names[first]} explains most,"
        none = weak if len(names) > 1 else f"{names[0]} does not clearly matter: it explains"
        return f"{none} {share(numbers.share[first])} of the ranking; chance may give {share(numbers.null)}"
    told = [f"{names[k]} ({share(numbers.share[k])} of the ranking)" for k in numbers.clear]
    if len(names) == 1:
        return f"{names[0]} matters: it explains {share(numbers.share[0])} of the trials' ranking"
    if float(numbers.share.sum()) < LITTLE:
        most = f"{names[numbers.clear[0]]} explains {share(numbers.share[numbers.clear[0]])} of the trials' ranking"
        return f"No setting matters much: {most}; chance may give {share(numbers.null)}"
    if numbers.first_is_clear:
        rest = f"; {listing([f'{names[k]} explains {share(numbers.share[k])}' for k in numbers.clear[1:]])}"
        explains = f"it explains {share(numbers.share[numbers.clear[0]])} of the trials' ranking"
        return f"{names[numbers.clear[0]]} matters most: {explains}{rest if numbers.clear[1:] else ''}"
    second = names[numbers.order[1]]
    order = "their order is not clear" if len(told) > 1 else f"whether more than {second} is not clear"
    return f"{listing(told)} {either(len(told), 'matters', 'matter')}, but {order}"


def caption(numbers: Importances, quantity: str) -> str:
    """Say how to read the figure, and what it rests on."""
    pruned = f", {numbers.pruned:,} of them pruned and taken with their last score" if numbers.pruned else ""
    return (
        f"Share of the ranking of {count(numbers.trials, 'trial')} by {quantity} that a setting explains in a sum of "
        f"smooth curves, one for each setting{pruned}. Bars: 95 % bootstrap interval. A dot left of the dashed line "
        "may be luck: without any effect the largest share stays under it in 95 % of sweeps. What settings do only "
        "together, and values that were not tried, are not in it."
    )


def plot(run: Run) -> Plot | None:
    """Draw the section's first figure; None where too few trials have a score."""
    numbers = importances(run)
    if numbers is None:
        return None
    figure = new_figure(0.85 + ROW_HEIGHT * len(numbers.settings))
    draw(figure.add_subplot(), numbers)
    parts = [
        f"{numbers.settings[k].label} {share(numbers.share[k])} ({share(numbers.low[k])} to {share(numbers.high[k])})"
        for k in numbers.order
    ]
    description = f"{title(numbers)}. {'; '.join(parts)}. Chance: up to {share(numbers.null)}."
    quantity = scale_of(run).order_label
    return Plot("importances", "matters", title(numbers), caption(numbers, quantity), description, figure)


def draw(axes: Axes, numbers: Importances) -> None:
    """Draw a dot with whiskers a setting, the largest share on top."""
    order = numbers.order
    rows = np.arange(len(order))
    axes.axvline(100 * numbers.null, color=SOFT, linewidth=1.0, dashes=(4, 3), zorder=2)
    for row, k in zip(rows.tolist(), order, strict=True):
        colour = CORRECT if k in numbers.clear else PRUNED
        axes.plot([100 * numbers.low[k], 100 * numbers.high[k]], [row, row], color=colour, linewidth=2.4,
                  solid_capstyle="butt", zorder=3)  # fmt: skip
        axes.scatter([100 * numbers.share[k]], [row], s=46, color=colour, zorder=4)
        axes.text(1.02, row, share(numbers.share[k]), transform=axes.get_yaxis_transform(), va="center", color=INK)
    style: Any = {"textcoords": "offset points", "va": "center", "fontsize": 7.5, "color": SOFT}
    axes.annotate("chance", (100 * numbers.null, -0.72), (4, 0), **style)
    axes.set_yticks(rows, [numbers.settings[k].label for k in order], color=INK)
    axes.tick_params(axis="y", length=0)
    end = max(100 * float(np.max(numbers.high)) * 1.08, 130 * numbers.null, 10.0)
    axes.set(xlim=(-1.0, min(end, 102.0)), ylim=(len(order) - 0.5, -1.0), xlabel="share of the ranking explained (%)")
    axes.grid(visible=False, axis="y")
