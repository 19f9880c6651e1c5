"""What fresh seeds and fresh data find fault with: luck, results that do not carry over, a poor blind pick."""

from collections.abc import Iterator

import numpy as np

from reports import wording
from reports.figures import blind_choice
from reports.finding import Finding
from reports.run import Run, number
from reports.scores import fresh_blind, fresh_data, fresh_seeds, scale_of
from reports.wording import count, decimals

GAP = 1.0
MUCH_WORSE = 5.0
LITTLE_SHARED = 0.5


def lucky(run: Run) -> Iterator[Finding]:
    """The sweep's own number is much better than, or outside the interval of, that of fresh seeds (winner's curse)."""
    fresh, own = fresh_seeds(run), number(run.best, scale_of(run).shd)
    if fresh is not None and (fresh.shd.mean - own > GAP or (fresh.interval and fresh.shd.low > own)):
        gap, mean = decimals(fresh.shd.mean - own, 1), decimals(fresh.shd.mean, 1)
        text = f"SHD is {mean} on average on fresh seeds, {gap} more than the sweep's own {wording.shd(own)}."
        yield Finding("Lucky winner", text, "compared", "Quote the fresh seeds' number.", grave=True)
    elif fresh is not None and fresh.interval and own > fresh.shd.high + GAP:
        span = f"{decimals(fresh.shd.low, 1)} to {decimals(fresh.shd.high, 1)}"
        text = f"The sweep's own SHD {wording.shd(own)} is worse than on fresh seeds (95 % interval {span})."
        yield Finding("Unlucky winner", text, "compared", "Quote the fresh seeds' number.")


def not_carried_over(run: Run) -> Iterator[Finding]:
    """The settings do worse on fresh data sets than on the sweep's own, beyond what fresh seeds explain."""
    seeds, data = fresh_seeds(run), fresh_data(run)
    if seeds is None or data is None:
        return
    gap = data.shd.mean - seeds.shd.mean
    if gap > GAP:
        text = (
            f"On {count(data.n, 'fresh data set')} of the same generator SHD is {decimals(data.shd.mean, 1)} on "
            f"average, {decimals(gap, 1)} more than on fresh seeds with the sweep's own data."
        )
        advice = "The settings suit this one data set: search on more rows, or quote the fresh data's number."
        yield Finding("Tuned to this data set", text, "compared", advice, grave=True)


def blind_pick(run: Run) -> Iterator[Finding]:
    """The trial picked without the truth is much worse than the one picked with it."""
    if run.best is None or not run.has_truth or not scale_of(run).oracle:
        return
    blind, fresh, seeds = run.summary.get("blind"), fresh_blind(run), fresh_seeds(run)
    where = ""
    own, picked = number(run.best, "val_shd"), number(blind, "val_shd_blind")
    if fresh is not None and seeds is not None:
        own, picked, where = seeds.shd.mean, fresh.shd.mean, f" on {count(fresh.n, 'fresh seed')}"
    if picked - own > MUCH_WORSE:
        text = (
            f"Trial {number(blind, 'number'):.0f}, picked and cut without the truth, has SHD {wording.shd(picked)}"
            f"{where}; the best trial, picked and cut by the truth, {wording.shd(own)}."
        )
        link = "fig-blind_choice" if blind_choice.collect(run) is not None else "compared"
        yield Finding("Blind pick much worse", text, link, "Do not expect the best SHD on data without a graph.")


def unstable(run: Run) -> Iterator[Finding]:
    """Fewer than half of the edges that fresh seeds find are found by all of them."""
    alike = (run.summary.get("confirm") or {}).get("blind")
    ever, always, n = (number(alike, name) for name in ("edges_ever", "edges_always", "n"))
    if n > 1 and ever > 0 and always / ever < LITTLE_SHARED and np.isfinite(always):
        text = (
            f"{always:,.0f} of the {count(ever, 'edge')} that {count(n, 'fresh seed')} learn at the blind cut "
            f"{wording.either(always, 'is', 'are')} in every graph."
        )
        link = "fig-edge_returns" if run.returns.rows else ""
        yield Finding("Edges change with the seed", text, link, "Trust those that always return.")


def failed(run: Run) -> Iterator[Finding]:
    """Some trainings of the best settings on fresh seeds or data did not come to an end."""
    confirm = run.summary.get("confirm") or {}
    for block, noun in ((confirm, "fresh seed"), (confirm.get("data"), "fresh data set")):
        lost, n = number(block, "failed"), number(block, "n")
        if lost > 0:
            text = f"On {lost:,.0f} of {count(lost + n, noun)} the best settings failed; the means are of the others."
            yield Finding("Fresh training failed", text, "", "The reasons are in confirm/; lower lr.", grave=n == 0)


FRESH_RULES = (failed, lucky, not_carried_over, blind_pick, unstable)
