"""What an interval ends with: evaluations, kept weights, rates, early stops."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import metrics, schedule, training
from core.config import TrainerConfig
from core.data import VALIDATION, samples
from core.lanes import over_tensors
from core.losses import acyclicity
from core.model import Parameters, expected_gates, model_shape
from core.trainer import advance, start
from tests import oracles
from tests.core import small
from tests.core.small import strengths


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
    rates_found = torch.stack(
        [schedule.rate_in_force(lr, torch.full(lr.shape, epoch), config) for epoch in range(epochs + 1)]
    )
    assert rates_found.dtype == torch.float64
    for epoch, found in enumerate(rates_found):
        along = min(max((epoch / epochs - begin) / (1 - begin), 0.0), 1.0)
        fall = (1 - schedule.DECAY_FLOOR) * (1 - math.cos(math.pi * along)) / 2
        assert found.tolist() == pytest.approx((lr * (1 - fall)).tolist(), rel=1e-9)
        if epoch <= begin * epochs:
            assert found.tolist() == pytest.approx(rates, rel=1e-9)
    assert (rates_found.diff(dim=0) <= 0).all(), "never up"
    assert rates_found[-1].tolist() == pytest.approx((lr * schedule.DECAY_FLOOR).tolist())
    after = schedule.rate_in_force(lr, torch.full(lr.shape, epochs + 9), config)
    assert torch.equal(after, rates_found[-1]), "and no further"
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
