"""cogaps as users call it: what it finds, what it gives back, on any executor, resumed, saved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import xarray as xr

import dasknmf
from dasknmf.analysis.matching import match
from dasknmf.atomic.chain import chi_squared_of, default_uncertainty, expected_rate
from dasknmf.atomic.dataset import VARIABLES
from dasknmf.atomic.sets import gene_sets
from dasknmf.errors import FormatError, InputError
from dasknmf.events import ChainAdvanced, CheckpointWritten, SetsSampled
from dasknmf.progress import describe
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

BITS = ("W", "W_sd", "H", "H_sd", "scale", "chi_squared", "atoms")


def sparse_patterns(genes: int, samples: int, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """D with noise of one standard deviation of the default uncertainty, and its W and H."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(2, 1, (genes, k)) * (rng.random((genes, k)) < 0.4)
    H = rng.gamma(2, 0.3, (k, samples)) * (rng.random((k, samples)) < 0.5)
    D = W @ H
    return np.maximum(D + default_uncertainty(D) * rng.standard_normal(D.shape), 0), W, H


def matched(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Correlation of each true column with the one that it is matched to."""
    between = np.corrcoef(truth.T, found.T)[: truth.shape[1], truth.shape[1] :]
    return match(np.nan_to_num(between))[1]


def assert_same_bits(a: xr.Dataset, b: xr.Dataset) -> None:
    for name in BITS:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    for name in ("chi_squared", "relative_error", "rate"):
        assert a.attrs[name] == b.attrs[name]


D, W, H = sparse_patterns(120, 30, 4, seed=0)


@pytest.fixture(scope="module")
def fit() -> xr.Dataset:
    return dasknmf.cogaps(D, 4, iterations=1000, seed=1)


def test_planted_patterns_are_found(fit: xr.Dataset) -> None:
    assert matched(fit["W"].values, W).min() > 0.95
    assert matched(fit["H"].values.T, H.T).min() > 0.97
    # as many deviations from the truth as are said: of entries that are not zero
    k = [int(np.argmax(np.corrcoef(truth, fit["H"].values)[0, 1:])) for truth in H]
    truth = H / H.max(axis=1, keepdims=True)
    # the largest entry of a pattern is 1 in every sample
    there = (truth > 0.05) & (truth < 1)
    far = (fit["H"].values[k] - truth)[there] / fit["H_sd"].values[k][there]
    assert np.median(np.abs(far)) < 3


def test_it_fits_about_as_well_as_hals_on_what_hals_minimises() -> None:
    """χ² of the means against the least-squares fit of scikit-learn, S = 0.1 for each value below 1.

    The prior adds λ·mass to ½χ²; each atom of a sample, freed, takes at most about one off χ².
    """
    decomposition = pytest.importorskip("sklearn.decomposition")
    values = D / D.max()
    fit = dasknmf.cogaps(values, 4, iterations=1500, seed=2)
    hals = decomposition.NMF(4, init="nndsvda", solver="cd", max_iter=2000, tol=1e-7)
    loadings = hals.fit_transform(values)
    least = chi_squared_of(values, None, loadings, hals.components_)
    mass = loadings.sum() + hals.components_.sum()
    assert fit.attrs["chi_squared"] <= least + 2 * fit.attrs["rate"] * mass + fit["atoms"][:, -1].sum()
    assert fit.attrs["chi_squared"] < 0.1 * chi_squared_of(values, None, 0 * loadings, hals.components_)


def test_a_fit_says_what_it_holds(fit: xr.Dataset) -> None:
    assert set(fit.data_vars) == set(VARIABLES) - {"set", "found_in", "agreement"}
    assert fit["W"].dims == fit["W_sd"].dims == ("gene", "factor")
    assert fit["H"].dims == fit["H_sd"].dims == ("factor", "sample")
    assert fit.sizes["iteration"] == 2000
    assert fit["H"].values.max() <= 1
    assert (np.diff(fit["scale"]) <= 0).all()
    assert (fit["W_sd"] >= 0).all()
    means = fit["W"].values.astype(float), fit["H"].values.astype(float)
    assert fit.attrs["chi_squared"] == pytest.approx(chi_squared_of(D, None, *means), rel=1e-4)
    error = np.linalg.norm(D - means[0] @ means[1]) / np.linalg.norm(D)
    assert fit.attrs["relative_error"] == pytest.approx(error, rel=1e-4)
    assert fit.attrs["rate"] == pytest.approx(expected_rate(D, 4, 0.01))
    for name, value in {
        "seed": 1,
        "alpha": 0.01,
        "iterations": 1000,
        "n_components": 4,
        "held": "neither",
    }.items():
        assert fit.attrs[name] == value
    sampled = fit["chi_squared"].values[1000:]
    assert fit.attrs["chi_squared_change"] == pytest.approx(sampled[500:].mean() / sampled[:500].mean() - 1)
    assert abs(fit.attrs["chi_squared_change"]) < 0.02
    assert dasknmf.cogaps(D, 4, iterations=40).attrs["chi_squared_change"] < -0.05
    assert json.loads(fit.attrs["versions"])["dasknmf"] == dasknmf.__version__


def test_names_and_results_are_saved_and_loaded_equal(tmp_path: Path) -> None:
    genes, samples = [f"gène {i}" for i in range(120)], [f"s{i}" for i in range(30)]
    frame = pd.DataFrame(D, index=genes, columns=samples)
    fit = dasknmf.cogaps(frame, 3, iterations=10, sets=2)
    assert fit["gene"].values.tolist() == genes
    assert fit["sample"].values.tolist() == samples
    dasknmf.save(fit, tmp_path / "fit.zarr")
    assert dasknmf.load(tmp_path / "fit.zarr").identical(fit)
    assert dasknmf.load(tmp_path / "fit.zarr")["sample"].dtype == object


def test_any_form_of_the_data_gives_the_same_bits() -> None:
    frame = pd.DataFrame(D)
    array = xr.DataArray(D, dims=("gene", "sample"), coords={"gene": list("g" + frame.index.astype(str))})
    fits = [dasknmf.cogaps(data, 2, iterations=20) for data in (D, frame, array, sp.csr_array(D))]
    for other in fits[1:]:
        assert_same_bits(fits[0], other)
    assert fits[2]["gene"].values[3] == "g3"
    # in the chain, data are float32, and so is what the default uncertainty is a tenth of
    single = D.astype(np.float32)
    given = dasknmf.cogaps(single, 2, iterations=20, uncertainty=pd.DataFrame(default_uncertainty(single)))
    assert_same_bits(dasknmf.cogaps(single, 2, iterations=20), given)
    assert not np.array_equal(fits[0]["W"], dasknmf.cogaps(D, 2, iterations=20, seed=1)["W"])
    wider = dasknmf.cogaps(D, 2, iterations=20, uncertainty=np.full(D.shape, 3.0))
    assert wider.attrs["chi_squared"] < 0.2 * fits[0].attrs["chi_squared"]


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_a_network_looks_like_any_fit_of_it_and_is_read_from_its_store(layout: str, tmp_path: Path) -> None:
    A = planted(90, 3, seed=0)
    if layout == "sparse":
        A = np.where(A > 0.7, A, 0)
    A = A.astype(np.float32)
    genes = [f"G{i}" for i in range(90)]
    options: dict[str, Any] = {"tile": 32} if layout == "dense" else {}
    dasknmf.import_network(A, tmp_path / "net.zarr", genes=genes, layout=layout, **options)
    for sets in (None, 3):
        fit = dasknmf.cogaps(tmp_path / "net.zarr", 3, iterations=150, sets=sets)
        assert fit["H"].dims == ("factor", "gene")
        assert fit["gene"].values.tolist() == genes
        assert_same_bits(fit, dasknmf.cogaps(A, 3, iterations=150, sets=sets))
        assert fit.attrs["network"].endswith("net.zarr")
        assert fit.attrs["network_checksum"].startswith("sha256:")
        assert fit.attrs["relative_error"] < 0.5
        top = dasknmf.top_genes(fit, n=2)
        assert set(top["side"]) == {"W", "H"}


def test_patterns_that_are_held_stay_and_keep_their_order() -> None:
    order = [2, 0, 3, 1]
    fit = dasknmf.cogaps(D, 4, iterations=300, fixed={"H": H[order]})
    np.testing.assert_allclose(fit["H"], (H / H.max(axis=1, keepdims=True))[order], rtol=1e-6)
    assert not fit["H_sd"].any()
    assert np.diag(np.corrcoef(fit["W"].values.T, W[:, order].T)[:4, 4:]).min() > 0.97
    fit = dasknmf.cogaps(D, 4, iterations=300, fixed={"W": W[:, order]})
    assert np.diag(np.corrcoef(fit["H"].values, H[order])[:4, 4:]).min() > 0.97
    fit = dasknmf.cogaps(D, 4, iterations=300, fixed={"H": H[order]}, sets=3)
    assert np.diag(np.corrcoef(fit["W"].values.T, W[:, order].T)[:4, 4:]).min() > 0.97
    assert "found_in" not in fit


def test_sets_share_patterns_and_every_gene_is_put_back_in_its_place() -> None:
    """Each row of the loadings fits its own gene: rows in another place would not."""
    fit = dasknmf.cogaps(D, 4, iterations=500, sets=3, seed=3)
    assert matched(fit["W"].values, W).min() > 0.95
    assert matched(fit["H"].values.T, H.T).min() > 0.97
    assert fit.sizes["factor"] == 4
    assert fit["found_in"].values.tolist() == [3] * 4
    for number, rows in enumerate(gene_sets(3, fit["gene"].values, seed=3)):
        assert (fit["set"].values[rows] == number).all()
    # sets by name are the same sets
    names = [[f"{i}" for i in rows] for rows in gene_sets(3, fit["gene"].values, seed=3)]
    assert_same_bits(fit, dasknmf.cogaps(D, 4, iterations=500, sets=names, seed=3))
    model = fit["W"].values @ fit["H"].values
    own, other = (
        (((D - rows) / default_uncertainty(D)) ** 2).sum(axis=1)
        for rows in (model, np.roll(model, 1, axis=0))
    )
    assert (own < other).mean() > 0.95


@pytest.mark.parametrize("sets", [None, 3])
def test_every_executor_gives_the_same_bits(sets: int | None, client: Client) -> None:
    options: dict[str, Any] = {"iterations": 60, "sets": sets, "seed": 7}
    serial = dasknmf.cogaps(D, 3, scheduler="serial", **options)
    assert_same_bits(dasknmf.cogaps(D, 3, scheduler="threads", workers=3, **options), serial)
    assert_same_bits(dasknmf.cogaps(D, 3, scheduler=client, **options), serial)
    A = planted(40, 2, seed=1)
    assert_same_bits(
        dasknmf.cogaps(A, 3, scheduler=client, **options), dasknmf.cogaps(A, 3, scheduler="serial", **options)
    )


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


def test_a_chain_that_is_resumed_ends_in_the_same_bits(tmp_path: Path) -> None:
    options: dict[str, Any] = {"iterations": 200, "seed": 5}
    whole = dasknmf.cogaps(D, 3, **options)
    place = tmp_path / "run.checkpoint"
    events: list[Any] = []

    def stop(event: object) -> None:
        events.append(event)
        if isinstance(event, ChainAdvanced) and event.iteration > 260:
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.cogaps(D, 3, **options, checkpoint=place, checkpoint_iterations=40, progress=stop)
    assert any(isinstance(event, CheckpointWritten) for event in events)
    # parsed, never unpickled
    with np.load(place, allow_pickle=False) as kept:
        assert all(kept[name].dtype != object for name in kept)
    with pytest.raises(FormatError, match="checkpoint of another run: its seed is 5, here it is 6"):
        dasknmf.cogaps(D, 3, iterations=200, seed=6, checkpoint=place, resume=True)
    with pytest.raises(FormatError, match="its data is 'sha256"):
        dasknmf.cogaps(2 * D, 3, **options, checkpoint=place, resume=True)
    resumed: list[Any] = []
    assert_same_bits(
        dasknmf.cogaps(D, 3, **options, checkpoint=place, resume=True, progress=resumed.append), whole
    )
    assert resumed[0].iteration > 200
    assert list(tmp_path.iterdir()) == []


def test_sets_that_have_ended_are_not_sampled_again(tmp_path: Path) -> None:
    options: dict[str, Any] = {"iterations": 40, "sets": 3}
    whole = dasknmf.cogaps(D, 3, **options)
    place = tmp_path / "run"

    def stop(event: object) -> None:
        if isinstance(event, SetsSampled) and (event.stage, event.done) == ("loadings", 2):
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.cogaps(D, 3, **options, scheduler="serial", checkpoint=place, progress=stop)
    assert len(list(place.iterdir())) == 5
    events: list[Any] = []
    resumed = dasknmf.cogaps(D, 3, **options, checkpoint=place, resume=True, progress=events.append)
    assert_same_bits(resumed, whole)
    assert [(event.stage, event.done) for event in events] == [("loadings", 3)]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file; sets are kept in a folder"):
        dasknmf.cogaps(D, 3, **options, checkpoint=tmp_path / "file")


def test_progress_tells_how_far_it_is() -> None:
    events: list[Any] = []
    dasknmf.cogaps(D, 2, iterations=30, progress=events.append)
    assert events[-1].iteration == events[-1].most == 60
    assert {event.phase for event in events} == {"equilibrating", "sampling"}
    assert describe(ChainAdvanced(40, 60, "sampling", 1234.5, 1000, 2.0, 1.0)) == (
        "iteration 40 of 60, sampling: χ² 1234.5, 1,000 atoms, 2.0 s, about 1 s left"
    )
    assert describe(SetsSampled(2, 3, "patterns", 2.0, 1.0)) == (
        "patterns of 2 of 3 sets sampled, 2.0 s, about 1 s left"
    )
