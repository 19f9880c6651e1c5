"""Best graph as a drawing with arrows: causes above effects, right and wrong edges told apart."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon
from matplotlib.path import Path

from reports import wording
from reports.colours import BAD, CORRECT, GROUND, PRUNED, SOFT, TINT, WATCH
from reports.comparison import GLYPHS, Bools, Comparison, compare
from reports.drawing import Plot, new_figure
from reports.layers import Edge, Layout, arrange
from reports.run import Run, number
from reports.scores import scale_of

MOST_NODES = 40
MOST_LINKS = 90
STYLES: dict[str, tuple[str, Any, float]] = {  # kind: colour, dashes, width
    "correct": (CORRECT, "solid", 1.5),
    "learned": (CORRECT, "solid", 1.5),
    "extra": (BAD, (0, (5, 2)), 1.5),
    "missing": (PRUNED, (0, (1.2, 1.8)), 1.5),
    "reversed": (WATCH, (0, (6, 1.8, 1.2, 1.8)), 1.5),
}
Point = tuple[float, float]
BOX, ROW = 0.3, 0.78  # inches: height of a name's box, distance of layers


def fits(found: Comparison) -> bool:
    """Whether a drawing with arrows can still be read."""
    return len(found.names) <= MOST_NODES and len(found.links) <= MOST_LINKS


def title(run: Run, found: Comparison) -> str:
    """Say what the best graph has right and wrong."""
    trial = f"Trial {number(run.best, 'number'):.0f}"
    if found.truth is None:
        edges = wording.count(int(found.learned.sum()), "edge")
        return (
            f"{trial} learns {edges} among {wording.count(len(found.names), 'variable')}; no true graph to compare with"
        )
    true, correct = int(found.truth.sum()), found.having("correct")
    if not true:
        learned = int(found.learned.sum())
        edges = wording.count(learned, "edge") if learned else "no edge"
        return f"{trial} learns {edges}, {'but' if learned else 'and'} the true graph has none"
    wrong = [f"{found.having(kind)} {kind}" for kind in ("extra", "missing", "reversed") if found.having(kind)]
    if not wrong:
        return f"{trial} finds all {wording.count(true, 'true edge')} and no other"
    return f"{trial} finds {correct} of {wording.count(true, 'true edge')}; {wording.listing(wrong)}"


def plot(run: Run) -> Plot | None:
    """Draw the variables in layers with arrows between them; None where there is nothing readable to draw."""
    found = compare(run)
    if found is None or not fits(found):
        return None
    graph = found.truth if found.truth is not None and found.truth.any() else found.learned
    layout = arrange(graph, [(link.cause, link.effect) for link in found.links])
    figure = new_figure(0.55 + ROW * layout.depth)
    draw_arrows(figure.add_subplot(), found, layout)
    cyclic = any(layout.layer[i] >= layout.layer[j] for i, j in np.argwhere(graph).tolist())
    whose = "the true graph" if graph is found.truth else "the learned graph"
    caption = (
        f"Causes stand above their effects, in the layers of {whose}"
        f"{'; arrows that point up close a cycle' if cyclic else ''}. An arrow is drawn where the strength A exceeds "
        f"{wording.significant(found.cut)} ({scale_of(run).cut})."
    )
    if _last_row_idle(graph, layout):
        caption += f" The last row holds variables without an edge in {whose}."
    if found.truth is not None:
        caption += (
            " Solid: learned and true. Dashed with +: learned but not true. Dotted with \N{MINUS SIGN}: true but not "
            f"learned. Dash-dotted with {GLYPHS['reversed']}: learned the wrong way round."
        )
    return Plot("best_graph", "graph", title(run, found), caption, told(run, found), figure)


def _last_row_idle(graph: Bools, layout: Layout) -> bool:
    idle: Bools = ~(np.any(graph, axis=0) | np.any(graph, axis=1))
    last = np.array(layout.layer) == layout.depth - 1
    return bool(graph.any() and last.any() and idle[last].all())


def told(run: Run, found: Comparison) -> str:
    """Tell the graph in words, as far as that stays listenable."""
    first = found.links[:40]
    edges = "; ".join(
        f"{wording.label(found.names[link.cause], 40)} to {wording.label(found.names[link.effect], 40)} ({link.kind})"
        for link in first
    )
    more = f"; {len(found.links) - len(first)} more in the table below" if len(found.links) > len(first) else ""
    return f"{title(run, found)}. Edges: {edges or 'none'}{more}."


def draw_arrows(axes: Axes, found: Comparison, layout: Layout) -> None:
    """Draw boxes with names, routed arrows and glyphs."""
    across = max(layout.width, 3.0)
    inches = 7.0 / across
    axes.set(xlim=(0, 7.0), ylim=(-ROW * (layout.depth - 1) - 0.32, 0.32))
    axes.set_axis_off()
    left = (7.0 - layout.width * inches) / 2
    box = min(1.35, 0.86 * inches)
    centre = {n: (left + x * inches, -ROW * layout.layer[n]) for n, x in enumerate(layout.x)}
    ports = _ports(found, layout, box)
    for link in found.links:
        edge = (link.cause, link.effect)
        between = [(left + x * inches, -ROW * row) for x, row in layout.routes[edge]]
        _arrow(axes, link.kind, edge, centre, between, ports, layout)
    short = wording.labels(found.names, max(4, int(box / 0.078)))
    for node, (x, y) in centre.items():
        axes.add_patch(
            FancyBboxPatch(
                (x - box / 2, y - BOX / 2), box, BOX, boxstyle="round,pad=0,rounding_size=0.06",
                facecolor=TINT, edgecolor=SOFT, linewidth=0.8, zorder=4,
            )
        )  # fmt: skip
        axes.text(x, y, short[node], ha="center", va="center", fontsize=8 if box > 0.8 else 7, zorder=5)
    for part in (*axes.patches, *axes.texts):
        part.set_in_layout(False)
    _legend(axes, found)


def _ports(found: Comparison, layout: Layout, box: float) -> dict[tuple[Edge, int], float]:
    """Spread the arrows' ends along the sides of the boxes, in the order of where they go."""
    sides: dict[tuple[int, bool], list[tuple[float, Edge]]] = {}
    for link in found.links:
        edge = (link.cause, link.effect)
        way = [(layout.x[link.cause], layout.layer[link.cause]), *layout.routes[edge]]
        way.append((layout.x[link.effect], layout.layer[link.effect]))
        down = layout.layer[link.effect] >= layout.layer[link.cause]
        level = layout.layer[link.effect] == layout.layer[link.cause]
        sides.setdefault((link.cause, down), []).append((way[1][0], edge))
        sides.setdefault((link.effect, down if level else not down), []).append((way[-2][0], edge))
    ports = {}
    for (node, _), ends in sides.items():
        step = min(0.16, 0.75 * box / len(ends))
        for place, (_, edge) in enumerate(sorted(ends)):
            ports[edge, node] = (place - (len(ends) - 1) / 2) * step
    return ports


