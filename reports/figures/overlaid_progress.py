"""How the searches of several runs went on: the best score so far by trial, a line a run, a panel a kind of score."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from reports import wording
from reports.colours import BAD, CORRECT, GOOD, LINE, PRUNED, SECOND, SOFT, WATCH
from reports.columns import Floats
from reports.drawing import Plot, new_figure, spread, whole_ticks
from reports.figures import progress
from reports.scores import Scale
from reports.several import Member, same_data

COLOURS = (CORRECT, BAD, GOOD, SECOND, WATCH, PRUNED)
DASHES: tuple[tuple[float, tuple[float, ...] | None], ...] = (
    (0, None),
    (0, (5, 1.6)),
    (0, (1.3, 1.3)),
    (0, (6, 1.6, 1.3, 1.6)),
)


@dataclass(frozen=True, eq=False)
class Line:
    """One run's best score so far: arrays (trials,), NaN before the first complete trial."""

    member: Member
    place: int
    trial: Floats
    best: Floats
    scale: Scale
    empty: float

    @property
    def last(self) -> float:
        """The score in the end."""
        return float(self.best[-1])


def collect(members: tuple[Member, ...]) -> list[list[Line]]:
    """Collect the lines, those of one kind of score together; runs without a complete trial have none."""
    panels: dict[tuple[str, bool], list[Line]] = {}
    for place, member in enumerate(members):
        found = progress.collect(member.run)
        if found is None or not np.isfinite(found.best_so_far).any():
            continue
        line = Line(member, place, found.trial, found.best_so_far, found.scale, found.empty)
        panels.setdefault((found.scale.order_label, found.scale.oracle), []).append(line)
    return list(panels.values())


def title(panels: list[list[Line]]) -> str:
    """Say which searches end lowest, by kind of score, and when they got there."""
    parts = []
    for lines in panels:
        low = min(line.last for line in lines)
        first = [line for line in lines if line.last == low]
        score = wording.shd(low) if "SHD" in lines[0].scale.order_label else wording.significant(low, 4)
        when = [int(line.trial[int(np.flatnonzero(line.best == low)[0])]) for line in first]
        reached = wording.listing(
            [f"{line.member.letter} at trial {trial:,}" for line, trial in zip(first, when, strict=True)]
        )
        parts.append(f"lowest {named(lines[0].scale)}: {score}, reached by {reached}")
    text = "; ".join(parts)
    return text[0].upper() + text[1:]


def named(scale: Scale) -> str:
    """Name a score with how its cut was made."""
    return "SHD at the tuned cut (oracle)" if scale.oracle else scale.order_label


def plot(members: tuple[Member, ...]) -> Plot | None:
    """Draw the figure; None where no run has a complete trial."""
    panels = collect(members)
    if not panels:
        return None
    figure = new_figure(0.4 + 2.6 * len(panels))
    for axes, lines in zip(figure.subplots(len(panels), 1, squeeze=False)[:, 0], panels, strict=True):
        draw(axes, lines)
    missing = len(members) - sum(map(len, panels))
    caption = "The best complete trial so far, lower is better, each run with its letter, colour and dashes."
    if len(panels) > 1:
        caption += " Scores of different kinds have panels of their own: they are not to be compared."
    if not same_data(members):
        caption += " The runs read different data, so that their scores say little about each other."
    if missing:
        have = wording.either(missing, "has", "have")
        caption += f" {wording.count(missing, 'run')} without a complete trial {have} no line."
    told = "; ".join(
        f"{line.member.letter} {wording.significant(line.last, 4)} after {wording.count(len(line.trial), 'trial')}"
        for lines in panels
        for line in lines
    )
    return Plot("overlaid_progress", "progress", title(panels), caption, f"{title(panels)}. In the end {told}.", figure)


def draw(axes: Axes, lines: list[Line]) -> None:
    """Draw one kind of score; runs are named at the end of their lines."""
    scored = "SHD" in lines[0].scale.order_label
    known = np.concatenate([line.best[np.isfinite(line.best)] for line in lines])
    low, top = (0.0 if scored else float(known.min())), float(known.max())
    empty = {line.empty for line in lines}
    shared = empty.pop() if len(empty) == 1 and scored else float("nan")
    top = max(top, shared) if np.isfinite(shared) else top
    span = max(top - low, 1e-9)
    low, top = low - 0.06 * span, top + 0.06 * span
    end = max(float(line.trial[-1]) for line in lines)
    for line in lines:
        colour, dashes = COLOURS[line.place % len(COLOURS)], DASHES[line.place % len(DASHES)]
        label = f"{line.member.letter}: {wording.label(line.member.name, 24)}"
        axes.step(line.trial, line.best, where="post", color=colour, linestyle=dashes, linewidth=1.6, label=label)
    beside = blended_transform_factory(axes.transAxes, axes.transData)
    marks = [(f"{line.member.letter}  {wording.significant(line.last, 4)}", line.last) for line in lines]
    if np.isfinite(shared):
        axes.axhline(shared, color=SOFT, linewidth=0.9, dashes=(4, 3), zorder=1)
        marks.append((f"empty graph  {wording.shd(shared)}", shared))
    places = spread([value for _, value in marks], 0.085 * (top - low), low, top)
    for (text, value), place in zip(marks, places, strict=True):
        axes.plot([1.0, 1.018], [value, place], transform=beside, color=LINE, linewidth=0.8, clip_on=False)
        axes.text(1.024, place, text, transform=beside, va="center", fontsize=8, color=SOFT)
    unit = f"{lines[0].scale.order_label} (wrong pairs)" if scored else f"{lines[0].scale.order_label} (nats a row)"
    axes.set(xlabel="trial", ylabel=unit, xlim=(-0.02 * max(end, 1), 1.02 * max(end, 1)), ylim=(low, top))
    whole_ticks(axes.xaxis, 0, end)
    if scored:
        whole_ticks(axes.yaxis, 0, top)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=3, handlelength=3, columnspacing=1.4)
