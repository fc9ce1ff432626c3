"""The command that makes the certificates of a cluster."""

from __future__ import annotations

import click

from dasknmf.cli.shared import echo_json, json_option


@click.command()
@click.argument("folder")
@click.option(
    "--days",
    type=click.IntRange(min=1, max=365),
    default=14,
    show_default=True,
    help="How long they are valid; a run does not outlive them.",
)
@json_option
def certs(folder: str, days: int, as_json: bool) -> None:  # noqa: FBT001
    """Make FOLDER with a CA for one cluster alone, and a certificate and key for each of its roles."""
    from dasknmf.cluster.certificates import make_certificates

    made = make_certificates(folder, days=days)
    if as_json:
        echo_json(made)
        return
    click.echo(
        f"saved {folder}: a CA for one cluster, and its certificates, valid until {made['valid_until']}"
    )
    click.echo(
        "You alone can read the keys; the CA's own was not kept, so nobody makes more certificates. Copy the files "
        "of a role to the machines that need them.\n"
        "Start the scheduler, then workers, then a run (HOST is where the scheduler is):"
    )
    for line in made["commands"].values():
        click.echo(f"  {line}")
