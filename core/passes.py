"""The prediction of a batch and its way back, written out by hand: the part of `core.gradient` that knows the layers.

Every product is a batched one on contiguous outputs, and what is as large as a batch or as the mix is written where
it belongs, without a copy: passes over memory take longer than the products.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from core.model import Parameters, Shape, reads


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
    encoder = (value.encoder * reads(shape, rows.device)).view(n, shape.latents, shape.features)
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
    drive = torch.bmm(gated, signal).view(n, m, size).baddbmm_(memory, own).add_(constant)
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
    d_latents[:, s + b :].add_(
        made.scale * d_scale if shape.noise == 1 else torch.bmm(made.scale.transpose(1, 2), d_scale)
    )
    for bent in (slice(1, s), slice(s + 1, None)):
        unbend(d_latents[:, bent], made.latents[:, bent])
    features = rows[:, :, 2:].reshape(n, shape.features, size)
    d_encoder = torch.bmm(d_latents, features.transpose(1, 2)).view(gradient.encoder.shape)
    torch.mul(d_encoder, reads(shape, rows.device), out=gradient.encoder)
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
    gradient.mul_(bent.square().neg_().add_(1.0))
