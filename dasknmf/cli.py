"""The command line: each command calls the Python function of its name, with the same options and defaults."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dasknmf import __version__
from dasknmf.errors import DasknmfError, InputError, NotConvergedError

if TYPE_CHECKING:
    from collections.abc import Callable

DONE, FAILED, USAGE, NOT_CONVERGED, INTERRUPTED = 0, 1, 2, 3, 130


def main() -> None:
    """Run a command and leave with its exit code: 0 done, 1 failed, 2 usage, 3 not converged (--strict)."""
    try:
        code = commands(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("dasknmf: interrupted; a fit goes on from its last checkpoint with --resume", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # the reader of stdout has gone, such as `| head`; nothing may be flushed to it on the way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)
    except DasknmfError as error:
        if os.environ.get("DASKNMF_DEBUG"):
            raise
        click.echo(f"dasknmf: {error}", err=True)
        sys.exit(NOT_CONVERGED if isinstance(error, NotConvergedError) else FAILED)
    sys.exit(code or DONE)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dasknmf")
@click.option(
    "--storage-options",
    type=click.Path(exists=True, dir_okay=False),
    help="JSON or YAML file with the options of an object store.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
@click.pass_context
def commands(context: click.Context, storage_options: str | None, quiet: bool) -> None:  # noqa: FBT001
    """Non-negative factorization of gene networks that do not fit in memory."""
    import logging

    context.obj = {"storage_options": storage_options, "quiet": quiet}
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(message)s")
    logging.getLogger("dasknmf").setLevel(logging.WARNING if quiet else logging.INFO)


def _storage(context: click.Context) -> dict[str, Any]:
    from dasknmf.storage import read_storage_options

    return read_storage_options(context.obj["storage_options"])


def _read_config(context: click.Context, _: click.Parameter, path: str | None) -> None:
    """Take the defaults of a command from a YAML file with the names of its options."""
    if path is None:
        return
    import yaml

    try:
        given = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        msg = f"config {path}: {error}"
        raise InputError(msg) from error
    known = {parameter.name for parameter in context.command.params}
    unknown = [name for name in given if name not in known] if isinstance(given, dict) else ["a mapping is needed"]
    if unknown:
        msg = f"config {path}: {unknown[0]!r} is not an option of {context.command.name}; there are: {', '.join(sorted(known - {'config', None}))}"  # type: ignore[type-var]
        raise InputError(msg)
    context.default_map = {**(context.default_map or {}), **given}


config_option = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    callback=_read_config,
    is_eager=True,
    expose_value=False,
    help="YAML file with the names of these options.",
)
force_option = click.option("-f", "--force", is_flag=True, help="Replace what is at the output.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")


class Numbers(click.ParamType):
    """Whole numbers: ``32``, ``8,16,32`` or ``0:5`` (0 to 4)."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """Return the list of numbers."""
        if isinstance(value, list):
            return value
        numbers: list[int] = []
        try:
            for part in str(value).split(","):
                if ":" in part:
                    numbers += range(*(int(end) for end in part.split(":")))
                else:
                    numbers.append(int(part))
        except (ValueError, TypeError):
            numbers = []
        if not numbers:
            self.fail(f"{value!r}: give whole numbers such as 32, 8,16,32 or 0:5", param, ctx)
        return numbers


def _fit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add every field of ModelOptions and RunOptions that has no option of its own."""
    from dasknmf.options import STARTS, ModelOptions, RunOptions

    choices = {"init": [start for start in STARTS if start != "given"], "diagonal": ["keep", "ignore"]}
    helps = {
        "init": "Start; restarts need random.",
        "diagonal": "ignore leaves the diagonal out of the objective.",
        "max_iter": "Most iterations, of two reads each.",
        "tol": "Stop at this projected gradient, relative to the first.",
        "tol_objective": "Stop when ten iterations lower the objective by less than this share.",
        "max_seconds": "Stop after so many seconds.",
        "bound": "Also compute the Eckart–Young bound, in three to eight reads.",
    }
    for field in reversed([*fields(ModelOptions), *fields(RunOptions)]):
        if field.name in ("n_components", "solver", "seed"):
            continue
        flag = "--" + field.name.replace("_", "-").lower()
        settings: dict[str, Any] = {"default": field.default, "show_default": field.default is not None}
        if field.name in choices:
            settings["type"] = click.Choice(choices[field.name])
        elif isinstance(field.default, bool):
            flag = f"{flag}/--no-{field.name}"
        else:
            settings["type"] = int if field.name == "max_iter" else float
        penalty = f"{field.name[:2].upper()} penalty of {field.name[-1]}."
        command = click.option(flag, field.name, help=helps.get(field.name, penalty), **settings)(command)
    return command


