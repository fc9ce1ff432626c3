"""What a saved result holds, variable by variable: by it a loaded one is known to be what was saved.

To Zarr a chunk that was lost is one of zeros, and to xarray an attribute is an instruction. So a result is saved with
the shape and the SHA-256 of every variable, shapes are compared before anything is read, and the rest when it has been.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.bounds import check_claim
from dasknmf.errors import FormatError
from dasknmf.sealed_group import check_array, damaged, is_of_the_machine, plain_json
from dasknmf.storage import checked_codecs

if TYPE_CHECKING:
    import xarray as xr
    import zarr

#: The attribute of a saved result that holds all this.
CONTENTS = "contents"
REMEDY = "make the result again"
#: Types of which the bytes in a file are those in memory.
_NUMBERS = "iufb"


def contents_of(result: xr.Dataset | xr.DataTree) -> dict[str, Any]:
    """Return the shape and checksum of every variable of a result by its path, and of the attributes of each node."""
    found: dict[str, Any] = {}
    for path, node in _nodes(result).items():
        if path:
            found[path] = _digest(plain_json(node.attrs))
        for name, variable in node.variables.items():
            found[f"{path}/{name}"] = [
                # text that is not there has no type that a file keeps
                _kind(variable) if variable.size else "empty",
                list(variable.shape),
                _checksum(variable, coordinate=name in node.coords),
            ]
    return found


def _nodes(result: xr.Dataset | xr.DataTree) -> dict[str, xr.Dataset]:
    import xarray as xr

    if isinstance(result, xr.DataTree):
        return {node.path.rstrip("/"): node.to_dataset() for node in result.subtree}
    return {"": result}


def _checksum(variable: xr.Variable, *, coordinate: bool) -> str:
    values = np.asarray(variable.values)
    said = [coordinate, list(variable.dims), json.loads(plain_json(variable.attrs))]
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    if not values.size:
        return digest.hexdigest()
    if values.dtype.kind == "f":
        # a chunk of nothing but NaN, or of zeros, is not written, and comes back as the common one of either sign
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values + values.dtype.type(0))
    if values.dtype.kind in _NUMBERS:
        digest.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    else:
        digest.update(json.dumps([str(value) for value in values.reshape(-1).tolist()]).encode())
    return digest.hexdigest()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def codecs_of(result: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return the encoding in which each chunk has a checksum."""
    return {str(name): {"compressors": checked_codecs()} for name in result.variables}


def bytes_of(fit: xr.Dataset | xr.DataTree) -> int:
    """Return the bytes of a result before they are compressed, names as text of eight characters."""
    import xarray as xr

    nodes = fit.subtree if isinstance(fit, xr.DataTree) else [fit]
    return sum(
        values.size * (8 if values.dtype.kind == "O" else values.dtype.itemsize)
        for node in nodes
        for values in node.variables.values()
    )


def check_arrays(group: zarr.Group, contents: Any, where: str) -> None:
    """Compare the headers of all arrays with what was saved, before anything of them is read.

    Parameters
    ----------
    group : Group
        An open result.
    contents : dict or None
        What :func:`contents_of` returned; None of results that were saved before there was such a thing.
    where : str
        Its name in messages.

    Raises
    ------
    FormatError
        If an array is lost, is another, or claims more than this machine has.
    """
    try:
        members = dict(group.members(max_depth=None))
        arrays: dict[str, Any] = {
            f"/{name}": array for name, array in members.items() if hasattr(array, "shape")
        }
    except Exception as error:  # zarr raises what it comes upon in metadata that mean nothing
        if is_of_the_machine(error):
            raise
        raise damaged(where, "of the result", error, REMEDY) from error
    if contents is None:
        for name, array in arrays.items():
            check_array(array, name, where=where, remedy=REMEDY, shape=array.shape, dtype=_kind(array))
            check_claim(f"{where}: array '{name}'", array.shape, max(1, array.dtype.itemsize))
        return
    saved = {name: entry for name, entry in contents.items() if isinstance(entry, list)}
    if set(saved) != set(arrays):
        name = min(set(saved) ^ set(arrays))
        why = "it is not there" if name in saved else "it was never saved"
        raise damaged(where, name, why, REMEDY)
    for name, array in arrays.items():
        kind, shape, _ = saved[name]
        # some versions of xarray keep what is true and false as int8
        dtype = _kind(array) if (kind, _kind(array)) == ("bool", "int8") or kind == "empty" else kind
        check_array(array, name, where=where, remedy=REMEDY, shape=shape, dtype=dtype)


def _kind(array: Any) -> str:
    return "text" if array.dtype.kind in "TUO" else str(array.dtype.name)


def compare_contents(result: xr.Dataset | xr.DataTree, contents: dict[str, Any], where: str) -> None:
    """Compare a loaded result with what was saved.

    Raises
    ------
    FormatError
        Naming the first variable that differs.
    """
    found = contents_of(result)
    for name in sorted({*found, *contents}):
        if found.get(name) != contents.get(name):
            msg = f"{where}: '{name}' differs from its checksum (it was changed or lost); {REMEDY}"
            raise FormatError(msg)
