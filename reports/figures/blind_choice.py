"""Would I have picked it blind: blind score against SHD of the complete trials, with the pick and the best.

Every trial is drawn at the cut that never saw the true graph, because the pick is judged there; the best trial's
own number, with its cut tuned on the true graph, is a line.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from reports.colours import CORRECT, GROUND, INK, SECOND, SOFT
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, new_figure, whole_ticks
from reports.figures.progress import jitter
from reports.ranks import spearman
from reports.run import Run, number
from reports.scores import scale_of
from reports.wording import count, decimals, shd, significant


@dataclass(frozen=True, eq=False)
class Choice:
    """What the figure shows; arrays hold the complete trials with both numbers.

    Args:
        trial: numbers of the trials. score: blind score, lower is better. shd: at cut 0.5.
        pick, best: places in the arrays; best is the run's best trial, in a blind sweep the one of lowest SHD.
        own: SHD that the best trial is quoted with: in an oracle sweep at its tuned cut.
        empty: SHD of the empty graph; NaN where it was not recorded.
        agreement: rank correlation of score and SHD; NaN where it cannot be had.
        oracle: whether the best trial was chosen and cut by the true graph. pruned: trials that were ended early.
    """

    trial: Floats
    score: Floats
    shd: Floats
    pick: int
    best: int
    own: float
    empty: float
    agreement: float
    oracle: bool
    pruned: int


def collect(run: Run) -> Choice | None:
    """Collect the numbers; None where no true graph is known or no blind pick was recorded."""
    if not run.has_truth or run.best is None:
        return None
    score, errors = run.trials.number("blind_score"), run.trials.number("val_shd_blind")
    here = (run.states == "complete") & np.isfinite(score) & np.isfinite(errors)
    trial, score, errors = run.trials.number("number")[here], score[here], errors[here]
    place = {int(value): index for index, value in enumerate(trial)}
    pick = place.get(_whole(number(run.summary.get("blind"), "number")))
    oracle = scale_of(run).oracle
    best = place.get(_whole(number(run.best, "number")))
    if pick is None or best is None:
        return None
    if not oracle:  # the best trial is the pick itself: compare with the lowest SHD of all
        best = pick if errors[pick] == errors.min() else int(np.argmin(errors))
    empty = run.baseline("empty")
    return Choice(
        trial=trial,
        score=score,
        shd=errors,
        pick=pick,
        best=best,
        own=number(run.best, "val_shd") if oracle else float(errors[best]),
        empty=empty.shd if empty is not None else float("nan"),
        agreement=spearman(score, errors),
        oracle=oracle,
        pruned=run.having("pruned"),
    )


def _whole(value: float) -> int:
    """Read a trial's number; -1, which no trial has, where there is none."""
    return int(value) if np.isfinite(value) else -1


def title(numbers: Choice) -> str:
    """Say what a blind pick would have given, and how well the score ranks."""
    pick = f"The blind pick, trial {numbers.trial[numbers.pick]:.0f}, has SHD {shd(numbers.shd[numbers.pick])}"
    mark = " (oracle)" if numbers.oracle else ""
    than = f"the best trial {shd(numbers.own)}{mark}" if numbers.oracle else f"the lowest of all is {shd(numbers.own)}"
    if numbers.shd[numbers.pick] <= numbers.own:
        than = f"as low as the best trial's{mark}" if numbers.oracle else "the lowest of all"
    return f"{pick}, {than}; {_ranks(numbers)}"


def _ranks(numbers: Choice) -> str:
    """Say how far the blind score and SHD put the trials in one order."""
    if not np.isfinite(numbers.agreement):
        return "too few different trials for a rank correlation"
    return f"rank correlation of score and SHD {decimals(numbers.agreement, 2)}"


def note(run: Run) -> str:
    """Say why there is no figure."""
    if not run.has_truth:
        return "No true graph is known, so nothing says how good the blind pick is."
    return "No complete trial has a blind score, so nothing says what would have been picked without the true graph."


