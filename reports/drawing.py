"""One look for all figures: one width, one theme, plain numbers on the axes, and saving as SVG and PNG."""

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from reports.colours import GROUND, INK, LINE, SOFT
from reports.svg import themed_svg
from reports.wording import significant, unbroken

WIDTH = 7.2
DPI = 150
RASTER_MARKS = 400
TITLE_CHARACTERS = 84


@dataclass(frozen=True, eq=False)
class Plot:
    """A drawn figure with its words: the title is the finding, the caption says how to read it."""

    name: str
    section: str
    title: str
    caption: str
    description: str
    figure: Figure


@dataclass(frozen=True)
class Picture:
    """A figure ready for the page: SVG markup, the same as PNG, and its words."""

    name: str
    section: str
    title: str
    caption: str
    description: str
    svg: str
    png: bytes
    width: int


@contextmanager
def theme() -> Iterator[None]:
    """Draw in the report's look; text from data is never read as mathematics, missing glyphs pass in silence."""
    settings: Any = {
        "text.parse_math": False,
        "text.usetex": False,
        "svg.fonttype": "none",
        "svg.hashsalt": "graphsweep",
        "font.family": ["DejaVu Sans"],
        "font.size": 8.5,
        "axes.titlesize": 8.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 7,
        "axes.labelsize": 8.5,
        "axes.labelcolor": SOFT,
        "axes.edgecolor": LINE,
        "axes.facecolor": "none",
        "axes.linewidth": 0.8,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "grid.color": LINE,
        "grid.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": LINE,
        "ytick.color": LINE,
        "xtick.labelcolor": SOFT,
        "ytick.labelcolor": SOFT,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.minor.visible": False,
        "ytick.minor.visible": False,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "legend.labelcolor": INK,
        "lines.linewidth": 1.5,
        "figure.facecolor": GROUND,
        "savefig.facecolor": "auto",
        "path.simplify": True,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        yield


def new_figure(height: float) -> Figure:
    """Start a figure of the one width, `height` in inches."""
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    return figure


def log_axis(axes: Axes, name: str, low: float, high: float) -> None:
    """Make an axis logarithmic with plain numbers (0.001, 1e-5) as labels; a narrow range gets more of them."""
    axis: Axis = axes.xaxis if name == "x" else axes.yaxis
    (axes.set_xscale if name == "x" else axes.set_yscale)("log")
    decades = np.log10(high / low) if 0 < low < high else 0.0
    marks = (1.0,) if decades > 2 else (1.0, 2.0, 5.0) if decades > 0.5 else tuple(np.arange(1.0, 10.0))
    axis.set_major_locator(LogLocator(base=10, subs=marks, numticks=7 if decades > 2 else 12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 2)))
    axis.set_minor_formatter(NullFormatter())


def whole_ticks(axis: Axis, low: float, high: float, most: int = 6) -> None:
    """Put ticks on whole numbers only, with thousands separated."""
    step = max(1.0, (high - low) / most)
    power = 10 ** np.floor(np.log10(step))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)
    axis.set_major_locator(FixedLocator(np.arange(np.ceil(low / step) * step, high + step / 1e6, step).tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def spread(places: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart by at least `gap`, keeping their order and staying near their places and inside."""
    order = sorted(range(len(places)), key=lambda index: (places[index], index))
    moved = [min(max(places[index], low), high) for index in order]
    for _ in range(200):
        worst = 0.0
        for k in range(len(moved) - 1):
            short = gap - (moved[k + 1] - moved[k])
            if short > 1e-9:
                moved[k] -= short / 2
                moved[k + 1] += short / 2
                worst = max(worst, short)
        if moved and moved[0] < low:
            moved[0] = low
        if moved and moved[-1] > high:
            moved[-1] = high
        if worst < gap / 1000:
            break
    found = [0.0] * len(places)
    for place, index in zip(moved, order, strict=True):
        found[index] = place
    return found


def rendered(plot: Plot) -> Picture:
    """Save a figure twice: as SVG for the page, and as PNG with its title, in light colours, for everywhere else.

    Call inside `theme()`. The title is text of the page there, so only the PNG gets it drawn in.
    """
    png, svg = io.BytesIO(), io.BytesIO()
    ConstrainedLayoutEngine().execute(plot.figure)  # once: as the figure's own it has every file drawn twice
    plot.figure.savefig(svg, format="svg", dpi=DPI, facecolor="none", metadata={"Date": None, "Creator": None})
    markup = themed_svg(svg.getvalue().decode("utf-8"), f"fig-{plot.name}", plot.title, plot.description)
    _add_title(plot.figure, textwrap.wrap(plot.title, TITLE_CHARACTERS))
    plot.figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None})
    return Picture(
        plot.name,
        plot.section,
        unbroken(plot.title),
        unbroken(plot.caption),
        plot.description,
        markup,
        png.getvalue(),
        round(plot.figure.get_figwidth() * 72),
    )


def _add_title(figure: Figure, lines: list[str]) -> None:
    """Make room for a title above a drawing that is laid out already, and write it there."""
    before = figure.get_figheight()
    after = before + 0.12 + 0.17 * len(lines)
    for axes in figure.axes:
        place = axes.get_position()
        axes.set_position((place.x0, place.y0 * before / after, place.width, place.height * before / after))
    figure.set_figheight(after)
    text = "\n".join(lines)
    figure.text(0.006, 1 - 0.06 / after, text, ha="left", va="top", fontsize=10, weight="bold")
