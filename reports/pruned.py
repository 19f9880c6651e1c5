"""What pruning ended and saved, and whether the SHD it judged by already ranked trials as their end does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports import wording
from reports.columns import Floats
from reports.ranks import spearman
from reports.run import Run, number
from reports.scores import finished

LEAST_TRIALS = 8
ALIKE = 1.0
SAFE = 0.5


@dataclass(frozen=True, eq=False)
class Pruning:
    """What the figure shows: n trials, E evaluation epochs.

    Args:
        trial: (n,) numbers of the complete and the pruned trials that have a curve.
        epoch: (E,) ascending.
        shd: (n, E) validation SHD at the cut tuned on the true graph; NaN where the trial was not evaluated.
        final: (n,) SHD that a complete trial is judged by; NaN of a pruned one.
        ended: (n,) epoch at which a trial was pruned; NaN of a complete one.
        agreement: (E,) Spearman of the SHD at an epoch with the final one, over the complete trials evaluated
            there; NaN under `LEAST_TRIALS` of them, or where one side is all equal.
        median: the epoch by which half of the pruned trials had been pruned.
        best: number of the best trial, NaN where none completed.
        pruned: trials that were pruned, of `trials`, with a curve or without.
        saved, share: seconds of training not spent, and their share of what all trials in full had taken.
    """

    trial: Floats
    epoch: Floats
    shd: Floats
    final: Floats
    ended: Floats
    agreement: Floats
    median: float
    best: float
    pruned: int
    trials: int
    saved: float
    share: float

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Whether each trial was trained to its end, (n,)."""
        return np.isfinite(self.final)

    @property
    def agreed(self) -> float:
        """Spearman at the median pruning epoch."""
        return float(self.agreement[np.searchsorted(self.epoch, self.median)])

    @property
    def judged(self) -> int:
        """Number of complete trials evaluated at the median pruning epoch."""
        return int(np.isfinite(self.shd[self.complete][:, np.searchsorted(self.epoch, self.median)]).sum())

    @property
    def too_alike(self) -> bool:
        """Whether the complete trials end so much alike that their order is noise."""
        ends = self.final[self.complete]
        return len(ends) == 0 or float(np.ptp(ends)) <= ALIKE


def saved_seconds(run: Run) -> float:
    """Sum over the pruned trials: (planned - run epochs) x the trial's own seconds an epoch; NaN if not recorded."""
    planned = number(run.settings.get("trainer"), "epochs")
    epochs, seconds = run.trials.number("epochs"), run.trials.number("seconds")
    here = (run.states == "pruned") & (epochs > 0)
    saved = float(((planned - epochs[here]) * seconds[here] / epochs[here]).sum())
    return saved if np.isfinite(saved) else number(run.summary, "pruning_saved_seconds")


def collect(run: Run) -> Pruning | None:
    """Collect the numbers; None where no trial was pruned, or the SHD by epoch was not recorded."""
    whole = run.trials.number("number")
    ended = run.trials.number("pruned_epoch")
    ended = np.where(run.states == "pruned", np.where(np.isfinite(ended), ended, run.trials.number("epochs")), np.nan)
    shown = run.epochs.take(np.isfinite(run.epochs.number("val_shd")))
    trial = np.intersect1d(whole[np.isin(run.states, ("complete", "pruned"))], shown.number("trial"))
    epoch = np.unique(shown.number("epoch")[np.isin(shown.number("trial"), trial)])
    place = np.searchsorted(whole, trial)
    if not np.isfinite(ended[place]).any():
        return None
    shd = np.full((len(trial), len(epoch)), np.nan)
    mine = shown.take(np.isin(shown.number("trial"), trial))
    shd[np.searchsorted(trial, mine.number("trial")), np.searchsorted(epoch, mine.number("epoch"))] = mine.number(
        "val_shd"
    )
    final = finished(run, "val_shd")[place]
    known = np.isfinite(final)
    median = float(np.quantile(ended[place][np.isfinite(ended[place])], 0.5, method="inverted_cdf"))
    spent, saved = float(np.nansum(run.trials.number("seconds"))), saved_seconds(run)
    return Pruning(
        trial=trial,
        epoch=epoch,
        shd=shd,
        final=final,
        ended=ended[place],
        agreement=np.array([spearman(column, final[known], LEAST_TRIALS) for column in shd[known].T]),
        median=float(epoch[min(int(np.searchsorted(epoch, median)), len(epoch) - 1)]),
        best=number(run.best, "number"),
        pruned=run.having("pruned"),
        trials=run.trials.rows,
        saved=saved,
        share=saved / (saved + spent) if saved > 0 and spent > 0 else float("nan"),
    )


def note(run: Run) -> str:
    """Say why there is no figure: nothing was pruned, or the curves were not recorded."""
    pruned, pruner = run.having("pruned"), str((run.settings.get("search") or {}).get("pruner") or "")
    if pruned:
        saved = saved_seconds(run)
        gain = f", which saved about {wording.duration(saved)}" if saved > 0 else ""
        text = f"{wording.count(pruned, 'trial')} {wording.either(pruned, 'was', 'were')} pruned{gain}"
        return f"{text}; the SHD by epoch was not recorded, so nothing says whether that was safe."
    if not run.trials.rows:
        return "No trial was run, so none was pruned."
    if run.objective == "blind":
        return (
            "No trial was pruned: a blind sweep never prunes, because losses of different lambdas cannot be compared "
            "before training has ended."
        )
    if pruner == "none":
        return "No trial was pruned: the pruner is none, so every trial was trained to its end."
    return f"No trial was pruned: {f'the pruner {pruner}' if pruner else 'the pruner'} found none to end early."