@commands.command()
@click.argument("network")
@click.option("-k", "--n-components", type=Numbers(), required=True, help="Rank; several share every read.")
@click.option("-o", "--output", required=True, help="Where the factors go, a path or URL.")
@click.option("--solver", default="hals", show_default=True, help="hals or mu; several with commas.")
@click.option("--seed", type=Numbers(), default="0", show_default=True, help="Of the random start.")
@_fit_options
@click.option("--scheduler", default="threads", show_default=True, help="threads, local, an address or a file.")
@click.option("--workers", type=int, help="Threads, or processes of --scheduler local.")
@click.option("--memory-limit", help="Of each process, such as 4GiB.")
@click.option("--checkpoint", help="Checkpoint file.  [default: beside the output]")
@click.option("--checkpoint-seconds", type=float, default=60.0, show_default=True, help="Seconds between checkpoints.")
@click.option("--checkpoint-iterations", type=int, help="Iterations between checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, if there is one.")
@click.option("--strict", is_flag=True, help="Leave with 3 when a model has not converged.")
@force_option
@json_option
@config_option
@click.pass_context
def fit(
    context: click.Context,
    network: str,
    n_components: list[int],
    output: str,
    solver: str,
    seed: list[int],
    strict: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    **options: Any,
) -> None:
    """Factorize NETWORK, a store made by import or coexpress, and save the factors."""
    from dasknmf.models import checkpoint_beside, nmf_many
    from dasknmf.options import ModelOptions, split_options
    from dasknmf.progress import progress_listener
    from dasknmf.results import save
    from dasknmf.storage import exists

    storage = _storage(context)
    if exists(output, storage_options=storage) and not force:
        msg = f"{output} exists already; choose another name, or overwrite it with --force"
        raise InputError(msg)
    sharing = {name: options.pop(name) for name in list(options) if name in _RUNNING}
    of_model, run = split_options(options)
    models = [
        ModelOptions(k, solver=name, seed=s, **of_model)
        for name in solver.split(",")
        for k in n_components
        for s in seed
    ]
    with progress_listener(quiet=context.obj["quiet"]) as listener:
        fits = nmf_many(
            network,
            models,
            run=run,
            checkpoint=checkpoint or checkpoint_beside(output),
            storage_options=storage,
            progress=listener,
            **sharing,
        )
    children = {name: child.to_dataset() for name, child in fits.children.items()}
    save(
        fits if len(children) > 1 else next(iter(children.values())),
        output,
        overwrite=force,
        storage_options=storage,
    )
    _report_fits(children, output, as_json=as_json)
    if strict and not all(child.attrs["converged"] for child in children.values()):
        msg = f"saved {output}, but not converged within --max-iter {run.max_iter}; raise it, or --tol"
        raise NotConvergedError(msg)


#: Options of ``fit`` that say where and how, not what.
_RUNNING = ("scheduler", "workers", "memory_limit", "checkpoint_seconds", "checkpoint_iterations", "resume")


