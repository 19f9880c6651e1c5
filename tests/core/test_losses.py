"""The four terms against hand values, numpy and scipy, lane by lane."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from core import losses
from core.config import TrainerConfig
from core.model import Prediction, model_shape
from tests import oracles
from tests.core import small

LIKELIHOOD, SQUARED = TrainerConfig(), TrainerConfig(reconstruction="mse")


def prediction(mean: np.ndarray, log_scale: np.ndarray) -> Prediction:
    """Wrap a mean and an error bar, (K, d, B), without latents."""
    return Prediction(torch.from_numpy(mean).float(), torch.from_numpy(log_scale).float(), torch.zeros(1))


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), present=st.sampled_from([0.0, 0.3, 1.0]))
def test_reconstruction_is_the_mean_over_what_was_observed(seed: int, present: float) -> None:
    """Law: recon is scipy's normal density without its constant (or the squared error), averaged over observed."""
    rng = np.random.default_rng(seed)
    mean, target = rng.standard_normal((2, 3, 4, 7))
    log_scale = rng.uniform(-2, 2, (3, 4, 7))
    observed = rng.random((3, 4, 7)) < present
    given_terms = (prediction(mean, log_scale), torch.from_numpy(target).float(), torch.from_numpy(observed).float())
    found = losses.reconstruction(*given_terms, LIKELIHOOD)
    squared = losses.reconstruction(*given_terms, SQUARED)
    density = -stats.norm.logpdf(target, mean, np.exp(log_scale)) - 0.5 * np.log(2 * np.pi)
    for lane in range(3):
        seen = observed[lane]
        expected = density[lane][seen].mean() if seen.any() else 0.0
        assert found[lane].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
        expected = ((target - mean)[lane][seen] ** 2).mean() if seen.any() else 0.0
        assert squared[lane].item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("config", [LIKELIHOOD, SQUARED])
def test_missing_targets_are_never_counted(config: TrainerConfig) -> None:
    """Law: neither the value nor the prediction nor the error bar at a missing target moves the loss or a gradient."""
    rng = np.random.default_rng(0)
    observed = torch.from_numpy(rng.random((2, 3, 9)) < 0.5).float()
    target = torch.from_numpy(rng.standard_normal((2, 3, 9))).float()
    mean = torch.zeros(2, 3, 9, requires_grad=True)
    scale = torch.zeros(2, 3, 9, requires_grad=True)
    base = losses.reconstruction(Prediction(mean, scale, mean), target, observed, config)
    other = losses.reconstruction(Prediction(mean, scale, mean), target + 100 * (1 - observed), observed, config)
    assert torch.equal(base, other)
    missing = observed == 0
    slopes = torch.autograd.grad(base.sum(), [mean, scale], allow_unused=True)
    for slope in (slope for slope in slopes if slope is not None):
        assert not slope[missing].any()
    assert slopes[0][~missing].abs().min() > 0


def test_reconstruction_by_hand() -> None:
    """Law: an error of 2 at scale 1 costs 2 nats (4 squared), at scale e it costs 2 / e^2 + 1."""
    mean, observed = np.zeros((2, 1, 1)), torch.ones(2, 1, 1)
    scales, target = np.array([0.0, 1.0]).reshape(2, 1, 1), torch.full((2, 1, 1), 2.0)
    found = losses.reconstruction(prediction(mean, scales), target, observed, LIKELIHOOD)
    assert found.tolist() == pytest.approx([2.0, 2 / np.e**2 + 1])
    assert found.tolist() == pytest.approx([oracles.negative_log_likelihood(0, scale, 2) for scale in (0, 1)])
    assert losses.reconstruction(prediction(mean, scales), target, observed, SQUARED).tolist() == [4.0, 4.0]


def test_sparsity_is_the_expected_number_of_parents() -> None:
    """Law: sparse is sum(A) / d: 0 for no edge, d - 1 for all, one edge of d variables costs 1 / d."""
    full = 1 - torch.eye(5)
    one = torch.zeros(5, 5)
    one[1, 3] = 1.0
    found = losses.sparsity(torch.stack([torch.zeros(5, 5), full, one, 0.5 * full]))
    assert found.tolist() == pytest.approx([0.0, 4.0, 0.2, 2.0])


