"""Places beside a target, where it is written before it appears, and what becomes of those whose writer was killed."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import socket
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

#: Seconds without a change after which what a writer elsewhere left is taken for abandoned: whether a process of
#: another machine or container still runs cannot be seen from here.
ABANDONED = 86_400.0

_OWNED = re.compile(
    r"\.?(?P<target>.*)\.(?P<kind>partial|replaced)-(?P<owner>\w{8}-\d+-\d+-)?\w{8}(?P<ending>\.\S*)?"
)


def place_beside(target: Path, kind: str = "partial", *, ending: str = "") -> Path:
    """Return a free hidden place in the folder of a target, by whose name it is known who writes there.

    Parameters
    ----------
    target : path
        What is to appear.
    kind : {"partial", "replaced"}
        ``"replaced"`` is what was there before.
    ending : str
        Of the name, for writers that go by it, such as ``".h5ad"``.

    Examples
    --------
    >>> place_beside(Path("run/fit.zarr")).name.startswith(".fit.zarr.partial-")
    True
    """
    return target.with_name(f".{target.name}.{kind}-{owner()}-{uuid.uuid4().hex[:8]}{ending}")


def owner() -> str:
    """Return a name of this process that no other has, on any machine, before or after."""
    return f"{_machine()}-{os.getpid()}-{_began(os.getpid())}"


def is_abandoned(place: Path) -> bool:
    """Tell whether the writer of a place has died; False for places of another kind.

    Parameters
    ----------
    place : path
        Named by :func:`place_beside`, or with :func:`owner` before its last eight letters.
    """
    named = _OWNED.fullmatch(place.name)
    if not named:
        return False
    machine, pid, began = (named["owner"] or "---").split("-")[:3]
    if machine == _machine():
        return _began(int(pid)) != int(began)
    return _unchanged(place) > ABANDONED


def sweep(target: Path) -> None:
    """Remove what writers of a target left that were killed; what one had moved away to replace it comes back.

    Parameters
    ----------
    target : path
        What is to appear; places of others in its folder stay.
    """
    folder = target.absolute().parent
    for place in _of(folder, target.name):
        if not is_abandoned(place):
            continue
        if f"{target.name}.replaced-" in place.name and not target.exists():
            with suppress(OSError):
                place.rename(target)
        discard(place)


def sweep_folder(folder: Path) -> None:
    """Remove what writers of anything in a folder left that were killed."""
    for target in {named["target"] for name in _names(folder) if (named := _OWNED.fullmatch(name))}:
        sweep(folder / target)


def discard(place: Path) -> None:
    """Remove a place as far as that can be done."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        with suppress(OSError):
            place.unlink()


def put_in_place(aside: Path, target: Path) -> None:
    """Let what was written aside appear at its target, in the place of what is there.

    At no moment is there nothing, or half of it: the two change places in one step. Where the file system cannot do
    that, the old one is moved away first; killed between the two steps, the next writer brings it back.
    """
    if not target.exists():
        aside.rename(target)
    elif exchange(aside, target):
        discard(aside)
    else:
        old = place_beside(target, "replaced")
        target.rename(old)
        aside.rename(target)
        discard(old)


def exchange(one: Path, other: Path) -> bool:
    """Let two places change their content in one step; False where the system or the file system cannot do it."""
    at_working_directory, swap = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux
    try:
        rename = ctypes.CDLL(None).renameat2
    except (AttributeError, OSError):
        return False
    return bool(
        rename(at_working_directory, os.fsencode(one), at_working_directory, os.fsencode(other), swap) == 0
    )


def _of(folder: Path, name: str) -> list[Path]:
    begins = tuple(f".{name}.{kind}-" for kind in ("partial", "replaced"))
    return [folder / found for found in _names(folder) if found.startswith(begins)]


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 # names, of thousands of parts
    except OSError:
        return []


@cache
def _machine() -> str:
    """Return what tells this machine, since it was started, and this container from others."""
    facts = [socket.gethostname()]
    for known in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            file = Path(known)
            facts.append(str(file.readlink()) if file.is_symlink() else file.read_text(encoding="ascii"))
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _began(pid: int) -> int:
    """Return when a process began, in ticks since the machine did; 0 where that is not told, −1 if it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2]
    except OSError:
        try:
            os.kill(pid, 0)
        except PermissionError:
            return 0
        except OSError:
            return -1
        return 0
    state, *others = fields.split()
    # one that has ended stays until its parent has asked
    return -1 if state in "ZX" else int(others[18])


def _unchanged(place: Path) -> float:
    """Return the seconds since anything in a place changed."""
    last = 0.0
    for path in (place, *place.rglob("*")):
        with suppress(OSError):
            last = max(last, path.lstat().st_mtime)
    return time.time() - last
