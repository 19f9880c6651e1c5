"""Check these first: what should worry a reader, each with its number, its figure and a change to make."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from reports import wording
from reports.columns import Floats
from reports.comparison import compare
from reports.cut_findings import CUT_RULES
from reports.data_findings import DATA_RULES
from reports.failures import failure_causes
from reports.figures.clipping import HEAVY
from reports.figures.training import TERMS, shares
from reports.finding import Finding
from reports.fresh_findings import FRESH_RULES
from reports.gradient_findings import graph_unread, one_term_pulls
from reports.pruning_finding import unsafe_pruning
from reports.run import Run, number
from reports.scores import degenerate, ranked, scale_of
from reports.separation import not_separated
from reports.wording import axis_name, count, either, listing, share, significant

OFTEN, CLOSE, DOMINANT, CROWD = 0.2, 0.05, 0.95, 3


def findings(run: Run) -> list[Finding]:
    """Apply every rule; those that put the result in doubt come first."""
    found = [finding for rule in RULES for finding in rule(run)]
    return sorted(found, key=lambda finding: not finding.grave)


def bounds(run: Run) -> dict[str, tuple[float, float, bool]]:
    """Give the searched ranges of sweep.yaml: name to (low, high, log)."""
    found = {}
    for name, space in (run.settings.get("space") or {}).items():
        if isinstance(space, dict):
            low, high = number(space, "low"), number(space, "high")
            if math.isfinite(low) and math.isfinite(high) and low < high:
                found[str(name)] = (low, high, bool(space.get("log", False)))
    return found


def _interrupted(run: Run) -> Iterator[Finding]:
    budget = number(run.summary, "budget")
    if run.summary.get("stopped_early"):
        if run.trials.rows >= budget:
            text = "The run was stopped while its winner was trained on fresh seeds: how it does there is missing."
            yield Finding("Stopped early", text, "", "The same command continues the run.", grave=True)
            return
        asked = f" of the {count(budget, 'trial')} asked for" if math.isfinite(budget) else ""
        text = f"The run was stopped after {count(run.trials.rows, 'trial')}{asked}; everything here is about those."
        yield Finding("Stopped early", text, "", "The same command continues the run.", grave=True)


def _edge_of_range(run: Run) -> Iterator[Finding]:
    for name, (low, high, log) in bounds(run).items():
        best = _place(number(run.best, name), low, high, log)
        top = [_place(value, low, high, log) for value in _of_the_best(run, name)]
        for end in ("low", "high"):
            crowd = sum(_near(place, end) for place in top)
            if not _near(best, end) and crowd < CROWD:
                continue
            own = f"The best trial's {significant(number(run.best, name))} is"
            who = own if _near(best, end) else f"{crowd} of the best 5 trials lie"
            span = f"{significant(low)} to {significant(high)}"
            text = f"{who} at the {end} end of {axis_name(name)}'s range ({span})."
            wider = high * 10 if end == "high" else low / 10 if log else low - (high - low)
            yield Finding(
                "Edge of the range",
                text,
                "fig-edges" if name == "lambda_sparse" else "trials",
                "Widen the range:",
                f"--set space.{name}.{end}={wider:g}",
            )


def _place(value: float, low: float, high: float, log: bool) -> float:
    """Place a value in its range, 0 to 1; NaN stays NaN and is near no end."""
    if log and low > 0:
        return math.log(value / low) / math.log(high / low) if value > 0 else math.nan
    return (value - low) / (high - low)


def _near(place: float, end: str) -> bool:
    """Whether a place in a range is close to one of its ends."""
    return place < CLOSE if end == "low" else place > 1 - CLOSE


def _of_the_best(run: Run, name: str, most: int = 5) -> Floats:
    """Give a setting of the best complete trials; nothing where fewer completed."""
    order = ranked(run)
    complete = order[run.states[order] == "complete"][:most]
    return run.trials.number(name)[complete] if len(complete) == most else np.array([])


def _degenerate(run: Run) -> Iterator[Finding]:
    empty, dense, judged = degenerate(run)
    if run.true_edges == 0:
        empty = 0  # is then right
    if judged and (empty + dense) / judged > OFTEN:
        kinds = [f"{n:,} {kind}" for n, kind in ((empty, "empty"), (dense, "dense")) if n]
        part = f"{share((empty + dense) / judged)} of {count(judged, 'graph')} {either(judged, 'is', 'are')}"
        text = f"{part} degenerate at cut 0.5 ({listing(kinds)})."
        end, way = ("high", "lower") if empty >= dense else ("low", "raise")
        low, high, _ = bounds(run).get("lambda_sparse", (math.nan, math.nan, True))
        value = high / 10 if end == "high" else low * 10
        setting = f"--set space.lambda_sparse.{end}={value:g}" if math.isfinite(value) else ""
        yield Finding(
            "Degenerate graphs",
            text,
            "fig-edges",
            f"Too many trials are spent there: {way} the {end} end of \N{GREEK SMALL LETTER LAMDA}_sparse.",
            setting,
        )


def _clipping(run: Run) -> Iterator[Finding]:
    ratio = run.trials.number("avg_grad_clip_ratio")
    known = ratio[np.isfinite(ratio)]
    own = number(run.best, "avg_grad_clip_ratio")
    heavy = int((known > HEAVY).sum())
    if own > HEAVY or (len(known) and heavy / len(known) > 0.25):
        norms = run.epochs.number("grad_norm_median")
        norms = norms[np.isfinite(norms)]
        trials = f"{heavy:,} of {count(len(known), 'trial')} {either(heavy, 'clips', 'clip')}"
        text = f"{trials} over half of the steps; the {scale_of(run).winner} clips {share(own)} of its own."
        advice, setting = "Lower the upper bound of lr", ""
        if len(norms):
            advice += ", or raise the limit to the 90th percentile of the gradient norm:"
            setting = f"--set trainer.clip_norm={float(np.quantile(norms, 0.9)):.2g}"
        yield Finding("Heavy clipping", text, "fig-clipping", advice, setting, grave=own > HEAVY)


def _balance(run: Run) -> Iterator[Finding]:
    course = run.epochs.take(run.epochs.number("trial") == number(run.best, "number"))
    words = {name: word for name, word, *_ in TERMS}
    for name, values in shares(course).items():
        tail = values[-max(1, len(values) // 10) :]
        part = float(np.mean(tail)) if len(tail) else math.nan
        if part > DOMINANT and name != "recon":
            text = (
                f"In the last tenth of the {scale_of(run).winner}'s epochs {share(part)} of its loss is {words[name]}."
            )
            yield Finding("Loss terms out of balance", text, "fig-training", f"Lower {axis_name('lambda_' + name)}.")


def _acyclicity(run: Run) -> Iterator[Finding]:
    price = number(run.best, "lambda_acyclic")
    if run.best is not None and str(run.best.get("is_dag")).lower() == "false" and price > 0:
        h = significant(number(run.best, "h"))
        text = f"The best graph has a cycle, although {axis_name('lambda_acyclic')} is {significant(price)} (h = {h})."
        yield Finding(
            "Not acyclic",
            text,
            "fig-best_graph",
            f"If your graph may have none: more epochs, or a larger {axis_name('lambda_acyclic')}.",
        )


def _truth_used(run: Run) -> Iterator[Finding]:
    if run.best is not None and run.has_truth and scale_of(run).oracle:
        blind, column = run.summary.get("blind"), "val_shd_blind"
        text = "Trials were chosen, pruned and cut by their SHD to the true graph: valid for benchmarks only."
        if math.isfinite(number(blind, column)):
            pick = f"trial {number(blind, 'number'):.0f} would have been picked"
            text += f" Without the truth, {pick}, with SHD {wording.shd(number(blind, column))}."
        yield Finding(
            "Selection used the truth",
            text,
            "definitions",
            "For a figure that holds on data without a graph:",
            "--objective blind",
        )


def _unusable(run: Run) -> Iterator[Finding]:
    names = run.data.get("unusable") or {}
    if names:
        told = [
            f"{wording.label(str(name), 40)} ({wording.label(str(why), 60)})" for name, why in list(names.items())[:8]
        ]
        more = f" and {len(names) - 8} more" if len(names) > 8 else ""
        yield Finding(
            "Variables without data",
            f"{count(len(names), 'variable')} cannot be learned from: {', '.join(told)}{more}.",
            "setup",
        )


def _failed(run: Run) -> Iterator[Finding]:
    failed = run.having("failed")
    if failed:
        causes = failure_causes(run)
        told = [f"{cause} ({times:,})" for cause, times in causes[:4]]
        more = f"; {len(causes) - 4} other causes" if len(causes) > 4 else ""
        text = f"{failed:,} of {count(run.trials.rows, 'trial')} failed: {'; '.join(told)}{more}."
        yield Finding(
            "Failed trials",
            text,
            "trials",
            "The full reasons are in errors/ in the run folder.",
            grave=failed > run.trials.rows / 2,
        )


def _inconsistent(run: Run) -> Iterator[Finding]:
    found = compare(run)
    recorded = number(run.best, scale_of(run).edges)
    if found is not None and math.isfinite(recorded) and int(found.learned.sum()) != int(recorded):
        edges = count(int(found.learned.sum()), "edge")
        text = f"best/adjacency.csv has {edges} over the cut, the records say {recorded:,.0f}."
        yield Finding("Files disagree", text, "fig-adjacency", "Run the best trial again.", grave=True)


RULES: tuple[Callable[[Run], Iterator[Finding]], ...] = (
    _interrupted,
    _inconsistent,
    graph_unread,
    *FRESH_RULES,
    not_separated,
    _failed,
    _degenerate,
    _edge_of_range,
    _clipping,
    _balance,
    one_term_pulls,
    _acyclicity,
    unsafe_pruning,
    *CUT_RULES,
    *DATA_RULES,
    _unusable,
    _truth_used,
)