def caption(numbers: Choice, beyond: int) -> str:
    """Say how to read the figure, and what of it is not drawn in place."""
    parts = [
        f"{count(len(numbers.trial), 'complete trial')}, each at cut 0.5. The blind score never saw the true graph; "
        "where low scores have low SHDs (rank correlation near 1), it finds good trials on data without one. The pick "
        "is not the lowest score but the most typical graph of the best third."
    ]
    if numbers.oracle:
        parts.append("The best trial was chosen and cut by the true graph (oracle).")
    if numbers.oracle and numbers.pruned:
        parts.append(
            "Pruning read it too, so the pick is of the trials that it left: a clean figure needs --objective blind."
        )
    if len(numbers.trial) > RASTER_MARKS:
        parts.append("Marks are shaken up and down by up to a third, so that equal ones do not hide each other.")
    if beyond:
        parts.append(
            f"{count(beyond, 'trial')} with far higher numbers {'stands' if beyond == 1 else 'stand'} at the edge."
        )
    return " ".join(parts)


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(3.3)
    right, top = limits(numbers)
    beyond = int(np.sum((numbers.score > right) | (numbers.shd > top)))
    draw(figure.add_subplot(), numbers, right, top)
    low, high = significant(numbers.score.min(), 4), significant(numbers.score.max(), 4)
    description = (
        f"{title(numbers)}. {count(len(numbers.trial), 'trial')}: blind score from {low} to {high}, "
        f"SHD at cut 0.5 from {shd(numbers.shd.min())} to {shd(numbers.shd.max())}."
    )
    return Plot("blind_choice", "blind", title(numbers), caption(numbers, beyond), description, figure)


def limits(numbers: Choice) -> tuple[float, float]:
    """Choose the ends of the axes, (score, SHD), so that a few poor trials do not flatten the rest."""
    ends = []
    for values, low in ((numbers.score, float(numbers.score.min())), (numbers.shd, 0.0)):
        shown = float(max(np.quantile(values, 0.7), values[numbers.pick], values[numbers.best]))
        usual, highest = low + 1.4 * (shown - low), float(values.max())
        ends.append(usual if highest - low > 1.6 * (usual - low) > 0 else highest)
    known = [numbers.empty] if numbers.empty < 2 * ends[1] else []
    return ends[0], max([ends[1], 3.0, *known])


def draw(axes: Axes, numbers: Choice, right: float, top: float) -> None:
    """Draw one mark a trial; those beyond the axes stand at their edge."""
    low = float(numbers.score.min())
    span = max(right - low, 1e-9 * max(1.0, abs(low)))
    many = len(numbers.trial) > RASTER_MARKS
    shaken = numbers.shd + (jitter(len(numbers.shd)) if many else 0.0)
    x = np.where(numbers.score > right, right + 0.03 * span, numbers.score)
    y = np.where(numbers.shd > top, 1.05 * top, shaken)
    inside = (numbers.score <= right) & (numbers.shd <= top)
    look: Any = {"color": CORRECT, "rasterized": many, "clip_on": False, "zorder": 3}
    size = 26 if len(x) <= 100 else 14 if not many else 4
    axes.scatter(x[inside], y[inside], s=size, edgecolors=GROUND, linewidths=0 if many else 0.4, label="trial", **look)
    if not inside.all():
        axes.scatter(x[~inside], y[~inside], s=size, marker="^", linewidths=0, label="further out", **look)
    pick, best = (f"{numbers.trial[k]:.0f}" for k in (numbers.pick, numbers.best))
    for k, colour, marker, points, name in (
        (numbers.best, INK, "o", 105, f"best trial ({best})" if numbers.oracle else f"lowest SHD ({best})"),
        (numbers.pick, SECOND, "D", 150, f"blind pick ({pick}): SHD {shd(numbers.shd[numbers.pick])}"),
    ):
        axes.scatter(
            numbers.score[k], numbers.shd[k], s=points, marker=marker, facecolors="none", edgecolors=colour,
            linewidths=1.6, zorder=5, clip_on=False, label=name,
        )  # fmt: skip
    _lines(axes, numbers, top)
    axes.set(xlabel="blind score (nats a row, lower is better)", ylabel="SHD at cut 0.5 (wrong pairs)")
    axes.set(xlim=(low - 0.05 * span, right + 0.06 * span), ylim=(-0.06 * top, 1.08 * top))
    whole_ticks(axes.yaxis, 0, top, 6)
    axes.grid(visible=False, axis="x")
    axes.legend(loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, handletextpad=0.4, columnspacing=1.4)


def _lines(axes: Axes, numbers: Choice, top: float) -> None:
    """Draw what the best trial is quoted with, and the empty graph, with their names beside them."""
    lines = [("best, oracle" if numbers.oracle else "lowest", numbers.own), ("empty", numbers.empty)]
    for name, value in lines:
        if value <= top:
            axes.axhline(value, color=SOFT, linewidth=0.9, dashes=(4, 3), zorder=1)
            text = f"{name}\n{shd(value)}"
            axes.text(1.012, value, text, transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=SOFT)
