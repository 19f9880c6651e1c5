"""A stability study's settings: measures with two sides each, families of learners, and the variants these give.

A measure is a few settings that are switched together; its `after` side is the measure, its `before` side what
was there without it. A family is trained with all of them, with none, with all but one, and with one alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.config import DataConfig, Hyperparameters, TrainerConfig
from core.errors import InputError
from sweeps.config import BackendConfig

BEFORE, AFTER, WITHOUT, WITH, OWN = "before", "after", "without", "with", "own"
"""Kinds of variants: no measure, all, all but one, one alone, and a learner at its own settings."""


@dataclass(frozen=True)
class Measure:
    """One measure: dotted settings (`trainer.reduction`, `hyper.lr`) with the measure and without it."""

    name: str
    label: str
    after: Mapping[str, Any]
    before: Mapping[str, Any]


@dataclass(frozen=True)
class Family:
    """One learner; its settings lie below those of the measures. Without measures it is trained once, as it is."""

    name: str
    label: str
    measures: bool
    trainer: TrainerConfig
    hyper: Hyperparameters


@dataclass(frozen=True)
class Variant:
    """What is trained, a lane a seed. kind: one of BEFORE ... OWN; measure: its name for WITHOUT and WITH, else ""."""

    family: str
    name: str
    label: str
    kind: str
    measure: str
    trainer: TrainerConfig
    hyper: Hyperparameters

    @property
    def key(self) -> str:
        """Name of the variant within the study, fit for a file."""
        return f"{self.family}.{self.name}"


@dataclass(frozen=True)
class StabilitySpec:
    """Everything that a stability study was asked to do."""

    study: str
    data: DataConfig
    seeds: tuple[int, ...]
    measures: tuple[Measure, ...]
    families: tuple[Family, ...]
    backend: BackendConfig

    def variants(self) -> tuple[Variant, ...]:
        """Return all variants, family by family: before, after, after without each measure, before with each."""
        return tuple(variant for family in self.families for variant in self._family(family))

    def _family(self, family: Family) -> list[Variant]:
        if not family.measures:
            return [Variant(family.name, "defaults", family.label, OWN, "", family.trainer, family.hyper)]
        names = {measure.name for measure in self.measures}
        found = [self._variant(family, BEFORE, None, set()), self._variant(family, AFTER, None, names)]
        found += [self._variant(family, WITHOUT, item, names - {item.name}) for item in self.measures]
        return found + [self._variant(family, WITH, item, {item.name}) for item in self.measures]

    def _variant(self, family: Family, kind: str, measure: Measure | None, taken: set[str]) -> Variant:
        """Return the variant with the measures `taken`."""
        chosen = [item.after if item.name in taken else item.before for item in self.measures]
        trainer, hyper = settled(
            family.trainer, family.hyper, {key: value for side in chosen for key, value in side.items()}
        )
        base = {WITHOUT: AFTER, WITH: BEFORE}.get(kind, kind)
        name = f"{base}-{kind}-{measure.name}" if measure else kind
        label = f"{base} {kind} {measure.label}" if measure else kind
        return Variant(family.name, name, label, kind, measure.name if measure else "", trainer, hyper)

    def first(self, seeds: int | None) -> "StabilitySpec":
        """Return the study with the first seeds of its list.

        Raises:
            InputError: there are not so many.
        """
        if seeds is not None and not 1 <= seeds <= len(self.seeds):
            raise InputError(f"--seeds must be between 1 and {len(self.seeds)}, got {seeds}", "the file lists them")
        return replace(self, seeds=self.seeds[:seeds])

    def identity(self) -> str:
        """Digest of all settings but the backend; what the data files hold is not in it."""
        settings = self.to_dict()
        del settings["backend"]
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain types, every default filled in; what `load_stability` reads back equal."""
        switched = {key for measure in self.measures for key in measure.after}
        families = []
        for family in self.families:
            parts: dict[str, Any] = {"name": family.name, "label": family.label, "measures": family.measures}
            for section, settings in (("trainer", family.trainer), ("hyper", family.hyper)):
                hidden = switched if family.measures else set()
                parts[section] = {k: v for k, v in asdict(settings).items() if f"{section}.{k}" not in hidden}
            families.append(parts)
        return {
            "study": self.study,
            "seeds": list(self.seeds),
            "data": asdict(self.data),
            "measures": [
                {"name": item.name, "label": item.label, "after": dict(item.after), "before": dict(item.before)}
                for item in self.measures
            ],
            "families": families,
            "backend": asdict(self.backend),
        }


def settled(
    trainer: TrainerConfig, hyper: Hyperparameters, values: Mapping[str, Any]
) -> tuple[TrainerConfig, Hyperparameters]:
    """Return both with dotted settings changed."""
    parts: dict[str, dict[str, Any]] = {"trainer": {}, "hyper": {}}
    for key, value in values.items():
        section, _, name = key.partition(".")
        parts[section][name] = value
    return replace(trainer, **parts["trainer"]), replace(hyper, **parts["hyper"])
