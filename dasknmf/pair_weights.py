"""Missing and weighted entries as they were given: checked, named, and put beside the network."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.engine.ahead import SMALLEST_TILE
from dasknmf.engine.grid import SMALLEST_DENSE_GROUP, SMALLEST_SPARSE_GROUP, make_plan
from dasknmf.engine.kernels import ArraySource, SparseSource
from dasknmf.engine.known import STRIP, Function, called
from dasknmf.engine.known_source import KnownSource, Layout
from dasknmf.engine.ratio import ROWS
from dasknmf.engine.sweep import StoreSource
from dasknmf.engine.weighted import WeightedSweep
from dasknmf.errors import InputError
from dasknmf.matrices import ROUNDING, Given, as_matrix
from dasknmf.network.tiles import LARGEST_SPARSE_TILE, Grid, dense_tile, sparse_tile
from dasknmf.solvers.filled import FILLED
from dasknmf.storage import is_remote

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.grid import Plan
    from dasknmf.engine.kernels import TileSource
    from dasknmf.options import FitOptions
    from dasknmf.storage import StorageOptions

#: Genes of which a function's weights are looked at before a run: for its digest, and whether they are symmetric.
SAMPLE = 128


@dataclass(frozen=True)
class PairWeights:
    """Weights of the entries of a network.

    Parameters
    ----------
    given : Given, optional
        A store or matrix of weights, or of what is missing.
    function : callable, optional
        Weights by genes.
    missing : bool
        Non-zero pairs of ``given`` are missing, and all others have weight 1.
    name, checksum : str
        What results and checkpoints say of them. The checksum of a function is that of its values for ``SAMPLE``
        genes: another function with the same values there is taken for the same.
    """

    given: Given | None
    function: Function | None
    missing: bool
    name: str
    checksum: str

    @property
    def about(self) -> dict[str, str]:
        """What the attributes of results, and checkpoints, say."""
        kind = "missing" if self.missing else "weights"
        return {"weights": self.name, "weights_kind": kind, "weights_checksum": self.checksum}

    @property
    def layout(self) -> Layout:
        """What its tiles are."""
        if self.given is None:
            return "called"
        return "sparse" if self.given.sparse else "dense"

    @property
    def memory(self) -> int:
        """Bytes of a matrix that is in memory already."""
        return self.given.memory if self.given else 0

    def tile_bytes(self, plan: Plan) -> int:
        """Return the bytes a task takes beside those of the network's tiles: weights, and strips of both."""
        tile = min(plan.grid.tile, plan.grid.n)
        own = self.given.tile_bytes(plan) if self.given else 0
        # strips of A and of Ω in float64, and what they are made of
        return own + 6 * max(ROWS * tile, STRIP) * 8

    def adapted(self, options: FitOptions) -> FitOptions:
        """Return options as they are with weights: all iterations on A, and no bound.

        Raises
        ------
        InputError
            If a solver takes no weights.
        """
        others = sorted({model.solver for model in options.models} - set(FILLED))
        if others:
            msg = (
                f"{'missing' if self.missing else 'weights'}: solver '{others[0]}' takes none; leave them out, or use "
                f"solver={' or '.join(repr(name) for name in FILLED)}"
            )
            raise InputError(msg)
        return replace(options, run=replace(options.run, exact=True, bound=False))

    def operator(self, network: Given, executor: Executor, *, diagonal: bool) -> WeightedSweep:
        """Return the operator of a network with these weights; ``diagonal`` is whether the diagonal counts."""
        grid = self._grid(network)
        for given in (network, self.given):
            if given is not None and given.network is None:
                given.check_sent(executor)
        source, sizes = _tiles(network, grid)
        weights, others = (self.function, 0 * sizes) if self.given is None else _tiles(self.given, grid)
        known = KnownSource(
            source,
            weights,
            grid,
            sparse=network.sparse,
            layout=self.layout,
            missing=self.missing,
            counts=diagonal,
        )
        plan = make_plan(
            grid,
            _planned(known, sizes, others),
            smallest=SMALLEST_DENSE_GROUP if known.absent is None else SMALLEST_SPARSE_GROUP,
            parts=executor.parts,
        )
        in_memory = any(given is not None and given.network is None for given in (network, self.given))
        operator = WeightedSweep(
            known,
            plan,
            executor,
            key=f"{network.checksum} {self.checksum} {diagonal}",
            in_memory=in_memory,
        )
        stores = [one.network for one in (network, self.given) if one is not None and one.network is not None]
        operator.ahead = not in_memory and any(
            store.header.layout == "dense"
            and (is_remote(store.location) or int(store.tile_weights.max()) >= SMALLEST_TILE)
            for store in stores
        )
        operator.about.update(self.about)
        return operator

    def _grid(self, network: Given) -> Grid:
        """Return the tiles of both: those of a store, of which two must agree.

        Raises
        ------
        InputError
            If they do not.
        """
        n = len(network.genes)
        sides = [one.grid.tile for one in (network, self.given) if one is not None and one.grid is not None]
        if len(set(sides)) > 1:
            msg = (
                f"{self.name} has tiles of {sides[1]:,} genes and {network.name} of {sides[0]:,}; needs the same: "
                f"dasknmf import WEIGHTS weights.zarr --tile {sides[0]}"
            )
            raise InputError(msg)
        if sides:
            return Grid(n, sides[0])
        if not network.sparse or self.layout != "sparse":
            return Grid(n, dense_tile(n))
        assert self.given is not None
        entries = (network.matrix.nnz + self.given.matrix.nnz) // 2
        return Grid(n, min(sparse_tile(n, entries), LARGEST_SPARSE_TILE))


