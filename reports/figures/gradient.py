"""What pulls: each loss term's share of the best trial's gradient, and the reconstruction's gradient in the graph."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import BAD, CORRECT, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import Plot, log_axis, new_figure, whole_ticks
from reports.figures.training import TERMS
from reports.gradient_findings import NOTHING
from reports.run import Run, number

SMALLEST = 1e-9


@dataclass(frozen=True, eq=False)
class Gradient:
    """The best trial's course, all (evaluations,), and the median graph gradient of all trials by epoch."""

    epoch: Floats
    shares: dict[str, Floats]
    pull: Floats
    all_epochs: Floats
    all_pull: Floats
    name: str


def collect(run: Run) -> Gradient | None:
    """Collect the course of the best trial; None where it was not recorded."""
    best = number(run.best, "number")
    course = run.epochs.take(run.epochs.number("trial") == best)
    pull = course.number("graph_gradient")
    if not np.isfinite(pull).any():
        return None
    epochs, values = run.epochs.number("epoch"), run.epochs.number("graph_gradient")
    places = np.unique(epochs[np.isfinite(values)])
    middle = [float(np.nanmedian(values[epochs == place])) for place in places]
    return Gradient(
        epoch=course.number("epoch"),
        shares={name: course.number(f"grad_share_{name}") for name, *_ in TERMS},
        pull=pull,
        all_epochs=places,
        all_pull=np.array(middle),
        name=f"trial {best:.0f}",
    )


def title(numbers: Gradient) -> str:
    """Say which term makes the gradient, and whether the reconstruction reads the graph."""
    ends = {name: _last(values) for name, values in numbers.shares.items()}
    words = {name: word for name, word, *_ in TERMS}
    name = max(ends, key=lambda key: ends[key] if np.isfinite(ends[key]) else -1.0)
    moves = (
        "does not move with the graph"
        if _unread(numbers)
        else f"moves with the graph ({wording.significant(_last(numbers.pull), 2)} at the end)"
    )
    if not np.isfinite(ends[name]):
        return f"In {numbers.name} the reconstruction {moves}"
    who = "it" if name == "recon" else "the reconstruction"
    return f"In {numbers.name} {words[name]} makes {wording.share(ends[name])} of the gradient, and {who} {moves}"


def _last(values: Floats) -> float:
    """Give the last number that was measured; NaN where there is none."""
    known = values[np.isfinite(values)]
    return float(known[-1]) if len(known) else float("nan")


def _unread(numbers: Gradient) -> bool:
    known = numbers.pull[np.isfinite(numbers.pull)]
    return bool((known < NOTHING).all())


def plot(run: Run) -> Plot | None:
    """Draw the shares beside the graph's gradient."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2)
    draw_shares(left, numbers)
    draw_pull(right, numbers)
    caption = (
        "The best trial, on one batch of training rows at each evaluation. Left: the size of each loss term's own "
        "gradient, weight included, as a share of the four sizes; reconstruction acts on all weights and so has most "
        "of it in any training that fits, but a penalty over 95 % leaves the data no say. Right: the gradient of the "
        "reconstruction with respect to the graph (Frobenius norm); 0 means that the loss does not read the graph, "
        "and no \N{GREEK SMALL LETTER LAMDA} can help."
    )
    heading = title(numbers)
    parts = ", ".join(f"{word} {wording.share(_last(numbers.shares[name]))}" for name, word, *_ in TERMS)
    description = (
        f"{heading}. Shares at the end: {parts}. Gradient with respect to the graph from "
        f"{wording.significant(float(numbers.pull[np.isfinite(numbers.pull)][0]))} to "
        f"{wording.significant(_last(numbers.pull))}."
    )
    return Plot("gradient", "health", heading, caption, description, figure)


def draw_shares(axes: Axes, numbers: Gradient) -> None:
    """Draw the terms' shares of the gradient by epoch."""
    for name, word, colour, style in TERMS:
        part = np.where(numbers.shares[name] > 0, numbers.shares[name], np.nan)
        if np.isfinite(part).any():
            axes.plot(numbers.epoch, 100 * part, color=colour, linestyle=style, label=word)
    positive = [float(part) for values in numbers.shares.values() for part in values if part > 0]
    low = max(100 * SMALLEST, 70 * min(positive, default=0.1))
    axes.set(title="Share of the gradient", ylabel="share (%, log)", xlabel="epoch", ylim=(low, 200))
    log_axis(axes, "y", low, 200)
    if positive:
        axes.legend(loc="best", fontsize=7)
    _whole_epochs(axes, numbers)


def draw_pull(axes: Axes, numbers: Gradient) -> None:
    """Draw the gradient of the reconstruction in the graph by epoch; a flat 0 is drawn as such."""
    positive = [float(value) for value in (*numbers.pull, *numbers.all_pull) if np.isfinite(value) and value > 0]
    if _unread(numbers):
        axes.axhline(0.0, color=BAD, linewidth=2.0)
        axes.text(
            0.5, 0.56, "0 throughout:\nthe loss does not read the graph", transform=axes.transAxes, ha="center",
            va="bottom", color=SOFT,
        )  # fmt: skip
        axes.set(ylim=(-1, 1), yticks=[0])
    else:
        shown = numbers.all_pull > 0
        axes.plot(
            numbers.all_epochs[shown], numbers.all_pull[shown], color=PRUNED, linewidth=1.1, dashes=(3, 2),
            label="median of all trials",
        )  # fmt: skip
        here = numbers.pull > 0
        axes.plot(numbers.epoch[here], numbers.pull[here], color=CORRECT, label=numbers.name)
        low, high = min(positive) / 1.4, max(positive) * 1.4
        axes.set_ylim(low, high)
        log_axis(axes, "y", low, high)
        axes.legend(loc="best")
    axes.set(title="Reconstruction's gradient in the graph", ylabel="norm of d recon / d A", xlabel="epoch")
    _whole_epochs(axes, numbers)


def _whole_epochs(axes: Axes, numbers: Gradient) -> None:
    last = float(numbers.epoch[-1])
    axes.set_xlim(0, max(last, 1) * 1.02)
    whole_ticks(axes.xaxis, 0, last, 5)
