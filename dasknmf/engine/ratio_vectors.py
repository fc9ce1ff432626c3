"""Vectors of the processor for ratio sweeps: dot products, ratios with their logarithms, and what they add to rows.

The order of every sum is written here, lane by lane, so that bits do not depend on the processor.
"""

from __future__ import annotations

import math

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from dasknmf.engine.vectors import Vectors

#: Terms of log m = 2(s + s³/3 + s⁵/5 + …), s = (m − 1)/(m + 1), √½ ≤ m < √2, so that |s| < 0.172: the first that is
#: left out is below half a unit of the last place of a number of so many bits.
TERMS = {32: 4, 64: 10}
#: Of each type: bits of an integer, bits of the fraction, and √½ as an integer.
LAYOUT = {32: (23, 0x3F3504F3), 64: (52, 0x3FE6A09E667F3BCD)}


def _total(builder, vector):
    """Return the sum of the lanes, halves on each other."""
    width = vector.type.count
    lane, none = ir.IntType(32), ir.Constant(vector.type, ir.Undefined)
    while width > 1:
        width //= 2
        kind = ir.VectorType(lane, width)
        none = ir.Constant(vector.type, ir.Undefined)
        low, high = (
            builder.shuffle_vector(vector, none, ir.Constant(kind, [first + at for at in range(width)]))
            for first in (0, width)
        )
        vector = builder.fadd(low, high)
    return builder.extract_element(vector, lane(0))


class _Place:
    """Address arithmetic on columns and single numbers."""

    def __init__(self, builder, real, column) -> None:
        self.builder, self.real, self.column = builder, real, column

    def row(self, number, base, step):
        """Return the address of the row of an entry."""
        column = self.builder.load(self.builder.gep(self.column, [number]))
        return self.builder.add(base, self.builder.mul(self.builder.zext(column, number.type), step))

    def number(self, address, number):
        """Return a pointer to a number of an array."""
        array = self.builder.inttoptr(address, self.real.as_pointer())
        return self.builder.gep(array, [number])


@intrinsic(prefer_literal=True)
def dots(_, width, column, first, last, l_i, r_i, l_j, r_j, step, d_ij, d_ji, like):
    """Add L_i·R_c to d_ij and R_i·L_c to d_ji for the entries [first, last) of one row, at these addresses."""

    def write(context, builder, signature, arguments):
        column, first, last, l_i, r_i, l_j, r_j, step, d_ij, d_ji, _ = arguments[1:]
        data = context.make_array(signature.args[1])(context, builder, column).data
        vectors = Vectors(context, builder, width.literal_value, like.dtype)
        place = _Place(builder, vectors.real, data)
        left, right = vectors.load(l_i), vectors.load(r_i)
        with cgutils.for_range_slice(builder, first, last, first.type(1), intp=first.type) as (number, _):
            for own, other, sums in ((left, r_j, d_ij), (right, l_j, d_ji)):
                product = builder.fmul(own, vectors.load(place.row(number, other, step)))
                where = place.number(sums, builder.sub(number, first))
                builder.store(builder.fadd(builder.load(where), _total(builder, product)), where)
        return context.get_dummy_value()

    return types.void(width, column, first, last, l_i, r_i, l_j, r_j, step, d_ij, d_ji, like), write


@intrinsic(prefer_literal=True)
def spread(_, width, column, first, last, r_i, y_i, r_j, step, y_j, y_step, q_ij, q_ji, like):
    """Add q_ij·R_c to y_i and q_ji·R_i to Y_c for the entries [first, last) of one row, at these addresses."""

    def write(context, builder, signature, arguments):
        column, first, last, r_i, y_i, r_j, step, y_j, y_step, q_ij, q_ji, _ = arguments[1:]
        data = context.make_array(signature.args[1])(context, builder, column).data
        vectors = Vectors(context, builder, width.literal_value, like.dtype)
        place = _Place(builder, vectors.real, data)
        own = vectors.load(r_i)
        total = cgutils.alloca_once_value(builder, ir.Constant(vectors.kind, [0.0] * width.literal_value))
        with cgutils.for_range_slice(builder, first, last, first.type(1), intp=first.type) as (number, _):
            at = builder.sub(number, first)
            there, back = (vectors.fill(builder.load(place.number(q, at))) for q in (q_ij, q_ji))
            product = builder.fmul(there, vectors.load(place.row(number, r_j, step)))
            builder.store(builder.fadd(builder.load(total), product), total)
            target = place.row(number, y_j, y_step)
            vectors.store(builder.fadd(vectors.load(target), builder.fmul(back, own)), target)
        vectors.store(builder.fadd(vectors.load(y_i), builder.load(total)), y_i)
        return context.get_dummy_value()

    return types.void(width, column, first, last, r_i, y_i, r_j, step, y_j, y_step, q_ij, q_ji, like), write


