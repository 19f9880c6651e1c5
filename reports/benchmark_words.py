"""How a benchmark's numbers are written."""

import math
from collections.abc import Callable

from reports.benchmark_folder import BenchmarkFolder, Spread
from reports.wording import NO_VALUE, decimals, significant


def ranged(value: Spread, write: Callable[[float], str]) -> str:
    """Write a median, and the range in brackets where there is one."""
    if value.n < 2:
        return write(value.median)
    return f"{write(value.median)} ({write(value.low)} to {write(value.high)})"


def ratio_text(value: float) -> str:
    """Write a ratio in a table."""
    return f"{significant(value, 3)}\N{MULTIPLICATION SIGN}" if math.isfinite(value) else NO_VALUE


def size_text(number: float) -> str:
    """Write bytes as MB."""
    return f"{decimals(number / 1e6, 1)} MB" if math.isfinite(number) else NO_VALUE


def whole_text(value: float) -> str:
    """Write a number without decimals."""
    return decimals(value, 0)


def processor_of(bench: BenchmarkFolder) -> str:
    """Name what was measured on."""
    return str(bench.machine.get("processor") or "machine")


def count_text(value: float, name: str) -> str:
    """Write how many operations or bytes there are."""
    return f"{decimals(value / 1e6, 2)} million {name}" if value >= 1e5 else f"{decimals(value, 0)} {name}"
