"""Factors in the formats of other tools: a table, AnnData, ranked gene lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from dasknmf.aside import place_beside, put_in_place, sweep
from dasknmf.errors import InputError, missing_dependency
from dasknmf.storage import remove, require_free

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import anndata as ad
    import pandas as pd
    import xarray as xr

FORMATS = (".tsv", ".tsv.gz", ".h5ad", ".rnk")


def export(fit: xr.Dataset, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write the factors of a fit for another tool; the ending of the path says which.

    Parameters
    ----------
    fit : Dataset
        What :func:`dasknmf.nmf` returned.
    path : path
        ``.tsv`` or ``.tsv.gz``: one row a gene, columns ``W0, W1, …, H0, H1, …``. ``.h5ad``: an AnnData with
        the genes as ``obs``, ``obsm["W"]`` and ``obsm["H"]`` (gene × factor) and the attributes in ``uns``.
        ``.rnk``: a folder of that name with one ranked list a factor and side, ``W0.rnk`` …, as GSEA reads
        them.
    overwrite : bool
        Replace what is there.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    InputError
        If the ending is none of these, or the place is taken.

    Examples
    --------
    >>> import dasknmf, numpy as np, tempfile
    >>> fit = dasknmf.nmf(np.ones((3, 3)), n_components=1)
    >>> folder = Path(tempfile.mkdtemp())
    >>> export(fit, folder / "factors.tsv").read_text().split()[:3]
    ['gene', 'W0', 'H0']
    """
    target = Path(path)
    ending = next((known for known in FORMATS if target.name.endswith(known)), None)
    if ending is None:
        msg = f"{target}: this ending is not known; use one of {', '.join(FORMATS)}"
        raise InputError(msg)
    require_free(target, overwrite=overwrite)
    write: Callable[[Path], object]
    if ending == ".h5ad":
        write = to_anndata(fit).write_h5ad
    elif ending == ".rnk":
        write = lambda aside: _write_ranked(fit, aside)  # noqa: E731
    else:
        compression: Literal["gzip"] | None = "gzip" if ending.endswith(".gz") else None
        write = lambda aside: to_table(fit).to_csv(aside, sep="\t", compression=compression)  # noqa: E731
    sweep(target)
    aside = place_beside(target, ending=ending)
    try:
        write(aside)
        put_in_place(aside, target)
    except BaseException:
        remove(aside)
        raise
    return target


def to_table(fit: xr.Dataset) -> pd.DataFrame:
    """Return the loadings as a DataFrame, genes × (W0, W1, …, H0, H1, …)."""
    import pandas as pd

    names = [f"{side}{factor}" for side in ("W", "H") for factor in fit["factor"].values]
    values = np.concatenate([fit["W"].values, fit["H"].values.T], axis=1)
    return pd.DataFrame(values, index=pd.Index(fit["gene"].values, name="gene"), columns=names)


def to_anndata(fit: xr.Dataset) -> ad.AnnData:
    """Return the loadings as an AnnData, genes as ``obs``.

    Raises
    ------
    MissingDependencyError
        If anndata is not installed.
    """
    try:
        import anndata as ad
    except ImportError as error:
        raise missing_dependency("anndata", extra="anndata", purpose="export to .h5ad") from error
    import pandas as pd

    genes = pd.Index([str(gene) for gene in fit["gene"].values], name="gene")
    data = ad.AnnData(obs=pd.DataFrame(index=genes))
    data.obsm["W"], data.obsm["H"] = fit["W"].values, fit["H"].values.T
    data.uns["dasknmf"] = {**fit.attrs, "scale": fit["scale"].values}
    return data


def _write_ranked(fit: xr.Dataset, folder: Path) -> None:
    folder.mkdir()
    table = to_table(fit)
    for name in table.columns:
        ranked = table[name].sort_values(ascending=False, kind="stable")
        file = re.sub(r"\W", "_", str(name)) + ".rnk"
        ranked.to_csv(folder / file, sep="\t", header=False)
