"""A stability study's loss and its four parts, before and after."""

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import CORRECT, INK, PRUNED, SECOND, WATCH
from reports.drawing import Plot, log_axis, new_figure
from reports.figures.stability_courses import Course, course, epoch_axis
from reports.stability_folder import AFTER, BEFORE, Family, StabilityFolder, Variant
from reports.stability_results import measured
from reports.stability_words import capital

TERMS = (
    ("train_loss", "total", INK, ()),
    ("recon", "reconstruction", CORRECT, ()),
    ("sparse", "sparsity", WATCH, (5.0, 2.0)),
    ("acyclic", "acyclicity", SECOND, (6.0, 2.0, 1.5, 2.0)),
    ("disen", "disentangling", PRUNED, (1.5, 1.5)),
)


def losses(study: StabilityFolder) -> Plot | None:
    """Draw the loss and its four weighted parts by epoch, before and after, a row a family."""
    families = measured(study)
    cells = {
        (family.name, kind): _terms(study, variant)
        for family in families
        for kind in (BEFORE, AFTER)
        if (variant := study.variant(family, kind)) is not None
    }
    if not any(cells.values()):
        return None
    figure = new_figure(0.5 + 2.15 * len(families))
    grid = figure.subplots(len(families), 2, squeeze=False)
    for row, family in enumerate(families):
        for column, kind in enumerate((BEFORE, AFTER)):
            _loss_panel(grid[row, column], cells.get((family.name, kind), {}), f"{family.label}, {kind}")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=len(TERMS))
    heading = _loss_title(study, families)
    caption = (
        "Means over an epoch's steps, weights included, so that the parts add up to the total; median of the seeds. "
        "Sums and means, and other weights, give other sizes: compare falls and shares, not heights. A part "
        "that is 0 is not on a logarithmic axis."
    )
    return Plot("stability_loss", "loss", heading, caption, f"{heading}. {_loss_words(cells)}", figure)


def _terms(study: StabilityFolder, variant: Variant) -> dict[str, Course]:
    found = {name: course(study, variant, name) for name, *_ in TERMS}
    return {name: item for name, item in found.items() if item is not None}


def _loss_panel(axes: Axes, items: dict[str, Course], title: str) -> None:
    """Draw one variant's loss: logarithmic where the total stays above zero, else linear (a likelihood)."""
    total = items.get("train_loss")
    log = (
        total is not None
        and bool((total.median > 0).all())
        and bool((items["recon"].median > 0).all() if "recon" in items else True)
    )
    known = []
    for name, label, colour, dashes in TERMS:
        item = items.get(name)
        values = np.array([]) if item is None else np.where((item.median > 0) | (not log), item.median, np.nan)
        place = np.array([]) if item is None else item.place
        known += [float(value) for value in values if np.isfinite(value)]
        width = 2.4 if name == "train_loss" else 1.3
        axes.plot(
            place, values, color=colour, dashes=dashes, label=label, linewidth=width, alpha=0.45 if width > 2 else 1
        )
    if known and log:
        low, high = max(min(known), max(known) * 1e-9) / 2, max(known) * 2
        axes.set_ylim(low, high)
        log_axis(axes, "y", low, high)
    axes.set(title=wording.label(capital(title), 44), xlabel="epoch", ylabel="loss (log)" if log else "loss")
    epoch_axis(axes, [] if total is None else [total])


def _loss_title(study: StabilityFolder, families: list[Family]) -> str:
    parts = []
    for family in families:
        variant = study.variant(family, AFTER)
        total = None if variant is None else course(study, variant, "train_loss")
        if total is not None:
            first, last = (wording.significant(float(total.median[at]), 3) for at in (0, -1))
            parts.append(f"{family.label} from {first} to {last}")
    return f"Loss with all measures: {'; '.join(parts)}" if parts else "Loss by epoch"


def _loss_words(cells: dict[tuple[str, str], dict[str, Course]]) -> str:
    parts = []
    for (family, kind), items in cells.items():
        ends = [f"{label} {wording.significant(float(items[n].median[-1]), 2)}" for n, label, *_ in TERMS if n in items]
        parts.append(f"{family} {kind}, last epoch: {', '.join(ends)}")
    return f"{'; '.join(parts)}."
