"""Whether two results are the same to the last bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

import dasknmf
from dasknmf.errors import DasknmfError

if TYPE_CHECKING:
    from pathlib import Path


def read(made: Path) -> dict[str, Any]:
    """Return all that a result holds by name, but seconds and what it is said to have been made of."""
    if made.suffix == ".tsv" or made.name == "export":
        return {"text": made.read_bytes()}
    try:
        opened = dasknmf.load(made)
    except DasknmfError:
        network = dasknmf.open_network(made)
        network.verify()
        genes = np.asarray(network.genes, dtype=object)
        return {"checksum": network.header.checksum, "genes": genes}
    parts = opened.to_dict() if isinstance(opened, xr.DataTree) else {"": opened}
    return {
        f"{path}/{name}": values.values
        for path, part in parts.items()
        for name, values in part.variables.items()
        if "seconds" not in str(name)
    }


def difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the first name under which two results differ by a bit; nothing where none does."""
    if one.keys() != other.keys():
        return f"they hold {sorted(one)} and {sorted(other)}"
    for name, values in one.items():
        left, right = np.asarray(values), np.asarray(other[name])
        same = left.dtype == right.dtype and left.shape == right.shape
        # the bits of numbers, also of those that are not equal to themselves
        same = same and (
            list(left.ravel()) == list(right.ravel())
            if left.dtype.kind == "O"
            else left.tobytes() == right.tobytes()
        )
        if not same:
            return name
    return ""
