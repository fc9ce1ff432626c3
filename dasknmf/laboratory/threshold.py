"""From which cosine on a factor and its partner are believed to belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Without null networks. Factors of uniform and Erdős–Rényi networks had median cosines of 0.77 to 0.87, those of five
#: gene networks 0.99 and more.
USUAL = 0.9
#: Share of factors of null networks that are not to pass.
SHARE = 0.95
#: Never above: a factor that is as like its partner as this is resolved, whatever a null network has.
HIGHEST = 0.99
#: A null model without structure, so that its factors say how alike chance can be.
KIND = "shuffle"
#: Factors below which their 95 % quantile is one of the largest two.
FEWEST = 40


@dataclass(frozen=True)
class Threshold:
    """A cosine, and why it was taken."""

    cosine: float
    reason: str


def threshold_of(kinds: Sequence[str], cosines: Sequence[NDArray[np.float64]]) -> Threshold:
    """Return the cosine that 95 % of the factors of shuffled networks stay below; 0.9 where there are too few.

    Parameters
    ----------
    kinds : sequence of str, length B
        Null model of each network.
    cosines : sequence of ndarray, length B
        Of the factors of its fit and their partners.

    Returns
    -------
    Threshold
        At most 0.99. The degree null is not asked: hubs are joined to what they are joined to, which makes true
        partners.

    Examples
    --------
    >>> found = threshold_of(["shuffle"] * 10, [np.linspace(0.5, 0.8, 8)] * 10)
    >>> round(found.cosine, 2)
    0.8
    >>> threshold_of([], []).cosine
    0.9
    """
    own = [cosine for kind, cosine in zip(kinds, cosines, strict=True) if kind == KIND]
    values = np.concatenate([np.zeros(0), *own])
    if len(values) < FEWEST:
        few = (
            f"{len(values)} factors of shuffled networks are too few to say"
            if len(values)
            else "no shuffled networks"
        )
        return Threshold(USUAL, f"{few}: the usual {USUAL}")
    quantile = float(np.quantile(values, SHARE))
    said = f"{SHARE:.0%} of {len(values)} factors of {len(own)} shuffled networks are below {quantile:.3f}"
    if quantile > HIGHEST:
        return Threshold(HIGHEST, f"{said}; at most {HIGHEST}")
    return Threshold(quantile, said)