@settings(max_examples=60)
@given(d=st.integers(2, 30), density=st.sampled_from([0.1, 0.5, 1.0]), seed=st.integers(0, 2**32))
def test_acyclicity_is_zero_on_acyclic_graphs(d: int, density: float, seed: int) -> None:
    """Law: h is 0 on every DAG, whatever its weights, and its gradient is 0 on its edges."""
    rng = np.random.default_rng(seed)
    weights = oracles.random_dag(d, density, rng) * rng.uniform(0.01, 1, (d, d))
    matrix = torch.from_numpy(np.stack([weights, weights > 0])).float().requires_grad_()
    h = losses.acyclicity(matrix)
    assert h.abs().max() <= 1e-9
    (slope,) = torch.autograd.grad(h.sum(), matrix)
    assert slope.isfinite().all()
    on_edges = slope[matrix > 0]
    assert on_edges.numel() == 0 or on_edges.abs().max() <= 1e-9


@pytest.mark.parametrize("d", [2, 3, 4, 5, 6, 7, 13, 30])
def test_acyclicity_sees_every_cycle(d: int) -> None:
    """Law: h > 0 on every k-cycle, k = 2..d, alone or among the edges of a DAG, and its gradient cuts the cycle."""
    rng = np.random.default_rng(d)
    graphs = []
    for length in range(2, d + 1):
        lone = oracles.cycle(d, rng.permutation(d)[:length].tolist())
        graphs += [lone, np.maximum(lone, 0.3 * oracles.random_dag(d, 0.2, rng))]
    matrix = torch.from_numpy(np.stack(graphs)).float().requires_grad_()
    h = losses.acyclicity(matrix)
    assert h.isfinite().all()
    assert h.min() > 1e-5
    (slope,) = torch.autograd.grad(h.sum(), matrix)
    assert slope.isfinite().all()
    for graph, lone in zip(slope[::2], matrix[::2], strict=True):
        assert graph[lone > 0].min() > 0


def test_acyclicity_by_hand() -> None:
    """Law: a cycle of two edges of weight w gives -log(1 - (0.9 w)^2) / d; the original's blind spots are seen."""
    for w in (0.1, 0.5, 1.0):
        found = losses.acyclicity(w * torch.from_numpy(oracles.cycle(4, [0, 2]))[None])
        assert found.item() == pytest.approx(-np.log(1 - (0.9 * w) ** 2) / 4, rel=1e-5)
    for length in (4, 5, 6):
        graph = oracles.cycle(8, list(range(length)))
        original = np.trace(np.linalg.matrix_power(np.eye(8) + graph / 8, 3)) - 8
        assert original == pytest.approx(0, abs=1e-12)
        assert losses.acyclicity(torch.from_numpy(graph)[None].float()).item() > 0.01


@pytest.mark.parametrize("d", [2, 3, 13, 50, 100])
def test_acyclicity_is_finite_everywhere(d: int) -> None:
    """Law: h and its gradient are finite on the full graph, on a half-open one and on a random one, up to d = 100."""
    rng = np.random.default_rng(d)
    off = 1 - np.eye(d)
    stack = np.stack([off, 0.5 * off, rng.random((d, d)) * off, 1e-6 * off, 0 * off])
    matrix = torch.from_numpy(stack).float().requires_grad_()
    h = losses.acyclicity(matrix)
    (slope,) = torch.autograd.grad(h.sum(), matrix)
    assert h.isfinite().all()
    assert slope.isfinite().all()
    assert (h[:3] > 0).all()
    assert h[4] == 0
    assert (h >= -1e-9).all()


def test_acyclicity_of_a_lane_is_its_own() -> None:
    """Law: a lane's h does not change with its neighbours, not even with one that is not a number."""
    rng = np.random.default_rng(1)
    off = 1 - torch.eye(6)
    stack = torch.from_numpy(rng.random((5, 6, 6))).float() * off
    base = losses.acyclicity(stack)
    spoiled = stack.clone()
    spoiled[2] = torch.nan
    found = losses.acyclicity(spoiled)
    kept = [0, 1, 3, 4]
    assert torch.equal(found[kept], base[kept])
    assert torch.equal(losses.acyclicity(stack[[3, 1]]), base[[3, 1]])


@settings(max_examples=40)
@given(
    widths=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)),
    d=st.integers(2, 4),
    seed=st.integers(0, 2**32),
)
def test_disentanglement_is_the_mean_absolute_correlation(widths: tuple[int, int, int], d: int, seed: int) -> None:
    """Law: disen is numpy's |corrcoef| between latents of different kinds, averaged over pairs and variables."""
    signal, bias, noise = widths
    shape = model_shape(d, TrainerConfig(signal_width=signal, bias_width=bias, noise_width=noise))
    rng = np.random.default_rng(seed)
    latents = rng.standard_normal((2 * d, shape.latents, 40)) @ (np.eye(40) + 0.1) + 0.5
    latents[:, 0] += 2 * latents[:, -1]
    found = losses.disentanglement(torch.from_numpy(latents).float(), shape, 2)
    kind = [0] * signal + [1] * bias + [2] * noise
    for lane in range(2):
        values = []
        for i in range(d):
            correlation = np.corrcoef(latents[lane * d + i])
            values += [abs(correlation[a, b]) for a in range(shape.latents) for b in range(a) if kind[a] != kind[b]]
        assert found[lane].item() == pytest.approx(np.mean(values), abs=2e-4)


