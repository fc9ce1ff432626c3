"""What several commands share: options, and how their values are read."""

from __future__ import annotations

import io
import json
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dasknmf.cli.telling import listener_of
from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dasknmf.execution import Execution


def storage_of(context: click.Context) -> dict[str, Any]:
    """Return the options of the object store, from --storage-options or the environment."""
    from dasknmf.storage import read_storage_options

    return read_storage_options(context.obj["storage_options"])


def read_config(context: click.Context, /, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of a command from a YAML file with the names of its options."""
    if path is None:
        return
    from dasknmf.storage import read_mapping

    given = read_mapping(path, what="config")
    known = {str(parameter.name) for parameter in context.command.params}
    given = {
        "scheduler" if name == "cluster" and name not in known else name: value
        for name, value in given.items()
    }
    unknown = sorted(set(given) - known)
    if unknown:
        there = ", ".join(sorted(known - {"config"}))
        msg = f"config {path}: {unknown[0]!r} is not an option of {context.command.name}; there are: {there}"
        raise InputError(msg)
    taken = {name: _as_typed(context, path, name, value) for name, value in given.items()}
    context.default_map = {**(context.default_map or {}), **taken}


def _as_typed(context: click.Context, path: str, name: str, value: Any) -> Any:
    """Return a value of a file as somebody would type it, so that it is checked as what is typed.

    Raises
    ------
    InputError
        If nobody could type it.
    """
    option = next(parameter for parameter in context.command.params if parameter.name == name)
    if isinstance(option.type, Where) and isinstance(value, (str, dict)):
        return value
    several = option.multiple or option.nargs != 1 or isinstance(option.type, (Names, Numbers))
    values = value if isinstance(value, list) and several else [value]
    for one in values:
        if not isinstance(one, (str, int, float)) and not (one is None and values is not value):
            what = type(one).__name__
            needs = "one value" if not several else "a value, or a list of them"
            msg = f"config {path}: {name} holds a {what}; needs {needs}, as after --{name.replace('_', '-')}"
            raise InputError(msg)
    if (
        isinstance(value, list)
        or value is None
        or (isinstance(value, bool) and getattr(option, "is_flag", False))
    ):
        return value
    return str(value)


config_option = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    callback=read_config,
    is_eager=True,
    expose_value=False,
    help="YAML file with the names of these options.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace what is at the output.")


class Where(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.5
    """A word, an address or a file; in a configuration file also a mapping that describes a cluster."""

    name = "where"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value; it is read once all options are there."""
        del param, ctx
        return value


def scheduler_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where a run takes place; the command gets them as ``scheduler``, one description."""
    for option in reversed(_WHERE):
        command = option(command)

    @wraps(command)
    def described(*arguments: Any, tls: Any, insecure: bool, **options: Any) -> Any:
        from dasknmf.cluster import read_cluster

        options["scheduler"] = read_cluster(
            options["scheduler"],
            workers=options.get("workers"),
            memory=options.get("memory_limit"),
            tls=tls,
            insecure=insecure or None,
        )
        return command(*arguments, **options)

    return described


_WHERE = (
    click.option(
        "--cluster",
        "--scheduler",
        "scheduler",
        type=Where(),
        default="threads",
        show_default=True,
        help="threads, serial, local, slurm, kubernetes, an address, a scheduler file or a YAML file.",
    ),
    click.option("--tls", type=Where(), help="Folder that `dasknmf certs` made, for tls:// addresses."),
    click.option(
        "--insecure", is_flag=True, help="Allow plain tcp beyond loopback: whoever reaches it runs code."
    ),
)
workers_option = click.option("--workers", type=int, help="Threads, worker processes, jobs or pods.")
memory_limit_option = click.option("--memory-limit", help="Of each process, such as 4GiB.")
performance_report_option = click.option(
    "--performance-report",
    metavar="FILE",
    help="Keep Dask's own report of a run on a cluster: one HTML file.",
)
patience_option = click.option(
    "--patience",
    type=click.FloatRange(min=0),
    default=600.0,
    show_default=True,
    help="Seconds to wait for a worker, or for a cluster that was lost to come back.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


def require_folders(*files: str | None) -> None:
    """Refuse files whose folder is not there, before long work."""
    for file in files:
        if file is not None and not Path(file).absolute().parent.is_dir():
            msg = f"{file}: there is no folder {Path(file).absolute().parent}; make it first"
            raise InputError(msg)


def write_table(rows: Any, file: str, *, index: bool = True) -> None:
    """Write a table as TSV, seen whole or not at all."""
    from dasknmf.whole_file import write_whole

    write_whole(file, rows.to_csv(sep="\t", index=index).encode())


def write_figure(figure: Any, file: str) -> None:
    """Write a figure in the format that the ending of its name says, seen whole or not at all."""
    from dasknmf.whole_file import write_whole

    drawn = io.BytesIO()
    try:
        figure.savefig(drawn, dpi=150, format=Path(file).suffix.removeprefix(".") or "png")
    except ValueError as error:
        msg = f"figure {file}: {error}; end its name in .png, .svg or .pdf"
        raise InputError(msg) from error
    write_whole(file, drawn.getbuffer())


#: Options that say where and how a run goes, not what it does.
RUNNING = ("scheduler", "workers", "memory_limit", "resume", "patience")


def run_and_save(
    context: click.Context,
    run: Callable[[Execution], Any],
    output: str,
    running: dict[str, Any],
    *,
    checkpoint: str | None,
    force: bool,
) -> Any:
    """Run with progress, save the result, and only then remove the checkpoint, by default beside the output."""
    from dasknmf.execution import Execution, checkpoint_beside
    from dasknmf.lock import locked
    from dasknmf.results import save
    from dasknmf.storage import remove

    storage = storage_of(context)
    place = checkpoint or checkpoint_beside(output)
    with locked(output, place):
        with listener_of(context) as listener:
            # the checkpoint stays until the result is saved
            execution = Execution(
                **running, checkpoint=place, storage_options=storage, progress=listener, keep_checkpoint=True
            )
            found = run(execution)
        save(found, output, overwrite=force, storage_options=storage)
        remove(place, storage_options=storage)
    return found


def echo_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object; what JSON has no number for (NaN, infinity) is null."""
    from dasknmf.observing.records import plain

    click.echo(json.dumps(plain(value), allow_nan=False))


class Names(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.5
    """Words: ``hals``, ``hals,mu``, or a list in a configuration file."""

    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        """Return the list of words."""
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        names = [str(name).strip() for name in given]
        if not all(names) or not names:
            self.fail(f"{value!r}: give one name, or several with commas", param, ctx)
        return names


class Numbers(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.5
    """Whole numbers: ``32``, ``8,16,32`` or ``0:5`` (0 to 4), or a list of these in a configuration file."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the list of numbers."""
        given = value if isinstance(value, (list, tuple)) else str(value).split(",")
        numbers: list[int] = []
        try:
            for part in map(str, given):
                if ":" in part:
                    numbers += range(*(int(end) for end in part.split(":")))
                else:
                    numbers.append(int(part))
        except (ValueError, TypeError):
            numbers = []
        if not numbers:
            self.fail(f"{value!r}: give whole numbers such as 32, 8,16,32 or 0:5", param, ctx)
        return numbers
