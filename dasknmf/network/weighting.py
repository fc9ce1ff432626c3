"""From correlations to weights: the soft thresholding of WGCNA."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from dasknmf.errors import InputError, one_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["pearson", "spearman"]
Sign = Literal["unsigned", "signed", "signed-hybrid"]
Diagonal = Literal["zero", "one"]

#: Soft-thresholding powers of the WGCNA convention.
POWERS: dict[str, float] = {"unsigned": 6, "signed": 12, "signed-hybrid": 6}
#: Above it, squaring no longer beats ``numpy.power``.
LARGEST_POWER_BY_SQUARING = 64


@dataclass(frozen=True)
class Weighting:
    """How a correlation becomes a weight; see :func:`dasknmf.coexpression` for the fields.

    Raises
    ------
    InputError
        If an option is not one of its choices, or a number is out of range.
    """

    method: Method = "pearson"
    sign: Sign = "unsigned"
    power: float | None = None
    diagonal: Diagonal = "zero"
    threshold: float | None = None

    def __post_init__(self) -> None:
        one_of("method", self.method, get_args(Method))
        one_of("sign", self.sign, get_args(Sign))
        one_of("diagonal", self.diagonal, get_args(Diagonal))
        if self.power is not None and not 0 < self.power < np.inf:
            msg = f"power={self.power}: needs a number above 0, such as {POWERS[self.sign]} for {self.sign}"
            raise InputError(msg)
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            msg = f"threshold={self.threshold}: needs a number from 0 to 1, as weights are after the power"
            raise InputError(msg)

    @property
    def beta(self) -> float:
        """The power, or that of the convention."""
        return POWERS[self.sign] if self.power is None else self.power

    def describe(self, samples: int) -> dict[str, Any]:
        """Return what the header of the network says of its weights."""
        return {
            "kind": "coexpression",
            **asdict(self),
            "power": self.beta,
            # the words of create_network
            "diagonal": "dropped" if self.diagonal == "zero" else "kept",
            "samples": samples,
        }

    def __call__(self, r: NDArray[np.float64]) -> NDArray[np.float32]:
        """Turn correlations, overwritten, into weights in [0, 1], same shape.

        Examples
        --------
        >>> Weighting(sign="signed", power=2)(np.array([-1.0, 0.0, 0.5, 1.0])).tolist()
        [0.0, 0.25, 0.5625, 1.0]
        """
        if self.sign == "unsigned":
            np.abs(r, out=r)
        elif self.sign == "signed":
            r += 1
            r /= 2
        # rounding leaves perfect correlations a little outside [-1, 1]
        np.clip(r, 0, 1, out=r)
        weights = _power(r, self.beta).astype(np.float32)
        # denormal weights are noise, and slow every later product
        floor = max(self.threshold or 0.0, float(np.finfo(np.float32).tiny))
        weights[weights < np.float32(floor)] = 0
        return weights


def _power(x: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    """Raise x, overwritten, to a power; whole powers by squaring, far faster than ``numpy.power``."""
    if power != int(power) or power > LARGEST_POWER_BY_SQUARING:
        return np.power(x, power)
    left = int(power)
    result: NDArray[np.float64] | None = None
    while left:
        if left & 1:
            result = x.copy() if result is None else np.multiply(result, x, out=result)
        left >>= 1
        if left:
            np.multiply(x, x, out=x)
    assert result is not None
    return result
