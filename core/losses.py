"""The four terms of the loss, one number a lane; summed over lanes, never averaged, by the trainer."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from core.config import TrainerConfig
from core.model import CPU, Prediction, Shape

DECAY = 0.9
LEAST_VARIANCE = 1e-6
"""Of a latent over a batch, where its correlations are taken."""


class Weights(NamedTuple):
    """The lambdas of every lane, each (K,) float32."""

    recon: Tensor
    sparse: Tensor
    acyclic: Tensor
    disen: Tensor


class Terms(NamedTuple):
    """The weighted terms of every lane, each (K,); they add up to the loss."""

    recon: Tensor
    sparse: Tensor
    acyclic: Tensor
    disen: Tensor

    def total(self) -> Tensor:
        """Return the loss, (K,)."""
        return self.recon + self.sparse + self.acyclic + self.disen


def reconstruction(prediction: Prediction, target: Tensor, observed: Tensor, config: TrainerConfig) -> Tensor:
    """Mean over observed targets of -log N(x | mean, scale), without its constant, or of the squared error.

    With `reduction: sum` it is the sum over them.

    Args:
        prediction: mean and log_scale (K, d, B).
        target: (K, d, B) standardised values; anything finite where not observed.
        observed: (K, d, B) 1 where the target was measured, else 0.
        config: chooses the likelihood or the squared error, and the mean or the sum.

    Returns:
        (K,) nats a value (or squared standard deviations); 0 where nothing was observed.
    """
    error = (target - prediction.mean) * observed
    if config.reconstruction == "mse":
        value = error.square()
    else:
        value = 0.5 * (error * torch.exp(-prediction.log_scale)).square() + prediction.log_scale * observed
    if config.reduction == "sum":
        return value.flatten(1).sum(1)
    return value.flatten(1).sum(1) / observed.flatten(1).sum(1).clamp(min=1.0)


def sparsity(adjacency: Tensor, reduction: str = "mean") -> Tensor:
    """Mean over variables of the expected number of parents, sum(A) / d.

    With a recon term that is a mean over values, an edge i -> j then stays exactly if it buys more than
    lambda_sparse nats a row for j, whatever the number of variables; a mean over pairs would make the same
    lambda_sparse (d - 1) times cheaper.

    Args:
        adjacency: (K, d, d) in [0, 1], [i, j] is i -> j, zero diagonal.
        reduction: mean, or sum for sum(A), the expected number of edges.

    Returns:
        (K,) in [0, d - 1], or in [0, d (d - 1)].
    """
    total = adjacency.flatten(1).sum(1)
    return total if reduction == "sum" else total / adjacency.shape[-1]


def cyclicity(adjacency: Tensor, kind: str) -> Tensor:
    """Return the penalty that `acyclicity` of the settings names, (K,) float32, of (K, d, d) in [0, 1].

    walks: max(0, tr((I + A / d)^3) - d), which is exactly 0 on cycles of four variables or more;
    trace_cubed: tr(A^3), which sees cycles of three alone; log_det: `acyclicity`.
    """
    if kind == "log_det":
        return acyclicity(adjacency)
    d, matrix = adjacency.shape[-1], adjacency.double()
    step = matrix if kind == "trace_cubed" else torch.eye(d, dtype=torch.float64) + matrix / d
    trace = torch.diagonal(torch.bmm(torch.bmm(step, step), step), dim1=1, dim2=2).sum(1)
    return trace.float() if kind == "trace_cubed" else (trace - d).clamp(min=0.0).float()


def acyclicity(adjacency: Tensor) -> Tensor:
    """h(A) = -log det(I - c A / r) / d, with r >= 1 an upper bound of A's spectral radius; 0 on a DAG only.

    The series is sum over k of c^k tr((A / r)^k) / (k d): every k-cycle adds to it, k = 2..d, and it is
    finite because the radius of c A / r stays below c. Unlike tr((I + A / d)^m) - d a long cycle does not
    drown: r is 1 on a lone cycle of any length. r is a constant for the gradient.

    Args:
        adjacency: (K, d, d) in [0, 1], [i, j] is i -> j, zero diagonal.

    Returns:
        (K,) float32, at least 0 up to rounding.
    Source: log-determinant of Bello, Aragam, Ravikumar 2022 (DAGMA).
    """
    d = adjacency.shape[-1]
    matrix = adjacency.double()
    radius = spectral_bound(matrix)
    inside = torch.eye(d, dtype=torch.float64) - (DECAY / radius)[:, None, None] * matrix
    log_determinant: Tensor = torch.linalg.slogdet(inside).logabsdet
    return -log_determinant.float() / d + 0.0  # never -0.0


def spectral_bound(matrix: Tensor) -> Tensor:
    """Return r >= 1 that bounds the spectral radius of non-negative matrices (K, d, d) float64, (K,), no gradient.

    It is the eighth root of the largest number of weighted walks of eight steps, max(A^8 1), by Gelfand's
    formula.
    """
    with torch.no_grad():
        walks = matrix.sum(2, keepdim=True)
        for _ in range(7):
            walks = torch.bmm(matrix, walks)
        return walks.amax(dim=(1, 2)).sqrt().sqrt().sqrt().clamp(min=1.0)


def disentanglement(latents: Tensor, shape: Shape, lanes: int, reduction: str = "mean") -> Tensor:
    """Mean absolute correlation over a batch between a variable's signal, bias and noise latents.

    Args:
        latents: (K * d, P, B), rows ordered signal, bias, noise.
        shape: sizes of the model.
        lanes: K.
        reduction: mean, or sum over all pairs of latents (both orders) of all variables.

    Returns:
        (K,) in [0, 1] for the mean.
    """
    mean = latents.mean(2, keepdim=True)
    covariance = torch.baddbmm(
        mean * mean.transpose(1, 2), latents, latents.transpose(1, 2), beta=-1, alpha=1.0 / latents.shape[-1]
    )
    deviation = torch.diagonal(covariance, dim1=1, dim2=2).clamp(min=LEAST_VARIANCE).sqrt()
    correlation = covariance / (deviation[:, :, None] * deviation[:, None, :])
    between = apart(shape)
    total = (correlation * between).abs().view(lanes, -1).sum(1)
    return total if reduction == "sum" else total / (between.sum() * (latents.shape[0] // lanes))


def kinds(shape: Shape) -> list[int]:
    """Return what each of a variable's latents is: 0 signal, 1 own, 2 noise."""
    return [0] * shape.signal + [1] * shape.bias + [2] * shape.noise


@lru_cache(maxsize=32)
def apart(shape: Shape, device: torch.device = CPU) -> Tensor:
    """Return (P, P) ones where two latents belong to different kinds, zeros elsewhere."""
    kind = torch.tensor(kinds(shape), device=device)
    return (kind[:, None] != kind[None, :]).float()


def terms(
    prediction: Prediction,
    target: Tensor,
    observed: Tensor,
    adjacency: Tensor,
    weights: Weights,
    config: TrainerConfig,
    shape: Shape,
) -> Terms:
    """Return the four weighted terms of every lane.

    Args:
        prediction: of the batch; target and observed (K, d, B) as in `reconstruction`.
        adjacency: (K, d, d) in [0, 1], [i, j] is i -> j.
        weights: the lambdas, (K,) each.
        config: fixed settings; shape: sizes of the model.

    Returns:
        Terms, (K,) each.
    """
    return Terms(
        recon=weights.recon * reconstruction(prediction, target, observed, config),
        sparse=weights.sparse * sparsity(adjacency, config.reduction),
        acyclic=weights.acyclic * cyclicity(adjacency, config.acyclicity),
        disen=weights.disen * disentanglement(prediction.latents, shape, adjacency.shape[0], config.reduction),
    )
