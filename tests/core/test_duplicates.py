"""Laws of finding copied variables: found whatever their scale and their gaps, likenesses are not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.config import TrainerConfig
from core.data import Dataset, prepare
from core.duplicates import LEAST_SHARED, MOST_ROWS, correlations, duplicated
from core.tables import Table


def dataset_of(values: NDArray[np.float64]) -> Dataset:
    names = tuple(f"v{column}" for column in range(values.shape[1]))
    table = Table("made", names, values, np.zeros(len(values), dtype=np.int64), None, "0" * 64)
    return prepare(table, TrainerConfig(max_lag=1, batch_size=8))


@given(st.integers(0, 10_000), st.floats(0, 0.4))
@settings(max_examples=20)
def test_correlations_are_those_of_the_shared_rows(seed: int, missing: float) -> None:
    """Each correlation is numpy's over the rows that observe both variables."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4)) + 5
    values[rng.random(values.shape) < missing] = np.nan
    data = dataset_of(values)
    found = correlations(data)
    for i in range(4):
        assert np.isnan(found[i, i])
        for j in range(i):
            both = data.observed[:, i] & data.observed[:, j]
            expected = np.corrcoef(data.values[both, i], data.values[both, j])[0, 1]
            assert found[i, j] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("r", "copied"), [(0.9985, False), (0.9995, True), (-0.9995, True), (-0.9985, False)])
def test_the_limit_is_0_999(r: float, copied: bool) -> None:
    """Above 0.999 in size a variable is a copy, of either sign; below it is not."""
    rng = np.random.default_rng(1)
    _, one, other = np.linalg.qr(np.column_stack([np.ones(400), rng.normal(size=(400, 2))]))[0].T
    values = np.column_stack([one, r * one + np.sqrt(1 - r * r) * other])
    data = dataset_of(values)
    assert correlations(data)[0, 1] == pytest.approx(r, abs=1e-5)
    assert duplicated(data) == ({"v1": "v0"} if copied else {})


def test_copies_are_named_by_the_first() -> None:
    """Copies scaled, shifted, turned and with other gaps all point to the first; constants and strangers to none."""
    rng = np.random.default_rng(2)
    base = rng.normal(size=300)
    values = np.column_stack([rng.normal(size=300), base, 1e6 * base + 3, np.full(300, 7.0), -base, base + 1e-9])
    values[rng.random(values.shape) < 0.2] = np.nan
    assert duplicated(dataset_of(values)) == {"v2": "v1", "v4": "v1", "v5": "v1"}


def test_a_few_shared_rows_prove_nothing() -> None:
    """Two variables that are seldom observed together are no copies, however alike they are there."""
    rng = np.random.default_rng(3)
    base = rng.normal(size=300)
    for shared, found in ((LEAST_SHARED - 1, {}), (LEAST_SHARED, {"v1": "v0"})):
        values = np.column_stack([base, 2 * base, rng.normal(size=300)])
        values[150:, 0] = np.nan
        values[: 150 - shared, 1] = np.nan
        assert duplicated(dataset_of(values)) == found


def test_long_data_are_read_in_part() -> None:
    """A copy in data of more rows than are read is found, whichever rows those are."""
    rng = np.random.default_rng(4)
    base = rng.normal(size=2 * MOST_ROWS + 7)
    data = dataset_of(np.column_stack([base, rng.normal(size=len(base)), 1 - base]))
    assert duplicated(data) == {"v2": "v0"}
