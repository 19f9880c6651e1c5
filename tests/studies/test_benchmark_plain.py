"""Laws of what a benchmark compares: the plain side trains what lanes train, and all sides do the same work."""

import math
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from core.batches import row_batches
from core.config import Hyperparameters, TrainerConfig
from core.data import Dataset
from core.gradient import loss_and_gradient
from core.model import model_shape
from core.schedule import progress, rate_in_force, temperature, weights
from core.trainer import advance, start
from studies.benchmark_floor import parameters, step_bytes, step_operations
from studies.benchmark_lanes import advance_alone, drawn, typical_lanes
from studies.benchmark_orchestration import Optunas, Ours, drawn_trials, journal_storage, measure_orchestration, steps
from studies.benchmark_plain import PlainTrial
from studies.benchmark_plain_sweep import processes, threads
from studies.benchmark_rows import Sheet
from sweeps.benchmark_spec import BenchmarkSpec, load_benchmark
from sweeps.show import dump_yaml

HYPER = Hyperparameters(lambda_sparse=0.05, lambda_acyclic=1e-3, lr=0.02, lambda_disen=1e-2)


@pytest.fixture(scope="module")
def spec() -> BenchmarkSpec:
    return load_benchmark("benchmark_smoke")


@pytest.fixture(scope="module")
def dataset(spec: BenchmarkSpec) -> Dataset:
    return drawn(spec, 5)


@pytest.mark.parametrize("seed", [0, 11])
def test_the_plain_trial_has_the_losses_of_the_lanes(seed: int, spec: BenchmarkSpec, dataset: Dataset) -> None:
    """From the same start, on the same batches, every loss term, the validation loss and the SHD agree."""
    config = replace(spec.sweep.trainer, epochs=12, evaluate_every=1)
    lanes, plain = start([(0, seed, HYPER)], dataset, config), PlainTrial(HYPER, seed, dataset, config).train()
    for _ in range(8):
        lanes, (ours,) = advance(lanes, dataset, config)
        found = next(plain)
        assert found.epoch == ours.epoch
        assert found.terms == pytest.approx((ours.recon, ours.sparse, ours.acyclic, ours.disen), rel=1e-4, abs=1e-7)
        assert found.val_loss == pytest.approx(ours.val_loss, rel=1e-4)
        assert found.val_shd == ours.val_shd


