"""Restarts and null fits: seeds, options, and what is kept of them."""

import numpy as np
import pytest

import dasknmf
from dasknmf.errors import FormatError, InputError
from dasknmf.events import StageAdvanced
from dasknmf.execution import Execution
from dasknmf.laboratory.beyond import EVERY, recurrence_with
from dasknmf.laboratory.measuring import measures
from dasknmf.laboratory.refits import Refits, check_kinds
from dasknmf.options import ModelOptions, RunOptions
from dasknmf.parts import KeptParts
from dasknmf.progress import silent
from tests.laboratory.planted import planted

MODEL, RUN = ModelOptions(4), RunOptions(max_iter=30)


@pytest.fixture(scope="module")
def A():
    return planted()[1]


def refits(A, folder=None, *, model=MODEL, resume=False, heard=silent, options="a", **more):
    execution = Execution(progress=heard, **more)
    parts = KeptParts(folder, {"options": options}, resume=resume)
    return Refits(A, model, RUN, execution, parts, 3)


def sides(fit):
    return fit["W"].values, fit["H"].values.T


def test_restarts_are_the_fits_of_seeds_that_are_not_taken(A):
    found = refits(A).restarts(3, taken={3, 5})
    assert [one.name for one in found] == ["hals-k4-acol4", "hals-k4-acol6", "hals-k4-acol7"]
    for one, seed in zip(found, (4, 6, 7), strict=True):
        fit = dasknmf.nmf(A, 4, init="random_acol", seed=seed, max_iter=30)
        for made, expected in zip(one.model, sides(fit), strict=True):
            np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(one.gauge, fit["gauge"].values, rtol=1e-4)
        assert one.relative_error == pytest.approx(fit.attrs["relative_error"])
    assert refits(A).restarts(0) == []


def test_null_fits_are_fits_of_null_networks_with_the_same_options(A):
    heard = []
    found = refits(A, heard=heard.append).nulls(2, ["degree", "shuffle"])
    assert found.kinds == ["degree"] * 2 + ["shuffle"] * 2
    assert [(event.done, event.of) for event in heard if isinstance(event, StageAdvanced)] == [
        (done, 4) for done in (1, 2, 3, 4)
    ]
    null = dasknmf.null_network(A, "shuffle", seed=3).reseeded(4)
    fit, again = (
        dasknmf.nmf(null, 4, max_iter=30, **start)
        for start in ({"seed": 4}, {"seed": 5, "init": "random_acol"})
    )
    expected = measures(sides(fit), fit["gauge"].values)
    table = dict(zip(EVERY, found.by_null[:, 3], strict=True))
    assert {name: table[name] for name in expected} == pytest.approx(expected, abs=1e-3, nan_ok=True)
    values = np.linalg.eigvalsh(null.tile(0, 0).astype(float))
    leading = values[np.argsort(-np.abs(values))][:4]
    assert table["inertia_defect"] == expected["two_cycles"] - (leading < 0).sum()
    assert table["recurrence"] == pytest.approx(recurrence_with(sides(fit), sides(again)), abs=1e-3)
    assert np.median(found.cosines[3]) == pytest.approx(expected["cosine"], abs=1e-3)


def test_factors_that_are_zero_have_no_cosine_that_would_lower_a_threshold():
    A = np.zeros((30, 30))
    A[:5, :5] = 1
    found = refits(A).nulls(1, ["degree"])
    unmatched = found.by_null[list(EVERY).index("unmatched"), 0]
    assert unmatched > 0
    assert len(found.cosines[0]) == 4 - unmatched


def test_a_direct_method_is_not_done_twice_for_a_null(A):
    model = ModelOptions(3, solver="cogaps", iterations=5)
    found = refits(A, model=model).nulls(1, ["shuffle"])
    table = dict(zip(EVERY, found.by_null[:, 0], strict=True))
    assert np.isnan(table["recurrence"])
    assert np.isfinite(table["inertia_defect"])


def test_where_there_are_no_restarts_a_null_has_none_and_is_kept_by_another_name(A, tmp_path):
    alone = refits(A, tmp_path / "parts").nulls(1, ["shuffle"], again=False)
    found = refits(A, tmp_path / "parts", resume=True).nulls(1, ["shuffle"])
    place = list(EVERY).index("recurrence")
    assert np.isnan(alone.by_null[place, 0])
    assert 0 < found.by_null[place, 0] <= 1


def test_parts_that_are_done_are_not_done_again_and_are_the_same(A, tmp_path):
    first = refits(A, tmp_path / "parts")
    made, nulls = first.restarts(2), first.nulls(1, ["shuffle"])
    # a network that cannot be fitted shows that nothing is
    again = refits(np.full((2, 3), -1.0), tmp_path / "parts", resume=True)
    for one, other in zip(made, again.restarts(2), strict=True):
        assert (one.name, one.relative_error) == (other.name, other.relative_error)
        for a, b in zip((*one.model, one.gauge), (*other.model, other.gauge), strict=True):
            np.testing.assert_array_equal(a, b)
    read = again.nulls(1, ["shuffle"])
    np.testing.assert_array_equal(nulls.by_null, read.by_null)
    np.testing.assert_array_equal(nulls.cosines[0], read.cosines[0])
    with pytest.raises(InputError):
        again.restarts(3)
    with pytest.raises(FormatError, match="its options is 'a', here it is 'b'"):
        refits(A, tmp_path / "parts", resume=True, options="b").restarts(2)


def test_restarts_of_which_one_is_lost_are_all_made_again_to_the_same_bits(A, tmp_path):
    made = refits(A, tmp_path / "parts").restarts(3)
    (tmp_path / "parts" / "restart-hals-k4-acol4.part.npz").unlink()
    again = refits(A, tmp_path / "parts", resume=True).restarts(3)
    for one, other in zip(made, again, strict=True):
        for a, b in zip(one.model, other.model, strict=True):
            np.testing.assert_array_equal(a, b)


def test_kinds_are_checked():
    assert check_kinds("uniform") == ("uniform",)
    with pytest.raises(InputError, match="'planted' is no null model"):
        check_kinds(["shuffle", "planted"])