class _Logarithm:
    """Natural logarithms of vectors of positive normal numbers, and of products of two."""

    def __init__(self, builder, vectors, bits) -> None:
        self.builder, self.real, self.bits = builder, vectors.kind, bits
        self.whole = ir.VectorType(ir.IntType(bits), vectors.kind.count)
        self.count = vectors.kind.count

    def _real(self, value):
        return ir.Constant(self.real, [float(value)] * self.count)

    def _whole(self, value):
        return ir.Constant(self.whole, [int(value)] * self.count)

    def split(self, value):
        """Return e and m of value = 2ᵉ·m, √½ ≤ m < √2."""
        shift, root = LAYOUT[self.bits]
        b = self.builder
        bits = b.bitcast(value, self.whole)
        exponent = b.ashr(b.sub(bits, self._whole(root)), self._whole(shift))
        rest = b.bitcast(b.sub(bits, b.shl(exponent, self._whole(shift))), self.real)
        return exponent, rest

    def of_product(self, values):
        """Return the logarithm of the product of one or two vectors, which itself may not be a number."""
        b = self.builder
        exponent, rest = self.split(values[0])
        for value in values[1:]:
            other, m = self.split(value)
            more, rest = self.split(b.fmul(rest, m))
            exponent = b.add(b.add(exponent, other), more)
        one = self._real(1)
        s = b.fdiv(b.fsub(rest, one), b.fadd(rest, one))
        square = b.fmul(s, s)
        series = self._real(2 / (2 * TERMS[self.bits] + 1))
        for term in range(TERMS[self.bits] - 1, -1, -1):
            series = b.fadd(b.fmul(series, square), self._real(2 / (2 * term + 1)))
        powers = b.fmul(b.sitofp(exponent, self.real), self._real(math.log(2)))
        return b.fadd(powers, b.fmul(s, series))


@intrinsic(prefer_literal=True)
def turn(_, width, count, scored, weight, d_ij, d_ji, least, logs, cross, like):
    """Turn products d into ratios weight/max(d, least), one vector, in place; add weighted logarithms and products.

    ``logs`` and ``cross`` are addresses of float64: Σ w log(w/d) and Σ w d, if ``scored`` is 1 and not 0. With a
    ``count`` of 1 instead of 2, d_ji is not there.
    """

    def write(context, builder, _, arguments):
        weight, d_ij, d_ji, least, logs, cross, _ = arguments[3:]
        vectors = Vectors(context, builder, width.literal_value, like.dtype)
        exact = Vectors(context, builder, width.literal_value, types.float64)
        w, floor = vectors.load(weight), vectors.fill(least)
        none, one = (ir.Constant(vectors.kind, [value] * width.literal_value) for value in (0.0, 1.0))
        ratios, products = [], []
        for address in (d_ij, d_ji) if count.literal_value == 2 else (d_ij,):
            d = vectors.load(address)
            d = builder.select(builder.fcmp_ordered("<", d, floor), floor, d)
            q = builder.fdiv(w, d)
            vectors.store(q, address)
            # 0 log 0 = 0
            ratios.append(builder.select(builder.fcmp_ordered(">", q, none), q, one))
            products.append(d)
        if not scored.literal_value:
            return context.get_dummy_value()
        log = _Logarithm(builder, vectors, like.dtype.bitwidth).of_product(ratios)
        d = builder.fadd(*products) if count.literal_value == 2 else products[0]
        for value, address in ((log, logs), (d, cross)):
            share = builder.fmul(w, value)
            if vectors.real != exact.real:
                share = builder.fpext(share, exact.kind)
            exact.store(builder.fadd(exact.load(address), share), address)
        return context.get_dummy_value()

    return types.void(width, count, scored, weight, d_ij, d_ji, least, logs, cross, like), write
