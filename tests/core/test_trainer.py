"""Starting, advancing and evaluating trials: symmetries, settings that act, honest logs, failures that stay alone."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import batches, metrics, schedule, trainer, training
from core.config import Hyperparameters, TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, prepare, samples
from core.lanes import Lanes, join, over_tensors, select, to_arrays
from core.losses import acyclicity
from core.model import Parameters, expected_gates, model_shape
from core.results import finish
from core.strength import edge_strengths, readout_rows
from core.trainer import Evaluation, advance, start
from tests import oracles
from tests.core import small


def relabelled(value: Parameters, order: list[int]) -> Parameters:
    """Give variable k the weights of variable order[k]."""
    return Parameters(
        gate=value.gate[:, order][:, :, order],
        mix=value.mix[:, order][:, :, :, order],
        **{name: part[:, order] for name, part in value._asdict().items() if name not in ("gate", "mix")},
    )


def strengths(value: Parameters, epoch: torch.Tensor, data: Dataset, config: TrainerConfig) -> torch.Tensor:
    """Return the graphs that an evaluation reads off some weights."""
    rows = readout_rows(data, config, trainer.WATCHED_ROWS)
    return edge_strengths(value, schedule.temperature(epoch, config), rows, config)


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


def test_warm_up_is_a_straight_ramp() -> None:
    """Law: temperature and lambda_sparse go linearly from start to end over the warm-up's share, then stay."""
    config = TrainerConfig(epochs=100, warmup=0.3, temperature_start=0.7, temperature_end=0.2)
    epoch = torch.tensor([0, 15, 30, 31, 100])
    assert schedule.progress(epoch, config).tolist() == pytest.approx([0, 0.5, 1, 1, 1])
    assert schedule.temperature(epoch, config).tolist() == pytest.approx([0.7, 0.45, 0.2, 0.2, 0.2])
    data = small.dataset(config)
    lanes = start(small.trials(2, lambda_sparse=0.4), data, config)
    assert schedule.weights(lanes, torch.tensor([0.0, 0.5])).sparse.tolist() == pytest.approx([0.0, 0.2])


