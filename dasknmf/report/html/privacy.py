"""What a mailed page must not say: folders of the machine that made a result, and secrets in URLs."""

from __future__ import annotations

import os
import re
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    import xarray as xr

#: A path from the root of a POSIX or Windows file system with at least one folder, where a word can begin. Folders and
#: names with spaces end early, so that what is known to be a path is replaced as a whole before.
_PATH = re.compile(
    r"""(?:^|(?<=[\s"'(=,;\[]))(?:file://)?(?:[A-Za-z]:[\\/]|/)(?:[^\s"'<>,;:|()\[\]\\/]+[\\/])+"""
)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+")
#: What a null is called: after the network it is of.
_ORIGIN = re.compile(r"\w+ null of (.+), seed \d+")
#: Variables whose words are names of genes and sets: never paths, whatever they look like.
NAMES = frozenset({"gene", "top_gene", "set", "description"})


def final_name(location: str) -> str:
    """Return the last part of a path, or a URL without its user, password and query.

    Examples
    --------
    >>> final_name("/home/somebody/string.zarr/"), final_name("s3://key:secret@host/net.zarr?token=1")
    ('string.zarr', 's3://host/net.zarr')
    """
    if "://" in location and not location.startswith("file://"):
        parts = urlsplit(location)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    return re.split(r"[\\/]", location.rstrip("\\/"))[-1] or location


def is_location(name: Any) -> bool:
    """Tell whether the name of a network is where it is stored: results know stores by whole paths and URLs.

    Examples
    --------
    >>> is_location("/data/string.zarr"), is_location("shuffle null of /data/string.zarr, seed 0")
    (True, False)
    """
    if not isinstance(name, str):
        return False
    return "://" in name.split(" ")[0] or os.path.isabs(name) or PureWindowsPath(name).is_absolute()  # noqa: PTH117


def told(text: str, known: tuple[str, ...] = ()) -> str:
    """Return a text in which every path from a root is its last part alone.

    Parameters
    ----------
    text : str
        Of a result.
    known : tuple of str
        Locations, which may have spaces.

    Examples
    --------
    >>> told("/data/of me/string.zarr, 32 factors; see /var/log/a.txt", ("/data/of me/string.zarr",))
    'string.zarr, 32 factors; see a.txt'
    """
    for location in sorted(known, key=len, reverse=True):
        text = text.replace(location, final_name(location))
    return _PATH.sub("", _URL.sub(lambda found: _web(found.group()), text))


def _web(url: str) -> str:
    return url if url.startswith("file://") else final_name(url)


def locations_in(results: Iterable[xr.Dataset]) -> tuple[str, ...]:
    """Return the locations of networks that results name, in attributes or, of fragmentation, run by run."""
    found: set[str] = set()
    for result in results:
        named: list[Any] = [result.attrs.get("network")]
        for variable in ("network", "option_network"):
            if variable in result.variables and result[variable].dtype.kind == "O":
                named += result[variable].to_numpy().ravel().tolist()
        for name in named:
            origin = _ORIGIN.fullmatch(str(name))
            found.add(origin[1] if origin else str(name))
    return tuple(sorted(name for name in found if is_location(name)))


def without_folders(result: xr.Dataset, known: tuple[str, ...] | None = None) -> xr.Dataset:
    """Return a result whose attributes and words have no folders; names of genes and sets stay as they are.

    Parameters
    ----------
    result : Dataset
        Any saved result.
    known : tuple of str, optional
        :func:`locations_in` all results of a page; by default in this one.
    """
    known = locations_in([result]) if known is None else known
    changed: dict[Hashable, Any] = {}
    for name, values in result.variables.items():
        if values.dtype.kind != "O" or str(name) in NAMES:
            continue
        words = [told(word, known) if isinstance(word, str) else word for word in values.to_numpy().ravel()]
        plain = np.empty(len(words), dtype=object)
        plain[:] = words
        changed[name] = (values.dims, plain.reshape(values.shape), values.attrs)
    coordinates = {name: changed.pop(name) for name in list(changed) if name in result.coords}
    attributes = {name: told_value(value, known) for name, value in result.attrs.items()}
    made = result.assign_coords(coordinates).assign(changed)
    made.attrs = attributes
    return made


def told_value(value: Any, known: tuple[str, ...] = ()) -> Any:
    """Return a value of attributes or of provenance, in which no text has folders."""
    if isinstance(value, str):
        return final_name(value) if _whole_path(value) else told(value, known)
    if isinstance(value, dict):
        return {name: told_value(item, known) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [told_value(item, known) for item in value]
    return value


def _whole_path(text: str) -> bool:
    """Tell whether a text is one path and nothing else; one with spaces has no end of its own in a sentence."""
    return re.fullmatch(r"(?:[A-Za-z]:[\\/]|/)[^\n,;\"']*[\\/][^\n,;\"'\\/]+", text) is not None
