"""Where stores live: local paths and fsspec URLs, opened for Zarr and published whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import DasknmfError, InputError, missing_dependency

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from zarr.abc.store import Store

#: A local path, or any fsspec URL such as ``s3://bucket/network.zarr``.
Location = str | os.PathLike[str]
StorageOptions = dict[str, Any]

#: Bytes of a file of options.
_LARGEST_MAPPING = 2**20
ENVIRONMENT_VARIABLE = "DASKNMF_STORAGE_OPTIONS"


def is_remote(location: Location) -> bool:
    """Tell whether a location is an fsspec URL rather than a local path.

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


def read_mapping(file: Location, *, what: str) -> dict[str, Any]:
    """Read a mapping of names to values from a JSON or YAML file.

    Parameters
    ----------
    file : path
        The file; an empty one is an empty mapping.
    what : str
        What it is to the user, such as ``"config"``.

    Raises
    ------
    InputError
        If it cannot be read or holds something else. The message never quotes the file: it may hold secrets.
    """
    import yaml

    where = f"{what} {os.fspath(file)}"
    try:
        held = yaml.load(_text(file, where), Loader=_plain_loader())  # noqa: S506 # it is a safe one
    except OSError as error:
        msg = f"{where}: {error.strerror or error}"
        raise InputError(msg) from error
    except UnicodeDecodeError as error:
        msg = f"{where}: is not text in UTF-8 (byte {error.start + 1}); save it as UTF-8"
        raise InputError(msg) from None
    except DasknmfError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, TypeError, AttributeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        # what comes after a quotation mark is from the file
        problem = re.split("['\"]", getattr(error, "problem", None) or type(error).__name__)[0].strip()
        msg = f"{where}: is neither JSON nor YAML{line} ({problem}); put special characters in quotes"
        raise InputError(msg) from None
    if held is None:
        return {}
    if not isinstance(held, dict):
        msg = f"{where}: holds {type(held).__name__}, needs a mapping of option: value"
        raise InputError(msg)
    if not all(isinstance(name, str) for name in held):
        msg = f"{where}: has an option whose name is no text; needs a mapping of option: value"
        raise InputError(msg)
    return held


def _text(file: Location, where: str) -> str:
    """Return the text of a file that people write, which is never large."""
    with Path(file).open("rb") as opened:
        data = opened.read(_LARGEST_MAPPING + 1)
    if len(data) > _LARGEST_MAPPING:
        msg = f"{where}: is larger than {_LARGEST_MAPPING / 2**20:.0f} MiB; needs a mapping of option: value"
        raise InputError(msg)
    return data.decode("utf-8")


@cache
def _plain_loader() -> Any:
    """Return a safe loader without aliases, of which nine lines make a thousand million values."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                mark = self.peek_event().start_mark
                raise yaml.constructor.ConstructorError(None, None, "aliases are not taken", mark)
            return super().compose_node(parent, index)

    return Loader


def read_storage_options(file: Location | None = None) -> StorageOptions:
    """Read the options of an object store from a JSON or YAML file.

    Parameters
    ----------
    file : path, optional
        The file. By default the one named in the environment variable ``DASKNMF_STORAGE_OPTIONS``, if any.
        fsspec's own variables (``FSSPEC_S3_ENDPOINT_URL``) and those of the provider
        (``AWS_ACCESS_KEY_ID``) work too; nothing of either is ever written to a store.

    Raises
    ------
    InputError
        If the file cannot be read or does not hold a mapping.
    """
    given = file or os.environ.get(ENVIRONMENT_VARIABLE)
    if not given:
        return {}
    return read_mapping(given, what="storage options file")


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
        Options for the fsspec file system of a URL.
    """
    from zarr.storage import FsspecStore, LocalStore

    if is_remote(location):
        return FsspecStore.from_url(
            os.fspath(location), storage_options=dict(storage_options or {}), read_only=mode == "r"
        )
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
    filesystem, path = _file_system(location, storage_options)
    try:
        return bool(filesystem.exists(path))
    except Exception as error:  # every provider has its own
        msg = (
            f"{os.fspath(location)} cannot be reached ({type(error).__name__}: {error}); check the address, and the "
            "credentials in the environment or in --storage-options FILE"
        )
        raise InputError(msg) from error


def _file_system(location: Location, storage_options: Mapping[str, Any] | None) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it."""
    import fsspec

    where = os.fspath(location)
    try:
        filesystem, path = fsspec.core.url_to_fs(where, **(storage_options or {}))
    except ImportError as error:
        protocol = where.partition("://")[0]
        purpose = f"{protocol}:// ({error})"
        raise missing_dependency("an fsspec file system", extra="s3", purpose=purpose) from error
    except ValueError as error:
        msg = f"{where}: {error}; needs a path, or a URL such as s3://bucket/network.zarr"
        raise InputError(msg) from error
    return filesystem, path


def remove(location: Location, *, storage_options: Mapping[str, Any] | None = None) -> None:
    """Remove a file or a store, and everything in it."""
    if is_remote(location):
        filesystem, inside = _file_system(location, storage_options)
        if filesystem.exists(inside):
            filesystem.rm(inside, recursive=True)
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

    A local store is written beside its place and renamed. A URL is written in place, so its writer must
    set the ``complete`` mark of its root attributes last, and readers must refuse a store without it.

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
    require_free(location, overwrite=overwrite, storage_options=storage_options)
    if is_remote(location):
        remove(location, storage_options=storage_options)
        try:
            yield os.fspath(location)
        except BaseException:
            remove(location, storage_options=storage_options)
            raise
        return
    target = local_path(location).absolute()
    aside = target.with_name(f".{target.name}.partial-{uuid.uuid4().hex[:8]}")
    try:
        yield str(aside)
        if target.exists():
            old = target.with_name(f".{target.name}.replaced-{uuid.uuid4().hex[:8]}")
            target.rename(old)
            aside.rename(target)
            remove(old)
        else:
            aside.rename(target)
    except BaseException:
        remove(aside)
        raise
