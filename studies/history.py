"""What a sampler looks back on: all trials up to a number, and from there on the best and the latest."""

import copy
import heapq
from collections.abc import Container, Iterator
from contextlib import contextmanager

from optuna.storages import InMemoryStorage
from optuna.trial import FrozenTrial, TrialState

BEST = 25
"""TPE calls at most this many trials good, however many there are; the others it weighs less the older they are."""
WAITING = (TrialState.WAITING,)
RANKED = (TrialState.COMPLETE, TrialState.PRUNED)


def rank(trial: FrozenTrial) -> tuple[float, ...]:
    """Return the key by which TPE sorts trials: complete ones by value, then pruned ones, the longest-lived first."""
    if trial.state == TrialState.COMPLETE:
        return (0, trial.values[0], trial.number)
    step = -1 if trial.last_step is None else trial.last_step
    return (1, -step, trial.intermediate_values.get(step, float("inf")), trial.number)


class BoundedHistory(InMemoryStorage):
    """Optuna's storage in memory that, while a sampler asks, shows it no more than `shown` finished trials.

    A sampler reads every trial again at every ask, so that ten thousand asks would cost hundreds of millions of
    readings. Within `bounded` it sees the 25 best of all finished trials, the latest of the others, and those that
    run: up to `shown` trials nothing changes, and beyond that TPE's good trials stay the very same. What is shown
    depends on the trials alone, not on when or by which process they were asked. One study a storage.

    Args:
        shown: most finished trials that a sampler sees.
    """

    def __init__(self, shown: int) -> None:
        super().__init__()
        self.shown = shown
        self._bounded = False
        self._settled, self._leaders = 0, list[FrozenTrial]()

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Show only a part, as long as this lasts."""
        self._bounded = True
        try:
            yield
        finally:
            self._bounded = False

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials in order of their numbers, as Optuna does, or the part that is shown."""
        if not self._bounded or states == WAITING:
            return super().get_all_trials(study_id, deepcopy, states)
        part = self._part(super().get_all_trials(study_id, deepcopy=False))
        part = part if states is None else [trial for trial in part if trial.state in states]
        return copy.deepcopy(part) if deepcopy else part

    def _part(self, trials: list[FrozenTrial]) -> list[FrozenTrial]:
        """Choose what is shown; all trials before the first that runs are ranked once and for all."""
        if len(trials) <= self.shown:
            return trials
        while self._settled < len(trials) and trials[self._settled].state.is_finished():
            self._leaders.append(trials[self._settled])
            self._settled += 1
        self._leaders = best(self._leaders)
        chosen = {trial.number: trial for trial in best([*self._leaders, *trials[self._settled :]])}
        room = self.shown - len(chosen)
        for trial in reversed(trials):
            if room <= 0 and trial.number < self._settled:
                break
            ended = trial.state.is_finished()
            if trial.number not in chosen and (room > 0 or not ended):
                chosen[trial.number] = trial
                room -= ended
        return [chosen[number] for number in sorted(chosen)]


def best(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """Return the best ranked of the trials, the best first."""
    return heapq.nsmallest(BEST, (trial for trial in trials if trial.state in RANKED), key=rank)
