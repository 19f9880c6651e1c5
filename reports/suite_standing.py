"""Where ours stands: against every method beside it, by cut, and against the goals."""

import math
from dataclasses import dataclass

from reports.suite_folder import OURS, DataSet, Method, SuiteFolder
from reports.wording import decimals, either, listing

AHEAD, LEVEL, BEHIND = "ahead", "level", "behind"
CUTS = ("blind", "oracle")
LEVEL_WITHIN = 0.005
"""Means that differ by less look the same with two decimals, and count as level."""
SLACK = 1e-9
FEW = 3


@dataclass(frozen=True)
class Standing:
    """Ours and the best of the others on one data set, at one cut; where is ahead, level or behind."""

    dataset: DataSet
    cut: str
    ours: Method
    best: Method
    where: str

    @property
    def score(self) -> float:
        """Our mean score."""
        return self.ours.mean(self.dataset.score)

    @property
    def other(self) -> float:
        """The best other method's mean score."""
        return self.best.mean(self.dataset.score)


@dataclass(frozen=True)
class Goal:
    """One goal of a data set, what was reached, and whether it holds; NaN and False where nothing was run."""

    dataset: DataSet
    name: str
    goal: float
    reached: float
    holds: bool


def standing(dataset: DataSet, cut: str) -> Standing | None:
    """Compare our winner with the best other method; None where one of the two has no score.

    Blind numbers are compared with blind ones only. Who may look at the true graph may look at all of it, so an
    oracle number has to beat the others at every cut.
    """
    ours = dataset.method(f"ours_{cut}")
    others = [
        method
        for method in dataset.methods
        if method.group != OURS and (cut == "oracle" or not method.oracle) and math.isfinite(method.mean(dataset.score))
    ]
    if ours is None or not others:
        return None
    best = max(others, key=lambda method: method.mean(dataset.score))
    gap = ours.mean(dataset.score) - best.mean(dataset.score)
    return Standing(dataset, cut, ours, best, LEVEL if abs(gap) < LEVEL_WITHIN else AHEAD if gap > 0 else BEHIND)


def standings(suite: SuiteFolder, cut: str) -> list[Standing]:
    """Compare on every data set that has a result."""
    return [found for dataset in suite.datasets if (found := standing(dataset, cut)) is not None]


def goals(suite: SuiteFolder) -> list[Goal]:
    """Check every goal against the mean over the seeds that were run, without rounding."""
    found = []
    for dataset in suite.datasets:
        for name, goal in dataset.goals.items():
            method = dataset.method("ours_oracle" if name == "oracle" else "ours_blind")
            if name == "max_edges":
                reached = method.mean("edge_count") if method is not None else math.nan
                holds = reached <= goal + SLACK
            else:
                reached = method.mean(dataset.score) if method is not None else math.nan
                holds = reached >= goal - SLACK
            found.append(Goal(dataset, name, goal, reached, holds))
    return found


def sentences(suite: SuiteFolder) -> tuple[str, str, str]:
    """Say where ours stands by its own cut, with cuts tuned on the true graph, and which goals hold."""
    return (
        _standing_sentence(standings(suite, "blind"), "By its own cut, which never sees the true graph (blind),"),
        _standing_sentence(standings(suite, "oracle"), "With the cut tuned on the true graph (oracle),"),
        _goal_sentence(goals(suite)),
    )


def in_short(suite: SuiteFolder) -> tuple[str, str]:
    """Give a verdict and its class: good, luck (level somewhere, or a goal missed), doubt (behind somewhere), none."""
    found = [item for cut in CUTS for item in standings(suite, cut)]
    missed = [goal for goal in goals(suite) if not goal.holds]
    if not found:
        return "No comparison can be made", "none"
    behind = sum(item.where == BEHIND for item in found)
    kept = "every goal holds" if not missed else f"{len(missed)} of {len(goals(suite))} goals not met"
    words = f"Behind in {behind} of {len(found)} comparisons" if behind else "Ahead or level in every comparison"
    words = f"{words}, {kept}" if goals(suite) else words
    return words, "doubt" if behind else "luck" if missed else "good"


def _standing_sentence(found: list[Standing], start: str) -> str:
    if not found:
        return f"{start} nothing can be said: no sweep has a score to compare."
    by = {where: [item for item in found if item.where == where] for where in (AHEAD, LEVEL, BEHIND)}
    of = f"{len(found)} data set" + ("" if len(found) == 1 else "s")
    text = f"{start} ours is ahead of every other method on {len(by[AHEAD])} of {of}"
    parts = [f"{where} on {_where(by[where])}" for where in (LEVEL, BEHIND) if by[where]]
    return f"{text}; it is {'; '.join(parts)}." if parts else f"{text}."


def _where(items: list[Standing]) -> str:
    """Name data sets: a few with their numbers, many without, as the table below has them."""
    return listing([_named(item) if len(items) <= FEW else item.dataset.label for item in items])


def _named(item: Standing) -> str:
    best = f"{item.best.label}, oracle" if item.best.oracle else item.best.label
    return f"{item.dataset.label} ({decimals(item.score, 2)}; {best} {decimals(item.other, 2)})"


def _goal_sentence(found: list[Goal]) -> str:
    if not found:
        return "No goals were stated."
    missed = [goal for goal in found if not goal.holds]
    if not missed:
        return f"All {len(found)} goals hold." if len(found) > 1 else "The one goal holds."
    if len(missed) <= FEW:
        named = listing([f"{goal.dataset.label} {words(goal)}" for goal in missed])
    else:
        kinds: dict[str, list[str]] = {}
        for goal in missed:
            kinds.setdefault(goal.dataset.label, []).append(goal.name.removeprefix("max_"))
        named = listing([f"{label} ({listing(names)})" for label, names in kinds.items()])
    return f"{len(found) - len(missed)} of {len(found)} goals hold; not met: {named}."


def words(goal: Goal) -> str:
    """Say what a goal asks and what was reached, with a third decimal so that near misses show."""
    if not math.isfinite(goal.reached):
        return f"{_asked(goal)}, not run"
    return f"{_asked(goal)}, reached {decimals(goal.reached, 2 if goal.name == 'max_edges' else 3)}"


def at_most(edges: float) -> str:
    """Write a limit on edges: `at most 1 edge`."""
    return f"at most {edges:g} {either(edges, 'edge', 'edges')}"


def _asked(goal: Goal) -> str:
    return at_most(goal.goal) if goal.name == "max_edges" else f"{goal.name} {goal.goal:.2f}"
