"""Part orchestration: what ask, report, prune, tell and records cost, ours beside Optuna's own storages."""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import create_trial

from studies.benchmark_rows import Sheet, rotated
from studies.journal import Journal
from studies.records import COMPLETE, EPOCH_COLUMNS, trial_columns
from studies.run_folder import RunFolder
from studies.search import Restored, Search, distributions, make_pruner, make_sampler
from sweeps.benchmark_spec import BenchmarkSpec
from sweeps.space import Choices
from sweeps.spec import SweepSpec

IN_MEMORY = '{"study": {}, "trials": {}}'
VALUE, WARM_UP = 5.0, 2
Earlier = list[tuple[dict[str, float], dict[int, float]]]
"""Settings and reported values of the finished trials that a study has behind it."""


class Orchestra(Protocol):
    """Who plays a repetition: trials asked together, reported and pruned round by round, then told."""

    def ask(self) -> Any:
        """Start a trial and return its handle."""

    def report(self, trial: Any, epoch: int, value: float) -> None:
        """Report a value."""

    def prune(self, trial: Any) -> bool:
        """Ask whether it ends."""

    def round_ended(self, epoch: int, trials: list[Any]) -> None:
        """Write what the round gave."""

    def tell(self, trials: list[Any]) -> None:
        """End the trials, complete."""

    def use(self, sampler: str) -> None:
        """Ask another sampler from here on."""


class Ours:
    """The study in memory, records and journal written once a round, as `studies.sweep` does it."""

    def __init__(self, spec: SweepSpec, folder: Path, earlier: Earlier) -> None:
        self.spec, self.search = spec, Search(spec, "val_shd")
        self.search.restore(
            [Restored(n, COMPLETE, params, VALUE, told) for n, (params, told) in enumerate(earlier)], IN_MEMORY
        )
        self.folder = RunFolder(folder, list(spec.space))
        self.journal = Journal(str((folder / "study.journal").absolute()), spec.study)
        self.journal.written = len(earlier)

    def use(self, sampler: str) -> None:
        """Ask another sampler from here on."""
        self.search.spec = replace(self.spec, search=replace(self.spec.search, sampler=sampler))

    def ask(self) -> int:
        """Start a trial."""
        return self.search.ask().number

    def report(self, trial: int, epoch: int, value: float) -> None:
        """Report a value."""
        self.search.report(trial, epoch, value)

    def prune(self, trial: int) -> bool:
        """Ask whether it ends."""
        return self.search.should_prune(trial)

    def round_ended(self, epoch: int, trials: list[int]) -> None:
        """Append the round's rows."""
        self.folder.append([], [{**dict.fromkeys(EPOCH_COLUMNS, 0.123456), "trial": n, "epoch": epoch} for n in trials])

    def tell(self, trials: list[int]) -> None:
        """End the trials, append their rows, and copy them to the journal."""
        for number in trials:
            self.search.tell(number, COMPLETE, VALUE)
        columns = trial_columns(self.spec.space)
        self.folder.append([{**dict.fromkeys(columns, 0.123456), "number": number} for number in trials], [])
        self.journal.append(self.search.finished(self.journal.written))


class Optunas:
    """An Optuna study on one of its storages, with the same space, sampler and pruner."""

    def __init__(self, spec: SweepSpec, storage: BaseStorage, earlier: Earlier) -> None:
        self.spec, self.space = spec, distributions(spec)
        self.study = optuna.create_study(storage=storage, direction="minimize", pruner=make_pruner(spec))
        self.study.add_trials([
            create_trial(value=VALUE, params=params, distributions=self.space, intermediate_values=told)
            for params, told in earlier
        ])  # fmt: skip

    def use(self, sampler: str) -> None:
        """Ask another sampler from here on."""
        self.study.sampler = make_sampler(replace(self.spec, search=replace(self.spec.search, sampler=sampler)), 0)

    def ask(self) -> optuna.Trial:
        """Start a trial."""
        return self.study.ask(self.space)

    def report(self, trial: optuna.Trial, epoch: int, value: float) -> None:
        """Report a value."""
        trial.report(value, epoch)

    def prune(self, trial: optuna.Trial) -> bool:
        """Ask whether it ends."""
        return trial.should_prune()

    def round_ended(self, epoch: int, trials: list[optuna.Trial]) -> None:
        """Write nothing: the storage has it all."""

    def tell(self, trials: list[optuna.Trial]) -> None:
        """End the trials."""
        for trial in trials:
            self.study.tell(trial, VALUE)


def steps(spec: SweepSpec) -> list[int]:
    """Return the epochs at which a trial reports."""
    every = spec.trainer.evaluate_every
    return list(range(every, max(every, spec.trainer.epochs) + 1, every))


def drawn_trials(spec: SweepSpec, count: int) -> Earlier:
    """Draw finished trials: settings from the space, values that fall with the epochs."""
    draw, found = random.Random(count), []
    for _ in range(count):
        params = {
            name: draw.choice(entry.values) if isinstance(entry, Choices) else draw.uniform(entry.low, entry.high)
            for name, entry in spec.space.items()
        }
        told = {epoch: 20.0 * draw.random() for epoch in steps(spec)}
        found.append((params, told))
    return found


def journal_storage(folder: Path) -> BaseStorage:
    """Open Optuna's journal file, without links, which some file systems lack."""
    path = str(folder / "optuna.journal")
    return JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))


def measure_orchestration(sheet: Sheet, spec: BenchmarkSpec, size: int, folder: Path) -> None:
    """Time trials asked, reported at every evaluation, pruned and told, on studies with `size` finished ones.

    A trial-report is one report with its question whether to prune, and its share of ask, tell and records. Answers
    to prune are not heeded, so that all do the same calls. `random` has no cost of its own; the sweep's sampler has.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sweep, folder = spec.sweep, folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    earlier = drawn_trials(sweep, size)
    makers: dict[str, Callable[[], Orchestra]] = {
        "graphsweep": lambda: Ours(sweep, folder / "ours", earlier),
        "Optuna, journal file": lambda: Optunas(sweep, journal_storage(folder), earlier),
        "Optuna, SQLite": lambda: Optunas(sweep, RDBStorage(f"sqlite:///{folder / 'optuna.db'}"), earlier),
    }
    players = {}
    for name, make in makers.items():
        sheet.check()
        players[name] = make()
        play(players[name], steps(sweep), WARM_UP)
    asked, samplers = spec.measure.asked, list(dict.fromkeys(("random", sweep.search.sampler)))
    for repeat in range(spec.measure.repeats):
        for sampler in samplers:
            for method, player in rotated(list(players.items()), repeat):
                sheet.check()
                player.use(sampler)
                seconds = play(player, steps(sweep), asked)
                reports = asked * len(steps(sweep))
                values = {"milliseconds_per_trial_report": 1000.0 * seconds / reports, "trial_reports": float(reports)}
                sheet.add(method, repeat, values, trials=size, sampler=sampler)
    ours = players["graphsweep"]
    assert isinstance(ours, Ours)
    ours.folder.close()


def play(player: Orchestra, epochs: list[int], asked: int) -> float:
    """Play one repetition; return its seconds."""
    begin = time.perf_counter()
    trials = [player.ask() for _ in range(asked)]
    for epoch in epochs:
        for place, trial in enumerate(trials):
            player.report(trial, epoch, 5.0 + place)
        for trial in trials:
            player.prune(trial)
        player.round_ended(epoch, trials)
    player.tell(trials)
    return time.perf_counter() - begin
