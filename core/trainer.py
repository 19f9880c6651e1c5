"""Start, advance and finish trials on lanes.

`advance` is a pure function of (lanes, dataset, config): it may run in any process, be repeated after a
lost worker, or be handed other neighbours, because a lane's numbers depend on its own slice alone. The
true graph is read by `metrics` only and steers nothing here unless `trainer.plateau` is val_shd.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import torch
from torch import Tensor

from core import metrics
from core.architecture import learner
from core.batches import INIT, generator
from core.config import Hyperparameters, TrainerConfig
from core.data import Dataset
from core.diagnosis import diagnose, unmeasured
from core.lanes import HYPER_NAMES, Lanes, join, over_tensors, select
from core.losses import acyclicity
from core.optimizer import plateau_start, plateau_step
from core.schedule import progress, rate_in_force, temperature, weights
from core.training import EpochLog, train_epochs

WATCHED_ROWS = 512


class Evaluation(NamedTuple):
    """The health log of one trial at one evaluation; counts beside a cut are taken at that cut.

    recon, sparse, acyclic, disen are weighted and add up to train_loss (means over the last epoch). Without
    `health_log` they, the clip ratio, the gradient norms and what `core.diagnosis` measures are NaN.
    val_f1, val_shd, edge_count and best_threshold are at the tuned cut (oracle) where there is a true
    graph; else val_* are NaN and the cut is 0.5. failed_step is -1 while gradients and loss are finite.
    """

    trial: int
    epoch: int
    train_loss: float
    recon: float
    sparse: float
    acyclic: float
    disen: float
    val_loss: float
    val_f1: float
    val_shd: float
    edge_count: int
    best_threshold: float
    grad_clip_ratio: float
    grad_norm_median: float
    grad_norm_max: float
    learning_rate: float
    h: float
    epoch_time: float
    stopped_early: bool
    failed_step: int
    grad_share_recon: float
    grad_share_sparse: float
    grad_share_acyclic: float
    grad_share_disen: float
    graph_gradient: float


def start(trials: Sequence[tuple[int, int, Hyperparameters]], dataset: Dataset, config: TrainerConfig) -> Lanes:
    """Put new trials on lanes.

    Args:
        trials: (number, seed, hyperparameters) each; at least one.
        dataset: for its number of variables.
        config: fixed settings.

    Returns:
        Lanes with K = len(trials), nothing trained.
    """
    initial = learner(config).initial
    drawn = [initial(len(dataset.names), config, generator(seed, INIT)) for _, seed, _ in trials]
    value = over_tensors(lambda *parts: torch.cat(parts), *drawn)
    hyper = torch.tensor([[asdict(h)[name] for name in HYPER_NAMES] for _, _, h in trials], dtype=torch.float64)
    count = torch.zeros(len(trials), dtype=torch.int64)
    return Lanes(
        trial=torch.tensor([number for number, _, _ in trials]),
        seed=torch.tensor([seed for _, seed, _ in trials]),
        hyper=hyper,
        value=value,
        first=over_tensors(torch.zeros_like, value),
        second=over_tensors(torch.zeros_like, value),
        step=count.clone(),
        epoch=count.clone(),
        plateau=plateau_start(hyper[:, HYPER_NAMES.index("lr")]),
        kept=over_tensors(torch.clone, value),
        best=torch.full(count.shape, torch.inf, dtype=torch.float64),
        best_epoch=count.clone(),
        stale=count.clone(),
        clipped=count.clone(),
        norm_max=torch.zeros(count.shape),
        failed_step=count - 1,
    )


def advance(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> tuple[Lanes, list[Evaluation]]:
    """Train every lane for one evaluation interval and evaluate it.

    Args:
        lanes: K >= 1 trials, at any epochs; not changed.
        dataset: what is learned from; its true graph is only compared with.
        config: fixed settings.

    Returns:
        The lanes afterwards, and one Evaluation a lane, in lane order. A lane whose gradient was not
        finite says so in failed_step; the others are not affected.
    """
    begin = time.perf_counter()
    lanes, logs = train_epochs(lanes, dataset, config, config.evaluate_every)
    return close_interval(lanes, logs, begin, dataset, config)


def close_interval(
    lanes: Lanes, logs: Sequence[EpochLog], begin: float, dataset: Dataset, config: TrainerConfig
) -> tuple[Lanes, list[Evaluation]]:
    """Count what was clipped in the epochs of an interval that began at `begin`, and evaluate every lane."""
    if len(lanes.trial) == 1:  # some batched products take another path for a stack of one
        pair, evaluations = close_interval(join([lanes, lanes]), [log.twice() for log in logs], begin, dataset, config)
        return select(pair, [0]), [evaluations[0]._replace(epoch_time=2.0 * evaluations[0].epoch_time)]
    norms = torch.cat([log.norms for log in logs])
    if config.health_log:
        largest = torch.maximum(lanes.norm_max, norms.amax(0))
        lanes = lanes._replace(clipped=lanes.clipped + (norms > config.clip_norm).sum(0), norm_max=largest)
    with torch.no_grad():
        return evaluate(lanes, logs[-1], norms, len(logs), begin, dataset, config)


def evaluate(
    lanes: Lanes, log: EpochLog, norms: Tensor, epochs: int, begin: float, dataset: Dataset, config: TrainerConfig
) -> tuple[Lanes, list[Evaluation]]:
    """Measure every lane on the validation rows, step its schedule, keep its weights if they are the best."""
    heat, model = temperature(lanes.epoch, config), learner(config)
    warm = progress(lanes.epoch, config) >= 1.0
    graph = model.read_graph(lanes.value, heat, warm, WATCHED_ROWS, dataset, config).strength
    full = weights(lanes, torch.ones(len(lanes.trial)))
    val_loss = model.validate(lanes.value, heat, full, dataset, config).total().double()
    lost = (lanes.failed_step < 0) & ~val_loss.isfinite()
    lanes = lanes._replace(failed_step=torch.where(lost, lanes.step, lanes.failed_step))
    cut = torch.full(val_loss.shape, metrics.BLIND_CUT, dtype=torch.float64)
    val_f1 = val_shd = torch.full(val_loss.shape, torch.nan, dtype=torch.float64)
    edges = metrics.edges_above(graph, cut).sum((1, 2))
    if dataset.truth is not None:
        cut, counts = metrics.tune_threshold(graph, torch.from_numpy(dataset.truth), config.thresholds)
        val_f1, val_shd, edges = counts.f1, counts.shd.double(), counts.edge_count
    guide = val_shd if config.plateau == "val_shd" and dataset.truth is not None else val_loss
    rate = rate_in_force(lanes.plateau.lr, lanes.epoch - 1, config)
    lanes = keep_best(lanes, guide, config)
    means = log.terms.double().mean(0)
    total, clipped = means.sum(1), (norms > config.clip_norm).double().mean(0)
    median, largest = norms.median(0).values, norms.amax(0)
    if not config.health_log:
        means, clipped, median, largest = (
            torch.full_like(item, torch.nan) for item in (means, clipped, median, largest)
        )
    measured = diagnose(lanes, log.batch, config) if config.health_log else unmeasured(len(lanes.trial))
    seconds = (time.perf_counter() - begin) / epochs / len(lanes.trial)
    table: dict[str, list[Any]] = {
        "trial": lanes.trial.tolist(), "epoch": lanes.epoch.tolist(), "train_loss": total.tolist(),
        "recon": means[:, 0].tolist(), "sparse": means[:, 1].tolist(), "acyclic": means[:, 2].tolist(),
        "disen": means[:, 3].tolist(), "val_loss": val_loss.tolist(), "val_f1": val_f1.tolist(),
        "val_shd": val_shd.tolist(), "edge_count": edges.tolist(), "best_threshold": cut.tolist(),
        "grad_clip_ratio": clipped.tolist(), "grad_norm_median": median.tolist(), "grad_norm_max": largest.tolist(),
        "learning_rate": rate.tolist(), "h": acyclicity(graph).tolist(),
        "epoch_time": [seconds] * len(lanes.trial),
        "stopped_early": (lanes.stale >= config.patience).tolist(), "failed_step": lanes.failed_step.tolist(),
        **{name: values.tolist() for name, values in measured._asdict().items()},
    }  # fmt: skip
    return lanes, [Evaluation(*row) for row in zip(*(table[name] for name in Evaluation._fields), strict=True)]


def keep_best(lanes: Lanes, guide: Tensor, config: TrainerConfig) -> Lanes:
    """Step the learning rates on (K,) values, and keep the weights of the best evaluation since the warm-up."""
    warm = progress(lanes.epoch, config) >= 1.0
    better = ~warm | (guide < lanes.best)
    replaced = over_tensors(
        lambda new, old: torch.where(better.view(-1, *([1] * (new.dim() - 1))), new, old), lanes.value, lanes.kept
    )
    return lanes._replace(
        plateau=lanes.plateau if config.plateau == "none" else plateau_step(lanes.plateau, guide, warm, config),
        kept=replaced,
        best=torch.where(warm & better, guide, lanes.best),
        best_epoch=torch.where(better, lanes.epoch, lanes.best_epoch),
        stale=torch.where(better, 0, lanes.stale + 1),
    )
