"""Networks opened once per process, for the tasks that run in it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from dasknmf.errors import FormatError
from dasknmf.network.store import open_network
from dasknmf.storage import expect, is_remote

if TYPE_CHECKING:
    from dasknmf.network.store import Network

#: Networks that a process keeps open for its tasks; a run needs one.
MOST_OPEN = 8

_opened: dict[tuple[str, str, str], Network] = {}
_opening = threading.Lock()


def opened(location: str, checksum: str, options: tuple[tuple[str, Any], ...] = ()) -> Network:
    """Open a network once per process; the tasks of a worker share it, and what it has checked.

    Parameters
    ----------
    location, checksum : str
        As of the network that the run began with.
    options : tuple of (name, value)
        Storage options; values may be dicts.

    Raises
    ------
    FormatError
        If another network is there now.
    """
    given = dict(options)
    # options may be nested, which no dict takes as a key
    key = location, checksum, json.dumps(given, sort_keys=True, default=repr)
    with _opening:
        if key in _opened:
            return _opened[key]
        if is_remote(location):
            # the client has read it: a store that does not answer now is waited for
            expect(location, given)
        network = open_network(location, storage_options=given)
        if network.header.checksum != checksum:
            msg = f"{location} changed while it was in use; start again"
            raise FormatError(msg)
        while len(_opened) >= MOST_OPEN:
            del _opened[next(iter(_opened))]
        _opened[key] = network
        return network


def forget_opened() -> None:
    """Close the networks that :func:`opened` holds in this process; the next read checks every tile again."""
    with _opening:
        _opened.clear()
