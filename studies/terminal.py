"""What a person sees while a sweep runs: lines above a bar, on stderr and in the log."""

import contextlib
import os
import re
import shutil
import sys
import textwrap
import time
from collections import Counter
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from studies.lines import result_text
from studies.records import FAILED, PRUNED

PLAIN_SECONDS = 10.0
WIDE, WIDE_BAR, NARROW_BAR = 100, 14, 6
AROUND_BAR = len("100%|| 00:00<00:00 ")
WIDE_ENOUGH, NO_BREAK = 60, "\N{NO-BREAK SPACE}"
TO_TYPE = ("hint:", "folder ", "Report ", "Run again ", "Continue ")


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
        self.counted, self.rows_counted = Counter[str](), 0

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
        for row in rows[self.rows_counted :]:  # none is counted twice, however many there are
            self.counted[row["state"]] += 1
            self.counted["empty"] += row.get("degenerate") == "empty"
        self.rows_counted = len(rows)
        best = "no result yet" if self.best is None else "best " + " ".join(result_text(self.best).split("  ")[:3])
        ended = f"{self.counted[PRUNED]} pruned {self.counted[FAILED]} failed {self.counted['empty']} empty"
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
