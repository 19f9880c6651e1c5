"""The compiled step and its epochs against the gradient written in torch."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core import gradient, kernel_train, training
from core.config import TrainerConfig
from core.kernel_pack import packed, unpacked
from core.kernel_plan import mix_of, plan_of, scratch_of
from core.kernel_step import lane_gradient
from core.losses import Terms, Weights
from core.model import Parameters, Shape, init_parameters, model_shape, pack, unpack
from core.trainer import start
from tests.core import small


def gradients(
    value: Parameters, heat: Tensor, noise: Tensor, rows: Tensor, weight: Weights, config: TrainerConfig, shape: Shape
) -> tuple[Terms, Tensor, Tensor]:
    """Return what `gradient.gradients` does, from the compiled step."""
    flat, lanes, d = packed(value), rows.shape[0], shape.variables
    gradient, terms, graph = torch.zeros_like(flat), torch.empty(lanes, 4), torch.empty(lanes, d, d)
    plan = plan_of(shape, config, dense=True)
    room = scratch_of(plan, rows.shape[3])
    given = [part.contiguous().numpy() for part in (flat, rows, noise, heat, torch.stack(weight, 1))]
    for k, (lane, batch, drawn, warmth, weights) in enumerate(zip(*given, strict=True)):
        room.rows[:], room.written[:] = batch, False
        lane_gradient(lane, gradient[k].numpy(), plan, room, drawn, warmth, weights, terms[k].numpy())
        graph[k] = torch.from_numpy(room.d_sampled)
    return Terms(*terms.unbind(1)), gradient, graph


@settings(max_examples=60)
@given(
    lanes=st.integers(1, 4),
    variables=st.integers(2, 7),
    lag=st.integers(0, 2),
    now=st.booleans(),
    widths=st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(1, 18), st.integers(1, 2)),
    rows=st.integers(2, 40),
    seed=st.integers(0, 2**31),
    kind=st.sampled_from(["likelihood", "mse"]),
    switches=st.tuples(st.sampled_from(["mean", "sum"]), st.sampled_from(["log_det", "walks", "trace_cubed"])),
)
def test_the_compiled_gradient_is_the_one_in_torch(
    lanes: int, variables: int, lag: int, now: bool, widths: tuple[int, int, int, int], rows: int, seed: int,
    kind: str, switches: tuple[str, str],
) -> None:  # fmt: skip
    """Law: terms, gradient, and d recon / d gates are those of `gradient.gradients` in float64, to float32's digits."""
    config = TrainerConfig(
        max_lag=lag, instantaneous=now, signal_width=widths[0], bias_width=widths[1], hidden_width=widths[2],
        noise_width=widths[3], reconstruction=kind, reduction=switches[0], acyclicity=switches[1],
    )  # fmt: skip
    shape, rng = model_shape(variables, config), np.random.default_rng(seed)
    drawn = [init_parameters(shape, rng) for _ in range(lanes)]
    value = Parameters(*(torch.cat(parts) for parts in zip(*drawn, strict=True)))
    value = Parameters(*(part + torch.from_numpy(rng.normal(0, 0.3, part.shape)).float() for part in value))
    batch = torch.from_numpy(rng.standard_normal((lanes, variables, 2 + shape.features, rows))).float()
    batch[:, :, 1] = (batch[:, :, 1] > -0.8).float()
    heat = torch.from_numpy(rng.uniform(0.2, 0.7, lanes)).float()
    noise = torch.from_numpy(2.0 * rng.logistic(size=(lanes, variables, variables))).float()
    weight = Weights(*(torch.from_numpy(rng.uniform(0.1, 2.0, lanes)).float() for _ in range(4)))
    exact = gradient.gradients(
        Parameters(*(part.double() for part in value)), heat.double(), noise.double(), batch.double(),
        Weights(*(part.double() for part in weight)), config, shape,
    )  # fmt: skip
    found = gradients(value, heat, noise, batch, weight, config, shape)
    for ours, theirs in zip(found[0], exact[0], strict=True):
        torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-4)
    pairs = [*zip(unpacked(found[1], value), unpack(exact[1], value), strict=True), (found[2], exact[2])]
    size = max(1e-3, float(exact[1].abs().max()))
    for ours, theirs in pairs:
        torch.testing.assert_close(ours.double(), theirs, rtol=2e-3, atol=2e-4 * size)


