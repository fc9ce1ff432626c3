"""Commands on networks: import, coexpress, info."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from dasknmf.cli.shared import Names, config_option, echo_json, force_option, json_option, storage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dasknmf.network.store import Network


@click.command()
@click.argument("network")
@click.option("--verify", is_flag=True, help="Read every tile and compare it with its checksum.")
@json_option
@click.pass_context
def info(context: click.Context, /, network: str, verify: bool, as_json: bool) -> None:  # noqa: FBT001
    """Print what is in NETWORK."""
    from dasknmf.network.card import network_card
    from dasknmf.network.store import open_network

    opened = open_network(network, storage_options=storage_of(context))
    if verify:
        opened.verify()
    card = {**network_card(opened), **({"verified": True} if verify else {})}
    if as_json:
        echo_json(card)
        return
    width = max(map(len, card))
    for name, value in card.items():
        shown = (
            json.dumps(value)
            if isinstance(value, dict)
            else f"{value:,}"
            if isinstance(value, int)
            else value
        )
        click.echo(f"{name:{width}}  {shown}")


layout_options = (
    click.option(
        "--layout", type=click.Choice(["auto", "dense", "sparse"]), default="auto", show_default=True
    ),
    click.option(
        "--storage",
        type=click.Choice(["float32", "float16", "uint16", "uint8"]),
        default="float32",
        show_default=True,
        help="Weights of a dense network: exact, or smaller, with the error stated.",
    ),
    click.option("--tile", type=click.IntRange(min=1), help="Side of a tile, genes.  [default: by size]"),
    click.option(
        "--codec", type=click.Choice(["none", "lz4", "zstd"]), help="Compression.  [default: by layout]"
    ),
    click.option("--memory-limit", help="Memory for the import, such as 2GiB."),
)


def _with(options: tuple[Callable[[Any], Any], ...]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command("import")
@click.argument("source")
@click.argument("network")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["edges", "mtx", "npz", "npy", "zarr", "h5ad", "cooler"]),
    help="What SOURCE is.  [default: by its extension]",
)
@click.option("--genes", help="File with one gene name a line.")
@click.option(
    "--header/--no-header", default=None, help="Whether an edge list names its columns.  [default: seen]"
)
@click.option(
    "--columns",
    type=Names(),
    help="The two genes and the weight of an edge list, names or numbers: a,b,weight.",
)
@click.option("--key", help="Which matrix of an .h5ad file, such as obsp/connectivities.")
@click.option("--resolution", type=int, help="Which resolution of an .mcool file, base pairs.")
@click.option(
    "--duplicates",
    type=click.Choice(["error", "max", "mean", "sum"]),
    help="A pair given twice.  [default: error; max for BioGRID]",
)
@click.option(
    "--asymmetric", type=click.Choice(["error", "max", "mean"]), help="Weights that differ by direction."
)
@click.option("--self-loops", type=click.Choice(["keep", "drop", "error"]), help="The diagonal.")
@click.option("--negative", type=click.Choice(["error", "clip", "absolute"]), help="Negative weights.")
@click.option("--temp-dir", help="Folder for temporary files.  [default: the system's]")
@_with(layout_options)
@force_option
@json_option
@config_option
@click.pass_context
def import_(
    context: click.Context,
    /,
    source: str,
    network: str,
    format_: str | None,
    columns: list[str] | None,
    memory_limit: str | None,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Make the store NETWORK from SOURCE: an edge list, a matrix, AnnData or Cooler."""
    from dasknmf.cluster import parse_memory
    from dasknmf.network.readers import import_network

    given = {name: value for name, value in options.items() if value is not None}
    if memory_limit is not None:
        given["memory_limit"] = parse_memory(memory_limit)
    if columns is not None:
        given["columns"] = [int(part) if part.isdecimal() else part for part in columns]
    with _progress_of(context, "importing") as progress:
        made = import_network(
            source,
            network,
            format=format_,  # type: ignore[arg-type]
            overwrite=force,
            storage_options=storage_of(context),
            progress=progress,
            **given,
        )
    _report(made, network, as_json=as_json)


@click.command()
@click.argument("expression")
@click.argument("network")
@click.option("--method", type=click.Choice(["pearson", "spearman"]), default="pearson", show_default=True)
@click.option(
    "--sign",
    type=click.Choice(["unsigned", "signed", "signed-hybrid"]),
    default="unsigned",
    show_default=True,
    help="|r|, (1 + r)/2, or r where positive.",
)
@click.option("--power", type=float, help="Soft-threshold power.  [default: 6; 12 for signed]")
@click.option("--diagonal", type=click.Choice(["zero", "one"]), default="zero", show_default=True)
@click.option("--threshold", type=float, help="Weights below it are 0.")
@click.option(
    "--constant",
    type=click.Choice(["error", "zero", "drop"]),
    default="error",
    show_default=True,
    help="Genes that never vary.",
)
@click.option("--genes", help="File with one gene name a line, for .npy.")
@click.option(
    "--genes-in", type=click.Choice(["rows", "columns"]), help="Where the genes are.  [default: by format]"
)
@click.option("--layer", help="Layer of an .h5ad file.")
@click.option("--threads", type=click.IntRange(min=1), help="Tiles in flight.  [default: one per core]")
@_with(layout_options)
@force_option
@json_option
@config_option
@click.pass_context
def coexpress(
    context: click.Context,
    /,
    expression: str,
    network: str,
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    **options: Any,
) -> None:
    """Make the co-expression network NETWORK of EXPRESSION: genes × samples, TSV, CSV, .npy or .h5ad."""
    from dasknmf.network.coexpression import coexpression

    with _progress_of(context, "correlating") as progress:
        made = coexpression(
            expression,
            network,
            overwrite=force,
            storage_options=storage_of(context),
            progress=progress,
            **options,
        )
    _report(made, network, as_json=as_json)


def _report(network: Network, name: str, *, as_json: bool) -> None:
    """Say what was made, under the name it was asked for."""
    from dasknmf.network.card import network_card

    card = network_card(network)
    if as_json:
        echo_json(card)
    else:
        click.echo(f"saved {name}: {card['genes']:,} genes, {card['edges']:,} edges, {card['layout']}")


@contextmanager
def _progress_of(context: click.Context, label: str) -> Iterator[Callable[[int, int], None] | None]:
    from dasknmf.progress import counter

    if context.obj["quiet"]:
        yield None
        return
    with counter(label) as progress:
        yield progress
