"""The parents-only gated model, stacked over lanes.

Every variable i encodes its own recent history into a signal s_i (sent along edges), a bias b_i (kept for
itself) and a noise n_i (its error bar). The prediction of x_j(t) is D_j(sum over i of g_ij V_ij s_i, b_j)
with log-scale from n_j: the graph's gates g are the only way from one variable to another, so a shut gate
i -> j makes the prediction of j independent of i, exactly. All tensors have a leading lane axis K and the
row axis B last, so that every product is a batched matrix product on views.
"""

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config import TrainerConfig

CPU = torch.device("cpu")
GATE_LOW, GATE_HIGH = -0.1, 1.1
LOG_SCALE_LIMIT = 5.0


class Shape(NamedTuple):
    """The sizes that fix the model: d variables, F features a variable, latent and decoder widths."""

    variables: int
    features: int
    signal: int
    bias: int
    noise: int
    hidden: int
    signal_reads: tuple[bool, ...]
    own_reads: tuple[bool, ...]
    signal_starts: tuple[bool, ...]
    own_starts: tuple[bool, ...]

    @property
    def latents(self) -> int:
        """Rows of the encoder: signal, bias and noise."""
        return self.signal + self.bias + self.noise


class Parameters(NamedTuple):
    """What is learned, one slice a lane.

    gate (K, d, d) log-odds, [i, j] is i -> j; encoder (K, d, P, F) and encoder_bias (K, d, P, 1) give the
    P latents; mix (K, d, M, d, S) is V with target first and memory (K, d, M, bias + 1) its like for the
    variable itself, M = hidden + 1, with a last column of constants; readout (K, d, 1, hidden);
    scale (K, d, 1, N) and scale_bias (K, d, 1, 1) give the log error bar.
    """

    gate: Tensor
    encoder: Tensor
    encoder_bias: Tensor
    mix: Tensor
    memory: Tensor
    readout: Tensor
    scale: Tensor
    scale_bias: Tensor


class Prediction(NamedTuple):
    """Mean and log-scale of every variable (K, d, B), and the latents (K * d, P, B)."""

    mean: Tensor
    log_scale: Tensor
    latents: Tensor


def pack(parameters: tuple[Tensor, ...]) -> Tensor:
    """Lay every lane's parameters end to end, (K, all of them); the gates, or the graph's logits, come first."""
    return torch.cat([part.flatten(1) for part in parameters], dim=1)


def unpack(flat: Tensor, like: Any) -> Any:
    """Return views of packed parameters (K, all of them), in the named tuple of the given ones (of any K)."""
    parts = torch.split(flat, [part[0].numel() for part in like], dim=1)
    return type(like)(*(part.view(-1, *old.shape[1:]) for part, old in zip(parts, like, strict=True)))