def test_disentanglement_of_constant_latents_is_finite() -> None:
    """Law: latents that stand still have no correlation, not a division by zero, nor has their gradient one."""
    shape = model_shape(2, TrainerConfig())
    latents = torch.ones(4, shape.latents, 6, requires_grad=True)
    found = losses.disentanglement(latents, shape, 2)
    (slope,) = torch.autograd.grad(found.sum(), latents)
    assert found.abs().max() < 1e-6
    assert slope.isfinite().all()


def test_terms_are_weighted_lane_by_lane() -> None:
    """Law: each term is its lambda times its mean, the total their sum, and a lambda of 0 switches a term off."""
    config = small.settings()
    shape = model_shape(3, config)
    rng = np.random.default_rng(2)
    mean, log_scale, target = (torch.from_numpy(rng.standard_normal((2, 3, 8))).float() for _ in range(3))
    latents = torch.from_numpy(rng.standard_normal((6, shape.latents, 8))).float()
    strength = torch.from_numpy(rng.random((2, 3, 3))).float() * (1 - torch.eye(3))
    guess, observed = Prediction(mean, log_scale, latents), torch.ones(2, 3, 8)
    ones = losses.Weights(*(torch.ones(2) for _ in range(4)))
    plain = losses.terms(guess, target, observed, strength, ones, config, shape)
    lambdas = losses.Weights(*(torch.tensor([k + 1.0, 0.0]) for k in range(4)))
    weighted = losses.terms(guess, target, observed, strength, lambdas, config, shape)
    for k, (one, other) in enumerate(zip(plain, weighted, strict=True)):
        assert other[0] == (k + 1) * one[0]
        assert other[1] == 0
        assert one[0] != 0
    torch.testing.assert_close(weighted.total(), torch.stack(weighted).sum(0))


def test_the_originals_penalties_by_hand() -> None:
    """Law: walks is tr((I + A/d)^3) - d, trace_cubed tr(A^3): both see loops of three, neither a cycle of four."""
    rng = np.random.default_rng(0)
    for d in (3, 6, 13):
        matrix = rng.random((d, d))
        given_matrix = torch.from_numpy(matrix)[None].float()
        walks = np.trace(np.linalg.matrix_power(np.eye(d) + matrix / d, 3)) - d
        assert losses.cyclicity(given_matrix, "walks").item() == pytest.approx(walks, rel=1e-5)
        cubed = np.trace(matrix @ matrix @ matrix)
        assert losses.cyclicity(given_matrix, "trace_cubed").item() == pytest.approx(cubed, rel=1e-5)
        assert torch.equal(losses.cyclicity(given_matrix, "log_det"), losses.acyclicity(given_matrix))
    loops = torch.from_numpy(np.stack([oracles.cycle(6, list(range(length))) for length in (3, 4, 6)])).float()
    for kind in ("walks", "trace_cubed"):
        seen = losses.cyclicity(loops, kind)
        assert seen[0] > 0.01
        assert seen[1:].abs().max() < 1e-6


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_sums_are_means_times_what_they_are_means_of(seed: int) -> None:
    """Law: with reduction sum recon is its mean times the observed entries, sparse the edges, disen all pairs."""
    rng = np.random.default_rng(seed)
    wide = model_shape(4, LIKELIHOOD)
    latents = torch.from_numpy(rng.standard_normal((2 * 4, wide.latents, 9))).float()
    observed = torch.from_numpy(rng.random((2, 4, 9)) < 0.6).float()
    target, mean, scale = (torch.from_numpy(rng.standard_normal((2, 4, 9))).float() for _ in range(3))
    graph = torch.from_numpy(rng.random((2, 4, 4)) * (1 - np.eye(4))).float()
    weights = losses.Weights(*(torch.ones(2) for _ in range(4)))
    given_terms = (Prediction(mean, scale, latents), target, observed, graph, weights)
    means = losses.terms(*given_terms, LIKELIHOOD, wide)
    sums = losses.terms(*given_terms, TrainerConfig(reduction="sum"), wide)
    pairs = 4 * int(losses.apart(wide).sum())
    torch.testing.assert_close(sums.recon, means.recon * observed.flatten(1).sum(1), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sums.sparse, graph.sum((1, 2)), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(sums.disen, means.disen * pairs, rtol=1e-5, atol=1e-5)
    assert torch.equal(sums.acyclic, means.acyclic)
