"""The commands on symmetry: why W is not Hᵀ, of one fit, and over algorithms."""

from __future__ import annotations

import json
from typing import Any

import click

from dasknmf.cli.shared import (
    RUNNING,
    Names,
    config_option,
    echo_json,
    force_option,
    json_option,
    memory_limit_option,
    patience_option,
    require_folders,
    run_and_save,
    scheduler_option,
    storage_of,
    workers_option,
    write_figure,
    write_table,
)
from dasknmf.errors import InputError


@click.command()
@click.argument("fit")
@click.option("--network", required=True, help="The store that was factorized.")
@click.option("-o", "--output", required=True, help="Where the result goes, a path or URL.")
@click.option(
    "--model",
    "models",
    type=Names(),
    help="Of a FIT with several models, the restarts to examine.  [default: all]",
)
@click.option(
    "--restarts", type=int, default=5, show_default=True, help="Of a FIT of one model: further fits."
)
@click.option("--nulls", type=int, default=0, show_default=True, help="Null networks of each kind.")
@click.option(
    "--kinds",
    type=Names(),
    default="shuffle,degree",
    show_default=True,
    help="Null models: shuffle, degree, uniform.",
)
@click.option("--price/--no-price", default=True, show_default=True, help="Also fit WWᵀ and WSWᵀ.")
@click.option("--top", type=int, default=10, show_default=True, help="Genes of each side of a factor.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of restarts, nulls and tests.")
@click.option("--figure", help="PNG, SVG or PDF of the page of panels.")
@click.option("--scatter", help="PNG, SVG or PDF of W against H, factor by factor.")
@click.option("--table", help="TSV of one row a factor; it is printed in any case.")
@click.option("--pairs", "pair_file", help="TSV of the pairs of genes between partners.")
@click.option("--measures", "measure_file", help="TSV of one row a measure.")
@scheduler_option
@workers_option
@memory_limit_option
@patience_option
@click.option("--checkpoint", help="Folder of the checkpoint.  [default: beside the output]")
@click.option("--resume", is_flag=True, help="Do not fit again what the checkpoint has.")
@force_option
@json_option
@config_option
@click.pass_context
def symmetry(
    context: click.Context,
    /,
    fit: str,
    network: str,
    output: str,
    models: list[str] | None,
    figure: str | None,
    scatter: str | None,
    table: str | None,
    pair_file: str | None,
    measure_file: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    **options: Any,
) -> None:
    """Explain why W is not Hᵀ in FIT: modules, partners, chance, with tests, null networks and causes."""
    from dasknmf.laboratory.examination import symmetry as examine
    from dasknmf.laboratory.tables import factor_table, measure_table, pair_table
    from dasknmf.results import load
    from dasknmf.storage import require_free

    storage = storage_of(context)
    require_free(output, overwrite=force, storage_options=storage)
    require_folders(figure, scatter, table, pair_file, measure_file)
    _require_drawable(figure, scatter)
    fits = _chosen(load(fit, storage_options=storage), models, fit)
    running = {name: options.pop(name) for name in RUNNING}
    found = run_and_save(
        context,
        lambda execution: examine(fits, network, execution=execution, **options),
        output,
        running,
        checkpoint=checkpoint,
        force=force,
    )
    rows = factor_table(found)
    files = {table: rows, pair_file: pair_table(found), measure_file: measure_table(found)}
    for file, made in files.items():
        if file is not None:
            write_table(made, file, index=file != pair_file)
    drawn = _draw(found, fits, figure, scatter)
    saved = [output, *drawn, *(file for file in files if file)]
    sentences = json.loads(found.attrs["sentences"])
    if as_json:
        echo_json(
            {"output": output, "saved": saved, "verdict": found.attrs["verdict"], "sentences": sentences}
        )
        return
    click.echo(rows.to_csv(sep="\t", float_format="%.4g"), nl=False)
    for sentence in sentences:
        click.echo(f"- {sentence}")
    click.echo(found.attrs["verdict"])
    click.echo(f"saved {', '.join(saved)}")


def _chosen(loaded: Any, models: list[str] | None, place: str) -> Any:
    """Return the fit, or the fits that are named, of a result; all of one solver and rank where none is."""
    import xarray as xr

    if isinstance(loaded, xr.Dataset):
        if "rank" in loaded.dims and "component" in loaded.dims:
            from dasknmf.survey_factors import survey_fit

            return survey_fit(loaded)
        return loaded
    names = sorted(loaded.children)
    unknown = sorted(set(models or ()) - set(names))
    if unknown:
        msg = f"{place} has no model '{unknown[0]}'; there are: {', '.join(names)}"
        raise InputError(msg)
    return {name: loaded[name].to_dataset() for name in models or names}


