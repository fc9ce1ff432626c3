"""Exports hold the loadings, and are read back by the tools they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.export import export
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


@pytest.fixture(scope="module")
def fit() -> xr.Dataset:
    names = [f"g{i}" for i in range(20)]
    return dasknmf.nmf(pd.DataFrame(planted(20, 2, seed=0), index=names, columns=names), 2)


@pytest.mark.parametrize("ending", [".tsv", ".tsv.gz"])
def test_a_table(fit: xr.Dataset, tmp_path: Path, ending: str) -> None:
    table = pd.read_csv(export(fit, tmp_path / f"factors{ending}"), sep="\t", index_col="gene")
    assert table.columns.tolist() == ["W0", "W1", "H0", "H1"]
    assert table.index.tolist() == fit["gene"].values.tolist()
    np.testing.assert_allclose(table[["W0", "W1"]], fit["W"], rtol=1e-6)
    np.testing.assert_allclose(table[["H0", "H1"]].T, fit["H"], rtol=1e-6)


def test_anndata(fit: xr.Dataset, tmp_path: Path) -> None:
    data = ad.read_h5ad(export(fit, tmp_path / "factors.h5ad"))
    np.testing.assert_array_equal(data.obsm["W"], fit["W"])
    np.testing.assert_array_equal(data.obsm["H"].T, fit["H"])
    assert data.obs_names.tolist() == fit["gene"].values.tolist()
    assert data.uns["dasknmf"]["relative_error"] == fit.attrs["relative_error"]


def test_ranked_lists(fit: xr.Dataset, tmp_path: Path) -> None:
    folder = export(fit, tmp_path / "factors.rnk")
    assert sorted(path.name for path in folder.iterdir()) == ["H0.rnk", "H1.rnk", "W0.rnk", "W1.rnk"]
    ranked = pd.read_csv(folder / "H1.rnk", sep="\t", header=None, index_col=0)[1]
    assert (np.diff(ranked) <= 0).all()
    np.testing.assert_allclose(ranked.loc[fit["gene"].values], fit["H"][1], rtol=1e-6)


def test_nothing_is_overwritten_unasked_or_left_behind(fit: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ending is not known; use one of .tsv, .tsv.gz, .h5ad, .rnk"):
        export(fit, tmp_path / "factors.xls")
    export(fit, tmp_path / "factors.rnk")
    with pytest.raises(InputError, match="exists already"):
        export(fit, tmp_path / "factors.rnk")
    export(fit, tmp_path / "factors.rnk", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["factors.rnk"]
