"""The command that surveys ranks."""

from __future__ import annotations

import json
from typing import Any

import click

from dasknmf.cli.shared import (
    RUNNING,
    Numbers,
    config_option,
    echo_json,
    force_option,
    json_option,
    memory_limit_option,
    patience_option,
    performance_report_option,
    require_folders,
    run_and_save,
    scheduler_option,
    storage_of,
    workers_option,
    write_figure,
    write_table,
)
from dasknmf.errors import MissingDependencyError


@click.command()
@click.argument("network")
@click.option(
    "--ranks",
    "--n-components",
    "n_components",
    type=Numbers(),
    default="2:17",
    show_default=True,
    help="Ranks.",
)
@click.option("--restarts", type=int, default=10, show_default=True, help="Fits of each rank.")
@click.option("-o", "--output", required=True, help="Where the survey goes, a path or URL.")
@click.option(
    "--figure", help="PNG, SVG or PDF.  [default: beside a local output, where matplotlib is there]"
)
@click.option("--table", help="TSV of one row a rank; it is printed in any case.")
@click.option("--solver", default="hals", show_default=True, help="An iterative one of `dasknmf solvers`.")
@click.option(
    "--init",
    type=click.Choice(["random_acol", "random"]),
    default="random_acol",
    show_default=True,
    help="Start: means of random columns of the network, or random numbers.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of starts, mask and bootstraps.")
@click.option(
    "--held-out",
    type=float,
    default=0.05,
    show_default=True,
    help="Share of gene pairs held out; 0 for none.",
)
@click.option(
    "--held-out-restarts",
    type=int,
    default=3,
    show_default=True,
    help="Fits of each rank without these pairs.",
)
@click.option("--warm-start", is_flag=True, help="Start each rank from the one below.")
@click.option(
    "--consensus",
    type=click.Choice(["medoid", "mean"]),
    default="medoid",
    show_default=True,
    help="Which factors of each rank are kept.",
)
@click.option("--max-iter", type=int, default=200, show_default=True, help="Most iterations on the sketch.")
@click.option(
    "--tol-objective",
    type=float,
    default=1e-5,
    show_default=True,
    help="Stop a fit when ten iterations lower its objective by less than this share.",
)
@click.option(
    "--polish", type=int, default=1, show_default=True, help="Iterations on the network after them."
)
@click.option(
    "--diagonal",
    type=click.Choice(["keep", "ignore"]),
    default="keep",
    show_default=True,
    help="ignore leaves the diagonal out of the objective.",
)
@scheduler_option
@workers_option
@memory_limit_option
@patience_option
@performance_report_option
@click.option("--checkpoint", help="Folder of the checkpoint.  [default: beside the output]")
@click.option("--resume", is_flag=True, help="Do not fit again what the checkpoint has.")
@force_option
@json_option
@config_option
@click.pass_context
def survey(
    context: click.Context,
    /,
    network: str,
    n_components: list[int],
    output: str,
    figure: str | None,
    table: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    **options: Any,
) -> None:
    """Fit many ranks of NETWORK several times each, in a dozen reads of it, and recommend one."""
    from dasknmf.analysis.rank_curves import survey_table
    from dasknmf.storage import require_free
    from dasknmf.surveying import survey as run

    storage = storage_of(context)
    require_free(output, overwrite=force, storage_options=storage)
    require_folders(figure, table)
    running = {name: options.pop(name) for name in (*RUNNING, "performance_report")}
    found = run_and_save(
        context,
        lambda execution: run(network, n_components, execution=execution, **options),
        output,
        running,
        checkpoint=checkpoint,
        force=force,
    )
    rows = survey_table(found)
    if table is not None:
        write_table(rows, table, index=False)
    drawn = _draw(found, output, figure)
    if as_json:
        echo_json(_facts(found, output, drawn, rows))
        return
    click.echo(rows.to_csv(sep="\t", index=False, float_format="%.4g"), nl=False)
    _advise(found)
    click.echo(f"saved {', '.join(filter(None, (output, drawn, table)))}")


def _draw(found: Any, output: str, figure: str | None) -> str | None:
    """Draw the survey where it was asked for; beside a local output without being asked, if that can be done."""
    from dasknmf.report.survey import plot_survey
    from dasknmf.storage import is_remote, local_path

    asked = figure is not None
    if figure is None:
        if is_remote(output):
            return None
        figure = str(local_path(output).with_suffix(".png"))
    try:
        write_figure(plot_survey(found), figure)
    except MissingDependencyError:
        if asked:
            raise
        click.echo("no figure: it needs matplotlib, pip install 'dasknmf[plot]'", err=True)
        return None
    return figure


def _advise(found: Any) -> None:
    a = found.attrs
    click.echo(f"recommended: {a['reason']}")
    if a["runner_up_rank"] != "none":
        click.echo(f"runner-up: rank {a['runner_up_rank']}, {a['runner_up_reason']}")
    for warning in json.loads(a["warnings"]):
        click.echo(f"note: {warning}")
    click.echo(
        f"{found.sizes['rank']} ranks × {found.sizes['restart']} restarts, {a['reads']} reads of A, "
        f"{a['seconds']:.0f} s"
    )


def _facts(found: Any, output: str, drawn: str | None, rows: Any) -> dict[str, Any]:
    names = ("recommended_rank", "reason", "runner_up_rank", "runner_up_reason", "reads", "seconds")
    return {
        "output": output,
        "figure": drawn,
        **{name: found.attrs[name] for name in names},
        "warnings": json.loads(found.attrs["warnings"]),
        "ranks": rows.to_dict(orient="records"),
    }
