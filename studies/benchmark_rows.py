"""What a benchmark measures, as rows of benchmark.csv: one number a row, so that every ratio can be followed back."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

COLUMNS = (
    "part", "unit", "method", "device", "variables", "lanes", "trials", "sampler", "seed", "repeat", "quantity",
    "value", "note", "error",
)  # fmt: skip
"""unit: what is measured and kept together; quantity: what the value is, its measure at the end of the name."""
DEVICE = "cpu"
Row = dict[str, Any]
T = TypeVar("T")


class StoppedError(Exception):
    """A signal came; what is being measured is given up."""


class Sheet:
    """The rows of one unit, and what they have in common.

    Args:
        part, unit: in every row; check: raises `StoppedError` where the command is to end.
    """

    def __init__(self, part: str, unit: str, check: Callable[[], None]) -> None:
        self.part, self.unit, self.check = part, unit, check
        self.rows: list[Row] = []

    def add(self, method: str, repeat: int | None, values: Mapping[str, float | None], **facts: Any) -> None:
        """Add a row a quantity; facts are further columns."""
        common = {"part": self.part, "unit": self.unit, "method": method, "device": DEVICE, "repeat": repeat, **facts}
        self.rows += [{**common, "quantity": name, "value": value} for name, value in values.items()]

    def fail(self, method: str, reason: str, **facts: Any) -> None:
        """Add a row that says why there is no number."""
        self.rows.append({"part": self.part, "unit": self.unit, "method": method, "error": reason, **facts})


def rotated(items: Sequence[T], by: int) -> list[T]:
    """Return the items from the `by`-th on, then those before it: each repetition begins with another one."""
    start = by % len(items)
    return [*items[start:], *items[:start]]


class Clock:
    """Wall and processor seconds of a `with` block."""

    def __init__(self) -> None:
        self.seconds = self.processor_seconds = 0.0


@contextmanager
def timed() -> Iterator[Clock]:
    """Time a block of this process."""
    clock, wall, processor = Clock(), time.perf_counter(), time.process_time()
    yield clock
    clock.seconds, clock.processor_seconds = time.perf_counter() - wall, time.process_time() - processor
