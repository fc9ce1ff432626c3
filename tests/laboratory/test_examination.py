"""The whole of `dasknmf.symmetry` on networks of which the answer is known."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.events import StageAdvanced
from dasknmf.laboratory.tables import factor_table, measure_table, pair_table
from dasknmf.laboratory.variables import VARIABLES
from tests.laboratory.planted import expected_partners, planted

OPTIONS = {"restarts": 3, "nulls": 2, "seed": 1}


@pytest.fixture(scope="module")
def network():
    return planted()


@pytest.fixture(scope="module")
def fit(network):
    return dasknmf.nmf(network[1], 6, max_iter=200)


@pytest.fixture(scope="module")
def found(network, fit):
    return dasknmf.symmetry(fit, network[1], **OPTIONS)


def test_the_planted_involution_is_what_is_found(network, fit, found):
    expected = expected_partners(network[0], fit)
    assert found["partner_of"].values.tolist() == expected.tolist()
    module = expected == np.arange(6)
    assert found["class"].values.tolist() == np.where(module, "module", "pair").tolist()
    assert found["cause"].values.tolist() == np.where(module, "symmetric", "structure").tolist()
    assert found["cycle_length"].values.tolist() == np.where(module, 1, 2).tolist()
    assert found.attrs["is_involution"] == 1
    assert found.attrs["verdict"].startswith(
        "W differs from Hᵀ by structure: 2 of 6 factors are modules, and 2 pairs"
    )


def test_pairs_are_those_that_the_spectrum_of_the_matrix_promises(network, found):
    values = np.linalg.eigvalsh(network[1].to_numpy())
    values = values[np.argsort(-np.abs(values), kind="stable")]
    negative = np.cumsum(values < 0)
    assert (found["predicted_low"] <= found["predicted_pairs"]).all()
    assert (found["predicted_pairs"] <= found["predicted_high"]).all()
    known = found["predicted_low"].values == found["predicted_high"].values
    assert known[:6].all()
    np.testing.assert_array_equal(found["predicted_pairs"][known], negative[: len(known)][known])
    assert found.attrs["inertia_defect"] == 0
    assert found["by_fit"].sel(measure="inertia_defect").values.tolist() == [0] * 4
    assert (
        abs(found["eigenvalue"].values[:6] - values[:6]) <= found["eigenvalue_error"].values[:6] + 1e-5
    ).all()


def test_blocks_have_the_weights_of_the_network_and_of_the_model(network, fit, found):
    A, model = network[1], (fit["W"] @ fit["H"].rename(gene="other")).to_pandas()
    table = pair_table(found)
    pairs = zip(found["pair_first"].values, found["pair_second"].values, strict=True)
    partner = found["partner_of"].values
    assert [(a, b) for a, b in pairs] == [(j, i) for j, i in enumerate(partner) if j < i]
    for row in table.itertuples():
        assert row.weight == pytest.approx(A.loc[row.gene, row.partner], rel=1e-6)
        both = (model.loc[row.gene, row.partner] + model.loc[row.partner, row.gene]) / 2
        assert row.model == pytest.approx(both, rel=1e-5)
        assert row.gene in found["top_gene"].sel(side="W").isel(factor=row.first).values
        assert row.partner in found["top_gene"].sel(side="H").isel(factor=row.first).values
    assert all(one["weight"].is_monotonic_decreasing for _, one in table.groupby("first"))
    assert len(table) == 200


def test_top_genes_are_those_of_the_public_function(fit, found):
    top = dasknmf.top_genes(fit, n=10)
    for (factor, side), rows in top.groupby(["factor", "side"]):
        its = found.sel(factor=factor, side=side)
        assert its["top_gene"].values.tolist() == rows["gene"].tolist()
        np.testing.assert_allclose(its["top_loading"].values, rows["loading"])


def test_measures_of_the_reference_are_those_of_its_place_among_the_restarts(found):
    place = list(found["fit"].values).index(found.attrs["reference"])
    np.testing.assert_array_equal(found["measured"], found["by_fit"].isel(fit=place))
    np.testing.assert_allclose(found["mean"], found["by_fit"].mean("fit", skipna=False))
    known = found["mean"].notnull().values
    assert (found["low"].values[known] <= found["mean"].values[known] + 1e-12).all()
    assert (found["mean"].values[known] <= found["high"].values[known] + 1e-12).all()
    np.testing.assert_allclose(
        found["measured"].sel(measure="recurrence"),
        found["by_fit"].sel(measure="recurrence").drop_isel(fit=place).mean(),
    )
    for kind in found["kind"].values:
        own = found["by_null"][:, found["null_kind"].values == kind]
        np.testing.assert_allclose(found["null_mean"].sel(kind=kind), own.mean("null", skipna=False))


def test_every_variable_is_described_and_every_dimension_has_a_coordinate(found):
    assert set(found.data_vars) == set(VARIABLES)
    for name, (dims, sentence) in VARIABLES.items():
        assert found[name].dims == dims, name
        assert found[name].attrs["long_name"] == sentence
    assert set(found.dims) == set(found.coords)
    assert {type(value) for value in found.attrs.values()} <= {str, int, float}


def test_it_is_the_same_after_it_was_saved(found, tmp_path):
    dasknmf.save(found, tmp_path / "symmetry.zarr")
    assert dasknmf.load(tmp_path / "symmetry.zarr").identical(found)


def test_tables_have_the_numbers_of_the_dataset(found):
    factors, table = factor_table(found, genes=3), measure_table(found)
    assert factors["recurrence"].tolist() == found["recurrence"].values.tolist()
    assert factors.loc[2, "H"].split() == found["top_gene"].sel(factor=2, side="H").values[:3].tolist()
    assert table["value"].tolist() == pytest.approx(found["measured"].values.tolist(), nan_ok=True)
    assert table.loc["cosine", "degree_z"] == found["z"].sel(measure="cosine", kind="degree")
    assert (table["gauge"] == "bound").sum() == 2


@pytest.mark.parametrize("stop_at", [1, 3], ids=["first null", "third null"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(network, fit, found, tmp_path, stop_at):
    folder = tmp_path / "parts"

    def stop(event):
        if isinstance(event, StageAdvanced) and event.done == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dasknmf.symmetry(fit, network[1], **OPTIONS, checkpoint=folder, progress=stop)
    assert len(list(folder.glob("null-*"))) == stop_at
    other = dasknmf.nmf(network[1], 6, max_iter=200, l1_W=0.1)
    with pytest.raises(FormatError, match="its options is"):
        dasknmf.symmetry(other, network[1], **OPTIONS, checkpoint=folder, resume=True)
    again = dasknmf.symmetry(fit, network[1], **OPTIONS, checkpoint=folder, resume=True)
    assert again.identical(found)
    assert not folder.exists()


def test_the_price_is_kept_for_the_fit_it_is_of(network, fit, tmp_path):
    options = {"restarts": 0, "checkpoint": tmp_path / "parts"}
    first = dasknmf.symmetry(fit, network[1], **options, progress=lambda _: None)
    kept = dasknmf.execution.Execution(checkpoint=tmp_path / "parts", keep_checkpoint=True)
    assert dasknmf.symmetry(fit, network[1], restarts=0, execution=kept).identical(first)
    (part,) = (tmp_path / "parts").iterdir()
    assert part.name.startswith("price-")
    read = dasknmf.symmetry(fit, network[1], **options, resume=True)
    assert read.identical(first)


def test_a_folder_with_anything_else_is_refused_and_stays(network, fit, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"other things in it, such as thesis\.tex"):
        dasknmf.symmetry(fit, network[1], restarts=0, checkpoint=tmp_path)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_store_its_path_and_what_makes_the_network_give_the_same(network, tmp_path):
    net, A = network
    place = tmp_path / "net.zarr"
    dasknmf.import_network(A, place)
    options = {"restarts": 1, "nulls": 1, "kinds": "degree", "price": False}
    fits = [dasknmf.nmf(one, 3) for one in (place, net)]
    by_path, by_store, generated = (
        dasknmf.symmetry(one, given, **options)
        for one, given in ((fits[0], place), (fits[0], dasknmf.open_network(place)), (fits[1], net))
    )
    assert by_path.identical(by_store)
    assert dasknmf.symmetry(fits[0], place, **options, scheduler="serial").identical(by_path)
    for name in ("cosine", "partner_of", "eigenvalue", "by_fit", "slope"):
        np.testing.assert_allclose(generated[name], by_path[name], rtol=1e-3, atol=1e-4)


def test_without_structure_cosines_are_low_and_the_verdict_is_not_structure(network):
    A = dasknmf.control_network("uniform", 300, seed=0)
    found = dasknmf.symmetry(dasknmf.nmf(A, 8), A, restarts=1, price=False)
    assert found["measured"].sel(measure="cosine") < 0.9
    assert "unresolved" in found["class"].values
    assert "by structure" not in found.attrs["verdict"]
    shuffled = dasknmf.null_network(network[1], "shuffle", seed=99)
    fit = dasknmf.nmf(shuffled, 6)
    assert "nulls=20" in dasknmf.symmetry(fit, shuffled, restarts=0, price=False).attrs["verdict"]
    own = dasknmf.symmetry(fit, shuffled, restarts=0, price=False, nulls=19, kinds="shuffle")
    assert own["p_symmetric"].sel(measure="cosine", kind="shuffle") > 0.05
    assert "this may be chance" in own.attrs["verdict"]


@settings(max_examples=6)
@given(st.lists(st.floats(0.01, 100), min_size=6, max_size=6, unique=True))
def test_a_rescaling_of_factors_changes_only_measures_that_are_bound_to_the_gauge(network, fit, scale):
    D = np.array(scale)
    other = fit.assign(
        W=fit["W"].astype(float) * xr.DataArray(D, dims="factor"),
        H=fit["H"].astype(float) / xr.DataArray(D, dims="factor"),
        # what the algorithm would have said if it had left them so
        gauge=fit["gauge"] * xr.DataArray(D**2, dims="factor"),
    )
    before, after = (
        measure_table(dasknmf.symmetry(one, network[1], restarts=0, price=False)) for one in (fit, other)
    )
    free = before["gauge"] == "free"
    np.testing.assert_allclose(after.loc[free, "value"], before.loc[free, "value"], rtol=1e-4, atol=1e-4)
    differs = abs(after.loc[~free, "value"] - before.loc[~free, "value"])
    log = np.log(D)
    if log.std() > 0.5:
        assert (differs > 1e-3).all()


def test_what_is_not_asked_for_is_not_there(network, fit):
    found = dasknmf.symmetry(fit, network[1], restarts=0, price=False, top=3)
    assert not {"by_null", "z", "model_error", "null_kind"} & set(found.data_vars)
    assert found.sizes["top"] == 3
    assert found["recurrence"].isnull().all()
    assert found["by_fit"].sel(measure="recurrence").isnull().all()
    assert found.attrs["interval_of"] == "this fit over its factors"


def test_where_the_objective_is_not_of_all_of_the_network_there_is_no_bound(network):
    A = network[1]
    fit = dasknmf.nmf(A, 3, diagonal="ignore")
    found = dasknmf.symmetry(fit, A, restarts=0)
    assert np.isnan([found.attrs[name] for name in ("bound_wh", "bound_wwt", "price_predicted")]).all()
    hollow = A.to_numpy() - np.diag(np.diag(A))
    largest = np.linalg.eigvalsh(hollow)[-1]
    assert float(found["eigenvalue"].max()) == pytest.approx(largest, rel=1e-5)


def test_fits_with_weights_are_not_refitted_without_them(network):
    A = network[1]
    missing = np.zeros((120, 120))
    missing[3, 4] = missing[4, 3] = 1
    fit = dasknmf.nmf(A, 3, missing=missing, max_iter=20)
    for options in ({}, {"restarts": 0, "nulls": 1}):
        with pytest.raises(InputError, match="restarts=0 and nulls=0"):
            dasknmf.symmetry(fit, A, **options)
    found = dasknmf.symmetry(fit, A, restarts=0)
    assert "model_error" not in found
    assert found["gradient"].isnull().all()
    more = [dasknmf.nmf(A, 3, missing=missing, max_iter=20, init="random", seed=s) for s in (1, 2)]
    assert dasknmf.symmetry([fit, *more], A).sizes["fit"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"restarts": -1}, "restarts=-1"),
        ({"nulls": 1.5}, "nulls=1.5"),
        ({"top": 0}, "top=0"),
        ({"kinds": "sbm"}, "'sbm' is no null model"),
        ({"bogus": 1}, "option 'bogus' of symmetry is not known"),
    ],
)
def test_options_that_cannot_be_are_refused(network, fit, options, message):
    with pytest.raises(InputError, match=message):
        dasknmf.symmetry(fit, network[1], **options)


def test_another_network_is_refused(fit):
    with pytest.raises(InputError, match="give the network that was factorized"):
        dasknmf.symmetry(fit, np.eye(120))


@pytest.mark.parametrize(
    "case", ["one factor", "no edges", "more factors than the network has", "as many as genes"]
)
def test_extremes_have_an_answer(network, case):
    A, k = {
        "one factor": (network[1], 1),
        "no edges": (np.zeros((12, 12)), 2),
        "more factors than the network has": (np.kron(np.diag([1.0, 0, 0]), np.ones((4, 4))), 4),
        "as many as genes": (np.ones((3, 3)) + np.eye(3), 3),
    }[case]
    found = dasknmf.symmetry(dasknmf.nmf(A, k), A, restarts=2, nulls=1)
    assert found.sizes["factor"] == k
    assert " nan" not in found.attrs["verdict"] + found.attrs["sentences"]
    if case == "one factor":
        assert found["class"].values.tolist() == ["module"]
    if case == "no edges":
        assert found.attrs["verdict"].startswith("All factors are zero on a side")


def test_the_smallest_p_is_by_the_number_of_nulls_not_by_a_measure_that_none_has(network):
    A = network[1]
    found = dasknmf.symmetry(dasknmf.nmf(A, 1), A, restarts=0, price=False, nulls=4, kinds="uniform")
    assert found["by_null"].sel(measure="slope_dispersion").isnull().all()
    assert found.attrs["smallest_null_p"] == 2 / 5
    assert found["null_kind"].values.tolist() == ["uniform"] * 4
    assert found.attrs["class_threshold_reason"].startswith("no shuffled networks")
