"""A stability study's file -> StabilitySpec: all errors at once, with lines."""

from collections.abc import Sequence
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from core.config import DataConfig, Hyperparameters, TrainerConfig, setting
from core.errors import InputError
from sweeps.checks import read_section, reader, section_entries
from sweeps.config import CLUSTERS, CPU, BackendConfig
from sweeps.cross_checks import check_files, check_trainer_and_data, fit_trainer
from sweeps.findings import Findings
from sweeps.nodes import Node
from sweeps.spec import STUDY_PATTERN, change, packaged_settings, read_root
from sweeps.stability_spec import Family, Measure, StabilitySpec, Variant
from sweeps.suite_reader import read_list, read_seed
from sweeps.suite_spec import NAME_PATTERN

TOP = ("study", "seeds", "data", "trainer", "hyper", "measures", "families", "backend")
SWITCHED = {"trainer": TrainerConfig, "hyper": Hyperparameters}
SETTINGS: dict[str, "Field[Any]"] = {
    f"{section}.{item.name}": item for section, kind in SWITCHED.items() for item in fields(kind)
}
NAME_RULE = "must be 1 to 32 letters, digits, dots, dashes or underscores, and start with one of the first two"
Pairs = Sequence[tuple[str, str]]
Options = Sequence[tuple[str, str, str]]


@dataclass(frozen=True)
class MeasureWords:
    """What a measure says about itself, beside its two sides."""

    name: str = setting("", "short name of the measure, part of its variants' names")
    label: str = setting("", "the measure as the report names it; empty: its name")


@dataclass(frozen=True)
class FamilyWords:
    """What a family says about itself, beside its settings."""

    name: str = setting("", "short name of the learner")
    label: str = setting("", "the learner as the report names it; empty: its name")
    measures: bool = setting(True, "whether the measures are switched; false: trained once, at its own settings")


@dataclass(frozen=True)
class Request:
    """What the command line changes: `overrides` and `options` as for `load_spec`; epochs of --epochs, or None."""

    overrides: Pairs = ()
    options: Options = ()
    epochs: str | None = None


def load_stability(
    path: str | Path, overrides: Pairs = (), options: Options = (), epochs: str | None = None
) -> StabilitySpec:
    """Read a stability study's file, change single settings, and check everything.

    Args:
        path: a file, or the name of a packaged one (`stability`, `stability_smoke`).
        overrides, options: as for `load_spec`; they win over what a family says. A setting that a measure switches
            cannot be changed so.
        epochs: of the families with measures, as written after --epochs.

    Raises:
        InputError: one setting is wrong. InputErrors: several are; all are found in one pass.
    """
    request = Request(overrides, options, epochs)
    known = {section: tuple(item.name for item in fields(kind)) for section, kind in SWITCHED.items()}
    known |= {"data": tuple(item.name for item in fields(DataConfig))}
    known |= {"backend": tuple(item.name for item in fields(BackendConfig)), "": TOP}
    known |= {"measures": ("name", "label", "after", "before")}
    known |= {"families": (*(item.name for item in fields(FamilyWords)), *SWITCHED)}
    findings = Findings(known)
    root = read_root(path, findings, "stability")
    label = root.where.source
    if label and "measures" not in (root.entries or {}) and not findings.errors:
        hint = f"stability studies: {', '.join(packaged_settings('stability'))}; --show-config shows their form"
        raise InputError(f"{label} lists no measures (measures:), so it is no stability study", hint)
    change(root, overrides, options, findings)
    tops = root.entries or {}
    for name, child in tops.items():
        if name not in TOP:
            findings.unknown(name, child.where, "section" if child.entries is not None else "setting")
    data = read_section(DataConfig, "data", tops.get("data"), findings)
    check_files(data, findings)
    measures = _measures(tops.get("measures", Node(root.where)), findings) if label else ()
    _check_overrides(request, measures, findings)
    families = _families(root, data, measures, request, findings) if label else ()
    spec = StabilitySpec(
        study=findings.read("study", tops.get("study", Node(root.where, Path(label).stem or "unread")), _study, ""),
        data=data,
        seeds=read_list(tops, "seeds", read_seed, (1337, 1, 2, 3, 4), findings),
        measures=measures,
        families=families,
        backend=read_section(BackendConfig, "backend", tops.get("backend"), findings),
    )
    if spec.backend.name in CLUSTERS:
        problem = f"a stability study runs on one machine, so backend.name cannot be {spec.backend.name}"
        findings.errors.append(InputError(problem, "--set backend.name=auto"))
    if spec.backend.device != CPU:
        problem = f"a stability study trains on the processor, so backend.device cannot be {spec.backend.device}"
        findings.errors.append(InputError(problem, f"--set backend.device={CPU}"))
    for variant in [] if findings.errors else spec.variants():
        _check_variant(variant, data, findings)
    findings.errors[:] = {error.message: error for error in findings.errors}.values()
    findings.raise_all()
    return spec