def _arrow(
    axes: Axes,
    kind: str,
    edge: Edge,
    centre: dict[int, tuple[float, float]],
    between: list[tuple[float, float]],
    ports: dict[tuple[Edge, int], float],
    layout: Layout,
) -> None:
    """Draw one arrow through its points, with its glyph half way."""
    cause, effect = edge
    rise = layout.layer[effect] - layout.layer[cause]
    out = -BOX / 2 if rise >= 0 else BOX / 2
    into = BOX / 2 if rise > 0 else -BOX / 2
    start = (centre[cause][0] + ports[edge, cause], centre[cause][1] + out)
    end = (centre[effect][0] + ports[edge, effect], centre[effect][1] + into)
    points = [start, *between, end]
    vertices = [start, (start[0], start[1] - 0.5), (end[0], end[1] - 0.5), end] if rise == 0 else _smooth(points)
    codes = [Path.MOVETO] + [Path.CURVE4] * (len(vertices) - 1)
    colour, dashes, width = STYLES[kind]
    tip = 0.09 if end[1] > points[-2][1] or rise == 0 else -0.09
    shaft = [*vertices[:-1], (end[0], end[1] - 0.8 * tip)]
    axes.add_patch(
        PathPatch(
            Path(shaft, codes),
            facecolor="none",
            edgecolor=colour,
            linewidth=width,
            linestyle=dashes,
            capstyle="butt",
            zorder=3,
        )
    )
    head = [end, (end[0] - 0.045, end[1] - tip), (end[0] + 0.045, end[1] - tip)]
    axes.add_patch(Polygon(head, closed=True, facecolor=colour, edgecolor="none", zorder=3))
    if GLYPHS[kind] and kind != "correct":
        half = (len(points) - 1) // 2
        corner = vertices[3 * half : 3 * half + 4]
        x = (corner[0][0] + 3 * corner[1][0] + 3 * corner[2][0] + corner[3][0]) / 8
        y = (corner[0][1] + 3 * corner[1][1] + 3 * corner[2][1] + corner[3][1]) / 8
        mark = {"boxstyle": "circle,pad=0.12", "facecolor": GROUND, "edgecolor": colour, "linewidth": 0.9}
        axes.text(x, y, GLYPHS[kind], ha="center", va="center", fontsize=7, color=colour, bbox=mark, zorder=6)


def _smooth(points: list[Point]) -> list[Point]:
    """Join points by cubic curves that leave and arrive upright and never turn back between two points."""
    slopes = [0.0] * len(points)
    for k in range(1, len(points) - 1):
        (x0, y0), (x1, _), (x2, y2) = points[k - 1 : k + 2]
        if (x1 - x0) * (x2 - x1) > 0:
            slopes[k] = (x2 - x0) / (y2 - y0)
    vertices = [points[0]]
    for k, ((x0, y0), (x1, y1)) in enumerate(zip(points, points[1:], strict=False)):
        third = (y1 - y0) / 2.4
        vertices += [(x0 + slopes[k] * third, y0 + third), (x1 - slopes[k + 1] * third, y1 - third), (x1, y1)]
    return vertices


def _legend(axes: Axes, found: Comparison) -> None:
    handles = []
    for kind in ("correct", "extra", "missing", "reversed"):
        colour, dashes, width = STYLES[kind]
        if found.truth is None or not found.having(kind):
            continue
        glyph = "" if kind == "correct" else f" {GLYPHS[kind]}"
        text = f"{kind}{glyph} ({found.having(kind)})"
        handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=width, label=text))
    if handles:
        axes.legend(
            handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, handlelength=3.2, borderaxespad=0.2
        )
