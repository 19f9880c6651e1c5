"""A benchmark's settings: which parts are measured, how large, how often; and the file they are read from."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from core.config import BUILT_IN, setting
from core.errors import InputError
from sweeps.checks import read_section, reader
from sweeps.findings import Findings
from sweeps.nearest import nearest
from sweeps.nodes import Node
from sweeps.spec import SweepSpec, change, load_spec, packaged_settings, read_root
from sweeps.suite_reader import read_list

PARTS = ("lanes", "plain", "ray", "growth", "best", "orchestration")
TOP = ("study", "parts", "variables", "lanes", "sizes", "measure")
HINT = "benchmarks: {}; --show-config shows their form"


@dataclass(frozen=True)
class MeasureConfig:
    """How often and how much is measured."""

    repeats: int = setting(3, "repetitions of every measurement; of whole sweeps, study seeds", low=1, high=100)
    sweep: str = setting("lambda_sweep", "settings file of the sweep of parts plain, ray, best and orchestration")
    growth: str = setting("smoke", "settings file whose small trials part growth runs by the thousand")
    growth_trials: int = setting(10000, "trials of one run of part growth", low=20)
    jobs: int = setting(0, "workers of whole sweeps, on both sides; 0: one a core", low=0)
    asked: int = setting(20, "trials asked, reported and told in a repetition of part orchestration", low=1)


@dataclass(frozen=True)
class Items:
    """The rules of a list's entries, each under the list's name."""

    variables: int = setting(13, "numbers of variables of part lanes", low=2, high=500)
    lanes: int = setting(1, "numbers of lanes of part lanes", low=1, high=4096)
    sizes: int = setting(50, "finished trials that a study of part orchestration has behind it", low=1)


@dataclass(frozen=True)
class BenchmarkSpec:
    """Everything that a benchmark was asked to measure.

    Args:
        study: its name, part of the folder's.
        parts: which of `PARTS`, in their order.
        variables, lanes: of part lanes. sizes: of part orchestration.
        measure: how often and how much.
        sweep, growth: the settings that `measure` names, without fresh-seed confirmation.
    """

    study: str
    parts: tuple[str, ...]
    variables: tuple[int, ...]
    lanes: tuple[int, ...]
    sizes: tuple[int, ...]
    measure: MeasureConfig
    sweep: SweepSpec
    growth: SweepSpec

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain types, in the order of the YAML; `load_benchmark` reads them back equal."""
        lists = {name: list(getattr(self, name)) for name in ("parts", "variables", "lanes", "sizes")}
        return {"study": self.study, **lists, "measure": asdict(self.measure)}

    def identity(self) -> str:
        """Digest of all that defines the measurements, hex sha256; which parts are asked for is not in it."""
        settings = {**self.to_dict(), "sweep": self.sweep.identity(), "growth": self.growth.identity()}
        settings["trials"] = self.sweep.search.trials
        del settings["parts"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def only(self, parts: Sequence[str]) -> "BenchmarkSpec":
        """Return the benchmark with some parts alone; all of them where none is named.

        Raises:
            InputError: a part does not exist.
        """
        for part in parts:
            if part not in PARTS:
                close = nearest(part, list(PARTS))
                hint = f"did you mean `{close}`?" if close else f"parts: {', '.join(PARTS)}"
                raise InputError(f"--only: no part is called `{part}`", hint)
        return replace(self, parts=tuple(part for part in PARTS if part in parts)) if parts else self


def load_benchmark(
    path: str | Path,
    overrides: Sequence[tuple[str, str]] = (),
    options: Sequence[tuple[str, str, str]] = (),
) -> BenchmarkSpec:
    """Read a benchmark's file, change single settings, and check everything.

    Args:
        path: a file, or the name of a packaged one (`benchmark`, `benchmark_smoke`).
        overrides, options: as for `load_spec`.

    Raises:
        InputError: one setting is wrong. InputErrors: several are; all are found in one pass.
    """
    findings = Findings({"": TOP, "measure": tuple(item.name for item in fields(MeasureConfig))})
    root = read_root(path, findings, "benchmark")
    tops, label = root.entries or {}, root.where.source
    if label and not findings.errors and not {"parts", "measure"} & set(tops):
        hint = HINT.format(", ".join(packaged_settings("benchmark")))
        raise InputError(f"{label} names no parts (parts:) and no measure, so it is no benchmark", hint)
    change(root, overrides, options, findings)
    for name, child in tops.items():
        if name not in TOP:
            findings.unknown(name, child.where, "section" if child.entries is not None else "setting")
    study = tops.get("study", Node(root.where, Path(label).stem or "benchmark", quoted=True))
    parts = read_list(tops, "parts", _part, PARTS, findings)
    lists = {name: read_list(tops, name, _number, default, findings) for name, default in DEFAULTS.items()}
    measure = read_section(MeasureConfig, "measure", tops.get("measure"), findings)
    findings.raise_all()
    return BenchmarkSpec(
        study=study.text,
        parts=tuple(part for part in PARTS if part in parts),
        **{name: tuple(sorted(values)) for name, values in lists.items()},
        measure=measure,
        sweep=_sweep(measure.sweep, measure),
        growth=_sweep(measure.growth, replace(measure, jobs=1), trials=measure.growth_trials),
    )


PLAIN = {
    "architecture": "parents_only", "reconstruction": "likelihood", "reduction": "mean", "acyclicity": "log_det",
    "plateau": "val_loss",
}  # fmt: skip
"""What the plain side of part plain has of the trainer's settings."""
DEFAULTS: dict[str, tuple[int, ...]] = {
    "variables": (13, 30, 50, 100),
    "lanes": (1, 2, 4, 8, 16, 32, 64, 128),
    "sizes": (50, 10000),
}


def _part(node: Node, name: str) -> str:
    if node.is_scalar and node.text in PARTS:
        return node.text
    raise InputError(f"{node.where.of(name)} must be of {', '.join(PARTS)}, got {node.shown()}", "parts: [lanes]")


def _number(node: Node, name: str) -> int:
    field = next(item for item in fields(Items) if item.name == name)
    read: Callable[[Node], Any] = reader(field, name)
    return int(read(node))


def _sweep(name: str, measure: MeasureConfig, trials: int | None = None) -> SweepSpec:
    """Read a sweep's settings; fresh seeds are off, so that both sides of a comparison search alone.

    Raises:
        InputError: the plain side does not know these data or this kind of training.
    """
    spec = load_spec(name)
    if spec.data.name not in BUILT_IN:
        raise InputError(
            f"{name}: data.name must be a simulation for a benchmark, got {spec.data.name}", "data.name: sensors"
        )
    for key, known in PLAIN.items():
        value = getattr(spec.trainer, key)
        if value != known:
            raise InputError(
                f"{name}: trainer.{key} must be {known} for a benchmark, got {value}", "the plain side has no other"
            )
    trials = spec.search.trials if trials is None else trials
    spec = replace(spec, search=replace(spec.search, confirm=0, objective="val_shd", trials=trials))
    return replace(spec, backend=replace(spec.backend, jobs=measure.jobs))
