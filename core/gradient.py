"""The loss of a batch and its gradient, written out by hand.

The same numbers as differentiating `losses.terms` of `model.predict` (the tests hold the two together), with
a third of the operations: on models this small, a step costs what its operations cost to start, not what
they compute. Each function takes what its forward counterpart produced and returns gradients of the sum.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.config import TrainerConfig
from core.losses import DECAY, Terms, Weights, apart, spectral_bound
from core.model import (
    GATE_HIGH,
    GATE_LOW,
    LOG_SCALE_LIMIT,
    Parameters,
    Shape,
    off_diagonal,
    reads,
    stable_sigmoid,
    unpack,
)


class Gates(NamedTuple):
    """Sampled gates (K, d, d), their soft values before stretching, and the probability that each is open."""

    sampled: Tensor
    soft: Tensor
    opened: Tensor


def gates_of(gate: Tensor, heat: Tensor, noise: Tensor) -> Gates:
    """Sample the gates of a step; the same as `sample_gates` and `open_probability`."""
    wide, off = heat[:, None, None], off_diagonal(gate.shape[-1])
    soft = stable_sigmoid((gate + noise) / wide)
    sampled = (soft * (GATE_HIGH - GATE_LOW) + GATE_LOW).clamp(0.0, 1.0) * off
    return Gates(sampled, soft, stable_sigmoid(gate - wide * math.log(-GATE_LOW / GATE_HIGH)) * off)


def gate_gradient(gates: Gates, sampled: Tensor, opened: Tensor, heat: Tensor) -> Tensor:
    """Pull the gradients of sampled gates and open probabilities back to the log-odds, (K, d, d)."""
    stretched = gates.soft * (GATE_HIGH - GATE_LOW) + GATE_LOW
    inside = ((stretched >= 0.0) & (stretched <= 1.0)) * off_diagonal(sampled.shape[-1])
    slope = gates.soft * (1.0 - gates.soft) * ((GATE_HIGH - GATE_LOW) / heat[:, None, None])
    return sampled * inside * slope + opened * gates.opened * (1.0 - gates.opened)


def acyclicity_gradient(opened: Tensor) -> tuple[Tensor, Tensor]:
    """Return h (K,) as `losses.acyclicity`, and dh/dA = c / (r d) (I - c A / r)^-T, (K, d, d)."""
    d = opened.shape[-1]
    matrix = opened.double()
    shrink = (DECAY / spectral_bound(matrix))[:, None, None]
    eye = torch.eye(d, dtype=torch.float64)
    factors, pivots, _ = torch.linalg.lu_factor_ex(eye - shrink * matrix)
    h = -torch.diagonal(factors, dim1=1, dim2=2).abs().log().sum(1) / d
    inverse = torch.linalg.lu_solve(factors, pivots, eye.expand_as(matrix))
    return h.float(), (inverse.transpose(1, 2) * (shrink / d)).float()


def cyclicity_gradient(adjacency: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Return the penalty (K,) as `losses.cyclicity`, and its gradient in A, (K, d, d).

    d tr(M^3) = 3 (M^2)^T dM, with M = A for trace_cubed and I + A / d for walks.
    """
    if kind == "log_det":
        return acyclicity_gradient(adjacency)
    d, matrix = adjacency.shape[-1], adjacency.double()
    cubed = kind == "trace_cubed"
    step = matrix if cubed else torch.eye(d, dtype=torch.float64) + matrix / d
    squared = torch.bmm(step, step)
    trace = torch.diagonal(torch.bmm(squared, step), dim1=1, dim2=2).sum(1)
    if cubed:
        return trace.float(), (3.0 * squared.transpose(1, 2)).float()
    over = (trace - d > 0.0).double()[:, None, None]
    return (trace - d).clamp(min=0.0).float(), (3.0 / d * over * squared.transpose(1, 2)).float()


def disentanglement_gradient(
    latents: Tensor, weight: Tensor, shape: Shape, reduction: str = "mean"
) -> tuple[Tensor, Tensor]:
    """Return the weighted term (K,) as `losses.disentanglement`, and its gradient in the latents (K * d, P, B)."""
    lanes, between = weight.shape[0], apart(shape)
    d = latents.shape[0] // lanes
    each = weight if reduction == "sum" else weight / (between.sum() * d)
    size, change = correlation_gradient(latents, each.repeat_interleave(d)[:, None, None] * between)
    return size.view(lanes, d).sum(1), change


