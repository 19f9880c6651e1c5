"""What a run says before it starts about data and settings that do not fit together."""

import numpy as np

from core.data import Dataset
from studies.grid import Grid
from studies.lines import count
from sweeps.spec import SweepSpec


def advice(spec: SweepSpec, dataset: Dataset, grid: Grid | None) -> list[str]:
    """Say what about the data and the settings does not fit together."""
    lines = []
    if spec.trainer.max_lag > 0 and not remembers(dataset):
        lines.append("warning: no variable depends on its own past, as if the rows had no time")
        lines.append("hint: for independent rows use --set trainer.max_lag=0")
    return lines + (grid_advice(grid, spec.search.trials) if grid is not None else [])


def grid_advice(grid: Grid, asked: int) -> list[str]:
    """Say how a grid's points and the trials asked for go together, and what is tried again."""
    lines = []
    if grid.size() < asked:
        lines.append(f"warning: the grid has {count(grid.size(), 'point')}, so {asked} trials are not needed")
    elif grid.size() > asked:
        lines.append(f"hint: the grid has {count(grid.size(), 'point')}; --trials {grid.size()} trains them all")
    if grid.again:
        lines.append(f"retrying: {count(len(grid.again), 'point')} that failed, once")
    return lines


def remembers(dataset: Dataset) -> bool:
    """Tell whether some variable follows its own last value, beyond what chance allows."""
    for column in range(len(dataset.names)):
        seen = dataset.observed[1:, column] & dataset.observed[:-1, column] & (np.diff(dataset.block) == 0)
        now, before = dataset.values[1:, column][seen], dataset.values[:-1, column][seen]
        varies = len(now) > 10 and now.std() > 0 and before.std() > 0
        if varies and abs(float(np.corrcoef(now, before)[0, 1])) > 4.0 / len(now) ** 0.5:
            return True
    return False
