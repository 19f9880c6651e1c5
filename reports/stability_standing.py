"""What a stability study found, in three sentences and a verdict."""

import math

from reports.stability_folder import AFTER, BEFORE, OWN, Family, StabilityFolder, finite, mean, middle
from reports.stability_results import Bought, Result, kind_of, measured, purchases
from reports.stability_words import big, capital, moved, percent, times
from reports.wording import count, decimals, listing, p_value, significant, unbroken

MATTERS = 2.0
"""A measure that changes the largest gradient norm by less than this factor, either way, is said to change little."""
EXPLODES = 10.0


def sentences(study: StabilityFolder) -> list[str]:
    """Say what explodes and what tames it, which measures matter most, and what the graph has to do with it."""
    families = measured(study)
    if not families:
        return ["No family has been trained with and without the measures yet, so nothing can be said.", "", ""]
    said = [explosion(study, families[0]), matters(study, families[0]), graph_sentence(study)]
    return [unbroken(text) for text in said]


def explosion(study: StabilityFolder, family: Family) -> str:
    """Compare the largest gradient norms before and after."""
    before, after = kind_of(study, family, BEFORE), kind_of(study, family, AFTER)
    if before is None or after is None or not len(finite(before.norm)) or not len(finite(after.norm)):
        return f"{family.label}: before and after have not both been trained, so they cannot be compared."
    high, low = middle(before.norm), middle(after.norm)
    seeds = count(before.seeds, "seed")
    clips = clip_words(after)
    tail = f" {clips}" if clips else ""
    lost = f" {diverged(before, after)}"
    if high < EXPLODES * low:
        return (
            f"On these data nothing explodes: the gradient norm of {family.label} reaches {big(high)} without the "
            f"measures and {big(low)} with them (medians of {seeds}).{tail}{lost}"
        )
    least = float(finite(before.norm).min() / finite(after.norm).max())
    return (
        f"Without the measures the gradient norm of {family.label} reaches {big(high)}, with all of them {big(low)}: "
        f"{times(high / low)} less (medians of {seeds}; in no pair of seeds less than {times(least)}).{tail}{lost}"
    )


def clip_words(after: Result) -> str:
    """Say how the clip ratio falls over the epochs; empty where it was not kept."""
    clips = [value for value in after.clip[:4] if math.isfinite(value)]
    if len(clips) < 2:
        return ""
    first, last = percent(clips[0]), f"{percent(clips[-1])} in epoch {len(clips)}"
    if clips[-1] < clips[0]:
        return f"With them the clip ratio falls from {first} in the first epoch to {last}."
    return f"With them the clip ratio is {first} in the first epoch and {last}."


def diverged(before: Result, after: Result) -> str:
    """Say how many seeds ended in NaN."""
    parts = [(before, "without"), (after, "with")]
    lost = [f"{item.failed} of {item.seeds} {word} the measures" for item, word in parts if item.failed]
    return f"Diverged to NaN: {listing(lost)}." if lost else "No seed diverged to NaN."


def matters(study: StabilityFolder, family: Family) -> str:
    """Name the measures that lower the largest gradient norm, those that raise it, and those that do neither."""
    found = sorted(purchases(study, family), key=lambda item: -item.weight)
    if not found:
        return "Which measures matter cannot be said before each has been removed and added."
    helps = [item for item in found if max(item.known) >= MATTERS]
    harms = [item for item in found if item not in helps and min(item.known) <= 1 / MATTERS]
    rest = [item.label for item in found if item not in helps and item not in harms]
    parts = []
    if helps:
        named = [f"{item.label} ({factors(item)})" for item in helps]
        parts.append(f"what lowers the largest norm most is {named[0]}")
        parts[0] += f", then {listing(named[1:])}" if named[1:] else ""
    else:
        parts.append("no measure alone lowers the largest norm much")
    if harms:
        raised = listing([f"{item.label} ({factors(item)})" for item in harms])
        parts.append(f"it rises with {raised}")
    if rest:
        parts.append(f"it moves by less than {MATTERS:g} times with {listing(rest)}")
    return f"{capital('; '.join(parts))}."


def factors(item: Bought) -> str:
    """Say what adding a measure to before, and removing it from after, does to the largest gradient norm."""
    parts = []
    if math.isfinite(item.added):
        parts.append(f"added to before {moved(1 / item.added)}")
    if math.isfinite(item.removed):
        parts.append(f"removed from after {moved(item.removed)}")
    return ", ".join(parts)


def graph_sentence(study: StabilityFolder) -> str:
    """Say whether reconstructions move with their graphs, and whose graphs are better than chance."""
    whole = [
        found
        for family in study.families
        if (found := kind_of(study, family, AFTER if family.measures else OWN)) is not None
    ]
    still = [item for item in whole if item.graph_gradient == 0.0]
    moving = [item for item in whole if item.graph_gradient > 0.0]
    parts = []
    if still:
        names = listing([item.variant.family.label for item in still])
        parts.append(
            f"The reconstruction of {names} does not move with its graph: d reconstruction / d graph is exactly 0"
        )
    if moving:
        names = listing([f"{item.variant.family.label} ({significant(item.graph_gradient, 2)})" for item in moving])
        parts.append(f"that of {names} does" if still else f"The reconstruction of {names} moves with its graph")
    if not study.has_truth:
        parts.append("without a true graph no score can be given")
        return f"{capital('; '.join(parts))}."
    scores = [f"{item.variant.family.label} {graph_words(item)}" for item in whole if item.scored]
    text = f"{'; '.join(parts)}. " if parts else ""
    return f"{text}F1 of the learned graph: {listing(scores)}." if scores else text or "No seed has a score."


def graph_words(item: Result) -> str:
    """Say a variant's F1 and in how many seeds it is better than chance."""
    verdict = f"better than chance in {item.better} of {count(item.scored, 'seed')}"
    known = finite(item.p)
    worst = f", {p_value(float(known.max()))}" if len(known) and item.better == item.scored else ""
    return f"{decimals(mean(item.f1), 2)} ({verdict}{worst})"


def in_short(study: StabilityFolder) -> tuple[str, str]:
    """Give a verdict and its class."""
    families = measured(study)
    pairs = [(kind_of(study, family, BEFORE), kind_of(study, family, AFTER)) for family in families]
    known = [(b, a) for b, a in pairs if b is not None and a is not None]
    if not known:
        return "No comparison can be made yet", "none"
    if any(after.failed for _, after in known):
        return "Some seeds diverge with all measures", "doubt"
    if all(middle(before.norm) >= EXPLODES * middle(after.norm) for before, after in known):
        return "The measures tame what explodes without them", "good"
    return "The measures change little on these data, or only for some learners", "luck"
