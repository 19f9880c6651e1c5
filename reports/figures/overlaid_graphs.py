"""The best graphs of several runs as one grid: edges that all have, some, or one alone."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Polygon, Rectangle

from reports import wording
from reports.colours import CORRECT, GROUND, INK, LINE, SECOND, TINT, WATCH
from reports.drawing import Plot, new_figure
from reports.several import Overlay

LETTERS_UP_TO, MOST_LETTERS = 24, 3
STYLES: dict[str, tuple[str, Any]] = {  # kind: colour, dashes
    "all": (CORRECT, "solid"),
    "some": (WATCH, (0, (4, 1.6))),
    "one": (SECOND, (0, (1.2, 1.4))),
}
GLYPHS = {"all": "\N{BLACK CIRCLE}", "some": "\N{CIRCLE WITH LEFT HALF BLACK}"}


def title(found: Overlay) -> str:
    """Say how far the graphs agree."""
    total = int((found.votes > 0).sum())
    if not total:
        return f"None of the {len(found.members)} best graphs has an edge"
    text = (
        f"{found.having('all'):,} of {wording.count(total, 'edge')} {wording.either(found.having('all'), 'is', 'are')}"
    )
    some = f", {found.having('some'):,} in some" if len(found.members) > 2 else ""
    graphs = "both graphs" if len(found.members) == 2 else f"all {len(found.members)} graphs"
    return f"{text} in {graphs}{some}, {found.having('one'):,} in one only"


def plot(found: Overlay) -> Plot:
    """Draw the grid."""
    d, some = len(found.names), len(found.members) > 2
    figure = new_figure(min(5.8, max(2.5, 1.5 + 0.31 * d)))
    draw(figure.add_subplot(), found)
    cuts = ", ".join(
        f"{member.letter} {wording.significant(cut)}" for member, cut in zip(found.members, found.cuts, strict=True)
    )
    caption = (
        f"Row: cause; column: effect. Filled with {GLYPHS['all']}: in {'all' if some else 'both'} graphs. "
        + (f"Dashed: in some, with their letters up to {MOST_LETTERS}, else {GLYPHS['some']}. " if some else "")
        + "Dotted: in one alone, with its letter. "
        + f"Each graph is taken at the cut its run is judged by ({cuts})."
    )
    if found.truth is not None:
        caption += " A corner marks a true edge; a corner alone is one that no graph has."
    if d > LETTERS_UP_TO:
        caption += " With so many variables the letters are in the table only."
    described = [
        f"{wording.label(found.names[i], 30)} to {wording.label(found.names[j], 30)} ({found.letters(i, j)})"
        for i, j in np.argwhere(found.votes > 0)[:40].tolist()
    ]
    more = int((found.votes > 0).sum()) - len(described)
    told = (
        f"{title(found)}. Edges: {'; '.join(described) or 'none'}{f'; {more} more in the table' if more > 0 else ''}."
    )
    return Plot("overlaid_graphs", "graphs", title(found), caption, told, figure)


def draw(axes: Axes, found: Overlay) -> None:
    """Draw a cell for each edge, told apart by colour, outline and sign."""
    d = len(found.names)
    axes.set(xlim=(-0.5, d - 0.5), ylim=(d - 0.5, -0.5))
    axes.grid(visible=False)
    if d < 10:
        axes.set_aspect("equal", anchor="W")
    size = 0.9 if d <= 40 else 1.0
    for k in range(d):
        axes.add_patch(Rectangle((k - size / 2, k - size / 2), size, size, color=TINT, lw=0))
    for i, j in np.argwhere(found.votes > 0).tolist():
        kind = found.kind(i, j)
        colour, dashes = STYLES[kind]
        axes.add_patch(
            Rectangle(
                (j - size / 2, i - size / 2), size, size, facecolor=colour if kind == "all" else GROUND,
                edgecolor=colour, linewidth=1.5 if d <= 40 else 0.8, linestyle=dashes, zorder=3,
            )
        )  # fmt: skip
        if d <= LETTERS_UP_TO:
            sign = found.letters(i, j)
            sign = GLYPHS.get(kind, sign) if kind == "all" or len(sign) > MOST_LETTERS else sign
            axes.text(
                j, i, sign, ha="center", va="center", fontsize=7, color=GROUND if kind == "all" else colour, zorder=4
            )
    for i, j in np.argwhere(found.truth).tolist() if found.truth is not None else ():
        right, top, side = j + size / 2, i - size / 2, 0.36 * size
        corner = [(right - side, top), (right, top), (right, top + side)]
        axes.add_patch(Polygon(corner, closed=True, facecolor=INK, edgecolor=GROUND, linewidth=0.5, zorder=5))
    for part in (*axes.patches, *axes.texts):
        part.set_in_layout(False)
    _names(axes, found)
    _legend(axes, found)


def _names(axes: Axes, found: Overlay) -> None:
    """Write the names along the sides; over 50 variables only every n-th."""
    d = len(found.names)
    places = list(range(0, d, max(1, -(-d // 50))))
    short = wording.labels(found.names, 18)
    size = 8 if d <= 20 else 6.5 if d <= 32 else 5
    axes.set_xticks(places, [short[k] for k in places], rotation=90, fontsize=size, color=INK)
    axes.set_yticks(places, [short[k] for k in places], fontsize=size, color=INK)
    axes.tick_params(length=0)
    axes.set_xlabel("effect", loc="left")
    axes.set_ylabel("cause", loc="top")
    for side in axes.spines.values():
        side.set(visible=True, color=LINE)


def _legend(axes: Axes, found: Overlay) -> None:
    words = {"all": "in both" if len(found.members) == 2 else "in all", "some": "in some", "one": "in one"}
    kinds = [kind for kind in words if kind != "some" or len(found.members) > 2]
    handles = [
        Patch(
            facecolor=STYLES[kind][0] if kind == "all" else GROUND, edgecolor=STYLES[kind][0],
            linestyle=STYLES[kind][1], linewidth=1.4, label=f"{words[kind]} ({found.having(kind):,})",
        )
        for kind in kinds
    ]  # fmt: skip
    if found.truth is not None:
        handles.append(Patch(facecolor=INK, edgecolor=GROUND, label=f"true ({int(found.truth.sum()):,})"))
    axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=4, columnspacing=1.4)
