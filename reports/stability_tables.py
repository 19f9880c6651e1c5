"""The tables and tiles of a stability study's page."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports import wording
from reports.blocks import TableBlock
from reports.columns import Floats
from reports.stability_folder import AFTER, BEFORE, StabilityFolder, finite, mean, middle
from reports.stability_results import Bought, Result, kind_of, measured, purchases, results
from reports.stability_words import big, capital, moved, percent, times


@dataclass(frozen=True)
class Group:
    """A family's rows in the table of all variants."""

    label: str
    words: str
    lines: list[tuple[str, ...]]


def heads(study: StabilityFolder) -> list[str]:
    """Give the headings of the table of all variants."""
    scores = ["F1", "SHD", "edges", "better than chance"] if study.has_truth else ["edges"]
    return ["variant", *scores, "largest norm", "clip, epoch 1", "clip, last", "loss, epoch 1", "loss, last", "NaN"]


def groups(study: StabilityFolder) -> list[Group]:
    """Collect every variant that was trained, family by family."""
    every = results(study)
    found = []
    for family in study.families:
        facts = next(item for item in study.facts["families"] if item["name"] == family.name)
        words = wording.count(facts["epochs"], "epoch")
        lines = [_line(study, item) for item in every if item.variant.family is family]
        found.append(Group(capital(family.label), words, lines))
    return found


def _line(study: StabilityFolder, item: Result) -> tuple[str, ...]:
    edges = spread(item.edges, 1)
    scores = (edges,)
    if study.has_truth:
        better = f"{item.better} of {item.scored}" if item.scored else wording.NO_VALUE
        scores = (spread(item.f1, 2), spread(item.shd, 1), edges, better)  # type: ignore[assignment]
    lost = f"{item.failed} of {item.seeds}" if item.failed else "no"
    losses = (wording.significant(middle(item.loss_first)), wording.significant(middle(item.loss_last)))
    return (
        item.variant.label, *scores, extent(item.norm), percent(item.clip[0]), percent(item.clip[-1]), *losses, lost,
    )  # fmt: skip


def spread(values: Floats, digits: int) -> str:
    """Write the mean over the seeds and, of several different ones, lowest and highest."""
    known = finite(values)
    text = wording.decimals(mean(values), digits)
    whole = 0 if bool((known == np.round(known)).all()) else digits
    if len(known) < 2 or known.min() == known.max():
        return text.removesuffix(".0")
    return f"{text} ({wording.decimals(known.min(), whole)}\N{EN DASH}{wording.decimals(known.max(), whole)})"


def extent(values: Floats) -> str:
    """Write the median over the seeds of a number of any size, with lowest and highest."""
    known = finite(values)
    if not len(known):
        return "not kept"
    text = big(middle(values))
    low, high = big(float(known.min())), big(float(known.max()))
    return text if low == high else f"{text} ({low}\N{EN DASH}{high})"


def bought_tables(study: StabilityFolder) -> list[TableBlock]:
    """Give for each family what each measure buys, the most effective first."""
    tables = []
    for family in measured(study):
        found = sorted(purchases(study, family), key=lambda item: -item.weight)
        columns = ["measure", "norm, if removed", "norm, if added"]
        columns += ["F1, if removed", "F1, if added"] if study.has_truth else []
        rows = [_bought(item, study.has_truth) for item in found]
        scores = ", and what F1 does (means)" if study.has_truth else ""
        caption = (
            f"{capital(family.label)}: by how many times the largest gradient norm (median of the seeds) changes where "
            f"the measure is removed from after, and where it is added to before{scores}; whether after has the same "
            "weights without it, to the bit"
        )
        tables.append(TableBlock(caption, (*columns, "weights"), rows))
    return [table for table in tables if table.rows]


def _bought(item: Bought, scores: bool) -> tuple[str, ...]:
    cells = [item.label, _change(item.removed), _change(1 / item.added if item.added else math.nan)]
    if scores:
        cells += [_pair(item.after, item.without), _pair(item.before, item.with_it)]
    return (*cells, "same" if item.same_weights else "differ")


def _change(factor: float) -> str:
    return moved(factor) if math.isfinite(factor) else "not kept"


def _pair(first: Result, second: Result) -> str:
    values = (mean(first.f1), mean(second.f1))
    if not all(math.isfinite(value) for value in values):
        return wording.NO_VALUE
    return f"{wording.f1(values[0])} \N{RIGHTWARDS ARROW} {wording.f1(values[1])}"


def tiles(study: StabilityFolder) -> list[tuple[str, str, str]]:
    """Give the size of things: label, value, reference."""
    finished, total = int(study.facts.get("finished") or 0), int(study.facts.get("variants") or 0)
    found = [
        (
            "Variants trained",
            f"{finished} / {total}",
            f"{wording.count(len(study.facts.get('seeds') or []), 'seed')} each",
        ),
        ("Training", wording.duration(float(study.facts.get("train_seconds") or 0.0)), "all workers together"),
    ]
    for family in measured(study):
        before, after = kind_of(study, family, BEFORE), kind_of(study, family, AFTER)
        if before is not None and after is not None and middle(after.norm) > 0:
            ratio = middle(before.norm) / middle(after.norm)
            words = f"{big(middle(before.norm))} before, {big(middle(after.norm))} after; {family.label}"
            found.append(
                ("Largest gradient norm", f"{times(ratio)} less" if ratio >= 1 else f"{times(1 / ratio)} more", words)
            )
    return found


def setup_tables(study: StabilityFolder, settings: dict[str, Any], environment: dict[str, Any]) -> list[TableBlock]:
    """Give what a repeat needs: the measures' settings, the data, versions."""
    measures = [
        (str(item.get("label")), _flow(item.get("after")), _flow(item.get("before")))
        for item in settings.get("measures") or []
    ]
    data = environment.get("data") or {}
    facts = [
        ("data", str(data.get("source") or study.facts.get("dataset"))),
        ("sha256", str(data.get("sha256") or "")[:16]),
        ("rows", f"{data.get('rows') or 0:,}"),
        ("variables", f"{len(data.get('variables') or [])}"),
        ("missing", wording.share(float(data.get("missing_share") or 0.0))),
        ("true edges", "unknown" if not study.has_truth else str(study.facts["true_edge_count"])),
        ("seeds", ", ".join(str(seed) for seed in study.facts.get("seeds") or [])),
    ]
    names = ("graphsweep", "python", "torch", "numpy", "threads", "cpu_capability", "mkl_cbwr", "commit")
    machine = [(name, str(environment[name])) for name in names if environment.get(name) not in (None, "")]
    return [
        TableBlock("Measures: settings with it and without it", ("measure", "after", "before"), measures),
        TableBlock("Data", ("what", "value"), facts),
        TableBlock("Versions", ("what", "value"), machine),
    ]


def _flow(side: Any) -> str:
    items = side.items() if isinstance(side, dict) else ()
    return ", ".join(f"{str(key).rpartition('.')[2]} {value}" for key, value in items)
