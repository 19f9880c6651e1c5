"""Clipping of every trial, over bands of fine, watch and bad."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from reports import wording
from reports.colours import BAD, CORRECT, GOOD, PRUNED, SOFT, WATCH
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, new_figure, whole_ticks
from reports.run import Run

FINE, HEAVY = 0.2, 0.5


@dataclass(frozen=True, eq=False)
class Clipping:
    """Clip ratio of each trial that recorded one, share 0 to 1."""

    trial: Floats
    ratio: Floats
    complete: NDArray[np.bool_]

    @property
    def heavy(self) -> int:
        """Count the trials that clip more than half of their steps."""
        return int(np.sum(self.ratio > HEAVY))


def collect(run: Run) -> Clipping | None:
    """Collect the clip ratios; None where none was recorded."""
    ratio = run.trials.number("avg_grad_clip_ratio")
    here = np.isfinite(ratio)
    if not here.any():
        return None
    return Clipping(run.trials.number("number")[here], ratio[here], (run.states == "complete")[here])


def title(numbers: Clipping) -> str:
    """Say how many trials clip heavily."""
    total, heavy = len(numbers.ratio), numbers.heavy
    middle = wording.share(float(np.median(numbers.ratio)))
    if heavy:
        clip = wording.either(heavy, "clips", "clip")
        of_all = f"{heavy:,} of {wording.count(total, 'trial')}"
        return f"{of_all} {clip} over half of the steps; the median trial clips {middle}"
    if total == 1:
        return f"The trial clips {middle} of its steps"
    return f"No trial clips over half of its steps; the median trial clips {middle}"


def plot(run: Run) -> Plot | None:
    """Draw the clip ratio of every trial over bands of fine, watch and bad."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(2.5)
    draw(figure.add_subplot(), numbers)
    counts = [
        int(np.sum(numbers.ratio <= FINE)),
        int(np.sum((numbers.ratio > FINE) & (numbers.ratio <= HEAVY))),
        numbers.heavy,
    ]
    caption = (
        "Share of the training steps whose gradient had to be shortened. Up to 20 % is fine; from 20 to 50 % is worth "
        "watching; over 50 % the limit, not the learning rate, sets the pace: lower lr or raise trainer.clip_norm."
    )
    heading = title(numbers)
    description = (
        f"{heading}. {counts[0]:,} fine, {counts[1]:,} to watch, {counts[2]:,} bad, of {len(numbers.ratio):,}."
    )
    return Plot("clipping", "health", heading, caption, description, figure)


def bands(axes: Axes, names: bool) -> None:
    """Shade the bands of the clip ratio, in per cent."""
    for low, high, colour, alpha, name in (
        (0, 20, GOOD, 0.1, "fine"),
        (20, 50, WATCH, 0.07, "watch"),
        (50, 100, BAD, 0.16, "bad"),
    ):
        axes.axhspan(low, high, color=colour, alpha=alpha, linewidth=0)
        if names:
            axes.text(
                1.008, (low + high) / 2, name, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=SOFT
            )
    axes.set(ylim=(0, 100), yticks=[0, 20, 50, 100])


def draw(axes: Axes, numbers: Clipping) -> None:
    """Draw one mark a trial."""
    bands(axes, names=True)
    many = len(numbers.trial) > RASTER_MARKS
    size = 20 if len(numbers.trial) <= 100 else 12 if not many else 3
    for here, colour, marker, name in (
        (~numbers.complete, PRUNED, "D", "pruned"),
        (numbers.complete, CORRECT, "o", "complete"),
    ):
        if here.any():
            face: Any = "none" if marker == "D" else colour
            axes.scatter(
                numbers.trial[here], 100 * numbers.ratio[here], s=size * (0.6 if marker == "D" else 1), marker=marker,
                facecolors=face, edgecolors=colour, linewidths=0.5 if many else 0.8, rasterized=many, clip_on=False,
                zorder=3, label=name,
            )  # fmt: skip
    last = float(numbers.trial[-1])
    axes.set(xlabel="trial", ylabel="steps clipped (%)", xlim=(-0.02 * max(last, 1) - 0.4, 1.02 * last + 0.4))
    whole_ticks(axes.xaxis, 0, last)
    axes.grid(visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2, handletextpad=0.4)
