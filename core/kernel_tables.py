"""Tables that are multiplied by gates: rows of any length, whose last register is part full."""

from typing import Any

from llvmlite import ir
from numba import types

from core.kernel_registers import INDEX, Emitter, Table, folded
from core.kernel_rows import call_fma, cgutils, emitted, splat
from core.kernels import compiled


@emitted
def scale(_context: Any, _out: Any, _table: Any, _factors: Any, _stride: Any, _count: Any, _width: Any) -> Any:
    """Emit what `scaled` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter, (stride, count, width) = Emitter(context, builder, signature.args, arguments), arguments[3:]
        (target, source, factor), rows = emitter.rows(0, 1, 2), Table(emitter, width)
        with rows.registers() as (first, mask):
            factors = rows.load(factor, first, mask)
            with cgutils.for_range(builder, count) as loop:
                spot = builder.add(first, builder.mul(loop.index, stride))
                rows.store(builder.fmul(factors, rows.load(source, spot, mask)), target, spot, mask)
        return context.get_dummy_value()

    at = types.intp
    return types.void(at, at, at, at, at, at), generate


@emitted
def gate_back(
    _context: Any, _products: Any, _weights: Any, _out: Any, _stride: Any, _count: Any, _width: Any, _gate: Any,
    _squares: Any,
) -> Any:  # fmt: skip
    """Emit what `gated` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter, (stride, count, width, gate) = Emitter(context, builder, signature.args, arguments), arguments[3:7]
        (source, weights, target, squares), rows = emitter.rows(0, 1, 2, 7), Table(emitter, width)
        factor = splat(builder, gate)
        kept, squared = (cgutils.alloca_once_value(builder, rows.nothing) for _ in range(2))
        with rows.registers() as (first, mask), cgutils.for_range(builder, count) as loop:
            spot = builder.add(first, builder.mul(loop.index, stride))
            product = rows.load(source, spot, mask)
            builder.store(call_fma(builder, product, rows.load(weights, spot, mask), builder.load(kept)), kept)
            passed = builder.fmul(factor, product)
            rows.store(passed, target, spot, mask)
            builder.store(call_fma(builder, passed, passed, builder.load(squared)), squared)
        totals = [folded(builder, [builder.load(sums)])[0] for sums in (kept, squared)]
        pull, square = (builder.extract_element(total, ir.Constant(INDEX, 0)) for total in totals)
        builder.store(builder.fadd(builder.load(squares), square), squares)
        return pull

    at = types.intp
    return types.float32(at, at, at, at, at, at, types.float32, at), generate


@compiled
def scaled(out: int, table: int, factors: int, stride: int, count: int, width: int) -> None:
    """Write out[m, c] = table[m, c] * factors[c], of addresses of tables (count, width), rows `stride` apart."""
    scale(out, table, factors, stride, count, width)


@compiled
def gated(products: int, weights: int, out: int, stride: int, count: int, width: int, gate: Any, squares: int) -> Any:
    """Write gate times products to out, and return the sum of products times weights, of tables (count, width).

    products, weights and out are addresses; rows of a table are `stride` apart. gate: float32. squares: address of a
    number to which the sum of the squares of what was written is added.
    """
    return gate_back(products, weights, out, stride, count, width, gate, squares)
