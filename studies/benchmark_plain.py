"""The learner as people would write it today: one trial, an `nn.Module`, autograd, `torch.optim`.

It is what lanes are compared with, so it is written to be fast in its own way: batched products over the variables,
rows last, the batches of an epoch drawn in one go, and Adam's fused form. Start, batches, loss terms, schedule and
evaluation are those of `core.trainer`; the tests hold the losses of the two together. Two things are torch's own: the
rule of ReduceLROnPlateau (its margin turns round below zero), and that nothing is padded, logged or diagnosed.
"""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim.lr_scheduler import ReduceLROnPlateau

from core import metrics, parents_only
from core.batches import GATES, INIT, SHUFFLE, generator
from core.config import Hyperparameters, TrainerConfig
from core.data import TRAIN, Dataset, samples
from core.losses import DECAY, Weights, apart, spectral_bound
from core.model import GATE_HIGH, GATE_LOW, LOG_SCALE_LIMIT, Parameters, Shape, model_shape, reads
from core.results import settled_rows
from core.schedule import DECAY_FLOOR
from core.trainer import WATCHED_ROWS


class Progress(NamedTuple):
    """A trial at an evaluation.

    terms: the mean of each weighted loss term over the last epoch, in the order of `losses.Terms`. val_shd: at the
    tuned cut.
    """

    epoch: int
    terms: tuple[float, float, float, float]
    val_loss: float
    val_shd: float


