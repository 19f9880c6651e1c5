"""Optuna: ask, report, prune, tell. Only this file, `journal` and `mirror` know it.

The live study stays in memory, so an operation costs microseconds; what must outlive the process is kept
by the run folder. A fresh sampler is made for every trial, seeded from (study seed, trial number): the
suggestions then depend on the records alone, not on how often the run was continued.
"""

import json
import sys
import warnings
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from studies.grid import Grid
from studies.history import BoundedHistory
from studies.records import COMPLETE, FAILED, PRUNED
from sweeps.space import Choices
from sweeps.spec import SweepSpec

TRIAL_STREAM, SAMPLER_STREAM = 1, 2
COHORT_STEPS = 3
HISTORY = 500
"""Most finished trials that TPE looks back on: an ask then costs 5 ms, where 10,000 trials would make it 75 ms."""
STATES = {COMPLETE: TrialState.COMPLETE, PRUNED: TrialState.PRUNED, FAILED: TrialState.FAIL}
KEPT_ATTRIBUTES = ("cma:",)

optuna.logging.set_verbosity(optuna.logging.WARNING)


class Suggestion(NamedTuple):
    """A trial to train: its number, its own seed, and the swept settings."""

    number: int
    seed: int
    params: dict[str, float]


def derived_seed(study_seed: int, number: int, stream: int) -> int:
    """Return a 32-bit seed that depends on the study's seed, the trial and the purpose alone."""
    return int(np.random.SeedSequence([study_seed, number, stream]).generate_state(1)[0])