def stable_sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)) through tanh, whose vector tails round alike wherever a lane lies."""
    return 0.5 * (1.0 + torch.tanh(0.5 * x))


def model_shape(variables: int, config: TrainerConfig) -> Shape:
    """Lay out the features of a variable: history, flags, history for itself, level, departure, this row.

    Messages read filled history, flags, level and departure; a variable itself flags, carried history and level.

    A variable's own history is carried forward from the past, because interpolation would read the target.
    Training starts from a model that reads the last value alone (and this row's, where messages carry it):
    random weights on older values would drown effects that are not monotone before they are found.
    """
    lags = config.max_lag
    level = 1 if lags > 0 and config.level_span > 0 else 0
    now = 2 if config.instantaneous or lags == 0 else 0

    def layout(sent: bool, flags: bool, own: bool, slow: bool, row: bool, last_only: bool) -> tuple[bool, ...]:
        past = [lag == 0 or not last_only for lag in range(lags)]
        lagged = [sent and item for item in past] + [flags] * lags + [own and item for item in past]
        course = [slow, sent and not last_only] * level
        return (*lagged, *course, *([row, row and not last_only][:now]))

    widths = (config.signal_width, config.bias_width, config.noise_width, config.hidden_width)
    return Shape(
        variables, 3 * lags + 2 * level + now, *widths,
        signal_reads=layout(sent=True, flags=True, own=False, slow=True, row=True, last_only=False),
        own_reads=layout(sent=False, flags=True, own=True, slow=True, row=False, last_only=False),
        signal_starts=layout(sent=True, flags=False, own=False, slow=False, row=True, last_only=True),
        own_starts=layout(sent=False, flags=False, own=True, slow=False, row=False, last_only=True),
    )  # fmt: skip


@lru_cache(maxsize=32)
def reads(shape: Shape, device: torch.device = CPU) -> Tensor:
    """Return which features each latent may read, (P, F) of 0 and 1: the structure that forbids a leak."""
    return per_latent(shape.signal_reads, shape.own_reads, shape).to(device)


def per_latent(signal: tuple[bool, ...], own: tuple[bool, ...], shape: Shape) -> Tensor:
    """Spread a row of flags for the signal and one for all other latents over the encoder, (P, F) of 0 and 1."""
    first = torch.tensor(signal, dtype=torch.float32).expand(shape.signal, -1)
    return torch.cat([first, torch.tensor(own, dtype=torch.float32).expand(shape.latents - shape.signal, -1)])


def init_parameters(shape: Shape, rng: np.random.Generator) -> Parameters:
    """Draw the starting weights of one lane (leading axis 1) from its own stream.

    Args:
        shape: sizes of the model.
        rng: the lane's generator; nothing else decides the weights.

    Returns:
        float32 Parameters with K = 1. Gates start undecided, read-outs near zero.
    """
    d, s, m = shape.variables, shape.signal, shape.hidden + 1

    def normal(scale: float, *size: int) -> Tensor:
        return torch.from_numpy((scale * rng.standard_normal(size)).astype(np.float32)).unsqueeze(0)

    fan = max(1, sum(shape.signal_starts))
    starts = per_latent(shape.signal_starts, shape.own_starts, shape)
    return Parameters(
        gate=normal(0.01, d, d) + 1.0,
        encoder=normal(1.0 / math.sqrt(fan), d, shape.latents, shape.features) * starts,
        encoder_bias=normal(0.3, d, shape.latents, 1),
        mix=normal(0.5 / math.sqrt(s * d), d, m, d, s),
        memory=normal(0.5, d, m, shape.bias + 1),
        readout=normal(0.3 / math.sqrt(shape.hidden), d, 1, shape.hidden),
        scale=normal(0.01, d, 1, shape.noise),
        scale_bias=torch.zeros(1, d, 1, 1),
    )


def open_probability(gate: Tensor, temperature: Tensor) -> Tensor:
    """Return P(gate i -> j is open) of the hard-concrete law; zero diagonal.

    Args:
        gate: (K, d, d) log-odds, [i, j] is i -> j.
        temperature: (K,) positive.

    Returns:
        (K, d, d) in (0, 1): its sum is the expected number of edges, which the penalties act on.
    Source: Louizos, Welling, Kingma 2018, equation 12.
    """
    shift = temperature[:, None, None] * math.log(-GATE_LOW / GATE_HIGH)
    return stable_sigmoid(gate - shift) * off_diagonal(gate.shape[-1])


def sample_gates(gate: Tensor, temperature: Tensor, logistic: Tensor) -> Tensor:
    """Draw gates g = clamp(stretched sigmoid((logit + noise) / temperature), 0, 1); zero diagonal.

    Args:
        gate: (K, d, d) log-odds.
        temperature: (K,) positive.
        logistic: (K, d, d) standard logistic noise; zeros at temperature 1 give the noise-free gates.

    Returns:
        (K, d, d) in [0, 1], with exact zeros and ones.
    Source: Louizos, Welling, Kingma 2018, equations 10 and 11.
    """
    soft = stable_sigmoid((gate + logistic) / temperature[:, None, None])
    return (soft * (GATE_HIGH - GATE_LOW) + GATE_LOW).clamp(0.0, 1.0) * off_diagonal(gate.shape[-1])


def expected_gates(gate: Tensor) -> Tensor:
    """Return the noise-free gates used when evaluating, (K, d, d) in [0, 1] (Louizos et al., equation 13)."""
    return sample_gates(gate, torch.ones(gate.shape[0]), torch.zeros_like(gate))


@lru_cache(maxsize=32)
def off_diagonal(d: int, device: torch.device = CPU) -> Tensor:
    """Return (d, d) ones with a zero diagonal."""
    return 1.0 - torch.eye(d, device=device)


def predict(parameters: Parameters, gates: Tensor, features: Tensor, shape: Shape) -> Prediction:
    """Predict every variable from its open parents' signals and its own past.

    Args:
        parameters: K lanes.
        gates: (K, d, d) in [0, 1], [i, j] is i -> j, zero diagonal.
        features: (K, d, F, B) standardised inputs as laid out by `model_shape`.
        shape: sizes of the model.

    Returns:
        Prediction with mean and log_scale (K, d, B) in units of the standardised data.
    """
    lanes, d, _, rows = features.shape
    latents = encode(parameters, features, shape)
    mean = decode(parameters, drives(parameters, gates, latents, shape), shape)
    noise = latents[:, shape.signal + shape.bias :]
    log_scale = torch.baddbmm(
        parameters.scale_bias.reshape(lanes * d, 1, 1), parameters.scale.reshape(lanes * d, 1, shape.noise), noise
    )
    log_scale = log_scale.clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)
    return Prediction(mean.view(lanes, d, rows), log_scale.view(lanes, d, rows), latents)


def encode(parameters: Parameters, features: Tensor, shape: Shape) -> Tensor:
    """Return every variable's latents, (K * d, P, B), from features (K, d, F, B)."""
    n, rows = features.shape[0] * features.shape[1], features.shape[-1]
    encoder = (parameters.encoder * reads(shape)).view(n, shape.latents, shape.features)
    bias = parameters.encoder_bias.reshape(n, shape.latents, 1)
    return bend(torch.baddbmm(bias, encoder, features.reshape(n, shape.features, rows)), shape)


def drives(parameters: Parameters, gates: Tensor, latents: Tensor, shape: Shape) -> Tensor:
    """Return what every decoder is fed, (K * d, hidden + 1, B): gated messages, the own state, a constant."""
    lanes, d = gates.shape[:2]
    rows, s, m, n = latents.shape[-1], shape.signal, shape.hidden + 1, lanes * d
    signal, own, _ = torch.split(latents, [s, shape.bias, shape.noise], dim=1)
    # gates are spread over the signal first: a product whose last axis is short and broadcast is slow
    spread = gates.transpose(1, 2)[..., None].expand(-1, -1, -1, s).reshape(lanes, d, 1, d * s)
    mix = parameters.mix.view(lanes, d, m, d * s) * spread
    message = torch.bmm(mix.view(lanes, d * m, d * s), signal.reshape(lanes, d * s, rows))
    memory, constant = torch.split(parameters.memory.reshape(n, m, shape.bias + 1), [shape.bias, 1], dim=2)
    return torch.baddbmm(message.view(n, m, rows), memory, own) + constant


def decode(parameters: Parameters, drive: Tensor, shape: Shape) -> Tensor:
    """Return the predicted mean of every variable, (K * d, 1, B): a linear path and tanh units."""
    base, hidden = torch.split(drive, [1, shape.hidden], dim=1)
    readout = parameters.readout.reshape(drive.shape[0], 1, shape.hidden)
    return torch.baddbmm(base, readout, torch.tanh(hidden))


def bend(linear: Tensor, shape: Shape) -> Tensor:
    """Bend every latent by tanh but the first of the signal and of the bias, which stay linear."""
    first, signal, second, rest = torch.split(linear, [1, shape.signal - 1, 1, shape.bias - 1 + shape.noise], dim=1)
    return torch.cat([first, torch.tanh(signal), second, torch.tanh(rest)], dim=1)