@given(
    epochs=st.integers(2, 300),
    begin=st.floats(0.0, 0.95),
    rates=st.lists(st.floats(1e-5, 1.0), min_size=1, max_size=4),
)
def test_the_rate_falls_along_a_cosine(epochs: int, begin: float, rates: list[float]) -> None:
    """Law: the rate is the plateau's up to `decay_start`, then half a cosine down to the floor at the last epoch."""
    config = TrainerConfig(epochs=epochs, decay_start=begin)
    lr = torch.tensor(rates, dtype=torch.float64)
    course = torch.stack(
        [schedule.rate_in_force(lr, torch.full(lr.shape, epoch), config) for epoch in range(epochs + 1)]
    )
    assert course.dtype == torch.float64
    for epoch, found in enumerate(course):
        along = min(max((epoch / epochs - begin) / (1 - begin), 0.0), 1.0)
        fall = (1 - schedule.DECAY_FLOOR) * (1 - math.cos(math.pi * along)) / 2
        assert found.tolist() == pytest.approx((lr * (1 - fall)).tolist(), rel=1e-9)
        if epoch <= begin * epochs:
            assert found.tolist() == pytest.approx(rates, rel=1e-9)
    assert (course.diff(dim=0) <= 0).all(), "never up"
    assert course[-1].tolist() == pytest.approx((lr * schedule.DECAY_FLOOR).tolist())
    after = schedule.rate_in_force(lr, torch.full(lr.shape, epochs + 9), config)
    assert torch.equal(after, course[-1]), "and no further"
    for epoch in (0, epochs // 2, epochs):
        never = schedule.rate_in_force(lr, torch.full(lr.shape, epoch), replace(config, decay_start=1.0))
        assert torch.equal(never, lr)


def test_an_epoch_is_trained_at_the_rate_in_force() -> None:
    """Law: an epoch under the decay is, to the bit, one without it at the rate that the decay says, lane by lane."""
    decayed = small.settings(epochs=10, decay_start=0.2)
    constant = replace(decayed, decay_start=1.0)
    data = small.dataset(decayed)
    lanes = start(small.trials(3), data, decayed)
    lanes = lanes._replace(epoch=torch.tensor([0, 5, 9]))
    rate = schedule.rate_in_force(lanes.plateau.lr, lanes.epoch, decayed)
    assert rate[0] == lanes.plateau.lr[0]
    assert (rate[1:] < lanes.plateau.lr[1:]).all()
    ours, _ = training.train_epoch(lanes, data, decayed)
    theirs, _ = training.train_epoch(lanes._replace(plateau=lanes.plateau._replace(lr=rate)), data, constant)
    assert small.differing(ours.value, theirs.value) == []
    assert torch.equal(ours.plateau.lr, lanes.plateau.lr), "the plateau knows nothing of the decay"


def test_evaluations_say_what_happened() -> None:
    """Law: every logged number is the one of its definition, recounted from the steps and the weights."""
    config = small.settings(evaluate_every=2, warmup=0.0, clip_norm=0.45)
    data = small.dataset(config, missing=0.1)
    lanes, _ = small.trained(data, config, 2, lr=0.05)
    logs, now = [], over_tensors(torch.clone, lanes)
    for _ in range(2):
        now, log = training.train_epoch(now, data, config)
        logs.append(log)
    norms = torch.cat([log.norms for log in logs]).numpy()
    after, found = advance(lanes, data, config)
    for lane, item in enumerate(found):
        assert item.trial == lanes.trial[lane]
        assert item.epoch == lanes.epoch[lane] + 2
        assert item.recon + item.sparse + item.acyclic + item.disen == pytest.approx(item.train_loss, rel=1e-9)
        assert item.recon == pytest.approx(logs[-1].terms[:, lane, 0].double().mean().item())
        assert item.grad_clip_ratio == pytest.approx((norms[:, lane] > 0.45).mean())
        assert 0 < item.grad_clip_ratio < 1, "a ratio worth checking"
        assert item.grad_norm_max == norms[:, lane].max()
        assert item.grad_norm_median == np.sort(norms[:, lane])[(len(norms) - 1) // 2]
        assert after.clipped[lane] - lanes.clipped[lane] == (norms[:, lane] > 0.45).sum()
        assert after.norm_max[lane] == max(norms[:, lane].max(), lanes.norm_max[lane])
        rate = schedule.rate_in_force(lanes.plateau.lr, lanes.epoch + 1, config)
        assert item.learning_rate == rate[lane], "the rate the last epoch was trained with"
        strength = strengths(after.value, after.epoch, data, config)[lane]
        assert item.h == pytest.approx(acyclicity(strength[None]).item())
        graph = strength.double().numpy() > item.best_threshold
        assert item.best_threshold == oracles.tuned_threshold(strength.numpy(), data.truth, "21")
        assert (item.val_f1, item.val_shd) == (oracles.f1(graph, data.truth), oracles.shd(graph, data.truth))
        assert item.edge_count == graph.sum(), "F1, SHD, edges and cut belong together"
        assert (item.stopped_early, item.failed_step) == (False, -1)
        assert item.epoch_time > 0


def test_validation_loss_equals_the_loops() -> None:
    """Law: val_loss is the likelihood of the observed validation rows under noise-free gates, plus the penalties."""
    config = small.settings()
    data = small.dataset(config, missing=0.2)
    lanes, found = small.trained(data, config, 2, lambda_acyclic=0.0, lambda_disen=0.0)
    rows = samples(data, VALIDATION, config).rows.numpy()
    features = np.repeat(rows[None, :, :, 2:].transpose(0, 2, 3, 1), 2, axis=0)
    arrays = {name: part.numpy() for name, part in lanes.value._asdict().items()}
    gates = expected_gates(lanes.value.gate).numpy()
    logits, heat = lanes.value.gate.double().numpy(), schedule.temperature(lanes.epoch, config).numpy()
    for lane, item in enumerate(found):
        mean, scale = oracles.prediction(arrays, gates, features, model_shape(4, config), lane)
        costs = [
            oracles.negative_log_likelihood(mean[j, t], scale[j, t], rows[t, j, 0])
            for t in range(len(rows)) for j in range(4) if rows[t, j, 1]
        ]  # fmt: skip
        opened = 1 / (1 + np.exp(-(logits[lane] - heat[lane] * np.log(0.1 / 1.1)))) * (1 - np.eye(4))
        penalty = lanes.setting("lambda_sparse")[lane].item() * opened.sum() / 4
        assert item.val_loss == pytest.approx(np.mean(costs) + penalty, rel=1e-4, abs=1e-5)


def test_without_a_true_graph_scores_are_blank() -> None:
    """Law: with no truth the scores are NaN, never 0, and the cut is a half."""
    config = small.settings()
    data = replace(small.dataset(config), truth=None)
    lanes, found = small.trained(data, config)
    for lane, item in enumerate(found):
        assert np.isnan([item.val_f1, item.val_shd]).all()
        assert item.best_threshold == metrics.BLIND_CUT
        strength = strengths(lanes.value, lanes.epoch, data, config)[lane]
        assert item.edge_count == (strength > 0.5).sum()


def test_the_kept_weights_are_those_of_the_best_validation_loss() -> None:
    """Law: kept weights, best and best_epoch are the first lowest val_loss since the warm-up; stale counts on."""
    config = small.settings(epochs=20, warmup=0.25)
    data = small.dataset(config)
    lanes = start(small.trials(2, lr=0.15), data, config)
    history: list[list[tuple[float, int, Parameters]]] = [[], []]
    for _ in range(20):
        lanes, found = advance(lanes, data, config)
        for lane, item in enumerate(found):
            history[lane].append((item.val_loss, item.epoch, over_tensors(lambda p, k=lane: p[k].clone(), lanes.value)))
            warm = [entry for entry in history[lane] if entry[1] >= 5]
            loss, epoch, weights = min(warm or history[lane][-1:], key=lambda entry: (entry[0], entry[1]))
            assert lanes.best_epoch[lane] == epoch
            assert lanes.stale[lane] == item.epoch - epoch
            assert lanes.best[lane] == (loss if warm else torch.inf)
            assert small.differing(over_tensors(lambda p, k=lane: p[k], lanes.kept), weights) == []
    assert (lanes.best_epoch < 20).any(), "a history worth checking"


def test_a_trial_without_progress_stops_early() -> None:
    """Law: a trial is stopped at the first evaluation that is the patience-th without progress, and no other."""
    config = small.settings(epochs=40, warmup=0.1, patience=3, decay_start=1.0)
    data = small.dataset(config)
    lanes = start(small.trials(6, lr=0.3), data, config)
    for _ in range(30):
        lanes, found = advance(lanes, data, config)
        assert [item.stopped_early for item in found] == (lanes.stale >= 3).tolist()
    assert (lanes.stale >= 3).any()


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
