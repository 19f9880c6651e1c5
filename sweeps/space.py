"""The search space: ranges and lists of values, one for each swept setting, and how they are written.

`lr: {low: 0.001, high: 0.05, log: true}` is a range, `lr: [0.001, 0.01]` or `lr: {values: [...]}` a list
of values, and `lr: 0.01` a list of one: a setting that is fixed at another value than its default.
"""

from dataclasses import Field, dataclass, fields
from typing import Any

from core.config import Hyperparameters, setting
from core.errors import InputError
from sweeps.checks import read_flag, read_number, section_entries
from sweeps.findings import Findings
from sweeps.nearest import nearest
from sweeps.nodes import Node, Where, shorten

SWEPT = {item.name: item for item in fields(Hyperparameters)}
RANGE_KEYS = ("low", "high", "log", "values")
RANGE_EXAMPLE = "{low: 0.001, high: 0.05, log: true}"


@dataclass(frozen=True)
class Range:
    """Every number between two bounds.

    Args:
        low: smallest value, below high; above 0 if log.
        high: largest value.
        log: search evenly in the logarithm.
    """

    low: float
    high: float
    log: bool = setting(False, "search evenly in the logarithm")


@dataclass(frozen=True)
class Choices:
    """These values and no others; one value alone fixes the setting.

    Args:
        values: distinct values in the order written, at least one.
    """

    values: tuple[float, ...]


Space = dict[str, Range | Choices]
LOG = next(item for item in fields(Range) if item.name == "log")


def read_space(node: Node | None, file: Where, findings: Findings) -> Space:
    """Read the `space` section.

    Args:
        node: the section as written; None if it was left out.
        file: where it was left out.
        findings: takes the errors.

    Returns:
        What is searched, in the order of Hyperparameters' fields: the order in which samplers draw must
        not depend on the order of writing. A wrong entry is left out.
    """
    entries = section_entries("space", node, findings)
    if node is None or node.is_null or node.entries == {}:
        message = f"{(node.where if node else file).of('space')}: nothing to search"
        findings.errors.append(InputError(message, f"give a range: --set space.lr='{RANGE_EXAMPLE}'"))
    found: Space = {}
    for name, child in entries.items():
        if name not in SWEPT:
            findings.unknown(f"space.{name}", child.where)
            continue
        entry = findings.read(f"space.{name}", child, _EntryReader(name, findings), None)
        if entry is not None:
            found[name] = entry
    return {name: found[name] for name in SWEPT if name in found}


@dataclass(frozen=True)
class _EntryReader:
    """Reads one entry of the space; the first trouble in it is raised."""

    name: str
    findings: Findings

    def __call__(self, node: Node) -> Range | Choices | None:
        full, item = f"space.{self.name}", SWEPT[self.name]
        if node.is_null:
            raise InputError(f"{node.where.of(full)} has no range", f"--set {full}='{RANGE_EXAMPLE}'")
        if node.is_scalar:
            return Choices((read_number(node, full, item),))
        if node.items is not None:
            return _read_choices(node.items, node, full, item)
        return self._read_mapping(node, node.entries or {}, full, item)

    def _read_mapping(self, node: Node, entries: dict[str, Node], full: str, item: "Field[Any]") -> Range | Choices:
        for key, child in entries.items():
            if key not in RANGE_KEYS:
                close = nearest(key, list(RANGE_KEYS))
                hint = f"did you mean `{close}`?" if close else f"a range is written {full}: {RANGE_EXAMPLE}"
                raise InputError(f"unknown setting `{full}.{shorten(key)}` in {child.where.place}", hint)
        if "values" not in entries:
            return _read_range(node, entries, full, item)
        if len(entries) > 1:
            raise InputError(f"{node.where.of(full)} has both values and a range", "keep one of the two")
        values = entries["values"]
        if values.items is None:
            message = f"{values.where.of(full)}.values must be a list of numbers, got {values.shown()}"
            raise InputError(message, f"--set {full}='[0.01, 0.1]'")
        return _read_choices(values.items, values, full, item)


def _read_choices(items: list[Node], node: Node, full: str, item: "Field[Any]") -> Choices:
    if not items:
        raise InputError(f"{node.where.of(full)} lists no value", f"--set {full}='[0.01, 0.1]'")
    values: list[float] = []
    for child in items:
        value = read_number(child, full, item)
        if value in values:
            raise InputError(f"{child.where.of(full)} lists {value:g} twice", "keep one of the two")
        values.append(value)
    return Choices(tuple(values))


def _read_range(node: Node, entries: dict[str, Node], full: str, item: "Field[Any]") -> Range:
    for bound in ("low", "high"):
        if bound not in entries or entries[bound].is_null:
            raise InputError(f"{node.where.of(full)} has no {bound}", f"--set {full}='{RANGE_EXAMPLE}'")
    low = read_number(entries["low"], f"{full}.low", item)
    high = read_number(entries["high"], f"{full}.high", item)
    log = read_flag(entries["log"], f"{full}.log", LOG) if "log" in entries else bool(LOG.default)
    # The bound that an argument changed is the one to name: the file's range was right before.
    changed = min((entries["low"], entries["high"]), key=lambda bound: bound.where.line > 0).where
    if low >= high:
        hint = f"to fix the setting at one value: --set {full}={low:g}" if low == high else "swap the two"
        raise InputError(f"{changed.of(full)}: low must be less than high, got {low:g} and {high:g}", hint)
    if log and low <= 0:
        message = f"{changed.of(full)}: a log range must start above 0, got low {low:g}"
        raise InputError(message, f"--set {full}.low=1e-6, or search evenly: --set {full}.log=false")
    return Range(low, high, log)
