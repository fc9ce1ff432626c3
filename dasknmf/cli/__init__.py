"""The command line: each command calls the Python function of its name, with the same options and defaults."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from dasknmf import __version__
from dasknmf.cli.encryption import certs
from dasknmf.cli.enrichment import enrich
from dasknmf.cli.factors import export, fit, top_genes
from dasknmf.cli.listing import solvers
from dasknmf.cli.nesting import fragmentation, nest
from dasknmf.cli.networks import coexpress, import_, info
from dasknmf.cli.planning import plan
from dasknmf.cli.report import report
from dasknmf.cli.shared import memory_limit_option, scheduler_option, workers_option
from dasknmf.cli.submission import cancel, logs, resume, status, submit
from dasknmf.cli.survey import survey
from dasknmf.cli.symmetry import compare, symmetry
from dasknmf.cli.telling import say_error, set_up_logging, telling_options
from dasknmf.errors import DasknmfError, NotConvergedError

if TYPE_CHECKING:
    from dasknmf.cluster import Cluster

DONE, FAILED, USAGE, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def main() -> None:
    """Run a command and leave with its exit code: 0 done, 1 failed, 2 usage, 3 not converged (--strict)."""
    told: dict[str, Any] = {"log_format": "text"}
    try:
        code = commands(standalone_mode=False, obj=told)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        say_error("interrupted; a fit goes on from its last checkpoint with --resume", told["log_format"])
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # the reader of stdout has gone, such as `| head`; nothing may be flushed to it on the way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except DasknmfError as error:
        if os.environ.get("DASKNMF_DEBUG"):
            raise
        say_error(str(error), told["log_format"])
        sys.exit(NOT_CONVERGED if isinstance(error, NotConvergedError) else FAILED)
    except (OSError, MemoryError) as error:
        # the machine failed, not the program: a full disk, a folder that may not be written, no memory
        if os.environ.get("DASKNMF_DEBUG"):
            raise
        said = " ".join(str(error).split())
        said = f"{type(error).__name__}{': ' if said else ''}{said}; DASKNMF_DEBUG=1 shows where"
        say_error(said, told["log_format"])
        sys.exit(FAILED)
    sys.exit(code or DONE)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dasknmf")
@click.option(
    "--storage-options",
    type=click.Path(exists=True, dir_okay=False),
    help="JSON or YAML file with the options of an object store.",
)
@telling_options
@click.pass_context
def commands(context: click.Context, /, **given: Any) -> None:
    """Non-negative factorization of gene networks that do not fit in memory."""
    context.ensure_object(dict).update(given)
    set_up_logging(context)


@click.command()
@click.option("--synthetic", is_flag=True, help="Planted modules instead of the E. coli compendium; offline.")
@click.option("-o", "--output", default="dasknmf-demo", show_default=True, help="Folder for the results.")
@click.option(
    "-k", "--n-components", type=click.IntRange(min=1), help="Factors.  [default: 60; 20 with --synthetic]"
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random."
)
@scheduler_option
@workers_option
@memory_limit_option
def demo(
    synthetic: bool,  # noqa: FBT001
    output: str,
    n_components: int | None,
    seed: int,
    scheduler: Cluster,
    **_: object,  # workers and memory are in the description too
) -> None:
    """Factorize a real gene network: 3,923 E. coli genes, and compare with 92 published modules."""
    from dasknmf.demo import run_demo

    run_demo(
        output,
        synthetic=synthetic,
        n_components=n_components,
        seed=seed,
        scheduler=scheduler,
        echo=click.echo,
    )


for command in (
    import_,
    coexpress,
    info,
    plan,
    fit,
    survey,
    symmetry,
    compare,
    nest,
    fragmentation,
    enrich,
    report,
    top_genes,
    export,
    solvers,
    certs,
    demo,
    submit,
    status,
    logs,
    resume,
    cancel,
):
    commands.add_command(command)
