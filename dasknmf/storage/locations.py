"""Locations: local paths and URLs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

#: A local path, or any fsspec URL such as ``s3://bucket/network.zarr``.
Location = str | os.PathLike[str]
StorageOptions = dict[str, Any]


def is_remote(location: Location) -> bool:
    """Tell whether a location is a URL rather than a local path.

    Examples
    --------
    >>> is_remote("s3://bucket/string.zarr"), is_remote("string.zarr")
    (True, False)
    """
    return "://" in os.fspath(location) and not os.fspath(location).startswith("file://")


def local_path(location: Location) -> Path:
    """Return the path of a local location."""
    return Path(os.fspath(location).removeprefix("file://"))


def absolute(location: Location) -> str:
    """Return a location that means the same from every working directory.

    Examples
    --------
    >>> absolute("s3://bucket/net.zarr"), absolute("file:///data/net.zarr")
    ('s3://bucket/net.zarr', '/data/net.zarr')
    """
    return os.fspath(location) if is_remote(location) else str(local_path(location).absolute())
