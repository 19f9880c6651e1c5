"""What a stability study's graphs are worth, beside chance and the empty graph."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from reports import wording
from reports.colours import BAD, CORRECT, GOOD, GROUND, LINE, PRUNED, SOFT
from reports.columns import Floats
from reports.drawing import Plot, new_figure, whole_ticks
from reports.stability_folder import AFTER, BEFORE, OWN, StabilityFolder, finite, mean
from reports.stability_results import Result, results
from reports.stability_words import capital

COLOURS = {BEFORE: BAD, AFTER: CORRECT, OWN: GOOD}
AXES = {"F1": "F1 (1 is the true graph)", "SHD": "SHD (0 is best)", "edges": "edges"}


def graphs(study: StabilityFolder) -> Plot | None:
    """Draw F1, SHD and edges of before, after and the learners' own settings, beside chance and the empty graph."""
    found = [item for item in results(study) if item.variant.kind in (BEFORE, AFTER, OWN) and item.scored]
    if not study.has_truth or not found:
        return None
    heading = _graph_title(found)
    caption = (
        "A dot a seed, the line is their mean. Shaded: F1 of random graphs with their cut tuned on the true graph, "
        "from the mean to the 95th percentile; dashed: the empty graph; dotted: the true number of edges. Numbers are "
        "at each variant's own cut: tuned on the true graph, or fixed at 0.5 (before). To be better than chance a seed "
        "has to lie beyond the shade, and to have so many true edges among its own by luck in under 5 of 100 draws."
    )
    figure = _graph_figure(study, found, full=True)
    return Plot("stability_graphs", "graphs", heading, caption, f"{heading}. {_spoken(found)}", figure)


def variants(study: StabilityFolder) -> Plot | None:
    """Draw the same for every variant."""
    found = [item for item in results(study) if item.scored]
    if not study.has_truth or len(found) < 4:
        return None
    top = max(found, key=lambda item: mean(item.f1))
    better = sum(item.better > item.scored / 2 for item in found)
    heading = (
        f"{better} of {wording.count(len(found), 'variant')} find a graph better than chance; the best is "
        f"{top.variant.full_label} with F1 {wording.f1(mean(top.f1))}"
    )
    caption = "As above, for every variant: before and after, after without each measure, before with each measure."
    return Plot(
        "stability_variants", "variants", heading, caption, f"{heading}. {_spoken(found)}",
        _graph_figure(study, found, full=False),
    )  # fmt: skip


def _graph_title(found: Sequence[Result]) -> str:
    """Say which learners with all measures, or at their own settings, are better than chance in most seeds."""
    whole = [item for item in found if item.variant.kind != BEFORE]
    able = [item for item in whole if item.better > item.scored / 2]
    unable = [item for item in whole if item not in able]
    parts = []
    if able:
        names = wording.listing([f"{i.variant.family.label} ({wording.f1(mean(i.f1))})" for i in able])
        parts.append(f"{names} {wording.either(len(able), 'finds', 'find')} a graph better than chance")
    if unable:
        names = wording.listing([f"{i.variant.family.label} ({wording.f1(mean(i.f1))})" for i in unable])
        parts.append(f"{names} {wording.either(len(unable), 'does', 'do')} not")
    text = "; ".join(parts) if able else f"No graph is better than chance: F1 of {parts[0].rpartition(' do')[0]}"
    return capital(text)


def _graph_figure(study: StabilityFolder, found: Sequence[Result], *, full: bool) -> Figure:
    """Draw three panels that share their rows."""
    step = 0.34 if full else 0.2
    figure = new_figure(1.0 + step * len(found))
    panels = figure.subplots(1, 3, sharey=True, width_ratios=(1.5, 1, 1))
    chance, empty = study.reference("chance_floor"), study.reference("empty")
    values: tuple[tuple[str, Callable[[Result], Floats]], ...] = (
        ("F1", lambda item: item.f1), ("SHD", lambda item: item.shd), ("edges", lambda item: item.edges),
    )  # fmt: skip
    for axes, (name, pick) in zip(panels, values, strict=True):
        for place, item in enumerate(found):
            _dots(axes, place, pick(item), item, small=not full)
        axes.set_xlabel(name if not full else AXES[name])
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    if math.isfinite(chance.f1):
        panels[0].axvspan(chance.f1, chance.f1_high, color=PRUNED, alpha=0.25, linewidth=0, zorder=1)
    for axes, value in ((panels[0], empty.f1), (panels[1], empty.shd)):
        if math.isfinite(value):
            axes.axvline(value, color=SOFT, linewidth=1.0, dashes=(6, 2), zorder=1)
    panels[2].axvline(float(study.facts["true_edge_count"]), color=SOFT, linewidth=1.0, dashes=(1.5, 1.5), zorder=1)
    panels[0].set_xlim(-0.03, 1.03)
    panels[0].set_xticks([0.0, 0.2, 0.4, 0.6, 0.8, 1.0] if full else [0.0, 0.5, 1.0])
    panels[0].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.1f}"))
    for axes, pick in ((panels[1], values[1][1]), (panels[2], values[2][1])):
        top = max([float(value) for item in found for value in finite(pick(item))] + [1.0])
        axes.set_xlim(-0.04 * top, 1.06 * top)
        whole_ticks(axes.xaxis, 0, top, 4)
    names = [_row_name(item, full) for item in found]
    panels[0].set_yticks(range(len(found)), names, fontsize=8 if full else 7)
    panels[0].set_ylim(len(found) - 0.4, -0.6)
    families = [item.variant.family.name for item in found]
    for place in range(1, len(found)):
        if families[place] != families[place - 1]:
            for axes in panels:
                axes.axhline(place - 0.5, color=LINE, linewidth=0.8, zorder=0)
    return figure


def _row_name(item: Result, full: bool) -> str:
    """Name a row: among many, only before, after and the like carry their learner's name."""
    plain = item.variant.kind in COLOURS
    return wording.label(capital(item.variant.full_label) if plain else item.variant.label, 44 if full else 40)


def _dots(axes: Axes, place: float, seeds: Floats, item: Result, *, small: bool) -> None:
    """Draw a dot a seed and a line at their mean; dots of one value are spread a little, so that all are seen."""
    known = np.sort(finite(seeds))
    if not len(known):
        return
    colour = COLOURS.get(item.variant.kind, CORRECT if item.variant.name.startswith(AFTER) else BAD)
    shift = np.zeros(len(known))
    for value in np.unique(known):
        same = np.flatnonzero(known == value)
        shift[same] = (np.arange(len(same)) - (len(same) - 1) / 2) * (0.14 if not small else 0.11)
    face = colour if not small or item.variant.kind in COLOURS else GROUND
    axes.scatter(
        known, place + shift, s=13 if not small else 7, facecolors=face, edgecolors=colour, linewidths=0.8, zorder=3
    )
    middle_of = float(known.mean())
    axes.plot([middle_of, middle_of], [place - 0.32, place + 0.32], color=colour, linewidth=1.6, zorder=2)


def _spoken(found: Sequence[Result]) -> str:
    parts = [
        f"{i.variant.full_label}: F1 {wording.f1(mean(i.f1))}, SHD {wording.shd(round(mean(i.shd), 1))}, "
        f"{wording.decimals(mean(i.edges), 1)} edges"
        for i in found
    ]
    return f"{'; '.join(parts)}."
