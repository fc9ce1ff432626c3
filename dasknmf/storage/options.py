"""Options of object stores, from a file or the environment."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.errors import DasknmfError, InputError

if TYPE_CHECKING:
    from dasknmf.storage.locations import Location, StorageOptions

#: Bytes of a file of options.
_LARGEST_MAPPING = 2**20
ENVIRONMENT_VARIABLE = "DASKNMF_STORAGE_OPTIONS"


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

    Returns
    -------
    dict
        For S3 as s3fs names them (``key``, ``secret``, ``token``, ``endpoint_url``, ``region``, ``anon``,
        ``profile``, ``client_kwargs``), for others as their fsspec file system does; besides ``backend``
        (``"obstore"`` or ``"s3fs"``), ``retry_seconds`` for which a request is tried again, and ``read_timeout``,
        the seconds of silence after which it is.

    Raises
    ------
    InputError
        If the file cannot be read or does not hold a mapping.
    """
    given = file or os.environ.get(ENVIRONMENT_VARIABLE)
    if not given:
        return {}
    return read_mapping(given, what="storage options file")
