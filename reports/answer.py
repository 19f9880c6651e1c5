"""The first three sentences: what won, whether that is any good, and whether it holds on fresh seeds.

No number stands without its reference. A best trial that is no better than nothing, chance or a simple method
is said to be so in the first sentence, not further down.
"""

from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.answer_blind import without_result, without_truth
from reports.headline import Headline, headline, kind_of, named, shortfalls
from reports.run import PEERS, Baseline, Run
from reports.scores import Fresh, fresh_data, fresh_seeds
from reports.wording import count, either, f1, listing, shd

GOOD, LUCK, EVEN, DOUBT, NONE = "good", "luck", "even", "doubt", "none"


@dataclass(frozen=True)
class Answer:
    """Three sentences and a verdict on the best graph.

    `verdict`: good, luck (better than its references in the sweep but not on fresh seeds), even (right, but there is no
    edge to find), doubt (not better than its references) or none (no accuracy can be given).
    """

    sentences: tuple[str, str, str]
    verdict: str


def answer(run: Run) -> Answer:
    """Write the three sentences."""
    said = _answer(run)
    first, second, third = (wording.unbroken(sentence) for sentence in said.sentences)
    return Answer((first, second, third), said.verdict)


def _answer(run: Run) -> Answer:
    head = headline(run)
    if head is None:
        return Answer(without_result(run), NONE)
    if not run.has_truth:
        return Answer(without_truth(run, head), NONE)
    missed = shortfalls(head)
    lost = "" if missed or head.nothing_to_find else _lost_on_fresh_seeds(run, head)
    verdict = DOUBT if missed else LUCK if lost else EVEN if head.nothing_to_find else GOOD
    return Answer((_found(run, head, missed), _references(head), _fresh(run, head, lost)), verdict)


def _lost_on_fresh_seeds(run: Run, head: Headline) -> str:
    """Name the reference that the mean of the fresh seeds does not beat; empty where it beats them all."""
    fresh = fresh_seeds(run)
    if fresh is None:
        return ""
    if fresh.shd.mean >= head.empty:
        return f"the empty graph's {shd(head.empty)}"
    if head.baseline is not None and fresh.shd.mean >= head.baseline.shd:
        return f"the {shd(head.baseline.shd)} of {named(head.baseline)}"
    return ""


def _scored(head: Headline) -> str:
    edges = (
        f"{count(head.edges, 'edge')} learned for {head.true_edges:,.0f} true {either(head.true_edges, 'one', 'ones')}"
    )
    return f"SHD {shd(head.shd)}, F1 {f1(head.f1)} and {edges} ({head.scale.cut})"


def _found(run: Run, head: Headline, missed: list[str]) -> str:
    trials = count(run.trials.rows, "trial")
    whose = (
        f"trial {head.trial}, the {head.scale.ring} of {trials},"
        if run.trials.rows > 1
        else f"trial {head.trial}, the only one,"
    )
    if head.nothing_to_find:
        cut = ", neither at its tuned cut (oracle) nor at 0.5" if head.scale.oracle else f" ({head.scale.cut})"
        return f"The true graph has no edge, and {whose} learns none{cut}: SHD 0."
    if not missed:
        return f"{whose[0].upper()}{whose[1:]} found a graph with {_scored(head)}."
    only_method = len(missed) == 1 and head.baseline is not None and head.shd >= head.baseline.shd
    if only_method and head.baseline is not None:
        does = "does just as well" if head.shd == head.baseline.shd else "is closer"
        an = "another learner" if head.baseline.name in PEERS else "a simple method"
        method = f"{named(head.baseline)}, SHD {shd(head.baseline.shd)}"
        return f"{whose[0].upper()}{whose[1:]} has {_scored(head)}, but {an} {does}: {method}."
    return f"Do not rely on this graph: {whose} is not better than {listing(missed, 'or')}; it has {_scored(head)}."


