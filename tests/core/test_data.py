"""Splits, standardising, useless variables, and what is kept of a data set."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from core import data
from core.config import DataConfig, TrainerConfig
from core.errors import InputError
from core.losses import reconstruction
from core.model import Prediction
from core.simulate import simulate
from core.tables import Table
from tests.core import small
from tests.core.small import PARTS


@pytest.mark.parametrize("max_lag", [0, 1])
def test_rows_are_split_in_the_shares_promised(max_lag: int) -> None:
    """Law: 70 / 15 / 15 per cent of the rows, in order of time where there is one, every row in one split."""
    prepared = small.dataset(TrainerConfig(max_lag=max_lag), rows=200)
    assert [int((prepared.split == part).sum()) for part in PARTS] == [140, 30, 30]
    assert (np.diff(prepared.split) >= 0).all()
    if max_lag:
        raw = small.table(rows=200).values
        scale = (raw[:140].mean(0), raw[:140].std(0))
        np.testing.assert_allclose(prepared.values, (raw - scale[0]) / scale[1], rtol=1e-4, atol=1e-5)


def test_rows_without_time_are_split_at_random_but_always_alike() -> None:
    """Law: at max_lag 0 the rows are shuffled before the split, the same way every time, and none is lost."""
    table = small.table(rows=200)
    first, second = (data.prepare(table, TrainerConfig(max_lag=0)) for _ in range(2))
    assert first.key == second.key
    order, split = data.split_rows(table, has_time=False)
    assert sorted(order.tolist()) == list(range(200))
    assert np.abs(np.diff(order)).mean() > 20, "shuffled"
    ordered, _ = data.split_rows(table, has_time=True)
    assert ordered.tolist() == list(range(200))
    raw = table.values[order]
    expected = (raw - raw[split == data.TRAIN].mean(0)) / raw[split == data.TRAIN].std(0)
    np.testing.assert_allclose(first.values, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_columns_are_standardised_on_the_training_rows_alone(missing: float) -> None:
    """Law: training rows have mean 0 and deviation 1, and other validation and test rows change none of them."""
    config, table = small.settings(), small.table(missing=missing)
    prepared = data.prepare(table, config)
    train = prepared.split == data.TRAIN
    for j in range(len(table.names)):
        column = prepared.values[train & prepared.observed[:, j], j].astype(np.float64)
        assert column.mean() == pytest.approx(0, abs=1e-5)
        assert column.std() == pytest.approx(1, abs=1e-5)
    assert not prepared.values[~prepared.observed].any()
    assert np.array_equal(prepared.observed, ~np.isnan(table.values))
    values = table.values.copy()
    values[~train] = 1e3 * values[~train] + 5
    other = data.prepare(replace(table, values=values), config)
    assert np.array_equal(other.values[train], prepared.values[train])
    assert not np.array_equal(other.values, prepared.values)


@pytest.mark.parametrize("level", [1e12, -1e12, 1e-9])
def test_huge_and_tiny_levels_survive(level: float) -> None:
    """Law: a column at 1e12 (or 1e-9 large) keeps its shape, for it is standardised in float64 before the cast."""
    table = small.table()
    values = table.values.copy()
    wave = np.sin(np.arange(len(values)))
    values[:, 0] = level + wave if abs(level) > 1 else level * wave
    prepared = data.prepare(replace(table, values=values), small.settings())
    assert prepared.unusable == {}
    assert np.isfinite(prepared.values).all()
    assert np.corrcoef(prepared.values[:, 0], wave)[0, 1] > 0.999


@pytest.mark.parametrize("size", [1e100, 1e200, 1e300])
def test_values_near_the_end_of_the_numbers_are_no_surprise(size: float) -> None:
    """Law: a column that float64 can hold is standardised like any other, or named unusable; no warning, no NaN."""
    table = small.table()
    values = table.values.copy()
    values[:, 0] = size * np.sin(np.arange(len(values)))
    prepared = data.prepare(replace(table, values=values), small.settings())
    assert np.isfinite(prepared.values).all()
    assert "v0" in prepared.unusable or prepared.values[:, 0].std() == pytest.approx(1, abs=0.2)


def test_a_later_outlier_is_no_surprise() -> None:
    """Law: however far a validation value lies from the training rows, it stays a finite number."""
    table = small.table()
    values = table.values.copy()
    values[:, 0] = 1e-9 * np.sin(np.arange(len(values)))
    values[-30, 0] = 1e35
    prepared = data.prepare(replace(table, values=values), small.settings())
    assert np.isfinite(prepared.values).all()


def spoiled(kind: str, column: int, table: Table) -> Table:
    """Return a table with a column that cannot be learned from."""
    values = table.values.copy()
    if kind == "constant":
        values[:, column] = 0.1 + 0.2
    elif kind == "constant in training":
        values[:100, column] = 5.0
    elif kind == "missing":
        values[:, column] = np.nan
    elif kind == "missing in training":
        values[:100, column] = np.nan
    else:
        values[:, column] = np.nan
        values[3, column] = 1.0
    return replace(table, values=values)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("constant", "constant in the training rows"),
        ("constant in training", "constant in the training rows"),
        ("missing", "no values in the training rows"),
        ("missing in training", "no values in the training rows"),
        ("one value", "no values in the training rows"),
    ],
)
def test_useless_variables_are_named_and_kept_out(kind: str, reason: str) -> None:
    """Law: a variable without anything to learn from is named with the reason and never counted in the loss."""
    config = small.settings()
    table = spoiled(kind, 1, small.table())
    prepared = data.prepare(table, config)
    assert prepared.unusable == {"v1": reason}
    assert not prepared.observed[:, 1].any()
    assert np.isfinite(prepared.values).all()
    rows = data.samples(prepared, data.TRAIN, config).rows.permute(1, 2, 0)[None]
    zero = torch.zeros_like(rows[:, :, 0])
    far = zero.clone()
    far[:, 1] = 1e6
    losses = [
        reconstruction(Prediction(mean, zero, zero), rows[:, :, 0], rows[:, :, 1], config) for mean in (zero, far)
    ]
    assert torch.equal(*losses)


def test_fewer_than_two_usable_variables_are_refused() -> None:
    """Law: with one variable left there is no edge to find, and the error names every other and why."""
    table = small.table(d=3)
    for kind, column in (("constant", 0), ("missing", 2)):
        table = spoiled(kind, column, table)
    with pytest.raises(InputError, match=r"fewer than two usable.*`v0`: constant.*`v2`: no values"):
        data.prepare(table, small.settings())


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 10, 50, 91])
@pytest.mark.parametrize("max_lag", [0, 1])
def test_too_few_rows_are_refused(rows: int, max_lag: int) -> None:
    """Law: fewer training rows than a batch is an input error that says how many there are, and how to go on."""
    config = TrainerConfig(batch_size=64, max_lag=max_lag)
    with pytest.raises(InputError) as caught:
        data.prepare(small.table(rows=rows), config)
    assert "small: " in caught.value.message


def test_just_enough_rows_are_enough() -> None:
    """Law: the batch is filled by the rows with a history; one row fewer is refused, with what would help."""
    enough = small.table(rows=93)  # 65 training rows, 64 of them with a row before
    config = TrainerConfig(max_lag=1, batch_size=64)
    assert len(data.positions(data.prepare(enough, config), data.TRAIN, 1)) == 64
    with pytest.raises(InputError, match="leave 63 for training at max_lag 1, and 64 are needed") as caught:
        data.prepare(small.table(rows=92), config)
    assert "trainer.batch_size" in caught.value.hint
    with pytest.raises(InputError, match="leave 0 for training at max_lag 6"):
        data.prepare(small.table(rows=90, segments=18), TrainerConfig(max_lag=6, batch_size=4))


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_short_simulations_end_in_words(rows: int) -> None:
    """Law: any permitted number of simulated rows gives data or an input error, never a warning or a traceback."""
    with pytest.raises(InputError, match="sensors: "):
        data.prepare(simulate(DataConfig(rows=rows)), TrainerConfig())


def test_the_key_is_of_the_samples_and_not_of_the_truth() -> None:
    """Law: equal keys mean equal samples: another truth keeps the key, another value, gap or segment changes it."""
    config, table = small.settings(), small.table()
    key = data.prepare(table, config).key
    for truth in (None, np.zeros((4, 4), dtype=bool)):
        assert data.prepare(replace(table, truth=truth), config).key == key
    values = table.values.copy()
    values[5, 2] += 1
    gap = table.values.copy()
    gap[5, 2] = np.nan
    segment = table.segment.copy()
    segment[50:] += 1
    others = [replace(table, values=values), replace(table, values=gap), replace(table, segment=segment)]
    keys = {data.prepare(other, config).key for other in others}
    assert len(keys | {key}) == 4


def test_samples_are_built_once_and_not_mixed_up() -> None:
    """Law: the same data, split, lags and span give the same tensor; no other gets it, and the cache is bounded."""
    configs = [
        small.settings(max_lag=lag, instantaneous=now, level_span=span)
        for lag in (0, 1, 2) for now in (False, True) for span in (0, 6, 60)
    ]  # fmt: skip
    for config in configs:
        prepared = small.dataset(config)
        for part in PARTS:
            got = data.samples(prepared, part, config)
            now = config.instantaneous or config.max_lag == 0
            built = data.build_samples(prepared, part, config.max_lag, now, config.level_span)
            assert torch.equal(got.rows, built.rows)
            assert data.samples(prepared, part, config) is got
    assert len(data._CACHE) <= data._CACHE_SIZE


def test_preparing_leaves_the_table_alone() -> None:
    """Law: the caller's arrays stay as they were."""
    table = small.table(missing=0.2)
    before = (table.values.copy(), table.segment.copy())
    for max_lag in (0, 1):
        data.samples(data.prepare(table, small.settings(max_lag=max_lag)), data.TRAIN, small.settings(max_lag=max_lag))
    assert np.array_equal(table.values, before[0], equal_nan=True)
    assert np.array_equal(table.segment, before[1])


