"""Landscape: where in the two most important settings the good trials lie, and where the true number of edges.

Cells show the best of their trials, not the mean: a sampler that settles tries good neighbours of bad values.
"""

from dataclasses import dataclass

import numpy as np

from reports import wording
from reports.columns import Floats
from reports.importance import Importances, importances
from reports.run import Run, number
from reports.scores import Scale, scale_of
from reports.smooth import smoothed, width
from reports.swept import LAMBDAS, Setting, swept

FEW_TRIALS = 60
COLUMNS, ROWS = 8, 6
FINE = 31
ABOUT = 0.1
MOST_OF_IT = 0.8


@dataclass(frozen=True, eq=False)
class Panel:
    """One quantity of the trials, (trials,), and whether low is good."""

    label: str
    values: Floats
    low_is_good: bool


@dataclass(frozen=True, eq=False)
class Landscape:
    """What the figure shows; arrays hold the trials that have a score.

    Args:
        settings: one or two settings. places: (n, 1 or 2), 0 to 1 along each.
        complete: (n,). best: place of the best trial in the arrays, -1 where it is not among them.
        cells: cells along each axis, (columns, rows); None where the trials are drawn one by one.
        surface: (FINE,) or (FINE, FINE) [y, x], log(1 + edges) at cut 0.5; NaN far from any trial, or without a truth.
    """

    settings: list[Setting]
    places: Floats
    complete: np.ndarray[tuple[int], np.dtype[np.bool_]]
    panels: list[Panel]
    best: int
    cells: tuple[int, int] | None
    surface: Floats
    truth: float
    trials: int
    scale: Scale

    def cell_of(self) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
        """Give column and row of each trial, (n, 2)."""
        size = np.array(self.cells or (1, 1))
        return np.asarray(np.clip((self.places * size).astype(np.int64), 0, size - 1))

    def reached(self, panel: Panel) -> tuple[Floats, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
        """Give the best value of the complete trials and the number of all trials in each cell, (rows, columns)."""
        columns, rows = self.cells or (1, 1)
        best, count = np.full((rows, columns), np.nan), np.zeros((rows, columns), dtype=np.int64)
        better = np.fmin if panel.low_is_good else np.fmax
        for (column, row), value, complete in zip(self.cell_of(), panel.values, self.complete, strict=True):
            count[row, column] += 1
            if complete:
                best[row, column] = better(best[row, column], value)
        return best, count

    @property
    def true_levels(self) -> list[float]:
        """Heights of the surface that bound about the true number of edges: a tenth (or half an edge) more or less."""
        slack = max(0.5, ABOUT * self.truth)
        return [float(np.log1p(self.truth - slack)), float(np.log1p(self.truth + slack))]

    def levels_met(self) -> list[float]:
        """Give those of the two levels that the surface passes through."""
        known = self.surface[np.isfinite(self.surface)]
        return [level for level in self.true_levels if len(known) and known.min() < level < known.max()]

    def true_range(self) -> tuple[float, float] | None:
        """Give the values of the first setting between which graphs have about the true number of edges.

        None where no graph has, or where that is nearly all of the setting's range.
        """
        lines = np.atleast_2d(self.surface)
        low, high = self.true_levels
        with np.errstate(invalid="ignore"):
            inside = ((lines >= low) & (lines <= high)).any(axis=0)
            across = ((lines[:, :-1] - low) * (lines[:, 1:] - low) <= 0).any(axis=0)
        steps = np.arange(FINE) / (FINE - 1)
        found = np.concatenate([steps[inside], steps[:-1][across] + 0.5 / (FINE - 1)])
        if not len(found):
            return None
        ends = float(found.min()), float(found.max())
        setting = self.settings[0]
        return (setting.at(ends[0]), setting.at(ends[1])) if ends[1] - ends[0] <= MOST_OF_IT else None


def chosen(run: Run, measured: Importances | None) -> list[Setting]:
    """Choose the two settings to draw: the swept lambdas, then what explains most of the ranking."""
    shares = dict(zip([s.name for s in measured.settings], measured.share.tolist(), strict=True)) if measured else {}
    first = dict.fromkeys(LAMBDAS, 1.0)  # no share is larger; of equals the one that stands first stays first
    return sorted(swept(run), key=lambda setting: -first.get(setting.name, shares.get(setting.name, 0.0)))[:2]


def collect(run: Run) -> Landscape | None:
    """Collect the numbers; None where nothing was swept or fewer than two trials have a score."""
    scale, settings = scale_of(run), chosen(run, importances(run))
    if not settings:
        return None
    places = np.stack([setting.places for setting in settings], axis=1)
    score = run.trials.number(scale.order)
    here = np.isfinite(score) & np.isfinite(places).all(axis=1)
    if here.sum() < 2:
        return None
    panels = [Panel(scale.order_label, score[here], low_is_good=True)]
    f1 = run.trials.number(scale.f1)[here]
    if run.has_truth and np.isfinite(f1).any():
        panels.append(Panel("F1", f1, low_is_good=False))
    number_of = run.trials.number("number")[here]
    found = np.flatnonzero(number_of == number(run.best, "number"))
    grid = len(settings) == 2 and all(setting.levels for setting in settings)
    cells = (_cells(settings[0], COLUMNS), _cells(settings[1], ROWS)) if len(settings) == 2 else None
    return Landscape(
        settings=settings,
        places=places[here],
        complete=(run.states == "complete")[here],
        panels=panels,
        best=int(found[0]) if len(found) else -1,
        cells=cells if grid or here.sum() >= FEW_TRIALS else None,
        surface=_surface(settings, places[here], run.trials.number("edge_count_blind")[here], run.true_edges),
        truth=run.true_edges,
        trials=run.trials.rows,
        scale=scale,
    )


def _cells(setting: Setting, usual: int) -> int:
    return len(setting.levels) or usual


def _surface(settings: list[Setting], places: Floats, edges: Floats, truth: float) -> Floats:
    """Smooth the number of edges over the settings."""
    line = np.linspace(0, 1, FINE)
    where = np.stack([axis.ravel() for axis in np.meshgrid(*[line] * len(settings))], axis=1)
    known = np.isfinite(edges)
    if not truth > 0:
        return np.full((FINE,) * len(settings), np.nan)
    widths = np.array([width(len(setting.levels)) for setting in settings])
    return smoothed(places[known], np.log1p(edges[known]), where, widths).reshape((FINE,) * len(settings))


def title(numbers: Landscape) -> str:
    """Say where the trial that the run chose lies, and where the graphs have the true number of edges."""
    panel = numbers.panels[0]
    if not numbers.complete.any():
        return f"No trial completed; {wording.count(len(numbers.places), 'pruned trial')} of {numbers.trials:,} drawn"
    values = np.where(numbers.complete, panel.values, np.nan)
    best = numbers.best if numbers.best >= 0 else int(np.nanargmin(values))
    at = [
        f"{s.label} {wording.significant(s.at(p), 2)}"
        for s, p in zip(numbers.settings, numbers.places[best], strict=True)
    ]
    quantity = "blind score" if "blind" in panel.label else "SHD"
    value = f"{quantity} {written(panel, float(panel.values[best]))}"
    whose = f"Best {value}" if numbers.scale.oracle or numbers.best < 0 else f"The blind pick has {value}"
    text = f"{whose} at {wording.listing(at)}"
    span = numbers.true_range()
    if span is None:
        return text
    first, last = (wording.significant(value, 2) for value in span)
    about = f"about {first}" if first == last else f"{first} to {last}"
    name = numbers.settings[0].label
    return f"{text}; graphs have about the true {wording.count(numbers.truth, 'edge')} at {name} {about}"


def written(panel: Panel, value: float) -> str:
    """Write a value of a panel."""
    if panel.label == "F1":
        return wording.f1(value)
    return wording.shd(value) if "SHD" in panel.label else wording.significant(value, 3)


def caption(numbers: Landscape) -> str:
    """Say how to read the figure."""
    drawn = f"{len(numbers.places):,} of {wording.count(numbers.trials, 'trial')} have a score and are drawn"
    if numbers.cells is not None:
        parts = [
            "Each cell has the best of its complete trials and, small, the number of all its trials; stronger is better"
        ]
    elif len(numbers.settings) == 1:
        parts = ["One mark per trial; the solid line follows the complete trials nearby"]
    else:
        parts = ["One mark per trial, stronger is better; diamonds were pruned and have their last score"]
    parts.append(f"{drawn}.")
    if numbers.levels_met():
        where = "Green" if numbers.cells is None and len(numbers.settings) > 1 else "Dashed"
        parts.append(f"{where}: about as many edges as the true graph, at cut 0.5, smoothed over trials nearby.")
    if numbers.scale.oracle:
        parts.append("Scores are at the cut that suits each trial best on the true graph (oracle).")
    return f"{parts[0]}; {' '.join(parts[1:])}" if len(parts) > 1 else parts[0]
