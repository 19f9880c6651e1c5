"""How the landscape is drawn: single trials, cells, or one line where one setting was swept.

Colour is one hue, stronger where better, so that one drawing serves light and dark; the number stands in the cell.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from reports import wording
from reports.colours import CORRECT, GOOD, INK, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import RASTER_MARKS, Plot, new_figure, whole_ticks
from reports.landscape import Landscape, Panel, caption, collect, title, written
from reports.run import Run
from reports.smooth import smoothed, width
from reports.swept import MARGIN

FAINT, STRONG, CELL, AREA = 0.06, 1.0, 0.55, 0.2
BESIDE_UP_TO = 10
NUMBERS_UP_TO = (24, 20)
STEPS = 12


def plot(run: Run) -> Plot | None:
    """Draw the section's figure."""
    numbers = collect(run)
    if numbers is None:
        return None
    figure = drawn(numbers)
    spans = [
        f"{p.label} from {written(p, float(np.nanmin(p.values)))} to {written(p, float(np.nanmax(p.values)))}"
        for p in numbers.panels
    ]
    names = wording.listing([setting.label for setting in numbers.settings])
    description = f"{title(numbers)}. {wording.count(len(numbers.places), 'trial')} over {names}; {'; '.join(spans)}."
    return Plot("landscape", "landscape", title(numbers), caption(numbers), description, figure)


def drawn(numbers: Landscape) -> Figure:
    """Draw all panels: side by side, or below each other where a cell would be too narrow for its number."""
    columns, rows = numbers.cells or (1, 1)
    stacked = columns > BESIDE_UP_TO and len(numbers.panels) > 1
    tall = min(max(2.9, 0.36 * rows + 0.9), 7.0)
    figure = new_figure(tall * (len(numbers.panels) if stacked else 1))
    keyed = numbers.cells is None or bool(numbers.levels_met())
    shape = (len(numbers.panels), 1) if stacked else (1, len(numbers.panels))
    for k, (axes, panel) in enumerate(zip(figure.subplots(*shape, squeeze=False).flat, numbers.panels, strict=True)):
        if len(numbers.settings) == 1:
            draw_line(axes, numbers, panel)
        else:
            draw_map(axes, numbers, panel, counted=k == 0)
            if k and not stacked:
                axes.set_ylabel("")
        axes.set_title(_heading(panel), pad=22 if keyed else 7, fontweight="normal", color=SOFT)
    first = figure.axes[0]
    handles = first.get_legend_handles_labels()
    if handles[0]:
        place: Any = {"loc": "lower left", "bbox_to_anchor": (-0.02, 1.0), "ncols": 4}
        first.legend(*handles, handletextpad=0.5, columnspacing=1.0, **place).set_in_layout(False)
    return figure


def _heading(panel: Panel) -> str:
    if panel.label == "F1":
        return "F1 (0 to 1, higher is better)"
    return (
        f"{panel.label} (wrong pairs, lower is better)" if "SHD" in panel.label else f"{panel.label} (lower is better)"
    )


def goodness(values: Floats, *, low_is_good: bool) -> Floats:
    """Scale values from 0, the worst fifth, to 1, the best, so that a few hopeless ones do not flatten the others."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values))
    signed, of = (-values, -known) if low_is_good else (values, known)
    best, usual = float(of.max()), float(np.quantile(of, 0.2))
    return np.clip((signed - usual) / (best - usual), 0, 1) if best > usual else np.where(signed >= best, 1.0, 0.0)


def draw_map(axes: Axes, numbers: Landscape, panel: Panel, *, counted: bool) -> None:
    """Draw one quantity over two settings."""
    axes.grid(visible=False)
    if numbers.cells is None:
        _points(axes, numbers, panel)
    else:
        _cells(axes, numbers, panel, counted=counted)
    if numbers.levels_met():
        _true_number(axes, numbers)
    numbers.settings[0].dress(axes, "x")
    numbers.settings[1].dress(axes, "y")
    for side in axes.spines.values():
        side.set_visible(True)


def _true_number(axes: Axes, numbers: Landscape) -> None:
    """Draw where graphs have about the true number of edges: a line over cells, else an area."""
    line = np.linspace(0, 1, len(numbers.surface))
    surface = np.ma.masked_invalid(numbers.surface)
    if numbers.cells is None:
        axes.contourf(line, line, surface, numbers.true_levels, colors=[GOOD], alpha=AREA, zorder=1)
        axes.fill_between([], [], color=GOOD, alpha=AREA, linewidth=0, label=f"about {numbers.truth:,.0f} edges")
        return
    level = [float(np.log1p(numbers.truth))]
    if surface.min() < level[0] < surface.max():
        axes.contour(line, line, surface, level, colors=[INK], linewidths=1.0, linestyles=[(0, (4, 3))], zorder=4)
        axes.plot([], [], color=INK, linewidth=1.0, dashes=(4, 3), label=f"{numbers.truth:,.0f} edges")


def spaced(numbers: Landscape, axis: int) -> Floats:
    """Place trials along an axis, those at one of a list's values shaken apart, always the same way."""
    levels = len(numbers.settings[axis].levels)
    shake = np.random.default_rng(axis).uniform(-0.3, 0.3, len(numbers.places)) / levels if levels else 0.0
    return np.asarray(numbers.places[:, axis] + shake)


