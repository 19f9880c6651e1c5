"""Start, advance and finish trials on lanes.

`advance` is a pure function of (lanes, dataset, config): it may run in any process, be repeated after a
lost worker, or be handed other neighbours, because a lane's numbers depend on its own slice alone. The
true graph is read by `metrics` only and steers nothing here unless `trainer.plateau` is val_shd.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core import metrics
from core.config import Hyperparameters, TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, samples
from core.gradient import loss_and_gradient
from core.lanes import HYPER_NAMES, Lanes, join, over_tensors, select
from core.losses import Terms, Weights, acyclicity, terms
from core.model import (
    Parameters,
    expected_gates,
    init_parameters,
    model_shape,
    open_probability,
    pack,
    predict,
    unpack,
)
from core.optimizer import adam_step, clip_scale, gradient_norm, plateau_start, plateau_step
from core.orientation import oriented
from core.strength import edge_strengths, readout_rows

INIT, SHUFFLE, GATES = 0, 1, 2
DECAY_FLOOR = 0.02
WATCHED_ROWS = 512


class Evaluation(NamedTuple):
    """The health log of one trial at one evaluation; counts beside a cut are taken at that cut.

    recon, sparse, acyclic, disen are weighted and add up to train_loss (means over the last epoch).
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


def generator(seed: int, purpose: int, epoch: int = 0) -> np.random.Generator:
    """Return the random stream of one trial for one purpose and epoch: a function of which trial it is."""
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, epoch]))


def start(trials: Sequence[tuple[int, int, Hyperparameters]], dataset: Dataset, config: TrainerConfig) -> Lanes:
    """Put new trials on lanes.

    Args:
        trials: (number, seed, hyperparameters) each; at least one.
        dataset: for its number of variables.
        config: fixed settings.

    Returns:
        Lanes with K = len(trials), nothing trained.
    """
    shape = model_shape(len(dataset.names), config)
    drawn = [init_parameters(shape, generator(seed, INIT)) for _, seed, _ in trials]
    value: Parameters = over_tensors(lambda *parts: torch.cat(parts), *drawn)
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


