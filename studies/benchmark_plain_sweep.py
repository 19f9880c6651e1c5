"""A sweep of plain trials as Optuna's documentation advises: processes that share a journal, or threads of one.

The study searches the same space with the same budget and the same trials' seeds, by Optuna's default sampler, and
prunes by its MedianPruner after the same warm-up.
"""

import functools
import math
from pathlib import Path
from typing import Any

import joblib
import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import TrialState

from core.config import Hyperparameters
from core.data import Dataset, prepare
from core.processors import cores
from core.simulate import simulate
from studies.benchmark_plain import PlainTrial
from studies.processes import in_worker, one_thread
from studies.search import SAMPLER_STREAM, TRIAL_STREAM, derived_seed
from sweeps.space import Choices
from sweeps.spec import SweepSpec, load_spec

NAME, SETTINGS = "plain", "sweep.yaml"


def objective(trial: optuna.Trial, spec: SweepSpec, dataset: Dataset) -> float:
    """Train one trial, reporting its SHD at every evaluation; return that of its best weights."""
    one_thread()
    params = {}
    for name, entry in spec.space.items():
        if isinstance(entry, Choices):
            params[name] = float(trial.suggest_categorical(name, entry.values))
        else:
            params[name] = trial.suggest_float(name, entry.low, entry.high, log=entry.log)
    seed = derived_seed(spec.search.seed, trial.number, TRIAL_STREAM)
    plain = PlainTrial(Hyperparameters(**params), seed, dataset, spec.trainer)
    for found in plain.train():
        trial.report(found.val_shd, found.epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return plain.final_shd()


def pruner(spec: SweepSpec) -> optuna.pruners.BasePruner:
    """Return Optuna's MedianPruner, with the sweep's warm-up."""
    return optuna.pruners.MedianPruner(n_warmup_steps=int(spec.search.prune_warmup * spec.trainer.epochs))


def journal(folder: Path) -> JournalStorage:
    """Open the journal that the processes share."""
    path = folder / "plain.journal"
    return JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))


@functools.lru_cache(maxsize=1)
def joined(folder: Path) -> tuple[optuna.Study, Dataset, SweepSpec]:
    """Load the shared study and draw the data, once a process."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec = load_spec(folder / SETTINGS)
    study = optuna.load_study(study_name=NAME, storage=journal(folder), pruner=pruner(spec))
    return study, prepare(simulate(spec.data), spec.trainer), spec


def one_trial(folder: Path, index: int) -> None:
    """Run one trial of the shared study, in whatever process this is."""
    study, dataset, spec = joined(folder)
    study.sampler = optuna.samplers.TPESampler(seed=derived_seed(spec.search.seed, index, SAMPLER_STREAM))
    study.optimize(lambda trial: objective(trial, spec, dataset), n_trials=1, catch=(FloatingPointError,))


def processes(spec: SweepSpec, folder: Path) -> dict[str, Any]:
    """Run a sweep with one trial a process at a time; return what it came to."""
    study = optuna.create_study(study_name=NAME, storage=journal(folder), direction="minimize")
    jobs, places = spec.backend.jobs or cores(), range(spec.search.trials)
    if jobs == 1:
        for index in places:
            one_trial(folder, index)
    else:
        pool = joblib.Parallel(n_jobs=jobs, backend="loky", batch_size=1, pre_dispatch=jobs)
        pool(joblib.delayed(in_worker)(one_trial, folder, index) for index in places)
    return came_to(study)


def threads(spec: SweepSpec, jobs: int = 2) -> dict[str, Any]:
    """Run a sweep by `study.optimize(n_jobs=2)`, threads of one process; return what it came to."""
    dataset = prepare(simulate(spec.data), spec.trainer)
    sampler = optuna.samplers.TPESampler(seed=derived_seed(spec.search.seed, 0, SAMPLER_STREAM))
    study = optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner(spec))
    study.optimize(
        lambda trial: objective(trial, spec, dataset),
        n_trials=spec.search.trials,
        n_jobs=jobs,
        catch=(FloatingPointError,),
    )
    return came_to(study)


def came_to(study: optuna.Study) -> dict[str, Any]:
    """Return a study's trials by state, the epochs trained in all, and the best SHD."""
    trials = study.get_trials(deepcopy=False)
    values = [trial.value for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    states = [trial.state for trial in trials]
    return {
        "trials": len(trials),
        "complete": states.count(TrialState.COMPLETE),
        "pruned": states.count(TrialState.PRUNED),
        "failed": states.count(TrialState.FAIL),
        "epochs": sum(trial.last_step or 0 for trial in trials),
        "best_val_shd": min(values, default=math.nan),
    }
