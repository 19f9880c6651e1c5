"""The original system's model, kept so that its failure can be seen: no weight of any loss term can make it learn.

Per time step, three encoders (signal, noise, bias) read the vector of all d variables, and a decoder turns the
48 latents back into that vector. The adjacency is a free matrix of logits of which the largest 10 % keep their
sigmoid. **The decoder never sees it**: the reconstruction does not move with the graph, whose only gradients
are those of its own penalties, and what is learned is the top of some random numbers. `core.model` is the
learner to use. All tensors have a leading lane axis K and the row axis B last.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.config import TrainerConfig
from core.gradient import correlation_gradient, cyclicity_gradient
from core.losses import Terms, Weights
from core.model import off_diagonal, stable_sigmoid

LATENT, HIDDEN, KINDS = 16, 32, 3  # of each encoder; signal, noise, bias
LOGIT_SPREAD, KEPT_SHARE = 0.1, 0.1


class Original(NamedTuple):
    """What is learned, one slice a lane; every layer as torch.nn.Linear has it, (K, out, in) and (K, out, 1).

    graph (K, d, d) logits, [i, j] is i -> j; first: the three encoders' hidden layers below each other; second
    (K, 3, 16, 32): their latents, second_bias (K, 48, 1); third and fourth: the decoder.
    """

    graph: Tensor
    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor
    third: Tensor
    third_bias: Tensor
    fourth: Tensor
    fourth_bias: Tensor


class Forward(NamedTuple):
    """Activations of a pass: hidden (K, 96, B), latents (K, 48, B), unfolded (K, 32, B), output (K, d, B)."""

    hidden: Tensor
    latents: Tensor
    unfolded: Tensor
    output: Tensor


def init_original(variables: int, rng: np.random.Generator) -> Original:
    """Draw the starting weights of one lane (leading axis 1) from its own stream, float32.

    Logits are N(0, 0.1^2); layers start as torch.nn.Linear does, uniform within 1 / sqrt(inputs), one encoder
    after the other, then the decoder.
    """

    def linear(outputs: int, inputs: int) -> tuple[Tensor, Tensor]:
        limit = 1.0 / math.sqrt(inputs)
        drawn = (rng.uniform(-limit, limit, size).astype(np.float32) for size in ((outputs, inputs), (outputs, 1)))
        weight, bias = map(torch.from_numpy, drawn)
        return weight, bias

    d = variables
    graph = torch.from_numpy((LOGIT_SPREAD * rng.standard_normal((d, d))).astype(np.float32))
    encoders = [(*linear(HIDDEN, d), *linear(LATENT, HIDDEN)) for _ in range(KINDS)]
    first, first_bias, second, second_bias = zip(*encoders, strict=True)
    third, fourth = linear(HIDDEN, KINDS * LATENT), linear(d, HIDDEN)
    joined = (torch.cat(first), torch.cat(first_bias), torch.stack(second), torch.cat(second_bias))
    return Original(*(part.unsqueeze(0) for part in (graph, *joined, *third, *fourth)))


def forward(value: Original, rows: Tensor) -> Forward:
    """Pass rows (K, d, B) through the encoders and the decoder."""
    lanes, size = rows.shape[0], rows.shape[2]
    hidden = torch.baddbmm(value.first_bias, value.first, rows).clamp_(min=0.0)
    second = value.second.reshape(lanes * KINDS, LATENT, HIDDEN)
    bias = value.second_bias.reshape(lanes * KINDS, LATENT, 1)
    latents = torch.baddbmm(bias, second, hidden.view(lanes * KINDS, HIDDEN, size)).view(lanes, KINDS * LATENT, size)
    unfolded = torch.baddbmm(value.third_bias, value.third, latents).clamp_(min=0.0)
    return Forward(hidden, latents, unfolded, torch.baddbmm(value.fourth_bias, value.fourth, unfolded))


def before_relu(gradient: Tensor, output: Tensor) -> Tensor:
    """Pull a gradient back through a ReLU, given what it put out."""
    passed: Tensor = torch.ops.aten.threshold_backward(gradient, output, 0.0)
    return passed


def kept_entries(logits: Tensor) -> Tensor:
    """Mark the largest 10 % of all entries, the diagonal's included, (K, d, d) of 0 and 1; at least one."""
    flat = logits.flatten(1)
    at = flat.topk(max(1, int(KEPT_SHARE * flat.shape[1])), dim=1).indices
    return torch.zeros_like(flat).scatter_(1, at, 1.0).view(logits.shape)


