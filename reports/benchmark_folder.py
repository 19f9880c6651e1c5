"""A benchmark's folder in memory: everything its page and its lines on the terminal are a function of."""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import RunFolderError
from reports.columns import parsed, read_columns
from reports.wording import clean

FORMAT = 1
PARTS = ("lanes", "plain", "ray", "growth", "best", "orchestration")
TEXTS = frozenset({"part", "unit", "method", "device", "sampler", "quantity", "note", "error"})


@dataclass(frozen=True)
class Number:
    """One measured number: a row of benchmark.csv. Columns of numbers that are blank are NaN."""

    part: str
    unit: str
    method: str
    device: str
    sampler: str
    variables: float
    lanes: float
    trials: float
    seed: float
    repeat: float
    quantity: str
    value: float
    note: str


@dataclass(frozen=True)
class Failure:
    """What could not be measured, and why."""

    part: str
    method: str
    reason: str


@dataclass(frozen=True)
class Spread:
    """Median, lowest and highest of some values, and how many there are; NaN where there is none."""

    median: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class BenchmarkFolder:
    """A benchmark: its facts, its numbers, and what could not be measured."""

    path: Path
    facts: dict[str, Any]
    numbers: tuple[Number, ...]
    failures: tuple[Failure, ...]

    def part(self, name: str) -> list[Number]:
        """Give the numbers of a part."""
        return [number for number in self.numbers if number.part == name]

    def pick(self, quantity: str, **where: Any) -> list[Number]:
        """Give the numbers of a quantity whose columns have the values named, in the order of the file."""
        wanted = {**where, "quantity": quantity}
        return [item for item in self.numbers if all(getattr(item, name) == value for name, value in wanted.items())]

    def spread(self, quantity: str, **where: Any) -> Spread:
        """Give median and range of a quantity."""
        return spread([item.value for item in self.pick(quantity, **where)])

    def ratio(self, quantity: str, over: dict[str, Any], under: dict[str, Any]) -> Spread:
        """Give median and range of a ratio, taken repetition by repetition: both numbers are of the same one."""
        below = {item.repeat: item.value for item in self.pick(quantity, **under)}
        pairs = [(item.value, below[item.repeat]) for item in self.pick(quantity, **over) if item.repeat in below]
        return spread([high / low for high, low in pairs if low > 0])

    @property
    def machine(self) -> dict[str, Any]:
        """Processor, cores and versions."""
        found = self.facts.get("machine")
        return found if isinstance(found, dict) else {}


def spread(values: Sequence[float]) -> Spread:
    """Give median and range of the values that are numbers."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return Spread(math.nan, math.nan, math.nan, 0)
    return Spread(statistics.median(known), min(known), max(known), len(known))


def load_benchmark_folder(path: Path) -> BenchmarkFolder:
    """Read a benchmark's folder.

    Raises:
        RunFolderError: benchmark.json or benchmark.csv is missing, damaged or of a newer format.
    """
    for name in ("benchmark.json", "benchmark.csv"):
        if not (path / name).is_file():
            raise RunFolderError(
                f"{path} is no benchmark's folder: {name} missing", "run the benchmark's command again"
            )
    facts = parsed(path / "benchmark.json", _facts)
    if facts["format"] > FORMAT:
        raise RunFolderError(f"{path}: written by format {facts['format']}, this graphsweep reads {FORMAT}")
    table = read_columns(path / "benchmark.csv", TEXTS)
    texts = {name: [clean(text) if text else "" for text in table.text(name)] for name in TEXTS}
    values = {name: table.number(name).tolist() for name in ("variables", "lanes", "trials", "seed", "repeat", "value")}
    numbers, failures = [], []
    for row in range(table.rows):
        words: dict[str, Any] = {name: column[row] for name, column in texts.items() if name != "error"}
        if texts["error"][row]:
            failures.append(Failure(words["part"], words["method"], texts["error"][row]))
        elif math.isfinite(values["value"][row]):
            numbers.append(Number(**words, **{name: column[row] for name, column in values.items()}))
    return BenchmarkFolder(path, facts, tuple(numbers), tuple(dict.fromkeys(failures)))


def _facts(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict) or not isinstance(found.get("format"), int):
        raise ValueError("must have a format")
    return found
