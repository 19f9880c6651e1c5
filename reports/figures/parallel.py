"""Parallel coordinates of the best trials: what the very best have in common, and in what they differ."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from reports import wording
from reports.colours import CORRECT, GROUND, INK, LINE, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import Plot, new_figure
from reports.importance import MOST_SETTINGS
from reports.run import Run
from reports.scores import Scale, ranked, scale_of
from reports.swept import Setting, swept

MOST = 300
LEAST = 10
TOP_PART, TOP_LEAST = 0.1, 5
TOUCH = 0.12


@dataclass(frozen=True, eq=False)
class Parallel:
    """What the figure shows; the best trial first.

    Args:
        settings: the swept settings.
        places: (n, p) place of each drawn trial along each setting, 0 to 1.
        score: (n,). top: this many, a tenth and what ties with it, are drawn strong. complete: complete trials.
    """

    settings: list[Setting]
    places: Floats
    score: Floats
    top: int
    complete: int
    scale: Scale

    @property
    def trimmed(self) -> bool:
        """Whether there are enough top trials to leave the outermost fifth of them out."""
        return self.top >= 2 * TOP_LEAST

    @property
    def spans(self) -> Floats:
        """The part of each setting's range that (most of) the top trials take, (p,)."""
        ends = (0.1, 0.9) if self.trimmed else (0.0, 1.0)
        return np.asarray(np.ptp(np.quantile(self.places[: self.top], ends, axis=0), axis=0))


def collect(run: Run) -> Parallel | None:
    """Collect the numbers; None where fewer than two settings were swept or fewer than 10 trials completed."""
    scale, settings = scale_of(run), swept(run)[:MOST_SETTINGS]
    score = run.trials.number(scale.order)
    if len(settings) < 2:
        return None
    places = np.stack([setting.places for setting in settings], axis=1)
    sound = (run.states == "complete") & np.isfinite(score) & np.isfinite(places).all(axis=1)
    order = ranked(run)
    order = order[sound[order]]
    if len(order) < LEAST:
        return None
    drawn = order[:MOST]
    top = max(TOP_LEAST, round(TOP_PART * len(drawn)))
    tied = int(np.sum(score[drawn] <= score[drawn[top - 1]]))
    return Parallel(settings, places[drawn], score[drawn], tied, len(order), scale)


def title(numbers: Parallel) -> str:
    """Say in which setting the very best are most alike, and in which least."""
    alike, apart = int(np.argmin(numbers.spans)), int(np.argmax(numbers.spans))
    of = wording.count(numbers.complete, "complete trial")
    if numbers.top == len(numbers.score):
        return f"All {of} have about the same score, so none of them tells which setting has to be right"
    who = f"{'Most of the' if numbers.trimmed else 'The'} best {numbers.top} of {of}"
    if alike == apart:
        return f"{who} take {wording.share(numbers.spans[alike])} of the range of every setting"
    one, other = (numbers.settings[k].label for k in (alike, apart))
    return (
        f"{who} take {wording.share(numbers.spans[alike])} of {one}'s range, but "
        f"{wording.share(numbers.spans[apart])} of {other}'s"
    )


def caption(numbers: Parallel) -> str:
    """Say how to read the figure, and what is not drawn."""
    shown = f"{len(numbers.score):,} shown of {wording.count(numbers.complete, 'complete trial')}, the best ones"
    all_of_them = f"All {wording.count(len(numbers.score), 'complete trial')}"
    most = " Most: the middle 80 %." if numbers.trimmed else ""
    return (
        f"{shown if len(numbers.score) < numbers.complete else all_of_them}. One line per trial, through its value of "
        f"each setting to its score, the best on top. Coloured: the best {numbers.top}; thick: the best. Where "
        f"coloured lines meet, a setting had to be right, or was hardly tried elsewhere; where they fan out, it hardly "
        f"matters.{most}"
    )


