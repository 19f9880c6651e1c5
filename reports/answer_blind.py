"""The three sentences where no accuracy can be given: no true graph, or no trial that completed."""

import numpy as np

from reports import wording
from reports.failures import failure_causes
from reports.headline import Headline
from reports.run import Run, number
from reports.scores import best_cut, finished, simple_baselines, winner_seeds
from reports.wording import count, either, listing, shd, significant


def without_truth(run: Run, head: Headline) -> tuple[str, str, str]:
    """Say what the blind criterion chose, and that this is no accuracy."""
    return _found(run, head), _references(run, head), _fresh(run)


def _found(run: Run, head: Headline) -> str:
    score = significant(number(run.best, "blind_score"), 4)
    return (
        "No true graph was given, so no accuracy can be given; the blind pick of "
        f"{count(run.trials.rows, 'trial')} is trial {head.trial}, whose graph is the most typical of the best third, "
        f"with {count(head.edges, 'edge')} among {count(len(run.names), 'variable')} "
        f"(strength over {significant(best_cut(run))}, blind score {score}, lower is better)."
    )


def _references(run: Run, head: Headline) -> str:
    known = [f"{row.label} {row.edge_count:,.0f}" for row in simple_baselines(run) if np.isfinite(row.edge_count)]
    scores = finished(run, "blind_score")
    spread = ""
    if np.isfinite(scores).sum() > 1:
        middle = significant(float(np.nanmedian(scores)), 4)
        spread = (
            f", and the blind score's median over {count(int(np.isfinite(scores).sum()), 'complete trial')} is {middle}"
        )
    methods = f"; the simple methods learn other numbers ({listing(known)})" if known else ""
    return (
        f"For comparison, the empty graph has 0 edges and the full one {count(run.pairs, 'edge')}{methods}{spread}; "
        f"none of this says which of the {count(head.edges, 'edge')} {either(head.edges, 'is', 'are')} right."
    )


def _fresh(run: Run) -> str:
    edges = winner_seeds(run).number("edge_count_blind")
    edges = edges[np.isfinite(edges)]
    if not len(edges):
        return "The settings were not run again on fresh seeds, so it is not known how much of this graph would return."
    low, high = int(edges.min()), int(edges.max())
    span = count(low, "edge") if low == high else f"{low:,} to {count(high, 'edge')}"
    mean = wording.decimals(float(edges.mean()), 1)
    return f"On {count(len(edges), 'fresh seed')} the same settings learn {span}, {mean} on average{_alike(run)}."


def _alike(run: Run) -> str:
    """Say how alike the graphs of the fresh seeds are: all that can tell whether to trust them."""
    alike = (run.summary.get("confirm") or {}).get("blind")
    ever, always, pair = (number(alike, name) for name in ("edges_ever", "edges_always", "pair_shd"))
    if not np.isfinite(pair):
        return ""
    kept = f"{always:,.0f} of the {count(ever, 'edge')} seen {either(always, 'is', 'are')} in every graph"
    return f"; {kept}, and two of the graphs differ on {wording.decimals(pair, 1)} pairs of variables on average"


def without_result(run: Run) -> tuple[str, str, str]:
    """Say that no trial completed, and why."""
    failed, pruned = run.having("failed"), run.having("pruned")
    states = [f"{n:,} failed" for n in (failed,) if n] + [
        f"{n:,} {either(n, 'was', 'were')} pruned" for n in (pruned,) if n
    ]
    ran = f"of {count(run.trials.rows, 'trial')} {listing(states)}" if states else "none was run"
    if failed == run.trials.rows > 0:
        ran = "the only one failed" if failed == 1 else f"all {failed:,} failed"
    first = f"There is no graph to show, because no trial completed: {ran}."
    causes = failure_causes(run)
    second = "No trial failed, so there is no error to show."
    if causes:
        cause, times = causes[0]
        second = f"The most frequent cause of failure was: {cause} ({times:,} of {failed:,})."
    empty = run.baseline("empty")
    third = "Nothing was run on fresh seeds."
    if empty is not None and np.isfinite(empty.shd):
        third = f"For comparison, the empty graph has SHD {shd(empty.shd)}; nothing was run on fresh seeds."
    return first, second, third