def _points(axes: Axes, numbers: Landscape, panel: Panel) -> None:
    """Draw each trial, filled the more strongly the better it is."""
    x, y = spaced(numbers, 0), spaced(numbers, 1)
    good = goodness(panel.values, low_is_good=panel.low_is_good)
    for complete, marker, size, name in ((False, "D", 16, "pruned"), (True, "o", 34, "complete")):
        here = (numbers.complete == complete) & np.isfinite(panel.values)
        if not here.any():
            continue
        fill = [to_rgba(CORRECT, FAINT + (STRONG - FAINT) * part) for part in good[here].tolist()]
        edge = CORRECT if complete else PRUNED
        axes.scatter(
            x[here], y[here], s=size, marker=marker, facecolors=fill, edgecolors=edge, linewidths=0.8, zorder=3
        )
        _key(axes, name, marker, 4.5, edge)
    _ring(axes, x, y, numbers.best, numbers.scale.ring)


def _key(axes: Axes, name: str, marker: str, size: float, edge: str) -> None:
    """Give the legend a hollow mark, as those drawn differ in strength."""
    style: Any = {"linestyle": "none", "markersize": size, "markeredgecolor": edge, "markerfacecolor": "none"}
    axes.plot([], [], marker=marker, label=name, **style)


def _ring(axes: Axes, x: Floats, y: Floats, best: int, name: str) -> None:
    """Mark the best trial."""
    if best >= 0:
        at = slice(best, best + 1)
        axes.scatter(x[at], y[at], s=110, facecolors="none", edgecolors=INK, linewidths=1.3, zorder=5)
        _key(axes, name, "o", 7.0, INK)


def _cells(axes: Axes, numbers: Landscape, panel: Panel, *, counted: bool) -> None:
    """Draw the best of each cell, with its number where there is room."""
    best, count = numbers.reached(panel)
    rows, columns = best.shape
    good = goodness(best.ravel(), low_is_good=panel.low_is_good).reshape(best.shape)
    strength = np.where(np.isfinite(best), FAINT + (CELL - FAINT) * np.round(good * STEPS) / STEPS, 0.0)
    _tint(axes, strength)
    numbered = columns <= NUMBERS_UP_TO[0] and rows <= NUMBERS_UP_TO[1]
    style: Any = {"ha": "center", "va": "center", "zorder": 5, "in_layout": False}
    for row, column in np.argwhere(count > 0).tolist():
        if numbered:
            x, y = (column + 0.5) / columns, (row + 0.5) / rows
            text = written(panel, float(best[row, column]))
            text = {"1.00": "1"}.get(text, text.replace("0.", ".", 1)) if panel.label == "F1" else text
            above = 0.14 / rows if counted else 0.0
            axes.text(x, y + above, text, fontsize=8 if columns <= 16 else 6.5, color=INK, **style)
            if counted:
                axes.text(x, y - 0.28 / rows, f"{count[row, column]:,}", fontsize=5.5, color=SOFT, **style)
    if numbers.best >= 0:
        column, row = numbers.cell_of()[numbers.best].tolist()
        corner, size = (column / columns, row / rows), (1 / columns, 1 / rows)
        axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=INK, linewidth=1.6, zorder=6, in_layout=False))


def _tint(axes: Axes, strength: Floats) -> None:
    """Fill the cells, those of one strength as one element of the page; an image where there are very many."""
    rows, columns = strength.shape
    if strength.size > RASTER_MARKS:
        image = np.empty((rows, columns, 4))
        image[:] = to_rgba(CORRECT)
        image[..., 3] = strength
        axes.imshow(image, extent=(0, 1, 0, 1), origin="lower", interpolation="nearest", aspect="auto", zorder=1)
        return
    corners = np.array([[0.02, 0.02], [0.98, 0.02], [0.98, 0.98], [0.02, 0.98], [0.02, 0.02]])
    codes = [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY]
    for step in np.unique(strength[strength > 0]):
        at = np.argwhere(strength == step)[:, None, ::-1]
        path = Path(((at + corners) / [columns, rows]).reshape(-1, 2), codes * len(at))
        axes.add_patch(PathPatch(path, facecolor=to_rgba(CORRECT, float(step)), linewidth=0, in_layout=False))


def draw_line(axes: Axes, numbers: Landscape, panel: Panel) -> None:
    """Draw one quantity against the only setting."""
    x = spaced(numbers, 0)
    many = len(x) > RASTER_MARKS
    for complete, marker, size, colour in ((False, "D", 12, PRUNED), (True, "o", 22, CORRECT)):
        here = (numbers.complete == complete) & np.isfinite(panel.values)
        if here.any():
            axes.scatter(x[here], panel.values[here], s=4 if many else size, marker=marker,
                         facecolors=colour if complete else "none", edgecolors=colour, linewidths=0.7, rasterized=many,
                         label="complete" if complete else "pruned", zorder=3)  # fmt: skip
    done = numbers.complete & np.isfinite(panel.values)
    line = np.linspace(0, 1, len(numbers.surface))
    near = np.array([width(len(numbers.settings[0].levels))])
    axes.plot(
        line, smoothed(numbers.places[done], panel.values[done], line[:, None], near), color=CORRECT, linewidth=1.2
    )
    apart = np.subtract.outer(np.array(numbers.levels_met()), numbers.surface)
    with np.errstate(invalid="ignore"):
        across = np.flatnonzero((apart[:, :-1] * apart[:, 1:] <= 0).any(axis=0))
    for k, place in enumerate(across.tolist()):
        name = f"about {numbers.truth:,.0f} edges" if k == 0 else None
        middle = (line[place] + line[place + 1]) / 2
        axes.axvline(middle, color=SOFT, linewidth=0.9, dashes=(4, 3), label=name)
    _ring(axes, x, panel.values, numbers.best, numbers.scale.ring)
    numbers.settings[0].dress(axes, "x")
    if "SHD" in panel.label:
        whole_ticks(axes.yaxis, 0, float(np.nanmax(panel.values)))
    axes.set_xlim(-MARGIN, 1 + MARGIN)
