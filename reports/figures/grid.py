"""Best graph as a grid of strengths, each edge of the learned or the true graph marked."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from reports import wording
from reports.colours import GROUND, INK, LINE, PRUNED, SOFT, TINT
from reports.columns import Floats
from reports.comparison import GLYPHS, Comparison, compare
from reports.drawing import RASTER_MARKS, Plot, new_figure
from reports.figures.arrows import STYLES, told
from reports.layers import Edge
from reports.run import Run

NUMBERS_UP_TO = 16
FULL_TINT = 0.55


def plot(run: Run) -> Plot | None:
    """Draw the strengths as a grid, each wrong cell marked."""
    found = compare(run)
    if found is None:
        return None
    d = len(found.names)
    figure = new_figure(min(5.6, max(2.4, 1.35 + 0.31 * d)))
    draw_grid(figure.add_subplot(), found)
    strong = int((found.adjacency > found.cut).sum())
    near = int((np.abs(found.adjacency - found.cut) < 0.1)[~np.eye(d, dtype=np.bool_)].sum())
    heading = (
        f"{strong} of {wording.count(d * (d - 1), 'possible edge')} {wording.either(strong, 'is', 'are')} "
        f"stronger than the cut {wording.significant(found.cut)}; "
        f"{near} {wording.either(near, 'lies', 'lie')} within 0.1 of it"
    )
    caption = (
        "Row: cause; column: effect. The darker a cell, the stronger the edge; a coloured cell is an edge of the "
        f"learned {'graph' if found.truth is None else 'or the true graph, with the signs of the drawing'}."
    )
    if d > NUMBERS_UP_TO:
        caption += " The strengths are in best/adjacency.csv."
    return Plot("adjacency", "graph", heading, caption, f"{heading}. {told(run, found)}", figure)


def draw_grid(axes: Axes, found: Comparison) -> None:
    """Draw the cells: grey by strength, coloured where an edge is or should be."""
    d = len(found.names)
    marked = {(link.cause, link.effect): link.kind for link in found.links}
    axes.set(xlim=(-0.5, d - 0.5), ylim=(d - 0.5, -0.5))
    axes.grid(visible=False)
    if d < 10:
        axes.set_aspect("equal", anchor="W")
    shown = [(int(i), int(j)) for i, j in np.argwhere(found.adjacency >= 0.02) if (i, j) not in marked]
    size = 0.94 if d <= 40 else 1.0
    if len(shown) > RASTER_MARKS:
        axes.imshow(_tint(found), interpolation="nearest", aspect="auto", zorder=1)
    else:
        for i, j in shown:
            alpha = FULL_TINT * float(found.adjacency[i, j])
            axes.add_patch(Rectangle((j - size / 2, i - size / 2), size, size, color=PRUNED, alpha=alpha, lw=0))
    for (i, j), kind in marked.items():
        colour = STYLES[kind][0]
        filled = kind != "missing"
        axes.add_patch(
            Rectangle(
                (j - size / 2, i - size / 2), size, size, facecolor=colour if filled else GROUND, edgecolor=colour,
                linewidth=1.2 if d <= 40 else 0.6, linestyle="solid" if filled else STYLES[kind][1], zorder=3,
            )
        )  # fmt: skip
    for i in range(d):
        axes.add_patch(Rectangle((i - size / 2, i - size / 2), size, size, color=TINT, lw=0))
    if d <= NUMBERS_UP_TO:
        _numbers(axes, found, marked)
    for cell in (*axes.patches, *axes.texts):
        cell.set_in_layout(False)  # inside the axes by construction; measuring each takes half of the drawing time
    _names(axes, found)


def _tint(found: Comparison) -> Floats:
    """Give the grid as an image, (d, d, 4): one element of the page instead of thousands."""
    image = np.empty((*found.adjacency.shape, 4))
    image[:] = to_rgba(PRUNED)
    image[..., 3] = FULL_TINT * np.where(found.adjacency >= 0.02, found.adjacency, 0.0)
    return image


def _numbers(axes: Axes, found: Comparison, marked: dict[Edge, str]) -> None:
    """Write the strengths into the cells, with the glyph of what is wrong."""
    for i, j in np.ndindex(found.adjacency.shape):
        kind = marked.get((i, j), "")
        strength = float(found.adjacency[i, j])
        if i == j or (strength < 0.02 and not kind):
            continue
        glyph = GLYPHS[kind] if kind in {"extra", "missing", "reversed"} else ""
        colour = PRUNED if kind == "missing" else GROUND if kind else SOFT
        text = f"{glyph}{strength:.2f}".replace("0.", ".", 1) if strength < 0.995 else f"{glyph}1"
        axes.text(j, i, text, ha="center", va="center", fontsize=7, color=colour, zorder=4)


def _names(axes: Axes, found: Comparison) -> None:
    """Write the names along the sides; over 50 variables only every n-th."""
    d = len(found.names)
    every = 1 if d <= 50 else int(np.ceil(d / 50))
    short = wording.labels(found.names, 18)
    places = list(range(0, d, every))
    axes.xaxis.tick_top()
    size = 8 if d <= 20 else 6.5 if d <= 32 else 5
    axes.set_xticks(places, [short[k] for k in places], rotation=90, fontsize=size, color=INK)
    axes.set_yticks(places, [short[k] for k in places], fontsize=size, color=INK)
    axes.tick_params(length=0)
    axes.set_xlabel("effect", loc="left")
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("cause", loc="top")
    for side in axes.spines.values():
        side.set(visible=True, color=LINE)
