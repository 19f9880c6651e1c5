"""The records of a run: their columns, how they are written, and how they are read back after anything."""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
DIAGNOSIS_COLUMNS = (
    "grad_share_recon", "grad_share_sparse", "grad_share_acyclic", "grad_share_disen", "graph_gradient",
)  # fmt: skip
"""What `core.diagnosis` measures; in trials.csv a mean over the last tenth of the trial's evaluations."""
RESULT_COLUMNS = (
    "epochs", "best_epoch", "val_shd", "val_shd_directed", "val_f1", "precision", "recall", "skeleton_f1",
    "edge_count", "true_edge_count", "best_threshold", "val_shd_blind", "val_f1_blind", "skeleton_f1_blind",
    "edge_count_blind", "blind_score", "val_loss", "h", "is_dag", "degenerate", "avg_grad_clip_ratio", "max_grad_norm",
    "final_learning_rate", "lr_drops", "pruned_epoch", "seconds", "graph_hash", "blind_edges", "weights_hash", "error",
    *DIAGNOSIS_COLUMNS,
)  # fmt: skip
SWEPT_FIRST = ("lambda_sparse", "lambda_acyclic", "lr")
EPOCH_COLUMNS = (
    "trial", "epoch", "train_loss", "recon", "sparse", "acyclic", "disen", "val_loss", "val_f1", "val_shd",
    "edge_count", "best_threshold", "grad_clip_ratio", "grad_norm_median", "grad_norm_max",
    "learning_rate", "h", "epoch_time",
    *DIAGNOSIS_COLUMNS,
)  # fmt: skip
TEXT_COLUMNS = frozenset({"state", "degenerate", "graph_hash", "blind_edges", "weights_hash", "error"})


def trial_columns(swept: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of trials.csv: the three classic swept names first, then any other."""
    others = tuple(name for name in swept if name not in SWEPT_FIRST)
    return ("number", "state", "seed", *SWEPT_FIRST, *others, *RESULT_COLUMNS)


def settled(rows: Sequence[dict[str, Any]]) -> dict[str, float | None]:
    """Return the mean of each column of `DIAGNOSIS_COLUMNS` over the last tenth of a trial's rows, at least one.

    Args:
        rows: one for each evaluation, in order; a value may be None or NaN, as where the health log is off.

    Returns:
        None where a value is missing.
    """
    last = rows[-max(1, len(rows) // 10) :]
    found: dict[str, float | None] = {}
    for name in DIAGNOSIS_COLUMNS:
        values = [row.get(name) for row in last]
        known = [float(value) for value in values if value is not None and math.isfinite(value)]
        found[name] = math.fsum(known) / len(known) if known and len(known) == len(values) else None
    return found


def cell(value: Any) -> str:
    """Write a value so that it reads back equal; nothing known is blank, and text is safe in a spreadsheet."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    text = str(value)
    return "'" + text if isinstance(value, str) and text[:1] in ("=", "+", "-", "@", "\t", "\r", "'") else text


def parse_cell(name: str, text: str) -> Any:
    """Read a value back: blank is None, text columns stay text."""
    if text == "":
        return None
    if name in TEXT_COLUMNS:
        return text[1:] if text[:1] == "'" else text
    if text in ("true", "false"):
        return text == "true"
    try:
        return int(text)
    except ValueError:
        return float(text)


def write_rows(rows: Iterable[dict[str, Any]], columns: Sequence[str], *, header: bool = True) -> str:
    """Return rows as CSV text."""
    lines = [[cell(row.get(name)) for name in columns] for row in rows]
    return csv_text([list(columns), *lines] if header else lines)


def csv_text(lines: Iterable[Sequence[str]]) -> str:
    """Return cells as CSV text, each line ended by a line feed; a carriage return inside a cell reads back."""
    buffer = io.StringIO()
    plain = csv.writer(buffer, lineterminator="\n")
    quoted = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for line in lines:  # the writer quotes what ends a line here, and not what ends one elsewhere
        (quoted if any("\r" in text for text in line) else plain).writerow(line)
    return buffer.getvalue()


def read_rows(text: str) -> list[dict[str, Any]]:
    """Read CSV text back; a last line without its end, or any row of another width, is left out as torn."""
    if not text.endswith("\n"):
        text = text[: text.rfind("\n") + 1]
    lines = csv.reader(io.StringIO(text))
    header = next(lines, [])
    return [
        {name: parse_cell(name, value) for name, value in zip(header, line, strict=True)}
        for line in lines
        if len(line) == len(header)
    ]


def odd_line(text: str) -> int | None:
    """Return the number of the first line that is no row as wide as the header, a torn last one too; None for none."""
    lines = csv.reader(io.StringIO(text))
    try:
        width = len(next(lines, []))
        return next((lines.line_num for line in lines if len(line) != width), None)
    except csv.Error:
        return lines.line_num


def is_whole(data: bytes, *, zipped: bool) -> bool:
    """Tell whether a record's file is rows of one width to its last byte."""
    try:
        text = (gzip.decompress(data) if zipped else data).decode()
        widths = {len(line) for line in csv.reader(io.StringIO(text))}
    except (OSError, EOFError, ValueError, zlib.error, csv.Error):
        return False
    return text.endswith("\n") and len(widths) == 1


def compress(text: str) -> bytes:
    """Return a gzip member of the text, the same bytes whenever it is written."""
    return gzip.compress(text.encode(), compresslevel=5, mtime=0)


def decompress(data: bytes) -> str:
    """Return the text of all whole gzip members, and what can be read of a torn last one."""
    parts = []
    while data:
        member = zlib.decompressobj(wbits=31)
        try:
            parts.append(member.decompress(data))
        except zlib.error:
            break
        if not member.eof:
            break
        data = member.unused_data
    return b"".join(parts).decode(errors="replace")
