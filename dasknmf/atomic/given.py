"""What ``cogaps`` takes as data: a matrix in memory or a network store, checked, named, and read in strips of rows."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from dasknmf.atomic.strips import Strip
from dasknmf.errors import InputError, offenders
from dasknmf.generated.network import GeneratedNetwork
from dasknmf.matrices import ROUNDING
from dasknmf.network.gene_names import check_genes
from dasknmf.network.store import Network, open_network

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from dasknmf.storage import StorageOptions


@dataclass(frozen=True)
class GivenData:
    """Data as they were given: D (genes × samples), or a network of genes with genes, and its uncertainty."""

    network: Network | GeneratedNetwork | None
    values: NDArray[Any] | None
    uncertainty: NDArray[Any] | None
    genes: NDArray[np.object_]
    samples: NDArray[np.object_]
    symmetric: bool
    name: str
    checksum: str

    @property
    def shape(self) -> tuple[int, int]:
        """Genes and samples."""
        return len(self.genes), len(self.samples)

    def strip(self, rows: NDArray[np.intp] | None = None) -> Strip:
        """Return some rows as a task takes them: values, or, of a store, where to read them."""
        uncertainty = self.uncertainty if rows is None or self.uncertainty is None else self.uncertainty[rows]
        values = self.values if rows is None or self.values is None else self.values[rows]
        return Strip(self.network, rows, values, uncertainty, symmetric=self.symmetric and rows is None)


def as_given(
    data: Any, uncertainty: Any = None, *, storage_options: StorageOptions | None = None
) -> GivenData:
    """Take data in any form, and the uncertainty of each value if there is one.

    Raises
    ------
    InputError
        If values are negative, not finite, all zero or no table; or the uncertainty has another shape or is not
        above 0.
    """
    if isinstance(data, (str, os.PathLike)):
        data = open_network(data, storage_options=storage_options)
    if isinstance(data, GeneratedNetwork):
        S = _uncertainty(uncertainty, data.shape, data.genes, data.genes)
        checksum = _digest(data.checksum, S)
        return GivenData(data, None, S, data.genes, data.genes, _is_symmetric(S), data.name, checksum)
    if isinstance(data, Network):
        n = data.n
        S = _uncertainty(uncertainty, (n, n), data.genes, data.genes)
        checksum = _digest(data.header.checksum, S)
        return GivenData(data, None, S, data.genes, data.genes, _is_symmetric(S), data.location, checksum)
    values, genes, samples = _table(data, "data")
    _check_values(values, genes, samples)
    S = _uncertainty(uncertainty, values.shape, genes, samples)
    # without names of its own, a square symmetric matrix is a network of its genes
    same = np.array_equal(genes, samples) if _named(data) else values.shape[0] == values.shape[1]
    symmetric = same and _is_symmetric(values)
    if symmetric:
        samples = genes
    for names, where in ((genes, "the rows of data"), (samples, "the columns of data")):
        check_genes(names, where=where)
    checksum = _digest("", values, S)
    return GivenData(
        None,
        values,
        S,
        genes,
        samples,
        symmetric and _is_symmetric(S),
        "a matrix in memory",
        checksum,
    )


def _numbered(n: int) -> NDArray[np.object_]:
    return np.array([str(i) for i in range(n)], dtype=object)


def _named(data: Any) -> bool:
    """Tell whether rows and columns both have names."""
    import pandas as pd
    import xarray as xr

    if isinstance(data, xr.DataArray):
        return data.ndim == 2 and all(name in data.coords for name in data.dims)
    return isinstance(data, pd.DataFrame)


def _table(data: Any, what: str) -> tuple[NDArray[Any], NDArray[np.object_], NDArray[np.object_]]:
    """Return values, and names of rows and columns; numbers where there are none."""
    import pandas as pd
    import xarray as xr

    names: list[Any] = [None, None]
    values: Any = data
    if isinstance(data, pd.DataFrame):
        names, values = [data.index, data.columns], data.to_numpy()
    elif isinstance(data, xr.DataArray):
        if data.ndim == 2:
            names = [data[name].values if name in data.coords else None for name in data.dims]
        values = data.values
    elif sp.issparse(data):
        values = data.toarray()
    elif hasattr(data, "obs_names") and hasattr(data, "var_names"):
        msg = f"{what}: an AnnData has samples in its rows; give genes in rows: adata.to_df().T"
        raise InputError(msg)
    try:
        values = np.asarray(values)
        if values.dtype.kind not in "fiub":
            values = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        msg = (
            f"{what}: {type(data).__name__} is no table of numbers; needs genes × samples, or a network store"
        )
        raise InputError(msg) from error
    if values.ndim != 2 or 0 in values.shape:
        msg = f"{what} has shape {values.shape}; needs two dimensions, genes × samples, with at least one of each"
        raise InputError(msg)
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    labels = [
        _numbered(size) if name is None else np.array([str(label) for label in name], dtype=object)
        for name, size in zip(names, values.shape, strict=True)
    ]
    return values, labels[0], labels[1]


def _refuse(
    values: NDArray[Any],
    bad: Any,
    genes: NDArray[np.object_],
    samples: NDArray[np.object_],
    words: str,
) -> None:
    """Refuse values of which some are bad, block by block, naming the first."""
    shown: list[str] = []
    count = 0
    for first in range(0, len(values), 1024):
        part = values[first : first + 1024]
        for r, c in np.argwhere(bad(part)):
            count += 1
            if len(shown) < 3:
                shown.append(f"row '{genes[first + r]}', column '{samples[c]}' is {part[r, c]:g}")
    if count:
        what, _, advice = words.partition(";")
        msg = f"{what}: {offenders(shown, count)};{advice}"
        raise InputError(msg)


def _check_values(values: NDArray[Any], genes: NDArray[np.object_], samples: NDArray[np.object_]) -> None:
    finite = "data has values that are not finite; replace them first: np.nan_to_num(data)"
    _refuse(values, lambda part: ~np.isfinite(part), genes, samples, finite)
    negative = "data has values that are negative; needs 0 or more: shift or clip them, np.maximum(data, 0)"
    _refuse(values, lambda part: part < 0, genes, samples, negative)
    huge = "data has values above 1e18, whose squares leave float32; rescale them: data / data.max()"
    _refuse(values, lambda part: part > 1e18, genes, samples, huge)


def _uncertainty(
    given: Any, shape: tuple[int, ...], genes: NDArray[np.object_], samples: NDArray[np.object_]
) -> NDArray[Any] | None:
    if given is None:
        return None
    values = _table(given, "uncertainty")[0]
    if values.shape != shape:
        msg = (
            f"uncertainty has shape {values.shape}, data {shape}; needs one standard deviation for each value: "
            "leave it out for max(0.1·data, 0.1)"
        )
        raise InputError(msg)
    advice = "; needs standard deviations above 0, such as np.maximum(0.1 * data, 0.1)"
    _refuse(
        values,
        lambda part: ~(np.isfinite(part) & (part > 0)),
        genes,
        samples,
        f"uncertainty has values that are not above 0 and finite{advice}",
    )
    return values


def _is_symmetric(values: NDArray[Any] | None) -> bool:
    """Tell whether a square matrix is symmetric to rounding; what was not given is."""
    if values is None:
        return True
    if values.shape[0] != values.shape[1]:
        return False
    tolerance = ROUNDING * float(values.max())
    return all(
        (abs(values[first : first + 512] - values[:, first : first + 512].T) <= tolerance).all()
        for first in range(0, len(values), 512)
    )


def _digest(checksum: str, *arrays: NDArray[Any] | None) -> str:
    if checksum and all(array is None for array in arrays):
        return checksum
    digest = hashlib.sha256(checksum.encode())
    for array in arrays:
        if array is not None:
            digest.update(repr((array.shape, array.dtype.str)).encode())
            digest.update(np.ascontiguousarray(array).data)
    return f"sha256:{digest.hexdigest()}"