def _report_fits(fits: dict[str, Any], output: str, *, as_json: bool) -> None:
    facts = ("relative_error", "eckart_young", "n_iter", "stop_reason", "reads", "seconds")
    rows = {name: {fact: fit.attrs[fact] for fact in facts} for name, fit in fits.items()}
    if as_json:
        click.echo(json.dumps({"output": output, "models": rows}, default=float))
        return
    click.echo("model\trelative error\tEckart-Young bound\titerations\tstopped\treads of A\tseconds")
    for name, row in rows.items():
        click.echo(
            f"{name}\t{row['relative_error']:.4f}\t{row['eckart_young']:.4f}\t{row['n_iter']}\t"
            f"{row['stop_reason']}\t{row['reads']}\t{row['seconds']:.1f}"
        )
    click.echo(f"saved {output}")


@commands.command()
@click.argument("network")
@click.option("--verify", is_flag=True, help="Read every tile and compare it with its checksum.")
@json_option
@click.pass_context
def info(context: click.Context, network: str, verify: bool, as_json: bool) -> None:  # noqa: FBT001
    """Print what is in NETWORK."""
    from dasknmf.network.card import network_card
    from dasknmf.network.store import open_network

    opened = open_network(network, storage_options=_storage(context))
    if verify:
        opened.verify()
    card = {**network_card(opened), **({"verified": True} if verify else {})}
    if as_json:
        click.echo(json.dumps(card))
        return
    width = max(map(len, card))
    for name, value in card.items():
        shown = json.dumps(value) if isinstance(value, dict) else f"{value:,}" if isinstance(value, int) else value
        click.echo(f"{name:{width}}  {shown}")


def _one_model(context: click.Context, path: str, model: str | None) -> Any:
    """Load a fit; of a result with several models, the one that is named."""
    import xarray as xr

    from dasknmf.results import load

    loaded = load(path, storage_options=_storage(context))
    if isinstance(loaded, xr.Dataset):
        return loaded
    names = list(loaded.children)
    if model not in names:
        msg = f"{path} holds {len(names)} models; choose one with --model: {', '.join(names)}"
        raise InputError(msg)
    return loaded[model].to_dataset()


model_option = click.option("--model", help="Which model, of a result with several.")


@commands.command("top-genes")
@click.argument("fit")
@click.option("-n", "--number", type=click.IntRange(min=1), default=10, show_default=True, help="Genes a factor.")
@click.option("--long", "as_table", is_flag=True, help="One row a gene, with its loading, as TSV.")
@model_option
@json_option
@click.pass_context
def top_genes_command(
    context: click.Context,
    fit: str,
    number: int,
    as_table: bool,  # noqa: FBT001
    model: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Print the genes with the largest loadings of each factor of FIT, on both sides."""
    from dasknmf.analysis.genes import top_genes

    table = top_genes(_one_model(context, fit, model), n=number)
    if as_json:
        click.echo(table.to_json(orient="records"))
    elif as_table:
        click.echo(table.to_csv(sep="\t", index=False), nl=False)
    else:
        for (factor, side), genes in table.groupby(["factor", "side"], sort=False):
            click.echo(f"{factor}\t{side}\t{' '.join(genes['gene'])}")


@commands.command()
@click.argument("fit")
@click.argument("output")
@model_option
@force_option
@click.pass_context
def export(context: click.Context, fit: str, output: str, model: str | None, force: bool) -> None:  # noqa: FBT001
    """Write FIT for other tools: OUTPUT ends in .tsv, .tsv.gz, .h5ad (AnnData) or .rnk (GSEA, a folder)."""
    from dasknmf.export import export as write

    click.echo(f"saved {write(_one_model(context, fit, model), output, overwrite=force)}")


@commands.command()
@click.option("--synthetic", is_flag=True, help="Planted modules instead of the E. coli compendium; offline.")
@click.option("-o", "--output", default="dasknmf-demo", show_default=True, help="Folder for the results.")
@click.option("--scheduler", default="threads", show_default=True, help="threads, local, an address or a file.")
def demo(synthetic: bool, output: str, scheduler: str) -> None:  # noqa: FBT001
    """Factorize a real gene network: 3,923 E. coli genes, and compare with 92 published modules."""
    from dasknmf.demo import run_demo

    run_demo(output, synthetic=synthetic, scheduler=scheduler, echo=click.echo)


if __name__ == "__main__":
    main()
