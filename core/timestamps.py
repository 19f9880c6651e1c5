"""Dates and times in the columns of a CSV."""

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_CLOCK = (
    r"(?P<hour>\d{1,2})(?P<colon>[:.])(?P<minute>\d{2})(?:(?P=colon)(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s*(?P<half>[AaPp][Mm])?"
)
_DATE = r"(?P<first>\d{1,4})(?P<dash>[-/.])(?P<middle>\d{1,2})(?:(?P=dash)(?P<last>\d{1,4}))?"
_ZONE = r"\s*(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?"
_CLOCK_ONLY = re.compile(_CLOCK)
_DATE_CLOCK = re.compile(f"{_DATE}(?:[T ]\\s*{_CLOCK}{_ZONE})?")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_TIME_WORDS = {"time", "date", "timestamp", "datetime"}

Kind = Literal["datetime", "date", "clock", "number", "unread"]


@dataclass(frozen=True)
class TimeColumn:
    """A column that says when a row was measured.

    Args:
        name: its header.
        kind: datetime; date; clock (time of day); number (a count in some unit); unread.
        seconds: (n,) float64; NaN where unreadable. In the column's own unit for `number`.
    """

    name: str
    kind: Kind
    seconds: NDArray[np.float64]


def is_time(cell: str) -> bool:
    """Tell whether a text is a date, a time of day, or both."""
    return bool(_read_texts({cell})[1])


def read_time_column(
    name: str, cells: Sequence[str], values: NDArray[np.float64], text: NDArray[np.bool_]
) -> TimeColumn | None:
    """Recognise a column of dates or times by its content, or by its name.

    Args:
        name: header of the column.
        cells: n stripped texts.
        values: (n,) float64, the cells as numbers; NaN where missing or text.
        text: (n,) bool, neither a number nor missing.
    Returns:
        The column; None if it holds something else. A numeric column counts only if its name says time or
        date and its values mostly increase.
    """
    named = any(word.lower() in _TIME_WORDS for word in _WORD.findall(name))
    filled = int(text.sum() + np.isfinite(values).sum())
    if text.sum() >= 0.9 * filled > 0:
        distinct = {cell for cell, is_text in zip(cells, text, strict=True) if is_text}
        kind, table = _read_texts(distinct)
        if len(table) >= 0.9 * len(distinct):
            seconds = np.array([table.get(cell, np.nan) for cell in cells], dtype=np.float64)
            return TimeColumn(name, kind, seconds)
        return TimeColumn(name, "unread", np.full(len(cells), np.nan)) if named else None
    if named and filled and not text.any():
        return _numeric_time(name, values)
    return None


def _numeric_time(name: str, values: NDArray[np.float64]) -> TimeColumn | None:
    """Read dates such as 20040310, hours of the day, or a running count of some unit."""
    known = values[np.isfinite(values)]
    if ((known % 1 == 0) & (known >= 19000101) & (known < 21010101)).all():
        table = {value: _day(value // 10000, value // 100 % 100, value % 100) for value in set(known.tolist())}
        if not any(np.isnan(day) for day in table.values()):
            days = np.array([table.get(value, np.nan) for value in values.tolist()], dtype=np.float64)
            return TimeColumn(name, "date", days * 86400.0)
    plausible = known.size >= 3 and bool((np.abs(known) < 1e19).all())  # 2200 in nanoseconds is 7e18
    if plausible and (known[1:] > known[:-1]).mean() > 2 / 3:
        return TimeColumn(name, "number", np.where(np.isfinite(values), values, np.nan))
    return None


def _read_texts(distinct: set[str]) -> tuple[Kind, dict[str, float]]:
    """Read what can be read as a time of day or as a date with or without one."""
    clocks = {cell: _clock(match) for cell in distinct if (match := _CLOCK_ONLY.fullmatch(cell))}
    clocks = {cell: seconds for cell, seconds in clocks.items() if not np.isnan(seconds)}
    if len(clocks) > 0.5 * len(distinct):
        return "clock", clocks
    matches = {cell: match for cell in distinct if (match := _DATE_CLOCK.fullmatch(cell))}
    year_first = all(len(match["first"]) == 4 for match in matches.values())
    orders = [_read_dates(matches, day_first) for day_first in ((True,) if year_first else (True, False))]
    best = max(orders, key=lambda table: (len(table), -_spread(table)))  # equal: day first
    has_clock = any(match["hour"] for match in matches.values())
    return ("datetime" if has_clock else "date"), best


def _spread(table: dict[str, float]) -> float:
    """Measure from first to last: the wrong order of day and month scatters the dates over the year."""
    return max(table.values()) - min(table.values()) if table else 0.0


def _read_dates(matches: dict[str, re.Match[str]], day_first: bool) -> dict[str, float]:
    table = {}
    for cell, match in matches.items():
        first, middle, last = match["first"], match["middle"], match["last"]
        if len(first) == 4 and (last is not None or match["dash"] in "-/"):
            day = _day(int(first), int(middle), int(last or 1))
        elif last is not None and (len(last) == 4 or (len(last) == 2 and match["dash"] == "/")):
            year = int(last) + (0 if len(last) == 4 else 2000)
            day = _day(year, *((int(middle), int(first)) if day_first else (int(first), int(middle))))
        else:
            continue
        seconds = day * 86400.0 + (_clock(match) if match["hour"] else 0.0)
        if not np.isnan(seconds):
            table[cell] = seconds
    return table


def _day(year: float, month: float, day: float) -> float:
    """Count the days since 2000-01-01, which keeps microseconds exact in float64; NaN if no such day."""
    try:
        return float((datetime.date(int(year), int(month), int(day)) - datetime.date(2000, 1, 1)).days)
    except ValueError:
        return float("nan")


def _clock(match: re.Match[str]) -> float:
    """Convert a time of day to seconds since midnight, in UTC where a zone is given; NaN if there is none such."""
    if match["colon"] == "." and match["second"] is None:
        return float("nan")  # 18.30 is a number
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    if hour > 24 or minute > 59 or second > 60:
        return float("nan")
    seconds = hour * 3600.0 + minute * 60.0 + second + float("0." + (match["fraction"] or "0"))
    zone = match.groupdict().get("zone")
    if zone and zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[3:].lstrip(":") or 0) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds


def row_times(columns: Sequence[TimeColumn]) -> NDArray[np.float64] | None:
    """Join the time columns of a table.

    Args:
        columns: those recognised, in file order.
    Returns:
        (n,) float64 times, in seconds or the unit of the column used; None if nothing can be used.
    """
    first: dict[str, NDArray[np.float64]] = {}
    for column in columns:
        first.setdefault(column.kind, column.seconds)
    if "datetime" in first:
        return first["datetime"]
    count = first.get("number")
    if "date" in first:
        if "clock" in first:
            return first["date"] + first["clock"]
        if count is not None and np.nanmin(count) >= 0 and np.nanmax(count) <= 24:  # hour of the day
            return first["date"] + 3600.0 * count
    if count is not None:
        return count
    if "clock" in first:
        return _unwrap_midnight(first["clock"])
    return first.get("date")


def _unwrap_midnight(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Add a day wherever a time of day falls back by more than half of one."""
    known = np.flatnonzero(~np.isnan(seconds))
    unwrapped = seconds.copy()
    unwrapped[known[1:]] += 86400.0 * np.cumsum(np.diff(seconds[known]) < -43200.0)
    return unwrapped
