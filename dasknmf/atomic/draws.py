"""Random numbers inside compiled code: one stream for each chain, whose four words are all of its state.

xoshiro256++ (Blackman & Vigna, ACM Trans. Math. Softw. 47(4), 2021), seeded by numpy's ``SeedSequence``, so that
streams of different seeds and sets are independent.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.compiling import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Beyond so many standard deviations the tail is drawn by rejection: its probability leaves float64 near 38.
FAR = 6.0
_SQRT_2 = math.sqrt(2.0)
#: Of Wichura 1988, from the constant one on; two lines each for numerator and denominator of three pieces.
_COEFFICIENTS = """
    3.3871328727963666080e0 1.3314166789178437745e2 1.9715909503065514427e3 1.3731693765509461125e4
    4.5921953931549871457e4 6.7265770927008700853e4 3.3430575583588128105e4 2.5090809287301226727e3
    1.0 4.2313330701600911252e1 6.8718700749205790830e2 5.3941960214247511077e3
    2.1213794301586595867e4 3.9307895800092710610e4 2.8729085735721942674e4 5.2264952788528545610e3
    1.42343711074968357734 4.63033784615654529590 5.76949722146069140550 3.64784832476320460504
    1.27045825245236838258 2.41780725177450611770e-1 2.27238449892691845833e-2 7.74545014278341407640e-4
    1.0 2.05319162663775882187 1.67638483018380384940 6.89767334985100004550e-1
    1.48103976427480074590e-1 1.51986665636164571966e-2 5.47593808499534494600e-4 1.05075007164441684324e-9
    6.65790464350110377720 5.46378491116411436990 1.78482653991729133580 2.96560571828504891230e-1
    2.65321895265761230930e-2 1.24266094738807843860e-3 2.71155556874348757815e-5 2.01033439929228813265e-7
    1.0 5.99832206555887937690e-1 1.36929880922735805310e-1 1.48753612908506148525e-2
    7.86869131145613259100e-4 1.84631831751005468180e-5 1.42151175831644588870e-7 2.04426310338993978564e-15
    """
_AS241 = np.array(_COEFFICIENTS.split(), dtype=np.float64).reshape(3, 2, 8)


def stream(seed: int, *key: int) -> NDArray[np.uint64]:
    """Return the first state of the stream of a seed and of what it is for, shape (4,)."""
    words: NDArray[np.uint64] = np.random.SeedSequence(seed, spawn_key=key).generate_state(4, np.uint64)  # type: ignore[assignment]
    return words


@compiled
def bits(state: NDArray[np.uint64]) -> Any:
    """Return 64 random bits, and step the stream."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    mixed = s0 + s3
    result = ((mixed << np.uint64(23)) | (mixed >> np.uint64(41))) + s0
    shifted = s1 << np.uint64(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    state[0], state[1], state[2] = s0, s1, s2
    state[3] = (s3 << np.uint64(45)) | (s3 >> np.uint64(19))
    return result


@compiled
def uniform(state: NDArray[np.uint64]) -> float:
    """Return a number above 0 and below 1, of 52 random bits."""
    return (np.float64(bits(state) >> np.uint64(12)) + 0.5) * 2.0**-52


@compiled
def below(state: NDArray[np.uint64], n: int) -> Any:
    """Return a whole number of 0 … n − 1, each as likely, for 1 ≤ n ≤ 2⁶²."""
    mask = n - 1
    for shift in (1, 2, 4, 8, 16, 32):
        mask |= mask >> shift
    while True:
        drawn = np.int64(bits(state) & np.uint64(mask))
        if drawn < n:
            return drawn


@compiled
def exponential(state: NDArray[np.uint64], rate: float) -> float:
    """Return a number ~ Exponential(rate)."""
    return -math.log(uniform(state)) / rate


@compiled
def poisson(state: NDArray[np.uint64], mean: float) -> Any:
    """Return a number ~ Poisson(mean), for mean ≥ 10.

    Transformed rejection with squeeze: Hörmann, Insurance: Mathematics and Economics 12:39, 1993 (PTRS).
    """
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted_at_once = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        room = 0.5 - abs(u)
        k = math.floor((2.0 * a / room + b) * u + mean + 0.43)
        if room >= 0.07 and v <= accepted_at_once:
            return np.int64(k)
        if k < 0 or (room < 0.013 and v > room):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (room * room) + b)
        if left <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return np.int64(k)


@compiled
def normal_quantile(p: float) -> float:
    """Return the x with Φ(x) = p, to 16 digits for 0 < p < 1.

    Algorithm AS 241, PPND16: Wichura, Applied Statistics 37:477, 1988.
    """
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        return q * _ratio(0, r)
    r = math.sqrt(-math.log(p if q < 0 else 1.0 - p))
    x = _ratio(1, r - 1.6) if r <= 5.0 else _ratio(2, r - 5.0)
    return -x if q < 0 else x


@compiled
def _ratio(piece: int, x: float) -> float:
    over, under = 0.0, 0.0
    for power in range(7, -1, -1):
        over = over * x + _AS241[piece, 0, power]
        under = under * x + _AS241[piece, 1, power]
    return over / under


@compiled
def truncated_normal(state: NDArray[np.uint64], low: float, high: float) -> float:
    """Return a number ~ Normal(0, 1) given that it is from ``low`` to ``high``, exact in both tails."""
    if low > high:
        return math.nan
    if low >= 0.0:
        return _right(state, low, high)
    if high <= 0.0:
        return -_right(state, -high, -low)
    p, q = 0.5 * math.erfc(-low / _SQRT_2), 0.5 * math.erfc(-high / _SQRT_2)
    return _within(normal_quantile(p + (q - p) * uniform(state)), low, high)


@compiled
def _right(state: NDArray[np.uint64], low: float, high: float) -> float:
    """Draw from 0 ≤ low ≤ high."""
    if low < FAR:
        # by the probabilities above them, which keep their digits where those below are all 1
        p, q = 0.5 * math.erfc(high / _SQRT_2), 0.5 * math.erfc(low / _SQRT_2)
        u = p + (q - p) * uniform(state)
        return _within(-normal_quantile(u), low, high) if q > p else low + (high - low) * uniform(state)
    while True:
        # Robert, Statistics and Computing 5:121, 1995: an exponential of the slope at the near end
        x = low - math.log1p(-uniform(state) * -math.expm1(-low * (high - low))) / low
        if uniform(state) <= math.exp(-0.5 * (x - low) * (x - low)):
            return _within(x, low, high)


@compiled
def _within(x: float, low: float, high: float) -> float:
    return min(max(x, low), high)
