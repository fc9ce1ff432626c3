"""What is asked of a run, read from its arguments."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.execution import checkpoint_beside
from dasknmf.storage import is_remote, require_free

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Commands that can be sent, and whether they take --cluster and --resume.
COMMANDS = {"fit": True, "survey": True, "symmetry": True, "compare": True, "nest": True, "report": False}
#: What a driver's own job needs to know of its cluster, and the options of commands that say it.
CHANGES = {"memory": "--memory-limit", "walltime": "--walltime"}
#: A password in an address, or a signature or key in its query.
_SECRET = re.compile(
    r"://[^/\s@]*:[^/\s@]+@|[?&](?:sig|signature|token|password|secret|key|x-amz-[a-z-]+)=", re.I
)


@dataclass(frozen=True)
class Command:
    """A command that can be sent.

    Attributes
    ----------
    arguments : tuple of str
        What one would type after ``dasknmf``.
    output : str
        Where its result goes.
    checkpoint : str or None
        Where its checkpoint goes; None of a command that has none.
    overwrites : bool
        Whether it replaces what is at its output.
    cluster : optional
        Where it runs, if its arguments or its configuration say so.
    changes : dict
        What its arguments say of the cluster besides: ``memory`` and ``walltime``.
    """

    arguments: tuple[str, ...]
    output: str
    checkpoint: str | None
    overwrites: bool
    cluster: Any
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def resumable(self) -> bool:
        """Whether it takes --resume, and with it --cluster."""
        return COMMANDS[self.arguments[0]]

    def check(self) -> None:
        """Refuse what would fail later, or would write down what nobody may read.

        Raises
        ------
        InputError
            If an argument holds a secret, or the output is taken.
        """
        if any(_SECRET.search(argument) for argument in self.arguments):
            # not quoted: this goes to screens and logs
            msg = (
                "an argument is an address with a password, a key or a signature, which would be written down; give "
                "credentials in the environment, or in a file with --storage-options"
            )
            raise InputError(msg)
        if not is_remote(self.output):
            require_free(self.output, overwrite=self.overwrites)


def read_command(arguments: Sequence[str | os.PathLike[str]]) -> Command:
    """Read what one would type after ``dasknmf``.

    Raises
    ------
    InputError
        If it cannot be sent, or has no output.

    Examples
    --------
    >>> read_command(["fit", "net.zarr", "-k", "32", "-o", "fit.zarr"]).checkpoint
    'fit.zarr.checkpoint'
    >>> read_command(["top-genes", "fit.zarr"])
    Traceback (most recent call last):
    dasknmf.errors.InputError: 'top-genes' cannot be submitted; give fit, survey, symmetry, compare, nest or report
    """
    given = [os.fspath(argument) for argument in arguments]
    require_known(given[0] if given else "")
    output = _value(given, "-o", "--output") or ("report.html" if given[0] == "report" else None)
    if output is None:
        msg = f"{given[0]}: no output is given; add -o PLACE"
        raise InputError(msg)
    return Command(
        tuple(given),
        output,
        (_value(given, "--checkpoint") or checkpoint_beside(output)) if COMMANDS[given[0]] else None,
        overwrites=bool({"-f", "--force"} & set(given)),
        cluster=_value(given, "--cluster", "--scheduler"),
        changes={
            name: value for name, option in CHANGES.items() if (value := _value(given, option)) is not None
        },
    )


def require_known(name: str) -> None:
    """Refuse the name of a command that cannot be sent.

    Raises
    ------
    InputError
        Naming those that can be.
    """
    if name not in COMMANDS:
        known = ", ".join(COMMANDS).replace(", report", " or report")
        msg = f"{name!r} cannot be submitted; give {known}"
        raise InputError(msg)


def _value(arguments: Sequence[str], *names: str) -> str | None:
    """Return what follows an option, as ``-o X``, ``-oX``, ``--output X`` or ``--output=X``; the last counts."""
    found = None
    for here, following in zip(arguments, [*arguments[1:], None], strict=True):
        for name in names:
            if here == name:
                found = following
            elif name.startswith("--"):
                found = here.partition("=")[2] if here.startswith(f"{name}=") else found
            elif here.startswith(name) and not here.startswith("--"):
                found = here.removeprefix(name)
    return found
