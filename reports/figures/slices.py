"""Slices: the score against each swept setting, the best trial marked."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import CORRECT, GROUND, INK, PRUNED
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, new_figure, whole_ticks
from reports.importance import MOST_SETTINGS
from reports.run import Run, number
from reports.scores import Scale, scale_of
from reports.swept import Setting, swept

NEAR_SHD = 1.0
BEST_PART = 0.1
IN_A_ROW = 3


@dataclass(frozen=True, eq=False)
class Slices:
    """What the figure shows; arrays (trials,).

    Args:
        settings: the swept settings drawn; of: how many were swept.
        score: NaN where there is none. top: scores above this are drawn at the top edge.
        good: complete trials within 1 SHD of the best, or the best tenth by blind score; up_to: the last of them.
        best: place of the best trial, -1 for none.
    """

    settings: list[Setting]
    of: int
    score: Floats
    top: float
    complete: np.ndarray[tuple[int], np.dtype[np.bool_]]
    good: np.ndarray[tuple[int], np.dtype[np.bool_]]
    up_to: float
    best: int
    scale: Scale


def collect(run: Run) -> Slices | None:
    """Collect the numbers; None where nothing was swept or fewer than two trials have a score."""
    scale, settings = scale_of(run), swept(run)
    score = run.trials.number(scale.order)
    known = score[np.isfinite(score)]
    if not settings or len(known) < 2:
        return None
    complete = (run.states == "complete") & np.isfinite(score)
    up_to = _up_to(score[complete], scale)
    found = np.flatnonzero(run.trials.number("number") == number(run.best, "number"))
    usual = 1.3 * float(np.quantile(known, 0.9)) if "SHD" in scale.order_label else float(np.quantile(known, 0.97))
    top = float(known.max()) if known.max() <= 1.6 * abs(usual) else usual
    top += 1.0 if top == known.min() else 0.0  # of equal scores: an axis all the same
    drawn = settings[:MOST_SETTINGS]
    best = int(found[0]) if len(found) else -1
    return Slices(drawn, len(settings), score, top, complete, complete & (score <= up_to), up_to, best, scale)


def _up_to(score: Floats, scale: Scale) -> float:
    """Give the score up to which a complete trial is called good."""
    if not len(score):
        return float("nan")
    if "SHD" in scale.order_label:
        return float(score.min()) + NEAR_SHD
    return float(np.sort(score)[max(1, round(BEST_PART * len(score))) - 1])


def title(numbers: Slices) -> str:
    """Say how wide a range of each setting gives about the best score."""
    many = int(numbers.good.sum())
    if not many:
        return f"No trial completed; {int(np.isfinite(numbers.score).sum()):,} have a score from when they were pruned"
    spans = []
    for setting in numbers.settings[:3]:
        values = setting.values[numbers.good]
        low, high = (wording.significant(float(end), 2) for end in (np.nanmin(values), np.nanmax(values)))
        spans.append(f"{setting.label} {low}" if low == high else f"{setting.label} {low} to {high}")
    shd = "SHD" in numbers.scale.order_label
    reached = f"{wording.shd(numbers.up_to)} or less"
    if not shd:
        return f"The best tenth by blind score, {wording.count(many, 'trial')}: {wording.listing(spans)}"
    if many == int(numbers.complete.sum()) > 1:
        return f"All {many:,} complete trials have SHD {reached}, with {wording.listing(spans)}"
    return f"SHD {reached}: {wording.count(many, 'trial')}, with {wording.listing(spans)}"


def caption(numbers: Slices) -> str:
    """Say how to read the panels."""
    known = np.isfinite(numbers.score)
    above = int(np.sum(numbers.score > numbers.top))
    parts = [
        f"One mark per trial; a ring marks the {numbers.scale.ring}, lower is better. The shaded band holds the "
        "trials of the title. A sampler tries good values more often, so many marks at one value do not make it good; "
        "low ones do."
    ]
    if not known.all():
        parts.append(f"{int(known.sum()):,} of {wording.count(len(known), 'trial')} have a score and are drawn.")
    if above:
        limit = wording.significant(numbers.top, 3)
        parts.append(
            f"{wording.count(above, 'trial')} above {limit} {wording.either(above, 'stands', 'stand')} at the top edge."
        )
    if numbers.of > len(numbers.settings):
        parts.append(f"{len(numbers.settings)} shown of {wording.count(numbers.of, 'swept setting')}.")
    return " ".join(parts)


def plot(run: Run) -> Plot | None:
    """Draw the section's second figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    columns = min(IN_A_ROW, len(numbers.settings))
    rows = -(-len(numbers.settings) // columns)
    figure = new_figure(2.5 * rows + 0.2)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for k, axes in enumerate(panels):
        if k < len(numbers.settings):
            draw(axes, numbers, k)
        else:
            axes.set_visible(False)
        if k % columns == 0:
            axes.set_ylabel("SHD (wrong pairs)" if "SHD" in numbers.scale.order_label else numbers.scale.order_label)
    panels[0].set_title(" ", pad=8)  # room for the legend, which is wider than its panel
    key = panels[0].legend(
        loc="lower left", bbox_to_anchor=(-0.03, 0.99), ncols=3, handletextpad=0.3, columnspacing=1.2
    )
    key.set_in_layout(False)
    known = numbers.score[np.isfinite(numbers.score)]
    span = " to ".join(wording.significant(float(end), 3) for end in (known.min(), known.max()))
    description = f"{title(numbers)}. {wording.count(len(known), 'trial')} drawn, {numbers.scale.order_label} {span}."
    return Plot("slices", "matters", title(numbers), caption(numbers), description, figure)


def draw(axes: Axes, numbers: Slices, index: int) -> None:
    """Draw the score against one setting."""
    setting = numbers.settings[index]
    levels = len(setting.levels)
    shake = np.random.default_rng(index).uniform(-0.3, 0.3, len(numbers.score)) / levels if levels else 0.0
    x, y = setting.places + shake, np.minimum(numbers.score, numbers.top)
    low, many = float(np.nanmin(y)), len(y) * len(numbers.settings) > RASTER_MARKS
    span = max(numbers.top - low, 1e-9)
    if np.isfinite(numbers.up_to):
        axes.axhspan(low - 0.06 * span, numbers.up_to, color=CORRECT, alpha=0.1, linewidth=0)
    for complete, marker, size, colour in ((False, "D", 10, PRUNED), (True, "o", 18, CORRECT)):
        here = (numbers.complete == complete) & np.isfinite(y) & np.isfinite(x)
        if here.any():
            axes.scatter(x[here], y[here], s=3 if len(y) > RASTER_MARKS else size, marker=marker,
                         facecolors=colour if complete else "none",
                         edgecolors=GROUND if complete and not many else colour, linewidths=0.4 if many else 0.7,
                         rasterized=many, zorder=3, label="complete" if complete else "pruned")  # fmt: skip
    if numbers.best >= 0:
        at = slice(numbers.best, numbers.best + 1)
        axes.scatter(x[at], y[at], s=90, facecolors="none", edgecolors=INK, linewidths=1.3, zorder=5,
                     label=numbers.scale.ring)  # fmt: skip
    setting.dress(axes, "x", gap=0.19)
    axes.set_ylim(low - 0.06 * span, numbers.top + 0.05 * span)
    if "SHD" in numbers.scale.order_label:
        whole_ticks(axes.yaxis, 0, numbers.top)
    axes.grid(visible=False, axis="x")
