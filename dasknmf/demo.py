"""The demonstration: expression to network to factors, and how many known modules they find."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import pandas as pd
    import xarray as xr

    from dasknmf.network.store import Network

#: Factors by default. PRECISE has 92 modules, but many share their genes; the planted modules are 20.
COMPONENTS = {"ecoli": 60, "synthetic": 20}
#: Null networks beside the fit, levels of nested factors and their restarts: what fits in a minute or two.
NULLS, LEVELS, RESTARTS = 5, 5, 5


@dataclass(frozen=True)
class DemoResult:
    """What :func:`run_demo` made, all of it also in its folder."""

    folder: Path
    network: Network
    fit: xr.Dataset
    recovery: xr.Dataset
    top_genes: pd.DataFrame
    figure: Path | None
    symmetry: xr.Dataset
    nested: xr.Dataset
    fragmentation: xr.Dataset
    report: Path | None
    seconds: float


def run_demo(
    folder: str | os.PathLike[str] = "dasknmf-demo",
    *,
    synthetic: bool = False,
    n_components: int | None = None,
    seed: int = 0,
    scheduler: Any = "threads",
    echo: Callable[[str], object] = print,
) -> DemoResult:
    """Factorize the co-expression network of *E. coli* and compare the factors with its published modules.

    Parameters
    ----------
    folder : path
        Where ``network.zarr``, ``fit.zarr``, ``symmetry.zarr``, ``nested.zarr``, ``fragmentation.zarr``,
        ``top_genes.tsv``, ``demo.png`` and ``report.html`` go; made if need be, and what an earlier demonstration left
        there is replaced.
    synthetic : bool
        Take planted modules of 1,000 genes instead, for which nothing is downloaded.
    n_components : int, optional
        Factors; by default 60 for *E. coli* and 20 for the planted modules.
    seed : int
        Of the planted data, the start of the fit and the shuffled labels.
    scheduler
        As for :func:`dasknmf.nmf`.
    echo : callable
        Takes each line of the report.

    Returns
    -------
    DemoResult

    Raises
    ------
    InputError
        If the data cannot be had, or the folder cannot be made.
    """
    import dasknmf
    from dasknmf.analysis.recovery import module_recovery
    from dasknmf.ecoli import fetch_ecoli, synthetic_ecoli

    started = time.perf_counter()
    place = _folder(folder)
    data = synthetic_ecoli(seed=seed) if synthetic else fetch_ecoli()
    genes, samples = data.expression.shape
    echo(f"{data.source}: {genes:,} genes × {samples} samples, {data.modules.shape[1]} known modules")
    network = dasknmf.coexpression(data.expression, place / "network.zarr", overwrite=True)
    echo(f"co-expression network |r|^6: {network.header.edges:,} edges in {place / 'network.zarr'}")
    k = n_components or COMPONENTS["synthetic" if synthetic else "ecoli"]
    fit = dasknmf.nmf(network, n_components=k, solver="hals", seed=seed, scheduler=scheduler)
    dasknmf.save(fit, place / "fit.zarr", overwrite=True)
    echo(
        f"{k} factors after {fit.sizes['iteration']} iterations: relative error "
        f"{fit.attrs['relative_error']:.3f}, no rank-{k} matrix below {fit.attrs['eckart_young']:.3f}"
    )
    recovery = module_recovery(fit, data.modules, seed=seed)
    genes_of_factors = dasknmf.top_genes(fit, n=10)
    genes_of_factors.to_csv(place / "top_genes.tsv", sep="\t", index=False, float_format="%.6g")
    for line in [*_factor_lines(genes_of_factors, recovery), *_recovery_lines(recovery)]:
        echo(line)
    figure = _draw(fit, recovery, place / "demo.png", echo)
    analyses = _analyse(fit, network, place, k, seed=seed, scheduler=scheduler, echo=echo)
    report = _report({"fit": fit, **analyses}, place, echo)
    seconds = time.perf_counter() - started
    echo(f"{seconds:.0f} s; everything is in {place}")
    return DemoResult(
        place, network, fit, recovery, genes_of_factors, figure, **analyses, report=report, seconds=seconds
    )


def _analyse(
    fit: xr.Dataset,
    network: Network,
    place: Path,
    k: int,
    *,
    seed: int,
    scheduler: Any,
    echo: Callable[[str], object],
) -> dict[str, xr.Dataset]:
    """Explain the symmetry of the fit, nest its network, and test whether information fragments."""
    import dasknmf

    symmetry = dasknmf.symmetry(
        fit, network, restarts=3, nulls=NULLS, kinds=["shuffle"], seed=seed, scheduler=scheduler
    )
    echo(f"symmetry: {symmetry.attrs['verdict']}")
    ranks = [k]
    while len(ranks) < LEVELS and ranks[-1] > 2:
        ranks.append(-(-ranks[-1] // 2))
    nested = dasknmf.nested(network, ranks, restarts=RESTARTS, seed=seed, scheduler=scheduler)
    fragmentation = dasknmf.fragmentation(nested, seed=seed)
    echo(f"nested factors, {' → '.join(map(str, ranks))}: {fragmentation.attrs['verdict']}")
    made = {"symmetry": symmetry, "nested": nested, "fragmentation": fragmentation}
    for name, result in made.items():
        dasknmf.save(result, place / f"{name}.zarr", overwrite=True)
    return made


def _report(results: dict[str, xr.Dataset], place: Path, echo: Callable[[str], object]) -> Path | None:
    import dasknmf
    from dasknmf.errors import MissingDependencyError

    file = place / "report.html"
    file.unlink(missing_ok=True)
    try:
        dasknmf.write_report(results, file, network=place / "network.zarr", title="dasknmf demo")
    except MissingDependencyError as error:
        echo(f"no report: {error}")
        return None
    echo(f"report: {file}")
    return file


def _folder(folder: str | os.PathLike[str]) -> Path:
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{place}: cannot be made a folder ({error.strerror}); name another: dasknmf demo -o FOLDER"
        raise InputError(msg) from error
    return place


def _factor_lines(top: pd.DataFrame, recovery: xr.Dataset) -> list[str]:
    """Return a line a factor: its first genes, and the module it is the best factor of, if any."""
    found: dict[int, str] = {}
    ordered = recovery.sortby("auroc", ascending=False)
    for module, factor, score in zip(
        ordered["module"].to_numpy(), ordered["factor"].to_numpy(), ordered["auroc"].to_numpy(), strict=True
    ):
        if score > recovery.attrs["threshold"]:
            found.setdefault(int(factor), f"{module} ({score:.2f})")
    lines = [f"{'factor':>6}  {'top genes':<58}  module (AUROC)"]
    top = top[(top["side"] == "W") & (top["rank"] <= 7)]
    for factor in top["factor"].unique():
        genes = " ".join(top.loc[top["factor"] == factor, "gene"])
        genes = genes if len(genes) <= 58 else genes[:57].rpartition(" ")[0] + " …"
        lines.append(f"{factor:>6}  {genes:<58}  {found.get(int(factor), '')}".rstrip())
    return lines


def _recovery_lines(recovery: xr.Dataset) -> list[str]:
    a = recovery.attrs
    median = f"best AUROC of a factor for a known module: median {a['median_auroc']:.3f}"
    above = f"above {a['threshold']}: {a['recovered']} of {a['modules']} modules"
    return [
        f"{median}; {a['median_shuffled']:.3f} with gene labels shuffled",
        f"{above}; {a['recovered_shuffled']} with gene labels shuffled",
    ]


def _draw(fit: xr.Dataset, recovery: xr.Dataset, file: Path, echo: Callable[[str], object]) -> Path | None:
    from dasknmf.errors import MissingDependencyError
    from dasknmf.report.figures import demo_figure

    file.unlink(missing_ok=True)
    try:
        figure = demo_figure(fit, recovery)
    except MissingDependencyError as error:
        echo(f"no picture: {error}")
        return None
    figure.savefig(file, dpi=150)
    echo(f"picture: {file}")
    return file