class PlainLearner(nn.Module):
    """The parents-only gated model of one trial; parameters are named and shaped as in `core.model`, without lanes."""

    may_read: Tensor
    off_diagonal: Tensor
    between: Tensor

    def __init__(self, start: Parameters, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        (
            self.gate, self.encoder, self.encoder_bias, self.mix, self.memory, self.readout, self.scale,
            self.scale_bias,
        ) = (nn.Parameter(value[0].clone()) for value in start)  # fmt: skip
        self.register_buffer("may_read", reads(shape))
        self.register_buffer("off_diagonal", 1.0 - torch.eye(shape.variables))
        self.register_buffer("between", apart(shape))

    def value(self) -> Parameters:
        """Return the parameters as a stack of one, detached, as `core` reads them."""
        return Parameters(*(getattr(self, name).detach()[None] for name in Parameters._fields))

    def gates(self, noise: Tensor, heat: float) -> Tensor:
        """Sample the gates of a step, (d, d) in [0, 1], [i, j] is i -> j."""
        soft = torch.sigmoid((self.gate + noise) / heat)
        return (soft * (GATE_HIGH - GATE_LOW) + GATE_LOW).clamp(0.0, 1.0) * self.off_diagonal

    def open_probability(self, heat: float) -> Tensor:
        """Return the probability that each gate is open, (d, d), zero diagonal."""
        return torch.sigmoid(self.gate - heat * math.log(-GATE_LOW / GATE_HIGH)) * self.off_diagonal

    def forward(self, features: Tensor, gates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Predict every variable.

        Args:
            features: (d, F, B). gates: (d, d), [i, j] is i -> j.

        Returns:
            Mean and log-scale (d, B), and the latents (d, P, B).
        """
        s, b, d = self.shape.signal, self.shape.bias, self.shape.variables
        linear = torch.baddbmm(self.encoder_bias, self.encoder * self.may_read, features)
        latents = torch.cat([linear[:, :1], linear[:, 1:s].tanh(), linear[:, s : s + 1], linear[:, s + 1 :].tanh()], 1)
        signal, own, noise = torch.split(latents, [s, b, self.shape.noise], dim=1)
        weights = (self.mix * gates.T[:, None, :, None]).view(d * (self.shape.hidden + 1), d * s)
        message = (weights @ signal.reshape(d * s, -1)).view(d, self.shape.hidden + 1, -1)
        drive = message + torch.baddbmm(self.memory[:, :, b:], self.memory[:, :, :b], own)
        mean = torch.baddbmm(drive[:, :1], self.readout, drive[:, 1:].tanh())
        log_scale = torch.baddbmm(self.scale_bias, self.scale, noise).clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)
        return mean[:, 0], log_scale[:, 0], latents


def loss_terms(
    model: PlainLearner, rows: Tensor, noise: Tensor, heat: float, hyper: Hyperparameters, ramp: float
) -> Tensor:
    """Return the weighted terms recon, sparse, acyclic and disen of a batch, (4,).

    Args:
        rows: (d, 2 + F, B) target, observed flag, features. noise: (d, d) of the gates. heat: their temperature.
        hyper: the trial's settings; ramp: factor on lambda_sparse during the warm-up.
    """
    d = rows.shape[0]
    target, observed = rows[:, 0], rows[:, 1]
    opened = model.open_probability(heat)
    mean, log_scale, latents = model(rows[:, 2:], model.gates(noise, heat))
    error = (target - mean) * observed * torch.exp(-log_scale)
    recon = (0.5 * error.square() + log_scale * observed).sum() / observed.sum().clamp(min=1.0)
    wide = opened.double()
    shrink = DECAY / spectral_bound(wide[None])[0]
    acyclic = -torch.linalg.slogdet(torch.eye(d, dtype=torch.float64) - shrink * wide).logabsdet.float() / d
    centred = latents - latents.mean(2, keepdim=True)
    covariance = centred @ centred.transpose(1, 2) / latents.shape[2]
    deviation = torch.diagonal(covariance, dim1=1, dim2=2).clamp(min=1e-6).sqrt()
    correlation = covariance / (deviation[:, :, None] * deviation[:, None, :])
    disen = (correlation * model.between).abs().sum() / (model.between.sum() * d)
    return torch.stack([
        hyper.lambda_recon * recon,
        hyper.lambda_sparse * ramp * opened.sum() / d,
        hyper.lambda_acyclic * acyclic,
        hyper.lambda_disen * disen,
    ])  # fmt: skip


class PlainTrial:
    """One trial: the model, its optimizer and schedules, and the weights of its best evaluation."""

    def __init__(self, hyper: Hyperparameters, seed: int, dataset: Dataset, config: TrainerConfig) -> None:
        self.hyper, self.seed, self.dataset, self.config = hyper, seed, dataset, config
        shape = model_shape(len(dataset.names), config)
        start = parents_only.initial(shape.variables, config, generator(seed, INIT))
        self.model = PlainLearner(start, shape)
        rest = [parameter for name, parameter in self.model.named_parameters() if name != "gate"]
        groups: list[dict[str, Any]] = [
            {"params": [self.model.gate]},
            {"params": rest, "weight_decay": hyper.weight_decay},
        ]
        self.optimizer = torch.optim.Adam(groups, lr=hyper.lr, fused=True)
        self.plateau = ReduceLROnPlateau(
            self.optimizer, factor=config.plateau_factor, patience=config.plateau_patience,
            cooldown=config.plateau_cooldown, threshold=1e-4,
        )  # fmt: skip
        self.rate, self.best, self.best_epoch, self.stale = hyper.lr, math.inf, 0, 0
        self.kept = self.model.value()

    def warmth(self, epoch: int) -> float:
        """Return how far through the warm-up an epoch is, in [0, 1]."""
        ramp = self.config.warmup * self.config.epochs
        return min(1.0, epoch / ramp) if ramp > 0 else 1.0

    def heat(self, epoch: int) -> float:
        """Return the gates' temperature at an epoch."""
        low, high = self.config.temperature_end, self.config.temperature_start
        return high + self.warmth(epoch) * (low - high)

    def set_rate(self, factor: float) -> None:
        """Put the plateau's learning rate, times a factor, into force."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor

    def decay(self, epoch: int) -> float:
        """Return the cosine decay's factor in an epoch, counted from 0."""
        start = self.config.decay_start
        if start >= 1.0:
            return 1.0
        along = min(1.0, max(0.0, (epoch / self.config.epochs - start) / (1.0 - start)))
        return DECAY_FLOOR + (1.0 - DECAY_FLOOR) * 0.5 * (1.0 + math.cos(math.pi * along))

    def train_epoch(self, epoch: int) -> Tensor:
        """Train one epoch, counted from 0; return the means of its terms, (4,)."""
        table = samples(self.dataset, TRAIN, self.config).rows
        size = min(self.config.batch_size, len(table))
        steps, d = len(table) // size, len(self.dataset.names)
        order = torch.from_numpy(generator(self.seed, SHUFFLE, epoch).permutation(len(table))[: steps * size])
        noises = torch.from_numpy(generator(self.seed, GATES, epoch).logistic(size=(steps, d, d))).float()
        batches = table.index_select(0, order).view(steps, size, d, -1).permute(0, 2, 3, 1).contiguous()
        heat, ramp = self.heat(epoch), self.warmth(epoch)
        self.set_rate(self.decay(epoch))
        logged = []
        for rows, noise in zip(batches, noises, strict=True):
            terms = loss_terms(self.model, rows, noise, heat, self.hyper, ramp)
            self.optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(terms.sum())
            clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
            self.optimizer.step()
            logged.append(terms.detach())
        return torch.stack(logged).double().mean(0)

    def evaluate(self, epoch: int, terms: Tensor) -> Progress:
        """Measure the trial after `epoch` epochs, step the plateau, keep the weights if they are the best."""
        hyper, value, heat = self.hyper, self.model.value(), torch.tensor([self.heat(epoch)])
        lambdas = (hyper.lambda_recon, hyper.lambda_sparse, hyper.lambda_acyclic, hyper.lambda_disen)
        full = Weights(*(torch.tensor([part]) for part in lambdas))
        val_loss = float(parents_only.validate(value, heat, full, self.dataset, self.config).total())
        warm = self.warmth(epoch) >= 1.0
        if not warm or val_loss < self.best:
            self.kept = Parameters(*(part.clone() for part in value))
            self.best, self.best_epoch, self.stale = (val_loss if warm else math.inf), epoch, 0
        else:
            self.stale += 1
        if warm and self.config.plateau != "none":
            self.set_rate(1.0)
            self.plateau.step(val_loss)
            self.rate = float(self.optimizer.param_groups[0]["lr"])
        shd = self.score(value, heat, warm, WATCHED_ROWS)
        return Progress(epoch, (float(terms[0]), float(terms[1]), float(terms[2]), float(terms[3])), val_loss, shd)

    def score(self, value: Parameters, heat: Tensor, warm: bool, rows: int) -> float:
        """Return the SHD of weights at the cut tuned on the true graph; NaN without one."""
        if self.dataset.truth is None:
            return math.nan
        with torch.no_grad():
            graph = parents_only.read_graph(
                value, heat, torch.tensor([warm]), rows, self.dataset, self.config
            ).strength  # fmt: skip
        counts = metrics.tune_threshold(graph, torch.from_numpy(self.dataset.truth), self.config.thresholds)[1]
        return float(counts.shd[0])

    def final_shd(self) -> float:
        """Return the SHD of the weights that were kept, from as many rows as the trainer's own final reading."""
        heat = torch.tensor([self.heat(self.best_epoch)])
        return self.score(self.kept, heat, True, settled_rows(self.dataset))

    def train(self) -> Iterator[Progress]:
        """Train to the end, early or not, and give each evaluation; whoever prunes stops asking.

        Raises:
            FloatingPointError: the loss is not finite.
        """
        for epoch in range(1, self.config.epochs + 1):
            terms = self.train_epoch(epoch - 1)
            if epoch % self.config.evaluate_every == 0 or epoch == self.config.epochs:
                found = self.evaluate(epoch, terms)
                if not math.isfinite(found.val_loss):
                    raise FloatingPointError("loss is not finite")
                yield found
                if self.stale >= self.config.patience:
                    return
