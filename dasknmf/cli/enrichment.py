"""The command that tests factors for known gene sets."""

from __future__ import annotations

from typing import Any

import click

from dasknmf.cli.factors import model_option, one_model
from dasknmf.cli.shared import Names, echo_json, force_option, json_option, storage_of

#: What is printed of each factor; a file has all columns.
SHOWN = (
    "factor",
    "side",
    "set",
    "description",
    "size",
    "top",
    "overlap",
    "fold",
    "p",
    "q",
    "auroc",
    "rank_q",
)


@click.command()
@click.argument("fit")
@click.option("--gene-sets", required=True, help="GMT file, plain or compressed, a path or URL.")
@click.option(
    "-o",
    "--output",
    help="TSV of all sets up to --max-q, with the genes of each overlap; in .zarr, the whole result.",
)
@click.option(
    "--max-q", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Largest q in the file."
)
@click.option(
    "--by",
    type=click.Choice(["top", "rank"]),
    default="top",
    show_default=True,
    help="What decides which set is best: top genes, or all loadings.",
)
@click.option(
    "--sides",
    type=Names(),
    default="W,H",
    show_default=True,
    help="Loadings: W, H, mean (of a factor and its partner); several with commas.",
)
@click.option(
    "--top",
    "n_top",
    type=click.IntRange(min=1),
    help="Top genes of a factor.  [default: as many as carry it, its participation number]",
)
@click.option("--min-size", type=int, default=5, show_default=True, help="Fewest genes of a set.")
@click.option("--max-size", type=int, default=500, show_default=True, help="Most genes of a set.")
@click.option(
    "--universe",
    type=click.Choice(["sets", "network"]),
    default="sets",
    show_default=True,
    help="Genes of the network that are in any set, or all of them.",
)
@model_option
@force_option
@json_option
@click.pass_context
def enrich(
    context: click.Context,
    /,
    fit: str,
    gene_sets: str,
    output: str | None,
    max_q: float,
    by: str,
    model: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Test each factor of FIT for known gene sets; prints the best set of each factor and side as TSV."""
    from dasknmf.enriching.enrichment import enrich as test
    from dasknmf.enriching.table import enrichment_table
    from dasknmf.results import save
    from dasknmf.storage import is_remote, publish, require_free

    storage = storage_of(context)
    if output is not None:
        require_free(output, overwrite=force, storage_options=storage)
    found = test(one_model(context, fit, model), gene_sets, storage_options=storage, **options)
    if output is not None and output.endswith(".zarr"):
        save(found, output, overwrite=force, storage_options=storage)
    elif output is not None:
        rows = enrichment_table(found, max_q=max_q, by=by)  # type: ignore[arg-type]
        with publish(output, overwrite=force, storage_options=storage) as place:
            rows.to_csv(
                place,
                sep="\t",
                index=False,
                compression="gzip" if output.endswith(".gz") else None,
                storage_options=storage if is_remote(output) else None,
            )
    best = enrichment_table(found, n=1, by=by)[list(SHOWN)]  # type: ignore[arg-type]
    if as_json:
        facts = {
            name: value.tolist() if hasattr(value, "tolist") else value for name, value in found.attrs.items()
        }
        echo_json({"output": output, **facts, "best": best.to_dict(orient="records")})
        return
    click.echo(best.to_csv(sep="\t", index=False, float_format="%.4g"), nl=False)
    a = found.attrs
    if not context.obj["quiet"]:
        click.echo(
            f"{a['sets_tested']:,} of {a['sets_given']:,} sets tested, {a['genes_shared']:,} of "
            f"{a['genes_of_network']:,} genes are in any set{f'; saved {output}' if output else ''}",
            err=True,
        )