def test_the_plain_schedule_is_that_of_the_lanes(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """Warm-up, temperature and cosine decay are those of `core.schedule` at every epoch."""
    config = replace(spec.sweep.trainer, epochs=40)
    trial = PlainTrial(HYPER, 3, dataset, config)
    for epoch in range(41):
        at = torch.tensor([epoch])
        assert trial.warmth(epoch) == pytest.approx(float(progress(at, config)))
        assert trial.heat(epoch) == pytest.approx(float(temperature(at, config)))
        expected = float(rate_in_force(torch.ones(1, dtype=torch.float64), at, config))
        assert trial.decay(epoch) == pytest.approx(expected)


def test_the_plain_plateau_lowers_the_rate_and_stops(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """Without progress the learning rate falls by the factor, and a trial ends after `patience` evaluations."""
    config = replace(spec.sweep.trainer, epochs=30, evaluate_every=1, warmup=0.0, patience=8, decay_start=1.0)
    trial = PlainTrial(replace(HYPER, lr=1e-4), 3, dataset, config)
    trial.best = trial.plateau.best = -1e9
    found = list(trial.train())
    assert len(found) == 8
    assert trial.rate == pytest.approx(1e-4 * config.plateau_factor)


def test_a_plain_trial_that_diverges_is_a_failure(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """A loss that is not finite ends the trial as an error, never as a score."""
    trial = PlainTrial(replace(HYPER, lambda_disen=math.inf), 3, dataset, spec.sweep.trainer)
    with pytest.raises(FloatingPointError):
        list(trial.train())


def test_one_alone_is_trained_like_any_other(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """By PyTorch's operations a lone trial has the numbers of the compiled one, up to rounding."""
    config = spec.sweep.trainer
    lanes = typical_lanes(1, spec, dataset)
    alone, (bare,) = advance_alone(lanes, dataset, config)
    compiled, (ours,) = advance(lanes, dataset, config)
    assert len(alone.trial) == 1
    assert int(alone.step[0]) == int(compiled.step[0])
    assert bare.train_loss == pytest.approx(ours.train_loss, rel=1e-4)
    assert bare.val_loss == pytest.approx(ours.val_loss, rel=1e-4)


def test_the_floor_counts_the_operations_of_a_step(spec: BenchmarkSpec) -> None:
    """The products counted are those that torch counts in the step itself, but for a few in a thousand."""
    config, d, count = spec.sweep.trainer, 13, 4
    dataset = drawn(spec, d)
    shape, lanes = model_shape(d, config), start([(k, k, HYPER) for k in range(count)], dataset, config)
    batch = next(row_batches(lanes, dataset, config))
    heat, weight = temperature(lanes.epoch, config), weights(lanes, torch.ones(count))
    with FlopCounterMode(display=False) as counter:
        loss_and_gradient(lanes.value, heat, batch.noise, batch.rows, weight, config, shape)
    found = {name: number for name, _, number in step_operations(shape, count, config.batch_size)}
    products = sum(number for name, number in found.items() if name not in ("acyclicity", "clipping and Adam"))
    in_place = found["memory"] / 3  # a product that torch's counter does not know
    element_wise = found["read-out and error bar"] / 5
    assert counter.get_total_flops() == pytest.approx(products - in_place - element_wise, rel=0.002)
    shut = {name: number for name, _, number in step_operations(shape, count, config.batch_size, 0.25)}
    assert shut.pop("messages") == found.pop("messages") / 4
    assert shut == found


def test_trials_are_measured_as_a_sweep_has_them(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """They are past their warm-up, differ in the price of an edge, and repeat where more than eight are wanted."""
    config = spec.sweep.trainer
    lanes = typical_lanes(10, spec, dataset)
    assert len(lanes.trial) == 10
    assert (lanes.epoch >= config.warmup * config.epochs).all()
    assert len(set(lanes.setting("lambda_sparse").tolist())) == 8
    assert lanes.trial[8:].tolist() == lanes.trial[:2].tolist()


def test_the_floor_counts_every_parameter(spec: BenchmarkSpec, dataset: Dataset) -> None:
    """A lane's parameters are as many as the trainer holds, and the bytes grow with the lanes alone."""
    config = spec.sweep.trainer
    lanes, shape = start([(k, k, HYPER) for k in range(3)], dataset, config), model_shape(5, config)
    assert parameters(shape) == sum(part[0].numel() for part in lanes.value)
    one, four = (sum(size for *_, size in step_bytes(shape, count, 64)) for count in (1, 4))
    assert four == 4 * one


def test_studies_of_all_kinds_play_the_same_trials(spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Ours and Optuna's storages end with the trials they had, those asked, and every report of them."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    earlier, rows = drawn_trials(spec.sweep, 4), Sheet("orchestration", "orchestration-4", lambda: None)
    sweep, epochs = spec.sweep, steps(spec.sweep)
    from studies.benchmark_orchestration import play

    ours = Ours(sweep, tmp_path / "ours", earlier)
    theirs = Optunas(sweep, journal_storage(tmp_path), earlier)
    for player in (ours, theirs):
        player.use("random")
        play(player, epochs, 3)
    for study in (ours.search.study, theirs.study):
        trials = study.get_trials()
        assert [trial.number for trial in trials] == list(range(7))
        assert all(trial.state.is_finished() for trial in trials)
        assert [sorted(trial.intermediate_values) for trial in trials] == [epochs] * 7
    assert len((tmp_path / "ours" / "trials.csv").read_text().splitlines()) == 1 + 3
    ours.folder.close()
    measure_orchestration(rows, spec, 4, tmp_path / "measured")
    methods = {(row["method"], row["sampler"]) for row in rows.rows}
    assert len(methods) == 3 * 2
    assert {row["value"] for row in rows.rows if row["quantity"] == "trial_reports"} == {2.0 * len(epochs)}


def tiny(spec: BenchmarkSpec) -> TrainerConfig:
    return replace(spec.sweep.trainer, epochs=4)


def test_a_plain_sweep_runs_its_budget(spec: BenchmarkSpec, tmp_path: Path) -> None:
    """Sharing a journal or threads, as many trials end as were asked for, and each is complete, pruned or failed."""
    sweep = replace(spec.sweep, trainer=tiny(spec), search=replace(spec.sweep.search, trials=3))
    (tmp_path / "sweep.yaml").write_text(dump_yaml(sweep))
    for found in (processes(sweep, tmp_path), threads(sweep)):
        assert found["trials"] == 3
        assert found["complete"] + found["pruned"] + found["failed"] == 3
        assert 0 < found["epochs"] <= 3 * 4
        assert found["best_val_shd"] >= 0
