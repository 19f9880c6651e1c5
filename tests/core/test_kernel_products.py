"""Products of rows and tables in registers against the same, one number after the other; and small numbers in Adam."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from core import kernel_train, kernels
from core.kernel_products import add_rows, dots
from core.kernel_registers import address
from core.kernel_rows import dot, fma
from core.kernel_tables import gated, scaled

SQUARES = 299
"""Where the tables' room keeps a sum of squares."""


@kernels.compiled
def added(out: Any, out_at: Any, rows: Any, rows_at: Any, table: Any, by_out: Any, by_row: Any, size: int) -> None:
    """Weighted rows, added to rows."""
    begin, source, weights = address(out, 1), address(rows, 2), address(table, 3)
    add_rows(begin, out_at, source, rows_at, weights, by_out, by_row, out_at.size, rows_at.size, size)


@kernels.compiled
def added_alone(
    out: Any, out_at: Any, rows: Any, rows_at: Any, table: Any, by_out: Any, by_row: Any, size: int
) -> None:
    """The same, one number after the other."""
    for a in range(out_at.size):
        for c in range(rows_at.size):
            weight = table[3 + by_out[a] + by_row[c]]
            for r in range(size):
                out[1 + out_at[a] + r] = fma(weight, rows[2 + rows_at[c] + r], out[1 + out_at[a] + r])


@kernels.compiled
def multiplied(left: Any, left_at: Any, right: Any, right_at: Any, out: Any, by_left: Any, size: int) -> None:
    """Products of rows with rows."""
    dots(
        address(left, 1),
        left_at,
        address(right, 2),
        right_at,
        address(out, 3),
        by_left,
        left_at.size,
        right_at.size,
        size,
    )


@kernels.compiled
def multiplied_alone(left: Any, left_at: Any, right: Any, right_at: Any, out: Any, by_left: Any, size: int) -> None:
    """The same, one row after the other."""
    for a in range(left_at.size):
        for b in range(right_at.size):
            out[3 + by_left[a] + b] = dot(left, 1 + left_at[a], right, 2 + right_at[b], size)


@kernels.compiled
def gated_rows(products: Any, weights: Any, out: Any, scaled_out: Any, count: int, gate: Any) -> Any:
    """A row times a gate, and one with its product's sum."""
    scaled(address(scaled_out, 0), address(weights, 1), count, gate)
    return gated(address(products, 1), address(weights, 2), address(out, 2), count, gate, address(out, SQUARES))


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32), ours=st.integers(0, 11), theirs=st.integers(0, 11), size=st.integers(0, 150)
)  # fmt: skip
def test_products_of_rows_keep_every_bit(seed: int, ours: int, theirs: int, size: int) -> None:
    """Law: blocks of rows, of any number and length, give what one number after the other gives, and touch no other."""
    rng = np.random.default_rng(seed)
    out, rows, table = (rng.standard_normal(2000).astype(np.float32) for _ in range(3))
    out_at, rows_at = rng.permutation(12)[:ours] * size, rng.permutation(12)[:theirs] * size
    by_out, by_row = rng.permutation(12)[:ours] * 12, rng.permutation(12)[:theirs]
    found, expected = out.copy(), out.copy()
    for add, target in ((added, found), (added_alone, expected)):
        add(target, out_at, rows, rows_at, table, by_out, by_row, size)
    assert found.tobytes() == expected.tobytes()
    found, expected = table.copy(), table.copy()
    for multiply, target in ((multiplied, found), (multiplied_alone, expected)):
        multiply(out, out_at, rows, rows_at, target, by_out, size)
    assert found.tobytes() == expected.tobytes()


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 250))
def test_gated_rows_are_their_products(seed: int, count: int) -> None:
    """Law: rows of any length are multiplied to their ends and no further, and the sum is that of the products."""
    rng = np.random.default_rng(seed)
    products, weights, out = (rng.standard_normal(300).astype(np.float32) for _ in range(3))
    gate, scaled_out, found = np.float32(0.3), out.copy(), out.copy()
    pull = gated_rows(products, weights, found, scaled_out, count, gate)
    expected = out.copy()
    expected[:count] = gate * weights[1 : 1 + count]
    assert scaled_out.tobytes() == expected.tobytes()
    expected = out.copy()
    expected[2 : 2 + count] = gate * products[1 : 1 + count]
    assert found[:SQUARES].tobytes() == expected[:SQUARES].tobytes()
    squares = float(out[SQUARES]) + np.square(expected[2 : 2 + count].astype(float)).sum()
    assert abs(found[SQUARES] - squares) <= 1e-6 * (1.0 + abs(squares))
    exact = products[1 : 1 + count].astype(float) * weights[2 : 2 + count].astype(float)
    assert abs(pull - exact.sum()) <= 1e-6 * (1.0 + np.abs(exact).sum())


def test_numbers_too_small_to_count_become_nought_and_nan_stays() -> None:
    """Law: a weight that only decays, and its moments, become 0, not numbers that slow the processor; NaN stays."""
    value = np.array([1e-33, 0.5, np.nan], np.float32)
    first, second = np.array([1e-34, 1e-34, 0.0], np.float32), np.array([0.0, 1.0, 1.0], np.float32)
    one, nothing = np.float32(1.0), np.float32(0.0)
    kernel_train.adam(value, first, second, np.zeros(3, np.float32), one, nothing, np.float32(-1e3), np.float32(-1e-4))
    assert value[0] == 0.0
    assert value[1] == np.float32(0.5)
    assert np.isnan(value[2])
    assert not first[:2].any()
