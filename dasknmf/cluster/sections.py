"""The parts of a description of a cluster that one kind of cluster has: how it is read, TLS, Slurm."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_section(kind: type[Any], name: str, given: Any, *, folder: Path | None = None) -> Any:
    """Return a section of a description, from a mapping with the names of its fields.

    Raises
    ------
    InputError
        If it holds a name that there is not, or a wrong value.
    """
    if isinstance(given, kind):
        return given
    if not isinstance(given, dict):
        msg = f"{name}: {type(given).__name__}, needs a mapping with some of: {names_of(kind)}"
        raise InputError(msg)
    refuse_unknown(given, kind, where=name)
    paths = {f.name for f in fields(kind) if f.metadata.get("path")}
    return kind(**{key: beside(value, folder) if key in paths else value for key, value in given.items()})


def names_of(kind: type[Any]) -> str:
    """Return the names of the fields of a section, with commas."""
    return ", ".join(f.name for f in fields(kind))


def refuse_unknown(given: Mapping[Any, Any], kind: type[Any], *, where: str) -> None:
    """Refuse a mapping with a name that is no field."""
    known = {f.name for f in fields(kind)}
    unknown = [key for key in given if key not in known]
    if unknown:
        msg = f"{where}: {unknown[0]!r} is not known; there are: {names_of(kind)}"
        raise InputError(msg)


def beside(path: Any, folder: Path | None) -> Any:
    """Return a path of a file as seen from the folder of that file."""
    if folder is None or not isinstance(path, str | os.PathLike):
        return path
    return str(folder / Path(path).expanduser())


def put(section: Any, name: str, value: Any) -> None:
    """Set a field of a dataclass that is frozen once it is made."""
    object.__setattr__(section, name, value)


def check_text(section: Any, where: str, *names: str) -> None:
    """Refuse what is no text of one line; a path becomes text."""
    for name in names:
        value = getattr(section, name)
        if isinstance(value, os.PathLike):
            value = os.fspath(value)
            put(section, name, value)
        if value is None:
            continue
        if not isinstance(value, str) or not value.strip() or any(ord(letter) < 32 for letter in value):
            msg = f"{where}.{name}={value!r}: needs a text of one line"
            raise InputError(msg)


def check_texts(section: Any, where: str, *names: str) -> None:
    """Refuse what is no list of texts; one text is a list of one."""
    for name in names:
        value = getattr(section, name)
        if isinstance(value, str) or not isinstance(value, list | tuple):
            value = [value]
        if not all(isinstance(one, str) and one.strip() and "\n" not in one for one in value):
            msg = f"{where}.{name}={getattr(section, name)!r}: needs a list of texts of one line each"
            raise InputError(msg)
        put(section, name, tuple(value))


def check_flag(section: Any, where: str, name: str) -> None:
    """Refuse what is neither true nor false."""
    if not isinstance(getattr(section, name), bool):
        msg = f"{where}.{name}={getattr(section, name)!r}: needs true or false"
        raise InputError(msg)


def check_table(section: Any, where: str, name: str) -> dict[str, str]:
    """Check a mapping of text to text; numbers become text, since YAML writes them without quotes."""
    value = getattr(section, name)
    good = isinstance(value, dict) and all(
        isinstance(key, str) and key and isinstance(held, str | int | float) and not isinstance(held, bool)
        for key, held in value.items()
    )
    if not good:
        msg = f"{where}.{name}: needs a mapping of text to text; put true, false and no in quotes"
        raise InputError(msg)
    table = {key: str(held) for key, held in value.items()}
    put(section, name, table)
    return table


@dataclass(frozen=True)
class TLS:
    """Files of a cluster's own CA, and the certificate and key of this process, PEM each.

    What `dasknmf certs FOLDER` makes is given as the folder alone, as :meth:`of_folder` does.
    """

    ca: str = field(metadata={"path": True})
    cert: str = field(metadata={"path": True})
    key: str = field(metadata={"path": True})

    def __post_init__(self) -> None:
        for name in ("ca", "cert", "key"):
            if getattr(self, name) is None:
                msg = f"tls.{name} is missing; needs ca, cert and key, or the folder that dasknmf certs made"
                raise InputError(msg)
        check_text(self, "tls", "ca", "cert", "key")

    @classmethod
    def of_folder(cls, folder: str | os.PathLike[str], *, role: str) -> Self:
        """Return the files of a folder that ``dasknmf certs`` made, for the role of this process."""
        place = Path(folder).expanduser()
        return cls(str(place / "ca.pem"), str(place / f"{role}.pem"), str(place / f"{role}-key.pem"))

    def require(self) -> None:
        """Refuse files that are not there.

        Raises
        ------
        InputError
            Naming the first, and what to type.
        """
        for name in ("ca", "cert", "key"):
            path = Path(getattr(self, name)).expanduser()
            if not path.is_file():
                msg = f"tls.{name}: there is no file {path}; make a CA and certificates with: dasknmf certs FOLDER"
                raise InputError(msg)
            if not os.access(path, os.R_OK):
                msg = f"tls.{name}: {path} may not be read by this user; its owner is to run this"
                raise InputError(msg)


@dataclass(frozen=True)
class Slurm:
    """How the jobs of a cluster on Slurm are asked for; every field may be left out.

    Parameters
    ----------
    partition, account : str, optional
        Of ``sbatch``.
    interface : str, optional
        Network interface of scheduler and workers, such as ``ib0``; by default that of the default route.
    directives : list of str
        More lines of ``#SBATCH``, such as ``--constraint=rome``.
    prologue : list of str
        Lines of shell before the worker, such as ``module load python``.
    python : path, optional
        The interpreter on the nodes; by default the one of this process.
    log_directory : path, optional
        Folder of the jobs' output, seen by the nodes; by default where Slurm puts it.
    local_directory : path, optional
        Fast local disk of the nodes, such as ``/scratch``.
    shared_directory : path, optional
        Folder that this machine and the nodes both see, for the keys that are made for one run, which only their
        owner can read; by default the home folder. Not needed with ``tls``.
    """

    partition: str | None = None
    account: str | None = None
    interface: str | None = None
    directives: tuple[str, ...] = ()
    prologue: tuple[str, ...] = ()
    python: str | None = None
    log_directory: str | None = field(default=None, metadata={"path": True})
    local_directory: str | None = None
    shared_directory: str | None = field(default=None, metadata={"path": True})

    def __post_init__(self) -> None:
        singles = ("partition", "account", "interface", "python")
        check_text(self, "slurm", *singles, "log_directory", "local_directory", "shared_directory")
        check_texts(self, "slurm", "directives", "prologue")
