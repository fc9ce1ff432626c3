"""Functions compiled by numba at their first use, and kept on disk for the next process."""

from __future__ import annotations

import threading
from functools import cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function of arrays and numbers; it holds no lock of the interpreter while it runs.

    Floating-point numbers are added in the order that is written, so that bits do not depend on the processor.
    """
    return _compiled(function)


def compiled_sums(function: Function) -> Function:
    """Compile as :func:`compiled` does, but let sums be taken in the lanes of the processor's vectors.

    Several times as fast for a sum over a row; bits are then those of one kind of processor.
    """
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})


def _compiled(function: Function, **options: Any) -> Function:
    import numba

    try:
        made = numba.njit(nogil=True, cache=True, **options)(function)
    except (RuntimeError, OSError):
        # no folder to keep machine code in: neither beside the file nor in the user's cache
        made = numba.njit(nogil=True, **options)(function)
    return cast("Function", made)


def compiled_for(function: Callable[..., Any], signature: Any) -> Callable[..., None]:
    """Compile a function for one signature, now unless it is on disk; it may divide by zero, as numpy may."""
    import numba

    try:
        made = numba.njit(signature, nogil=True, cache=True, error_model="numpy")(function)
    except (RuntimeError, OSError):
        # as above
        made = numba.njit(signature, nogil=True, error_model="numpy")(function)
    return cast("Callable[..., None]", made)


def once(make: Function) -> Function:
    """Keep what a function makes for each of its arguments, and let one thread at a time make it."""
    kept, lock = cache(make), threading.Lock()

    @wraps(make)
    def get(*key: Any) -> Any:
        with lock:
            return kept(*key)

    return cast("Function", get)