def _study(node: Node) -> str:
    if node.is_scalar and STUDY_PATTERN.fullmatch(node.text):
        return node.text
    rule = "must be 1 to 64 letters, digits, dots, dashes or underscores, and not start with a dot"
    raise InputError(f"{node.where.of('study')} {rule}, got {node.shown()}", "--set study=stability")


def _listed(node: Node, name: str, example: str, findings: Findings) -> list[Node]:
    """Return the mappings of a list; none, with an error, where it is no such list."""
    if node.items and all(item.entries is not None for item in node.items):
        return node.items
    rule = f"must be a list of {name}, each with a name"
    findings.errors.append(InputError(f"{node.where.of(name)} {rule}, got {node.shown()}", example))
    return []


def _named(node: Node, kind: str, section: str, given: str, taken: set[str], findings: Findings) -> bool:
    """Tell whether a name may be used; an error says why not."""
    written = (node.entries or {}).get("name")
    if findings.right(f"{section}.name") and not NAME_PATTERN.fullmatch(given):
        where = (written or node).where
        shown = written.shown() if written else "nothing"
        findings.errors.append(InputError(f"{where.of(f'{section}.name')} {NAME_RULE}, got {shown}", "name: one_word"))
        return False
    findings.wrong.discard(f"{section}.name")
    if given in taken:
        message = f"{node.where.place}: a second {kind} is called `{given}`"
        findings.errors.append(InputError(message, "give each a name of its own"))
        return False
    taken.add(given)
    return bool(given)


def _measures(listed: Node, findings: Findings) -> tuple[Measure, ...]:
    """Read the list of measures."""
    found: list[Measure] = []
    taken: set[str] = set()
    example = "measures: [{name: mean, after: {trainer.reduction: mean}, before: {trainer.reduction: sum}}]"
    for node in _listed(listed, "measures", example, findings):
        inside = dict(node.entries or {})
        for key in [key for key in inside if key not in findings.known["measures"]]:
            findings.unknown(f"measures.{key}", inside.pop(key).where)
        sides = {side: _side(inside.pop(side, None), side, node, findings) for side in ("after", "before")}
        words = read_section(MeasureWords, "measures", Node(node.where, entries=inside), findings)
        if sides["after"].keys() != sides["before"].keys() and all(sides.values()):
            odd = ", ".join(sorted(sides["after"].keys() ^ sides["before"].keys()))
            message = f"{node.where.place}: after and before of a measure must set the same, but not both set {odd}"
            findings.errors.append(InputError(message, "write what the setting is on the other side"))
        for key in sides["after"]:
            first = next((measure.name for measure in found if key in measure.after), None)
            if first is not None:
                message = f"{node.where.place}: {key} is switched by the measure `{first}` already"
                findings.errors.append(InputError(message, "a setting belongs to one measure"))
        if _named(node, "measure", "measures", words.name, taken, findings):
            found.append(Measure(words.name, words.label or words.name, sides["after"], sides["before"]))
    return tuple(found)