def weights_for(
    network: Given, missing: Any, weights: Any, *, storage_options: StorageOptions | None = None
) -> PairWeights | None:
    """Take missing pairs or weights as they were given; None where neither is.

    Raises
    ------
    InputError
        If both are given, they are of other genes, or cannot be used.
    """
    if missing is None and weights is None:
        return None
    if missing is not None and weights is not None:
        msg = "missing and weights are both given; give weights alone, with 0 where a pair is missing"
        raise InputError(msg)
    what = "weights" if missing is None else "missing"
    if missing is None and callable(weights):
        return _of_function(weights, len(network.genes))
    try:
        given = as_matrix(_numbers(weights if missing is None else missing), storage_options=storage_options)
    except InputError as error:
        msg = f"{what}: {error}"
        raise InputError(msg) from error
    _check_genes(what, network, given)
    return PairWeights(given, None, missing=missing is not None, name=given.name, checksum=given.checksum)


def _numbers(given: Any) -> Any:
    """Return a matrix of booleans as one of numbers."""
    kind = getattr(given, "dtype", None)
    return given.astype(np.float32) if kind is not None and np.dtype(kind) == np.bool_ else given


def _check_genes(what: str, network: Given, given: Given) -> None:
    n, other = len(network.genes), len(given.genes)
    if n != other:
        msg = f"{what}: {given.name} has {other:,} genes and {network.name} {n:,}; needs the same, in the same order"
        raise InputError(msg)
    if not (_named(network) and _named(given)):
        # a matrix without names is in the order it is in
        return
    differs = np.flatnonzero(network.genes != given.genes)
    if len(differs):
        at = int(differs[0])
        order = (
            "put them in its order" if set(network.genes) == set(given.genes) else "make it of the same genes"
        )
        msg = (
            f"{what}: gene {at + 1} of {given.name} is '{given.genes[at]}', of {network.name} '{network.genes[at]}', "
            f"and {len(differs):,} differ in all; needs the same genes in the same order: {order}"
        )
        raise InputError(msg)


def _named(given: Given) -> bool:
    return given.matrix is None or list(given.genes) != [str(i) for i in range(len(given.genes))]


def _of_function(function: Any, n: int) -> PairWeights:
    """Look at a function's values for some genes: whether it can be used, and what it is.

    Raises
    ------
    InputError
        If it cannot be sent to another process, is not symmetric, gives other values in other blocks, or values that
        are not from 0 to 1.
    """
    import cloudpickle

    name = (
        f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__name__)}"
    )
    try:
        cloudpickle.dumps(function)
    except Exception as error:
        msg = f"weights: {name} cannot be pickled ({error}); needs a function that uses no open file, lock or client"
        raise InputError(msg) from error
    genes = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).round().astype(np.int64))
    whole = called(function, genes, genes)
    bad = np.argwhere(~((whole >= 0) & (whole <= 1)))
    if len(bad):
        i, j = (int(genes[at]) for at in bad[0])
        largest = float(np.nanmax(whole))
        remedy = f": divide all by the largest, {largest:g} or more" if largest > 1 else ""
        msg = f"weights: {name} gives {whole[tuple(bad[0])]:g} for genes {i} and {j}; needs numbers from 0 to 1{remedy}"
        raise InputError(msg)
    uneven = np.argwhere(abs(whole - whole.T) > ROUNDING)
    if len(uneven):
        a, b = uneven[0]
        msg = (
            f"weights: {name} gives {whole[a, b]:g} for genes {genes[a]} and {genes[b]} and {whole[b, a]:g} across; "
            "needs a symmetric function"
        )
        raise InputError(msg)
    half = len(genes) // 2
    again = called(function, genes[half:], genes[: half + 1])
    if not np.array_equal(again, whole[half:, : half + 1]):
        msg = f"weights: {name} has other values for the same genes in another block; needs a function of pairs alone"
        raise InputError(msg)
    digest = hashlib.sha256(np.ascontiguousarray(whole, dtype=np.float64).tobytes())
    return PairWeights(
        None, function, missing=False, name=name, checksum=f"sample-sha256:{digest.hexdigest()}"
    )


def _tiles(given: Given, grid: Grid) -> tuple[TileSource, NDArray[np.int64]]:
    """Return where tiles are read, and the bytes of each."""
    if given.network is not None:
        store = given.network
        options = tuple(store.storage_options.items())
        return StoreSource(store.location, store.header.checksum, options), store.tile_weights
    if given.generated is not None:
        return given.generated.source, given.generated.tile_weights
    make = SparseSource if sp.issparse(given.matrix) else ArraySource
    source = make(given.matrix, grid)
    return source, source.weights()


def _planned(known: KnownSource, ours: NDArray[np.int64], theirs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bytes of each tile for the plan; what weighs nothing is not read."""
    both: NDArray[np.int64] = ours + theirs
    if known.absent == 0:
        return np.where(theirs > 0, both, 0)
    if known.absent is None:
        # all n² pairs have a say, as many bytes as a dense tile of them, whatever is read
        grid = known.grid
        full = np.array([4 * np.prod(grid.shape(i, j)) for i, j in grid.tiles()], dtype=np.int64)
        return np.asarray(np.maximum(both, full))
    if not known.counts:
        own = np.array([i == j for i, j in known.grid.tiles()])
        return np.where(own, np.maximum(both, 8 * known.grid.tile), both)
    return both
