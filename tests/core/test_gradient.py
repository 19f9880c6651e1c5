"""The gradient written by hand against automatic differentiation of the same loss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import TrainerConfig
from core.gradient import loss_and_gradient
from core.losses import Weights, terms
from core.model import init_parameters, model_shape, open_probability, pack, predict, sample_gates, unpack


@settings(max_examples=60)
@given(
    lanes=st.integers(2, 5),
    variables=st.integers(2, 7),
    lag=st.integers(0, 2),
    now=st.booleans(),
    widths=st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 8), st.integers(1, 2)),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["likelihood", "mse"]),
    switches=st.tuples(st.sampled_from(["mean", "sum"]), st.sampled_from(["log_det", "walks", "trace_cubed"])),
)
def test_the_gradient_is_the_derivative_of_the_loss(
    lanes: int,
    variables: int,
    lag: int,
    now: bool,
    widths: tuple[int, int, int, int],
    seed: int,
    kind: str,
    switches: tuple[str, str],
) -> None:
    """Value and gradient of every term equal those of autograd on model.predict and losses.terms, in float64."""
    config = TrainerConfig(
        max_lag=lag, instantaneous=now, signal_width=widths[0], bias_width=widths[1], hidden_width=widths[2],
        noise_width=widths[3], reconstruction=kind, reduction=switches[0], acyclicity=switches[1],
    )  # fmt: skip
    shape = model_shape(variables, config)
    rng = np.random.default_rng(seed)
    drawn = [init_parameters(shape, rng) for _ in range(lanes)]
    value = type(drawn[0])(*(torch.cat(parts).double() for parts in zip(*drawn, strict=True)))
    value = type(value)(*(part + torch.from_numpy(rng.normal(0, 0.1, part.shape)) for part in value))  # no weight is 0
    rows = torch.from_numpy(rng.standard_normal((lanes, variables, 2 + shape.features, 16)))
    rows[:, :, 1] = (rows[:, :, 1] > -0.8).double()
    heat = torch.from_numpy(rng.uniform(0.2, 0.7, lanes))
    noise = torch.from_numpy(rng.logistic(size=(lanes, variables, variables)))
    weight = Weights(*(torch.from_numpy(rng.uniform(0.1, 2.0, lanes)) for _ in range(4)))
    leaf = pack(value).requires_grad_()
    parts = unpack(leaf, value)
    prediction = predict(parts, sample_gates(parts.gate, heat, noise), rows[:, :, 2:], shape)
    opened = open_probability(parts.gate, heat)
    loss = terms(prediction, rows[:, :, 0], rows[:, :, 1], opened, weight, config, shape)
    (expected,) = torch.autograd.grad(loss.total().sum(), leaf)
    found, gradient = loss_and_gradient(value, heat, noise, rows, weight, config, shape)
    for ours, theirs in zip(found, loss, strict=True):
        torch.testing.assert_close(ours.double(), theirs.detach().double(), rtol=1e-6, atol=1e-7)
    for ours, theirs in zip(unpack(gradient, value), unpack(expected, value), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_a_saturated_error_bar_has_no_gradient() -> None:
    """Where the log-scale is held at its limit, nothing pulls at what made it."""
    config = TrainerConfig(noise_width=1)
    shape = model_shape(3, config)
    one = init_parameters(shape, np.random.default_rng(0))
    value = one._replace(scale_bias=torch.full_like(one.scale_bias, 9.0))
    pair = type(one)(*(torch.cat([part, part]) for part in value))
    rows = torch.ones(2, 3, 2 + shape.features, 8)
    weight = Weights(*(torch.ones(2) for _ in range(4)))
    _, gradient = loss_and_gradient(pair, torch.ones(2), torch.zeros(2, 3, 3), rows, weight, config, shape)
    assert not unpack(gradient, pair).scale_bias.any()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("lanes", [2, 3, 7, 16])
def test_a_lane_has_its_own_gradient(lanes: int) -> None:
    """A lane's gradient is the same to the last bit in any company."""
    config = TrainerConfig()
    shape = model_shape(5, config)
    rng = np.random.default_rng(lanes)
    drawn = [init_parameters(shape, rng) for _ in range(lanes)]
    rows = torch.from_numpy(rng.standard_normal((lanes, 5, 2 + shape.features, 16)).astype(np.float32))
    noise = torch.from_numpy(rng.logistic(size=(lanes, 5, 5)).astype(np.float32))

    def gradient_of(chosen: list[int]) -> torch.Tensor:
        value = type(drawn[0])(*(torch.cat(parts) for parts in zip(*(drawn[k] for k in chosen), strict=True)))
        weight = Weights(*(torch.ones(len(chosen)) for _ in range(4)))
        heat = torch.full((len(chosen),), 0.5)
        return loss_and_gradient(value, heat, noise[chosen], rows[chosen], weight, config, shape)[1]

    together = gradient_of(list(range(lanes)))
    for lane in range(lanes):
        assert torch.equal(gradient_of([lane, lane])[0], together[lane])
