"""A stability study's folder in memory: everything its page is a function of."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import RunFolderError
from reports.columns import Columns, Floats, parsed, read_columns

FORMAT = 1
FILES = ("summary.json", "variants.csv", "epochs.csv.gz", "steps.csv.gz")
TEXTS = frozenset({"family", "variant", "kind", "measure", "state", "weights_hash"})
BEFORE, AFTER, WITHOUT, WITH, OWN = "before", "after", "without", "with", "own"


@dataclass(frozen=True)
class Family:
    """A learner. measures: whether it was trained before and after; `original` cannot learn a graph."""

    name: str
    label: str
    measures: bool
    architecture: str


@dataclass(frozen=True)
class Variant:
    """A family with some of the measures; kind is BEFORE, AFTER, WITHOUT, WITH or OWN."""

    family: Family
    name: str
    label: str
    kind: str
    measure: str
    clip_norm: float

    @property
    def full_label(self) -> str:
        """The variant with its learner's name."""
        return self.family.label if self.kind == OWN else f"{self.family.label}, {self.label}"


@dataclass(frozen=True)
class Reference:
    """What nothing, or luck, gives: mean F1, its 95th percentile, and SHD; NaN without a true graph."""

    f1: float
    f1_high: float
    shd: float


@dataclass(frozen=True, eq=False)
class StabilityFolder:
    """A study: facts, its variants in order, and the three records."""

    path: Path
    facts: dict[str, Any]
    families: tuple[Family, ...]
    variants: tuple[Variant, ...]
    measures: tuple[tuple[str, str], ...]
    rows: Columns
    epochs: Columns
    steps: Columns

    @property
    def has_truth(self) -> bool:
        """Tell whether a true graph is known."""
        return self.facts.get("true_edge_count") is not None

    def variant(self, family: Family, kind: str, measure: str = "") -> Variant | None:
        """Give a variant that has rows; None where it was not trained."""
        for item in self.variants:
            if (item.family.name, item.kind, item.measure) == (family.name, kind, measure):
                return item if self.of(self.rows, item).rows else None
        return None

    def of(self, table: Columns, variant: Variant) -> Columns:
        """Give a variant's rows of a record."""
        here: NDArray[np.bool_] = np.array(
            [
                family == variant.family.name and name == variant.name
                for family, name in zip(table.text("family"), table.text("variant"), strict=True)
            ],
            dtype=bool,
        )
        return table.take(here)

    def reference(self, name: str) -> Reference:
        """Give a reference by name (empty, chance_floor)."""
        found: dict[str, Any] = next((row for row in self.facts.get("references") or [] if row.get("name") == name), {})
        values = (float(found[key]) if found.get(key) is not None else math.nan for key in ("f1", "f1_high", "shd"))
        return Reference(*values)


def load_stability_folder(path: Path) -> StabilityFolder:
    """Read a study's folder.

    Raises:
        RunFolderError: a file is missing, damaged or of a newer format.
    """
    for name in FILES:
        if not (path / name).is_file():
            raise RunFolderError(f"{path} is no stability study: {name} missing", "run the study's command again")
    facts = parsed(path / "summary.json", _facts)
    if facts["format"] > FORMAT:
        raise RunFolderError(f"{path}: written by format {facts['format']}, this graphsweep reads {FORMAT}")
    families = tuple(
        Family(str(item["name"]), str(item["label"]), bool(item["measures"]), str(item["architecture"]))
        for item in facts["families"]
    )
    by_name = {family.name: family for family in families}
    variants = tuple(
        Variant(
            by_name[item["family"]], str(item["variant"]), str(item["label"]), str(item["kind"]), str(item["measure"]),
            float(item["clip_norm"]),
        )
        for item in facts["labels"]
    )  # fmt: skip
    measures = tuple((str(item["name"]), str(item["label"])) for item in facts["measures"])
    records = (read_columns(path / name, TEXTS) for name in FILES[1:])
    return StabilityFolder(path, facts, families, variants, measures, *records)


def _facts(text: str) -> dict[str, Any]:
    found = json.loads(text)
    wanted = ("families", "labels", "measures")
    if not isinstance(found, dict) or not isinstance(found.get("format"), int) or not all(k in found for k in wanted):
        raise ValueError("must have format, families, labels and measures")
    return found


def finite(values: Floats) -> Floats:
    """Give the values that are numbers."""
    return values[np.isfinite(values)]


def middle(values: Floats) -> float:
    """Give the median of what is known; NaN of nothing."""
    known = finite(values)
    return float(np.median(known)) if len(known) else math.nan


def mean(values: Floats) -> float:
    """Give the mean of what is known; NaN of nothing."""
    known = finite(values)
    return float(np.mean(known)) if len(known) else math.nan
