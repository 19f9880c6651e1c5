"""Settings of the search itself and of the machine it runs on, declared like those in `core.config`."""

from dataclasses import dataclass

from core.config import setting

OBJECTIVES = ("val_shd", "blind")
SAMPLERS = ("tpe", "random", "grid", "qmc", "cmaes", "gp")
PRUNERS = ("cohort", "median", "percentile", "hyperband", "none")
CLUSTERS = ("dask", "ray")
AUTO = "auto"
BACKENDS = (AUTO, "loky", "threading", *CLUSTERS)
CPU, CUDA = "cpu", "cuda"
DEVICES = (CPU, CUDA)


@dataclass(frozen=True)
class SearchConfig:
    """How the space is searched."""

    trials: int = setting(50, "trials in total, earlier ones included", low=1)
    seed: int = setting(1337, "seed of the study: its sampler, and every trial's own seed", low=0)
    objective: str = setting(
        "",
        "what is minimised; empty: val_shd where a true graph is known, else blind",
        choices=("", *OBJECTIVES),
    )
    sampler: str = setting("tpe", "how trials are proposed", choices=SAMPLERS)
    pruner: str = setting("cohort", "what ends poor trials early", choices=PRUNERS)
    prune_warmup: float = setting(0.4, "share of the epochs before the first pruning decision", low=0, high=1)
    prune_keep: float = setting(0.5, "share of the trials that pass a pruning step", low=0.01, high=1)
    lanes: int = setting(16, "trials in flight", low=1)
    confirm: int = setting(5, "fresh seeds (and fresh data sets, if simulated) to train the winner on", low=0)
    timeout: float = setting(0.0, "minutes after which no new trial starts; 0: no limit", low=0)


@dataclass(frozen=True)
class BackendConfig:
    """Where the sweep runs; no part of what identifies it."""

    name: str = setting(
        AUTO, "what the workers are; auto: threads, or processes where these are faster", choices=BACKENDS
    )
    jobs: int = setting(0, "workers; 0: as many as there are cores, or workers of the cluster", low=0)
    address: str = setting("", "cluster: tcp://HOST:PORT of a Dask scheduler; HOST:PORT of a Ray head, or auto")
    wait: float = setting(60.0, "seconds to wait for a worker where the cluster has none", low=0)
    device: str = setting(CPU, "what trains; cuda: one GPU, for lanes by the hundred", choices=DEVICES)
