"""What moves a trial, and what does not: names, units, settings, company, and the streams of chance."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from core import batches, training
from core.config import Hyperparameters, TrainerConfig
from core.data import TRAIN, prepare, samples
from core.lanes import Lanes, select, to_arrays
from core.model import Parameters, model_shape
from core.trainer import advance, start
from tests.core import small
from tests.core.small import strengths


def relabelled(value: Parameters, order: list[int]) -> Parameters:
    """Give variable k the weights of variable order[k]."""
    return Parameters(
        gate=value.gate[:, order][:, :, order],
        mix=value.mix[:, order][:, :, :, order],
        **{name: part[:, order] for name, part in value._asdict().items() if name not in ("gate", "mix")},
    )


@pytest.mark.parametrize("max_lag", [0, 1, 2])
def test_relabelling_variables_relabels_the_graph(max_lag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Law: permute columns, starting weights and gate noise, and everything learned is permuted with them."""
    config = small.settings(max_lag=max_lag)
    table, order = small.table(d=5, missing=0.1), [3, 0, 4, 1, 2]
    assert table.truth is not None
    other = replace(
        table,
        names=tuple(table.names[k] for k in order),
        values=table.values[:, order],
        truth=table.truth[order][:, order],
    )
    data, mirrored = prepare(table, config), prepare(other, config)
    lanes = start(small.trials(2), data, config)
    turned = lanes._replace(value=relabelled(lanes.value, order), kept=relabelled(lanes.kept, order))
    for _ in range(3):
        lanes, found = advance(lanes, data, config)
    draw = batches.draw_epoch

    def draw_relabelled(*given: Any) -> batches.Draws:
        drawn = draw(*given)
        return drawn._replace(noise=drawn.noise[:, :, order][:, :, :, order].contiguous())

    monkeypatch.setattr(training, "draw_epoch", draw_relabelled)
    for _ in range(3):
        turned, mirror = advance(turned, mirrored, config)
    for ours, theirs in zip(relabelled(lanes.value, order), turned.value, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)
    strength = strengths(lanes.value, lanes.epoch, data, config)[:, order][:, :, order]
    mirrored_strength = strengths(turned.value, turned.epoch, mirrored, config)
    torch.testing.assert_close(strength, mirrored_strength, rtol=1e-2, atol=1e-3)
    for one, two in zip(found, mirror, strict=True):
        assert one.val_loss == pytest.approx(two.val_loss, rel=1e-3, abs=1e-4)
        assert one.h == pytest.approx(two.h, rel=1e-2, abs=1e-4)


