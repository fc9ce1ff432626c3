"""What ``nmf`` takes as a network: a store, a generated one, or a symmetric matrix in memory, checked and named."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.engine.generated_sweep import GeneratedSweep
from dasknmf.engine.sweep import Sweep
from dasknmf.errors import InputError, offenders
from dasknmf.generated.network import GeneratedNetwork
from dasknmf.network.gene_names import check_genes
from dasknmf.network.store import Network, open_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.engine.executor import Executor
    from dasknmf.engine.grid import Grid, Plan
    from dasknmf.options import ModelOptions
    from dasknmf.storage import StorageOptions

#: A matrix in memory goes through the scheduler to every worker; a larger one wants a store.
LARGEST_SENT = 64 * 2**20
#: Largest difference between A_ij and A_ji, relative to the largest entry, that is rounding.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Given:
    """A network as it was given: its genes, where it came from, and how to multiply with it."""

    network: Network | None
    matrix: Any
    genes: NDArray[np.object_]
    name: str
    checksum: str
    generated: GeneratedNetwork | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What results say of it beside its name and checksum."""
        return {} if self.generated is None else self.generated.about

    @property
    def grid(self) -> Grid | None:
        """Its tiles, unless it is a matrix, which may be cut in any."""
        tiled = self.network or self.generated
        return tiled.grid if tiled is not None else None

    def operator(self, executor: Executor) -> Sweep:
        """Return the operator of the matrix."""
        if self.network is not None:
            return Sweep.of_network(self.network, executor)
        if self.generated is not None:
            return GeneratedSweep(self.generated, executor)
        self.check_sent(executor)
        return Sweep.of_array(self.matrix, executor)

    def check_sent(self, executor: Executor) -> None:
        """Refuse to send a large matrix to the workers of a cluster."""
        if self.generated is None and not executor.local and self.memory > LARGEST_SENT:
            msg = (
                f"a matrix of {self.memory / 2**20:,.0f} MiB cannot go to the workers of a cluster; put it in "
                "a store they all reach: dasknmf.import_network(matrix, 'network.zarr')"
            )
            raise InputError(msg)

    @property
    def memory(self) -> int:
        """Bytes of a matrix that is in memory already."""
        if self.network is not None:
            return 0
        if self.generated is not None:
            return self.generated.nbytes
        if sp.issparse(self.matrix):
            tiles = self.matrix.nnz // 2 * (2 + self.matrix.dtype.itemsize)
            return int(
                self.matrix.data.nbytes + self.matrix.indices.nbytes + self.matrix.indptr.nbytes + tiles
            )
        return int(self.matrix.nbytes)

    @property
    def strength(self) -> NDArray[np.float64]:
        """Row sums of the matrix, shape (n,)."""
        if self.network is not None:
            return self.network.strength
        if self.generated is not None:
            return self.generated.strength
        return np.asarray(self.matrix.sum(axis=1, dtype=np.float64)).reshape(-1)

    @property
    def sparse(self) -> bool:
        """Whether its tiles are sparse."""
        if self.generated is not None:
            return self.generated.sparse
        return sp.issparse(self.matrix) if self.network is None else self.network.header.layout == "sparse"

    def tile_bytes(self, plan: Plan) -> int:
        """Return the bytes a task takes to read a dense tile, or the entries of a row of sparse tiles.

        A dense tile is there as read, and in float64 in the final sweep, beside the next one, which from an object
        store is there twice for a moment; no more requests of tiles are under way than these. Sparse entries
        are there as read, in the pieces they were read in, and counted by row; beside them, up to 32 columns
        of X and of the sums in float64, for the rows and the columns of a tile.
        """
        largest = max((group.weight for group in plan.groups), default=0)
        if self.sparse:
            return 4 * largest + min(plan.grid.tile, plan.grid.n) * 1024
        return 5 * min(largest, plan.grid.tile**2 * 4)

    def check_start(self, model: ModelOptions, start: tuple[Any, Any] | None) -> None:
        """Refuse a given start that does not fit the network, and a rank above its size."""
        n, k = len(self.genes), model.n_components
        if k > n:
            msg = f"n_components={k}: {self.name} has {n} genes; needs at most that many components"
            raise InputError(msg)
        if start is None:
            if model.init == "given":
                msg = "init='given' needs both W and H"
                raise InputError(msg)
            return
        for name, given, shape in (("W", start[0], (n, k)), ("H", start[1], (k, n))):
            values = None if given is None else _as_numbers(given, name)
            if values is None or values.shape != shape:
                found = "nothing" if values is None else f"shape {values.shape}"
                msg = f"{name}: {found} was given, needs shape {shape}; give both W (genes × k) and H (k × genes)"
                raise InputError(msg)
            _check_values(values, name)


def as_matrix(network: Any, *, storage_options: StorageOptions | None = None) -> Given:
    """Take a network in any form that can be multiplied as it is.

    Raises
    ------
    InputError
        If it is not square, symmetric, finite and non-negative, or has to be imported first.
    """
    if isinstance(network, (str, os.PathLike)):
        where = os.fspath(network)
        if "://" not in where and Path(where).is_file():
            msg = f"{where} is a file, not a store; import it first: dasknmf import {where} network.zarr"
            raise InputError(msg)
        network = open_network(network, storage_options=storage_options)
    if isinstance(network, Network):
        return Given(network, None, network.genes, network.location, network.header.checksum)
    if isinstance(network, GeneratedNetwork):
        return Given(None, None, network.genes, network.name, network.checksum, network)
    genes, matrix = _labelled(network)
    check_matrix(matrix)
    names = np.array([str(i) for i in range(matrix.shape[0])] if genes is None else genes, dtype=object)
    check_genes(names, where="the matrix")
    values = matrix.data if sp.issparse(matrix) else matrix
    digest = hashlib.sha256(repr((matrix.shape, values.dtype.str)).encode())
    for array in (values, *((matrix.indices, matrix.indptr) if sp.issparse(matrix) else ())):
        digest.update(np.ascontiguousarray(array).data)
    return Given(None, matrix, names, "a matrix in memory", f"sha256:{digest.hexdigest()}")


