"""The order of compiled sums, what is rounded once, and the compiled curves."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import kernels
from core.kernel_rows import dot, fma, total


@kernels.compiled
def sums(left: Any, right: Any, first: int, count: int) -> Any:
    """Sum of products, and sum, of part of two rows."""
    return dot(left, first, right, first, count), total(left, first, count)


@kernels.compiled
def bent(x: Any, curved: Any, grown: Any) -> None:
    """Hyperbolic tangents and exponentials of a row."""
    for i in range(x.size):
        curved[i], grown[i] = kernels.tanh(x[i]), kernels.exp(x[i])


@kernels.compiled
def fused(a: Any, b: Any, c: Any) -> Any:
    """A product and a sum, rounded once."""
    return fma(a, b, c)


def in_parts(rows: np.ndarray) -> np.float32:
    """Sum float32 numbers in sixteen parts, as `kernel_rows` says."""
    whole = len(rows) // 16 * 16
    parts = np.zeros(16, np.float32)
    for at in range(0, whole, 16):
        parts += rows[at : at + 16]
    while len(parts) > 1:
        parts = parts[: len(parts) // 2] + parts[len(parts) // 2 :]
    found = parts[0]
    for number in rows[whole:]:
        found += number
    return np.float32(found)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), first=st.integers(0, 20), count=st.integers(0, 100))
def test_sums_have_one_order(seed: int, first: int, count: int) -> None:
    """Law: a sum is that of its sixteen parts, to the last bit; a sum of products is as near as float32 can say."""
    rng = np.random.default_rng(seed)
    left, right = (rng.standard_normal(120).astype(np.float32) for _ in range(2))
    product, plain = sums(left, right, first, count)
    some = slice(first, first + count)
    assert np.float32(plain).tobytes() == in_parts(left[some]).tobytes()
    exact = left[some].astype(float) @ right[some].astype(float)
    assert abs(product - exact) <= 1e-6 * (1.0 + np.abs(left[some] * right[some]).sum())


def test_a_fused_product_is_rounded_once() -> None:
    """Law: fma keeps what a product rounded by itself would lose."""
    a = np.float32(1.0 + 2.0**-12)
    assert fused(a, a, -np.float32(a * a)) == np.float32(float(a) * float(a) - float(np.float32(a * a))) != 0.0


def test_curves_are_those_of_numpy() -> None:
    """Law: tanh to 3e-7 and exp to 2e-7 of their size; NaN stays NaN, and infinity is 1."""
    x = np.linspace(-20, 20, 200_001).astype(np.float32)
    curved, grown = np.empty_like(x), np.empty_like(x)
    bent(x, curved, grown)
    np.testing.assert_allclose(curved, np.tanh(x.astype(float)), rtol=3e-7, atol=0)
    np.testing.assert_allclose(grown, np.exp(x.astype(float)), rtol=2e-7, atol=0)
    odd = np.array([np.nan, np.inf, -np.inf, 0.0], np.float32)
    bent(odd, curved[:4], grown[:4])
    assert np.isnan(curved[0])
    assert np.isnan(grown[0])
    np.testing.assert_allclose(curved[1:4], [1.0, -1.0, 0.0], atol=3e-7)
