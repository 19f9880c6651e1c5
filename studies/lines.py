"""The lines that a sweep says to people: facts first, then the answer; plain text, whoever prints it."""

import math
from typing import Any

from core.config import Hyperparameters
from core.delimited import shown
from core.tables import Table
from studies.records import COMPLETE, FAILED, PRUNED
from sweeps.space import Choices
from sweeps.spec import SweepSpec


def count(number: int, noun: str) -> str:
    """Return "1 trial", "2 trials", "2,000 rows"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Return "40 s", "12 min" or "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def fixed(value: float) -> str:
    """Return a number as a person would write it, without exponent or needless zeros."""
    text = f"{value:.10f}" if abs(value) < 1e-3 else f"{value:.6g}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def data_line(study: str, table: Table, seed: int) -> str:
    """Say what is learned from, in one line."""
    missing = float((table.values[:] != table.values[:]).mean())
    known = "no true graph" if table.truth is None else count(int(table.truth.sum()), "true edge")
    return (
        f"{study}: {table.name}, {len(table.values):,} rows x {count(len(table.names), 'variable')}, "
        f"{missing:.0%} missing, {known}, seed {seed}".replace("%", " %")
    )


def missing_line(table: Table) -> str:
    """Name the variables with the most missing values; empty where nothing is missing."""
    shares = {name: float((column != column).mean()) for name, column in zip(table.names, table.values.T, strict=True)}
    worst = sorted((share, name) for name, share in shares.items() if share > 0)[::-1]
    if not worst:
        return ""
    listed = ", ".join(f"{shown(name).strip('`')} {share:.0%}".replace("%", " %") for share, name in worst[:4])
    more = f" and {len(worst) - 4} more" if len(worst) > 4 else ""
    return f"missing    {listed}{more}"


def copies_line(copies: dict[str, str]) -> str:
    """Name the variables that are copies of others (`core.duplicates`); empty where none is."""
    if not copies:
        return ""
    listed = ", ".join(f"{shown(copy)} (of {shown(of)})" for copy, of in list(copies.items())[:4])
    more = f" and {len(copies) - 4} more" if len(copies) > 4 else ""
    are = "is a copy of another variable" if len(copies) == 1 else "are copies of other variables"
    return f"warning: {listed}{more} {are}: no data can tell which of two copies is the cause"


def space_line(spec: SweepSpec) -> str:
    """Say what is searched."""
    parts = []
    for name, entry in spec.space.items():
        if isinstance(entry, Choices):
            parts.append(f"{name} {count(len(entry.values), 'value')}")
        else:
            parts.append(f"{name} {fixed(entry.low)}-{fixed(entry.high)}{' log' if entry.log else ''}")
    return "search     " + ", ".join(parts)


def baseline_line(rows: list[dict[str, Any]]) -> str:
    """Say what has to be beaten; without a true graph how many edges the simple methods find."""
    named = {row["name"]: row for row in rows}
    var = named["var_t_test"]
    if var.get("shd") is None:
        found = f"{var['label']} finds {count(var['edge_count'], 'edge')}"
        return f"baselines  {found}; no true graph, so no accuracy can be given"
    floor = named["chance_floor"]
    return (
        f"baselines  empty graph SHD {named['empty']['shd']}, {var['label']} SHD {var['shd']}, "
        f"chance ({floor['label']}) F1 {floor['f1']:.2f}"
    )


def more_baselines_line(rows: list[dict[str, Any]]) -> str:
    """Say how the other methods that never saw the true graph did; empty without a true graph."""
    others = [row for row in rows if not row["oracle"] and row["name"] not in ("empty", "var_t_test")]
    parts = [f"{row['label'].rpartition(', ')[2]} SHD {row['shd']}" for row in others if row.get("shd") is not None]
    return f"           {', '.join(parts)}" if parts else ""


def result_text(row: dict[str, Any]) -> str:
    """Say how a complete trial did."""
    ratio = row["avg_grad_clip_ratio"]
    clip = "no health log" if ratio is None else f"clip {100 * ratio:.0f} %"
    if row["val_shd"] is None:
        return f"score {row['blind_score']:.3f}  edges {row['edge_count']}  {clip}"
    return f"SHD {row['val_shd']}  F1 {row['val_f1']:.2f}  edges {row['edge_count']}/{row['true_edge_count']}  {clip}"


def closing_lines(summary: dict[str, Any], rows: list[dict[str, Any]]) -> list[str]:
    """Return the lines after the bar: fresh seeds and data, states and time."""
    states = [row["state"] for row in rows]
    parts = [f"{states.count(COMPLETE)} complete", f"{states.count(PRUNED)} pruned", f"{states.count(FAILED)} failed"]
    saved = summary["pruning_saved_seconds"]
    tail = f"; pruning saved about {saved:.0f} s of training" if saved >= 0.5 else ""
    fresh = summary.get("confirm_seconds", 0.0)
    more = f" Fresh training took {fresh:.0f} s more." if fresh >= 0.5 else ""
    ended = f"{count(len(rows), 'trial')} in {summary['search_seconds']:.0f} s: {', '.join(parts)}{tail}.{more}"
    return [*fresh_lines(summary["confirm"]), ended]


def fresh_lines(confirm: dict[str, Any] | None) -> list[str]:
    """Say how winner and blind pick did on fresh seeds and fresh data; without a true graph how alike the graphs are.

    Args:
        confirm: the block of summary.json; parts that a block lacks are not spoken of.
    """
    if not confirm:
        return []
    lines = []
    if confirm["n"] and confirm["shd_mean"] is None:
        lines.append(f"winner on {count(confirm['n'], 'fresh seed')}: {alike_text(confirm)}")
    elif confirm["n"]:
        spread = between(confirm, "shd", 1, "95 % interval ")
        lines.append(f"winner on {count(confirm['n'], 'fresh seed')}: SHD {confirm['shd_mean']:.1f}{spread}")
    blind, data = confirm.get("blind") or {}, confirm.get("data") or {}
    if blind.get("shd_mean") is not None:
        spread = between(blind, "shd", 1)
        who = f"trial {blind['trial']}, picked and cut blind, on {count(blind['n'], 'fresh seed')}"
        lines.append(f"{who}: SHD {blind['shd_mean']:.1f}{spread}")
    if data.get("shd_mean") is not None:
        score = f"F1 {data['f1_mean']:.2f}{between(data, 'f1', 2)}, SHD {data['shd_mean']:.1f}"
        lines.append(f"fresh data  {score} on {count(data['n'], 'new data set')} of the same generator")
    for where, block in (("seeds", confirm), ("data", data)):
        if block.get("failed"):
            lines.append(
                f"warning: {count(block['failed'], 'training')} on fresh {where} failed, see confirm/{where}.csv"
            )
    return lines


def between(block: dict[str, Any], name: str, digits: int, label: str = "") -> str:
    """Return " (low to high)" of a score; empty where there is no interval."""
    low, high = block[f"{name}_low"], block[f"{name}_high"]
    return "" if low is None else f" ({label}{low:.{digits}f} to {high:.{digits}f})"


def alike_text(block: dict[str, Any]) -> str:
    """Say how many edges return, where nothing else can be said of a graph."""
    ever = count(block["edges_ever"], "edge")
    if block["pair_shd"] is None:
        return f"{ever}, no true graph to compare with"
    kept = f"{block['edges_always']} of {ever} are in every graph"
    return f"{kept}, two graphs differ on {block['pair_shd']:.1f} pairs on average"


def edge_warnings(best: dict[str, Any] | None, spec: SweepSpec) -> list[str]:
    """Warn, with a hint, where the best value lies within 5 % of a bound of its range."""
    lines = []
    for name, entry in spec.space.items():
        if best is None or isinstance(entry, Choices):
            continue
        scale = math.log if entry.log else float
        place = (scale(best[name]) - scale(entry.low)) / (scale(entry.high) - scale(entry.low))
        known = Hyperparameters.__dataclass_fields__[name].metadata
        for side, near, wider in (("low", place < 0.05, 0.1), ("high", place > 0.95, 10.0)):
            bound = getattr(entry, side) * wider
            bound = min(bound, known["high"]) if known["high"] is not None else bound
            bound = max(bound, known["low"]) if known["low"] is not None else bound
            if near:
                lines.append(f"warning: {name} {best[name]:.4g} is at the edge of its range")
            if near and bound != getattr(entry, side):
                lines.append(f"hint: --set space.{name}.{side}={fixed(bound)}")
    return lines
