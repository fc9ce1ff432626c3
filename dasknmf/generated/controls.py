"""Controls: networks of any size of which the structure is known."""

from __future__ import annotations

import inspect
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import InputError, not_negative, one_of, whole
from dasknmf.generated.blocks import BlockLaw, BlockNetwork, nested_densities
from dasknmf.generated.draws import SPARSE_BELOW, Uniform
from dasknmf.generated.independent import IndependentLaw
from dasknmf.generated.nested import SoulesLaw, SoulesNetwork
from dasknmf.generated.network import GeneratedNetwork, grid_for, numbered
from dasknmf.generated.planted import PlantedNetwork, planted_law
from dasknmf.network.soules import SoulesMatrix

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

#: Blocks of a block model; their densities are a matrix.
MOST_BLOCKS = 1024


def control_network(
    kind: str, n: int, *, seed: int = 0, tile: int | None = None, **parameters: Any
) -> GeneratedNetwork:
    """Return a network of known structure that makes its tiles when they are needed.

    Parameters
    ----------
    kind : {"uniform", "sbm", "soules", "planted"}
        What it is.
    n : int
        Genes, named ``g1``, ``g2``, …
    seed : int
        Of all that is random in it.
    tile : int, optional
        Side of its tiles, genes; another side makes another network of the same law.
    **parameters
        Those of its kind.

        uniform: ``density=1.0``, the chance of an edge; ``upper=1.0``, weights being uniform on (0, upper].

        sbm: ``structure="assortative"``, ``"disassortative"`` or ``"nested"``; ``blocks=4`` of equal size, one after
        another, or ``levels=3`` of halvings where nested; ``within`` and ``between``, chances of an edge in a block and
        between blocks (0.3 and 0.03; 0.03 and 0.3 where disassortative), in a nested one at the innermost and the
        outermost level, with equal factors between; ``upper=1.0`` of uniform weights.

        soules: ``values``, the leading eigenvalues, non-increasing, by default n, n/2, n/4 twice, n/8 four times, …
        of ``levels=3``; ``rest=0.0``, all others. Nothing is random.

        planted: ``modules=4``, ``pairs=2``; ``overlap=0.0``, the share of genes that are in a second set;
        ``noise=0.1``, the expected norm of uniform noise over that of the signal.

    Returns
    -------
    GeneratedNetwork
        For ``nmf`` and all else that takes networks. What is known of it are attributes: ``labels``, ``levels`` and
        ``densities`` of an sbm; ``eigenvalues`` and ``labels`` of a soules; ``truth``, the planted involution, ``W``
        and ``Ht`` of a planted one. Networks of less than a quarter of all pairs have sparse tiles, others dense ones,
        which are faster where there is much. ``uniform`` and ``sbm`` have no self-loops.

    Raises
    ------
    InputError
        If the kind or a parameter is not known, or out of its range.

    References
    ----------
    Holland, Laskey, Leinhardt, Social Networks 5 (1983); Clauset, Moore, Newman, Nature 453 (2008); Catral, Han,
    Neumann, Plemmons, Linear Algebra and its Applications 393 (2004).

    Examples
    --------
    >>> import dasknmf
    >>> network = dasknmf.control_network("planted", 300, modules=2, pairs=1, noise=0.05)
    >>> network.truth.tolist()
    [0, 1, 3, 2]
    >>> fit = dasknmf.nmf(network, 4)
    >>> bool(fit.attrs["relative_error"] < 0.06)
    True
    """
    one_of("kind", kind, KINDS)
    n, seed = whole("n", n, least=2), whole("seed", seed, least=0)
    make = KINDS[kind]
    known = [name for name in inspect.signature(make).parameters if name not in ("n", "seed", "tile")]
    for name in parameters:
        if name not in known:
            msg = f"{name}: kind={kind!r} has no such parameter; there are {', '.join(known)}"
            raise InputError(msg)
    return make(n, seed=seed, tile=tile, **parameters)


def _uniform(
    n: int, *, seed: int, tile: int | None, density: float = 1.0, upper: float = 1.0
) -> GeneratedNetwork:
    chance = share("density", density)
    sparse = chance < SPARSE_BELOW
    grid = grid_for(n, tile, edges=chance * n * (n - 1) / 2 if sparse else None)
    weights = Uniform(above_zero("upper", upper))
    law = IndependentLaw("uniform", sparse, chance, weights, np.zeros(n, dtype=np.float32))
    return GeneratedNetwork(numbered(n), grid, seed, law, f"uniform control of {n:,} genes, seed {seed}")


