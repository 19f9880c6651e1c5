"""What a trial ends with: its kept weights' graph, numbers recounted, hashes that prove a repeat."""

import hashlib
import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from core import metrics, schedule, trainer
from core.config import TrainerConfig
from core.data import TRAIN, VALIDATION, Dataset, prepare, samples
from core.graph_text import edges_of
from core.lanes import Lanes, join, over_tensors, select
from core.model import model_shape
from core.results import HASH_LENGTH, NUMBERS_WITH_TRUTH, READOUT_ROWS, finish, saved_weights, weights_hash
from core.strength import edge_strengths, readout_rows
from core.trainer import advance, start
from tests import oracles
from tests.core import small

CONFIG = small.settings(epochs=6, warmup=0.2, decay_start=0.3)
RECORDED = {
    "epochs", "best_epoch", "val_shd", "val_shd_directed", "val_f1", "precision", "recall", "skeleton_f1",
    "edge_count", "true_edge_count", "best_threshold", "val_shd_blind", "val_f1_blind", "skeleton_f1_blind",
    "edge_count_blind", "blind_score", "val_loss", "h", "is_dag", "degenerate", "avg_grad_clip_ratio", "max_grad_norm",
    "final_learning_rate", "lr_drops", "graph_hash", "blind_edges", "weights_hash",
}  # fmt: skip


def trained(
    config: TrainerConfig = CONFIG, times: int = 5, count: int = 3, missing: float = 0.1
) -> tuple[Lanes, Dataset]:
    """Return a few trained lanes and their data."""
    data = small.dataset(config, missing=missing)
    return small.trained(data, config, count, times, lr=0.08)[0], data


def test_the_numbers_have_the_names_of_the_records() -> None:
    """Law: an outcome has exactly the learner's columns of the records, each a plain number, text or blank."""
    lanes, data = trained()
    for outcome in finish(lanes, data, CONFIG):
        assert set(outcome.numbers) == RECORDED
        for name, value in outcome.numbers.items():
            assert isinstance(value, (int, float, str, bool)), name
            assert not (isinstance(value, float) and math.isnan(value)), name


@pytest.mark.parametrize("thresholds", ["21", "all"])
def test_scores_are_recounted_from_the_graph(thresholds: str) -> None:
    """Law: every score is that of the adjacency at the cut shown, by loops; blind scores are at a half."""
    config = replace(CONFIG, thresholds=thresholds)
    lanes, data = trained(config)
    truth = data.truth
    assert truth is not None
    heat, rows = schedule.temperature(lanes.best_epoch, config), readout_rows(data, config, READOUT_ROWS)
    strengths = edge_strengths(lanes.kept, heat, rows, config).numpy()
    for lane, outcome in enumerate(finish(lanes, data, config)):
        found, strength = outcome.numbers, outcome.adjacency
        assert np.array_equal(strength, strengths[lane])
        cut = oracles.tuned_threshold(strength, truth, thresholds)
        graph, blind = strength.astype(np.float64) > cut, strength > 0.5
        assert np.array_equal(outcome.graph, graph)
        assert np.array_equal(outcome.blind_graph, blind)
        assert found["best_threshold"] == cut
        assert found["true_edge_count"] == truth.sum()
        assert found["val_shd"] == oracles.shd(graph, truth)
        assert found["val_shd_directed"] == oracles.shd_directed(graph, truth)
        assert found["val_f1"] == oracles.f1(graph, truth)
        assert found["precision"] == oracles.precision(graph, truth)
        assert found["recall"] == oracles.recall(graph, truth)
        assert found["skeleton_f1"] == oracles.skeleton_f1(graph, truth)
        assert found["edge_count"] == graph.sum()
        assert found["is_dag"] == oracles.is_dag(graph)
        assert found["val_shd_blind"] == oracles.shd(blind, truth)
        assert found["val_f1_blind"] == oracles.f1(blind, truth)
        assert found["skeleton_f1_blind"] == oracles.skeleton_f1(blind, truth)
        assert found["edge_count_blind"] == blind.sum()
        assert found["degenerate"] == metrics.degenerate(torch.from_numpy(blind)[None])[0]
        assert np.array_equal(edges_of(found["blind_edges"]), np.packbits(blind))
        packed = np.packbits(graph).tobytes()
        assert found["graph_hash"] == hashlib.sha256(packed).hexdigest()[:HASH_LENGTH]


