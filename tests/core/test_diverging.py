"""Trials that diverge, trials that learn, and what is not watched."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core.config import Hyperparameters, TrainerConfig
from core.lanes import Lanes, join, over_tensors, select
from core.results import finish
from core.trainer import Evaluation, advance, start
from tests.core import small
from tests.core.small import strengths


def test_rates_drop_on_a_plateau() -> None:
    """Law: the plateau's rate is the starting rate times the factor for every drop, and training goes on with it."""
    config = small.settings(epochs=40, warmup=0.0, plateau_patience=0, plateau_cooldown=0, decay_start=1.0)
    data = small.dataset(config)
    lanes, found = small.trained(data, config, times=12, lr=0.2)
    assert lanes.plateau.drops.min() >= 1
    assert lanes.plateau.lr.tolist() == pytest.approx((0.2 * 0.5 ** lanes.plateau.drops.double()).tolist())
    again, found = advance(lanes, data, config)
    assert [item.learning_rate for item in found] == lanes.plateau.lr.tolist()
    slow, _ = advance(lanes._replace(plateau=lanes.plateau._replace(lr=lanes.plateau.lr * 1e-9)), data, config)
    for part, old in zip(slow.value, lanes.value, strict=True):
        torch.testing.assert_close(part, old, rtol=1e-5, atol=1e-6)
    assert small.differing(again.value, lanes.value) != []


def poisoned(lane: Lanes) -> Lanes:
    """Return a lane whose weights are not numbers."""
    return lane._replace(value=over_tensors(lambda part: torch.full_like(part, torch.nan), lane.value))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_diverging_trial_fails_alone(place: int) -> None:
    """Law: a lane that is no longer finite says at which step, keeps saying so, and changes no bit of the others."""
    config = small.settings()
    data = small.dataset(config)
    lanes, _ = small.trained(data, config, 3)
    parts = [select(lanes, [k]) for k in range(3)]
    parts[place] = poisoned(parts[place])
    others = [k for k in range(3) if k != place]
    spoiled, healthy = join(parts), select(lanes, others)
    for _ in range(2):
        spoiled, found = advance(spoiled, data, config)
        healthy, expected = advance(healthy, data, config)
        assert small.differing(select(spoiled, others), healthy) == []
        assert [small.timeless(found[k]) for k in others] == [small.timeless(item) for item in expected]
        assert found[place].failed_step == lanes.step[place] + 1, "the first bad step, once and for all"
        assert {found[k].failed_step for k in others} == {-1}


def test_a_rate_that_explodes_is_a_failure_and_not_a_score() -> None:
    """Law: when a rate is absurd, the trial reports the step at which it was lost."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start([(0, 1, Hyperparameters(lr=1e20)), (1, 1, Hyperparameters())], data, config)
    lanes, found = advance(lanes, data, config)
    assert found[0].failed_step == 2
    assert found[1].failed_step == -1


def test_a_loss_that_is_lost_at_the_last_step_is_a_failure_at_once() -> None:
    """Law: no evaluation says "not failed" beside a validation loss that is not finite."""
    config = small.settings(batch_size=83, max_lag=1)  # one step an epoch, so that no later gradient shows what it did
    data = small.dataset(config)
    lanes, found = advance(start([(0, 1, Hyperparameters(lr=1e20))], data, config), data, config)
    assert not np.isfinite(found[0].val_loss)
    assert found[0].failed_step == lanes.step[0] == 1


@pytest.mark.parametrize(("rows", "prices"), [(600, (0.05, 0.1)), (2000, (0.02, 0.05))])
def test_it_learns(rows: int, prices: tuple[float, float]) -> None:
    """Law: on a clean chain every edge and no other is found, seen and at a half; few rows need the higher price."""
    config = TrainerConfig(epochs=60, batch_size=32, evaluate_every=10)
    data = small.dataset(config, d=4, rows=rows)
    lanes = start(
        [(k, k, Hyperparameters(lambda_sparse=price, lr=0.03)) for k, price in enumerate(prices)], data, config
    )
    first = None
    for _ in range(6):
        lanes, found = advance(lanes, data, config)
        first = first or found
    assert [item.val_f1 for item in found] == [1.0, 1.0]
    assert [item.val_shd for item in found] == [0.0, 0.0]
    assert first is not None
    assert all(last.recon < early.recon for last, early in zip(found, first, strict=True))
    strength = strengths(lanes.kept, lanes.best_epoch, data, config)
    assert np.array_equal((strength > 0.5).numpy(), np.stack([data.truth] * 2))


@pytest.mark.parametrize("architecture", ["parents_only", "original"])
def test_without_the_health_log_the_weights_are_the_same(architecture: str) -> None:
    """Law: the switch takes norms, clip ratio and parts of the loss out of the records, and moves no bit of a lane."""
    config = small.settings(architecture=architecture, clip_norm=0.1)
    data, silent = small.dataset(config), replace(config, health_log=False)
    lanes, found = small.trained(data, config, times=2, lr=0.05)
    quiet, unsaid = small.trained(data, silent, times=2, lr=0.05)
    kept = {"clipped": lanes.clipped, "norm_max": lanes.norm_max}
    assert small.differing(quiet._replace(**kept), lanes) == []
    left_out = {"recon", "sparse", "acyclic", "disen"} | {name for name in Evaluation._fields if "grad" in name}
    for said, item in zip(found, unsaid, strict=True):
        assert said.grad_clip_ratio > 0
        for name in set(item._fields) - {"epoch_time"}:
            value = getattr(item, name)
            assert np.isnan(value) if name in left_out else repr(value) == repr(getattr(said, name)), name
    said, item = (finish(state, data, how)[0].numbers for state, how in ((lanes, config), (quiet, silent)))
    assert (item["avg_grad_clip_ratio"], item["max_grad_norm"]) == (None, None)
    assert said["weights_hash"] == item["weights_hash"]


def test_a_diverging_trial_is_noticed_without_the_health_log() -> None:
    """Law: failing is no part of the health log."""
    config = small.settings(health_log=False)
    data = small.dataset(config)
    _, found = advance(start([(0, 1, Hyperparameters(lr=1e20))], data, config), data, config)
    assert found[0].failed_step == 2


def test_plateau_none_never_lowers_the_rate_and_still_stops() -> None:
    """Law: with plateau none no rate drops where it would have, and the best weights and early stop are as before."""
    config = small.settings(epochs=40, warmup=0.0, plateau_patience=0, plateau_cooldown=0, decay_start=1.0, patience=3)
    data = small.dataset(config)
    dropped, _ = small.trained(data, config, times=12, lr=0.2)
    lanes, found = small.trained(data, replace(config, plateau="none"), times=12, lr=0.2)
    assert dropped.plateau.drops.min() >= 1
    assert lanes.plateau.drops.tolist() == [0, 0]
    assert lanes.plateau.lr.tolist() == [0.2, 0.2]
    assert [item.stopped_early for item in found] == (lanes.stale >= 3).tolist()
    assert (lanes.best_epoch < 12).any()