def pruning_epochs(spec: SweepSpec) -> list[int]:
    """Return the epochs after which the cohort decides: evenly from the pruning warm-up to the end, without it."""
    every, epochs = spec.trainer.evaluate_every, spec.trainer.epochs
    first = max(every, spec.search.prune_warmup * epochs)
    steps = [first + k * (epochs - first) / COHORT_STEPS for k in range(COHORT_STEPS)]
    return sorted({int(-(-step // every)) * every for step in steps} - {epochs})


class CohortPruner(BasePruner):
    """Prune a trial that is outside the best share of all trials that have reached the same epoch.

    Running, finished and pruned trials count alike, and a tie survives, so that the decision is a function
    of what was reported, not of the order in which trials ask.

    Args:
        epochs: when to decide.
        keep: share of the trials that passes, in (0, 1].
        quorum: trials that must have reached the epoch before anyone is pruned.
    """

    def __init__(self, epochs: list[int], keep: float, quorum: int = 4) -> None:
        self.epochs, self.keep, self.quorum = frozenset(epochs), keep, quorum
        self.study: optuna.Study | None = None
        self.settled = 0
        self.reached: dict[int, list[float]] = {}

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Tell whether the trial ends now."""
        step = trial.last_step
        if step not in self.epochs:
            return False
        others, mine = study.get_trials(deepcopy=False), trial.intermediate_values[step]
        known = self.known(study, others, step)
        live = [other.intermediate_values for other in others[self.settled :]]
        values = [reported[step] for reported in live if step in reported]
        better, count = bisect_left(known, mine) + sum(value < mine for value in values), len(known) + len(values)
        return count >= self.quorum and better >= self.keep * count

    def known(self, study: optuna.Study, trials: list[FrozenTrial], step: int) -> list[float]:
        """Return in order what the trials before the first that still runs reported at an epoch, each read once."""
        if self.study is not study:
            self.study, self.settled, self.reached = study, 0, {epoch: [] for epoch in self.epochs}
        while self.settled < len(trials) and trials[self.settled].state.is_finished():
            reported = trials[self.settled].intermediate_values
            for epoch in self.epochs.intersection(reported):
                insort(self.reached[epoch], reported[epoch])
            self.settled += 1
        return self.reached[step]


def make_pruner(spec: SweepSpec) -> BasePruner:
    """Return the pruner of the settings: our own, or Optuna's by name."""
    first = int(spec.search.prune_warmup * spec.trainer.epochs)
    pruners = optuna.pruners
    if spec.search.pruner == "cohort":
        return CohortPruner(pruning_epochs(spec), spec.search.prune_keep)
    if spec.search.pruner == "median":
        return pruners.MedianPruner(n_warmup_steps=first)
    if spec.search.pruner == "percentile":
        return pruners.PercentilePruner(100 * spec.search.prune_keep, n_warmup_steps=first)
    if spec.search.pruner == "hyperband":
        return pruners.HyperbandPruner(min_resource=max(1, first), max_resource=spec.trainer.epochs)
    return pruners.NopPruner()


def make_sampler(spec: SweepSpec, number: int) -> BaseSampler:
    """Return the sampler for one trial, seeded by its number."""
    seed = derived_seed(spec.search.seed, number, SAMPLER_STREAM)
    samplers = optuna.samplers
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        if spec.search.sampler == "tpe":
            return samplers.TPESampler(seed=seed, n_startup_trials=max(10, spec.search.lanes))
        if spec.search.sampler == "qmc":  # one scrambled sequence for the whole study: the seed must not change
            own = derived_seed(spec.search.seed, 0, SAMPLER_STREAM)
            apart = samplers.RandomSampler(seed=seed)
            return samplers.QMCSampler(
                seed=own, scramble=True, independent_sampler=apart, warn_asynchronous_seeding=False
            )
        if spec.search.sampler == "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if spec.search.sampler == "gp":
            return samplers.GPSampler(seed=seed)
        return samplers.RandomSampler(seed=seed)


def distributions(spec: SweepSpec, tried: Iterable[dict[str, float]] = ()) -> dict[str, BaseDistribution]:
    """Return the search space for Optuna; a grid's is a range, as Optuna allows no list of values to grow.

    Args:
        spec: settings.
        tried: points of a grid that were tried when it had other values.
    """
    space: dict[str, BaseDistribution] = {}
    for name, entry in spec.space.items():
        if isinstance(entry, Choices) and spec.search.sampler == "grid":
            values = [*entry.values, *(point[name] for point in tried)]
            space[name] = FloatDistribution(min(values), max(values))
        elif isinstance(entry, Choices):
            space[name] = CategoricalDistribution(entry.values)
        else:
            space[name] = FloatDistribution(entry.low, entry.high, log=entry.log)
    return space


class Search:
    """A study in memory, of which the coordinator asks and to which it reports.

    Args:
        spec: space, sampler, pruner, seed.
        objective: val_shd (oracle, prunes) or blind (never prunes: no number of an unfinished trial is
            comparable between different lambdas without the truth).
    """

    def __init__(self, spec: SweepSpec, objective: str) -> None:
        self.spec = spec
        self.space = distributions(spec)
        self.grid = Grid(spec.space) if spec.search.sampler == "grid" else None
        if self.grid is not None:
            self.grid.plan(spec.search.trials)
        pruner = make_pruner(spec) if objective == "val_shd" else optuna.pruners.NopPruner()
        self.storage = BoundedHistory(HISTORY if spec.search.sampler == "tpe" else sys.maxsize)
        self.study = optuna.create_study(
            study_name=spec.study, storage=self.storage, direction="minimize", pruner=pruner
        )
        self.live: dict[int, optuna.Trial] = {}
        self.settled, self.finished_attributes = 0, dict[int, dict[str, Any]]()

    @property
    def asked(self) -> int:
        """Number of trials so far, running ones included."""
        return len(self.study.get_trials(deepcopy=False))

    def budget(self) -> int:
        """Return how many trials there can be in all: the settings' number, or what the grid comes to."""
        return self.spec.search.trials if self.grid is None else self.asked + len(self.grid)

    def ask(self) -> Suggestion:
        """Suggest the next trial."""
        number = self.asked
        self.study.sampler = make_sampler(self.spec, number)
        if self.grid is not None:
            self.study.enqueue_trial(self.grid.take())
        with self.storage.bounded():
            trial = self.study.ask(self.space)
        self.live[number] = trial
        return Suggestion(number, derived_seed(self.spec.search.seed, number, TRIAL_STREAM), dict(trial.params))

    def report(self, number: int, epoch: int, value: float) -> None:
        """Tell a running trial's value at an epoch."""
        self.live[number].report(value, epoch)

    def should_prune(self, number: int) -> bool:
        """Tell whether a running trial ends now; to be asked after all reports of the round."""
        return self.live[number].should_prune()

    def tell(self, number: int, state: str, value: float | None) -> None:
        """End a running trial: complete with its value, pruned or failed."""
        trial = self.live.pop(number)
        self.study.tell(trial, value if state == COMPLETE else None, STATES[state])

    def attributes(self) -> str:
        """Return what samplers keep between trials, as JSON: for the study, and for each trial that matters."""
        storage, trials = self.study._storage, self.study.get_trials(deepcopy=False)
        while self.settled < len(trials) and trials[self.settled].state.is_finished():
            self.keep(self.finished_attributes, trials[self.settled])
            self.settled += 1
        kept = dict(self.finished_attributes)
        for trial in trials[self.settled :]:
            self.keep(kept, trial)
        found = {"study": storage.get_study_system_attrs(self.study._study_id), "trials": kept}
        return json.dumps(found if self.grid is None else {**found, "grid": self.grid.state(running=bool(self.live))})

    def keep(self, kept: dict[int, dict[str, Any]], trial: FrozenTrial) -> None:
        """Note a trial's attributes if they matter: while it runs, or where a sampler looks back on them."""
        if trial.number in self.live or any(key.startswith(KEPT_ATTRIBUTES) for key in trial.system_attrs):
            kept[trial.number] = trial.system_attrs

    def restore(self, trials: list["Restored"], attributes: str) -> None:
        """Put the trials of an earlier process back, in number order and without a gap.

        Args:
            trials: finished and running ones.
            attributes: what `attributes` returned when they were saved.
        """
        saved = json.loads(attributes)
        if self.grid is not None:
            self.space = distributions(self.spec, [item.params for item in trials])
            self.grid.plan(self.spec.search.trials, [(item.params, item.state) for item in trials], saved.get("grid"))
        for key, value in saved["study"].items():
            self.study._storage.set_study_system_attr(self.study._study_id, key, value)
        for item in trials:
            state = TrialState.RUNNING if item.state == "running" else STATES[item.state]
            frozen = optuna.trial.create_trial(
                state=state,
                value=restored_value(item, state),
                params=item.params,
                distributions=self.space,
                intermediate_values=item.reported,
                system_attrs=saved["trials"].get(str(item.number), {}),
            )
            self.study.add_trial(frozen)
            if state == TrialState.RUNNING:
                stored = self.study.get_trials(deepcopy=False)[-1]
                self.live[item.number] = optuna.Trial(self.study, stored._trial_id)

    def finished(self, first: int) -> list[FrozenTrial]:
        """Return the finished trials from a number on, up to the first that still runs."""
        done = []
        for trial in self.study.get_trials(deepcopy=False)[first:]:
            if not trial.state.is_finished():
                break
            done.append(trial)
        return done


class Restored(NamedTuple):
    """A trial of an earlier process: state is complete, pruned, failed or running."""

    number: int
    state: str
    params: dict[str, float]
    value: float | None
    reported: dict[int, float]


def restored_value(item: Restored, state: TrialState) -> float | None:
    """Return a trial's value as Optuna has it: a pruned trial's is the last one reported."""
    if state == TrialState.PRUNED and item.reported:
        return item.reported[max(item.reported)]
    return item.value if state == TrialState.COMPLETE else None
