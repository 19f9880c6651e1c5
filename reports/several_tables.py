"""The tables of a comparison: the headline numbers of each run, the settings that differ, the edges of all graphs."""

from typing import Any

import numpy as np

from reports import wording
from reports.answer import EVEN, GOOD, LUCK, NONE, answer
from reports.blocks import TableBlock
from reports.headline import Headline, headline
from reports.run import Run, number
from reports.scores import Fresh, fresh_blind, fresh_data, fresh_seeds, scale_of
from reports.setup import text
from reports.several import Member, Overlay
from reports.wording import NO_VALUE, count, decimals, either, f1, shd, significant

MOST_EDGES = 100
LETTERED_STRENGTHS = 6
GLYPHS = {"all": "\N{BLACK CIRCLE}", "some": "\N{CIRCLE WITH LEFT HALF BLACK}", "one": "\N{WHITE CIRCLE}"}
PARTS = ("data", "trainer", "space", "search")
SAID_BY_FACTS = frozenset({"data.name", "data.rows", "data.variables", "search.objective"})
JUDGED = {
    GOOD: "better than every reference",
    LUCK: "better in the sweep, not on fresh seeds",
    EVEN: "right that there is nothing to find",
    NONE: "no accuracy",
}


def numbers(members: tuple[Member, ...]) -> TableBlock:
    """Collect the headline numbers, a column a run; rows that no run has a value for are left out."""
    columns = [_numbers(member.run) for member in members]
    rows = [(name, *(column[name] for column in columns)) for name in columns[0]]
    caption = (
        "The best trial of each run beside what it has to beat. Oracle: the cut, or the trial too, saw the true graph."
    )
    known = [row for row in rows if any(cell != NO_VALUE for cell in row[1:])]
    return TableBlock(caption, ("number", *(member.head for member in members)), known)


def _numbers(run: Run) -> dict[str, str]:
    """Give the cells of one run, by what they are; without a true graph no accuracy has one."""
    head = headline(run)
    states = [f"{run.having(state):,} {state}" for state in ("complete", "pruned", "failed") if run.having(state)]
    known = head if run.has_truth else None
    edges = f"{head.edges:,.0f}" if head else NO_VALUE
    return {
        "data set": wording.label(str(run.summary.get("dataset") or NO_VALUE), 40),
        "verdict": JUDGED.get(answer(run).verdict, "not better than every reference") if head else "no result",
        "trials": f"{run.trials.rows:,} ({', '.join(states)})" if states else f"{run.trials.rows:,}",
        "its cut": ("oracle" if scale_of(run).oracle else "blind") if head else NO_VALUE,
        "SHD": shd(known.shd) if known else NO_VALUE,
        "F1": f1(known.f1) if known else NO_VALUE,
        "edges learned / true": f"{edges} / {known.true_edges:,.0f}" if known else edges,
        **_references(known),
        **_again(run if known else None),
        "blind score": significant(number(run.best, "blind_score"), 4),
        "search time": wording.duration(number(run.summary, "search_seconds")),
    }


def _references(head: Headline | None) -> dict[str, str]:
    """Give what the best trial has to beat."""
    if head is None:
        return dict.fromkeys(("empty graph, SHD", "chance, F1", "best other method"), NO_VALUE)
    chance, rival = head.chance_f1, head.baseline
    odds = f" ({wording.p_value(head.chance_p)})" if np.isfinite(head.chance_p) else ""
    if not np.isfinite(chance) and head.chance is not None:
        chance = head.chance.f1
    other = f"SHD {shd(rival.shd)}, F1 {f1(rival.f1)}: {wording.label(rival.label, 40)}" if rival else NO_VALUE
    return {
        "empty graph, SHD": shd(head.empty),
        "chance, F1": f"{f1(chance)}{odds}" if np.isfinite(chance) else NO_VALUE,
        "best other method": other,
    }


def _again(run: Run | None) -> dict[str, str]:
    """Give what the settings reach on fresh seeds and data, and the blind pick."""
    names = (
        "fresh seeds", "fresh seeds, SHD (95 %)", "fresh seeds, F1 (95 %)", "fresh data, SHD (95 %)", "blind pick, SHD",
        "its fresh seeds, SHD (95 %)",
    )  # fmt: skip
    if run is None:
        return dict.fromkeys(names, NO_VALUE)
    fresh, blind = fresh_seeds(run), run.summary.get("blind")
    picked = number(blind, "val_shd_blind")
    cells = (
        f"{fresh.n:,}" if fresh is not None else NO_VALUE,
        _mean(fresh),
        _mean(fresh, "f1"),
        _mean(fresh_data(run)),
        f"{shd(picked)} (trial {number(blind, 'number'):.0f})" if np.isfinite(picked) else NO_VALUE,
        _mean(fresh_blind(run) if scale_of(run).oracle else fresh),
    )
    return dict(zip(names, cells, strict=True))


