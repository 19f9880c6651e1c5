"""How the best trial trained: clipping, gradient norm, loss terms and learning rate by epoch."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import BAD, CORRECT, INK, PRUNED, SECOND, WATCH
from reports.columns import Columns, Floats
from reports.drawing import Plot, log_axis, new_figure, whole_ticks
from reports.figures.clipping import bands
from reports.run import Run, number

SMALLEST = 1e-4
TERMS = (
    ("recon", "reconstruction", CORRECT, "-"),
    ("sparse", "sparsity", WATCH, "--"),
    ("acyclic", "acyclicity", SECOND, "-."),
    ("disen", "disentangling", PRUNED, ":"),
)


@dataclass(frozen=True, eq=False)
class Course:
    """The best trial's course, all (evaluations,); and the median clip ratio of all trials by epoch."""

    epoch: Floats
    clip: Floats
    norm_median: Floats
    norm_max: Floats
    limit: float
    shares: dict[str, Floats]
    rate: Floats
    drops: float
    all_epochs: Floats
    all_clip: Floats
    name: str


def collect(run: Run) -> Course | None:
    """Collect the course of the best trial from epochs.csv.gz; None where it is not recorded."""
    best = number(run.best, "number")
    course = run.epochs.take(run.epochs.number("trial") == best)
    if course.rows == 0:
        return None
    all_epochs, all_clip = _median_by(run.epochs, "epoch", "grad_clip_ratio")
    return Course(
        epoch=course.number("epoch"),
        clip=course.number("grad_clip_ratio"),
        norm_median=course.number("grad_norm_median"),
        norm_max=course.number("grad_norm_max"),
        limit=number(run.settings.get("trainer"), "clip_norm"),
        shares=shares(course),
        rate=course.number("learning_rate"),
        drops=number(run.best, "lr_drops"),
        all_epochs=all_epochs,
        all_clip=all_clip,
        name=f"trial {best:.0f}",
    )


def shares(course: Columns) -> dict[str, Floats]:
    """Give each loss term's share of the sum of the terms' sizes, by evaluation; a likelihood may be negative."""
    sizes = {name: np.abs(course.number(name)) for name, *_ in TERMS}
    total = np.sum([np.nan_to_num(size) for size in sizes.values()], axis=0)
    return {
        name: np.divide(size, total, out=np.full(course.rows, np.nan), where=total > 0) for name, size in sizes.items()
    }


def _median_by(table: Columns, key: str, value: str) -> tuple[Floats, Floats]:
    """Give the median of a column for each value of another."""
    keys, values = table.number(key), table.number(value)
    order = np.lexsort((values, keys))
    places, starts = np.unique(keys[order], return_index=True)
    groups = np.split(values[order], starts[1:])
    return places, np.array([np.nanmedian(group) if np.isfinite(group).any() else np.nan for group in groups])


def title(numbers: Course) -> str:
    """Say how the best trial ended: clipping, gradient against the limit, what dominates the loss."""
    final = float(numbers.clip[-1])
    name, part = max(
        ((name, float(values[-1])) for name, values in numbers.shares.items()),
        key=lambda item: item[1] if np.isfinite(item[1]) else -1.0,
    )
    word = {key: text for key, text, *_ in TERMS}[name]
    return (
        f"{numbers.name.capitalize()} ends with {wording.share(final)} of its steps clipped, "
        f"{wording.share(part)} of its loss is {word}, and {rate_words(numbers)}"
    )


def rate_words(numbers: Course) -> str:
    """Say how far the learning rate fell, and how many of the steps down were plateaus, not the schedule's."""
    fell = numbers.rate[-1] < 0.999 * numbers.rate[0]
    how = f"lr falls to {wording.share(float(numbers.rate[-1] / numbers.rate[0]))} of its start" if fell else "lr stays"
    if not np.isfinite(numbers.drops):
        return how
    times = ("no plateau", "1 plateau")[int(numbers.drops)] if numbers.drops < 2 else f"{numbers.drops:.0f} plateaus"
    return f"{how}, with {times}"