def _sbm(
    n: int,
    *,
    seed: int,
    tile: int | None,
    structure: str = "assortative",
    blocks: int | None = None,
    levels: int | None = None,
    within: float | None = None,
    between: float | None = None,
    upper: float = 1.0,
) -> BlockNetwork:
    one_of("structure", structure, ("assortative", "disassortative", "nested"))
    inner, outer = (0.03, 0.3) if structure == "disassortative" else (0.3, 0.03)
    inner = share("within", inner if within is None else within)
    outer = share("between", outer if between is None else between)
    partitions, densities = _partitions(n, structure, blocks, levels, inner, outer)
    cuts = np.flatnonzero(np.diff(partitions[-1], prepend=-1, append=-1))
    sizes = np.diff(cuts)
    edges = 0.5 * float(sizes @ densities @ sizes - sizes @ densities.diagonal())
    sparse = edges < SPARSE_BELOW * n * (n - 1) / 2
    grid = grid_for(n, tile, edges=edges if sparse else None)
    law = BlockLaw(sparse, cuts, densities, Uniform(above_zero("upper", upper)))
    name = f"{structure} sbm of {n:,} genes, seed {seed}"
    return BlockNetwork(numbered(n), grid, seed, law, name, structure=structure, levels=partitions)


def _partitions(
    n: int, structure: str, blocks: int | None, levels: int | None, within: float, between: float
) -> tuple[tuple[NDArray[np.int64], ...], NDArray[np.float64]]:
    """Return the blocks of genes at each level, and the densities between the finest."""
    nested = structure == "nested"
    unused, given = ("blocks", blocks) if nested else ("levels", levels)
    if given is not None:
        msg = f"{unused}={given!r}: structure={structure!r} has none; use {'levels' if nested else 'blocks'}"
        raise InputError(msg)
    denser = within > between if structure != "disassortative" else within < between
    if not denser or (nested and between == 0):
        wanted = {
            "assortative": "within above between",
            "disassortative": "within below between",
            "nested": "within above between, and between above 0",
        }
        msg = f"within={within:g}, between={between:g}: structure={structure!r} needs {wanted[structure]}"
        raise InputError(msg)
    depth = whole("levels", 3 if levels is None else levels, least=1) if nested else 0
    count = 2**depth if nested else whole("blocks", 4 if blocks is None else blocks, least=2)
    if count > min(n, MOST_BLOCKS):
        msg = f"{count:,} blocks of {n:,} genes: needs at most one a gene, and {MOST_BLOCKS:,}"
        raise InputError(msg)
    finest = np.arange(n, dtype=np.int64) * count // n
    if nested:
        parts = tuple(finest >> (depth - level) for level in range(1, depth + 1))
        return parts, nested_densities(depth, within, between)
    return (finest,), np.where(np.eye(count, dtype=bool), within, between)


def _soules(
    n: int,
    *,
    seed: int,
    tile: int | None,
    values: Sequence[float] | None = None,
    levels: int | None = None,
    rest: float = 0.0,
) -> SoulesNetwork:
    if values is not None and levels is not None:
        msg = f"values and levels={levels!r} are both given; give one of them"
        raise InputError(msg)
    if values is None:
        depth = whole("levels", 3 if levels is None else levels, least=0)
        # halving j makes a block of level floor(log2 j) + 1
        values = [n, *(n / 2.0 ** j.bit_length() for j in range(1, min(2**depth, n)))]
    try:
        leading = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        msg = f"values={values!r}: needs numbers, the leading eigenvalues"
        raise InputError(msg) from error
    matrix = SoulesMatrix(n, leading, not_negative("rest", rest))
    name = f"soules control of {n:,} genes"
    return SoulesNetwork(numbered(n), grid_for(n, tile), seed, SoulesLaw(matrix), name)


def _planted(
    n: int,
    *,
    seed: int,
    tile: int | None,
    modules: int = 4,
    pairs: int = 2,
    overlap: float = 0.0,
    noise: float = 0.1,
) -> PlantedNetwork:
    singles, doubles = whole("modules", modules, least=0), whole("pairs", pairs, least=0)
    sets = singles + 2 * doubles
    if not 1 <= sets <= n:
        msg = f"modules={singles}, pairs={doubles}: {sets} sets of {n:,} genes; needs at least 1, at most one a gene"
        raise InputError(msg)
    law = planted_law(
        n,
        singles,
        doubles,
        overlap=share("overlap", overlap),
        noise=not_negative("noise", noise),
        seed=seed,
    )
    name = f"{singles} modules and {doubles} pairs planted in {n:,} genes, seed {seed}"
    return PlantedNetwork(numbered(n), grid_for(n, tile), seed, law, name)


#: Controls, by name.
KINDS: dict[str, Callable[..., GeneratedNetwork]] = {
    "uniform": _uniform,
    "sbm": _sbm,
    "soules": _soules,
    "planted": _planted,
}


def share(name: str, value: Any) -> float:
    """Return a number from 0 to 1 as a float; refuse anything else."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= 1:
        msg = f"{name}={value!r}: needs a number from 0 to 1"
        raise InputError(msg)
    return float(value)


def above_zero(name: str, value: Any) -> float:
    """Return a finite number above 0 as a float; refuse anything else."""
    if not_negative(name, value) == 0:
        msg = f"{name}={value!r}: needs a number above 0"
        raise InputError(msg)
    return float(value)
