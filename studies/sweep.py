"""The coordinator: asks for trials, advances them round by round, and ends those that are done.

It knows neither Optuna (`search`), nor processes (`rounds`), nor files (`run_folder`), nor the terminal
(the `Watcher` it is given).
"""

import time
from collections.abc import Callable
from typing import Any, Protocol

from core.config import Hyperparameters
from core.data import Dataset
from core.lanes import Lanes, join, select
from core.results import Outcome, finish
from core.trainer import Evaluation, start
from studies.checkpoint import LiveTrial, Saved
from studies.choice import leader
from studies.journal import Journal
from studies.records import COMPLETE, DIAGNOSIS_COLUMNS, EPOCH_COLUMNS, FAILED, PRUNED, settled
from studies.rounds import Workers
from studies.run_folder import RunFolder
from studies.search import Restored, Search
from sweeps.spec import SweepSpec


class Watcher(Protocol):
    """Who is told what happens, as it happens."""

    def trial_ended(self, row: dict[str, Any], best: bool) -> None:
        """Take the row of a finished trial, and whether it is the best so far."""

    def round_ended(self, rows: list[dict[str, Any]], share: float) -> None:
        """Take all rows so far, and the share of the work that is done, in [0, 1]."""


class Sweep:
    """One run of a search, from its first ask to its last tell.

    Args:
        spec: settings; objective: val_shd or blind.
        dataset: what is learned from.
        workers: who trains.
        folder: where records and checkpoint go.
        watcher: who is told.
        stop: asked before every round; True means return now, with the live trials in the checkpoint.
        out_of_time: asked before new trials start; True means finish the live ones only.
    """

    def __init__(
        self, spec: SweepSpec, objective: str, dataset: Dataset, workers: Workers, folder: RunFolder,
        watcher: Watcher, stop: Callable[[], bool], out_of_time: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.spec, self.objective, self.dataset = spec, objective, dataset
        self.workers, self.folder, self.watcher = workers, folder, watcher
        self.stop, self.out_of_time = stop, out_of_time
        self.search = Search(spec, objective)
        self.journal: Journal | None = None
        self.trials: list[dict[str, Any]] = []
        self.epochs: list[dict[str, Any]] = []
        self.live: list[LiveTrial] = []
        self.lanes: Lanes | None = None
        self.best: Lanes | None = None
        self.leading: list[dict[str, Any]] = []
        self.seconds = 0.0
        self.spent: dict[int, float] = {}
        self.diagnosed: dict[int, list[dict[str, Any]]] = {}
        self.mirrored: Callable[[list[Any]], None] | None = None

    def restore(self, saved: Saved) -> None:
        """Go on from where an earlier process was; a journal that cannot is refused before anything is written."""
        self.journal = self.open_journal()
        self.trials, self.epochs, self.live, self.lanes = saved.trials, saved.epochs, saved.live, saved.lanes
        self.seconds, self.best = saved.search_seconds, saved.best
        self.leading = [row for row in [leader(self.trials, self.objective)] if row is not None]
        reported: dict[int, dict[int, float]] = {}
        going = {trial.number for trial in self.live}
        for row in saved.epochs:
            if row["trial"] in going:
                self.note(row)
            value = row["val_shd"]
            if value is not None and self.objective == "val_shd":
                reported.setdefault(int(row["trial"]), {})[int(row["epoch"])] = float(value)
            self.spent[int(row["trial"])] = self.spent.get(int(row["trial"]), 0.0) + self.interval_seconds(row)
        items = [
            Restored(row["number"], row["state"], self.params(row), self.value(row), reported.get(row["number"], {}))
            for row in self.trials
        ]
        items += [Restored(trial.number, "running", trial.params, None, trial.reported) for trial in self.live]
        self.search.restore(sorted(items), saved.attributes)

    def open_journal(self) -> Journal:
        """Open the run's journal, or begin it."""
        return Journal(str((self.folder.path / "study.journal").absolute()), self.spec.study)

    def interval_seconds(self, row: dict[str, Any]) -> float:
        """Return what an evaluation interval of a trial took, from its row."""
        return float(row["epoch_time"] or 0.0) * self.spec.trainer.evaluate_every

    def note(self, row: dict[str, Any]) -> None:
        """Keep of an evaluation of a live trial what its row of trials.csv will need."""
        kept = {name: row.get(name) for name in DIAGNOSIS_COLUMNS}
        self.diagnosed.setdefault(int(row["trial"]), []).append(kept)

    def params(self, row: dict[str, Any]) -> dict[str, float]:
        """Return the swept settings of a row."""
        return {name: row[name] for name in self.spec.space}

    def value(self, row: dict[str, Any]) -> float | None:
        """Return the objective of a row; lower is better."""
        value = row.get("val_shd" if self.objective == "val_shd" else "blind_score")
        return None if value is None or row["state"] != COMPLETE else float(value)

    def run(self) -> None:
        """Search until the budget is used up or `stop` says so; everything finished is on disk afterwards."""
        budget = self.search.budget()
        journal = self.journal or self.open_journal()
        journal.append(self.search.finished(journal.written))
        self.mirror()
        while not self.stop():
            begin = time.perf_counter()
            self.refill(budget)
            if self.lanes is None:
                break
            self.advance()
            journal.append(self.search.finished(journal.written))
            self.mirror()
            self.seconds += time.perf_counter() - begin
            self.save()
            self.watcher.round_ended(self.trials, self.share())
        self.folder.rewrite(self.trials, self.epochs)

    def mirror(self) -> None:
        """Hand all finished trials to who copies them, if anybody does."""
        if self.mirrored is not None:
            self.mirrored(self.search.finished(0))

    def share(self) -> float:
        """Return the share of the search that is done, in [0, 1]; a trial that was pruned is done."""
        epochs = self.spec.trainer.epochs
        done = epochs * len(self.trials) + sum(max(trial.reported, default=0) for trial in self.live)
        return min(1.0, done / (epochs * self.search.budget()))

    def refill(self, budget: int) -> None:
        """Put new trials on the lanes that are free."""
        free = min(self.spec.search.lanes - len(self.live), budget - self.search.asked)
        asked = [] if self.out_of_time() else [self.search.ask() for _ in range(max(0, free))]
        if not asked:
            return
        fresh = start([(s.number, s.seed, Hyperparameters(**s.params)) for s in asked], self.dataset, self.spec.trainer)
        self.lanes = fresh if self.lanes is None else join([self.lanes, fresh])
        self.live += [LiveTrial(s.number, s.seed, s.params, {}) for s in asked]

    def advance(self) -> None:
        """Train one interval, report everything, then decide, then end what is over."""
        assert self.lanes is not None
        self.lanes, evaluations = self.workers.advance(self.lanes)
        self.folder.settle()
        rows = []
        for trial, evaluation in zip(self.live, evaluations, strict=True):
            rows.append({name: getattr(evaluation, name) for name in EPOCH_COLUMNS})
            self.spent[trial.number] = self.spent.get(trial.number, 0.0) + self.interval_seconds(rows[-1])
            self.note(rows[-1])
            if evaluation.failed_step < 0:
                trial.reported[evaluation.epoch] = evaluation.val_shd
                if self.objective == "val_shd":
                    self.search.report(trial.number, evaluation.epoch, evaluation.val_shd)
        verdicts = [self.verdict(trial, item) for trial, item in zip(self.live, evaluations, strict=True)]
        ended = [lane for lane, verdict in enumerate(verdicts) if verdict]
        finished = self.end(ended, verdicts, evaluations)
        self.epochs += rows
        self.folder.append(finished, rows)
        going = [lane for lane, verdict in enumerate(verdicts) if not verdict]
        self.lanes = select(self.lanes, going) if going else None
        self.live = [self.live[lane] for lane in going]

    def verdict(self, trial: LiveTrial, evaluation: Evaluation) -> str:
        """Return how a trial ends now, or "" if it goes on; asked after all reports of the round."""
        if evaluation.failed_step >= 0:
            return FAILED
        if evaluation.stopped_early or evaluation.epoch >= self.spec.trainer.epochs:
            return COMPLETE
        return PRUNED if self.search.should_prune(trial.number) else ""

    def end(self, ended: list[int], verdicts: list[str], evaluations: list[Evaluation]) -> list[dict[str, Any]]:
        """Write the rows of the trials that ended, in trial order, and tell the search and the watcher."""
        if not ended:
            return []
        assert self.lanes is not None
        rows = []
        outcomes = finish(select(self.lanes, ended), self.dataset, self.spec.trainer)
        for lane, outcome in zip(ended, outcomes, strict=True):
            row = self.row(self.live[lane], verdicts[lane], outcome, evaluations[lane])
            self.search.tell(row["number"], row["state"], self.value(row))
            self.trials.append(row)
            rows.append(row)
            if row["state"] == FAILED:
                self.write_error(row)
            best = leader([*self.leading, row], self.objective) is row
            self.leading = [row] if best else self.leading
            self.best = select(self.lanes, [lane]) if best else self.best
            self.watcher.trial_ended(row, best)
        return rows

    def write_error(self, row: dict[str, Any]) -> None:
        """Write why a trial failed, with its settings."""
        settings = "\n".join(f"{name} {value}" for name, value in self.params(row).items())
        what = f"trial {row['number']} failed at epoch {row['epochs']}: {row['error']}"
        self.folder.write(f"errors/trial-{row['number']:04}.txt", f"{what}\n{settings}\nseed {row['seed']}\n")

    def row(self, trial: LiveTrial, state: str, outcome: Outcome, last: Evaluation) -> dict[str, Any]:
        """Return a trial's row of trials.csv."""
        row: dict[str, Any] = {
            **vars_of(Hyperparameters(**trial.params)),
            "number": trial.number,
            "state": state,
            "seed": trial.seed,
        }
        row["epochs"], row["seconds"] = last.epoch, round(self.spent[trial.number], 4)
        row |= settled(self.diagnosed.pop(trial.number))
        if state == FAILED:
            return {**row, "error": f"loss is not finite at step {last.failed_step}"}
        return {**row, **outcome.numbers, "pruned_epoch": last.epoch if state == PRUNED else None}

    def save(self) -> None:
        """Begin to write the checkpoint."""
        self.folder.checkpoint(
            Saved(self.trials, self.epochs, self.live, self.lanes, self.best, self.search.attributes(), self.seconds)
        )


def vars_of(hyper: Hyperparameters) -> dict[str, float]:
    """Return the settings of a trial by name, swept or not."""
    return {name: getattr(hyper, name) for name in Hyperparameters.__dataclass_fields__}