def test_raw_values_stay_raw() -> None:
    """Law: with standardise none the learner is given the data's own numbers, and zeros for blanks."""
    table = small.table(missing=0.2)
    prepared = data.prepare(table, small.settings(standardise="none"))
    np.testing.assert_allclose(prepared.values, np.nan_to_num(table.values, nan=0.0), rtol=1e-6)
    assert np.array_equal(prepared.observed, ~np.isnan(table.values))


@pytest.mark.parametrize("window", [0, 6])
def test_filled_columns_are_standardised_with_their_zeros_over_the_windows(window: int) -> None:
    """Law: blanks are zeros first; mean and deviation are those of all rows of all training windows laid end to end."""
    table = small.table(rows=90, missing=0.2, segments=2)
    config = small.settings(architecture="original", standardise="filled", window=window)
    prepared, raw = data.prepare(table, config), np.nan_to_num(table.values, nan=0.0)
    if window:
        starts = [s for s in range(90 - window + 1) if table.segment[s] == table.segment[s + window - 1]]
        assert prepared.windows.tolist() == starts
        train = np.concatenate([raw[s : s + window] for s in starts[: int(0.7 * len(starts))]])
        parts = [data.windows_of(prepared, part).tolist() for part in PARTS]
        assert sum(parts, []) == starts
        assert [len(part) for part in parts] == [56, 12, 12]
    else:
        train = raw[: int(0.7 * 90)]
        assert prepared.windows.tolist() == []
    np.testing.assert_allclose(prepared.values, (raw - train.mean(0)) / train.std(0), rtol=1e-4, atol=1e-5)


def test_windows_are_the_originals_alone() -> None:
    """Law: the setting changes nothing for the other learner, and series too short for a window are refused."""
    table = small.table()
    plain, windowed = (data.prepare(table, small.settings(window=window)) for window in (0, 24))
    assert plain.key == windowed.key
    assert len(windowed.windows) == 0
    with pytest.raises(InputError, match="leave 0 windows of 121 rows for training") as caught:
        data.prepare(table, small.settings(architecture="original", window=121))
    assert "trainer.window" in caught.value.hint