def plot(run: Run) -> Plot | None:
    """Draw the best trial's course in four panels."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(4.5)
    panels = figure.subplots(2, 2)
    draw_clip_course(panels[0, 0], numbers)
    draw_norms(panels[0, 1], numbers)
    draw_shares(panels[1, 0], numbers)
    draw_rate(panels[1, 1], numbers)
    caption = (
        "The best trial, epoch by epoch. Clipping should fall as training settles; a gradient norm far under the "
        "limit is healthy; a loss term near 100 % leaves the others no say (shares of the terms' sizes, weights "
        "included); lr falls as scheduled, and by a further step on every plateau of the validation loss."
    )
    heading = title(numbers)
    description = (
        f"{heading}. Clip ratio from {wording.share(float(numbers.clip[0]))} "
        f"to {wording.share(float(numbers.clip[-1]))}; "
        f"median gradient norm from {wording.significant(float(numbers.norm_median[0]))} to "
        f"{wording.significant(float(numbers.norm_median[-1]))}, limit {wording.significant(numbers.limit)}; "
        f"lr from {wording.significant(float(numbers.rate[0]))} to {wording.significant(float(numbers.rate[-1]))}."
    )
    return Plot("training", "health", heading, caption, description, figure)


def draw_clip_course(axes: Axes, numbers: Course) -> None:
    """Draw the clip ratio by epoch."""
    bands(axes, names=False)
    axes.plot(
        numbers.all_epochs,
        100 * numbers.all_clip,
        color=PRUNED,
        linewidth=1.1,
        dashes=(3, 2),
        label="median of all trials",
    )
    axes.plot(numbers.epoch, 100 * numbers.clip, color=CORRECT, label=numbers.name)
    axes.set(title="Clipping", ylabel="steps clipped (%)", xlabel="epoch")
    axes.grid(visible=False)
    axes.legend(loc="best")
    _whole_epochs(axes, numbers)


def draw_norms(axes: Axes, numbers: Course) -> None:
    """Draw the gradient norms by epoch with the limit."""
    axes.plot(numbers.epoch, numbers.norm_max, color=PRUNED, linewidth=1.1, dashes=(3, 2), label="largest")
    axes.plot(numbers.epoch, numbers.norm_median, color=CORRECT, label="median")
    if np.isfinite(numbers.limit):
        axes.axhline(
            numbers.limit, color=BAD, linewidth=1.0, dashes=(6, 2), label=f"limit {wording.significant(numbers.limit)}"
        )
    known = [*numbers.norm_median, *numbers.norm_max, numbers.limit]
    positive = [float(value) for value in known if np.isfinite(value) and value > 0]
    if positive:
        axes.set_ylim(min(positive) / 1.2, max(positive) * 1.2)
        log_axis(axes, "y", min(positive) / 1.2, max(positive) * 1.2)
    axes.set(title="Gradient norm", ylabel="norm before clipping", xlabel="epoch")
    axes.legend(loc="best")
    _whole_epochs(axes, numbers)


def draw_shares(axes: Axes, numbers: Course) -> None:
    """Draw the loss terms' shares by epoch."""
    for name, word, colour, style in TERMS:
        if np.isfinite(numbers.shares[name]).any():
            part = np.where(numbers.shares[name] > 0, numbers.shares[name], np.nan)
            axes.plot(numbers.epoch, 100 * part, color=colour, linestyle=style, label=word)
    positive = [float(part) for values in numbers.shares.values() for part in values if part > 0]
    low = max(SMALLEST, 70 * min(positive, default=0.1))
    log_axis(axes, "y", low, 160)
    axes.set(title="Loss terms", ylabel="share of the loss (%, log)", xlabel="epoch", ylim=(low, 160))
    if positive:  # else the run kept no health log
        axes.legend(loc="best", fontsize=7)
    _whole_epochs(axes, numbers)


def draw_rate(axes: Axes, numbers: Course) -> None:
    """Draw the learning rate by epoch."""
    axes.step(numbers.epoch, numbers.rate, where="post", color=INK)
    positive = numbers.rate[numbers.rate > 0]
    if len(positive):
        low, high = float(positive.min()) / 2.5, float(positive.max()) * 2.5
        axes.set_ylim(low, high)
        log_axis(axes, "y", low, high)
    axes.set(title="Learning rate", ylabel="lr", xlabel="epoch")
    _whole_epochs(axes, numbers)


def _whole_epochs(axes: Axes, numbers: Course) -> None:
    last = float(numbers.epoch[-1])
    axes.set_xlim(0, max(last, 1) * 1.02)
    whole_ticks(axes.xaxis, 0, last, 5)
