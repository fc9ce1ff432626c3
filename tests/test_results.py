"""Results: what is in them, saved and loaded equal, whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.results import VARIABLES
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

A = planted(60, 3, seed=0)
GENES = [f"gène-{i} α" for i in range(60)]


@pytest.fixture(scope="module")
def fit(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    place = tmp_path_factory.mktemp("results") / "net.zarr"
    dasknmf.import_network(A, place, genes=GENES)
    return dasknmf.nmf(place, 3, l1_W=0.1)


def test_a_fit_holds_what_it_promises(fit: xr.Dataset) -> None:
    # only trifactor has a network between its factors
    assert set(fit.data_vars) == set(VARIABLES) - {"core"}
    for name in fit.data_vars:
        assert fit[name].dims == VARIABLES[str(name)][0]
    assert fit["W"].dtype == fit["H"].dtype == np.float32
    assert fit["gene"].values.tolist() == GENES
    assert (np.diff(fit["scale"]) <= 0).all()
    np.testing.assert_allclose(np.linalg.norm(fit["W"], axis=0), np.linalg.norm(fit["H"], axis=1), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(fit["W"], axis=0) ** 2, fit["scale"], rtol=1e-5)
    attributes = fit.attrs
    assert attributes["l1_W"] == 0.1
    assert attributes["network_checksum"].startswith("sha256:")
    # of the sketch, two an iteration on A, and one for the exact objective
    assert attributes["reads"] <= 8 + 2 * attributes["polish"] + 1
    assert json.loads(attributes["versions"])["dasknmf"] == dasknmf.__version__
    for name in ("seed", "init", "max_iter", "tol", "diagonal", "seconds", "stop_reason", "eckart_young"):
        assert name in attributes


def test_genes_are_found_by_name(fit: xr.Dataset) -> None:
    row = fit["W"].sel(gene=GENES[7]) @ fit["H"]
    product = fit["W"].values @ fit["H"].values
    assert row.sel(gene=GENES[9]).item() == pytest.approx(product[7, 9], rel=1e-5)


@pytest.mark.parametrize("where", ["local", "remote"])
def test_saved_and_loaded_are_identical(fit: xr.Dataset, tmp_path: Path, where: str) -> None:
    place = tmp_path / "fit.zarr" if where == "local" else "memory://results/fit.zarr"
    dasknmf.save(fit, place)
    again = dasknmf.load(place)
    assert again.identical(fit)
    assert again["gene"].dtype == fit["gene"].dtype
    with pytest.raises(InputError, match=r"exists already; choose another name, or overwrite it"):
        dasknmf.save(fit, place)
    dasknmf.save(again, place, overwrite=True)
    assert dasknmf.load(place).identical(fit)


def test_several_models_too(tmp_path: Path) -> None:
    fits = dasknmf.nmf_many(A, [{"n_components": k} for k in (1, 2)], max_iter=5)
    dasknmf.save(fits, tmp_path / "fits.zarr")
    again = dasknmf.load(tmp_path / "fits.zarr")
    assert again.identical(fits)


@given(
    n=st.integers(1, 30),
    k=st.integers(1, 4),
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), unique=True
    ),
)
def test_any_gene_names_come_back(
    n: int, k: int, names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    genes = [*names, *(f"{i}\x00"[:-1] + "_" * 20 for i in range(n))][:n]
    matrix = xr.DataArray(planted(n, 2, seed=1), dims=("gene", "partner"), coords={"gene": genes})
    fit = dasknmf.nmf(matrix, min(k, n), max_iter=2)
    place = tmp_path_factory.mktemp("names") / "fit.zarr"
    dasknmf.save(fit, place)
    assert dasknmf.load(place).identical(fit)
    assert fit["gene"].values.tolist() == genes


def test_what_is_no_fit_is_refused(fit: xr.Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no fit at"):
        dasknmf.load(tmp_path / "nothing.zarr")
    (tmp_path / "file.zarr").write_text("x")
    with pytest.raises(FormatError, match="is not a Zarr group"):
        dasknmf.load(tmp_path / "file.zarr")
    zarr.create_group(tmp_path / "other.zarr")
    with pytest.raises(FormatError, match="not a dasknmf fit"):
        dasknmf.load(tmp_path / "other.zarr")
    dasknmf.save(fit, tmp_path / "fit.zarr")
    group = zarr.open_group(tmp_path / "fit.zarr", mode="a")
    group.attrs["complete"] = False
    with pytest.raises(FormatError, match="was never finished"):
        dasknmf.load(tmp_path / "fit.zarr")
    group.attrs["complete"] = True
    group.attrs["version"] = "9.0"
    with pytest.raises(FormatError, match=r"has fit format 9.0"):
        dasknmf.load(tmp_path / "fit.zarr")


def test_a_failed_save_leaves_nothing_and_keeps_the_old(
    fit: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "fit.zarr"
    dasknmf.save(fit, place)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(xr.Dataset, "to_zarr", fail)
    with pytest.raises(OSError, match="No space left"):
        dasknmf.save(fit, place, overwrite=True)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["fit.zarr"]
    assert dasknmf.load(place).identical(fit)


def test_a_result_with_nothing_in_a_variable_comes_back(fit: xr.Dataset, tmp_path: Path) -> None:
    names = xr.Variable("none", np.array([], dtype=object))
    unsigned = ("some", np.copysign(np.array([np.nan, np.nan]), -1))
    truths = ("some", np.array([True, False]))
    dasknmf.save(fit.assign(names=names, truths=truths, lost=unsigned), tmp_path / "fit.zarr")
    loaded = dasknmf.load(tmp_path / "fit.zarr")
    assert loaded["names"].size == 0
    assert loaded["truths"].dtype == bool
