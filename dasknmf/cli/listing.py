"""The command that lists what there is to choose from: solvers."""

from __future__ import annotations

import click

from dasknmf.cli.shared import echo_json, json_option


@click.command()
@json_option
def solvers(as_json: bool) -> None:  # noqa: FBT001
    """List what --solver can be: what it minimises, reads of the network, source and parameters."""
    from dasknmf.catalogue import solver_facts

    rows = solver_facts()
    if as_json:
        echo_json({"solvers": rows})
        return
    click.echo("solver\tkind\tminimises\treads of A\tsource\tparameters")
    for row in rows:
        given = " ".join(f"{name}={value}" for name, value in row["parameters"].items())
        facts = (row["name"], row["kind"], row["minimises"], row["reads"], row["source"], given or "-")
        click.echo("\t".join(facts))
