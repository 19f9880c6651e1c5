"""What a stability study's measures buy, and which reconstructions move with their graph."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter

from reports import wording
from reports.colours import BAD, CORRECT, GOOD, GROUND, PRUNED, SECOND, SOFT
from reports.drawing import Plot, log_axis, new_figure
from reports.stability_folder import AFTER, BEFORE, OWN, StabilityFolder, finite, middle
from reports.stability_results import Bought, Result, measured, purchases, results
from reports.stability_standing import factors
from reports.stability_words import big, capital, moved

COLOURS = {BEFORE: BAD, AFTER: CORRECT, OWN: GOOD}
FAMILY = ((CORRECT, "o"), (SECOND, "D"), (GOOD, "s"), (PRUNED, "^"))
NAMES = 34
AXES = {"F1": "F1 (1 is the true graph)", "SHD": "SHD (0 is best)", "edges": "edges"}


def measures(study: StabilityFolder) -> Plot | None:
    """Draw the largest gradient norm with each measure removed from after, and added to before."""
    families = measured(study)
    found = [(family, purchases(study, family)) for family in families]
    found = [(family, items) for family, items in found if items]
    every = [value for _, items in found for item in items for value in _norms(item)]
    if not every:
        return None
    labels = [label for _, label in study.measures]
    figure = new_figure(1.3 + 0.2 * len(labels) * (1 + len(found)))
    panels = figure.subplots(1, 2, sharey=True)
    low, high = min(every) / 2, max(every) * 2
    for place, (family, items) in enumerate(found):
        colour, marker = FAMILY[place % len(FAMILY)]
        at = {item.label: labels.index(item.label) + 0.32 * (place - (len(found) - 1) / 2) for item in items}
        for axes, side in zip(panels, ("removed", "added"), strict=True):
            _side(axes, side, items, at, colour, marker)
            axes.scatter([], [], s=26, color=colour, marker=marker, label=wording.label(capital(family.label), 30))
    for axes, name, reference in zip(panels, ("removed from after", "added to before"), (AFTER, BEFORE), strict=True):
        axes.set(title=f"Each measure {name}", xlabel="largest gradient norm (log)", xlim=(low, high))
        log_axis(axes, "x", low, high)
        axes.plot([], [], color=SOFT, linewidth=1.0, dashes=(2, 2), label=reference)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(labels)), [wording.label(name, NAMES) for name in labels])
    panels[0].set_ylim(len(labels) - 0.5, -0.5)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    heading = _measure_title(found[0][1])
    caption = (
        "Left: after, with one measure missing; right: before, with one measure alone. Thin marks are seeds, filled "
        "ones their median, the dashed line is after (left) or before (right) of the same learner. The longer the "
        "line from it, the more the measure matters. What the health log would not have kept is not there."
    )
    words = "; ".join(f"{f.label}: {', '.join(f'{i.label} {factors(i)}' for i in items)}" for f, items in found)
    return Plot("stability_measures", "measures", heading, caption, f"{heading}. {words}.", figure)


def _norms(item: Bought) -> list[float]:
    """Give all norms that a measure's row shows."""
    sides = (item.after, item.without, item.before, item.with_it)
    return [float(value) for side in sides for value in finite(side.norm) if value > 0]


def _side(axes: Axes, side: str, items: Sequence[Bought], at: dict[str, float], colour: str, marker: str) -> None:
    """Draw one family's dots in one panel, each with a line from its reference."""
    for item in items:
        shown, reference = (item.without, item.after) if side == "removed" else (item.with_it, item.before)
        y, base, value = at[item.label], middle(reference.norm), middle(shown.norm)
        if math.isfinite(base):
            axes.plot([base, base], [y - 0.16, y + 0.16], color=SOFT, linewidth=1.0, dashes=(2, 2), zorder=2)
        if not math.isfinite(value):
            axes.text(base, y, "  not kept", va="center", fontsize=7, color=SOFT)
            continue
        axes.plot([base, value], [y, y], color=colour, linewidth=1.4, zorder=2)
        seeds = finite(shown.norm)
        axes.scatter(seeds, np.full(len(seeds), y), s=22, marker="|", color=colour, linewidths=0.9, zorder=3)
        axes.scatter(value, y, s=26, color=colour, marker=marker, linewidths=0, zorder=4)


