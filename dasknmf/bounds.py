"""How much a file may claim before anything is allocated for it."""

from __future__ import annotations

import math
import os
import shutil
from typing import TYPE_CHECKING

from dasknmf.errors import FormatError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Genes of a network, ten times the largest that this package is made for: a header of a few bytes can claim any
#: number, and their names alone take some 200 bytes each while they are checked.
MOST_GENES = 10_000_000
#: Claims below it are not worth asking the machine for.
_SMALL = 2**28


def check_count(where: str, genes: int) -> None:
    """Refuse more genes than any network has, before anything is allocated for them.

    Raises
    ------
    InputError
        Saying how many there may be.
    """
    if genes > MOST_GENES:
        msg = (
            f"{where} claims {genes:,} genes; a network has at most {MOST_GENES:,}: the file is damaged, or is no "
            "network"
        )
        raise InputError(msg)


def memory_bytes() -> int:
    """Return the bytes of memory that this process may have, of this machine and by its limits."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return machine if soft == resource.RLIM_INFINITY else min(soft, machine)


def check_claim(where: str, shape: Sequence[int], itemsize: int) -> None:
    """Refuse an array that claims more bytes than this machine has, before it is allocated.

    Parameters
    ----------
    where : str
        The array in messages.
    shape : sequence of int
        What its header says.
    itemsize : int
        Bytes of a number.

    Raises
    ------
    FormatError
        With the claim and the memory.

    Examples
    --------
    >>> check_claim("factors", (20_000, 64), 4)
    >>> check_claim("factors", (10**12, 64), 4)
    Traceback (most recent call last):
    ...
    dasknmf.errors.FormatError: factors claims 1,000,000,000,000 × 64 numbers, ...
    """
    claimed = math.prod(shape) * itemsize
    if claimed > _SMALL and claimed > memory_bytes():
        sides = " × ".join(f"{side:,}" for side in shape)
        msg = (
            f"{where} claims {sides} numbers, {claimed / 2**30:,.1f} GiB, and this process may have "
            f"{memory_bytes() / 2**30:,.1f} GiB; its header is damaged, or it needs a larger machine"
        )
        raise FormatError(msg)


def check_room(folder: Path, needed: int, where: str) -> None:
    """Refuse what a folder for temporary files has no room for, before anything is written there.

    Parameters
    ----------
    folder : Path
        For temporary files.
    needed : int
        Bytes.
    where : str
        What needs them, for the message.

    Raises
    ------
    InputError
        With what is free.
    """
    free = shutil.disk_usage(folder).free
    if needed > free:
        msg = (
            f"{where} claims {needed / 2**30:,.1f} GiB unpacked, and {folder.parent} has {free / 2**30:,.1f} GiB free; "
            "name a folder with more room: --temp-dir, temp_dir="
        )
        raise InputError(msg)
