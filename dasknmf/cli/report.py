"""The command that writes a report."""

from __future__ import annotations

import click

from dasknmf.cli.shared import echo_json, force_option, json_option, storage_of


@click.command()
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "-o", "--output", default="report.html", show_default=True, help="Where the file goes, a path or URL."
)
@click.option(
    "--network", help="The store that was factorized.  [default: what results name, if it is there]"
)
@click.option("--title", help="Of the page.  [default: the network]")
@click.option("--mixed", is_flag=True, help="Take results of several networks on one page.")
@force_option
@json_option
@click.pass_context
def report(
    context: click.Context,
    /,
    runs: tuple[str, ...],
    output: str,
    network: str | None,
    title: str | None,
    mixed: bool,  # noqa: FBT001
    force: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> None:
    """Write one HTML file of RUNS: results of fit, survey, symmetry, compare, nest, fragmentation and enrich."""
    from dasknmf.report.html.formats import size
    from dasknmf.report.html.writing import write_report

    written = write_report(
        runs,
        output,
        network=network,
        title=title,
        mixed=mixed,
        overwrite=force,
        storage_options=storage_of(context),
    )
    if as_json:
        echo_json({"output": output, "bytes": written})
        return
    click.echo(f"saved {output}, {size(written)}")