def progress(epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return how far each lane is through its warm-up, (K,) float32 in [0, 1]."""
    ramp = config.warmup * config.epochs
    return (epoch.float() / ramp).clamp(max=1.0) if ramp > 0 else torch.ones(epoch.shape)


def rate_in_force(lr: Tensor, epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return the learning rate of each lane in an epoch (K,), counted from 0: the plateau's, times a cosine decay.

    The decay lets a fit settle that is to be told apart in small parts of its error.
    """
    if config.decay_start >= 1.0:
        return lr
    along = ((epoch.double() / config.epochs - config.decay_start) / (1.0 - config.decay_start)).clamp(0.0, 1.0)
    cosine = torch.tensor([math.cos(math.pi * part) for part in along.tolist()], dtype=torch.float64)
    return lr * (DECAY_FLOOR + (1.0 - DECAY_FLOOR) * 0.5 * (1.0 + cosine))


def temperature(epoch: Tensor, config: TrainerConfig) -> Tensor:
    """Return the gate temperature of each lane at an epoch, (K,): linear over the warm-up, then constant."""
    return config.temperature_start + progress(epoch, config) * (config.temperature_end - config.temperature_start)


def weights(lanes: Lanes, ramp: Tensor) -> Weights:
    """Return the lambdas in force, with lambda_sparse ramped up by (K,) factors."""
    return Weights(
        recon=lanes.setting("lambda_recon"),
        sparse=lanes.setting("lambda_sparse") * ramp,
        acyclic=lanes.setting("lambda_acyclic"),
        disen=lanes.setting("lambda_disen"),
    )


class Batches(NamedTuple):
    """One epoch of every lane: rows (steps, K, d, 2 + F, B) and gate noise (steps, K, d, d)."""

    rows: Tensor
    noise: Tensor


def draw_epoch(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> Batches:
    """Shuffle the training rows and draw the gate noise of one epoch, lane by lane from its own streams.

    Rows that do not fill a batch, other ones every epoch, wait for the next: batches stay equally long,
    and a multiple of 16 lets the matrix products run at full speed.
    """
    rows = samples(dataset, TRAIN, config).rows
    count, d, channels = rows.shape
    size = min(config.batch_size, count)
    steps = count // size
    orders, noises = [], []
    for seed, epoch in zip(lanes.seed.tolist(), lanes.epoch.tolist(), strict=True):
        orders.append(generator(seed, SHUFFLE, epoch).permutation(count)[: steps * size])
        noises.append(generator(seed, GATES, epoch).logistic(size=(steps, d, d)).astype(np.float32))
    index = torch.from_numpy(np.stack(orders)).flatten()
    picked = rows.index_select(0, index).view(len(orders), steps, size, d, channels)
    return Batches(picked.permute(1, 0, 3, 4, 2).contiguous(), torch.from_numpy(np.stack(noises, axis=1)))


def batch_terms(
    value: Parameters, gates: Tensor, opened: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig
) -> Terms:
    """Return the loss terms of a batch of rows (K, d, 2 + F, B), (K,) each."""
    shape = model_shape(rows.shape[1], config)
    prediction = predict(value, gates, rows[:, :, 2:], shape)
    return terms(prediction, rows[:, :, 0], rows[:, :, 1], opened, weight, config, shape)


class EpochLog(NamedTuple):
    """Per-step records of one epoch: terms (steps, K, 4) and gradient norms before clipping (steps, K)."""

    terms: Tensor
    norms: Tensor


@torch.no_grad()
def train_epoch(lanes: Lanes, dataset: Dataset, config: TrainerConfig) -> tuple[Lanes, EpochLog]:
    """Train every lane for one epoch, on packed parameters; the lanes given are not changed."""
    batches = draw_epoch(lanes, dataset, config)
    heat, weight = temperature(lanes.epoch, config), weights(lanes, progress(lanes.epoch, config))
    value, first, second = pack(lanes.value), pack(lanes.first), pack(lanes.second)
    decay = lanes.setting("weight_decay")[:, None] * (torch.arange(value.shape[1]) >= lanes.value.gate[0].numel())
    rate = rate_in_force(lanes.plateau.lr, lanes.epoch, config).float()
    step, logged, norms = lanes.step.clone(), [], []
    shape = model_shape(len(dataset.names), config)
    for rows, noise in zip(batches.rows, batches.noise, strict=True):
        loss, gradient = loss_and_gradient(unpack(value, lanes.value), heat, noise, rows, weight, config, shape)
        norm = gradient_norm([gradient])
        step += 1
        adam_step([value], [gradient], [first], [second], clip_scale(norm, config.clip_norm), step, rate, [decay])
        logged.append(torch.stack(loss, dim=1))
        norms.append(norm)
    log = EpochLog(torch.stack(logged), torch.stack(norms))
    bad = ~torch.isfinite(log.norms)
    first_bad = lanes.step + 1 + bad.int().argmax(0)
    failed = torch.where((lanes.failed_step < 0) & bad.any(0), first_bad, lanes.failed_step)
    moved = [unpack(flat, lanes.value) for flat in (value, first, second)]
    lanes = lanes._replace(value=moved[0], first=moved[1], second=moved[2])
    return lanes._replace(step=step, epoch=lanes.epoch + 1, failed_step=failed), log


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
    if len(lanes.trial) == 1:  # some batched kernels take another path for a stack of one
        pair, evaluations = advance(join([lanes, lanes]), dataset, config)
        return select(pair, [0]), evaluations[:1]
    begin = time.perf_counter()
    logs = []
    for _ in range(config.evaluate_every):
        lanes, log = train_epoch(lanes, dataset, config)
        logs.append(log)
    norms = torch.cat([log.norms for log in logs])
    over = norms > config.clip_norm
    lanes = lanes._replace(clipped=lanes.clipped + over.sum(0), norm_max=torch.maximum(lanes.norm_max, norms.amax(0)))
    with torch.no_grad():
        return evaluate(lanes, logs[-1], norms, len(logs), begin, dataset, config)


def validate(
    value: Parameters, gates: Tensor, opened: Tensor, weight: Weights, dataset: Dataset, config: TrainerConfig
) -> Terms:
    """Return the validation loss terms, with given gates, (K,) each."""
    rows = samples(dataset, VALIDATION, config).rows.permute(1, 2, 0)
    stacked = rows.expand(gates.shape[0], *rows.shape).contiguous()
    return batch_terms(value, gates, opened, stacked, weight, config)


def evaluate(
    lanes: Lanes, log: EpochLog, norms: Tensor, epochs: int, begin: float, dataset: Dataset, config: TrainerConfig
) -> tuple[Lanes, list[Evaluation]]:
    """Measure every lane on the validation rows, step its schedule, keep its weights if they are the best."""
    heat = temperature(lanes.epoch, config)
    graph = edge_strengths(lanes.value, heat, readout_rows(dataset, config, WATCHED_ROWS), config)
    if config.max_lag == 0:  # before the warm-up ends most pairs are open, and a search among them means nothing
        warm = progress(lanes.epoch, config) >= 1.0
        parts = zip(graph.numpy(), warm.tolist(), strict=True)
        graph = torch.from_numpy(np.stack([oriented(lane, dataset).strength if now else lane for lane, now in parts]))
    chance_open = open_probability(lanes.value.gate, heat)
    ones = torch.ones(len(lanes.trial))
    losses = validate(lanes.value, expected_gates(lanes.value.gate), chance_open, weights(lanes, ones), dataset, config)
    val_loss = losses.total().double()
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
    seconds = (time.perf_counter() - begin) / epochs / len(lanes.trial)
    table: dict[str, list[Any]] = {
        "trial": lanes.trial.tolist(), "epoch": lanes.epoch.tolist(), "train_loss": means.sum(1).tolist(),
        "recon": means[:, 0].tolist(), "sparse": means[:, 1].tolist(), "acyclic": means[:, 2].tolist(),
        "disen": means[:, 3].tolist(), "val_loss": val_loss.tolist(), "val_f1": val_f1.tolist(),
        "val_shd": val_shd.tolist(), "edge_count": edges.tolist(), "best_threshold": cut.tolist(),
        "grad_clip_ratio": (norms > config.clip_norm).double().mean(0).tolist(),
        "grad_norm_median": norms.median(0).values.tolist(), "grad_norm_max": norms.amax(0).tolist(),
        "learning_rate": rate.tolist(), "h": acyclicity(graph).tolist(),
        "epoch_time": [seconds] * len(lanes.trial),
        "stopped_early": (lanes.stale >= config.patience).tolist(), "failed_step": lanes.failed_step.tolist(),
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
        plateau=plateau_step(lanes.plateau, guide, warm, config),
        kept=replaced,
        best=torch.where(warm & better, guide, lanes.best),
        best_epoch=torch.where(better, lanes.epoch, lanes.best_epoch),
        stale=torch.where(better, 0, lanes.stale + 1),
    )
