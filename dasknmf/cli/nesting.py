"""The commands on nested associations: level after level, and whether information fragments."""

from __future__ import annotations

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
from dasknmf.errors import InputError


class Similarity(click.ParamType):  # type: ignore[type-arg, unused-ignore] # generic since click 8.5
    """A word, or the power t by which rows are divided."""

    name = "similarity"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        """Return the word, or the number."""
        del param, ctx
        try:
            return float(value)
        except ValueError:
            return str(value)


@click.command()
@click.argument("network")
@click.option(
    "--ranks",
    "-k",
    "n_components",
    type=Numbers(),
    required=True,
    help="Factors of each level, such as 32,16,8,4; one number is halved down to a root. zoom: of the root.",
)
@click.option("--levels", type=int, help="Most levels; zoom: most splits.")
@click.option(
    "--method",
    type=click.Choice(["relational", "coarsen", "zoom"]),
    default="relational",
    show_default=True,
    help="How a level is made: of what relates factors, of the network between them, or of the genes inside each.",
)
@click.option(
    "--loadings",
    type=click.Choice(["partner", "W", "H", "index"]),
    default="partner",
    show_default=True,
    help="Loadings of the tree that is shown; all branches are measured.",
)
@click.option(
    "--similarity",
    type=Similarity(),
    default="core",
    show_default=True,
    help="relational: core, inner, cosine, or the t of rows divided by their norm to t.",
)
@click.option("--restarts", type=int, default=3, show_default=True, help="Runs from random starts.")
@click.option("--seed", type=int, default=0, show_default=True, help="The first of those of restarts.")
@click.option(
    "--membership",
    type=click.Choice(["hard", "soft"]),
    help="zoom: whether a gene is in one factor or in several.  [default: hard]",
)
@click.option(
    "--null",
    type=click.Choice(["degree", "shuffle"]),
    help="zoom: null networks that a node has to be better than.  [default: degree]",
)
@click.option("--nulls", type=int, help="zoom: how many of them.  [default: 19]")
@click.option("-o", "--output", required=True, help="Where the result goes, a path or URL.")
@click.option("--table", help="TSV of one row a node of the tree.")
@click.option("--figure", help="PNG, SVG or PDF of the tree and its levels.")
@scheduler_option
@workers_option
@memory_limit_option
@patience_option
@performance_report_option
@click.option("--checkpoint", help="Folder of the checkpoint.  [default: beside the output]")
@click.option("--resume", is_flag=True, help="Do not do again what the checkpoint has.")
@force_option
@json_option
@config_option
@click.pass_context
def nest(
    context: click.Context,
    /,
    network: str,
    n_components: list[int],
    output: str,
    table: str | None,
    figure: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    **options: Any,
) -> None:
    """Find nested associations in NETWORK: factors, factors of what relates them, and what each level keeps."""
    from dasknmf.nesting.associations import nested
    from dasknmf.nesting.showing import level_table, node_table
    from dasknmf.storage import require_free

    storage = storage_of(context)
    require_free(output, overwrite=force, storage_options=storage)
    require_folders(table, figure)
    running = {name: options.pop(name) for name in (*RUNNING, "performance_report")}
    ranks: Any = n_components[0] if len(n_components) == 1 else n_components
    zooming = ("membership", "null", "nulls")
    of_zoom = {name: value for name in zooming if (value := options.pop(name)) is not None}
    if options["method"] == "zoom":
        # of the others alone; a similarity is what zoom has none of
        del options["similarity"]
    elif of_zoom:
        msg = f"--{next(iter(of_zoom))}: only --method zoom has it"
        raise InputError(msg)
    found = run_and_save(
        context,
        lambda execution: nested(network, ranks, execution=execution, **options, **of_zoom),
        output,
        running,
        checkpoint=checkpoint,
        force=force,
    )
    rows = level_table(found)
    if table is not None:
        write_table(node_table(found), table, index=False)
    if figure is not None:
        from dasknmf.report.nesting_page import plot_nested

        write_figure(plot_nested(found), figure)
    saved = [file for file in (output, table, figure) if file is not None]
    if as_json:
        echo_json({"output": output, "saved": saved, "levels": rows.reset_index().to_dict("records")})
        return
    click.echo(rows.to_csv(sep="\t", float_format="%.4g"), nl=False)
    click.echo(f"saved {', '.join(saved)}")


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option("-o", "--output", help="Where the result goes, a path or URL.")
@click.option(
    "--half-life", type=float, default=10.0, show_default=True, help="Levels that count as no loss."
)
@click.option("--table", help="TSV of one row a run and quantity; it is printed in any case.")
@click.option("--figure", help="PNG, SVG or PDF of what runs retain, γ and verdicts.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of bootstraps.")
@force_option
@json_option
@click.pass_context
def fragmentation(
    context: click.Context,
    /,
    runs: tuple[str, ...],
    output: str | None,
    half_life: float,
    table: str | None,
    figure: str | None,
    seed: int,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Test whether information fragments over the levels of RUNS, results of `dasknmf nest`, controls among them."""
    from dasknmf.nesting.decay_dataset import attribution_table, fragmentation_table
    from dasknmf.nesting.testing import fragmentation as test
    from dasknmf.results import load, save
    from dasknmf.storage import require_free

    storage = storage_of(context)
    if output is not None:
        require_free(output, overwrite=force, storage_options=storage)
    require_folders(table, figure)
    given = {place: load(place, storage_options=storage) for place in runs}
    found = test(given, half_life=half_life, seed=seed)
    if output is not None:
        save(found, output, overwrite=force, storage_options=storage)
    rows = fragmentation_table(found)
    if table is not None:
        write_table(rows, table, index=False)
    if figure is not None:
        from dasknmf.report.nesting_page import plot_fragmentation

        write_figure(plot_fragmentation(found), figure)
    said = [str(found.attrs[name]) for name in ("verdict", "sentence") if name in found.attrs]
    if as_json:
        echo_json({"output": output, "verdict": said[0], "sentence": said[-1]})
        return
    click.echo(rows.to_csv(sep="\t", index=False, float_format="%.4g"), nl=False)
    effects = attribution_table(found)
    if len(effects):
        click.echo(effects.to_csv(sep="\t", index=False, float_format="%.4g"), nl=False)
    click.echo(said[-1])
    saved = [file for file in (output, table, figure) if file is not None]
    if saved:
        click.echo(f"saved {', '.join(saved)}")
