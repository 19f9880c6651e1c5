"""The sections of a benchmark's page: of each part what was measured, how, and its tables."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from reports import benchmark_standing as standing
from reports.benchmark_folder import PARTS, BenchmarkFolder
from reports.benchmark_lane_tables import lane_tables
from reports.benchmark_words import processor_of, ranged, ratio_text, size_text, whole_text
from reports.blocks import TableBlock
from reports.wording import NO_VALUE, count, decimals, duration, share, significant

HEADINGS = {
    "lanes": "Lanes against one trial at a time",
    "plain": "A whole sweep against plain PyTorch with Optuna",
    "ray": "A whole sweep against Ray Tune",
    "growth": "As a run grows",
    "best": "Time to the best",
    "orchestration": "The study's own work",
}
HOW = {
    "lanes": (
        "Every number of lanes trains one evaluation interval, evaluation included, with the same trainer, on one "
        "core and one thread; the numbers take turns, and each repetition begins with another one. A trial-step "
        "is one optimiser step of one trial. The trials are past their warm-up, with edge prices spread over the "
        "search space, as in a sweep: a compiled step costs less where gates are shut. PyTorch alone is one trial by "
        "whole-tensor operations: the same steps with nothing compiled, then the same evaluation."
    ),
    "plain": (
        "Each side runs as a process of its own from its start to its end, one after the other with the same "
        "study seed and the same number of workers; our time includes the report. The plain side is the "
        "same model as an nn.Module with autograd, torch.optim.Adam, clip_grad_norm_ and ReduceLROnPlateau, the "
        "same batches, loss terms and evaluation, searched by Optuna's default sampler and pruned by its "
        "MedianPruner with the same warm-up; ours prunes by cohort, as it does by default. The two prune "
        "different trials, so epochs a second stand beside the times. Fresh-seed confirmation is off on both "
        "sides. Ours logs and diagnoses gradients; the plain side does not."
    ),
    "ray": (
        "The same plain trials under Ray Tune, one a core, settings drawn at random and ended early by ASHA; ours "
        "beside it, in turn, with the same study seed. Starting and stopping Ray is in its time."
    ),
    "growth": (
        "One run of small trials on one process. Seconds a trial are taken from the times at which trials ended. "
        "Memory is the process's peak, before the report and with it; the report is built once, at the end."
    ),
    "best": (
        "Searches with and without pruning, in turn, with the same study seed; a value counts when its trial has "
        "ended. The common value is the worse of the two final ones, so that both searches reached it."
    ),
    "orchestration": (
        "Trials are asked together, report and ask whether they are pruned at every evaluation, and are told: the "
        "same calls, space, sampler and pruner on studies that have finished trials behind them, in turn. Ours "
        "keeps the study in memory and appends records and journal once a round. The sampler `random` has no cost "
        "of its own. No training is in these times; shares are of the search of a sweep that was run in the same "
        "part."
    ),
}


@dataclass(frozen=True)
class Section:
    """A part of the page: where, heading, how it was measured, what is missing, tables."""

    name: str
    heading: str
    how: str
    notes: list[str] = field(default_factory=list)
    tables: list[TableBlock] = field(default_factory=list)


def sections(bench: BenchmarkFolder) -> list[Section]:
    """Give the parts that were measured, or tried, in their order."""
    found = []
    for part in PARTS:
        notes = [f"{item.method}: {item.reason}." for item in bench.failures if item.part == part]
        if bench.part(part) or notes:
            tables = [table for table in TABLES[part](bench) if table.rows]
            found.append(Section(part, HEADINGS[part], HOW[part], notes, tables))
    return found


def _whole_sweeps(part: str) -> Callable[[BenchmarkFolder], list[TableBlock]]:
    def tables(bench: BenchmarkFolder) -> list[TableBlock]:
        rows = []
        for method in dict.fromkeys(item.method for item in bench.part(part)):
            where = {"part": part, "method": method}
            ratio = standing.times_longer(bench, part, method)
            states = [decimals(bench.spread(name, **where).median, 0) for name in ("trials", "complete", "pruned")]
            rows.append((
                method,
                ranged(bench.spread("wall_seconds", **where), duration),
                ranged(ratio, ratio_text),
                " / ".join(states),
                ranged(bench.spread("epochs", **where), whole_text),
                ranged(standing.epoch_rate(bench, part, method), lambda value: decimals(value, 1)),
                ranged(bench.spread("best_val_shd", **where), lambda value: decimals(value, 0)),
            ))  # fmt: skip
        jobs = count(float(bench.facts.get("jobs") or 1), "worker", "workers")
        caption = f"Whole sweeps with {jobs} on the {processor_of(bench)}: median and range over study seeds"
        heads = (
            "method", "time", "as long as ours", "trials / complete / pruned", "epochs trained", "epochs a second",
            "best SHD (oracle)",
        )  # fmt: skip
        search = bench.spread("search_seconds", part=part, method=standing.OURS)
        caption += (
            f". Of our time the search took {duration(search.median)}, checkpoints not counted" if search.n else ""
        )
        return [TableBlock(caption, heads, rows)]

    return tables


def _growth(bench: BenchmarkFolder) -> list[TableBlock]:
    rows = []
    for sampler in dict.fromkeys(item.sampler for item in bench.part("growth")):
        one = {
            name: bench.spread(name, part="growth", sampler=sampler).median
            for name in dict.fromkeys(item.quantity for item in bench.part("growth"))
        }
        first, last = one["tenth_1_seconds_per_trial"], one["tenth_10_seconds_per_trial"]
        each = [f"{significant(1000 * value, 3)} ms" for value in (first, last)]
        rows.append((
            sampler, decimals(one["trials"], 0), *each,
            ratio_text(last / first), size_text(one["peak_memory_bytes"]), size_text(one["folder_bytes"]),
            duration(one["report_seconds"]), size_text(one["peak_memory_with_report_bytes"]),
        ))  # fmt: skip
    heads = (
        "sampler", "trials", "a trial, first tenth", "last tenth", "last against first", "peak memory", "folder",
        "report built in", "peak memory with report",
    )  # fmt: skip
    return [TableBlock(f"Small trials in one run, one process on the {processor_of(bench)}", heads, rows)]


def _best(bench: BenchmarkFolder) -> list[TableBlock]:
    rows = []
    for method in dict.fromkeys(item.method for item in bench.part("best")):
        where = {"part": "best", "method": method}
        base = {"part": "best", "method": standing.PRUNED}
        rows.append((
            method,
            ranged(bench.spread("seconds_to_common_best", **where), duration),
            ranged(bench.ratio("seconds_to_common_best", where, base), ratio_text),
            ranged(bench.spread("seconds_to_best", **where), duration),
            ranged(bench.spread("search_seconds", **where), duration),
            ranged(bench.spread("best_val_shd", **where), whole_text),
        ))  # fmt: skip
    heads = (
        "search",
        "until the common value",
        "against pruned",
        "until its own best",
        "whole search",
        "best SHD (oracle)",
    )
    return [
        TableBlock(f"Seconds of search on the {processor_of(bench)}: median and range over study seeds", heads, rows)
    ]


def _orchestration(bench: BenchmarkFolder) -> list[TableBlock]:
    rows, name = [], "milliseconds_per_trial_report"
    for size in standing.behind(bench):
        for sampler in dict.fromkeys(item.sampler for item in bench.pick(name, trials=size)):
            for method in dict.fromkeys(item.method for item in bench.pick(name, trials=size)):
                where = {"trials": float(size), "sampler": sampler}
                cost = bench.spread(name, method=method, **where)
                ratio = bench.ratio(name, {**where, "method": method}, {**where, "method": standing.OURS})
                part = standing.sweep_share(bench, cost.median)
                told = f"{decimals(100 * part, 1)} %" if math.isfinite(part) else NO_VALUE
                rows.append((
                    method, decimals(size, 0), sampler, ranged(cost, lambda value: significant(value, 3)),
                    ranged(ratio, ratio_text), told,
                ))  # fmt: skip
    heads = ("study", "trials behind it", "sampler", "ms a trial-report", "against ours", "of a sweep's search time")
    tables = [TableBlock(f"Milliseconds a trial-report on the {processor_of(bench)}: median and range", heads, rows)]
    checkpoint = standing.checkpoint_share(bench)
    if checkpoint.n:
        whole = {"method": "sweep"}
        shares = [
            (
                decimals(bench.spread("rounds", **whole).median, 0),
                ranged(bench.spread("search_seconds", **whole), duration),
                ranged(bench.spread("checkpoint_seconds", **whole), lambda value: f"{significant(value, 2)} s"),
                ranged(checkpoint, share),
            )
        ]
        of_round = ("rounds", "search", "checkpoints", "of a round")
        tables.append(TableBlock("What the checkpoint of a round costs, in whole sweeps", of_round, shares))
    return tables


TABLES: dict[str, Callable[[BenchmarkFolder], list[TableBlock]]] = {
    "lanes": lane_tables,
    "plain": _whole_sweeps("plain"),
    "ray": _whole_sweeps("ray"),
    "growth": _growth,
    "best": _best,
    "orchestration": _orchestration,
}
