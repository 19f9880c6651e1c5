"""A sweep's settings: YAML and arguments in, one validated SweepSpec out, or all errors at once."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from core.config import DataConfig, TrainerConfig
from core.errors import InputError
from sweeps.checks import read_section
from sweeps.config import BackendConfig, SearchConfig
from sweeps.cross_checks import (
    check_backend,
    check_data_name,
    check_device,
    check_files,
    check_space,
    check_trainer_and_data,
    fit_trainer,
)
from sweeps.findings import Findings
from sweeps.nearest import nearest, nearest_file
from sweeps.nodes import Node, Where, shorten
from sweeps.space import SWEPT, Choices, Range, Space, read_space
from sweeps.yaml_reader import FORM_HINT, read_argument, read_file

__all__ = ["BackendConfig", "Choices", "Range", "SearchConfig", "SweepSpec", "check_data_name", "load_spec"]

STUDY_PATTERN = re.compile(r"(?!\.)[A-Za-z0-9._-]{1,64}")
PACKAGED = Path(__file__).parent
SECTIONS = {"data": DataConfig, "trainer": TrainerConfig, "search": SearchConfig, "backend": BackendConfig}
NOT_IDENTITY = ("trials", "confirm", "timeout")
OTHER_KINDS = ("suite", "stability", "benchmark")
"""First words of the packaged files that are no sweep's settings."""


@dataclass(frozen=True)
class SweepSpec:
    """Everything that a sweep was asked to do.

    Args:
        study: name of the study, part of the run folder's name.
        data: what is learned from.
        trainer: the fixed part of training.
        space: what is searched, by name of a field of Hyperparameters and in the order of its fields.
        search: how it is searched.
        backend: where it runs.
    """

    study: str
    data: DataConfig
    trainer: TrainerConfig
    space: Space
    search: SearchConfig
    backend: BackendConfig

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain types, in the order of the YAML; what `load_spec` reads back equal."""
        space = {
            name: {"values": list(entry.values)} if isinstance(entry, Choices) else asdict(entry)
            for name, entry in self.space.items()
        }
        return {
            "study": self.study,
            "data": asdict(self.data),
            "trainer": asdict(self.trainer),
            "space": space,
            "search": asdict(self.search),
            "backend": asdict(self.backend),
        }

    def identity(self) -> str:
        """Digest of the settings that define the search.

        Returns:
            Hex sha256; equal for settings that differ only in backend, trials, confirm or timeout, so that
            the same search continues. A grid's values are not in it, only the names: what was trained at its
            points stays true whatever points are added. What the data files hold is not in it.
        """
        settings = self.to_dict()
        del settings["backend"]
        if self.search.sampler == "grid":
            settings["space"] = sorted(self.space)
        for name in NOT_IDENTITY:
            del settings["search"][name]
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


def load_spec(
    path: str | Path,
    overrides: Sequence[tuple[str, str]] = (),
    options: Sequence[tuple[str, str, str]] = (),
) -> SweepSpec:
    """Read a settings file, change single settings, and check everything.

    Args:
        path: a file; or, where there is none of that name, a packaged one: `lambda_grid`,
            `lambda_grid.yaml` or `sweeps/lambda_grid.yaml`.
        overrides: (key, value) as after `--set`, the value under the rules of the YAML; later ones win.
        options: (option, key, value) from an option such as `--trials`, which names itself in errors; the
            value is taken as text, and wins over `overrides`.

    Raises:
        InputError: one setting is wrong. InputErrors: several are; all are found in one pass.
    """
    findings = Findings({"": ("study",), **known_settings()})
    root = read_root(path, findings)
    if "datasets" in (root.entries or {}):
        problem = f"{root.where.source} lists data sets, so it is a suite and not the settings of one sweep"
        raise InputError(problem, f"python -m studies.suite -c {shorten(str(path), 200)}")
    if "measures" in (root.entries or {}):
        problem = f"{root.where.source} lists measures, so it is a stability study and not the settings of one sweep"
        raise InputError(problem, f"python -m studies.stability -c {shorten(str(path), 200)}")
    if "measure" in (root.entries or {}):
        problem = f"{root.where.source} says what is measured, so it is a benchmark and not the settings of one sweep"
        raise InputError(problem, f"python -m studies.benchmark -c {shorten(str(path), 200)}")
    change(root, overrides, options, findings)
    spec = read_tree(root, findings)
    findings.raise_all()
    return spec


def known_settings() -> dict[str, tuple[str, ...]]:
    """The names of each section's settings."""
    known = {section: tuple(item.name for item in fields(kind)) for section, kind in SECTIONS.items()}
    return {**known, "space": tuple(SWEPT)}


def change(
    root: Node, overrides: Sequence[tuple[str, str]], options: Sequence[tuple[str, str, str]], findings: Findings
) -> None:
    """Put single settings into a tree of settings; `overrides` and `options` as for `load_spec`."""
    for key, text in overrides:
        try:
            node, errors = read_argument(key, text)
        except InputError as error:
            findings.errors.append(error)
            continue
        findings.errors.extend(errors)
        _replace(root, key, node, findings)
    for option, key, text in options:
        _replace(root, key, Node(Where(option, option=True), text, quoted=True), findings)


