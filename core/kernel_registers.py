"""What instructions that are written out are made of: addresses, loops over blocks, sums in registers, ends of rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types

from core.kernel_rows import PARTS, SINGLE, VECTOR, cgutils, emitted, row_at

INDEX = ir.IntType(32)
PLACES = types.Array(types.int64, 1, "C")


@emitted
def address(_context: Any, array: Any, _at: Any) -> Any:
    """Return where in memory element `at` of a contiguous array is."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        row = row_at(context, builder, signature.args[0], *arguments)
        return builder.ptrtoint(row, context.get_value_type(types.intp))

    return types.intp(array, types.intp), generate


class Emitter:
    """What emits one product: the builder, and how to read places, addresses and numbers."""

    def __init__(self, context: Any, builder: Any, kinds: Any, arguments: Any) -> None:
        self.context, self.builder, self.kinds, self.arguments = context, builder, kinds, arguments

    def rows(self, *arguments: int) -> list[Any]:
        """Return pointers to the numbers at addresses, which are arguments given by their number."""
        return [self.builder.inttoptr(self.arguments[at], SINGLE.as_pointer()) for at in arguments]

    def places(self, *arguments: int) -> list[Any]:
        """Return pointers to lists of places, likewise."""
        arrays = [(self.context.make_array(self.kinds[at]), self.arguments[at]) for at in arguments]
        return [make(self.context, self.builder, given).data for make, given in arrays]

    def at(self, places: Any, index: Any, base: Any) -> Any:
        """Return the address that entry `index` of a list of places says, counted from `base`."""
        return self.builder.gep(base, [self.builder.load(self.builder.gep(places, [index]))])

    def plus(self, index: Any, more: int) -> Any:
        """Return index + more."""
        return self.builder.add(index, ir.Constant(index.type, more)) if more else index

    def load(self, row: Any, at: Any, kind: Any) -> Any:
        """Read one number, or a register of them, at a place of a row."""
        place = self.builder.gep(row, [at])
        if kind == SINGLE:
            return self.builder.load(place)
        return self.builder.load(self.builder.bitcast(place, VECTOR.as_pointer()), align=4)

    def store(self, value: Any, row: Any, at: Any) -> None:
        """Write one number, or a register of them, at a place of a row."""
        place = self.builder.gep(row, [at])
        if value.type == SINGLE:
            self.builder.store(value, place)
        else:
            self.builder.store(value, self.builder.bitcast(place, VECTOR.as_pointer()), align=4)

    @contextmanager
    def blocks(self, first: Any, last: Any, size: int) -> Iterator[Any]:
        """Emit a loop over the starts of whole blocks of `size` from first up to last."""
        step = ir.Constant(first.type, size)
        whole = self.builder.mul(self.builder.sdiv(self.builder.sub(last, first), step), step)
        with cgutils.for_range_slice(self.builder, first, self.builder.add(first, whole), step, first.type) as (
            index,
            _,
        ):
            yield index

    def tiling(self, first: Any, last: Any, sizes: tuple[int, ...], emit: Callable[[Any, int], None]) -> None:
        """Emit loops over blocks of the sizes, largest first, each over what the ones before left."""
        for size in sizes:
            with self.blocks(first, last, size) as index:
                emit(index, size)
            step = ir.Constant(first.type, size)
            rest = self.builder.srem(self.builder.sub(last, first), step)
            first = self.builder.sub(last, rest)


def folded(builder: Any, found: list[Any]) -> tuple[Any, list[int]]:
    """Emit the sums of the parts of 1, 2, 4, 8 or 16 registers, in halves; return one that has them, and where each is.

    Two registers are folded with one shuffle and one blend, each into its half of the places.
    """
    homes, width = [0] * len(found), PARTS
    spread = len(found)
    while width > 1:
        width //= 2
        turned = ir.Constant(ir.VectorType(INDEX, PARTS), [place ^ width for place in range(PARTS)])
        if len(found) == 1:
            found = [builder.fadd(found[0], builder.shuffle_vector(found[0], found[0], turned))]
            continue
        half = len(found) // 2
        spread //= 2
        homes = [home + (width if index // spread % 2 else 0) for index, home in enumerate(homes)]
        straight = [place + (PARTS if place & width else 0) for place in range(PARTS)]
        crossed = [(place ^ width) + (PARTS if place & width else 0) for place in range(PARTS)]
        masks = [ir.Constant(ir.VectorType(INDEX, PARTS), mask) for mask in (straight, crossed)]
        found = [
            builder.fadd(*(builder.shuffle_vector(found[at], found[at + half], mask) for mask in masks))
            for at in range(half)
        ]
    return found[0], homes


def some(builder: Any, width: Any) -> Any:
    """Emit the mask of the first `width` places of a register."""
    kind = ir.VectorType(INDEX, PARTS)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), builder.trunc(width, INDEX), ir.Constant(INDEX, 0))
    limit = builder.shuffle_vector(single, ir.Constant(kind, ir.Undefined), ir.Constant(kind, [0] * PARTS))
    return builder.icmp_signed("<", ir.Constant(kind, list(range(PARTS))), limit)


class Ends:
    """Reads and writes rows of `count` numbers, whose last register is part full."""

    def __init__(self, emitter: Emitter, count: Any) -> None:
        self.builder, module = emitter.builder, emitter.builder.module
        self.count, self.place = count, VECTOR.as_pointer()
        self.nothing, self.aligned = ir.Constant(VECTOR, [0.0] * PARTS), ir.Constant(INDEX, 4)
        mask = ir.VectorType(ir.IntType(1), PARTS)
        reading = ir.FunctionType(VECTOR, [self.place, INDEX, mask, VECTOR])
        writing = ir.FunctionType(ir.VoidType(), [VECTOR, self.place, INDEX, mask])
        self.reader = cgutils.get_or_insert_function(module, reading, f"llvm.masked.load.v{PARTS}f32.p0")
        self.writer = cgutils.get_or_insert_function(module, writing, f"llvm.masked.store.v{PARTS}f32.p0")

    @contextmanager
    def registers(self) -> Iterator[tuple[Any, Any]]:
        """Emit a loop over the registers of a row: where each begins, and which of its places are the row's."""
        first, step = ir.Constant(self.count.type, 0), ir.Constant(self.count.type, PARTS)
        with cgutils.for_range_slice(self.builder, first, self.count, step, self.count.type) as (index, _):
            yield index, some(self.builder, self.builder.sub(self.count, index))

    def load(self, base: Any, at: Any, mask: Any) -> Any:
        """Read the places of a mask; the others are 0."""
        spot = self.builder.bitcast(self.builder.gep(base, [at]), self.place)
        return self.builder.call(self.reader, [spot, self.aligned, mask, self.nothing])

    def store(self, value: Any, base: Any, at: Any, mask: Any) -> None:
        """Write the places of a mask."""
        spot = self.builder.bitcast(self.builder.gep(base, [at]), self.place)
        self.builder.call(self.writer, [value, spot, self.aligned, mask])