def _mean(fresh: Fresh | None, score: str = "shd") -> str:
    """Write a mean over fresh trainings with its interval, or its range where no interval was recorded."""
    if fresh is None:
        return NO_VALUE
    value, digits = (fresh.shd, 1) if score == "shd" else (fresh.f1, 2)
    if not np.isfinite(value.low + value.high):
        return decimals(value.mean, digits)
    kind = "" if fresh.interval else "range "
    return f"{decimals(value.mean, digits)} ({kind}{decimals(value.low, digits)} to {decimals(value.high, digits)})"


def recorded(run: Run) -> dict[str, str]:
    """Give everything that identifies a run, by name: facts of the data, settings, versions."""
    data = run.data
    shares = [float(part) for part in (data.get("missing_share") or {}).values() if isinstance(part, int | float)]
    found: dict[str, Any] = {
        "data set": run.summary.get("dataset"),
        "data sha256": str(data["sha256"])[:12] if data.get("sha256") else None,
        "rows": data.get("rows"),
        "variables": f"{len(run.names):,}: {', '.join(wording.label(name, 20) for name in run.names[:3])}"
        + (", \N{HORIZONTAL ELLIPSIS}" if len(run.names) > 3 else ""),
        "true edges": f"{run.true_edges:,.0f}" if np.isfinite(run.true_edges) else "not known",
        "missing values": wording.share(float(np.mean(shares))) if shares else None,
        "objective": run.objective,
    }
    for part in PARTS:
        found |= {key: value for key, value in _flat(part, run.settings.get(part)).items() if key not in SAID_BY_FACTS}
    found |= {f"version: {key}": value for key, value in run.environment.items() if key != "data"}
    return {str(key): text(value) for key, value in found.items() if value is not None and text(value)}


def _flat(name: str, value: Any) -> dict[str, Any]:
    """Name every leaf of nested settings as `--set` does."""
    if not isinstance(value, dict):
        return {} if value is None else {name: value}
    return {key: leaf for part, inner in value.items() for key, leaf in _flat(f"{name}.{part}", inner).items()}


def differences(members: tuple[Member, ...]) -> TableBlock:
    """List what was recorded of the runs and differs between them; nothing else."""
    columns = [recorded(member.run) for member in members]
    every = list(dict.fromkeys(key for column in columns for key in column))
    order = sorted(every, key=lambda key: (key.startswith("version: "), _part(key)))
    rows = [(key, *(wording.label(column.get(key, NO_VALUE), 60) for column in columns)) for key in order]
    differing = [row for row, key in zip(rows, order, strict=True) if len({column.get(key) for column in columns}) > 1]
    differ = f"{count(len(differing), 'entry', 'entries')} of {len(every):,} recorded"
    caption = f"{differ} {either(len(differing), 'differs', 'differ')}; all others are equal."
    return TableBlock(caption, ("setting", *(member.head for member in members)), differing)


def _part(key: str) -> int:
    """Place a setting: facts of the data first, then the parts of the settings in their order."""
    part = key.partition(".")[0]
    return PARTS.index(part) + 1 if "." in key and part in PARTS else 0


def edge_table(found: Overlay) -> TableBlock:
    """List the edges of all graphs, those that not all have first, then by strength."""
    edges = [(int(i), int(j)) for i, j in np.argwhere(found.votes > 0)]
    mean = found.strength.mean(0)
    edges.sort(key=lambda edge: (found.kind(*edge) == "all", int(found.votes[edge]), -mean[edge], edge))
    lettered = len(found.members) <= LETTERED_STRENGTHS
    rows = []
    for edge in edges[:MOST_EDGES]:
        kind = found.kind(*edge)
        runs = "all" if kind == "all" else ", ".join(found.letters(*edge))
        truth = () if found.truth is None else ("yes" if found.truth[edge] else "no",)
        each = tuple(decimals(float(value), 2) for value in found.strength[(slice(None), *edge)]) if lettered else ()
        cause, effect = (wording.label(found.names[node], 48) for node in edge)
        rows.append((cause, effect, f"{GLYPHS[kind]} {runs}", *truth, *each))
    shown = (
        f"{len(rows):,} shown of {count(len(edges), 'edge')}" if len(rows) < len(edges) else count(len(edges), "edge")
    )
    letters = tuple(f"strength in {member.letter}" for member in found.members) if lettered else ()
    caption = f"{shown}, those that not all graphs have first" + "."
    return TableBlock(caption, ("cause", "effect", "in", *(() if found.truth is None else ("true",)), *letters), rows)