@pytest.mark.parametrize(
    "changes",
    [{}, {"clip_norm": 0.05}, {"batch_size": 50}, {"max_lag": 0}, {"acyclicity": "walks", "reduction": "sum"}],
)
def test_compiled_epochs_are_those_of_the_tensor_program(changes: dict[str, Any]) -> None:
    """Law: three epochs give the weights, moments, terms and norms of the same steps as whole-tensor operations."""
    config = small.settings(**changes)
    data = small.dataset(config, missing=0.1)
    ours = theirs = start(small.trials(3, weight_decay=0.01), data, config)
    for _ in range(3):
        ours, log = training.train_epoch(ours, data, config)
        batches = training.learner(config).batches(theirs, data, config)
        theirs, told = training.train_steps(theirs, batches, len(data.names), config)
        torch.testing.assert_close(log.terms, told.terms, rtol=1e-3, atol=1e-5)
        torch.testing.assert_close(log.norms, told.norms, rtol=5e-3, atol=1e-5)
    assert torch.equal(ours.step, theirs.step)
    for name in ("value", "first"):
        torch.testing.assert_close(pack(getattr(ours, name)), pack(getattr(theirs, name)), rtol=1e-2, atol=2e-3)


def test_a_gradient_too_large_for_float32_is_measured() -> None:
    """Law: squares that overflow do not make a norm infinite; a gradient that is not finite does, wherever it is."""
    infinite = np.float32(np.inf)
    assert kernel_train.norm_of(np.full(4, 1e30, np.float32), 1, 3, infinite) == pytest.approx(2e30)
    assert kernel_train.norm_of(np.full(4, 3.0, np.float32), 1, 3, np.float32(18.0)) == pytest.approx(6.0)
    for odd, found in ((np.nan, math.isnan), (np.inf, math.isinf)):
        for at in range(3):
            gradient = np.ones(3, np.float32)
            gradient[at] = odd
            assert found(kernel_train.norm_of(gradient, 1, 2, np.float32(odd * odd if at == 1 else 1.0)))


def test_what_shuts_leaves_no_gradient_behind() -> None:
    """Law: a step's gradient does not depend on which gates were open in the step before."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start(small.trials(2), data, config)
    batches = list(training.learner(config).batches(lanes, data, config))[:2]
    heat, weight = torch.full((2,), 0.3), Weights(*(torch.ones(2) for _ in range(4)))
    shape, rng = model_shape(len(data.names), config), np.random.default_rng(0)
    plan = plan_of(shape, config)
    room, kept = scratch_of(plan, batches[0].rows.shape[3]), np.zeros(packed(lanes.value).shape[1], np.float32)
    for batch in batches:
        noise = 5.0 * torch.from_numpy(rng.standard_normal(batch.noise.shape)).float()
        room.rows[:] = batch.rows[0].numpy()
        lane = packed(lanes.value)[0].numpy()
        terms, fresh = np.zeros(4, np.float32), np.zeros_like(kept)
        given = (noise[0].numpy(), heat.numpy()[0], torch.stack(weight, 1).numpy()[0], terms)
        lane_gradient(lane, kept, plan, room, *given)
        other = scratch_of(plan, batch.rows.shape[3])
        other.rows[:] = room.rows
        lane_gradient(lane, fresh, plan, other, *given)
        assert (room.sampled == 0.0).sum() > shape.variables
        assert kept.tobytes() == fresh.tobytes()
        first, last = mix_of(plan)
        squares = float(np.square(kept[first:last].astype(float)).sum())
        assert float(room.squares[0]) == pytest.approx(squares, rel=1e-5)


def test_a_lone_lane_trains_as_in_company() -> None:
    """Law: a lane's epoch is the same, bit for bit, alone and beside others."""
    config = small.settings()
    data = small.dataset(config)
    trials = small.trials(3)
    together, _ = training.train_epoch(start(trials, data, config), data, config)
    for lane, trial in enumerate(trials):
        alone, _ = training.train_epoch(start([trial], data, config), data, config)
        assert pack(alone.value)[0].numpy().tobytes() == pack(together.value)[lane].numpy().tobytes()
