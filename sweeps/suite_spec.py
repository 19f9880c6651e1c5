"""A suite's settings: shared sections as in a sweep's file, a list of data sets, seeds and methods.

A data set says in `data` and `trainer` what differs from the shared sections. Its goals are plain numbers that
the table compares with; nothing is ever tuned to them.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

from core.config import BUILT_IN, setting
from core.errors import InputError
from sweeps.nearest import nearest
from sweeps.spec import SECTIONS, SweepSpec

METHODS = ("oracle", "blind", "baselines", "peers")
SWEEPS = METHODS[:2]
SHARED = (*SECTIONS, "space")
TOP = ("study", "seeds", "methods", "datasets")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


@dataclass(frozen=True)
class Goals:
    """What a data set's mean over the seeds should reach; a default holds always and counts as no goal."""

    oracle: float = setting(0.0, "lowest F1 of the oracle sweep's winner at its tuned cut", low=0, high=1)
    blind: float = setting(0.0, "lowest F1 of the blind sweep's winner at its own cut", low=0, high=1)
    max_edges: float = setting(math.inf, "most edges of the blind sweep's winner at its own cut", low=0)

    def given(self) -> dict[str, float]:
        """The goals that were set, by name."""
        return {item.name: value for item in fields(self) if (value := getattr(self, item.name)) != item.default}


@dataclass(frozen=True)
class EntryWords:
    """What a data set says about itself, beside its sections."""

    name: str = setting("", "short name of the data set, part of its run folders' names")
    label: str = setting("", "the data set as the table names it; empty: its name")
    skeleton: bool = setting(False, "judge by the skeleton's F1, which asks for no arrowheads")


@dataclass(frozen=True)
class Entry:
    """One data set: its names, the settings of its sweeps, how it is judged, and what it should reach."""

    name: str
    label: str
    skeleton: bool
    goals: Goals
    spec: SweepSpec

    def sweep(self, method: str, seed: int) -> SweepSpec:
        """Return the settings of one sweep.

        Args:
            method: `oracle` (objective val_shd) or `blind`.
            seed: of the simulation; data from files stay the same, so there it is the study's seed.
        """
        spec, simulated = self.spec, self.spec.data.name in BUILT_IN
        return replace(
            spec,
            study=f"{self.name}-{seed}-{method}",
            data=replace(spec.data, seed=seed) if simulated else spec.data,
            search=replace(
                spec.search,
                objective="val_shd" if method == "oracle" else "blind",
                seed=spec.search.seed if simulated else seed,
            ),
        )


@dataclass(frozen=True)
class SuiteSpec:
    """Everything that a suite was asked to do; `shared` are the settings that a data set starts from."""

    study: str
    shared: SweepSpec
    seeds: tuple[int, ...]
    methods: tuple[str, ...]
    entries: tuple[Entry, ...]

    def identity(self) -> str:
        """Digest of the shared settings, trials and confirm among them, backend not.

        Which data sets and seeds are run is not in it: every sweep has a digest of its own, so a longer list
        finds the sweeps of a shorter one.
        """
        settings = self.shared.to_dict()
        del settings["backend"]
        canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def chosen(self, only: Sequence[str], seeds: int | None) -> "SuiteSpec":
        """Return the suite with some of its data sets and its first seeds.

        Args:
            only: a data set's name, or else part of names or labels; several are joined; none: all.
            seeds: how many; None: all.

        Raises:
            InputError: nothing fits a name, or there are not so many seeds.
        """
        if seeds is not None and not 1 <= seeds <= len(self.seeds):
            raise InputError(f"--seeds must be between 1 and {len(self.seeds)}, got {seeds}", "the file lists them")
        entries = [entry for word in only for entry in self._named(word)] if only else list(self.entries)
        kept = tuple(entry for entry in self.entries if entry in entries)
        return replace(self, entries=kept, seeds=self.seeds[:seeds])

    def _named(self, word: str) -> list[Entry]:
        exact = [entry for entry in self.entries if entry.name == word]
        wanted = word.lower()
        found = exact or [entry for entry in self.entries if wanted in f"{entry.name}\n{entry.label}".lower()]
        if not word or not found:
            names = [entry.name for entry in self.entries]
            close = nearest(word, names)
            meant = f"did you mean `{close}`? " if close else ""
            raise InputError(f"--only: no data set called `{word}`", f"{meant}The file has: {', '.join(names)}")
        return found


def resolved(spec: SuiteSpec) -> dict[str, object]:
    """Return the settings as plain types, every default filled in; what `load_suite` reads back equal."""
    shared = spec.shared.to_dict()
    entries = []
    for entry in spec.entries:
        own: dict[str, object] = {"name": entry.name, "label": entry.label, "skeleton": entry.skeleton}
        for section in ("data", "trainer"):
            mine, base = asdict(getattr(entry.spec, section)), shared[section]
            own[section] = {key: value for key, value in mine.items() if value != base[key]}
        entries.append({**own, "goals": entry.goals.given()})
    return {**shared, "seeds": list(spec.seeds), "methods": list(spec.methods), "datasets": entries}
