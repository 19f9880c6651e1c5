"""Clipping, Adam and the plateau of every lane against torch.optim, run alone."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import optimizer
from core.config import TrainerConfig

SHAPES = [(3, 3), (4,), (2, 3, 1)]
SPARED = 9  # as the gates are: the first tensor does not decay


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32),
    limit=st.sampled_from([0.1, 1.0, 100.0]),
    rates=st.lists(st.sampled_from([1e-4, 0.01, 0.3]), min_size=1, max_size=4),
)
def test_steps_equal_torch_adam(seed: int, limit: float, rates: list[float]) -> None:
    """Law: every lane, with its own rate, decay and step count, goes where clip_grad_norm_ and Adam would take it."""
    rng = np.random.default_rng(seed)
    lanes = len(rates)
    ours = [torch.from_numpy(rng.standard_normal((lanes, *size))).float() for size in SHAPES]
    decays = [0.0, 1e-4, 0.1, 0.5][:lanes]
    theirs, algorithms = [], []
    for lane, (rate, decay) in enumerate(zip(rates, decays, strict=True)):
        parts = [torch.nn.Parameter(part[lane].clone()) for part in ours]
        groups = [{"params": parts[:1], "weight_decay": 0.0}, {"params": parts[1:], "weight_decay": decay}]
        theirs.append(parts)
        algorithms.append(torch.optim.Adam(groups, lr=rate))
    value = torch.cat([part.flatten(1) for part in ours], dim=1)
    none = torch.zeros_like(value)
    decay = torch.tensor(decays)[:, None] * (torch.arange(value.shape[1]) >= SPARED)
    adam = optimizer.Adam(value, none, none.clone(), torch.zeros(lanes).long(), torch.tensor(rates), decay)
    for _ in range(40):
        scale = 10.0 ** rng.uniform(-3, 1)
        gradients = [torch.from_numpy(scale * rng.standard_normal(part.shape)).float() for part in ours]
        packed = torch.cat([part.flatten(1) for part in gradients], dim=1)
        norm = optimizer.gradient_norm(packed)
        for lane, (parts, algorithm) in enumerate(zip(theirs, algorithms, strict=True)):
            for part, gradient in zip(parts, gradients, strict=True):
                part.grad = gradient[lane].clone()
            total = torch.nn.utils.clip_grad_norm_(parts, limit)
            torch.testing.assert_close(norm[lane], total)
            algorithm.step()
        optimizer.clip(packed, norm, limit)
        adam.step(packed)
    for lane, parts in enumerate(theirs):
        expected = torch.cat([part.detach().flatten() for part in parts])
        torch.testing.assert_close(value[lane], expected, rtol=2e-4, atol=2e-5)


def test_each_lane_counts_its_own_steps() -> None:
    """Law: a lane that starts later corrects its moments by its own count, as a first step of Adam is lr long."""
    value, lr, none = torch.zeros(2, 1), torch.tensor([0.1, 0.1]), torch.zeros(2, 1)
    first, second = torch.tensor([[0.0], [0.5]]), torch.tensor([[0.0], [0.25]])
    adam = optimizer.Adam(value, first, second, torch.tensor([0, 999]), lr, none)
    adam.step(torch.tensor([[2.0], [0.5]]))
    assert value[0].item() == pytest.approx(-0.1, rel=1e-5)
    corrected = (0.5 / (1 - 0.9**1000)) / np.sqrt(0.25 / (1 - 0.999**1000))
    assert value[1].item() == pytest.approx(-0.1 * corrected, rel=1e-5)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 70), lanes=st.integers(2, 9))
def test_a_lane_steps_as_it_would_alone(seed: int, size: int, lanes: int) -> None:
    """Law: clipping and steps of one lane are the same numbers, bit for bit, whatever lanes are beside it."""
    rng = np.random.default_rng(seed)

    def drawn(scale: float) -> torch.Tensor:
        return torch.from_numpy(scale * rng.standard_normal((lanes, size))).float()

    start = [drawn(1.0), drawn(0.1), drawn(0.1).square()]
    count, lr, decay = torch.arange(lanes), torch.full((lanes,), 0.01), drawn(0.1).square()
    gradients = [drawn(scale) for scale in (0.01, 10.0, 1.0)]

    def trained(at: slice) -> list[torch.Tensor]:
        state = [part[at].clone() for part in start]
        adam = optimizer.Adam(*state, count[at], lr[at], decay[at])
        for gradient in gradients:
            own = gradient[at].clone()
            optimizer.clip(own, optimizer.gradient_norm(own), 1.0)
            adam.step(own)
        return state

    together = trained(slice(None))
    for lane in range(lanes):
        alone = trained(slice(lane, lane + 1))
        assert all(torch.equal(mine[0], theirs[lane]) for mine, theirs in zip(alone, together, strict=True))


def test_clipping_is_per_lane() -> None:
    """Law: the norm runs over one lane and no other; a gradient under the limit is left alone."""
    gradient = torch.tensor([[3.0, 0.0, 4.0], [0.3, 0.0, 0.4]])
    norm = optimizer.gradient_norm(gradient)
    assert norm.tolist() == pytest.approx([5.0, 0.5])
    optimizer.clip(gradient, norm, 1.0)
    assert gradient[0].tolist() == pytest.approx([0.6, 0.0, 0.8], rel=1e-5)
    assert torch.equal(gradient[1], torch.tensor([0.3, 0.0, 0.4]))


@pytest.mark.parametrize("size", [1e20, 1e30])
def test_an_exploding_gradient_is_clipped(size: float) -> None:
    """Law: a gradient that is finite has a finite norm, however large, and is scaled down to the limit."""
    gradient = torch.tensor([[size, size, size, -size, -size], [1.0, 0.0, 0.0, 0.0, 0.0]])
    norm = optimizer.gradient_norm(gradient)
    assert norm.tolist() == pytest.approx([size * 5**0.5, 1.0], rel=1e-5)
    optimizer.clip(gradient, norm, 1.0)
    assert optimizer.gradient_norm(gradient).tolist() == pytest.approx([1.0, 1.0], rel=1e-4)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    patience=st.integers(0, 4),
    cooldown=st.integers(0, 3),
    factor=st.sampled_from([0.1, 0.5, 0.9]),
    digits=st.sampled_from([1, 6]),
)
def test_rates_equal_torch_plateau(seed: int, patience: int, cooldown: int, factor: float, digits: int) -> None:
    """Law: every lane's rate drops exactly when torch's ReduceLROnPlateau would drop it, and by as much."""
    config = TrainerConfig(plateau_patience=patience, plateau_cooldown=cooldown, plateau_factor=factor)
    rng = np.random.default_rng(seed)
    series = np.round(0.5 + rng.random((60, 3)) + 3 * np.exp(-np.arange(60) / 8)[:, None], digits)
    series[rng.random(series.shape) < 0.02] = np.nan
    rates = [0.3, 0.01, 1e-5]
    ours = optimizer.plateau_start(torch.tensor(rates, dtype=torch.float64))
    algorithms = [torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate) for rate in rates]
    schedules = [
        torch.optim.lr_scheduler.ReduceLROnPlateau(one, factor=factor, patience=patience, cooldown=cooldown, eps=0.0)
        for one in algorithms
    ]
    drops = [0, 0, 0]
    for row in series:
        ours = optimizer.plateau_step(ours, torch.from_numpy(row), torch.ones(3, dtype=torch.bool), config)
        for lane, (schedule, algorithm) in enumerate(zip(schedules, algorithms, strict=True)):
            before = algorithm.param_groups[0]["lr"]
            schedule.step(row[lane])
            drops[lane] += algorithm.param_groups[0]["lr"] < before
        expected = [algorithm.param_groups[0]["lr"] for algorithm in algorithms]
        assert ours.lr.tolist() == pytest.approx(expected, rel=1e-12)
        assert ours.drops.tolist() == drops


def test_progress_below_zero_is_progress_downwards() -> None:
    """Law: for a negative loss too, only a lower value is progress (torch would take -1.99995 after -2 for it)."""
    config = TrainerConfig(plateau_patience=0, plateau_cooldown=0)
    state = optimizer.plateau_start(torch.ones(3, dtype=torch.float64))
    counts = torch.ones(3, dtype=torch.bool)
    state = optimizer.plateau_step(state, torch.full((3,), -2.0, dtype=torch.float64), counts, config)
    values = torch.tensor([-2.1, -1.99995, -2.00001], dtype=torch.float64)
    state = optimizer.plateau_step(state, values, counts, config)
    assert state.best.tolist() == [-2.1, -2.0, -2.0]
    assert state.drops.tolist() == [0, 1, 1]


def test_a_lane_that_warms_up_keeps_its_state() -> None:
    """Law: evaluations during the warm-up neither count against a lane nor set its best value."""
    config = TrainerConfig(plateau_patience=0)
    state = optimizer.plateau_start(torch.tensor([0.1, 0.1], dtype=torch.float64))
    for value in (1.0, 2.0, 3.0):
        both = torch.full((2,), value, dtype=torch.float64)
        state = optimizer.plateau_step(state, both, torch.tensor([True, False]), config)
    assert state.best.tolist() == [1.0, float("inf")]
    assert state.lr.tolist() == [0.05, 0.1]
    assert (state.bad[1], state.cooldown[1], state.drops[1]) == (0, 0, 0)
