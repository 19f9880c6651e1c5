"""Rows of any length that are multiplied by a gate, and their way back; the last register is part full."""

from typing import Any

from llvmlite import ir
from numba import types

from core.kernel_registers import INDEX, Emitter, Ends, folded
from core.kernel_rows import call_fma, cgutils, emitted, splat
from core.kernels import compiled


@emitted
def scale(_context: Any, _out: Any, _row: Any, _count: Any, _gate: Any) -> Any:
    """Emit what `scaled` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter, (count, gate) = Emitter(context, builder, signature.args, arguments), arguments[2:]
        (target, source), ends, factor = emitter.rows(0, 1), Ends(emitter, count), splat(builder, gate)
        with ends.registers() as (first, mask):
            ends.store(builder.fmul(factor, ends.load(source, first, mask)), target, first, mask)
        return context.get_dummy_value()

    at = types.intp
    return types.void(at, at, at, types.float32), generate


@emitted
def gate_back(
    _context: Any, _products: Any, _weights: Any, _out: Any, _count: Any, _gate: Any, _squares: Any
) -> Any:  # fmt: skip
    """Emit what `gated` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter, (count, gate) = Emitter(context, builder, signature.args, arguments), arguments[3:5]
        (source, weights, target, squares), ends = emitter.rows(0, 1, 2, 5), Ends(emitter, count)
        factor = splat(builder, gate)
        kept, squared = (cgutils.alloca_once_value(builder, ends.nothing) for _ in range(2))
        with ends.registers() as (first, mask):
            product = ends.load(source, first, mask)
            builder.store(call_fma(builder, product, ends.load(weights, first, mask), builder.load(kept)), kept)
            passed = builder.fmul(factor, product)
            ends.store(passed, target, first, mask)
            builder.store(call_fma(builder, passed, passed, builder.load(squared)), squared)
        totals = [folded(builder, [builder.load(sums)])[0] for sums in (kept, squared)]
        pull, square = (builder.extract_element(total, ir.Constant(INDEX, 0)) for total in totals)
        builder.store(builder.fadd(builder.load(squares), square), squares)
        return pull

    at = types.intp
    return types.float32(at, at, at, at, types.float32, at), generate


@compiled
def scaled(out: int, row: int, count: int, gate: Any) -> None:
    """Write gate times `count` numbers of a row; both are addresses. gate: float32."""
    scale(out, row, count, gate)


@compiled
def gated(products: int, weights: int, out: int, count: int, gate: Any, squares: int) -> Any:
    """Write gate times products to out, and return the sum of products times weights, of rows of `count` numbers.

    products, weights and out are addresses. gate: float32. squares: address of a number to which the sum of the squares
    of what was written is added.
    """
    return gate_back(products, weights, out, count, gate, squares)