def correlation_gradient(latents: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return sum over i, j of share_ij |R_ij| for every group of latents, and its gradient in them.

    With R = C / (s s^T), C the covariance and s the deviations, the gradient is S (Z - mean Z) with
    S = 2 (dR / (s s^T) - diag(sum_j dR_ij R_ij / s_i^2)) / B; a deviation held at its floor is a constant.

    Args:
        latents: Z (G, P, B). share: (G, P, P), symmetric.

    Returns:
        (G,) and (G, P, B).
    """
    rows = latents.shape[-1]
    mean = latents.mean(2, keepdim=True)
    covariance = torch.baddbmm(mean * mean.transpose(1, 2), latents, latents.transpose(1, 2), beta=-1, alpha=1.0 / rows)
    variance = torch.diagonal(covariance, dim1=1, dim2=2)
    inverse = variance.clamp(min=1e-6).sqrt().reciprocal()
    outer = inverse[:, :, None] * inverse[:, None, :]
    correlation = covariance * outer
    size = (correlation.abs() * share).sum((1, 2))
    pull = correlation.sign() * share
    spin = ((pull * correlation).sum(2) * inverse.square()).where(variance >= 1e-6, torch.zeros(()))
    system = (pull * outer - torch.diag_embed(spin)) * (2.0 / rows)
    return size, torch.baddbmm(torch.bmm(system, mean), system, latents, beta=-1)


def loss_and_gradient(
    value: Parameters, heat: Tensor, noise: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig, shape: Shape
) -> tuple[Terms, Tensor]:
    """Return the weighted loss terms of a batch and the gradient of their sum.

    Args:
        value: parameters of K lanes.
        heat: (K,) gate temperature; noise: (K, d, d) standard logistic.
        rows: (K, d, 2 + F, B) target, observed flag and features.
        weight: the lambdas in force, (K,) each.
        config: fixed settings; shape: sizes of the model.

    Returns:
        Terms, (K,) each, and the packed gradient, (K, all parameters) in the order of `model.pack`.
    """
    return gradients(value, heat, noise, rows, weight, config, shape)[:2]


def gradients(
    value: Parameters, heat: Tensor, noise: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig, shape: Shape
) -> tuple[Terms, Tensor, Tensor]:
    """Return what `loss_and_gradient` does, and d recon / d g, (K, d, d), g the sampled gates, [i, j] of i -> j.

    The third is not 0 where a gate is shut or open to its end, as its gradient in the log-odds is.
    """
    gates = gates_of(value.gate, heat, noise)
    made = forward(value, gates.sampled, rows, shape)
    recon, d_mean, d_scale = reconstruction_gradient(made.mean, made.raw, rows, weight.recon, config)
    disen, d_latents = disentanglement_gradient(made.latents, weight.disen, shape, config.reduction)
    h, d_h = cyclicity_gradient(gates.opened, config.acyclicity)
    edges = 1 if config.reduction == "sum" else rows.shape[1]
    d_opened = d_h * weight.acyclic[:, None, None] + (weight.sparse / edges)[:, None, None]
    flat = value.gate.new_empty(rows.shape[0], sum(part[0].numel() for part in value))
    gradient: Parameters = unpack(flat, value)
    d_gates = backward(gradient, value, made, d_mean, d_scale, d_latents, rows, shape)
    gradient.gate.copy_(gate_gradient(gates, d_gates, d_opened, heat))
    terms = Terms(recon, weight.sparse * gates.opened.flatten(1).sum(1) / edges, weight.acyclic * h, disen)
    return terms, flat, d_gates * off_diagonal(rows.shape[1])


class Forward(NamedTuple):
    """What a prediction passes through, n = K * d: latents (n, P, B), signal (K, d * S, B), own (n, bias, B).

    open_to (K, d, 1, d * S) are the gates with target first, each as often as the signal is wide, and gated (K, d * M,
    d * S) the mix behind them; memory (n, M, bias), readout (n, 1, hidden) and scale (n, 1, N) are parameters laid out
    for products; drive (n, M, B) feeds the units, hidden (n, hidden, B); mean and raw log-scale (n, 1, B).
    """

    latents: Tensor
    signal: Tensor
    own: Tensor
    open_to: Tensor
    gated: Tensor
    memory: Tensor
    readout: Tensor
    scale: Tensor
    drive: Tensor
    hidden: Tensor
    mean: Tensor
    raw: Tensor


def forward(value: Parameters, gates: Tensor, rows: Tensor, shape: Shape) -> Forward:
    """Predict a batch as `model.predict` does, and keep what the way back needs."""
    lanes, d, _, size = rows.shape
    n, s, b, m = lanes * d, shape.signal, shape.bias, shape.hidden + 1
    encoder = (value.encoder * reads(shape)).view(n, shape.latents, shape.features)
    features = rows[:, :, 2:].reshape(n, shape.features, size)
    latents = torch.baddbmm(value.encoder_bias.reshape(n, shape.latents, 1), encoder, features)
    for linear in (latents[:, 1:s], latents[:, s + 1 :]):
        linear.tanh_()
    signal, own, spread = latents[:, :s].reshape(lanes, d * s, size), latents[:, s : s + b], latents[:, s + b :]
    open_to = gates.transpose(1, 2)[..., None].expand(-1, -1, -1, s).reshape(lanes, d, 1, d * s)
    gated = (value.mix.view(lanes, d, m, d * s) * open_to).view(lanes, d * m, d * s)
    memory, constant = torch.split(value.memory.reshape(n, m, b + 1), [b, 1], dim=2)
    readout = value.readout.reshape(n, 1, shape.hidden)
    scale = value.scale.reshape(n, 1, shape.noise)
    drive = torch.baddbmm(constant, memory, own)
    drive.view(lanes, d * m, size).baddbmm_(gated, signal)
    hidden = torch.tanh(drive[:, 1:])
    mean = torch.baddbmm(drive[:, :1], readout, hidden)
    raw = torch.baddbmm(value.scale_bias.reshape(n, 1, 1), scale, spread)
    return Forward(latents, signal, own, open_to, gated, memory, readout, scale, drive, hidden, mean, raw)


def backward(
    gradient: Parameters,
    value: Parameters,
    made: Forward,
    d_mean: Tensor,
    d_scale: Tensor,
    d_latents: Tensor,
    rows: Tensor,
    shape: Shape,
) -> Tensor:
    """Write the gradient of all parameters but the gates, and return that of the gates, (K, d, d).

    Args:
        gradient: views to write to, of the shapes of `value`.
        value: parameters of K lanes; made: what they and the rows (K, d, 2 + F, B) gave; its drive is overwritten.
        d_mean, d_scale: (n, 1, B); d_latents: (n, P, B), to which the prediction's part is added.
        shape: sizes of the model.
    """
    lanes, d, _, size = rows.shape
    n, s, b, m = lanes * d, shape.signal, shape.bias, shape.hidden + 1
    d_drive = made.drive
    d_drive[:, :1] = d_mean
    unbend(torch.mul(made.readout.transpose(1, 2), d_mean, out=d_drive[:, 1:]), made.hidden)
    d_message = d_drive.view(lanes, d * m, size)
    d_gated = torch.bmm(d_message, made.signal.transpose(1, 2)).view(lanes, d, m, d * s)
    torch.mul(d_gated, made.open_to, out=gradient.mix.view(lanes, d, m, d * s))
    d_gates = d_gated.mul_(value.mix.view(lanes, d, m, d * s)).sum(2).view(lanes, d, d, s).sum(3).transpose(1, 2)
    d_latents[:, :s].add_(torch.bmm(made.gated.transpose(1, 2), d_message).view(n, s, size))
    d_latents[:, s : s + b].add_(torch.bmm(made.memory.transpose(1, 2), d_drive))
    if shape.noise == 1:
        d_latents[:, s + b :].addcmul_(made.scale, d_scale)
    else:
        d_latents[:, s + b :].add_(torch.bmm(made.scale.transpose(1, 2), d_scale))
    for bent in (slice(1, s), slice(s + 1, None)):
        unbend(d_latents[:, bent], made.latents[:, bent])
    features = rows[:, :, 2:].reshape(n, shape.features, size)
    d_encoder = torch.bmm(d_latents, features.transpose(1, 2)).view(gradient.encoder.shape)
    torch.mul(d_encoder, reads(shape), out=gradient.encoder)
    gradient.encoder_bias.copy_(d_latents.sum(2).view(gradient.encoder_bias.shape))
    gradient.memory[..., :b] = torch.bmm(d_drive, made.own.transpose(1, 2)).view(lanes, d, m, b)
    gradient.memory[..., b] = d_drive.sum(2).view(lanes, d, m)
    gradient.readout.copy_(torch.bmm(d_mean, made.hidden.transpose(1, 2)).view(gradient.readout.shape))
    spread = made.latents[:, s + b :]
    gradient.scale.copy_(torch.bmm(d_scale, spread.transpose(1, 2)).view(gradient.scale.shape))
    gradient.scale_bias.copy_(d_scale.sum(2).view(gradient.scale_bias.shape))
    return d_gates


def unbend(gradient: Tensor, bent: Tensor) -> None:
    """Pull a gradient back through tanh, in place: times 1 - bent^2."""
    torch.ops.aten.tanh_backward.grad_input(gradient, bent, grad_input=gradient)


def reconstruction_gradient(
    mean: Tensor, raw: Tensor, rows: Tensor, weight: Tensor, config: TrainerConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted reconstruction term (K,) and its gradients in mean and raw log-scale (K * d, 1, B)."""
    lanes, d, _, size = rows.shape
    target, observed = rows[:, :, 0].reshape(mean.shape), rows[:, :, 1].reshape(mean.shape)
    share = weight
    if config.reduction == "mean":
        share = weight / observed.reshape(lanes, -1).sum(1).clamp(min=1.0)
    each = share.repeat_interleave(d)[:, None, None]
    error = (target - mean) * observed
    if config.reconstruction == "mse":
        value, d_mean, d_raw = error.square(), error * (-2.0 * each), torch.zeros_like(raw)
    else:
        log_scale = raw.clamp(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)
        precise = torch.exp(-log_scale)
        ratio = error * precise
        squared = ratio.square()
        value = 0.5 * squared + log_scale * observed
        d_mean = ratio * precise * -each
        d_raw = (observed - squared) * each * (raw.abs() <= LOG_SCALE_LIMIT)
    return value.reshape(lanes, d * size).sum(1) * share, d_mean, d_raw
