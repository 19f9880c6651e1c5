"""Histories and levels: no segment, split or target is crossed, and every sample is what loops give."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import data
from core.config import TrainerConfig
from core.model import model_shape
from core.tables import Table
from tests import oracles
from tests.core import small
from tests.core.small import PARTS

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
