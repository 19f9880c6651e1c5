"""A stability study's courses: gradient norm by step; clip ratio, loss and learning rate by epoch."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports import wording
from reports.colours import BAD, CORRECT, GOOD, SOFT
from reports.columns import Floats
from reports.drawing import Plot, log_axis, new_figure, whole_ticks
from reports.figures.clipping import bands
from reports.stability_folder import AFTER, BEFORE, OWN, Family, StabilityFolder, Variant
from reports.stability_results import kind_of, measured
from reports.stability_words import big, capital, percent

BINS, MARKED = 140, 40
COLOURS = {BEFORE: BAD, AFTER: CORRECT, OWN: GOOD}
STYLES = {BEFORE: (6.0, 2.0), AFTER: (), OWN: (1.5, 1.5)}


@dataclass(frozen=True, eq=False)
class Course:
    """A number of one variant along its training: median, lowest and highest of the seeds at each place."""

    variant: Variant
    place: Floats
    median: Floats
    low: Floats
    high: Floats


def course(study: StabilityFolder, variant: Variant, name: str) -> Course | None:
    """Collect a column of epochs.csv.gz by epoch; None where it was not kept."""
    rows = study.of(study.epochs, variant)
    return _grouped(variant, rows.number("epoch"), rows.number(name))


def norm_course(study: StabilityFolder, variant: Variant) -> Course | None:
    """Collect the gradient norm by step, in at most BINS stretches: each seed's largest norm of a stretch."""
    rows = study.of(study.steps, variant)
    step, norm, seed = rows.number("step"), rows.number("grad_norm"), rows.number("seed")
    if not len(step):
        return None
    width = max(1.0, float(step.max()) / BINS)
    stretch = np.ceil(step / width)
    order = np.lexsort((np.nan_to_num(norm, nan=-1.0), seed, stretch))
    last = np.append((np.diff(stretch[order]) != 0) | (np.diff(seed[order]) != 0), True)
    top = order[last]
    return _grouped(variant, stretch[top] * width, norm[top])


def _grouped(variant: Variant, place: Floats, value: Floats) -> Course | None:
    """Take median, lowest and highest of what stands at the same place."""
    known = np.isfinite(value)
    place, value = place[known], value[known]
    if not len(place):
        return None
    places = np.unique(place)
    groups = [value[place == at] for at in places]
    parts = (np.array([float(pick(group)) for group in groups]) for pick in (np.median, np.min, np.max))
    return Course(variant, places, *parts)


def shown(study: StabilityFolder, family: Family) -> list[Variant]:
    """Give a family's before and after, and the learners at their own settings that share its architecture."""
    found = [study.variant(family, BEFORE), study.variant(family, AFTER)]
    own = [item for item in study.families if not item.measures and item.architecture == family.architecture]
    return [item for item in [*found, *(study.variant(item, OWN) for item in own)] if item is not None]


def line(axes: Axes, found: Course, factor: float = 1.0) -> None:
    """Draw the median of the seeds, and their range shaded."""
    kind, label = found.variant.kind, found.variant.label
    colour = COLOURS[kind]
    axes.fill_between(
        found.place, factor * found.low, factor * found.high, color=colour, alpha=0.16, linewidth=0, zorder=2
    )
    axes.plot(
        found.place, factor * found.median, color=colour, dashes=STYLES[kind], label=wording.label(label, 24), zorder=3,
        marker="o" if len(found.place) <= MARKED else "", markersize=3.2,
    )  # fmt: skip


def norms(study: StabilityFolder) -> Plot | None:
    """Draw the gradient norm before clipping by step, on a logarithmic axis."""
    families = measured(study)
    found = {
        family.name: [item for variant in shown(study, family) if (item := norm_course(study, variant)) is not None]
        for family in families
    }
    if not any(found.values()):
        return None
    figure = new_figure(3.1)
    every = [value for items in found.values() for item in items for value in (*item.low, *item.high) if value > 0]
    limits = sorted({item.variant.clip_norm for items in found.values() for item in items})
    low, high = min([*every, *limits]) / 1.6, max([*every, *limits]) * 1.6
    for place, family in enumerate(families):
        axes = figure.add_subplot(1, len(families), place + 1)
        for item in found[family.name]:
            line(axes, item)
        _limits(axes, [item.variant for item in found[family.name]])
        axes.set_ylim(low, high)
        log_axis(axes, "y", low, high)
        last = max((float(item.place[-1]) for item in found[family.name]), default=1.0)
        axes.set(title=wording.label(capital(family.label), 40), xlabel="step", xlim=(0, last * 1.02))
        whole_ticks(axes.xaxis, 0, last, 4)
        if place == 0:
            axes.set_ylabel("gradient norm (log)")
        axes.legend(loc="best")
    heading = _norm_title(study, families)
    caption = (
        "Norm of the whole gradient before clipping, the largest of each stretch of steps: median of the seeds, range "
        "shaded. The thin lines are the limits above which a step is clipped. A norm that stays far over its limit "
        "means that the limit alone sets the pace."
    )
    return Plot("stability_norms", "norms", heading, caption, f"{heading}. {_norm_words(study, families)}", figure)


def _limits(axes: Axes, variants: list[Variant]) -> None:
    """Draw the clipping limits of before and after."""
    for limit in sorted({variant.clip_norm for variant in variants}):
        axes.axhline(limit, color=SOFT, linewidth=0.8, dashes=(2, 2), zorder=1)


