"""Networks with planted modules and pairs: which factor is whose partner is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dasknmf.generated.draws import Uniform, dense_weights, drawn_tile, stream
from dasknmf.generated.network import GeneratedNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.network.tiles import Grid

#: Loadings of the genes of a set: no gene of a set is negligible in it, none is all of it.
LOADINGS = (0.5, 1.5)


@dataclass(frozen=True, eq=False)
class PlantedLaw:
    """A = W Π Wᵀ + E: Π joins each factor with its partner, E_ij = E_ji is uniform on (0, upper].

    Parameters
    ----------
    W : ndarray of float32, shape (n, k)
        Loadings.
    partner : ndarray of int64, shape (k,)
        The partner of each factor; itself, of a module.
    noise : Uniform
        E.
    """

    kind: ClassVar[str] = "planted"
    sparse: ClassVar[bool] = False
    W: NDArray[np.float32]
    partner: NDArray[np.int64]
    noise: Uniform

    def tile(self, grid: Grid, i: int, j: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return tile (i, j)."""
        left = self.W[slice(*grid.bounds(i))]
        right = np.ascontiguousarray(self.W[slice(*grid.bounds(j))][:, self.partner].T)

        def draw(rows: slice) -> NDArray[Any]:
            strip = left[rows] @ right
            if self.noise.upper:
                strip += self.noise.draw(rng, strip.shape)
            return strip

        return drawn_tile(grid.shape(i, j), draw, own=None, diagonal=i == j)

    def weights(self, grid: Grid) -> NDArray[np.int64]:
        """Return the bytes of each tile."""
        return dense_weights(grid)


@dataclass(frozen=True, eq=False, repr=False)
class PlantedNetwork(GeneratedNetwork):
    """A network with a planted involution: A = Σ w wᵀ over modules + Σ (w hᵀ + h wᵀ) over pairs + noise."""

    @property
    def _law(self) -> PlantedLaw:
        assert isinstance(self.law, PlantedLaw)
        return self.law

    @property
    def truth(self) -> NDArray[np.int64]:
        """The planted involution: the partner of each factor, shape (k,); modules first, then pairs side by side."""
        return self._law.partner

    @property
    def W(self) -> NDArray[np.float32]:
        """The planted loadings, shape (n, k)."""
        return self._law.W

    @property
    def Ht(self) -> NDArray[np.float32]:
        """Hᵀ of the planted factors: each column the partner's of W, shape (n, k)."""
        return self.W[:, self.truth]


def planted_law(n: int, modules: int, pairs: int, *, overlap: float, noise: float, seed: int) -> PlantedLaw:
    """Plant sets of genes of equal size, in no order; see :func:`dasknmf.generated.controls.control_network`."""
    k = modules + 2 * pairs
    rng = stream(seed, "planted sets", 0, 0)
    member = np.zeros((n, k), dtype=bool)
    member[rng.permutation(n), np.arange(n) % k] = True
    if k > 1:
        twice = np.flatnonzero(rng.random(n) < overlap)
        other = (member[twice].argmax(axis=1) + rng.integers(1, k, size=len(twice))) % k
        member[twice, other] = True
    W = np.where(member, rng.uniform(*LOADINGS, size=(n, k)), 0).astype(np.float32)
    first = np.arange(modules, k, 2)
    partner = np.arange(k)
    partner[first], partner[first + 1] = first + 1, first
    G = W.T.astype(np.float64) @ W
    # ‖W Π Wᵀ‖² = tr(G Π G Π), and E(E_ij²) = upper² / 3
    signal = float((G * G[partner][:, partner]).sum()) ** 0.5
    return PlantedLaw(W, partner, Uniform(noise * 3**0.5 * signal / n))
