"""Products of many rows with many rows, in the processor's registers.

A sum that is kept in memory is read and written with every product that is added. Here a block of sums, a few rows of
some sixteen numbers, stays in registers until it is complete, and every number that is read serves the whole block. The
order of additions is that of `kernel_rows.fma` one after the other, and of `kernel_rows.dot`, so that blocks change no
bit. Rows are said by addresses (`kernel_registers.address`) and lists of places, so that one compiled copy serves all.
"""

from typing import Any

from llvmlite import ir
from numba import types

from core.kernel_registers import PLACES, Emitter, folded
from core.kernel_rows import PARTS, SINGLE, VECTOR, call_fma, cgutils, emitted, splat
from core.kernels import Places, compiled

WIDE, TALL = (4 * PARTS, PARTS, 1), (4, 2, 1)
"""Columns and rows of blocks: of the largest, 16 of the 32 registers that AVX-512 has are sums."""


@emitted
def accumulate(
    _context: Any, _out: Any, _out_at: Any, _rows: Any, _rows_at: Any, _weights: Any, _by_out: Any, _by_row: Any,
    _count_out: Any, _count_in: Any, _size: Any,
) -> Any:  # fmt: skip
    """Emit what `add_rows` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature.args, arguments)
        out_base, row_base, weight_base = emitter.rows(0, 2, 4)
        outs, ins, across, along = emitter.places(1, 3, 5, 6)
        count_out, count_in, size = arguments[7:]
        zero = ir.Constant(size.type, 0)

        def block(start: Any, first: Any, tall: int, kind: Any, wide: int) -> None:
            """Emit `tall` rows from first on, of `wide` registers from place start on."""
            spots = [emitter.plus(start, PARTS * part) for part in range(wide)]
            targets = [emitter.at(outs, emitter.plus(first, a), out_base) for a in range(tall)]
            shares = [emitter.at(across, emitter.plus(first, a), weight_base) for a in range(tall)]
            kept = [[cgutils.alloca_once(builder, kind) for _ in spots] for _ in targets]
            for target, sums in zip(targets, kept, strict=True):
                for spot, held in zip(spots, sums, strict=True):
                    builder.store(emitter.load(target, spot, kind), held)
            with cgutils.for_range(builder, count_in) as loop:
                source = emitter.at(ins, loop.index, row_base)
                found = [emitter.load(source, spot, kind) for spot in spots]
                shift = builder.load(builder.gep(along, [loop.index]))
                for share, sums in zip(shares, kept, strict=True):
                    weight = builder.load(builder.gep(share, [shift]))
                    weight = weight if kind == SINGLE else splat(builder, weight)
                    for number, held in zip(found, sums, strict=True):
                        builder.store(call_fma(builder, weight, number, builder.load(held)), held)
            for target, sums in zip(targets, kept, strict=True):
                for spot, held in zip(spots, sums, strict=True):
                    emitter.store(builder.load(held), target, spot)

        def columns(start: Any, width: int) -> None:
            """Emit all rows of some columns."""
            kind, wide = (SINGLE, 1) if width == 1 else (VECTOR, width // PARTS)
            emitter.tiling(zero, count_out, TALL, lambda first, tall: block(start, first, tall, kind, wide))

        emitter.tiling(zero, size, WIDE, columns)
        return context.get_dummy_value()

    at = types.intp
    return types.void(at, PLACES, at, PLACES, at, PLACES, PLACES, at, at, at), generate


@emitted
def multiply(
    _context: Any, _left: Any, _left_at: Any, _right: Any, _right_at: Any, _out: Any, _by_left: Any, _count_left: Any,
    _count_right: Any, _size: Any,
) -> Any:  # fmt: skip
    """Emit what `dots` does."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = Emitter(context, builder, signature.args, arguments)
        left_base, right_base, out_base = emitter.rows(0, 2, 4)
        lefts, rights, across = emitter.places(1, 3, 5)
        count_left, count_right, size = arguments[6:]
        zero, parts = ir.Constant(size.type, 0), ir.Constant(size.type, PARTS)
        whole = builder.mul(builder.sdiv(size, parts), parts)

        def block(first: Any, tall: int, other: Any, wide: int) -> None:
            """Emit the sums of `tall` rows on the left with `wide` on the right."""
            ours = [emitter.at(lefts, emitter.plus(first, a), left_base) for a in range(tall)]
            theirs = [emitter.at(rights, emitter.plus(other, b), right_base) for b in range(wide)]
            start = ir.Constant(VECTOR, [0.0] * PARTS)
            kept = [[cgutils.alloca_once(builder, VECTOR) for _ in theirs] for _ in ours]
            for held in (item for row in kept for item in row):
                builder.store(start, held)
            with cgutils.for_range_slice(builder, zero, whole, parts, size.type) as (spot, _):
                found = [emitter.load(row, spot, VECTOR) for row in theirs]
                for row, sums in zip(ours, kept, strict=True):
                    number = emitter.load(row, spot, VECTOR)
                    for other_number, held in zip(found, sums, strict=True):
                        builder.store(call_fma(builder, number, other_number, builder.load(held)), held)
            total, homes = folded(builder, [builder.load(held) for row in kept for held in row])
            room = cgutils.alloca_once(builder, VECTOR)
            builder.store(total, room)
            found_at = builder.bitcast(room, SINGLE.as_pointer())
            sums = [builder.gep(found_at, [ir.Constant(size.type, home)]) for home in homes]
            with cgutils.for_range_slice(builder, whole, size, ir.Constant(size.type, 1), size.type) as (spot, _):
                for index, held in enumerate(sums):
                    one, other_one = (
                        emitter.load(row, spot, SINGLE) for row in (ours[index // wide], theirs[index % wide])
                    )
                    builder.store(call_fma(builder, one, other_one, builder.load(held)), held)
            for a in range(tall):
                target = builder.gep(emitter.at(across, emitter.plus(first, a), out_base), [other])
                if tall * wide == PARTS:  # whose sums stand side by side
                    run = ir.VectorType(SINGLE, wide).as_pointer()
                    held = builder.load(builder.bitcast(sums[a * wide], run), align=4)
                    builder.store(held, builder.bitcast(target, run), align=4)
                else:
                    for b in range(wide):
                        place = builder.gep(target, [ir.Constant(size.type, b)])
                        builder.store(builder.load(sums[a * wide + b]), place)

        def against(first: Any, tall: int) -> None:
            """Emit all sums of some rows on the left."""
            emitter.tiling(zero, count_right, TALL, lambda other, wide: block(first, tall, other, wide))

        emitter.tiling(zero, count_left, TALL, against)
        return context.get_dummy_value()

    at = types.intp
    return types.void(at, PLACES, at, PLACES, at, PLACES, at, at, at), generate


@compiled
def add_rows(
    out: int, out_at: Places, rows: int, rows_at: Places, weights: int, by_out: Places, by_row: Places, count_out: int,
    count_in: int, size: int,
) -> None:  # fmt: skip
    """Add weighted rows to rows: out[a] = fma(weights[a, c], rows[c], out[a]) for c = 0, 1, ..., for every a.

    Args:
        out, rows: addresses, not of the same memory. Row a of out begins at place out_at[a], row c of rows at
            rows_at[c]; both have `size` numbers.
        weights: address; the weight of a and c is at place by_out[a] + by_row[c].
        count_out, count_in: how many rows there are of each.
    """
    accumulate(out, out_at, rows, rows_at, weights, by_out, by_row, count_out, count_in, size)


@compiled
def dots(
    left: int, left_at: Places, right: int, right_at: Places, out: int, by_left: Places, count_left: int,
    count_right: int, size: int,
) -> None:  # fmt: skip
    """Write the sums of products of every row on the left with every row on the right, as `kernel_rows.dot` has them.

    Args:
        left, right: addresses; row a of left begins at place left_at[a], row b of right at right_at[b]; both have
            `size` numbers.
        out: address; the sum of a and b goes to place by_left[a] + b.
        count_left, count_right: how many rows there are on each side.
    """
    multiply(left, left_at, right, right_at, out, by_left, count_left, count_right, size)
