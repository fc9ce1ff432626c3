"""The command that tells what a run will take before it runs: plan."""

from __future__ import annotations

from typing import Any

import click

from dasknmf.cli.shared import Numbers, config_option, echo_json, json_option, storage_of
from dasknmf.errors import InputError


@click.command("plan")
@click.argument("network", required=False)
@click.option("--genes", type=click.IntRange(min=1), help="Without a network: how many genes.")
@click.option("--edges", type=click.IntRange(min=0), help="Without a network: gene pairs that are not zero.")
@click.option("--density", type=float, help="In place of --edges: their share, 1 for a dense network.")
@click.option("-k", "--n-components", type=Numbers(), required=True, help="Rank; several share every read.")
@click.option(
    "--models", type=click.IntRange(min=1), default=1, show_default=True, help="Models of each rank."
)
@click.option("--solver", default="hals", show_default=True, help="Algorithm.")
@click.option("--exact", is_flag=True, help="All iterations on the network.")
@click.option("--max-iter", type=click.IntRange(min=1), default=100, show_default=True, help="Iterations.")
@click.option(
    "--workers", type=click.IntRange(min=1), help="Of a cluster.  [default: threads of one process]"
)
@click.option(
    "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="Of each worker, or in all."
)
@click.option("--memory-limit", help="Of each process, such as 4GiB: whether the run fits.")
@click.option("--read-rate", type=float, help="GB/s in which each process reads tiles.  [default: 0.8]")
@json_option
@config_option
@click.pass_context
def plan(
    context: click.Context,
    /,
    network: str | None,
    genes: int | None,
    edges: int | None,
    density: float | None,
    n_components: list[int],
    models: int,
    solver: str,
    exact: bool,  # noqa: FBT001
    max_iter: int,
    workers: int | None,
    threads: int,
    memory_limit: str | None,
    read_rate: float | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Tell what a fit of NETWORK, or of a network of a given size, will take: memory, bytes and seconds."""
    from dasknmf.cluster import parse_memory
    from dasknmf.forecasting import Rates, forecast
    from dasknmf.options import RunOptions

    memory = parse_memory(memory_limit)
    if read_rate is not None and not read_rate > 0:
        msg = f"--read-rate {read_rate}: needs GB/s above 0"
        raise InputError(msg)
    made = forecast(
        _size(context, network, genes, edges, density),
        [rank for rank in n_components for _ in range(models)],
        solver=solver,
        processes=workers,
        threads=threads,
        memory=memory,
        run=RunOptions(exact=exact, max_iter=max_iter),
        rates=Rates() if read_rate is None else Rates(read=read_rate),
    )
    fits = None if memory is None else memory >= made.memory_limit
    if as_json:
        echo_json({**made.as_dict(), "fits": fits})
        return
    for name, value in _lines(made, workers, fits=fits):
        click.echo(f"{name}\t{value}")


def _size(
    context: click.Context, network: str | None, genes: int | None, edges: int | None, density: float | None
) -> Any:
    from dasknmf.network.store import open_network
    from dasknmf.sizing import Size

    given = [
        name for name, value in (("--genes", genes), ("--edges", edges), ("--density", density)) if value
    ]
    if network is not None:
        if given:
            msg = f"{given[0]}: {network} has a size of its own; leave one of the two out"
            raise InputError(msg)
        return Size.of_network(open_network(network, storage_options=storage_of(context)))
    if genes is None or (edges is None) == (density is None):
        msg = "needs a network, or its size: --genes N and either --edges N or --density SHARE (1: dense)"
        raise InputError(msg)
    return Size.of_density(genes, density) if density is not None else Size(genes, edges)


def _lines(made: Any, workers: int | None, *, fits: bool | None) -> list[tuple[str, str]]:
    def size(value: int) -> str:
        return f"{value / 2**20:,.0f} MiB"

    where = "this process" if workers is None else "each worker"
    mostly = sorted(made.worker.items(), key=lambda item: -item[1])[:3]
    verdict = {None: "", True: "; fits", False: "; does not fit"}[fits]
    lines = [
        ("network", f"{made.genes:,} genes, {made.layout}, tiles of {made.tile:,}"),
        ("models", f"{made.models} with {made.columns:,} components in all"),
        ("read in a sweep", f"{made.bytes_per_sweep / 1e9:,.2f} GB in {made.groups:,} groups"),
        (
            f"memory of {where}",
            f"{size(made.worker_bytes)}: " + ", ".join(f"{n} {size(v)}" for n, v in mostly),
        ),
        ("--memory-limit, at least", f"{size(made.memory_limit)}{verdict}"),
    ]
    if workers is not None:
        lines.append(("memory of the client", size(made.client_bytes)))
    lines.append(("reads, at most", str(made.reads)))
    lines += [(f"seconds, {name}", f"{value:,.1f}") for name, value in made.seconds.items()]
    lines.append(("seconds, within a factor of 2 to 3", f"{sum(made.seconds.values()):,.0f}"))
    return lines