def _labelled(network: Any) -> tuple[list[str] | None, Any]:
    """Return gene names, if it has any, and the matrix as a float numpy array or scipy CSR array."""
    import pandas as pd
    import xarray as xr

    genes = None
    if isinstance(network, pd.DataFrame):
        genes = [str(gene) for gene in network.index]
        if genes != [str(gene) for gene in network.columns]:
            msg = (
                "the DataFrame has different names on its rows and columns; reindex it: df.loc[genes, genes]"
            )
            raise InputError(msg)
        network = network.to_numpy()
    elif isinstance(network, xr.DataArray):
        if network.ndim == 2 and network.dims[0] in network.coords:
            genes = [str(gene) for gene in network[network.dims[0]].values]
        network = network.data
    if type(network).__module__.partition(".")[0] == "dask":
        msg = "a Dask array is multiplied fastest from a store: dasknmf.import_network(array, 'network.zarr')"
        raise InputError(msg)
    if sp.issparse(network):
        matrix = sp.csr_array(network, copy=True)
        matrix.sum_duplicates()
        return genes, matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
    try:
        matrix = np.asarray(network)
        if matrix.dtype.kind not in "fiubO":
            msg = f"the matrix holds {matrix.dtype} values; a network needs real numbers, such as abs(matrix)"
            raise InputError(msg)
        return genes, matrix if matrix.dtype.kind == "f" else matrix.astype(np.float64)
    except InputError:
        raise
    except (TypeError, ValueError) as error:
        msg = f"{type(network).__name__} is not a network; needs a store, its path, or a symmetric matrix"
        raise InputError(msg) from error


def check_matrix(matrix: Any) -> None:
    """Refuse what is not a square, symmetric, finite, non-negative matrix.

    Raises
    ------
    InputError
        With the first offenders.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] == 0:
        msg = f"the matrix has shape {matrix.shape}; needs a square one, genes × genes"
        raise InputError(msg)
    values: Any = matrix.data if sp.issparse(matrix) else matrix
    _check_values(values, "the matrix")
    largest = float(values.max()) if values.size else 0.0
    where = _asymmetric(matrix, ROUNDING * largest)
    if len(where):
        shown = [f"A[{i}, {j}] = {matrix[i, j]:g}, A[{j}, {i}] = {matrix[j, i]:g}" for i, j in where[:3]]
        msg = (
            f"the matrix is not symmetric: {offenders(shown, len(where))}; make it so, such as (A + A.T) / 2, or "
            "import it with asymmetric='mean'"
        )
        raise InputError(msg)


def _asymmetric(matrix: Any, tolerance: float) -> NDArray[np.int64]:
    """Return the places (i, j), i < j, where A_ij and A_ji differ, without another n×n array."""
    if sp.issparse(matrix):
        differs = sp.coo_array(sp.triu(abs(matrix - matrix.T)))
        bad = differs.data > tolerance
        return np.stack([differs.row[bad], differs.col[bad]], axis=1)
    rows = max(1, 2**20 // matrix.shape[0])
    found = []
    for first in range(0, matrix.shape[0], rows):
        block = slice(first, first + rows)
        differs = np.triu(abs(matrix[block] - matrix[:, block].T) > tolerance, k=first)
        found.append(np.argwhere(differs) + np.array([first, 0]))
    return np.concatenate(found)


def check_rows(rows: Any, n: int) -> Any:
    """Return rows of a matrix of ``n`` columns as a float array, dense or sparse.

    Raises
    ------
    InputError
        If they have another width, or are negative or not finite.
    """
    given = sp.csr_array(rows) if sp.issparse(rows) else np.asarray(rows, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != n:
        msg = f"rows have shape {given.shape}; needs (new genes, {n}), one column for each gene of the fit"
        raise InputError(msg)
    _check_values(given.data if sp.issparse(given) else given, "rows")
    return given


def _not_finite(part: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isfinite(part))


def _negative(part: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(part < 0)


def _as_numbers(given: Any, name: str) -> NDArray[Any]:
    """Return an array of real numbers; refuse anything else."""
    try:
        values = np.asarray(given)
    except (TypeError, ValueError) as error:
        msg = (
            f"{name}: {type(given).__name__} is no array ({error}); give both W (genes × k) and H (k × genes)"
        )
        raise InputError(msg) from error
    if values.dtype.kind not in "fiub":
        msg = f"{name} holds {values.dtype}; needs real numbers: {name}.astype('float32')"
        raise InputError(msg)
    return values


def _check_values(values: Any, name: str) -> None:
    for problem, is_bad, advice in (
        ("not finite", _not_finite, "replace them first"),
        ("negative", _negative, "clip or take absolute values first"),
    ):
        count = 0
        shown: list[str] = []
        for first in range(0, len(values), 1024):
            part = values[first : first + 1024]
            for place in np.argwhere(is_bad(part)):
                count += 1
                if count <= 3:
                    where = (int(place[0]) + first, *map(int, place[1:]))
                    shown.append(f"entry {where} is {part[tuple(place)]}")
        if count:
            msg = f"{name} has values that are {problem}: {offenders(shown, count)}; {advice}"
            raise InputError(msg)
