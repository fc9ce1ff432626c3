"""What nmf takes in memory, and how it refuses the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xarray as xr

import dasknmf
from dasknmf.errors import InputError
from dasknmf.options import ModelOptions
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

A = planted(30, 3, seed=0)
NAMES = [f"g{i}" for i in range(30)]


@pytest.mark.parametrize(
    ("network", "names"),
    [
        (A.tolist(), [str(i) for i in range(30)]),
        (sp.csr_matrix(A), [str(i) for i in range(30)]),
        (sp.coo_array(A.astype(np.float32)), [str(i) for i in range(30)]),
        (pd.DataFrame(A, index=NAMES, columns=NAMES), NAMES),
        (xr.DataArray(A, dims=("gene", "partner"), coords={"gene": NAMES}), NAMES),
    ],
    ids=["list", "csr_matrix", "coo_array", "DataFrame", "DataArray"],
)
def test_every_form_gives_the_factors_of_the_array(network: Any, names: list[str]) -> None:
    expected = dasknmf.nmf(A, 3, max_iter=10)
    fit = dasknmf.nmf(network, 3, max_iter=10)
    np.testing.assert_allclose(fit["W"], expected["W"], rtol=1e-3, atol=1e-3)
    assert fit["gene"].values.tolist() == names


def broken(i: int, j: int, value: float) -> np.ndarray:
    matrix = A.copy()
    matrix[i, j] = value
    return matrix


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (np.ones((3, 4)), r"shape \(3, 4\); needs a square one"),
        (np.ones(3), r"shape \(3,\); needs a square one"),
        (np.ones((0, 0)), "needs a square one"),
        (broken(1, 2, np.nan), r"not finite: entry \(1, 2\) is nan; replace"),
        (broken(1, 2, -1.0), r"negative: entry \(1, 2\) is -1.0; clip"),
        (broken(1, 2, 77.0), r"not symmetric: A\[1, 2\] = 77, A\[2, 1\] = .*asymmetric='mean'"),
        (sp.csr_array(broken(1, 2, 77.0)), r"not symmetric: A\[1, 2\] = 77"),
        (sp.csr_array(broken(1, 2, -1.0)), "negative"),
        (pd.DataFrame(A, index=NAMES), "different names on its rows and columns"),
        (pd.DataFrame(A, index=["x"] * 30, columns=["x"] * 30), "must be unique .* 'x' is gene 1 and gene 2"),
        (xr.DataArray(A).chunk(), r"Dask array .* dasknmf.import_network\(array"),
        ("nowhere.zarr", "there is no network at nowhere.zarr; make one with: dasknmf import"),
        (object(), "object is not a network; needs a store, its path, or a symmetric matrix"),
    ],
)
def test_what_is_no_network_is_one_clear_error(network: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dasknmf.nmf(network, 2)


def test_a_file_is_told_to_be_imported(tmp_path: Path) -> None:
    (tmp_path / "edges.tsv").write_text("a\tb\t1\n")
    with pytest.raises(
        InputError, match=r"is a file, not a store; import it first: dasknmf import .*edges.tsv"
    ):
        dasknmf.nmf(tmp_path / "edges.tsv", 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components=0: needs a whole number of at least 1"),
        ({"n_components": 2.5}, "n_components=2.5: needs a whole number"),
        ({"n_components": 31}, "has 30 genes; needs at most that many"),
        ({"solver": "magic"}, "solver 'magic' is not known; choose one of: anls-sym, bpp"),
        ({"init": "best"}, "init='best' is not known; choose one of auto, random"),
        ({"init": "given"}, "init='given' needs both W and H"),
        ({"solver": "mu", "init": "nndsvd"}, "use init='nndsvda'"),
        ({"seed": -1}, "seed=-1"),
        ({"l1_W": -0.5}, "l1_W=-0.5: needs a finite number of at least 0"),
        ({"tol": float("nan")}, "tol=nan"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"max_seconds": 0}, "max_seconds=0: needs a number of seconds above 0"),
        ({"diagonal": "drop"}, "diagonal='drop' is not known; choose one of keep, ignore"),
        ({"alhpa": 1}, "option 'alhpa' is not known; there are: alpha, beta, bound, diagonal"),
        ({"alpha": 1}, "alpha=1.0: solver 'hals' has no alpha; .* take one of: anls-sym, symhals"),
        ({"solver": "symmu", "l1_W": 1}, "l1_W=1.0: solver 'symmu' has no l1_W"),
        ({"solver": "snmf", "beta": -1}, "beta=-1: needs a finite number of at least 0"),
        ({"solver": "snmf", "variant": "both"}, "variant='both' is not known; choose one of R, L"),
        ({"W": np.ones((30, 2))}, r"H: nothing was given, needs shape \(2, 30\)"),
        (
            {"W": np.ones((30, 3)), "H": np.ones((2, 30))},
            r"W: shape \(30, 3\) was given, needs shape \(30, 2\)",
        ),
        ({"W": -np.ones((30, 2)), "H": np.ones((2, 30))}, "W has values that are negative"),
    ],
)
def test_an_option_that_cannot_be_used_is_one_clear_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dasknmf.nmf(A, **{"n_components": 2, **options})


def test_models_that_would_be_the_same_are_refused() -> None:
    with pytest.raises(InputError, match="there is none"):
        dasknmf.nmf_many(A, [])
    with pytest.raises(
        InputError, match=r"hals-k2 is there 2 times; .* restarts need init='random_acol' \(or"
    ):
        dasknmf.nmf_many(A, [{"n_components": 2, "seed": 0}, {"n_components": 2, "seed": 1}])
    assert ModelOptions(2).init == "nndsvd"
    assert ModelOptions(2, solver="mu").init == "nndsvda"


def test_transform_is_the_non_negative_least_squares_solution() -> None:
    from scipy.optimize import nnls

    fit = dasknmf.nmf(A, 4)
    rows = np.random.default_rng(0).random((7, 30))
    loadings = dasknmf.transform(fit, rows)
    Ht = fit["H"].values.T.astype(np.float64)
    for row, loading in zip(rows, loadings, strict=True):
        np.testing.assert_allclose(loading, nnls(Ht, row)[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(dasknmf.transform(fit, sp.csr_array(rows)), loadings, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [(np.ones((2, 29)), r"needs \(new genes, 30\)"), (-np.ones((2, 30)), "negative"), (np.ones(30), "needs")],
)
def test_transform_refuses_other_rows(rows: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        dasknmf.transform(dasknmf.nmf(A, 2, max_iter=2), rows)


@pytest.mark.parametrize(
    "penalty", [{}, {"l1_W": 1.0}, {"l2_W": 3.0}, {"l1_W": 0.5, "l2_W": 0.5, "l2_H": 1.0}]
)
def test_transform_of_the_fitted_rows_is_the_fit(penalty: dict[str, float]) -> None:
    fit = dasknmf.nmf(A, 3, max_iter=5000, tol=1e-6, tol_objective=0, **penalty)
    np.testing.assert_allclose(dasknmf.transform(fit, A), fit["W"], rtol=2e-3, atol=2e-3)


def test_duplicate_entries_of_a_sparse_matrix_are_summed() -> None:
    twice = sp.csr_array((np.full(4, 1.0), np.array([1, 1, 0, 0]), np.array([0, 2, 4])), shape=(2, 2))
    assert twice.nnz == 4
    fit = dasknmf.nmf(twice, 1, max_iter=5)
    dense = dasknmf.nmf(twice.toarray(), 1, max_iter=5)
    assert fit.attrs["relative_error"] == pytest.approx(dense.attrs["relative_error"])
    assert twice.nnz == 4  # the caller's matrix is as it was


def test_a_large_sparse_matrix_is_checked_without_a_dense_one() -> None:
    n = 500_000
    ends = np.array([0, n - 1])
    fit = dasknmf.nmf(sp.csr_array((np.ones(2), (ends, ends[::-1])), shape=(n, n)), 2, max_iter=5)
    assert fit.attrs["relative_error"] < 1e-3
    with pytest.raises(InputError, match=r"not symmetric: A\[0, 499999\] = 1"):
        dasknmf.nmf(sp.csr_array((np.ones(1), ([0], [n - 1])), shape=(n, n)), 2)


def test_complex_numbers_are_not_cut_to_real_ones() -> None:
    with pytest.raises(InputError, match="complex"):
        dasknmf.nmf(A + 1j, 2)
