"""Vectors of the processor, written into compiled code: loads, stores, and the two products of a row of a tile."""

from __future__ import annotations

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic


class Vectors:
    """Writes loads and stores of vectors of ``width`` numbers into the code of a function."""

    def __init__(self, context, builder, width, dtype) -> None:
        self.builder, self.real = builder, context.get_data_type(dtype)
        self.kind = ir.VectorType(self.real, width)
        self.align = dtype.bitwidth // 8

    def load(self, address):
        """Return the vector at an address."""
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        return self.builder.load(pointer, align=self.align)

    def store(self, value, address):
        """Put a vector at an address."""
        pointer = self.builder.inttoptr(address, self.kind.as_pointer())
        self.builder.store(value, pointer, align=self.align)

    def fill(self, value):
        """Return a vector of one value."""
        lane, none = ir.IntType(32), ir.Constant(self.kind, ir.Undefined)
        one = self.builder.insert_element(none, value, lane(0))
        same = ir.Constant(ir.VectorType(lane, self.kind.count), [0] * self.kind.count)
        return self.builder.shuffle_vector(one, none, same)


@intrinsic(prefer_literal=True)
def move(_, width, source, target, like):
    """Copy one vector."""

    def write(context, builder, _, arguments):
        vectors = Vectors(context, builder, width.literal_value, like.dtype)
        vectors.store(vectors.load(arguments[1]), arguments[2])
        return context.get_dummy_value()

    return types.void(width, source, target, like), write


@intrinsic(prefer_literal=True)
def row(_, width, column, weight, first, last, on, x, y, c_x, cs_x, c_y, cs_y, like):
    """Add w·X[c] to y and w·x to Y[c] for the entries (c, w) of one row; ``on``: the first is on the diagonal."""

    def write(context, builder, signature, arguments):
        column, weight, first, last, on, x, y, c_x, cs_x, c_y, cs_y, _ = arguments[1:]
        columns, weights = (
            context.make_array(kind)(context, builder, array).data
            for kind, array in zip(signature.args[1:3], (column, weight), strict=True)
        )
        vectors = Vectors(context, builder, width.literal_value, like.dtype)

        def entry(number):
            w = builder.load(builder.gep(weights, [number]))
            if weight_type.bitwidth != like.dtype.bitwidth:
                w = (builder.fpext if like.dtype.bitwidth == 64 else builder.fptrunc)(w, vectors.real)
            return builder.zext(builder.load(builder.gep(columns, [number])), number.type), vectors.fill(w)

        own = vectors.load(x)
        total = cgutils.alloca_once_value(builder, ir.Constant(vectors.kind, [0.0] * width.literal_value))
        with builder.if_then(on):
            builder.store(builder.fmul(entry(first)[1], own), total)
        first = builder.add(first, builder.zext(on, first.type))
        with cgutils.for_range_slice(builder, first, last, first.type(1), intp=first.type) as (number, _):
            c, w = entry(number)
            product = builder.fmul(w, vectors.load(builder.add(c_x, builder.mul(c, cs_x))))
            builder.store(builder.fadd(builder.load(total), product), total)
            place = builder.add(c_y, builder.mul(c, cs_y))
            vectors.store(builder.fadd(vectors.load(place), builder.fmul(w, own)), place)
        vectors.store(builder.fadd(vectors.load(y), builder.load(total)), y)
        return context.get_dummy_value()

    weight_type = weight.dtype
    return types.void(width, column, weight, first, last, on, x, y, c_x, cs_x, c_y, cs_y, like), write