def _measure_title(items: Sequence[Bought]) -> str:
    """Name the measures that do most when added and when removed."""
    added = max(items, key=lambda item: item.added if math.isfinite(item.added) else 0.0)
    removed = max(items, key=lambda item: item.removed if math.isfinite(item.removed) else 0.0)
    parts = []
    if math.isfinite(added.added) and added.added > 1.0:
        parts.append(f"adding {added.label} lowers the largest norm most ({moved(1 / added.added)})")
    if math.isfinite(removed.removed) and removed.removed > 1.0:
        parts.append(f"removing {removed.label} raises it most ({moved(removed.removed)})")
    label = capital(items[0].family.label)
    return f"{label}: {'; '.join(parts)}" if parts else f"{label}: no measure lowers the largest gradient norm"


def gradient(study: StabilityFolder) -> Plot | None:
    """Draw how much each reconstruction moves with its graph: exact zeros stand on a line of their own."""
    found = [
        item
        for item in results(study)
        if item.variant.kind in (BEFORE, AFTER, OWN) and math.isfinite(item.graph_gradient)
    ]
    if not found:
        return None
    moved = [item.graph_gradient for item in found if item.graph_gradient > 0]
    low, high = (min(moved) / 5, max(moved) * 3) if moved else (0.01, 1.0)
    zero = low / 30
    figure = new_figure(1.0 + 0.3 * len(found))
    axes = figure.add_subplot()
    for place, item in enumerate(found):
        still = item.graph_gradient == 0
        at = zero if still else item.graph_gradient
        axes.plot([zero, at], [place, place], color=COLOURS[item.variant.kind], linewidth=1.4, zorder=2)
        axes.scatter(
            at, place, s=34, facecolors=GROUND if still else COLOURS[item.variant.kind],
            edgecolors=COLOURS[item.variant.kind], linewidths=1.4, zorder=3,
        )  # fmt: skip
        words = "0" if still else big(item.graph_gradient)
        axes.text(1.012, place, words, transform=axes.get_yaxis_transform(), va="center", fontsize=8, color=SOFT)
    axes.set_xlim(zero / 2, high)
    log_axis(axes, "x", low, high)
    decades = 10.0 ** np.arange(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    decades = decades[:: max(1, len(decades) // 5)]
    axes.xaxis.set_major_locator(FixedLocator([zero, *decades.tolist()]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: "0" if abs(value / zero - 1) < 1e-6 else wording.significant(value, 2))
    )
    axes.set_yticks(range(len(found)), [wording.label(capital(item.variant.full_label), 44) for item in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("norm of d reconstruction / d graph (log; 0 stands apart)")
    heading = _gradient_title(found)
    caption = (
        "The largest norm of the reconstruction term's gradient with respect to the adjacency, over all seeds and "
        "evaluations. A hollow mark at 0 is exact: that reconstruction does not read the graph, so no weight of the "
        "other terms can make an edge appear because it explains something."
    )
    words = "; ".join(f"{item.variant.full_label}: {big(item.graph_gradient)}" for item in found)
    return Plot("stability_gradient", "gradient", heading, caption, f"{heading}. {words}.", figure)


def _gradient_title(found: Sequence[Result]) -> str:
    still = list(dict.fromkeys(item.variant.family.label for item in found if item.graph_gradient == 0))
    moving = list(dict.fromkeys(item.variant.family.label for item in found if item.graph_gradient > 0))
    if not still:
        return f"Every reconstruction moves with its graph: {wording.listing(moving)}"
    text = f"The reconstruction of {wording.listing(still)} does not move with its graph"
    return f"{text}; that of {wording.listing(moving)} does" if moving else text