def _require_drawable(*files: str | None) -> None:
    """Refuse figures in a format that nobody writes, before long work."""
    for file in files:
        if file is not None and not file.lower().endswith((".png", ".svg", ".pdf")):
            msg = f"figure {file}: end its name in .png, .svg or .pdf"
            raise InputError(msg)


def _draw(found: Any, fits: Any, figure: str | None, scatter: str | None) -> list[str]:
    if figure is None and scatter is None:
        return []
    from dasknmf.report.scatter import plot_factor_scatter
    from dasknmf.report.symmetry_page import plot_symmetry

    fit = fits[found.attrs["reference"]] if isinstance(fits, dict) else fits
    if figure is not None:
        write_figure(plot_symmetry(found, fit), figure)
    if scatter is not None:
        write_figure(plot_factor_scatter(fit, found), scatter)
    return [file for file in (figure, scatter) if file is not None]


@click.command()
@click.argument("network")
@click.option("-k", "--n-components", type=int, required=True, help="Rank.")
@click.option(
    "--solvers",
    type=Names(),
    default="hals,mu,bpp,brunet,cogaps,symline,svd,spectral",
    show_default=True,
    help="Of `dasknmf solvers`.",
)
@click.option("--restarts", type=int, default=3, show_default=True, help="Of each kind of network.")
@click.option(
    "--kinds",
    type=Names(),
    default="network,shuffle,uniform,planted",
    show_default=True,
    help="Kinds of network; there is also degree.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The first of those of restarts.")
@click.option("--max-iter", type=int, default=100, show_default=True, help="Most iterations.")
@click.option(
    "--iterations", type=int, help="Of cogaps: of equilibration, and as many of sampling.  [default: 1000]"
)
@click.option("-o", "--output", required=True, help="Where the result goes, a path or URL.")
@click.option("--figure", help="PNG, SVG or PDF.")
@click.option("--table", help="TSV of one row a network and solver; it is printed in any case.")
@scheduler_option
@workers_option
@memory_limit_option
@patience_option
@click.option("--checkpoint", help="Folder of the checkpoint.  [default: beside the output]")
@click.option("--resume", is_flag=True, help="Do not fit again what the checkpoint has.")
@force_option
@json_option
@config_option
@click.pass_context
def compare(
    context: click.Context,
    /,
    network: str,
    n_components: int,
    output: str,
    figure: str | None,
    table: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    checkpoint: str | None,
    **options: Any,
) -> None:
    """Put algorithms side by side on NETWORK, its nulls and a planted one: correlation, linearity and slopes."""
    from dasknmf.comparing.comparison import compare as run
    from dasknmf.comparing.tables import comparison_table
    from dasknmf.storage import require_free

    storage = storage_of(context)
    require_free(output, overwrite=force, storage_options=storage)
    require_folders(figure, table)
    _require_drawable(figure)
    running = {name: options.pop(name) for name in RUNNING}
    if options["iterations"] is None:
        del options["iterations"]
    found = run_and_save(
        context,
        lambda execution: run(network, n_components, execution=execution, **options),
        output,
        running,
        checkpoint=checkpoint,
        force=force,
    )
    rows = comparison_table(found)
    if table is not None:
        write_table(rows, table)
    if figure is not None:
        from dasknmf.report.comparison import plot_comparison

        write_figure(plot_comparison(found, measures=SHOWN), figure)
    claims = [
        {"claim": str(a), "verdict": str(b), "evidence": str(c)}
        for a, b, c in zip(*(found[name].to_numpy() for name in CLAIM), strict=True)
    ]
    saved = [file for file in (output, figure, table) if file is not None]
    if as_json:
        echo_json({"output": output, "saved": saved, "claims": claims})
        return
    plain = [name for name in rows.columns if not name.endswith(("_low", "_high"))]
    click.echo(rows[plain].to_csv(sep="\t", float_format="%.4g"), nl=False)
    for one in claims:
        click.echo(f"- {one['claim']} Here: {one['verdict']}. {one['evidence']}")
    click.echo(f"saved {', '.join(saved)}")


CLAIM = ("claim", "claim_verdict", "claim_evidence")
#: Of the figure of a comparison.
SHOWN = ("pearson", "linearity", "own_slope_dispersion", "pearson_index", "asymmetry", "relative_error")