def read_tree(root: Node, findings: Findings) -> SweepSpec:
    """Read a tree of settings into a spec and check it; errors go to `findings`."""
    spec = _read_sections(root, findings)
    spec = replace(spec, trainer=fit_trainer(spec.trainer, spec.data, findings))
    check_files(spec.data, findings)
    check_trainer_and_data(spec.trainer, spec.data, findings)
    check_space(spec.space, spec.search, findings)
    check_backend(spec.backend, findings)
    check_device(spec.backend, spec.trainer, findings)
    return spec


def _find(path: str, kind: str) -> tuple[Path, str]:
    """The settings file that a path means, and its name in errors."""
    if os.path.exists(path) and not os.path.isdir(path):
        return Path(path), path
    folder, name = os.path.split(path)
    name = name if name.endswith(".yaml") else f"{name}.yaml"
    if folder in ("", "sweeps") and (PACKAGED / name).is_file():
        return PACKAGED / name, f"sweeps/{name}"
    packaged = packaged_settings(kind)
    close = nearest_file(path, ".yaml", ".yml") or nearest(Path(name).stem, packaged)
    meant = f"did you mean `{close}`? " if close else ""
    name = shorten(path, 200)
    problem = f"`{name}` is a folder, not a settings file" if os.path.isdir(path) else f"no settings file `{name}`"
    raise InputError(problem, f"{meant}Packaged: {', '.join(packaged)}")


def packaged_settings(kind: str = "sweep") -> list[str]:
    """Names of the packaged settings files of a kind: `sweep`, or one of OTHER_KINDS, read by that name's study."""
    named = {file.stem: file.stem.partition("_")[0] for file in PACKAGED.glob("*.yaml")}
    return sorted(stem for stem, first in named.items() if (first if first in OTHER_KINDS else "sweep") == kind)


def read_root(path: str | Path, findings: Findings, kind: str = "sweep") -> Node:
    """Read the file as one mapping; if that fails, an empty one whose missing parts are no errors."""
    try:
        file, label = _find(str(path), kind)
        root, errors = read_file(file, label)
    except InputError as error:
        findings.errors.append(error)
        return Node(Where(""), entries={})
    findings.errors.extend(errors)
    if root.is_null:
        return Node(Where(label), entries={})
    if root.entries is None:
        findings.errors.append(InputError(f"{label} must hold sections of settings, got {root.shown()}", FORM_HINT))
        return Node(Where(""), entries={})
    return Node(Where(label), entries=root.entries)


def _replace(root: Node, key: str, node: Node, findings: Findings) -> None:
    """Put one setting into the tree, at its dotted key; sections and ranges on the way are made if missing."""
    *path, last = key.strip().split(".")
    here = root
    for depth, part in enumerate(path, start=1):
        entries = here.entries if here.entries is not None else {}
        child = entries.setdefault(part, Node(node.where, entries={}))
        if child.is_null:
            child = entries[part] = Node(node.where, entries={})
        if child.entries is None and depth == 2 and path[0] == "space":
            name = ".".join(path)
            message = f"{node.where.place}: {name} is no range ({child.where.place})"
            example = f"--set {name}='{{low: 0.001, high: 0.05, log: true}}'"
            findings.errors.append(InputError(message, f"replace it as a whole: {example}"))
            return
        if child.entries is None:
            if part not in (*SECTIONS, "space"):  # a section that is none has its own error
                findings.unknown(key, node.where)
            return
        here = child
    if here.entries is not None:
        here.entries[last] = node


def _read_sections(root: Node, findings: Findings) -> SweepSpec:
    """Read the tree into a spec; what is wrong has its default in it and its error in `findings`."""
    entries = root.entries or {}
    for name, child in entries.items():
        if name not in ("study", "space", *SECTIONS):
            findings.unknown(name, child.where, "section" if child.entries is not None else "setting")
    label = root.where.source
    study = entries.get("study", Node(root.where, Path(label).stem or "unread", quoted=True))
    space = entries.get("space")
    return SweepSpec(
        study=findings.read("study", study, _read_study, ""),
        data=read_section(DataConfig, "data", entries.get("data"), findings),
        trainer=read_section(TrainerConfig, "trainer", entries.get("trainer"), findings),
        space=read_space(space, root.where, findings) if space or label else {},
        search=read_section(SearchConfig, "search", entries.get("search"), findings),
        backend=read_section(BackendConfig, "backend", entries.get("backend"), findings),
    )


def _read_study(node: Node) -> str:
    """A study's name becomes part of a folder's, so only what is safe in one is allowed."""
    if node.is_scalar and STUDY_PATTERN.fullmatch(node.text):
        return node.text
    rule = "must be 1 to 64 letters, digits, dots, dashes or underscores, and not start with a dot"
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", node.text).strip("._")[:64]
    raise InputError(f"{node.where.of('study')} {rule}, got {node.shown()}", f"--set study={safe or 'lambda_sweep'}")