def original_graph(value: Original) -> Tensor:
    """Return the learned graph, (K, d, d) in [0, 1], [i, j] is i -> j: sigmoids of the entries kept, zero diagonal.

    What the diagonal takes of the 10 % is lost to the other entries, as it was in the original system.
    """
    graph = stable_sigmoid(value.graph) * kept_entries(value.graph) * off_diagonal(value.graph.shape[-1])
    return graph.where(graph.isfinite(), torch.zeros(()))


def penalties(logits: Tensor, weight: Weights, config: TrainerConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weighted sparse and acyclic terms (K,) and the gradient of their sum in the logits (K, d, d).

    sparse is the mean (or sum) of |A| over all entries; acyclic acts on A too, but tr(A^3) on the sigmoids of
    all logits, as the original system had it at first.
    """
    soft, kept = stable_sigmoid(logits), kept_entries(logits)
    adjacency = soft * kept
    entries = 1 if config.reduction == "sum" else logits.shape[-1] ** 2
    reach = torch.ones_like(kept) if config.acyclicity == "trace_cubed" else kept
    h, d_h = cyclicity_gradient(soft * reach, config.acyclicity)
    pull = (weight.sparse / entries)[:, None, None] * kept + weight.acyclic[:, None, None] * d_h * reach
    sparse = weight.sparse * adjacency.flatten(1).sum(1) / entries
    return sparse, weight.acyclic * h, pull * soft * (1.0 - soft)


def correlation_share(weight: Tensor, reduction: str) -> Tensor:
    """Weigh each correlation of the 48 latents, (K, 48, 48), as the sum over the three pairs of encoders does.

    A pair's term is the mean (or sum) of |R| over its 32 x 32 joint matrix; so correlations within an encoder
    count in two pairs, those between encoders in one.
    """
    kind = torch.arange(KINDS).repeat_interleave(LATENT)
    times = 1.0 + (kind[:, None] == kind[None, :]).float()
    each = weight if reduction == "sum" else weight / (2 * LATENT) ** 2
    return each[:, None, None] * times


def original_terms(
    value: Original, rows: Tensor, counts: Tensor, weight: Weights, config: TrainerConfig
) -> tuple[Terms, Tensor]:
    """Return the weighted loss terms and the gradient of their sum.

    recon is the squared error averaged over (or summed over) all entries; a missing one is its own
    reconstruction and adds nothing. The graph's share of the gradient comes from `penalties` alone.

    Args:
        value: parameters of K lanes.
        rows: (K, d, 2, B), the values, blanks filled, and whether they were observed.
        counts: (B,) how often each row counts in recon.
        weight: the lambdas in force, (K,) each.
        config: reduction and acyclicity.

    Returns:
        Terms, (K,) each, and the packed gradient, (K, all parameters) in the order of `Original`.
    """
    lanes, d, _, size = rows.shape
    target, observed = rows[:, :, 0], rows[:, :, 1]
    passed = forward(value, target)
    total = 1.0 if config.reduction == "sum" else float(counts.sum()) * d
    error = (passed.output - target) * observed
    pull = error * (counts / total) * weight.recon[:, None, None]
    recon = (pull * error).flatten(1).sum(1)
    disen, d_latents = correlation_gradient(passed.latents, correlation_share(weight.disen, config.reduction))
    sparse, acyclic, d_graph = penalties(value.graph, weight, config)
    d_output = 2.0 * pull
    d_unfolded = before_relu(torch.bmm(value.fourth.transpose(1, 2), d_output), passed.unfolded)
    d_latents = torch.baddbmm(d_latents, value.third.transpose(1, 2), d_unfolded)
    folded = d_latents.view(lanes * KINDS, LATENT, size)
    hidden = passed.hidden.view(lanes * KINDS, HIDDEN, size)
    second = value.second.reshape(lanes * KINDS, LATENT, HIDDEN)
    d_hidden = before_relu(torch.bmm(second.transpose(1, 2), folded), hidden).view(passed.hidden.shape)
    gradient = Original(
        graph=d_graph,
        first=torch.bmm(d_hidden, target.transpose(1, 2)), first_bias=d_hidden.sum(2),
        second=torch.bmm(folded, hidden.transpose(1, 2)), second_bias=d_latents.sum(2),
        third=torch.bmm(d_unfolded, passed.latents.transpose(1, 2)), third_bias=d_unfolded.sum(2),
        fourth=torch.bmm(d_output, passed.unfolded.transpose(1, 2)), fourth_bias=d_output.sum(2),
    )  # fmt: skip
    return Terms(recon, sparse, acyclic, disen), torch.cat([part.reshape(lanes, -1) for part in gradient], dim=1)
