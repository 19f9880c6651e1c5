"""What a person sees while a sweep runs: facts first, a bar, then the answer. All of it on stderr."""

import contextlib
import math
import os
import re
import shutil
import sys
import textwrap
import time
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from core.config import Hyperparameters
from core.delimited import shown
from core.tables import Table
from studies.records import COMPLETE, FAILED, PRUNED
from sweeps.space import Choices
from sweeps.spec import SweepSpec

PLAIN_SECONDS = 10.0
WIDE, WIDE_BAR, NARROW_BAR = 100, 14, 6
AROUND_BAR = len("100%|| 00:00<00:00 ")
WIDE_ENOUGH, NO_BREAK = 60, "\N{NO-BREAK SPACE}"
TO_TYPE = ("hint:", "folder ", "Report ", "Run again ", "Continue ")


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


class Terminal:
    """Progress of a sweep: a bar on a terminal, plain lines elsewhere, nothing when quiet.

    Args:
        budget: trials in total.
        quiet: only errors and the final path.
        verbose: every trial that ends, not only the best and the failed.
        log: file to which every line is added, quiet or not; None for none.
        stream: where people read; stderr.
    """

    def __init__(
        self, budget: int, *, quiet: bool, verbose: bool, log: Path | None = None, stream: TextIO | None = None
    ) -> None:
        self.budget, self.quiet, self.verbose, self.stream = budget, quiet, verbose, stream or sys.stderr
        self.log = log
        self.best: dict[str, Any] | None = None
        self.bar: Any = None
        self.bar_width = WIDE_BAR
        self.printed = time.monotonic()

    def say(self, line: str) -> None:
        """Print a line above the bar, and add it to the log."""
        if self.log is not None and line:
            self.write_log(line)
        if line and not self.quiet:
            self.show(line)

    def say_always(self, line: str) -> None:
        """Print a line even if quiet: the answer to a signal."""
        if self.stream.isatty():
            self.stream.write("\r")  # over the ^C that the terminal echoes
        self.show(line)

    def show(self, line: str) -> None:
        """Print a line above the bar."""
        text = wrapped(line, columns(self.stream)) if self.stream.isatty() else line
        if self.bar is not None:
            self.bar.write(text, file=self.stream)
        else:
            print(text, file=self.stream, flush=True)

    def write_log(self, line: str) -> None:
        """Add a line to the log, with the time; a log that cannot be written stops nothing."""
        assert self.log is not None
        with contextlib.suppress(OSError), open(self.log, "a", encoding="utf-8", errors="replace") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def open_bar(self, done: int, total: int, share: float) -> None:
        """Start a bar over trainings, where there is a terminal to draw it on.

        Args:
            done: how many trainings are over, of `total`.
            share: how much of the work an earlier process did; the time left is told by what this one does.
        """
        if self.quiet or not self.stream.isatty():
            return
        self.bar_width = WIDE_BAR if columns(self.stream) >= WIDE else NARROW_BAR
        form = f"{{percentage:3.0f}}%|{{bar:{self.bar_width}}}| {{desc}} {{elapsed}}<{{remaining}}{{unit}}"
        self.bar = tqdm(
            total=total, initial=round(share * total, 2), bar_format=form, file=self.stream, leave=False,
            dynamic_ncols=True, desc=f"{done}/{total}", unit="",
        )  # fmt: skip

    def close_bar(self) -> None:
        """Remove the bar."""
        if self.bar is not None:
            self.bar.close()
            self.bar = None

    def trial_ended(self, row: dict[str, Any], best: bool) -> None:
        """Print a new best trial, a failure, and with -v every trial."""
        name = f"trial {row['number']:<4}"
        if best:
            self.best = row
            self.say(f"{name} {result_text(row)}  best")
        elif row["state"] == FAILED:
            self.say(f"{name} failed at epoch {row['epochs']}: {row['error']}, see errors/trial-{row['number']:04}.txt")
        elif self.verbose:
            ended = f"pruned at epoch {row['epochs']}  " if row["state"] == PRUNED else ""
            self.say(f"{name} {ended}{result_text(row)}")

    def round_ended(self, rows: list[dict[str, Any]], share: float) -> None:
        """Redraw the bar, or print a plain line every ten seconds."""
        states = [row["state"] for row in rows]
        empty = sum(row.get("degenerate") == "empty" for row in rows)
        best = "no result yet" if self.best is None else "best " + " ".join(result_text(self.best).split("  ")[:3])
        ended = f"{states.count(PRUNED)} pruned {states.count(FAILED)} failed {empty} empty"
        self.progress(len(rows), self.budget, share, [best, ended])

    def fresh_round_ended(self, done: int, total: int, share: float) -> None:
        """The same while the picks are trained again."""
        self.progress(done, total, share, ["on fresh seeds and data"])

    def progress(self, done: int, total: int, share: float, parts: list[str]) -> None:
        """Say how far the work is, with as many of the parts as the line holds."""
        head = f"{done}/{total}"
        if self.bar is not None:
            self.bar.set_description_str(head, refresh=False)
            self.bar.unit = fitting(parts, columns(self.stream) - self.bar_width - len(head) - AROUND_BAR)
            self.bar.n = round(share * total, 2)
            self.bar.refresh()
        elif time.monotonic() - self.printed > PLAIN_SECONDS:
            self.printed = time.monotonic()
            what = "trials" if len(parts) > 1 else "trainings"
            self.say(f"{100 * share:3.0f} %  {head} {what}  {' | '.join(parts)}")


def columns(stream: TextIO) -> int:
    """Return the width of the terminal that a stream writes to; 80 where that cannot be known."""
    try:
        found = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        found = shutil.get_terminal_size((80, 24)).columns
    return found or 80


def wrapped(line: str, width: int) -> str:
    """Break a line at spaces, later lines below its text; one that holds something to type or a path stays whole."""
    if len(line) <= width or line.startswith(TO_TYPE):
        return line
    label = re.match(r"(\S| (?! )){0,11} {2,}", line)
    indent = " " * (label.end() if label and width >= WIDE_ENOUGH else 2)
    kept = line.replace(" %", f"{NO_BREAK}%")
    parts = textwrap.wrap(kept, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(parts).replace(NO_BREAK, " ")


def fitting(parts: list[str], room: int) -> str:
    """Join as many of the parts as there is room for, the first ones; each whole or not at all."""
    text = ""
    for part in parts:
        longer = f"{text} | {part}" if text else f"  {part}"
        if len(longer) > room:
            break
        text = longer
    return text


def announce(label: str, path: str, *, quiet: bool = False) -> None:
    """Give a path to whoever reads stdout, and its label to the person; one line on a terminal, not two."""
    together = sys.stdout.isatty() and sys.stderr.isatty()
    if not quiet and not together:
        print(f"{label:<11} {path}", file=sys.stderr, flush=True)
    print(f"{label:<11} {path}" if together and not quiet else path, flush=True)


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
