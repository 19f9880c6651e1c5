"""All trials as columns for the page: the script shows them 50 at a time, the best 25 stand in the HTML."""

import json
import math
from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.columns import Columns, Floats
from reports.run import Run
from reports.scores import ranked

STATIC_ROWS = 25
CURVE_POINTS = 24
CURVE_VALUES = 250_000


@dataclass(frozen=True)
class Column:
    """A column: `digits` decimals, or three significant digits where None; `shown` in the table or in the details."""

    key: str
    label: str
    help: str
    digits: int | None = None
    shown: bool = True
    text: bool = False


BEFORE = (
    Column("number", "trial", "number of the trial", 0),
    Column("state", "state", "complete, pruned (ended early) or failed", text=True),
)
AFTER = (
    Column("val_shd", "SHD", "wrong pairs of variables, at the cut that suits the trial best (oracle)", 0),
    Column("val_f1", "F1", "F1 over directed edges, at the same cut (oracle)", 3),
    Column("edge_count", "edges", "edges learned, at the same cut (oracle)", 0),
    Column("val_shd_blind", "SHD blind", "wrong pairs of variables at cut 0.5, which never saw the true graph", 0),
    Column("edge_count_blind", "edges blind", "edges at cut 0.5", 0),
    Column("blind_score", "blind score", "criterion that never sees the true graph; lower is better"),
    Column("avg_grad_clip_ratio", "clipped", "share of the steps whose gradient was clipped, 0 to 1", 2),
    Column("epochs", "epochs", "epochs run", 0),
    Column("seconds", "s", "seconds of training", 1),
    Column("degenerate", "degenerate", "empty or dense graph", text=True, shown=False),
    Column("best_threshold", "cut (oracle)", "", shown=False),
    Column("precision", "precision", "", 3, shown=False),
    Column("recall", "recall", "", 3, shown=False),
    Column("skeleton_f1", "skeleton F1", "", 3, shown=False),
    Column("val_shd_directed", "FP + FN", "", 0, shown=False),
    Column("val_f1_blind", "F1 blind", "", 3, shown=False),
    Column("val_loss", "validation loss", "", shown=False),
    Column("h", "h (acyclicity)", "", shown=False),
    Column("best_epoch", "best epoch", "", 0, shown=False),
    Column("pruned_epoch", "pruned at epoch", "", 0, shown=False),
    Column("max_grad_norm", "largest gradient norm", "", shown=False),
    Column("lr_drops", "drops of lr", "", 0, shown=False),
    Column("weights_hash", "weights hash", "", text=True, shown=False),
    Column("error", "error", "", text=True, shown=False),
)


@dataclass(frozen=True, eq=False)
class TrialTable:
    """The table: columns that hold anything, the best rows as text, and all rows as JSON."""

    columns: tuple[Column, ...]
    rows: list[list[str]]
    total: int
    payload: str
    thinned: str

    @property
    def shown(self) -> tuple[Column, ...]:
        """Columns of the table itself; the others appear in a row's details."""
        return tuple(column for column in self.columns if column.shown)


def columns_of(trials: Columns) -> tuple[Column, ...]:
    """Choose the columns: the swept settings as they were searched, and all others that hold anything."""
    order = trials.order
    first, last = (order.index(name) if name in order else -1 for name in ("seed", "epochs"))
    swept = [
        Column(name, wording.axis_name(name), "searched setting", text=name in trials.texts)
        for name in (order[first + 1 : last] if 0 <= first < last else ())
    ]
    kept = [column for column in AFTER if _holds(trials, column)]
    return (*BEFORE, *swept, *kept)


def _holds(trials: Columns, column: Column) -> bool:
    if column.text:
        return any(trials.text(column.key))
    return bool(np.isfinite(trials.number(column.key)).any())


def written(value: float, digits: int | None) -> str:
    """Write a number as the page's script does: fixed decimals, or three significant digits."""
    if not math.isfinite(value):
        return wording.NO_VALUE
    if digits is not None:
        return f"{value:.{digits}f}"
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{mantissa}e{int(exponent)}"
    return f"{float(f'{value:.3g}'):.12f}".rstrip("0").rstrip(".")


def trial_table(run: Run, rerun: str) -> TrialTable:
    """Collect the table, best trial first."""
    trials = run.trials.take(ranked(run))
    columns = columns_of(trials)
    rows = [
        [_cell(trials, column, row) for column in columns if column.shown]
        for row in range(min(STATIC_ROWS, trials.rows))
    ]
    curves, quantity, points = _curves(run, trials)
    data = {
        "rows": trials.rows,
        "columns": [
            {"key": c.key, "label": c.label, "digits": c.digits, "shown": c.shown, "text": c.text, **_values(trials, c)}
            for c in columns
        ],
        "rerun": rerun,
        "quantity": quantity,
        "curves": curves,
    }
    thinned = f"Curves show {points} points of each trial." if points else ""
    return TrialTable(columns, rows, trials.rows, json_block(data), thinned)


def _cell(trials: Columns, column: Column, row: int) -> str:
    if column.text:
        return wording.clean(trials.text(column.key)[row]) if trials.text(column.key)[row] else wording.NO_VALUE
    return written(float(trials.number(column.key)[row]), column.digits)


def _values(trials: Columns, column: Column) -> dict[str, object]:
    """Give a column's values: numbers rounded to what is shown, texts as places in a list of distinct ones."""
    if column.text:
        texts = [wording.clean(text) if text else "" for text in trials.text(column.key)]
        distinct = sorted(set(texts))
        if len(distinct) * 2 > len(texts):
            return {"values": texts}
        place = {text: index for index, text in enumerate(distinct)}
        return {"names": distinct, "values": [place[text] for text in texts]}
    return {"values": [_rounded(value, column.digits) for value in trials.number(column.key).tolist()]}


def _rounded(value: float, digits: int | None) -> float | int | None:
    if not math.isfinite(value):
        return None
    rounded = float(written(value, digits))
    return int(rounded) if rounded == int(rounded) and abs(rounded) < 2**53 else rounded


def _curves(run: Run, trials: Columns) -> tuple[list[list[float | int | None]], str, int]:
    """Give each trial's curve in the order of the rows: SHD, or validation loss without a true graph.

    Curves are thinned evenly where all points of all trials would make the page heavy; the last point stays.
    """
    scored = bool(np.isfinite(run.epochs.number("val_shd")).any())
    column = "val_shd" if scored else "val_loss"
    if run.epochs.rows == 0:
        return [], "", 0
    owner, epoch, value = run.epochs.number("trial"), run.epochs.number("epoch"), run.epochs.number(column)
    order = np.lexsort((epoch, owner))
    owner, value = owner[order], value[order]
    wanted = trials.number("number")
    starts, ends = np.searchsorted(owner, wanted, "left"), np.searchsorted(owner, wanted, "right")
    longest = int((ends - starts).max(initial=0))
    most = longest if len(value) <= CURVE_VALUES // 10 else min(longest, CURVE_POINTS)
    curves = [
        _thinned(value[start:end], most, None if not scored else 0) for start, end in zip(starts, ends, strict=True)
    ]
    return curves, "SHD" if scored else "validation loss", most if most < longest else 0


def _thinned(values: Floats, most: int, digits: int | None) -> list[float | int | None]:
    if len(values) > most:
        values = values[np.linspace(0, len(values) - 1, most).round().astype(np.int64)]
    return [_rounded(value, digits) for value in values.tolist()]


def json_block(data: object) -> str:
    """Write JSON that may stand inside a script element: nothing in it can end or open an element."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char in ("<", ">", "&", "\u2028", "\u2029"):
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