def test_counters_are_the_lanes() -> None:
    """Law: epochs, best epoch, clip ratio, largest norm, rate and drops are those the training counted."""
    lanes, data = trained(replace(CONFIG, clip_norm=0.4))
    for lane, outcome in enumerate(finish(lanes, data, CONFIG)):
        found = outcome.numbers
        assert (found["epochs"], found["best_epoch"]) == (5, lanes.best_epoch[lane])
        assert found["avg_grad_clip_ratio"] == pytest.approx(lanes.clipped[lane].item() / lanes.step[lane].item())
        assert found["max_grad_norm"] == lanes.norm_max[lane]
        assert found["final_learning_rate"] == schedule.rate_in_force(lanes.plateau.lr, lanes.epoch - 1, CONFIG)[lane]
        assert found["final_learning_rate"] < lanes.plateau.lr[lane], "a decay worth checking"
        assert found["lr_drops"] == lanes.plateau.drops[lane]


def test_val_loss_is_that_of_the_kept_evaluation() -> None:
    """Law: loss and graph of the outcome are those logged at the best epoch, to the bit, where both read all rows."""
    data = small.dataset(CONFIG)
    assert len(data.values) <= min(trainer.WATCHED_ROWS, READOUT_ROWS)
    lanes, logged = start(small.trials(2, lr=0.2), data, CONFIG), []
    for _ in range(6):
        lanes, found = advance(lanes, data, CONFIG)
        logged.append(found)
    for lane, outcome in enumerate(finish(lanes, data, CONFIG)):
        item = logged[outcome.numbers["best_epoch"] - 1][lane]
        assert outcome.numbers["val_loss"] == item.val_loss == lanes.best[lane]
        assert (outcome.numbers["val_f1"], outcome.numbers["val_shd"]) == (item.val_f1, item.val_shd)
        assert (outcome.numbers["edge_count"], outcome.numbers["best_threshold"]) == (
            item.edge_count,
            item.best_threshold,
        )
        assert outcome.numbers["h"] == item.h


def test_the_blind_score_equals_the_loops() -> None:
    """Law: blind_score is the cost a row of the cut graph, mean of both splits' means, plus log(n) / n an edge."""
    lanes, data = trained(missing=0.2)
    arrays = {name: part.numpy() for name, part in lanes.kept._asdict().items()}
    outcomes = finish(lanes, data, CONFIG)
    gates = np.stack([outcome.adjacency > 0.5 for outcome in outcomes]).astype(float)
    parts = [samples(data, part, CONFIG).rows.numpy() for part in (TRAIN, VALIDATION)]
    size = sum(len(rows) for rows in parts)
    for lane, outcome in enumerate(outcomes):
        means = []
        for rows in parts:
            features = np.repeat(rows[None, :, :, 2:].transpose(0, 2, 3, 1), 3, axis=0)
            mean, scale = oracles.prediction(arrays, gates, features, model_shape(4, CONFIG), lane)
            costs = [
                oracles.negative_log_likelihood(mean[j, t], scale[j, t], rows[t, j, 0])
                for t in range(len(rows)) for j in range(4) if rows[t, j, 1]
            ]  # fmt: skip
            means.append(np.mean(costs))
        expected = 4 * np.mean(means) + math.log(size) / size * gates[lane].sum()
        assert outcome.numbers["blind_score"] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_without_a_true_graph_its_numbers_are_blank() -> None:
    """Law: what needs a truth is None without one, what does not is the same to the bit, the graph is the blind one."""
    lanes, data = trained()
    known, blind = finish(lanes, data, CONFIG), finish(lanes, replace(data, truth=None), CONFIG)
    for ours, theirs in zip(known, blind, strict=True):
        assert all(theirs.numbers[name] is None for name in NUMBERS_WITH_TRUTH)
        about_the_shown_graph = {"edge_count", "is_dag", "graph_hash"}
        for name in set(RECORDED) - set(NUMBERS_WITH_TRUTH) - about_the_shown_graph:
            assert ours.numbers[name] == theirs.numbers[name], name
        assert np.array_equal(theirs.graph, theirs.adjacency > 0.5)
        assert theirs.numbers["edge_count"] == theirs.numbers["edge_count_blind"] == theirs.graph.sum()
        assert np.array_equal(ours.adjacency, theirs.adjacency)