def _side(node: Node | None, side: str, measure: Node, findings: Findings) -> dict[str, Any]:
    """Read one side of a measure: dotted settings of training, each under its own rule."""
    entries = section_entries(f"measures.{side}", node, findings)
    if not entries and (node is None or node.is_null or node.entries == {}):
        where = (node or measure).where
        message = f"{where.of(f'measures.{side}')} must set something, got nothing"
        findings.errors.append(InputError(message, f"{side}: {{trainer.reduction: mean}}"))
    values: dict[str, Any] = {}
    for key, child in entries.items():
        if key in SETTINGS:
            values[key] = findings.read(key, child, reader(SETTINGS[key], key), SETTINGS[key].default)
            findings.wrong.discard(key)
        else:
            findings.unknown(key, child.where)
    return values


def _check_overrides(request: Request, measures: Sequence[Measure], findings: Findings) -> None:
    """Refuse to change by hand what a measure switches: some variants would no longer be what they are called."""
    for key, text in request.overrides:
        for measure in measures:
            if key in measure.after:
                message = f"--set {key}={text}: the measure `{measure.name}` switches this setting"
                findings.errors.append(InputError(message, "change its sides in a settings file of your own: -c FILE"))


def _families(
    root: Node, data: DataConfig, measures: Sequence[Measure], request: Request, findings: Findings
) -> tuple[Family, ...]:
    """Read the list of families; each in a pass of its own, over the shared sections."""
    found: list[Family] = []
    taken: set[str] = set()
    listed = (root.entries or {}).get("families", Node(root.where))
    for node in _listed(listed, "families", "families: [{name: ours, trainer: {epochs: 20}}]", findings):
        inside = dict(node.entries or {})
        for key in [key for key in inside if key not in findings.known["families"]]:
            findings.unknown(f"families.{key}", inside.pop(key).where)
        own = Findings(findings.known)
        sections = {name: section_entries(name, inside.pop(name, None), own) for name in SWITCHED}
        words = read_section(FamilyWords, "families", Node(node.where, entries=inside), findings)
        named = _named(node, "family", "families", words.name, taken, findings)
        family = _family(root, words, sections, data, measures, request, own)
        findings.errors.extend(own.errors)
        found += [family] if named else []
    return tuple(found)


def _family(
    root: Node, words: FamilyWords, sections: dict[str, dict[str, Node]], data: DataConfig,
    measures: Sequence[Measure], request: Request, own: Findings,
) -> Family:  # fmt: skip
    """Read one family's settings."""
    merged = {}
    for name, entries in sections.items():
        below = (root.entries or {}).get(name, Node(root.where))
        merged[name] = Node(below.where, entries={**(below.entries or {}), **entries})
        for key in entries:
            first = next((measure.name for measure in measures if f"{name}.{key}" in measure.after), None)
            if words.measures and first is not None:
                message = f"{entries[key].where.of(f'{name}.{key}')} is switched by the measure `{first}`"
                own.errors.append(InputError(message, "leave it out of the family, or of the measure"))
    options = [("--epochs", "trainer.epochs", request.epochs)] if words.measures and request.epochs is not None else []
    own_changes = [pair for pair in request.overrides if pair[0].partition(".")[0] in SWITCHED]
    change(Node(root.where, entries=merged), own_changes, options, own)
    trainer = read_section(TrainerConfig, "trainer", merged["trainer"], own)
    return Family(
        words.name,
        words.label or words.name,
        words.measures,
        fit_trainer(trainer, data, own),
        read_section(Hyperparameters, "hyper", merged["hyper"], own),
    )


def _check_variant(variant: Variant, data: DataConfig, findings: Findings) -> None:
    """Check the settings of a variant against each other; an error names the variant."""
    own = Findings(findings.known)
    check_trainer_and_data(variant.trainer, data, own)
    known = {error.message.partition(": ")[2] for error in findings.errors}
    for error in own.errors:
        if error.message not in known:
            name = f"{variant.family}, {variant.label}"
            findings.errors.append(InputError(f"{name}: {error.message}", error.hint))
