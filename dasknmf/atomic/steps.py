"""Steps of the Gibbs sampler on one factor: birth, death, move, exchange.

Fertig, Ding, Favorov, Parmigiani, Ochs, Bioinformatics 26:2792, 2010; Sherman, Gao, Fertig, BMC Bioinformatics
21:453, 2020. Where the data say how much mass an atom should have, the mass is drawn from its conditional law, an
exponential prior times a normal likelihood: a normal law cut off at zero. The published scheme refuses a draw of
which less than 5 % lies on the right side, draws births without asking whether they are worth an atom, and lets an
atom live by the likelihood alone: birth and death are not exactly reversible, the other steps are.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from dasknmf.atomic.domain import at_or_after, insert, remove, shift
from dasknmf.atomic.draws import below, exponential, truncated_normal, uniform
from dasknmf.atomic.side import add_mass, shift_mass, slope, slope_between
from dasknmf.compiling import compiled

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dasknmf.atomic.domain import Domain
    from dasknmf.atomic.side import Side

#: Mass or curvature that counts as none.
EPSILON = 1e-5
#: The 95 % quantile of Normal(0, 1): farther out a draw is refused.
REFUSED = 1.6448536269514722


class Prior(NamedTuple):
    """What is believed of atoms: masses ~ Exponential(rate), at most ``largest``; ``alpha`` atoms a bin."""

    rate: float
    largest: float
    alpha: float


@compiled
def death_probability(atoms: int, bins: int, length: float, alpha: float) -> float:
    """Return the probability that a step that is a birth or a death is a death: LN / (LN + αB(L − N))."""
    dying = atoms * length
    return dying / (dying + alpha * bins * (length - atoms))


@compiled
def draw_mass(
    stream: NDArray[np.uint64], s: float, s_mu: float, rate: float, low: float, high: float
) -> float:
    """Return a mass ~ exp(−rate·m + s_μ·m − s·m²/2) from ``low`` to ``high``, or nan where it is refused."""
    if s <= EPSILON:
        return math.nan
    root = math.sqrt(s)
    mean = (s_mu - rate) / s
    a, b = (low - mean) * root, (high - mean) * root
    if a > REFUSED or b < -REFUSED:
        return math.nan
    return min(max(mean + truncated_normal(stream, a, b) / root, low), high)


@compiled
def birth(domain: Domain, side: Side, prior: Prior, temperature: float, stream: NDArray[np.uint64]) -> None:
    """Put an atom somewhere free, if it would have mass."""
    length = domain.bin_length * len(domain.first)
    position = below(stream, length)
    after = at_or_after(domain, position)
    while after >= 0 and domain.position[after] == position:
        position = below(stream, length)
        after = at_or_after(domain, position)
    place = position // domain.bin_length
    k = side.matrix.shape[1]
    r, c = place // k, place % k
    if side.dead[c]:
        mass = exponential(stream, prior.rate)
    else:
        s = temperature * side.curvature[r, c]
        # without a curvature the draw is refused, whatever the slope
        s_mu = temperature * slope(side, r, c) if s > EPSILON else 0.0
        mass = draw_mass(stream, s, s_mu, prior.rate, 0.0, prior.largest)
    if mass > EPSILON:
        insert(domain, position, mass, after)
        add_mass(side, r, c, mass)


@compiled
def death(domain: Domain, side: Side, prior: Prior, temperature: float, stream: NDArray[np.uint64]) -> None:
    """Take an atom out, and let it be born again with the probability that its mass is worth."""
    atom = below(stream, domain.ends[0])
    place, mass = domain.bin[atom], domain.mass[atom]
    k = side.matrix.shape[1]
    r, c = place // k, place % k
    if side.dead[c]:
        # its likelihood is that of no atom, at which it is always born again
        return
    s = temperature * side.curvature[r, c]
    s_mu = temperature * slope(side, r, c) + s * mass
    again = draw_mass(stream, s, s_mu, prior.rate, 0.0, prior.largest)
    if math.isnan(again):
        again = mass
    if math.log(uniform(stream)) < again * (s_mu - 0.5 * s * again):
        if again != mass:
            domain.mass[atom] = again
            add_mass(side, r, c, again - mass)
        return
    add_mass(side, r, c, -mass)
    remove(domain, atom)
    if domain.first[place] < 0:
        side.matrix[r, c] = 0.0


@compiled
def between(side: Side, place: int, source: int) -> tuple[float, float]:
    """Return s and s_μ of mass that goes from bin ``source`` to bin ``place``."""
    k = side.matrix.shape[1]
    r, c, q, d = place // k, place % k, source // k, source % k
    if r == q:
        return slope_between(side, r, c, d)
    s = side.curvature[r, c] + side.curvature[q, d]
    return s, slope(side, r, c) - slope(side, q, d)


@compiled
def transfer(side: Side, place: int, source: int, mass: float) -> None:
    """Take mass from bin ``source`` to bin ``place``."""
    k = side.matrix.shape[1]
    r, c, q, d = place // k, place % k, source // k, source % k
    if r == q:
        shift_mass(side, r, c, d, mass)
    else:
        add_mass(side, r, c, mass)
        add_mass(side, q, d, -mass)


@compiled
def move(domain: Domain, side: Side, temperature: float, stream: NDArray[np.uint64]) -> None:
    """Offer an atom another position between its neighbours."""
    atom = below(stream, domain.ends[0])
    before, after = domain.left[atom], domain.right[atom]
    low = domain.position[before] if before >= 0 else -1
    high = domain.position[after] if after >= 0 else domain.bin_length * len(domain.first)
    position = low + 1 + below(stream, high - low - 1)
    source, place = domain.bin[atom], position // domain.bin_length
    if place != source:
        s, s_mu = between(side, place, source)
        mass = domain.mass[atom]
        if math.log(uniform(stream)) >= temperature * mass * (s_mu - 0.5 * s * mass):
            return
        transfer(side, place, source, mass)
    shift(domain, atom, position)
    if domain.first[source] < 0:
        k = side.matrix.shape[1]
        side.matrix[source // k, source % k] = 0.0


@compiled
def exchange(domain: Domain, side: Side, temperature: float, stream: NDArray[np.uint64]) -> None:
    """Share the mass of an atom and its right neighbour anew; that of the last is the first."""
    atom = below(stream, domain.ends[0])
    other = domain.right[atom]
    if other < 0:
        other = domain.ends[1]
    place, source = domain.bin[atom], domain.bin[other]
    mine, its = domain.mass[atom], domain.mass[other]
    if place == source:
        # the data do not care, nor does the prior: each share is as likely
        change = (mine + its) * uniform(stream) - mine
    else:
        s, s_mu = between(side, place, source)
        change = draw_mass(stream, temperature * s, temperature * s_mu, 0.0, -mine, its)
    # not so where the draw was refused, too
    if mine + change > EPSILON and its - change > EPSILON:
        domain.mass[atom], domain.mass[other] = mine + change, its - change
        if place != source:
            transfer(side, place, source, change)


@compiled
def take_steps(
    domain: Domain, side: Side, prior: Prior, temperature: float, steps: int, stream: NDArray[np.uint64]
) -> None:
    """Take so many steps on a factor; ``domain`` has room for as many more atoms."""
    bins = len(domain.first)
    length = float(domain.bin_length * bins)
    for _ in range(steps):
        atoms = domain.ends[0]
        if atoms < 2:
            birth(domain, side, prior, temperature, stream)
            continue
        u = uniform(stream)
        if u >= 0.75:
            exchange(domain, side, temperature, stream)
        elif u >= 0.5:
            move(domain, side, temperature, stream)
        elif uniform(stream) < death_probability(atoms, bins, length, prior.alpha):
            death(domain, side, prior, temperature, stream)
        else:
            birth(domain, side, prior, temperature, stream)
