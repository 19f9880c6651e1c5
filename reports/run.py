"""A run folder in memory: everything the report is a function of."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.columns import Columns, Floats

REFERENCES = frozenset({"empty", "chance", "chance_floor"})
PEERS = frozenset({"pcmci", "var_lingam", "direct_lingam", "dagma"})
Record = dict[str, Any]


def number(record: Record | None, key: str) -> float:
    """Give a record's number; NaN where it is absent, null or no number."""
    value = (record or {}).get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")


@dataclass(frozen=True)
class Baseline:
    """A reference to compare with.

    `oracle`: its cut was chosen by looking at the true graph. `error`: why it has no graph. `sortability`: share
    of the true paths along which what the method sorts by rises.
    """

    name: str
    label: str
    oracle: bool
    shd: float
    f1: float
    edge_count: float
    f1_high: float
    note: str
    error: str = ""
    sortability: float = float("nan")


@dataclass(frozen=True, eq=False)
class Run:
    """A run folder in memory.

    Args:
        name: the folder's name.
        summary: summary.json; `best`, `blind` and `confirm` may be None.
        trials: one row a trial, in the order of their numbers.
        epochs: one row a trial and evaluation; no rows where it was not recorded.
        baselines: the references, in the file's order.
        names: d variable names.
        truth: (d, d) bool, [i, j] is i -> j; None where no true graph is known.
        adjacency: (d, d) float64 in [0, 1] of the best trial, [i, j] is the strength of i -> j; or None.
        seeds: winner and blind pick on fresh seeds; no rows where they were not run. fresh_data: the same on
            fresh data sets of the sweep's simulation. returns: how often each edge is in a fresh seed's graph.
        settings: sweep.yaml.
        environment: environment.json.
    """

    name: str
    summary: Record
    trials: Columns
    epochs: Columns
    baselines: tuple[Baseline, ...]
    names: tuple[str, ...]
    truth: NDArray[np.bool_] | None
    adjacency: Floats | None
    seeds: Columns
    settings: Record
    environment: Record
    fresh_data: Columns = field(default_factory=lambda: Columns(0, {}, {}))
    returns: Columns = field(default_factory=lambda: Columns(0, {}, {}))

    @property
    def best(self) -> Record | None:
        """The best complete trial, or None where none completed."""
        return self.summary.get("best")

    @property
    def objective(self) -> str:
        """What was searched for: `val_shd` (looks at the true graph) or `blind`."""
        return str(self.summary.get("objective", "val_shd"))

    @property
    def data(self) -> Record:
        """What environment.json says about the data."""
        return dict(self.environment.get("data") or {})

    @cached_property
    def states(self) -> NDArray[np.str_]:
        """State of each trial, (trials,)."""
        return np.array(self.trials.text("state"), dtype=np.str_)

    def having(self, state: str) -> int:
        """Count the trials in a state: complete, pruned or failed."""
        return int(np.sum(self.states == state))

    @property
    def has_truth(self) -> bool:
        """Whether accuracies were recorded."""
        recorded = number(self.data, "true_edge_count")
        return self.truth is not None or bool(np.isfinite(recorded))

    @property
    def true_edges(self) -> float:
        """Number of true edges; NaN where no true graph is known."""
        for count in (number(self.best, "true_edge_count"), number(self.data, "true_edge_count")):
            if np.isfinite(count):
                return count
        return float(self.truth.sum()) if self.truth is not None else float("nan")

    @property
    def pairs(self) -> int:
        """Number of ordered pairs of variables: the edges of the full graph, d (d - 1)."""
        return len(self.names) * (len(self.names) - 1)

    def baseline(self, name: str) -> Baseline | None:
        """Give a reference by its name."""
        return next((row for row in self.baselines if row.name == name), None)
