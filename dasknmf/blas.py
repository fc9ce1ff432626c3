"""BLAS held to one thread while tasks are the parallelism."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_lock = threading.Lock()
_holders = 0
_limit: Any = None


@cache
def _controller() -> Any:
    # Finding the loaded BLAS libraries takes milliseconds, too long for every task.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread in this process; the last holder to leave puts the old number back.

    Counted, because two threads that each set and restore the limit on their own would undo each other.
    One thread also makes a product the same bits on every executor.
    """
    global _holders, _limit
    with _lock:
        if _holders == 0:
            _limit = _controller().limit(limits=1, user_api="blas")
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                _limit.restore_original_limits()
                _limit = None
