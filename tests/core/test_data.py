"""From table to samples: nothing leaks over a segment, a split or backwards in time, and nothing is lost."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import data
from core.config import DataConfig, TrainerConfig
from core.errors import InputError
from core.losses import reconstruction
from core.model import Prediction, model_shape
from core.simulate import simulate
from core.tables import Table
from tests import oracles
from tests.core import small

PARTS = (data.TRAIN, data.VALIDATION, data.TEST)
SHAPES = st.tuples(
    st.integers(2, 4),  # variables
    st.integers(80, 110),  # rows
    st.sampled_from([0.0, 0.3, 0.7]),  # missing
    st.integers(0, 10**6),  # seed
    st.sampled_from([1, 2, 5]),  # segments
)


def drawn_table(shape: tuple[int, int, float, int, int]) -> Table:
    """Make a table of a drawn shape."""
    d, rows, missing, seed, segments = shape
    return small.table(d=d, rows=rows, missing=missing, seed=seed, segments=segments)


@settings(max_examples=60)
@given(shape=SHAPES, max_lag=st.integers(0, 3))
def test_no_history_crosses_a_segment_or_a_split(shape: tuple[int, int, float, int, int], max_lag: int) -> None:
    """Law: the rows of a split are exactly those whose whole history lies in their own segment and split."""
    config = TrainerConfig(max_lag=max_lag, batch_size=2)
    table = drawn_table(shape)
    n = len(table.values)
    prepared = data.prepare(table, config)
    for part in PARTS:
        found = data.positions(prepared, part, max_lag).tolist()
        if max_lag == 0:
            assert found == np.flatnonzero(prepared.split == part).tolist()
            continue
        expected = []
        for t in range(n):
            history = range(t - max_lag, t + 1)
            inside = t >= max_lag and all(table.segment[s] == table.segment[t] for s in history)
            if inside and all(prepared.split[s] == part for s in history):
                expected.append(t)
        assert found == expected


@settings(max_examples=40)
@given(
    shape=SHAPES,
    lags=st.sampled_from([(0, False), (1, False), (1, True), (2, False), (2, True)]),
    span=st.sampled_from([0, 1, 12]),
)
def test_samples_equal_the_loops(shape: tuple[int, int, float, int, int], lags: tuple[int, bool], span: int) -> None:
    """Law: target, flag, histories, the level before, distance from it, and this row stand where the layout says."""
    max_lag, instantaneous = lags
    config = TrainerConfig(max_lag=max_lag, instantaneous=instantaneous, batch_size=2, level_span=span)
    prepared = data.prepare(drawn_table(shape), config)
    values, seen = prepared.values, prepared.observed.astype(float)
    filled = oracles.interpolated(values, prepared.observed, prepared.block) if max_lag else values
    carried = oracles.carried(values, prepared.observed, prepared.block)
    level, deviation = oracles.slow_course(values, prepared.observed, prepared.block, max(span, 1))
    spread = np.maximum(deviation, data.LEAST_DEVIATION)
    limit = data.FARTHEST_DEPARTURE
    width = model_shape(values.shape[1], config).features
    for part in PARTS:
        rows = data.build_samples(prepared, part, max_lag, instantaneous or max_lag == 0, span).rows.numpy()
        at = data.positions(prepared, part, max_lag)
        assert rows.shape == (len(at), values.shape[1], 2 + width)
        for row, t in zip(rows, at, strict=True):
            expected = [values[t], seen[t]]
            expected += [filled[t - lag] for lag in range(1, max_lag + 1)]
            expected += [seen[t - lag] for lag in range(1, max_lag + 1)]
            expected += [carried[t - lag] for lag in range(1, max_lag + 1)]
            if max_lag and span:
                expected.append(level[t - 1])
                expected.append(((filled[t - 1] - level[t - 1]) / spread[t - 1]).clip(-limit, limit))
            expected += [filled[t], seen[t]] if instantaneous or max_lag == 0 else []
            np.testing.assert_allclose(row, np.stack(expected, axis=1), rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(shape=SHAPES, block=st.integers(0, 10**6))
def test_no_block_reads_another(shape: tuple[int, int, float, int, int], block: int) -> None:
    """Law: change all values of one block and no sample of any other block changes by a bit."""
    config = TrainerConfig(max_lag=2, batch_size=2, instantaneous=True)
    prepared = data.prepare(drawn_table(shape), config)
    inside = prepared.block == block % (prepared.block.max() + 1)
    values = prepared.values.copy()
    values[inside] += 7.0
    other = small.with_values(prepared, values)
    for part in PARTS:
        at = data.positions(prepared, part, 2)
        before = data.build_samples(prepared, part, 2, True, 9).rows[torch.from_numpy(~inside[at])]
        after = data.build_samples(other, part, 2, True, 9).rows[torch.from_numpy(~inside[at])]
        assert torch.equal(before, after)


@settings(max_examples=60)
@given(shape=SHAPES, share=st.floats(0.05, 0.95))
def test_carried_values_and_levels_read_the_past_only(shape: tuple[int, int, float, int, int], share: float) -> None:
    """Law: whatever comes after row t, values or gaps, what is carried or averaged up to t is the same to the bit."""
    prepared = data.prepare(drawn_table(shape), TrainerConfig(batch_size=2))
    t = int(share * len(prepared.values))
    rng = np.random.default_rng(shape[3])
    values, observed = prepared.values.copy(), prepared.observed.copy()
    values[t + 1 :] = rng.standard_normal(values[t + 1 :].shape)
    observed[t + 1 :] = rng.random(values[t + 1 :].shape) < 0.5
    before = data.carry_forward(prepared.values, prepared.observed, prepared.block)
    after = data.carry_forward(values, observed, prepared.block)
    assert np.array_equal(before[: t + 1], after[: t + 1])
    for span in (1, 5, 60):
        for old, new in zip(
            data.slow_course(prepared.values, prepared.observed, prepared.block, span),
            data.slow_course(values, observed, prepared.block, span),
            strict=True,
        ):
            assert np.array_equal(old[: t + 1], new[: t + 1])


@settings(max_examples=40)
@given(shape=SHAPES, span=st.integers(1, 40), part=st.sampled_from(PARTS), where=st.integers(0, 10**6))
def test_levels_equal_the_loops_and_never_hold_the_target(
    shape: tuple[int, int, float, int, int], span: int, part: int, where: int
) -> None:
    """Law: level and deviation are those of the loops, and what stands beside a target never depends on that target."""
    config = small.settings(max_lag=1, batch_size=2, level_span=span)
    prepared = data.prepare(drawn_table(shape), config)
    values, observed = prepared.values.copy(), prepared.observed.copy()
    expected = oracles.slow_course(values, observed, prepared.block, span)
    for found, oracle in zip(data.slow_course(values, observed, prepared.block, span), expected, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, oracle, rtol=1e-5, atol=1e-6)
    at = data.positions(prepared, part, 1)
    row = where % len(at)
    values[at[row] :] += 3.0
    observed[at[row] :] = True
    other = small.with_values(prepared, values, observed)
    before, after = (data.build_samples(one, part, 1, False, span).rows[: row + 1] for one in (prepared, other))
    assert torch.equal(before[:, :, -2], after[:, :, -2])
    seen = torch.from_numpy(prepared.observed[at[: row + 1] - 1])  # a filled value may know what comes after it
    assert torch.equal(before[:, :, -1][seen], after[:, :, -1][seen])


def test_levels_by_hand() -> None:
    """Law: the mean of a first 0 and what was seen, exponential once `span` are in, held over gaps, anew in a block."""
    values = np.array([[4], [9], [4], [1], [8], [6], [2]], dtype=np.float32)
    observed = np.array([[1], [0], [1], [0], [1], [0], [1]], dtype=bool)
    block = np.array([0, 0, 0, 0, 0, 1, 1])
    assert data.slow_course(values, observed, block, 100).level[:, 0].tolist() == [
        2,
        2,
        np.float32(8 / 3),
        np.float32(8 / 3),
        4,
        0,
        1,
    ]
    variance = data.slow_course(values, observed, block, 100).deviation[:, 0] ** 2
    np.testing.assert_allclose(variance[:4], [8.5, 8.5, 7, 7], rtol=1e-6)
    np.testing.assert_allclose(variance[5:], [1, 2.5], rtol=1e-6)
    assert data.slow_course(values, observed, block, 2).level[:, 0].tolist() == [2, 2, 3, 3, 5.5, 0, 1]
    assert data.slow_course(values, observed, block, 1).level[:, 0].tolist() == [4, 4, 4, 4, 8, 0, 2]


def test_filling_by_hand() -> None:
    """Law: linear between neighbours, flat at the ends of a block, 0 where a block has seen nothing."""
    values = np.array([[0, 1], [2, 0], [0, 0], [8, 0], [0, 0], [0, 0], [5, 0]], dtype=np.float32)
    observed = np.array([[0, 1], [1, 0], [0, 0], [1, 0], [0, 0], [0, 0], [1, 0]], dtype=bool)
    block = np.array([0, 0, 0, 0, 0, 1, 1])
    filled = data.interpolate(values, observed, block)
    carried = data.carry_forward(values, observed, block)
    assert filled[:, 0].tolist() == [2, 2, 5, 8, 8, 5, 5]
    assert filled[:, 1].tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert carried[:, 0].tolist() == [0, 2, 2, 8, 8, 0, 5]
    assert carried[:, 1].tolist() == [1, 1, 1, 1, 1, 0, 0]


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
