"""What the compiled step says to the processor itself: rounding of products with sums, and the order of sums.

A sum over a row has sixteen parts, one for each place of the widest processors' registers: part k adds the numbers k,
k + 16, k + 32 and so on, then the parts are added in halves, then what is left of the row, one by one. Narrower
processors add the same parts in several registers, so that the sum is the same everywhere.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.extending import intrinsic

cgutils: Any = untyped

PARTS = 16
SINGLE, VECTOR = ir.FloatType(), ir.VectorType(ir.FloatType(), PARTS)


def emitted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of compiled code whose instructions are written out here."""
    made: Callable[..., Any] = intrinsic(function)
    return made


@emitted
def float_of_bits(_context: Any, _bits: Any) -> Any:
    """Read the bits of an int32 as a float32."""

    def generate(context: Any, builder: Any, _: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float32))

    return types.float32(types.int32), generate


def call_fma(builder: Any, left: Any, right: Any, added: Any) -> Any:
    """Emit left * right + added, rounded once, of float32 or of vectors of it."""
    name = "llvm.fma.f32" if added.type == SINGLE else f"llvm.fma.v{PARTS}f32"
    kind = ir.FunctionType(added.type, [added.type] * 3)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [left, right, added])


def splat(builder: Any, number: Any) -> Any:
    """Emit a vector of one number."""
    none, at = ir.Constant(VECTOR, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    return builder.shuffle_vector(
        builder.insert_element(none, number, at), none, ir.Constant(ir.VectorType(ir.IntType(32), PARTS), [0] * PARTS)
    )


@emitted
def fma(_context: Any, _left: Any, _right: Any, _added: Any) -> Any:
    """Return left * right + added of float32, rounded once."""

    def generate(_: Any, builder: Any, __: Any, arguments: Any) -> Any:
        return call_fma(builder, arguments[0], arguments[1], arguments[2])

    return types.float32(types.float32, types.float32, types.float32), generate


def reduce(builder: Any, rows: list[Any], count: Any, step: Callable[[list[Any], Any], Any]) -> Any:
    """Emit a sum over rows, in parts as the module says; step adds what rows hold at a place to a part."""
    whole, start = count.type, ir.Constant(VECTOR, [0.0] * PARTS)
    kept = cgutils.alloca_once_value(builder, start)
    blocks = builder.sdiv(count, ir.Constant(whole, PARTS))
    with cgutils.for_range(builder, blocks) as loop:
        at = builder.mul(loop.index, ir.Constant(whole, PARTS))
        found = [builder.bitcast(builder.gep(row, [at]), VECTOR.as_pointer()) for row in rows]
        builder.store(step([builder.load(item, align=4) for item in found], builder.load(kept)), kept)
    total, width = builder.load(kept), PARTS
    while width > 1:
        width //= 2
        halves = [
            ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(first, first + width))) for first in (0, width)
        ]
        total = builder.fadd(*(builder.shuffle_vector(total, total, half) for half in halves))
    out = cgutils.alloca_once_value(builder, builder.extract_element(total, ir.Constant(ir.IntType(32), 0)))
    first = builder.mul(blocks, ir.Constant(whole, PARTS))
    with cgutils.for_range_slice(builder, first, count, ir.Constant(whole, 1), whole) as (index, _):
        builder.store(step([builder.load(builder.gep(row, [index])) for row in rows], builder.load(out)), out)
    return builder.load(out)


def row_at(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    """Emit the address of element `start` of an array's contiguous memory."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [start])


@emitted
def dot(_context: Any, left: Any, _left_start: Any, right: Any, _right_start: Any, _count: Any) -> Any:
    """Sum of products of (count) float32 numbers of two contiguous arrays, from an element (start) of each on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        rows = [row_at(context, builder, kinds[at], arguments[at], arguments[at + 1]) for at in (0, 2)]
        return reduce(builder, rows, arguments[4], lambda found, kept: call_fma(builder, found[0], found[1], kept))

    return types.float32(left, types.intp, right, types.intp, types.intp), generate


@emitted
def total(_context: Any, array: Any, _start: Any, _count: Any) -> Any:
    """Sum of (count) float32 numbers of a contiguous array, from an element (start) on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row = row_at(context, builder, signature.args[0], arguments[0], arguments[1])
        return reduce(builder, [row], arguments[2], lambda found, kept: builder.fadd(kept, found[0]))

    return types.float32(array, types.intp, types.intp), generate
