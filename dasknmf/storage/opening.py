"""Stores opened for Zarr, and published whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.aside import place_beside, put_in_place, sweep
from dasknmf.errors import InputError, StoreAccessError, StoreError
from dasknmf.storage.locations import Location, is_remote, local_path
from dasknmf.storage.objects import objects_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zarr.abc.store import Store

logger = logging.getLogger("dasknmf")


def open_store(
    location: Location, *, mode: Literal["r", "a"], storage_options: Mapping[str, Any] | None = None
) -> Store:
    """Open a Zarr store at a local path or URL.

    Parameters
    ----------
    location : path or URL
        Where the store is.
    mode : {"r", "a"}
        Read only, or read and write.
    storage_options : mapping, optional
        As :func:`read_storage_options` gives them, for a URL.
    """
    if is_remote(location):
        from dasknmf.storage.zarr_store import ObjectsStore

        return ObjectsStore(location, storage_options, read_only=mode == "r")
    from zarr.storage import LocalStore

    return LocalStore(local_path(location), read_only=mode == "r")


def exists(location: Location, *, storage_options: Mapping[str, Any] | None = None) -> bool:
    """Tell whether anything is at a location.

    Raises
    ------
    InputError
        If a URL cannot be reached: no such host, no such bucket, wrong credentials.
    """
    if not is_remote(location):
        return local_path(location).exists()
    objects, key = objects_at(location, storage_options)
    try:
        return objects.exists(key)
    except StoreAccessError as error:
        raise InputError(str(error)) from None
    except StoreError as error:
        msg = (
            f"{os.fspath(location)} cannot be reached ({error}); check the address, and the credentials in the "
            "environment or in --storage-options FILE"
        )
        raise InputError(msg) from None


def remove(location: Location, *, storage_options: Mapping[str, Any] | None = None) -> None:
    """Remove a file or a store, and everything in it."""
    if is_remote(location):
        objects, key = objects_at(location, storage_options)
        objects.remove(key)
        return
    path = local_path(location)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def require_free(
    location: Location, *, overwrite: bool = False, storage_options: Mapping[str, Any] | None = None
) -> None:
    """Refuse a place that is taken, or whose folder does not exist; to be asked before long work, not after.

    Raises
    ------
    InputError
        Saying what to type.
    """
    where = os.fspath(location)
    if not overwrite and exists(location, storage_options=storage_options):
        msg = f"{where} exists already; choose another name, or overwrite it (--force, overwrite=True)"
        raise InputError(msg)
    require_folder(location)


def require_folder(location: Location) -> None:
    """Refuse a local place whose folder does not exist.

    Raises
    ------
    InputError
        Saying what to type.
    """
    if not is_remote(location) and not local_path(location).absolute().parent.is_dir():
        parent = local_path(location).parent
        msg = f"{parent} is not a folder; make it first: mkdir -p {parent}"
        raise InputError(msg)


@contextmanager
def publish(
    location: Location, *, overwrite: bool = False, storage_options: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Give a place to write a store, which becomes ``location`` only if the block ends well.

    A local store is written beside its place and renamed, and what writers of it left that were killed is removed
    first. A URL is written in place, so its writer must set the ``complete`` mark of its root attributes last, and
    readers must refuse a store without it.

    Parameters
    ----------
    location : path or URL
        Where the store is to be.
    overwrite : bool
        Replace what is there; otherwise that is an error before anything is written.
    storage_options : mapping, optional
        Options for the fsspec file system of a URL.

    Yields
    ------
    str
        Where to write.

    Raises
    ------
    InputError
        If the place is taken and ``overwrite`` is false, or its folder does not exist.
    """
    if not is_remote(location):
        sweep(local_path(location))
    require_free(location, overwrite=overwrite, storage_options=storage_options)
    if is_remote(location):
        remove(location, storage_options=storage_options)
        try:
            yield os.fspath(location)
        except BaseException:
            try:
                remove(location, storage_options=storage_options)
            except StoreError as error:
                # what went wrong first must be seen; the store lacks its mark, so nobody takes it for whole
                logger.warning("the unfinished store at %s could not be removed: %s", location, error)
            raise
        return
    target = local_path(location).absolute()
    aside = place_beside(target)
    try:
        yield str(aside)
        put_in_place(aside, target)
    except BaseException:
        remove(aside)
        raise
