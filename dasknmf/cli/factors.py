"""Commands on factors: fit, top-genes, export."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import click

from dasknmf.cli.shared import (
    Names,
    Numbers,
    config_option,
    echo_json,
    force_option,
    json_option,
    memory_limit_option,
    patience_option,
    performance_report_option,
    scheduler_option,
    storage_of,
    workers_option,
)
from dasknmf.cli.telling import listener_of
from dasknmf.errors import InputError, NotConvergedError

if TYPE_CHECKING:
    from collections.abc import Callable


def _fit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add every field of ModelOptions and RunOptions that has no option of its own."""
    from dasknmf.options import STARTS, ModelOptions, RunOptions
    from dasknmf.parameters import PARAMETERS

    choices = {"init": [start for start in STARTS if start != "given"], "diagonal": ["keep", "ignore"]}
    helps = {
        **{name: parameter.does for name, parameter in PARAMETERS.items()},
        "init": (
            "Start; auto is nndsvd, nndsvda for solvers that multiply, which do not depend on --seed. Restarts need "
            "random_acol, means of random columns of the network, or random."
        ),
        "diagonal": "ignore leaves the diagonal out of the objective.",
        "max_iter": "Most iterations, on the sketch, or with --exact on the network.",
        "tol": "Stop at this norm of the projected gradient, relative to A·X.",
        "tol_objective": "Stop when ten iterations lower the objective by less than this share.",
        "max_seconds": "Stop after so many seconds.",
        "bound": (
            "Also report the Eckart–Young bound, which no factors of this rank can be better than. The sketch has it; "
            "with --exact it takes a few more reads."
        ),
        "exact": (
            "Do all iterations on the network, two reads of it each, instead of on its sketch, which takes at most 8 "
            "reads in all."
        ),
        "polish": "Most iterations on the network that follow those on the sketch, two reads each.",
        "theta": "Smoothing of nsnmf, from 0 to below 1.  [default: 0.5]",
        "floor": "brunet, nsnmf: what entries are raised to every ten iterations.  [default: 2.2e-16, 0]",
        "connectivity": (
            "brunet, nsnmf: stop when so many checks in a row, one every ten iterations, find the same genes together; "
            "0 never.  [default: 40]"
        ),
    }
    for field in reversed([*fields(ModelOptions), *fields(RunOptions)]):
        if field.name in ("n_components", "solver", "seed"):
            continue
        flag = "--" + field.name.replace("_", "-").lower()
        settings: dict[str, Any] = {"default": field.default, "show_default": field.default is not None}
        if field.name in PARAMETERS:
            takes = PARAMETERS[field.name].takes
            kinds = {"whole": int, "number": float}
            settings["type"] = click.Choice(takes) if isinstance(takes, tuple) else kinds[takes]
        elif field.name in choices:
            settings["type"] = click.Choice(choices[field.name])
        elif isinstance(field.default, bool):
            flag = f"{flag}/--no-{field.name}"
        else:
            whole = isinstance(field.default, int) or "int" in str(field.type)
            settings["type"] = int if whole else float
        penalty = f"{field.name[:2].upper()} penalty of {field.name[-1]}."
        command = click.option(flag, field.name, help=helps.get(field.name, penalty), **settings)(command)
    return command


