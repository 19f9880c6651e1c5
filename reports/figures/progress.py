"""Search progress: SHD per trial by state, the best so far, and the references it must beat."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from reports import wording
from reports.colours import BAD, CORRECT, GROUND, INK, LINE, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, new_figure, spread, whole_ticks
from reports.run import Run, number
from reports.scores import Scale, fair_baselines, finished, scale_of

MOST_METHODS = 3


@dataclass(frozen=True, eq=False)
class Progress:
    """What the figure shows; all arrays (trials,).

    Args:
        value: what trials are judged by, lower is better; NaN where there is none.
        best_so_far: lowest value of a complete trial up to each trial; NaN before the first.
        references: (label, value) lines.
        top: values above this are drawn at the top edge.
        chosen: a blind sweep's pick, which need not have the lowest value: its number and its value.
    """

    trial: Floats
    state: np.ndarray[tuple[int], np.dtype[np.str_]]
    value: Floats
    best_so_far: Floats
    references: tuple[tuple[str, float], ...]
    top: float
    scale: Scale
    empty: float
    chosen: tuple[int, float] | None


def collect(run: Run) -> Progress | None:
    """Collect the numbers; None where no trial has a value."""
    scale = scale_of(run)
    value = run.trials.number(scale.order)
    if not np.isfinite(value).any():
        return None
    complete = finished(run, scale.order)
    reached = np.minimum.accumulate(np.where(np.isfinite(complete), complete, np.inf))
    references = _references_of(run)
    empty = run.baseline("empty")
    return Progress(
        trial=run.trials.number("number"),
        state=run.states,
        value=value,
        best_so_far=np.where(np.isfinite(reached), reached, np.nan),
        references=tuple(references),
        top=_top(value, references),
        scale=scale,
        empty=empty.shd if empty is not None else float("nan"),
        chosen=None
        if scale.oracle or run.best is None
        else (int(number(run.best, "number")), number(run.best, scale.order)),
    )


def _references_of(run: Run) -> list[tuple[str, float]]:
    """Name the lines to beat: of a method recorded at several cuts the best one, and of the methods the best three."""
    known = [row for row in (run.baseline("empty"), run.baseline("chance")) if row is not None]
    first = [(row.label, row.shd) for row in known if np.isfinite(row.shd)]
    best: dict[str, tuple[str, float]] = {}
    for row in sorted(fair_baselines(run), key=lambda row: (-row.shd, not row.oracle)):
        if np.isfinite(row.shd):
            method = row.label.removesuffix(", best cut").rpartition(", ")[2]
            best[method] = (f"{method} (oracle)" if row.oracle else method, row.shd)
    return first + sorted(best.values(), key=lambda line: -line[1])[-MOST_METHODS:]


def _top(value: Floats, references: list[tuple[str, float]]) -> float:
    """Choose the top of the axis so that a few dense graphs do not flatten everything else."""
    known = value[np.isfinite(value)]
    highest = float(known.max())
    low = float(known.min()) + (1.0 if float(known.min()) == highest else 0.0)  # of equal values: an axis all the same
    usual = max([1.3 * float(np.quantile(known, 0.8)), *(1.15 * line for _, line in references), 1.0])
    return usual if highest > 1.6 * usual else max([highest, *(1.05 * line for _, line in references), low])


def title(numbers: Progress) -> str:
    """Say how far the search came, and how many trials were not worth it."""
    reached = numbers.best_so_far
    if not np.isfinite(reached).any():
        return "No trial completed; the pruned ones show how far they came"
    best = float(np.nanmin(reached))
    first = int(numbers.trial[int(np.flatnonzero(reached == best)[0])])
    quantity = numbers.scale.order_label
    name, at, where = quantity.partition(" at ")
    found = f"{'Best' if numbers.chosen is None else 'Lowest'} {name} {_written(numbers, best)}{at}{where}"
    found += f", first reached by trial {first}"
    if numbers.chosen is not None and numbers.chosen[1] != best:
        found += f"; the blind pick, trial {numbers.chosen[0]}, has {_written(numbers, numbers.chosen[1])}"
    if not np.isfinite(numbers.empty):
        return found
    complete = numbers.value[(numbers.state == "complete") & np.isfinite(numbers.value)]
    useless = int(np.sum(complete >= numbers.empty))
    if not useless:
        return f"{found}; all {len(complete):,} complete trials beat the empty graph" if len(complete) > 1 else found
    return (
        f"{found}; {useless:,} of {wording.count(len(complete), 'complete trial')} "
        f"{wording.either(useless, 'is', 'are')} no better than the empty graph"
    )


def _written(numbers: Progress, value: float) -> str:
    return wording.shd(value) if "SHD" in numbers.scale.order_label else wording.significant(value, 4)


def caption(numbers: Progress) -> str:
    """Say how to read the figure, and what of it is not drawn in place."""
    above = int(np.sum(numbers.value > numbers.top))
    failed = int(np.sum(numbers.state == "failed"))
    parts = [
        "One mark per trial, lower is better. The solid line is the best complete trial so far: "
        "where it is still falling, more trials may help."
    ]
    if numbers.references:
        parts.append(
            "Dashed lines are what the same score is without a sweep: nothing, chance, the best three other methods."
        )
    if numbers.scale.oracle:
        parts.append("Each SHD is taken at the cut that suits it best on the true graph (oracle), the baselines' too.")
    if len(numbers.trial) > RASTER_MARKS and "SHD" in numbers.scale.order_label:
        parts.append("Marks are shaken up and down by up to a third, so that equal scores do not hide each other.")
    if above:
        parts.append(f"{wording.count(above, 'trial')} above {wording.shd(numbers.top)} stand at the top edge.")
    if failed:
        parts.append(f"{wording.count(failed, 'failed trial')} marked along the bottom.")
    return " ".join(parts)


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(3.5)
    draw(figure.add_subplot(), numbers)
    known = np.isfinite(numbers.value)
    lines = ", ".join(f"{name} {wording.shd(value)}" for name, value in numbers.references)
    description = (
        f"{title(numbers)}. {wording.count(int(known.sum()), 'trial')} drawn of {len(numbers.trial):,}, values from "
        f"{wording.significant(float(np.nanmin(numbers.value)), 4)} to "
        f"{wording.significant(float(np.nanmax(numbers.value)), 4)}. {f'References: {lines}.' if lines else ''}"
    )
    return Plot("search_progress", "progress", title(numbers), caption(numbers), description, figure)


def draw(axes: Axes, numbers: Progress) -> None:
    """Draw the marks, the best-so-far line and the labelled references."""
    low = (
        min(0.0, float(np.nanmin(numbers.value)))
        if "SHD" in numbers.scale.order_label
        else float(np.nanmin(numbers.value))
    )
    span = max(numbers.top - low, 1e-9)
    bottom = low - 0.07 * span
    many = len(numbers.trial) > RASTER_MARKS
    size = 26 if len(numbers.trial) <= 100 else 14 if not many else 7 if len(numbers.trial) <= 2000 else 3
    ring = 0.0 if many else 0.4
    place = numbers.value + (jitter(len(numbers.value)) if many and "SHD" in numbers.scale.order_label else 0.0)
    for state, colour, marker in (("pruned", PRUNED, "D"), ("complete", CORRECT, "o")):
        here = (numbers.state == state) & np.isfinite(numbers.value)
        inside, above = here & (numbers.value <= numbers.top), here & (numbers.value > numbers.top)
        if not here.any():
            continue
        hollow = state == "pruned"
        face = "none" if hollow else colour
        label = f"{state} ({int(here.sum()):,})"
        axes.scatter(
            numbers.trial[inside], place[inside], s=size * (0.6 if hollow else 1), marker=marker,
            facecolors=face, edgecolors=colour if hollow else GROUND,
            linewidths=(0.5 if many else 0.8) if hollow else ring, label=label, rasterized=many, clip_on=False,
            zorder=3,
        )  # fmt: skip
        axes.scatter(
            numbers.trial[above], np.full(int(above.sum()), numbers.top + 0.045 * span), s=size, marker="^",
            facecolors=face, edgecolors=colour, linewidths=0.8, rasterized=many, clip_on=False, zorder=3,
        )  # fmt: skip
    failed = numbers.state == "failed"
    if failed.any():
        axes.scatter(
            numbers.trial[failed], np.full(int(failed.sum()), low - 0.04 * span), s=size, marker="x", color=BAD,
            linewidths=1.1, label=f"failed ({int(failed.sum()):,})", rasterized=many, clip_on=False, zorder=3,
        )  # fmt: skip
    axes.step(numbers.trial, numbers.best_so_far, where="post", color=INK, linewidth=1.6, label="best so far", zorder=4)
    _references(axes, numbers, bottom, numbers.top + 0.07 * span)
    axes.set(xlabel="trial", ylabel=_unit(numbers.scale), ylim=(bottom, numbers.top + 0.07 * span))
    last = float(numbers.trial[-1])
    axes.set_xlim(-0.02 * max(last, 1) - 0.4, last + 0.02 * max(last, 1) + 0.4)
    whole_ticks(axes.xaxis, 0, last)
    if "SHD" in numbers.scale.order_label:
        whole_ticks(axes.yaxis, 0, numbers.top)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, handletextpad=0.4, columnspacing=1.4)


def jitter(length: int) -> Floats:
    """Shake equal whole numbers apart by up to a third; always the same way."""
    return np.random.default_rng(0).uniform(-0.33, 0.33, length)


def _unit(scale: Scale) -> str:
    return (
        f"{scale.order_label} (wrong pairs)" if "SHD" in scale.order_label else f"{scale.order_label} (lower is better)"
    )


def _references(axes: Axes, numbers: Progress, bottom: float, top: float) -> None:
    """Draw the dashed lines with their names beside them, moved apart where they would touch."""
    shown = [(name, value) for name, value in numbers.references if value <= numbers.top]
    places = spread([value for _, value in shown], 0.062 * (top - bottom), bottom, top)
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    for (name, value), place in zip(shown, places, strict=True):
        axes.axhline(value, color=SOFT, linewidth=0.9, dashes=(4, 3), zorder=2)
        axes.plot([1.0, 1.018], [value, place], transform=beside, color=LINE, linewidth=0.8, clip_on=False)
        text = f"{wording.label(name, 34)}  {wording.shd(value)}"
        axes.text(1.024, place, text, transform=beside, va="center", fontsize=8, color=SOFT)
