"""The checksum of a whole result: what the codecs of its chunks cannot see is attributes, names, and what is lost."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray


def result_checksum(result: xr.Dataset | xr.DataTree) -> str:
    """Return the SHA-256 of everything in a result: names, dimensions, types, values and attributes.

    Parameters
    ----------
    result : Dataset or DataTree
        In memory.

    Examples
    --------
    >>> import xarray as xr
    >>> made = xr.Dataset({"W": ("gene", [1.0, 2.0])}, attrs={"seed": 0})
    >>> result_checksum(made) == result_checksum(made.copy(deep=True))
    True
    >>> result_checksum(made) == result_checksum(made.assign_attrs(seed=1))
    False
    """
    import xarray as xr

    digest = hashlib.sha256()
    if isinstance(result, xr.DataTree):
        for node in sorted(result.subtree, key=lambda node: node.path):
            # inherited coordinates are stored at each node, and read as its own
            digest.update(f"group {node.path}\n".encode())
            _add(digest, node.to_dataset(inherit=True))
    else:
        _add(digest, result)
    return f"sha256:{digest.hexdigest()}"


def _add(digest: Any, dataset: xr.Dataset) -> None:
    digest.update(_plain(dataset.attrs))
    for name in sorted(map(str, dataset.variables)):
        variable = dataset.variables[name]
        kind = "coordinate" if name in dataset.coords else "variable"
        values = np.asarray(variable.values)
        about = f"{kind} {name} {variable.dims} {variable.shape}"
        digest.update(about.encode())
        digest.update(_plain(variable.attrs))
        _add_values(digest, values)


def _add_values(digest: Any, values: NDArray[Any]) -> None:
    if values.dtype.kind in "OTU":
        digest.update(_plain(values.astype(object).tolist()))
        return
    digest.update(values.dtype.str.encode())
    if values.dtype.kind in "fc":
        # the bits of a NaN are nobody's
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values)
    content: Any = np.ascontiguousarray(values)
    digest.update(memoryview(content).cast("B") if values.size else b"")


def _plain(value: Any) -> bytes:
    """Return attributes as JSON, the same before they were stored and after."""
    return json.dumps(value, sort_keys=True, default=_as_python).encode()


def _as_python(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