@pytest.mark.parametrize("max_lag", [0, 1])
def test_units_do_not_matter(max_lag: int) -> None:
    """Law: rescaling and shifting columns changes nothing but rounding, and powers of two not even that."""
    config, table = small.settings(max_lag=max_lag), small.table(missing=0.1)
    base, _ = small.trained(prepare(table, config), config, times=3)
    doubled = replace(table, values=table.values * np.array([2.0, 0.25, -8.0, 1024.0]) * [1, 1, -1, 1])
    same, _ = small.trained(prepare(doubled, config), config, times=3)
    assert small.differing(base, same) == []
    moved = replace(table, values=table.values * np.array([0.3, 7.0, 1e-3, 1e5]) + np.array([-5.0, 300.0, 0.1, 1e6]))
    other, _ = small.trained(prepare(moved, config), config, times=3)
    for ours, theirs in zip(base.value, other.value, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("name", [item.name for item in fields(Hyperparameters)])
def test_every_swept_setting_moves_the_weights(name: str) -> None:
    """Law: no swept setting is without effect on what is learned in one interval."""
    config = small.settings(evaluate_every=3)
    data = small.dataset(config)
    plain = Hyperparameters()
    other = replace(plain, **{name: 2 * getattr(plain, name)})
    lanes, _ = advance(start([(0, 1, plain), (1, 1, other)], data, config), data, config)
    moved = [not torch.equal(part[0], part[1]) for part in lanes.value]
    assert any(moved)


STEADY = {
    "epochs": 12, "warmup": 0.2, "patience": 8, "plateau_patience": 0, "plateau_cooldown": 0, "max_lag": 1,
    "level_span": 60, "decay_start": 1.0, "bias_width": 2, "noise_width": 1,
}  # fmt: skip

CHANGES: dict[str, Any] = {
    "window": 5, "epochs": 24,
    "batch_size": 20, "evaluate_every": 2, "patience": 1, "max_lag": 2, "instantaneous": True,
    "level_span": 5, "decay_start": 0.3,
    "reconstruction": "mse", "signal_width": 3, "bias_width": 3, "hidden_width": 4, "noise_width": 2,
    "clip_norm": 0.1, "temperature_start": 0.9, "temperature_end": 0.3, "warmup": 0.5, "plateau": "val_shd",
    "plateau_factor": 0.2, "plateau_patience": 2, "plateau_cooldown": 3, "thresholds": "all",
    "architecture": "original", "standardise": "none", "reduction": "sum", "acyclicity": "walks", "health_log": False,
}  # fmt: skip


def course(config: TrainerConfig) -> list[str]:
    """Spell every evaluation of some short, restless trainings."""
    data, rates = small.dataset(config), (0.3, 0.6, 1.0)
    trials = [(k, 1000, Hyperparameters(lr=rate, lambda_sparse=0.2)) for k, rate in enumerate(rates)]
    lanes, spelt = start(trials, data, config), []
    for _ in range(10):
        lanes, found = advance(lanes, data, config)
        spelt += [small.timeless(item) for item in found]
    return spelt


@pytest.mark.parametrize("name", [item.name for item in fields(TrainerConfig)])
def test_every_fixed_setting_moves_something(name: str) -> None:
    """Law: no setting of the trainer is without effect on what a trial reports."""
    config = small.settings(**STEADY)
    if name == "window":  # of the original alone
        config = replace(config, architecture="original")
    assert course(config) == course(config)
    assert course(replace(config, **{name: CHANGES[name]})) != course(config)


def test_advancing_is_a_pure_function() -> None:
    """Law: the lanes handed in stay as they were to the bit, and handing them in again gives the same again."""
    config = small.settings()
    data = small.dataset(config, missing=0.2)
    lanes, _ = small.trained(data, config, 3)
    before = [array.copy() for array in to_arrays(lanes)]
    values = data.values.copy()
    first, found = advance(lanes, data, config)
    assert all(a.tobytes() == b.tobytes() for a, b in zip(to_arrays(lanes), before, strict=True))
    assert np.array_equal(data.values, values)
    second, again = advance(lanes, data, config)
    assert small.differing(first, second) == []
    assert [small.timeless(item) for item in found] == [small.timeless(item) for item in again]
    assert not any(part.requires_grad for part in first.value)


def test_one_call_of_two_epochs_equals_two_calls_of_one() -> None:
    """Law: how often one evaluates does not change the weights."""
    data = small.dataset(small.settings())
    twice, _ = small.trained(data, small.settings(evaluate_every=1), times=2)
    once, _ = small.trained(data, small.settings(evaluate_every=2), times=1)
    assert small.differing(twice.value, once.value) == []
    assert torch.equal(twice.clipped, once.clipped)
    assert torch.equal(twice.norm_max, once.norm_max)


def test_starting_is_by_seed() -> None:
    """Law: equal seeds start alike, others otherwise; nothing is trained and nothing failed yet."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start([(0, 5, Hyperparameters()), (1, 5, Hyperparameters(lr=0.1)), (2, 6, Hyperparameters())], data, config)
    assert torch.equal(lanes.value.mix[0], lanes.value.mix[1])
    assert not torch.equal(lanes.value.mix[0], lanes.value.mix[2])
    for name in ("step", "epoch", "best_epoch", "stale", "clipped"):
        assert not getattr(lanes, name).any()
    assert lanes.failed_step.tolist() == [-1, -1, -1]
    assert lanes.best.isinf().all()
    assert not any(part.any() for part in [*lanes.first, *lanes.second])


@pytest.mark.parametrize("batch", [7, 16, 83])
def test_an_epoch_visits_every_row_once(batch: int) -> None:
    """Law: an epoch draws the training rows without repetition, all but fewer than one a step, each as it is."""
    config = small.settings(batch_size=batch, max_lag=1)
    data = small.dataset(config, missing=0.1)
    rows = samples(data, TRAIN, config).rows
    lanes = start(small.trials(3), data, config)
    drawn = torch.stack([batch.rows for batch in batches.row_batches(lanes, data, config)])
    steps, count, d, channels, size = drawn.shape
    assert (count, d, channels) == (3, 4, 2 + model_shape(4, config).features)
    assert size <= batch
    assert len(rows) - steps < steps * size <= len(rows)
    known = {row.numpy().tobytes() for row in rows}
    assert len(known) == len(rows)
    for lane in range(3):
        seen = [
            row.contiguous().numpy().tobytes() for row in drawn[:, lane].permute(0, 3, 1, 2).reshape(-1, d, channels)
        ]
        assert len(set(seen)) == len(seen)
        assert set(seen) <= known


def test_every_lane_and_epoch_has_its_own_shuffle() -> None:
    """Law: shuffles and gate noise follow from the trial's seed and epoch, not from its place or its neighbours."""
    config = small.settings()
    data = small.dataset(config)
    lanes = start(small.trials(2), data, config)

    def drawn(given: Lanes) -> list[torch.Tensor]:
        return [torch.stack(part) for part in zip(*batches.row_batches(given, data, config), strict=True)]

    both, swapped, later = map(drawn, (lanes, select(lanes, [1, 0]), lanes._replace(epoch=lanes.epoch + 1)))
    for ours, theirs, next_ones in zip(both, swapped, later, strict=True):
        assert torch.equal(ours[:, 0], theirs[:, 1])
        assert not torch.equal(ours[:, 0], ours[:, 1])
        assert not torch.equal(ours[:, 0], next_ones[:, 0])
