"""Null models: networks that keep some of what a given network is, and nothing else, without being stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.engine.executor import Threads
from dasknmf.errors import InputError, one_of, whole
from dasknmf.generated.controls import above_zero, share
from dasknmf.generated.degrees import DegreeLaw, dense_scales, edge_rates, edge_scales
from dasknmf.generated.draws import SPARSE_BELOW, Table, Uniform, chosen, pair_at, pairs_of, stream
from dasknmf.generated.independent import IndependentLaw
from dasknmf.generated.network import GeneratedNetwork, grid_for
from dasknmf.matrices import as_matrix
from dasknmf.network.sparse_tile import SparseTile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.grid import Group, Panels
    from dasknmf.engine.kernels import TileSource
    from dasknmf.engine.sweep import Sweep
    from dasknmf.generated.network import Law
    from dasknmf.matrices import Given
    from dasknmf.storage import StorageOptions

#: Weights of a table that others are drawn from: 4 MiB, which stay in the caches while they are drawn.
MOST_WEIGHTS = 2**20


@dataclass(frozen=True)
class Profile:
    """What a network is gene by gene, without its diagonal: edges, and their weights; and its diagonal."""

    degree: NDArray[np.int64]
    strength: NDArray[np.float64]
    diagonal: NDArray[np.float32]

    @property
    def pairs(self) -> int:
        """Pairs of genes."""
        n = len(self.degree)
        return n * (n - 1) // 2

    @property
    def edges(self) -> int:
        """Pairs of genes with a weight above 0."""
        return int(self.degree.sum()) // 2


def null_network(
    network: Any,
    kind: str,
    *,
    seed: int = 0,
    tile: int | None = None,
    density: float | None = None,
    upper: float | None = None,
    storage_options: StorageOptions | None = None,
) -> GeneratedNetwork:
    """Return a random network that shares with a given one what its kind says, and nothing else.

    It is symmetric, has the same genes and diagonal, and makes its tiles when they are needed. The given network is
    read once or twice, on the threads of this process, and not needed any more.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    kind : {"shuffle", "degree", "uniform"}
        What is kept. ``"shuffle"``: the distribution of weights, zeros of a dense network among them, or the density of
        a sparse one; each pair has a weight drawn from those of the network. ``"degree"``: expected degrees and
        expected weighted degrees; the chance of an edge is 1 − exp(−x_i x_j), or 1 in a dense network, and its weight
        r_i r_j ε, ε drawn from A_ij / (r_i r_j) of the network's edges. ``"uniform"``: the density, and the mean weight
        of an edge, of weights that are uniform; tiles are sparse below a quarter of all pairs.
    seed : int
        Networks of other seeds are independent; the same seed gives the same bits anywhere.
    tile : int, optional
        Side of the tiles, genes; another side makes another network of the same law.
    density, upper : float, optional
        Of ``"uniform"``: chance of an edge, and largest weight, in the place of the network's own.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    GeneratedNetwork
        For ``nmf`` and all else that takes networks.

    Raises
    ------
    InputError
        If the network, the kind or a parameter cannot be used.

    Notes
    -----
    Weights are drawn from all of the network's where there are at most 2²⁰, otherwise from about so many of them, each
    taken with the same chance. A gene whose strength is above half of all, as the hub of a star, keeps it only nearly.

    References
    ----------
    Chung, Lu, PNAS 99 (2002); Norros, Reittu, Advances in Applied Probability 38 (2006).

    Examples
    --------
    >>> import dasknmf, numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> null = dasknmf.null_network(A, "shuffle", seed=1)
    >>> null.tile(0, 0).diagonal().tolist(), sorted(set(null.tile(0, 0).ravel().tolist()))
    ([1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [0.0, 1.0])
    >>> bool(dasknmf.nmf(null, 2).attrs["relative_error"] < dasknmf.nmf(A, 2).attrs["relative_error"])
    False
    """
    one_of("kind", kind, ("shuffle", "degree", "uniform"))
    seed = whole("seed", seed, least=0)
    for name, value in (("density", density), ("upper", upper)):
        if value is not None and kind != "uniform":
            msg = f"{name}={value!r}: kind={kind!r} keeps that of the network; leave it out, or use kind='uniform'"
            raise InputError(msg)
    given = as_matrix(network, storage_options=storage_options)
    if len(given.genes) < 2:
        msg = f"{given.name} has 1 gene; a null model needs at least 2"
        raise InputError(msg)
    with Threads() as executor:
        operator = given.operator(executor)
        profile = _profile(given, operator, executor)
        law: Law
        if kind == "uniform":
            law = _uniform(profile, density, upper)
        else:
            make = _shuffle if kind == "shuffle" else _degree
            law = make(given, profile, operator, executor, seed)
    n, edges = len(given.genes), float(profile.edges)
    if isinstance(law, IndependentLaw):
        edges = law.density * profile.pairs
    grid = grid_for(n, tile, edges=edges if law.sparse else None)
    return GeneratedNetwork(
        given.genes, grid, seed, law, f"{kind} null of {given.name}, seed {seed}", given.checksum
    )


def _shuffle(
    given: Given, profile: Profile, operator: Sweep, executor: Executor, seed: int
) -> IndependentLaw:
    candidates = profile.edges if given.sparse else profile.pairs
    table = Table(sample_weights(operator, executor, candidates, seed).astype(np.float32))
    density = profile.edges / profile.pairs if given.sparse else 1.0
    return IndependentLaw("shuffle", given.sparse, density, table, profile.diagonal)


def _degree(given: Given, profile: Profile, operator: Sweep, executor: Executor, seed: int) -> DegreeLaw:
    if given.sparse:
        x = edge_rates(profile.degree)
        r = edge_scales(profile.strength, profile.degree, x)
    else:
        x, r = np.zeros(len(given.genes)), dense_scales(profile.strength)
    joined = int(np.count_nonzero(r))
    candidates = profile.edges if given.sparse else joined * (joined - 1) // 2
    ratio = sample_weights(operator, executor, candidates, seed, r)
    mean = float(ratio.mean())
    return DegreeLaw(given.sparse, x, r, Table((ratio / (mean or 1)).astype(np.float32)), profile.diagonal)


def _uniform(profile: Profile, density: float | None, upper: float | None) -> IndependentLaw:
    chance = profile.edges / profile.pairs if density is None else share("density", density)
    if upper is None:
        largest = float(profile.strength.sum()) / max(1, profile.edges)
        # of a network without edges none is drawn, unless a density is given
        weights = Uniform(largest or 1.0)
    else:
        weights = Uniform(above_zero("upper", upper))
    return IndependentLaw("uniform", chance < SPARSE_BELOW, chance, weights, profile.diagonal)


def _profile(given: Given, operator: Sweep, executor: Executor) -> Profile:
    """Return what a store says of its genes, or what its tiles say."""
    if given.network is not None:
        own = given.network.diagonal
        strength = given.network.strength - own
        return Profile(given.network.degree, np.where(given.network.degree > 0, strength, 0), own)
    panels, groups = operator.panels, operator.plan.groups
    made = executor.add_up(
        profile_group,
        [(operator.source, panels, group) for group in groups],
        [tuple((q, slice(0, panels.rows[q])) for q in group.panels) for group in groups],
        [(rows, 3) for rows in panels.rows],
        np.dtype(np.float64),
        label="profile",
    )
    degree, strength, diagonal = np.concatenate(executor.get(made)).T
    return Profile(degree.astype(np.int64), strength, diagonal.astype(np.float32))


def profile_group(source: TileSource, panels: Panels, group: Group) -> tuple[NDArray[np.float64], ...]:
    """Return degree, strength and diagonal of the genes of each row panel, as far as a group of tiles says it."""
    made = {q: np.zeros((panels.rows[q], 3)) for q in group.panels}
    for i, j, tile in _tiles(source, group):
        (q, rows), (p, columns) = panels.place(i), panels.place(j)
        upper, lower = made[q][rows], made[p][columns]
        if isinstance(tile, SparseTile):
            weight = tile.weight.astype(np.float64)
            apart = (tile.row != tile.column) | (i != j)
            upper[tile.column[~apart], 2] = weight[~apart]
            for at, index in ((upper, tile.row), (lower, tile.column)):
                for column, values in enumerate((apart & (weight > 0), np.where(apart, weight, 0))):
                    at[:, column] += np.bincount(index, values, len(at))
            continue
        there = tile > 0
        upper[:, 0] += there.sum(axis=1)
        upper[:, 1] += tile.sum(axis=1, dtype=np.float64)
        if i == j:
            own = tile.diagonal()
            upper[:, 2] = own
            upper[:, 0] -= own > 0
            upper[:, 1] -= own
        else:
            lower[:, 0] += there.sum(axis=0)
            lower[:, 1] += tile.sum(axis=0, dtype=np.float64)
    return tuple(made.values())


def sample_weights(
    operator: Sweep, executor: Executor, candidates: int, seed: int, r: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return weights of pairs of genes, or A_ij / (r_i r_j), ascending: all, or about ``MOST_WEIGHTS`` of them."""
    # six standard deviations below, so that never more are taken
    wanted = MOST_WEIGHTS - 6 * MOST_WEIGHTS**0.5
    chance = 1.0 if candidates <= MOST_WEIGHTS else wanted / candidates
    groups = operator.plan.groups
    count = len(groups)
    parts = executor.stream(
        sample_group,
        [operator.source] * count,
        [operator.plan.grid] * count,
        groups,
        [chance] * count,
        [seed] * count,
        [r] * count,
        label="sample",
    )
    found = np.concatenate([np.zeros(0), *parts])
    found.sort()
    return found if len(found) else np.zeros(1)


def sample_group(
    source: TileSource,
    grid: Any,
    group: Group,
    chance: float,
    seed: int,
    r: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """Return the weights that are taken from a group of tiles: edges of sparse ones, all pairs of dense ones."""
    found = [np.zeros(0)]
    for i, j, tile in _tiles(source, group):
        rng = stream(seed, "sample", i, j)
        if isinstance(tile, SparseTile):
            weight = tile.weight
            edge = np.flatnonzero(((tile.row != tile.column) | (i != j)) & (weight > 0))
            taken = edge[chosen(rng, len(edge), chance)]
            value = weight[taken].astype(np.float64)
            row, column = (index[taken].astype(np.int64) for index in (tile.row, tile.column))
        else:
            places = chosen(rng, pairs_of(tile.shape, diagonal=i == j), chance)
            row, column = pair_at(places, tile.shape, diagonal=i == j)
            value = tile[row, column].astype(np.float64)
        if r is not None:
            scale = r[slice(*grid.bounds(i))][row] * r[slice(*grid.bounds(j))][column]
            value = value[scale > 0] / scale[scale > 0]
        found.append(value)
    return np.concatenate(found)


def _tiles(source: TileSource, group: Group) -> Iterator[tuple[int, int, Any]]:
    for i, first, last in group.tile_rows():
        for j, tile in source.tile_row(i, first, last):
            yield i, j, tile