def _references(head: Headline) -> str:
    parts = []
    if np.isfinite(head.empty):
        parts.append(f"The empty graph has SHD {shd(head.empty)} and F1 {f1(head.empty_f1) if head.empty_f1 else 0}")
    if np.isfinite(head.chance_f1):
        odds = f" ({wording.p_value(head.chance_p)} for doing this well by luck)" if np.isfinite(head.chance_p) else ""
        parts.append(f"a random graph with as many edges is expected to reach F1 {f1(head.chance_f1)}{odds}")
    elif head.chance is not None and np.isfinite(head.chance.f1):
        high = f" ({f1(head.chance.f1_high)} at most in 95 % of cases)" if np.isfinite(head.chance.f1_high) else ""
        parts.append(
            f"a random graph with as many edges as the true one is expected to reach F1 {f1(head.chance.f1)}{high}"
        )
    if head.floor is not None and np.isfinite(head.floor.f1):
        high = f", {f1(head.floor.f1_high)} at most in 95 % of cases" if np.isfinite(head.floor.f1_high) else ""
        parts.append(f"the {head.floor.label.removeprefix('the ')} F1 {f1(head.floor.f1)} on average{high}")
    row = head.baseline
    if row is not None:
        score = f"SHD {shd(row.shd)} and F1 {f1(row.f1)}" if np.isfinite(row.f1) else f"SHD {shd(row.shd)}"
        parts.append(f"the best {kind_of(row)}, {row.label}, has {score} ({_cut(row, head)})")
    if not parts:
        return "No references were recorded with this run, so nothing says whether these numbers are good."
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _cut(row: Baseline, head: Headline) -> str:
    """Say how a baseline's cut was chosen, and whether that is like with like."""
    if row.oracle:
        return "with its cut chosen the same way, oracle" if head.scale.oracle else "with its cut chosen on the truth"
    return "at its own cut, which never saw the true graph"


def _fresh(run: Run, head: Headline, lost: str) -> str:
    fresh = fresh_seeds(run)
    if fresh is None and run.seeds.rows:
        return (
            f"The same settings failed on fresh seeds, so the sweep's own SHD {shd(head.shd)} is not to be relied on."
        )
    if fresh is None:
        complete = run.having("complete")
        picked = f"the best of {count(complete, 'complete trial')} and so " if complete > 1 else ""
        return (
            f"The settings were not run again on fresh seeds, so the sweep's own SHD {shd(head.shd)} is "
            f"{picked}possibly lucky: read it as a best case."
        )
    average = "on average, " if fresh.n > 1 else ""
    no_better = f" and no better than {lost}" if lost else ""
    data = fresh_data(run)
    also = ""
    if data is not None:
        also = f" On {count(data.n, 'fresh data set')} of the same generator they reach {_reached(data)}."
    reached = f"On {count(fresh.n, 'fresh seed')} the same settings reach {_reached(fresh)}"
    return f"{reached} {average}{_gap(fresh.shd.mean, head.shd)}{no_better}.{also}"


def _reached(fresh: Fresh) -> str:
    around = ""
    if np.isfinite(fresh.shd.low + fresh.shd.high):
        kind = "95 % interval" if fresh.interval else "from"
        around = f" ({kind} {wording.decimals(fresh.shd.low, 1)} to {wording.decimals(fresh.shd.high, 1)})"
    scored = f" and F1 {f1(fresh.f1.mean)}" if np.isfinite(fresh.f1.mean) else ""
    return f"SHD {wording.decimals(fresh.shd.mean, 1)}{around}{scored}"


def _gap(mean: float, own: float) -> str:
    gap = round(mean - own, 1)
    if gap == 0:
        return f"the same as the sweep's own SHD {shd(own)}"
    better = "worse" if gap > 0 else "better"
    return f"{wording.decimals(abs(gap), 1)} {better} than the sweep's own SHD {shd(own)}"
