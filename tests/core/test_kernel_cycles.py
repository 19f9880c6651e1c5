"""The compiled inverse behind the price of cycles."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernel_cycles import divide_pivot, eliminate, invert


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), d=st.integers(1, 40), share=st.floats(0.0, 1.0))
def test_inverses_are_those_of_one_column_after_the_other(seed: int, d: int, share: float) -> None:
    """Law: four columns at a time keep every bit of Gauss and Jordan's elimination, and it inverts."""
    rng = np.random.default_rng(seed)
    matrix = np.eye(d) - rng.random((d, d)) * (rng.random((d, d)) < share) * 0.9 / d
    found, expected = matrix.copy(), matrix.copy()
    logarithm, total = invert(found, np.empty((d, d))), 0.0
    for p in range(d):
        total += math.log(abs(divide_pivot(expected, p)))
        for i in range(d):
            eliminate(expected, i, p)
    assert logarithm == total
    assert np.array_equal(found, expected)
    np.testing.assert_allclose(found @ matrix, np.eye(d), atol=1e-12)
    assert logarithm == pytest.approx(np.linalg.slogdet(matrix)[1], abs=1e-12)
