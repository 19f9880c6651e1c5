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
from core.losses import DECAY, LEAST_VARIANCE, Terms, Weights, apart, spectral_bound
from core.model import GATE_HIGH, GATE_LOW, LOG_SCALE_LIMIT, Parameters, Shape, off_diagonal, stable_sigmoid, unpack
from core.passes import backward, forward


class Gates(NamedTuple):
    """Sampled gates (K, d, d), their soft values before stretching, and the probability that each is open."""

    sampled: Tensor
    soft: Tensor
    opened: Tensor


def gates_of(gate: Tensor, heat: Tensor, noise: Tensor) -> Gates:
    """Sample the gates of a step; the same as `sample_gates` and `open_probability`."""
    wide, off = heat[:, None, None], off_diagonal(gate.shape[-1], gate.device)
    soft = stable_sigmoid((gate + noise) / wide)
    sampled = (soft * (GATE_HIGH - GATE_LOW) + GATE_LOW).clamp(0.0, 1.0) * off
    return Gates(sampled, soft, stable_sigmoid(gate - wide * math.log(-GATE_LOW / GATE_HIGH)) * off)


def gate_gradient(gates: Gates, sampled: Tensor, opened: Tensor, heat: Tensor) -> Tensor:
    """Pull the gradients of sampled gates and open probabilities back to the log-odds, (K, d, d)."""
    stretched = gates.soft * (GATE_HIGH - GATE_LOW) + GATE_LOW
    inside = ((stretched >= 0.0) & (stretched <= 1.0)) * off_diagonal(sampled.shape[-1], sampled.device)
    slope = gates.soft * (1.0 - gates.soft) * ((GATE_HIGH - GATE_LOW) / heat[:, None, None])
    return sampled * inside * slope + opened * gates.opened * (1.0 - gates.opened)


def acyclicity_gradient(opened: Tensor) -> tuple[Tensor, Tensor]:
    """Return h (K,) as `losses.acyclicity`, and dh/dA = c / (r d) (I - c A / r)^-T, (K, d, d)."""
    d = opened.shape[-1]
    matrix = opened.double()
    shrink = (DECAY / spectral_bound(matrix))[:, None, None]
    eye = torch.eye(d, dtype=torch.float64, device=matrix.device)
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
    step = matrix if cubed else torch.eye(d, dtype=torch.float64, device=matrix.device) + matrix / d
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
    lanes, between = weight.shape[0], apart(shape, weight.device)
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
    inverse = variance.clamp(min=LEAST_VARIANCE).sqrt().reciprocal()
    outer = inverse[:, :, None] * inverse[:, None, :]
    correlation = covariance * outer
    size = (correlation.abs() * share).sum((1, 2))
    pull = correlation.sign() * share
    spin = ((pull * correlation).sum(2) * inverse.square()).masked_fill(~(variance >= LEAST_VARIANCE), 0.0)
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
    return terms, flat, d_gates * off_diagonal(rows.shape[1], rows.device)


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
