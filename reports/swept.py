"""What was searched: the swept settings of a run, the most important first, and how each is laid out on an axis."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from reports.columns import Floats
from reports.run import Run, number
from reports.wording import axis_name, significant

LAMBDAS = ("lambda_sparse", "lambda_acyclic")
FIRST = (*LAMBDAS, "lr")
UNITS = {"lambda_sparse": "nats per row"}
MOST_LEVELS = 12
WIDE = 20.0
MARGIN = 0.025


@dataclass(frozen=True, eq=False)
class Setting:
    """A swept setting, placed evenly from 0 at its low end to 1 at its high end.

    Args:
        name: its column of trials.csv.
        values: (trials,) float64, NaN where it was not recorded.
        low, high: the searched range, widened to hold every value that was tried; low < high.
        log: places are even in the logarithm; low > 0.
        levels: the values of a list, ascending, the k-th of m at (k + 0.5) / m; empty for a range.
    """

    name: str
    values: Floats
    low: float
    high: float
    log: bool
    levels: tuple[float, ...]

    @property
    def label(self) -> str:
        """Name it in a sentence."""
        return axis_name(self.name)

    @property
    def places(self) -> Floats:
        """Place each trial's value, (trials,)."""
        return self.place(self.values)

    def place(self, values: Floats) -> Floats:
        """Place values, 0 to 1; NaN stays NaN."""
        if self.levels:
            near = np.abs(values[:, None] - np.array(self.levels)).argmin(axis=1)
            return np.where(np.isfinite(values), (near + 0.5) / len(self.levels), np.nan)
        if self.log:
            return np.asarray(np.log(values / self.low) / np.log(self.high / self.low))
        return (values - self.low) / (self.high - self.low)

    def at(self, place: float) -> float:
        """Give the value at a place from 0 to 1."""
        if self.levels:
            return self.levels[min(int(max(place, 0.0) * len(self.levels)), len(self.levels) - 1)]
        if self.log:
            return float(self.low * (self.high / self.low) ** place)
        return self.low + (self.high - self.low) * place

    def dress(self, axes: Axes, side: str, gap: float = 0.1) -> None:
        """Give an axis of places, `x` or `y`, this setting's values as ticks `gap` apart, and its name and unit."""
        axis = axes.xaxis if side == "x" else axes.yaxis
        marks = self.ticks(gap)
        axis.set_ticks(
            [float(place) for place in self.place(np.array(marks))], [significant(mark, 2) for mark in marks]
        )
        (axes.set_xlim if side == "x" else axes.set_ylim)(-MARGIN, 1 + MARGIN)
        axis.set_label_text(f"{self.label} ({UNITS[self.name]})" if self.name in UNITS else self.label)

    def ticks(self, gap: float = 0.1) -> list[float]:
        """Choose values to write on the axis, at least `gap` apart: levels or round numbers, else the two ends."""
        if self.levels:
            return list(self.levels[:: max(1, int(np.ceil(gap * len(self.levels) - 1e-9)))])
        if self.log:
            decades = float(np.log10(self.high / self.low))
            powers = np.arange(np.floor(np.log10(self.low)), np.ceil(np.log10(self.high)) + 1)
            powers = powers[:: max(1, int(np.ceil(gap * decades)))]
            digits = (1, 5, 2, 3, 4, 6, 7, 8, 9) if decades < 2 else (1,)
            marks = [float(f"{digit * 10**power:.6g}") for digit in digits for power in powers]
        else:
            least = (self.high - self.low) * max(gap, 0.15)
            power = 10 ** np.floor(np.log10(least))
            step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * (1 - 1e-9))
            first, last = np.ceil(self.low / step - 1e-9), np.floor(self.high / step + 1e-9)
            marks = [float(f"{k * step:.6g}") for k in np.arange(first, last + 1)]
        kept: dict[float, float] = {}
        for mark, place in zip(marks, self.place(np.array(marks)).tolist(), strict=True):
            if -1e-9 <= place <= 1 + 1e-9 and all(abs(place - other) >= gap - 1e-9 for other in kept.values()):
                kept[mark] = place
        return sorted(kept) if len(kept) > 1 else [self.low, self.high]


def swept(run: Run) -> list[Setting]:
    """Give the settings that took at least two values, the lambdas and lr first, then as in sweep.yaml.

    A folder without a search space on record is asked by its columns: what takes few values is a list.
    """
    space = run.settings.get("space")
    space = space if isinstance(space, dict) else {}
    names = [
        *(name for name in FIRST if name in space or not space),
        *(str(name) for name in space if name not in FIRST),
    ]
    found = (_setting(name, run.trials.number(name), space.get(name)) for name in names)
    return [setting for setting in found if setting is not None]


def _setting(name: str, values: Floats, entry: object) -> Setting | None:
    """Lay out one setting; None where fewer than two values were tried."""
    values = np.where(np.isfinite(values), values, np.nan)
    tried = np.unique(values[np.isfinite(values)])
    if len(tried) < 2:
        return None
    bounds = entry if isinstance(entry, dict) and "low" in entry else {}
    listed = entry.get("values") if isinstance(entry, dict) else entry
    ends = np.array([tried[0], tried[-1], number(bounds, "low"), number(bounds, "high")])
    low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
    few = not bounds and len(tried) <= MOST_LEVELS and 2 * len(tried) <= np.isfinite(values).sum()
    if isinstance(listed, list) or few:
        return Setting(name, values, low, high, False, tuple(float(value) for value in tried))
    log = bool(bounds.get("log", False)) if bounds else high > WIDE * low
    return Setting(name, values, low, high, log and low > 0, ())
