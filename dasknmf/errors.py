"""What goes wrong, each with what was given, where, what is needed and what to type."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class DasknmfError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(DasknmfError, ValueError):
    """An input file, array or option that cannot be used as it is."""


class FormatError(DasknmfError, ValueError):
    """A store, result or checkpoint that is not what it claims to be, or is of an unknown version."""


class MemoryLimitError(DasknmfError, MemoryError):
    """A run whose projected memory is above the limit; raised before anything runs."""


class MissingDependencyError(DasknmfError, ImportError):
    """An optional library is needed; the message names the extra that installs it."""


class ClusterError(DasknmfError, RuntimeError):
    """A Dask cluster that was lost in the middle of a run, and did not come back in time."""


class LostClusterError(ClusterError):
    """A Dask scheduler, or the connection to it, was lost with all results there; the run may go on with another."""


class KilledWorkerError(ClusterError):
    """A task ended its worker several times, most likely for want of memory."""


class WriteError(DasknmfError, OSError):
    """A place that could not be written: a full disk, a file system that is read-only, a quota."""


class StoreError(DasknmfError):
    """An object store that cannot be reached, or cannot do what is asked of it."""


class StoreAccessError(StoreError):
    """An object store that refused the credentials; the message says where they were taken from."""


class NotConvergedError(DasknmfError, RuntimeError):
    """A fit stopped before its tolerance, where the caller asked for that to be an error."""


def missing_dependency(library: str, *, extra: str, purpose: str) -> MissingDependencyError:
    """Return the error that names the extra to install.

    Parameters
    ----------
    library : str
        Import name of the library, such as ``"anndata"``.
    extra : str
        The extra of this package that installs it.
    purpose : str
        What needs it, such as ``"reading .h5ad"``.
    """
    return MissingDependencyError(f"{purpose} needs {library}: pip install 'dasknmf[{extra}]'")


def offenders(items: Iterable[str], count: int) -> str:
    """Join the first offenders and say how many there are in all.

    Examples
    --------
    >>> offenders(["line 3: 'x'", "line 9: 'y'"], 12)
    "line 3: 'x'; line 9: 'y'; 12 in all"
    >>> offenders(["gene 'TP53'"], 1)
    "gene 'TP53'"
    """
    shown = "; ".join(items)
    return shown if count <= 1 else f"{shown}; {count:,} in all"


def one_of(name: str, given: object, known: Iterable[str]) -> None:
    """Refuse an option that is not one of the known words.

    Raises
    ------
    InputError
        Naming the known ones.
    """
    known = tuple(known)
    if given not in known:
        msg = f"{name}={given!r} is not known; choose one of {', '.join(known)}"
        raise InputError(msg)


def whole(name: str, value: Any, *, least: int) -> int:
    """Return a whole number of at least ``least`` as an int; refuse anything else."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
        msg = f"{name}={value!r}: needs a whole number of at least {least}"
        raise InputError(msg)
    return int(value)


def not_negative(name: str, value: Any) -> float:
    """Return a finite number of at least 0 as a float; refuse anything else."""
    if not isinstance(value, Real) or not math.isfinite(value) or value < 0:
        msg = f"{name}={value!r}: needs a finite number of at least 0"
        raise InputError(msg)
    return float(value)
