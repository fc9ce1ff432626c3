"""Storage options that are for this package, told apart from those of the provider."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal

from dasknmf.errors import InputError, one_of
from dasknmf.storage.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds without a byte after which a request is made again.
READ_TIMEOUT = 20.0


@dataclass(frozen=True)
class Settings:
    """How object stores are spoken to.

    ``backend`` is the library for S3, by default obstore, or s3fs where only that is there or options ask for it;
    ``retry_seconds`` for how long a request is tried again; ``read_timeout`` the seconds without a byte after which
    it is.
    """

    backend: Literal["obstore", "s3fs"] | None = None
    retry_seconds: float = PATIENCE
    read_timeout: float = READ_TIMEOUT


def split_options(storage_options: Mapping[str, Any] | None) -> tuple[Settings, dict[str, Any]]:
    """Return the settings among storage options, and the rest, which is for the provider.

    Raises
    ------
    InputError
        If a setting has a value that it cannot have.

    Examples
    --------
    >>> split_options({"backend": "s3fs", "anon": True})
    (Settings(backend='s3fs', retry_seconds=120.0, read_timeout=20.0), {'anon': True})
    """
    given = dict(storage_options or {})
    backend = given.pop("backend", None)
    if backend is not None:
        one_of("storage option backend", backend, ("obstore", "s3fs"))
    seconds = {
        name: _seconds(name, given.pop(name)) for name in ("retry_seconds", "read_timeout") if name in given
    }
    return Settings(backend, **seconds), given


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value <= 0:
        msg = f"storage option {name}={value!r}: needs a number of seconds above 0"
        raise InputError(msg)
    return float(value)