@click.command()
@click.argument("network")
@click.option("-k", "--n-components", type=Numbers(), required=True, help="Rank; several share every read.")
@click.option("-o", "--output", required=True, help="Where the factors go, a path or URL.")
@click.option(
    "--solver",
    type=Names(),
    default="hals",
    show_default=True,
    help="Algorithm, of those that `dasknmf solvers` lists; several with commas.",
)
@click.option("--seed", type=Numbers(), default="0", show_default=True, help="Of what is random.")
@_fit_options
@click.option("--missing", help="Store whose non-zero pairs of genes are unknown and do not count.")
@click.option(
    "--weights",
    help="Store of weights from 0 to 1, for hals and mu; pairs that a sparse one does not have do not count.",
)
@scheduler_option
@workers_option
@memory_limit_option
@patience_option
@performance_report_option
@click.option("--checkpoint", help="Checkpoint file.  [default: beside the output]")
@click.option(
    "--checkpoint-seconds", type=float, default=60.0, show_default=True, help="Seconds between checkpoints."
)
@click.option("--checkpoint-iterations", type=int, help="Iterations between checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, if there is one.")
@click.option("--strict", is_flag=True, help="Leave with 3 when a model has not converged.")
@force_option
@json_option
@config_option
@click.pass_context
def fit(
    context: click.Context,
    /,
    network: str,
    n_components: list[int],
    output: str,
    solver: list[str],
    seed: list[int],
    strict: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    missing: str | None,
    weights: str | None,
    **options: Any,
) -> None:
    """Factorize NETWORK, a store made by import or coexpress, and save the factors."""
    from dasknmf.execution import Execution, checkpoint_beside
    from dasknmf.lock import locked
    from dasknmf.mixed import model_grid
    from dasknmf.models import nmf_many
    from dasknmf.options import split_options
    from dasknmf.results import save
    from dasknmf.storage import remove, require_free

    storage = storage_of(context)
    require_free(output, overwrite=force, storage_options=storage)
    running = {name: options.pop(name) for name in _RUNNING}
    of_model, run = split_options(options)
    models = model_grid(solver, n_components, seed, of_model)
    place = checkpoint or checkpoint_beside(output)
    with locked(output, place):
        with listener_of(context) as listener:
            # the checkpoint stays until the result is saved
            execution = Execution(
                **running, checkpoint=place, storage_options=storage, progress=listener, keep_checkpoint=True
            )
            fits = nmf_many(
                network, models, execution=execution, missing=missing, weights=weights, **asdict(run)
            )
        children = {name: child.to_dataset() for name, child in fits.children.items()}
        result = fits if len(children) > 1 else next(iter(children.values()))
        save(result, output, overwrite=force, storage_options=storage)
        remove(place, storage_options=storage)
    _report_fits(children, output, as_json=as_json)
    if strict and not all(child.attrs["converged"] for child in children.values()):
        msg = f"saved {output}, but not converged within --max-iter {run.max_iter}; raise it, or --tol"
        raise NotConvergedError(msg)


#: Options of ``fit`` that say where and how, not what.
_RUNNING = (
    "scheduler",
    "workers",
    "memory_limit",
    "checkpoint_seconds",
    "checkpoint_iterations",
    "resume",
    "patience",
    "performance_report",
)


def _report_fits(fits: dict[str, Any], output: str, *, as_json: bool) -> None:
    facts = ("relative_error", "eckart_young", "n_iter", "stop_reason", "reads", "seconds")
    rows = {
        name: {fact: fit.attrs[fact] for fact in (*facts, "divergence") if fact in fit.attrs}
        for name, fit in fits.items()
    }
    if as_json:
        echo_json({"output": output, "models": rows})
        return
    click.echo("model\trelative error\tEckart-Young bound\titerations\tstopped\treads of A\tseconds")
    for name, row in rows.items():
        click.echo(
            f"{name}\t{row['relative_error']:.4f}\t{row['eckart_young']:.4f}\t{row['n_iter']}\t"
            f"{row['stop_reason']}\t{row['reads']}\t{row['seconds']:.1f}"
        )
    click.echo(f"saved {output}")


def one_model(context: click.Context, path: str, model: str | None) -> Any:
    """Load a fit; of a result with several models, the one that is named."""
    import xarray as xr

    from dasknmf.results import load

    loaded = load(path, storage_options=storage_of(context))
    if isinstance(loaded, xr.Dataset):
        return loaded
    names = sorted(loaded.children)
    if model not in names:
        msg = f"{path} holds {len(names)} models; choose one with --model: {', '.join(names)}"
        raise InputError(msg)
    return loaded[model].to_dataset()


model_option = click.option("--model", help="Which model, of a result with several.")


@click.command("top-genes")
@click.argument("fit")
@click.option(
    "-n", "--number", type=click.IntRange(min=1), default=10, show_default=True, help="Genes a factor."
)
@click.option("--long", "as_table", is_flag=True, help="One row a gene, with its loading, as TSV.")
@model_option
@json_option
@click.pass_context
def top_genes(
    context: click.Context,
    /,
    fit: str,
    number: int,
    as_table: bool,  # noqa: FBT001
    model: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Print the genes with the largest loadings of each factor of FIT, on both sides."""
    from dasknmf.analysis.genes import top_genes as table_of

    table = table_of(one_model(context, fit, model), n=number)
    if as_json:
        click.echo(table.to_json(orient="records"))
    elif as_table:
        click.echo(table.to_csv(sep="\t", index=False), nl=False)
    else:
        for (factor, side), genes in table.groupby(["factor", "side"], sort=False):
            click.echo(f"{factor}\t{side}\t{' '.join(genes['gene'])}")


@click.command()
@click.argument("fit")
@click.argument("output")
@model_option
@force_option
@click.pass_context
def export(context: click.Context, /, fit: str, output: str, model: str | None, force: bool) -> None:  # noqa: FBT001
    """Write FIT for other tools: OUTPUT ends in .tsv, .tsv.gz, .h5ad (AnnData) or .rnk (GSEA, a folder)."""
    from dasknmf.export import export as write

    click.echo(f"saved {write(one_model(context, fit, model), output, overwrite=force)}")
