"""A suite's file -> SuiteSpec: each data set's sections lie over the shared ones, all errors at once, with lines."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from core.errors import InputError
from sweeps.checks import read_section, reader, section_entries
from sweeps.findings import Findings
from sweeps.nearest import nearest
from sweeps.nodes import Node
from sweeps.spec import SECTIONS, change, known_settings, packaged_settings, read_root, read_tree
from sweeps.suite_spec import METHODS, NAME_PATTERN, SHARED, SWEEPS, TOP, Entry, EntryWords, Goals, SuiteSpec

T = TypeVar("T")


def load_suite(
    path: str | Path,
    overrides: Sequence[tuple[str, str]] = (),
    options: Sequence[tuple[str, str, str]] = (),
) -> SuiteSpec:
    """Read a suite's file, change single settings, and check everything.

    Args:
        path: a file, or the name of a packaged one (`suite`, `suite_smoke`).
        overrides, options: as for `load_spec`; they win over what a data set says.

    Raises:
        InputError: one setting is wrong. InputErrors: several are; all are found in one pass.
    """
    known = {**known_settings(), "datasets": (*(item.name for item in fields(EntryWords)), "goals", "data", "trainer")}
    known |= {"": TOP, "goals": tuple(item.name for item in fields(Goals))}
    findings = Findings(known)
    root = read_root(path, findings, "suite")
    change(root, overrides, options, findings)
    tops = root.entries if root.entries is not None else {}
    for name, child in tops.items():
        if name not in (*TOP, *SHARED):
            findings.unknown(name, child.where, "section" if child.entries is not None else "setting")
    label = root.where.source
    listed = tops.get("datasets", Node(root.where))
    if label and listed.is_null and not findings.errors and "space" in tops:
        hint = f"a sweep's file is run by `python -m studies.lambda_sweep`; suites: {', '.join(_suites())}"
        findings.errors.append(InputError(f"{label} lists no data sets (datasets:), so it is no suite", hint))
        findings.raise_all()
    shared = read_tree(_merged(root, {}), findings)
    entries = _entries(root, listed, overrides, options, findings) if label else ()
    spec = SuiteSpec(
        study=shared.study,
        shared=shared,
        seeds=read_list(tops, "seeds", read_seed, (1,), findings),
        methods=read_list(tops, "methods", _method, METHODS, findings),
        entries=entries,
    )
    if findings.right("methods") and not set(spec.methods) & set(SWEEPS):
        where = findings.subject("methods")
        findings.errors.append(
            InputError(f"{where} must name oracle or blind, got neither", "the others stand beside ours")
        )
    unique = {error.message: error for error in findings.errors}
    findings.errors[:] = unique.values()
    findings.raise_all()
    return spec


def _suites() -> list[str]:
    return packaged_settings("suite")


def _merged(root: Node, own: dict[str, dict[str, Node]]) -> Node:
    """Lay a data set's own sections over the shared ones; the tree of a sweep's settings."""
    merged = {name: node for name, node in (root.entries or {}).items() if name in ("study", *SHARED)}
    for name, entries in own.items():
        below = merged.get(name, Node(root.where))
        merged[name] = Node(below.where, entries={**(below.entries or {}), **entries})
    return Node(root.where, entries=merged)


def _entries(
    root: Node,
    listed: Node,
    overrides: Sequence[tuple[str, str]],
    options: Sequence[tuple[str, str, str]],
    findings: Findings,
) -> tuple[Entry, ...]:
    """Read the list of data sets."""
    if not listed.items or any(node.entries is None for node in listed.items):
        rule = "must be a list of data sets, each with a name"
        example = "datasets: [{name: tanh, data: {mechanism: tanh}}]"
        findings.errors.append(InputError(f"{listed.where.of('datasets')} {rule}, got {listed.shown()}", example))
        return ()
    found: dict[str, Entry] = {}
    for node in listed.items:
        entry = _entry(root, node, overrides, options, findings)
        if entry.name in found:
            message = f"{node.where.place}: a second data set is called `{entry.name}`"
            findings.errors.append(InputError(message, "give each a name of its own"))
        if entry.name:
            found[entry.name] = entry
    return tuple(found.values())


def _entry(
    root: Node,
    node: Node,
    overrides: Sequence[tuple[str, str]],
    options: Sequence[tuple[str, str, str]],
    findings: Findings,
) -> Entry:
    """Read one data set; its settings are read in a pass of their own, over the shared ones."""
    inside = dict(node.entries or {})
    for key in [key for key in inside if key not in findings.known["datasets"]]:
        findings.unknown(f"datasets.{key}", inside.pop(key).where)
    goals = read_section(Goals, "goals", inside.pop("goals", None), findings)
    sections = {name: inside.pop(name) for name in ("data", "trainer") if name in inside}
    words = read_section(EntryWords, "datasets", Node(node.where, entries=inside), findings)
    if findings.right("datasets.name") and not NAME_PATTERN.fullmatch(words.name):
        where = inside["name"].where if "name" in inside else node.where
        rule = "must be 1 to 32 letters, digits, dots, dashes or underscores, and start with one of the first two"
        given = inside["name"].shown() if "name" in inside else "nothing"
        findings.errors.append(InputError(f"{where.of('datasets.name')} {rule}, got {given}", "name: tanh"))
    findings.wrong.discard("datasets.name")
    own = Findings(findings.known)
    tree = _merged(root, {name: section_entries(name, child, own) for name, child in sections.items()})
    change(tree, [pair for pair in overrides if pair[0].partition(".")[0] in SHARED], options, own)
    spec = read_tree(tree, own)
    findings.errors.extend(own.errors)
    return Entry(words.name, words.label or words.name, words.skeleton, goals, spec)


def read_list(
    tops: dict[str, Node], name: str, read: Callable[[Node, str], T], default: tuple[T, ...], findings: Findings
) -> tuple[T, ...]:
    """Read a list without repeats; the default where it is left out."""

    def whole(node: Node) -> tuple[T, ...]:
        if not node.items:
            raise InputError(f"{node.where.of(name)} must be a list, got {node.shown()}", f"{name}: {list(default)}")
        values = tuple(read(item, name) for item in node.items)
        if len(set(values)) < len(values):
            raise InputError(f"{node.where.of(name)} must not repeat a value, got {node.shown()}", "keep one of them")
        return values

    return findings.read(name, tops[name], whole, default) if name in tops else default


def read_seed(node: Node, name: str) -> int:
    """Read one seed, by the rule of `data.seed`."""
    field = next(item for item in fields(SECTIONS["data"]) if item.name == "seed")
    return int(reader(field, name)(node))


def _method(node: Node, name: str) -> str:
    """Read one method's name."""
    if node.text not in METHODS or not node.is_scalar:
        close = nearest(node.text, list(METHODS))
        hint = f"did you mean `{close}`?" if close else f"methods: [{', '.join(METHODS)}]"
        message = f"{node.where.of(name)} must be of {', '.join(METHODS)}, got {node.shown()}"
        raise InputError(message, hint)
    return node.text