def _norm_title(study: StabilityFolder, families: list[Family]) -> str:
    parts = []
    for family in families:
        before, after = kind_of(study, family, BEFORE), kind_of(study, family, AFTER)
        if before is not None and after is not None:
            pair = (
                float(np.nanmedian(item.norm)) if np.isfinite(item.norm).any() else np.nan for item in (before, after)
            )
            high, low = pair
            parts.append(f"{family.label} peaks at {big(high)} without the measures, at {big(low)} with them")
    text = "; ".join(parts)
    return f"Gradient norm: {text}" if text else "Gradient norm by step"


def _norm_words(study: StabilityFolder, families: list[Family]) -> str:
    parts = []
    for family in families:
        for variant in shown(study, family):
            item = norm_course(study, variant)
            if item is not None:
                parts.append(
                    f"{variant.full_label}: from {big(float(item.median[0]))} to {big(float(item.median[-1]))}"
                )
    return f"{'; '.join(parts)}."


def clipping(study: StabilityFolder) -> Plot | None:
    """Draw the clip ratio by epoch over the bands of fine, watch and bad."""
    families = measured(study)
    found = {family.name: _courses(study, family, "grad_clip_ratio") for family in families}
    if not any(found.values()):
        return None
    figure = new_figure(2.8)
    for place, family in enumerate(families):
        axes = figure.add_subplot(1, len(families), place + 1)
        bands(axes, names=place == len(families) - 1)
        for item in found[family.name]:
            line(axes, item, 100.0)
        axes.set_ylim(0, 103)
        axes.grid(visible=False)
        axes.set(title=wording.label(capital(family.label), 40), xlabel="epoch")
        epoch_axis(axes, found[family.name])
        if place == 0:
            axes.set_ylabel("steps clipped (%)")
        axes.legend(loc="best")
    heading = _clip_title(study, families)
    caption = (
        "Share of an epoch's steps whose gradient had to be shortened: median of the seeds, range shaded (means in the "
        "title). Each variant has its own limit: compare how the curves fall, not their heights alone."
    )
    spoken = "; ".join(
        f"{item.variant.full_label}: {', '.join(percent(float(value)) for value in item.median[:8])}"
        for items in found.values()
        for item in items
    )
    return Plot("stability_clipping", "clipping", heading, caption, f"{heading}. {spoken}.", figure)


def _courses(study: StabilityFolder, family: Family, name: str) -> list[Course]:
    """Collect a column of before, after and their peers, those with far more epochs left out."""
    found = [item for variant in shown(study, family) if (item := course(study, variant, name)) is not None]
    own = [float(item.place[-1]) for item in found if item.variant.kind != OWN]
    return [item for item in found if item.variant.kind != OWN or float(item.place[-1]) <= 2 * max(own, default=0)]


def epoch_axis(axes: Axes, items: list[Course]) -> None:
    """Put whole epochs on the axis, as far as the courses go."""
    last = max((float(item.place[-1]) for item in items), default=1.0)
    axes.set_xlim(min(0.8, last - 0.2), last + 0.03 * last)
    whole_ticks(axes.xaxis, 0, last, 5)


def _clip_title(study: StabilityFolder, families: list[Family]) -> str:
    parts = []
    for family in families:
        after = kind_of(study, family, AFTER)
        known = [] if after is None else [percent(float(value)) for value in after.clip[:4] if np.isfinite(value)]
        parts += [f"{family.label} {', '.join(known)}"] if known else []
    return f"Steps clipped after, epoch by epoch: {'; '.join(parts)}" if parts else "Clip ratio by epoch"


def rate(study: StabilityFolder) -> Plot | None:
    """Draw the learning rate by epoch."""
    families = measured(study)
    found = {family.name: _courses(study, family, "learning_rate") for family in families}
    if not any(found.values()):
        return None
    figure = new_figure(2.5)
    every = [
        float(value) for items in found.values() for item in items for value in (*item.low, *item.high) if value > 0
    ]
    low, high = min(every) / 1.5, max(every) * 1.5
    for place, family in enumerate(families):
        axes = figure.add_subplot(1, len(families), place + 1)
        for item in found[family.name]:
            line(axes, item)
        axes.set_ylim(low, high)
        log_axis(axes, "y", low, high)
        axes.set(title=wording.label(capital(family.label), 40), xlabel="epoch")
        epoch_axis(axes, found[family.name])
        if place == 0:
            axes.set_ylabel("lr (log)")
        axes.legend(loc="best")
    heading = _rate_title(study, families)
    caption = (
        "Rate in force in each epoch: median of the seeds, range shaded. Each step down is a plateau of the validation "
        "loss; a rate that never falls met none in these epochs, or has no schedule. More epochs: --epochs 40."
    )
    return Plot("stability_rate", "rate", heading, caption, f"{heading}.", figure)


def _rate_title(study: StabilityFolder, families: list[Family]) -> str:
    found = []
    for family in families:
        variant = study.variant(family, AFTER)
        drops = np.array([]) if variant is None else study.of(study.rows, variant).number("lr_drops")
        known = drops[np.isfinite(drops)]
        found += [(family.label, float(known.min()), float(known.max()))] if len(known) else []
    if not found:
        return "Learning rate by epoch"
    if not any(high for _, _, high in found):
        return "The plateau schedule never lowers the rate in so few epochs"
    parts = [f"{label} {_often(low, high)}" for label, low, high in found]
    return f"With the plateau schedule the rate drops: {'; '.join(parts)}"


def _often(low: float, high: float) -> str:
    if high == 0:
        return "never"
    return f"{wording.count(high, 'time')} a seed" if low == high else f"{low:.0f} to {high:.0f} times a seed"