def test_finishing_changes_nothing_and_can_be_repeated() -> None:
    """Law: finish reads; twice gives the same, and so does each lane alone and in any order."""
    lanes, data = trained()
    before = over_tensors(torch.clone, lanes)
    first = [repr(outcome.numbers) for outcome in finish(lanes, data, CONFIG)]
    assert [repr(outcome.numbers) for outcome in finish(lanes, data, CONFIG)] == first
    assert [repr(outcome.numbers) for outcome in finish(select(lanes, [2, 0, 1]), data, CONFIG)] == [
        first[2],
        first[0],
        first[1],
    ]
    assert [repr(finish(select(lanes, [k]), data, CONFIG)[0].numbers) for k in range(3)] == first
    assert small.differing(lanes, before) == []


def test_every_bit_of_the_kept_weights_is_in_the_hash() -> None:
    """Law: the hash is of one lane's kept weights: any other bit there changes it, and nothing else does."""
    lanes, data = trained()
    assert len({weights_hash(lanes, lane) for lane in range(3)}) == 3
    assert weights_hash(join([select(lanes, [1]), lanes]), 0) == weights_hash(lanes, 1)
    assert weights_hash(advance(lanes, data, CONFIG)[0]._replace(kept=lanes.kept), 1) == weights_hash(lanes, 1)
    for name, part in lanes.kept._asdict().items():
        touched = part.contiguous().clone()
        touched[1].view(-1)[-1] = torch.nextafter(touched[1].view(-1)[-1], torch.tensor(9.0))
        other = lanes._replace(kept=lanes.kept._replace(**{name: touched}))
        assert weights_hash(other, 1) != weights_hash(lanes, 1), name
        assert weights_hash(other, 0) == weights_hash(lanes, 0), name


def test_saved_weights_open_safely() -> None:
    """Law: the file holds one lane's kept weights by name, exactly, and loads with weights_only."""
    lanes, _ = trained()
    loaded = torch.load(io.BytesIO(saved_weights(lanes, 1)), weights_only=True)
    assert list(loaded) == list(lanes.kept._fields)
    for name, part in lanes.kept._asdict().items():
        assert torch.equal(loaded[name], part[1]), name
    assert len(saved_weights(lanes, 1)) < 40_000, "one lane, not the storage of all"


def test_a_trial_that_was_lost_still_finishes() -> None:
    """Law: weights that are not numbers give an empty graph, no exception, and leave other lanes' outcomes alone."""
    lanes, data = trained()
    lost = over_tensors(torch.clone, lanes)
    over_tensors(lambda part: part[0].fill_(torch.nan), lost.kept)
    outcomes, expected = finish(lost, data, CONFIG), finish(lanes, data, CONFIG)
    assert outcomes[0].graph.sum() == 0
    assert not outcomes[0].adjacency.any()
    assert outcomes[0].numbers["degenerate"] == "empty"
    for ours, theirs in zip(outcomes[1:], expected[1:], strict=True):
        assert repr(ours.numbers) == repr(theirs.numbers)


def test_a_variable_that_cannot_be_learned_from_does_not_spoil_the_rest() -> None:
    """Law: with a constant column every number of an outcome is still finite."""
    table = small.table()
    values = table.values.copy()
    values[:, 2] = 3.0
    data = prepare(replace(table, values=values), CONFIG)
    lanes, found = small.trained(data, CONFIG, 2, 4)
    assert all(item.failed_step == -1 and math.isfinite(item.val_loss) for item in found)
    for outcome in finish(lanes, data, CONFIG):
        assert all(math.isfinite(value) for value in outcome.numbers.values() if isinstance(value, float))
        assert np.isfinite(outcome.adjacency).all()
