"""Is the winner really the winner: which other trials its own spread over fresh seeds does not rule out.

A trial's score is one draw: another seed gives another. The winner's settings were drawn several times, so their
spread is known; a trial whose one score lies within the 95 % interval of the winner's mean may be as good. Of the
other trials only the blind pick is trained again: where its fresh seeds are known, they decide and not its one draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.finding import Finding
from reports.run import Run, number
from reports.scores import finished, fresh_seeds, picked, scale_of, winner_seeds
from reports.wording import count, decimals, either


@dataclass(frozen=True)
class Standing:
    """How many trials the winner is not told apart from.

    Args:
        equal: other complete trials whose score is `limit` or less; of: how many others completed.
        next: number of the best of them, -1 for none.
        low, high: the winner's interval on fresh seeds, NaN where there is none.
        interval: whether it is a 95 % interval of the mean; else lowest and highest.
        pick: mean of the blind pick's fresh seeds where it is another trial and counts as equal, else NaN.
    """

    equal: int
    of: int
    next: int
    low: float
    high: float
    interval: bool
    pick: float


def standing(run: Run) -> Standing | None:
    """Count the trials that may be as good as the winner; None where no trial won.

    Without fresh seeds, and where the winner did better on them than in the sweep, only exact ties count.
    """
    own = number(run.best, scale_of(run).order)
    if run.best is None or not np.isfinite(own):
        return None
    low, high, interval = _spread(run)
    score = finished(run, scale_of(run).order)
    names = run.trials.number("number")
    others = np.isfinite(score) & (names != number(run.best, "number"))
    inside = others & (score <= np.fmax(own, high))
    pick, again = _blind_pick(run)
    counts = len(again) > 0 and bool(again.min() <= np.fmax(own, high))
    if len(again):
        inside[names == pick] = counts & others[names == pick]
    best = np.lexsort((names, np.where(inside, score, np.inf)))
    return Standing(
        equal=int(inside.sum()),
        of=int(others.sum()),
        next=int(names[best[0]]) if inside.any() else -1,
        low=low,
        high=high,
        interval=interval,
        pick=float(again.mean()) if counts else float("nan"),
    )


def _spread(run: Run) -> tuple[float, float, bool]:
    """Give the winner's interval on fresh seeds in the score that the run is judged by; NaN where it is not known."""
    fresh = fresh_seeds(run)
    if run.has_truth:
        return (fresh.shd.low, fresh.shd.high, fresh.interval) if fresh is not None else (np.nan, np.nan, False)
    each = winner_seeds(run).number("blind_score")
    each = each[np.isfinite(each)]
    return (float(each.min()), float(each.max()), False) if len(each) > 1 else (np.nan, np.nan, False)


def _blind_pick(run: Run) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Give an oracle sweep's blind pick and its fresh seeds, cut as the winner's are; none if it is the winner."""
    rows = picked(run.seeds, "blind")
    trial = rows.number("trial")
    other = trial != number(run.best, "number")
    if not scale_of(run).oracle or not len(trial) or not other.all():
        return np.nan, np.empty(0)
    each = rows.number("val_shd")
    each = each[np.isfinite(each)]
    return float(trial[0]), each if len(each) > 1 else np.empty(0)


def not_separated(run: Run) -> Iterator[Finding]:
    """Other trials lie within the winner's interval on fresh seeds, or tie with it."""
    found = standing(run)
    if found is None or not found.equal:
        return
    quantity = "SHD" if run.has_truth else "blind score"
    own = number(run.best, scale_of(run).order)
    who = f"{found.equal:,} of {count(found.of, 'other complete trial')} {either(found.equal, 'has', 'have')}"
    if np.isfinite(found.high) and found.high >= own:
        span = " to ".join(decimals(end, 1 if run.has_truth else 3) for end in (found.low, found.high))
        spread = "95 % interval" if found.interval else "range"
        text = f"{who} a sweep {quantity} no worse than the end of the winner's {spread} on fresh seeds ({span})."
    else:
        written = wording.shd(own) if run.has_truth else wording.significant(own, 4)
        text = f"{who} the winner's {quantity} of {written} too."
    if np.isfinite(found.pick):
        text += f" The blind pick, on fresh seeds at its tuned cut {decimals(found.pick, 1)} on average, is among them."
    yield Finding(
        "Winner not separated",
        text,
        "trials",
        f"Treat the top {found.equal + 1:,} as equal, or try the next of them on fresh seeds too:",
        f"{run.summary.get('rerun_command') or 'python -m studies.rerun RUN'} --trial {found.next} --seeds 5",
    )
