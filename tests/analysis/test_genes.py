import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.errors import InputError


def fit_of(W, H):
    W, H = np.asarray(W, dtype=np.float32), np.asarray(H, dtype=np.float32)
    genes = np.array([f"g{i}" for i in range(len(W))], dtype=object)
    return xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "gene"), H)},
        coords={"gene": genes, "factor": np.arange(W.shape[1])},
    )


def test_every_factor_and_side_lists_its_largest_loadings_in_order():
    rng = np.random.default_rng(0)
    fit = fit_of(rng.random((50, 3)), rng.random((3, 50)))
    top = dasknmf.top_genes(fit, n=4)
    assert top.columns.tolist() == ["factor", "side", "rank", "gene", "loading"]
    assert len(top) == 3 * 2 * 4
    for (factor, side), rows in top.groupby(["factor", "side"]):
        values = fit[side].sel(factor=factor)
        assert rows["rank"].tolist() == [1, 2, 3, 4]
        assert rows["loading"].tolist() == sorted(values.values.tolist(), reverse=True)[:4]
        assert values.sel(gene=rows["gene"].tolist()).values.tolist() == rows["loading"].tolist()


def test_genes_without_loading_are_not_listed_and_ties_keep_the_order_of_the_genes():
    fit = fit_of([[1, 0], [0, 0], [1, 0]], np.zeros((2, 3)))
    top = dasknmf.top_genes(fit, n=3)
    assert top[["factor", "side", "gene"]].to_numpy().tolist() == [[0, "W", "g0"], [0, "W", "g2"]]


def test_what_is_no_fit_is_refused():
    with pytest.raises(InputError, match="n=0: needs at least 1"):
        dasknmf.top_genes(fit_of([[1]], [[1]]), n=0)
    with pytest.raises(InputError, match="lacks H, gene; give what"):
        dasknmf.top_genes(xr.Dataset({"W": (("x", "factor"), [[1.0]])}, coords={"factor": [0]}))
