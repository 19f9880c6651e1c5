"""Part ray: the plain trials under Ray Tune, one a core, ended early by ASHA."""

import importlib.util
import math
from pathlib import Path
from typing import Any

import optuna

from core.config import Hyperparameters
from core.data import Dataset, prepare
from core.processors import cores
from core.simulate import simulate
from studies.benchmark_plain import PlainTrial
from studies.processes import one_thread
from studies.search import TRIAL_STREAM, derived_seed
from sweeps.space import Choices
from sweeps.spec import SweepSpec


def missing() -> str:
    """Say in one line why Ray Tune cannot run here; empty where it can."""
    if importlib.util.find_spec("ray") is None:
        return "ray is not installed (pip install 'ray[tune]')"
    try:
        from ray import tune
    except ImportError as error:
        return f"ray is installed without what Tune needs ({str(error).split('. ')[0]}; pip install 'ray[tune]')"
    return "" if tune is not None else "ray has no tune"


def train(params: dict[str, Any], spec: SweepSpec, dataset: Dataset) -> None:
    """Train one trial in a Ray worker, reporting its SHD and epoch; the last report is that of its best weights."""
    from ray import tune

    one_thread()
    params = params["point"]
    number = int(params["number"])
    hyper = Hyperparameters(**{name: float(params[name]) for name in spec.space})
    plain = PlainTrial(hyper, derived_seed(spec.search.seed, number, TRIAL_STREAM), dataset, spec.trainer)
    epoch = 0
    for found in plain.train():
        epoch = found.epoch
        tune.report({"val_shd": found.val_shd, "epoch": epoch, "trained": epoch, "final": math.nan})
    final = plain.final_shd()
    tune.report({"val_shd": final, "epoch": epoch + 1, "trained": epoch, "final": final})


def points(spec: SweepSpec) -> list[dict[str, float]]:
    """Draw the trials' settings at random, as ASHA has them: it decides by early numbers, not by a model."""
    sampler = optuna.samplers.RandomSampler(seed=spec.search.seed)
    study = optuna.create_study(sampler=sampler)
    found = []
    for number in range(spec.search.trials):
        trial, point = study.ask(), {"number": float(number)}
        for name, entry in spec.space.items():
            if isinstance(entry, Choices):
                point[name] = float(trial.suggest_categorical(name, entry.values))
            else:
                point[name] = trial.suggest_float(name, entry.low, entry.high, log=entry.log)
        found.append(point)
    return found


def ray_sweep(spec: SweepSpec, folder: Path) -> dict[str, Any]:
    """Run a sweep under Ray Tune with ASHA; return what it came to, or why it could not (`error`)."""
    reason = missing()
    if reason:
        return {"error": reason}
    import ray
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler

    jobs, dataset = spec.backend.jobs or cores(), prepare(simulate(spec.data), spec.trainer)
    grace = max(spec.trainer.evaluate_every, int(spec.search.prune_warmup * spec.trainer.epochs))
    asha = ASHAScheduler(time_attr="epoch", max_t=spec.trainer.epochs + 1, grace_period=grace, reduction_factor=2)
    ray.init(num_cpus=jobs, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        tuner = tune.Tuner(
            tune.with_parameters(train, spec=spec, dataset=dataset),
            param_space={"point": tune.grid_search(points(spec))},
            tune_config=tune.TuneConfig(
                metric="val_shd", mode="min", scheduler=asha, max_concurrent_trials=jobs, reuse_actors=True
            ),
            run_config=tune.RunConfig(storage_path=str(folder.absolute()), name="ray", verbose=0),
        )
        results = [result.metrics or {} for result in tuner.fit()]
    finally:
        ray.shutdown()
    finals = [float(item["final"]) for item in results if math.isfinite(float(item.get("final", math.nan)))]
    epochs = [int(item.get("trained", 0)) for item in results]
    return {
        "trials": len(results), "complete": len(finals), "pruned": len(results) - len(finals), "failed": 0,
        "epochs": sum(epochs), "best_val_shd": min(finals, default=math.nan),
    }  # fmt: skip
