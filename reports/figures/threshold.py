"""Does the result hang on the cut: F1 and SHD of the best graph against it, or its edges where no truth is known."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from reports.colours import CORRECT, GOOD, GROUND, INK, PRUNED, SOFT
from reports.columns import Floats
from reports.cuts import MOVE, Cuts, around, at, best_course, cut_course, fragile, span, stable_range
from reports.drawing import Plot, new_figure, whole_ticks
from reports.run import Run
from reports.scores import BLIND_CUT, scale_of
from reports.wording import count, f1, shd, significant

POINTS = 500
LEARNED = "best graph"


@dataclass(frozen=True, eq=False)
class Threshold:
    """What the figure shows.

    Args:
        course: the best graph at every cut; drawn: the same at no more than `POINTS` cuts and the used one.
        used: the cut that its quoted numbers were taken at. oracle: it was chosen by looking at the true graph.
        stable: cuts around it at which SHD is at most 2 from what it is there; None where no true graph is known.
    """

    course: Cuts
    drawn: Cuts
    used: float
    oracle: bool
    stable: tuple[float, float] | None

    @property
    def shd(self) -> float:
        """SHD at the used cut; NaN where no true graph is known."""
        return at(self.course, self.course.shd, self.used)


def collect(run: Run) -> Threshold | None:
    """Collect the numbers; None where no graph was saved."""
    found = best_course(run)
    if found is None or run.adjacency is None:
        return None
    course, used = found
    drawn = course
    if len(course.cut) > POINTS:
        drawn = cut_course(run.adjacency, run.truth, np.unique(np.append(np.linspace(0, 1, POINTS), used)))
    stable = stable_range(course, used) if run.truth is not None else None
    return Threshold(course, drawn, used, scale_of(run).oracle, stable)


def title(numbers: Threshold) -> str:
    """Say how far the cut may move, or what moves where it may not."""
    used = significant(numbers.used)
    if numbers.stable is None:
        low, high = span(numbers.course, numbers.course.edges, numbers.used)
        near = "the same" if low == high else f"{low:,.0f} to {high:,.0f}"
        edges = count(at(numbers.course, numbers.course.edges, numbers.used), "edge")
        return f"{edges} at the plain cut {used}, {near} within 20 % of it"
    own = f"SHD is {shd(numbers.shd)} at the used cut {used}"
    if fragile(numbers.course, numbers.used):
        low, high = span(numbers.course, numbers.course.shd, numbers.used)
        return f"{own}, but {shd(low)} to {shd(high)} within 20 % of it"
    first, last = (significant(end, 2) for end in numbers.stable)
    return f"{own} and stays within {MOVE} of it from {first} to {last}"


def caption(numbers: Threshold, above: str) -> str:
    """Say how to read the panels, and what of them is not drawn."""
    if numbers.stable is None:
        return (
            "Edges of the best graph whose strength is over the cut. Where the line is flat the cut hardly matters; "
            f"where it is steep, small changes of the cut make another graph. Shaded: within 20 % of it.{above}"
        )
    used = "the used cut was chosen by looking at the true graph (oracle), the plain one never saw it"
    kind = used if numbers.oracle else "the used cut is the plain one, which never saw the true graph"
    return (
        f"The best graph at every cut: {kind}. Shaded: the cuts around the used one whose SHD is at most {MOVE} from "
        "its own; the wider, the less hangs on the cut. Dashed: what random graphs with as many edges are expected to "
        f"reach (F1), and the empty graph (SHD).{above}"
    )


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = new_figure(2.5 if numbers.stable is None else 4.0)
    if numbers.stable is None:
        panels = [figure.add_subplot()]
        top = _limit(numbers, numbers.course.edges, 10.0)
        draw_edges(panels[0], numbers, top)
        above = _cut_off(numbers, numbers.course.edges, top, "edges")
    else:
        panels = list(figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.25)))
        top = _limit(numbers, numbers.course.shd, 1.6 * float(numbers.course.shd[-1]))
        draw_f1(panels[0], numbers)
        draw_shd(panels[1], numbers, top)
        above = _cut_off(numbers, numbers.course.shd, top, "wrong pairs")
    _finish(panels, numbers)
    return Plot("threshold", "threshold", title(numbers), caption(numbers, above), _told(numbers), figure)


def _told(numbers: Threshold) -> str:
    """Describe the drawing by its numbers at some cuts."""
    course = numbers.course
    parts = []
    for cut in (0.1, 0.3, 0.5, 0.7, 0.9):
        edges = count(at(course, course.edges, cut), "edge")
        scored = f", SHD {shd(at(course, course.shd, cut))}, F1 {f1(at(course, course.f1, cut))}"
        parts.append(f"{cut}: {edges}{scored if numbers.stable is not None else ''}")
    return f"{title(numbers)}. At cut {'; '.join(parts)}."


def _limit(numbers: Threshold, values: Floats, least: float) -> float:
    """Choose the end of the axis: small cuts, at which almost all is an edge, must not flatten the rest."""
    _, near = span(numbers.course, values, numbers.used)
    low, high = numbers.stable or (numbers.used, numbers.used)
    inside = values[(numbers.course.cut >= low) & (numbers.course.cut <= high)]
    usual = max(least, 1.3 * near, 1.15 * float(inside.max(initial=0.0)), 3.0)
    return usual if float(values.max()) > 1.5 * usual else max(1.05 * float(values.max()), 3.0)


def _cut_off(numbers: Threshold, values: Floats, top: float, noun: str) -> str:
    """Say which cuts leave the panel; nothing where none does."""
    over = numbers.course.cut[values > top]
    if not len(over):
        return ""
    end = int(np.flatnonzero(values > top)[-1]) + 1
    last = numbers.course.cut[end] if end < len(values) else 1.0
    return f" Cuts under {significant(float(last), 2)} leave it at the top, with up to {values.max():,.0f} {noun}."


def _line(axes: Axes, numbers: Threshold, values: Floats) -> None:
    """Draw one course as steps, and the point in use."""
    x, y = np.append(numbers.drawn.cut, 1.0), np.append(values, values[-1])
    axes.plot(x, y, color=CORRECT, drawstyle="steps-post", label=LEARNED, zorder=3)
    axes.scatter(
        [numbers.used], [at(numbers.drawn, values, numbers.used)], s=40, color=INK, edgecolors=GROUND, linewidths=0.5,
        zorder=5, clip_on=False,
    )  # fmt: skip


def draw_f1(axes: Axes, numbers: Threshold) -> None:
    """Draw F1 against the cut, beside that of random graphs with as many edges."""
    _line(axes, numbers, numbers.drawn.f1)
    x, y = np.append(numbers.drawn.cut, 1.0), np.append(numbers.drawn.chance, numbers.drawn.chance[-1])
    axes.plot(x, y, color=SOFT, linewidth=0.9, dashes=(4, 3), drawstyle="steps-post", zorder=2)
    axes.text(1.012, y[-1], "chance", transform=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=SOFT)
    axes.set(ylabel="F1 (0 to 1)", ylim=(-0.03, 1.05))


def draw_shd(axes: Axes, numbers: Threshold, top: float) -> None:
    """Draw SHD against the cut, beside that of the empty graph."""
    _line(axes, numbers, numbers.drawn.shd)
    empty = float(numbers.course.shd[-1])
    axes.axhline(empty, color=SOFT, linewidth=0.9, dashes=(4, 3), zorder=2)
    beside = axes.get_yaxis_transform()
    axes.text(1.012, empty, f"empty\n{shd(empty)}", transform=beside, va="center", fontsize=7.5, color=SOFT)
    axes.set(ylabel="SHD (wrong pairs)", ylim=(-0.03 * top, top))
    whole_ticks(axes.yaxis, 0, top, 5)


def draw_edges(axes: Axes, numbers: Threshold, top: float) -> None:
    """Draw the number of edges against the cut."""
    _line(axes, numbers, numbers.drawn.edges)
    axes.set(ylabel="edges", ylim=(-0.03 * top, top))
    whole_ticks(axes.yaxis, 0, top, 5)


def _finish(panels: list[Axes], numbers: Threshold) -> None:
    """Mark the cuts and the stable range in every panel, and name them once above."""
    handles: list[Any] = []
    for axes in panels:
        handles = [axes.axvline(numbers.used, color=INK, linewidth=1.1, label=_used(numbers))]
        if numbers.used != BLIND_CUT:
            name = f"plain cut {BLIND_CUT}"
            if numbers.stable is not None:
                name += f": SHD {shd(at(numbers.course, numbers.course.shd, BLIND_CUT))}"
            handles.append(axes.axvline(BLIND_CUT, color=SOFT, linewidth=1.0, dashes=(2, 2), label=name))
        shaded, colour, name = around(numbers.used), PRUNED, "within 20 %"
        if numbers.stable is not None:
            first, last = (significant(end, 2) for end in numbers.stable)
            shaded, colour, name = numbers.stable, GOOD, f"SHD within {MOVE}: {first} to {last}"
        handles.append(axes.axvspan(*shaded, color=colour, alpha=0.14, linewidth=0, label=name))
        axes.set(xlim=(0, 1))
        axes.grid(visible=False, axis="x")
    panels[-1].set_xlabel("cut (an edge is stronger; strength A from 0 to 1)")
    place: Any = {"loc": "lower left", "bbox_to_anchor": (-0.01, 1.0)}
    panels[0].legend(handles=handles, ncols=3, handletextpad=0.5, columnspacing=1.6, **place)


def _used(numbers: Threshold) -> str:
    """Name the cut in use."""
    if numbers.oracle:
        return f"used cut {significant(numbers.used)} (oracle)"
    return f"plain cut {significant(numbers.used)}, the used one"
