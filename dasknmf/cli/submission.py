"""Commands on runs that go on without the shell: submit, status, logs, resume, cancel."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dasknmf.cli.shared import echo_json, json_option

if TYPE_CHECKING:
    from dasknmf.submitting.command import Command
    from dasknmf.submitting.state import Status

_ID = "A run by its ID: its folder, its output, or the name of either, below the current folder."


# what is not an option of submit is of the command, also without --
@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--cluster", help="Where: threads, local, an address or a file, slurm.  [default: threads]")
@click.option(
    "--walltime", help="Of the driver's job on Slurm, such as 24h.  [default: that of the cluster's jobs]"
)
@click.option("--run-folder", help="Folder of all that is known of the run.  [default: OUTPUT.run]")
@click.option("-f", "--force", is_flag=True, help="Replace the folder of a run that has ended.")
@json_option
@click.pass_context
def submit(
    context: click.Context,
    /,
    command: tuple[str, ...],
    cluster: str | None,
    walltime: str | None,
    run_folder: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Send COMMAND to run inside a cluster, or in the background here, print its ID and return at once.

    COMMAND is fit, survey, symmetry, compare, nest or report with its arguments, after --.
    """
    from dasknmf.submitting import status as status_of
    from dasknmf.submitting import submit as send

    given = context.obj
    storage = given["storage_options"]
    before = ["--quiet"] * given["quiet"]
    before += [] if storage is None else ["--storage-options", str(Path(storage).absolute())]
    run = send(
        _parsed(context, command),
        cluster=cluster,
        walltime=walltime,
        run_folder=run_folder,
        before=before,
        force=force,
    )
    if as_json:
        echo_json(asdict(status_of(run)))
        return
    click.echo(run.id)
    if not given["quiet"]:
        click.echo(f"look at it: dasknmf status {run.id}", err=True)


def _parsed(context: click.Context, arguments: tuple[str, ...]) -> Command:
    """Read a command as it will be read when it runs, so that a wrong option is refused now."""
    from dasknmf.execution import checkpoint_beside
    from dasknmf.submitting.command import CHANGES, COMMANDS, Command, require_known

    name, *rest = arguments
    require_known(name)
    group = context.find_root().command
    assert isinstance(group, click.Group)
    command = group.commands[name]
    with command.make_context(name, rest, parent=context.parent) as inner:
        given = inner.params
        default = click.core.ParameterSource.DEFAULT
        where = [
            given[option]
            for option in ("cluster", "scheduler")
            if given.get(option) is not None and inner.get_parameter_source(option) is not default
        ]
    return Command(
        arguments,
        given["output"],
        (given.get("checkpoint") or checkpoint_beside(given["output"])) if COMMANDS[name] else None,
        overwrites=bool(given.get("force")),
        cluster=where[0] if where else None,
        changes={
            name: value
            for name, option in CHANGES.items()
            if (value := given.get(option[2:].replace("-", "_"))) is not None
        },
    )


@click.command(epilog=_ID)
@click.argument("run", metavar="[ID]", required=False)
@json_option
def status(run: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Print how the run ID is: queued, running, done, failed, cancelled or lost; without ID all runs below here."""
    from dasknmf.submitting import find_run, runs_under
    from dasknmf.submitting import status as status_of

    if run is not None:
        found = status_of(find_run(run))
        if as_json:
            echo_json(asdict(found))
        else:
            _print(found)
        return
    all_found = [status_of(one) for one in runs_under(Path.cwd())]
    if as_json:
        echo_json({"runs": [asdict(one) for one in all_found]})
        return
    if not all_found:
        click.echo("no run in this folder or below; send one: dasknmf submit -- fit …", err=True)
        return
    click.echo("run\tstate\tseconds\tprogress")
    for one in all_found:
        click.echo(f"{one.id}\t{one.state}\t{_seconds(one)}\t{one.reason or one.progress}")


def _seconds(found: Status) -> str:
    return "" if found.seconds is None else f"{found.seconds:.0f}"


def _print(found: Status) -> None:
    """Print what there is to say, a line a fact."""
    rows: dict[str, Any] = {
        "run": found.id,
        "state": found.state + (f", {found.reason}" if found.reason else ""),
        "command": found.command,
        "place": found.place + (f", attempt {found.attempt}" if found.attempt > 1 else ""),
        "progress": found.progress,
        "seconds": _seconds(found),
        "exit code": "" if found.exit_code is None else str(found.exit_code),
        "checkpoint": found.checkpoint,
        "result": found.result,
        "next": found.next,
    }
    for name, value in rows.items():
        if value:
            click.echo(f"{name}\t{value}")


@click.command(epilog=_ID)
@click.argument("run", metavar="ID")
@click.option("--follow", is_flag=True, help="Go on until the run has ended.")
@click.option("--json", "as_json", is_flag=True, help="Its events instead, a JSON object a line.")
def logs(run: str, follow: bool, as_json: bool) -> None:  # noqa: FBT001
    """Print what the run ID has printed."""
    from dasknmf.submitting import logs as pieces

    for piece in pieces(run, follow=follow, events=as_json):
        click.echo(piece, nl=False)


@click.command(epilog=_ID)
@click.argument("run", metavar="ID")
@click.option("-f", "--force", is_flag=True, help="Also a run of another machine, which is gone.")
@json_option
@click.pass_context
def resume(context: click.Context, /, run: str, force: bool, as_json: bool) -> None:  # noqa: FBT001
    """Go on with the run ID, which was cancelled, failed or was lost, from its last checkpoint."""
    from dasknmf.submitting import resume as go_on
    from dasknmf.submitting import status as status_of

    found = go_on(run, force=force)
    if as_json:
        echo_json(asdict(status_of(found)))
        return
    click.echo(found.id)
    if not context.obj["quiet"]:
        click.echo(f"look at it: dasknmf status {found.id}", err=True)


@click.command(epilog=_ID)
@click.argument("run", metavar="ID")
@click.option("--kill", is_flag=True, help="End it at once, not at a checkpoint.")
@click.option("--wait", type=float, default=60.0, show_default=True, help="Most seconds to wait for its end.")
@json_option
def cancel(run: str, kill: bool, wait: float, as_json: bool) -> None:  # noqa: FBT001
    """Ask the run ID to end at a checkpoint, from which `dasknmf resume ID` goes on."""
    from dasknmf.submitting import cancel as end
    from dasknmf.submitting import find_run
    from dasknmf.submitting import status as status_of

    found = find_run(run)
    state = end(found, kill=kill, wait=wait)
    if as_json:
        echo_json(asdict(status_of(found)))
        return
    click.echo(f"{found.id}\t{state}")
    if state in ("queued", "running"):
        click.echo(f"it has not ended in {wait:.0f} s; at once: dasknmf cancel {found.id} --kill", err=True)