def plot(run: Run) -> Plot | None:
    """Draw the section's third figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(3.0)
    draw(figure.add_subplot(), numbers)
    parts = [f"{s.label} {wording.share(span)}" for s, span in zip(numbers.settings, numbers.spans, strict=True)]
    description = f"{title(numbers)}. Part of each range that the best {numbers.top} take: {', '.join(parts)}."
    return Plot("parallel", "matters", title(numbers), caption(numbers), description, figure)


def draw(axes: Axes, numbers: Parallel) -> None:
    """Draw the lines, the best on top of the others, and an axis with its values for each setting and the score."""
    lines = _lines(numbers)
    for chosen, colour, width, alpha in (
        (slice(numbers.top, None), PRUNED, 0.7, 0.45 if len(lines) <= 100 else 0.25),
        (slice(1, numbers.top), CORRECT, 1.1, 0.9),
        (slice(0, 1), INK, 1.8, 1.0),
    ):
        if len(lines[chosen]):
            axes.add_patch(PathPatch(_joined(lines[chosen]), fill=False, edgecolor=colour, linewidth=width, alpha=alpha,
                                     zorder=3))  # fmt: skip
    for k, setting in enumerate(numbers.settings):
        marks = setting.ticks(0.12)
        _axis(axes, k, setting.place(np.array(marks)), [wording.significant(mark, 2) for mark in marks], setting.label)
    best, worst = float(numbers.score[0]), float(np.max(numbers.score))
    shd = "SHD" in numbers.scale.order_label
    middle = [(best + worst) / 2] if worst > best and not (shd and (best + worst) % 2) else []
    ends = [best, *middle, worst] if worst > best else [best]
    texts = [wording.shd(end) if shd else wording.significant(end, 3) for end in ends]
    _axis(axes, len(numbers.settings), _heights(np.array(ends), numbers.score), texts, "SHD" if shd else "blind score")
    axes.set(xlim=(-0.35, len(numbers.settings) + 0.35), ylim=(-0.06, 1.14))
    axes.set_axis_off()


def _heights(values: Floats, score: Floats) -> Floats:
    """Place scores, the lowest at 1."""
    low, high = float(np.min(score)), float(np.max(score))
    return 1 - (values - low) / (high - low) if high > low else np.ones(len(values))


def _lines(numbers: Parallel) -> Floats:
    """Give the corners of each line, (n, p + 1) heights; equal values are shaken apart, always the same way."""
    rng = np.random.default_rng(0)
    heights = [numbers.places, _heights(numbers.score, numbers.score)[:, None]]
    for k, setting in enumerate(numbers.settings):
        if setting.levels:
            shake = rng.uniform(-TOUCH, TOUCH, len(numbers.score)) / len(setting.levels)
            heights[0] = heights[0] + shake[:, None] * (np.arange(len(numbers.settings)) == k)
    return np.concatenate(heights, axis=1)


def _joined(lines: Floats) -> Path:
    """Join many lines into one path: one element of the page instead of hundreds."""
    n, corners = lines.shape
    points = np.stack([np.tile(np.arange(corners, dtype=np.float64), n), lines.ravel()], axis=1)
    codes = np.full(n * corners, Path.LINETO, dtype=np.uint8)
    codes[::corners] = Path.MOVETO
    return Path(points, codes)


def _axis(axes: Axes, x: int, places: Floats, texts: list[str], name: str) -> None:
    axes.plot([x, x], [0, 1], color=SOFT, linewidth=1.0, zorder=4)
    for place, text in zip(places.tolist(), texts, strict=True):
        axes.plot([x - 0.02, x], [place, place], color=SOFT, linewidth=0.8, zorder=4)
        axes.text(x - 0.04, place, text, ha="right", va="center", fontsize=7.5, color=SOFT, zorder=5,
                  bbox={"facecolor": GROUND, "edgecolor": "none", "pad": 0.6, "alpha": 0.8})  # fmt: skip
    axes.text(x, 1.07, name, ha="center", va="bottom", fontsize=8.5, color=INK)
    axes.grid(color=LINE)
