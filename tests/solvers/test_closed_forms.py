"""Solvers on Soules matrices, of which the best error is known at every rank, for WH and for WWᵀ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dasknmf
from dasknmf.network.soules import SoulesMatrix, write_soules

if TYPE_CHECKING:
    from pathlib import Path

SOLVERS = ("hals", "bpp", "symhals", "symline", "anls-sym", "symmu", "trifactor")
EIGENVALUES = (8, 5, 3, 2.5, 1.2, 1.1, 1, 0.9, *[0.3] * 8)


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("k", range(1, 8))
def test_the_least_error_is_reached(solver: str, k: int) -> None:
    matrix = SoulesMatrix(16, EIGENVALUES)
    options = {"max_iter": 3000, "tol": 1e-6, "tol_objective": 0, "scheduler": "serial", "exact": True}
    fit = dasknmf.nmf(matrix.tile(range(16), range(16)), k, solver=solver, **options)
    error = fit.attrs["relative_error"] ** 2 * matrix.sum_of_squares
    # symmu nears zeros, and never reaches them
    assert error == pytest.approx(matrix.squared_error(k), rel=1e-4 if solver == "symmu" else 1e-5)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SoulesMatrix]:
    n = 4096
    values = tuple(value * n / 16 for value in EIGENVALUES)
    place = tmp_path_factory.mktemp("soules") / "network.zarr"
    write_soules(place, n, values, tile=1024)
    return place, SoulesMatrix(n, values)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_least_error_of_many_genes_is_reached_at_every_rank(
    solver: str, large: tuple[Path, SoulesMatrix]
) -> None:
    place, matrix = large
    options = {"max_iter": 600, "tol_objective": 1e-9, "bound": False}
    if solver == "symmu":
        options |= {"max_iter": 2000, "tol_objective": 0, "tol": 1e-6}
    models = [{"n_components": k, "solver": solver} for k in range(1, 8)]
    made = dasknmf.nmf_many(place, models, **options)
    fits = [made[f"{solver}-k{k}"] for k in range(1, 8)]
    for k, fit in enumerate(fits, start=1):
        error = fit.attrs["relative_error"] ** 2 * matrix.sum_of_squares
        assert error == pytest.approx(matrix.squared_error(k), rel=1e-4 if solver != "symmu" else 2e-3), k
