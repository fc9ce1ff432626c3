"""Sentences have the numbers of the Dataset they are made of, and say no more than these."""

import json
import re

import numpy as np
import pytest

import dasknmf
from dasknmf.laboratory.sentences import COMPARED, counted, sentences_of
from dasknmf.laboratory.verdict import counts_of, verdict_of
from tests.laboratory.planted import planted


@pytest.fixture(scope="module")
def A():
    return planted()[1]


@pytest.fixture(scope="module")
def found(A):
    return dasknmf.symmetry(dasknmf.nmf(A, 6, max_iter=200), A, restarts=2, nulls=19, kinds="shuffle")


def said(found, start):
    (sentence,) = [one for one in sentences_of(found) if one.startswith(start)]
    return sentence


def test_they_are_kept_with_the_verdict(found):
    assert json.loads(found.attrs["sentences"]) == sentences_of(found)
    assert found.attrs["verdict"] == verdict_of(found)
    assert all(one.endswith(".") for one in sentences_of(found))


def test_the_first_has_the_classes_the_threshold_and_the_cosines(found):
    counts = counts_of(found)
    first = said(found, "a matrix in memory")
    assert f"{counts['module']} modules" in first
    assert f"{counts['pair'] // 2} pairs of partners" in first
    assert f"{counts['unresolved']} neither" in first
    assert f"from cosine {found.attrs['class_threshold']:.3f} on" in first
    for measure in ("cosine", "cosine_index"):
        own, fits = found["measured"].sel(measure=measure), found["by_fit"].sel(measure=measure)
        assert f"{own:.3f} (fits {fits.min():.3f} to {fits.max():.3f})" in first


def test_the_inertia_law_has_the_pairs_predicted_and_found(found):
    numbers = [int(one) for one in re.findall(r"\d+", said(found, "The inertia law"))]
    predicted = int(found["predicted_pairs"].sel(rank=6))
    pairs = found["by_fit"].sel(measure="two_cycles")
    assert numbers == [
        6,
        predicted,
        predicted,
        int(found["measured"].sel(measure="two_cycles")),
        int(pairs.min()),
        int(pairs.max()),
        3,
        found.attrs["model_negative"],
    ]


def test_errors_of_eigenvalues_are_named_where_they_matter(found):
    unsure = found.copy(deep=True)
    unsure["predicted_high"][5] += 2
    assert f"({int(found['predicted_low'][5])} to {int(unsure['predicted_high'][5])} by the errors" in said(
        unsure, "The inertia law"
    )
    assert not [one for one in sentences_of(found.isel(rank=slice(0, 3))) if one.startswith("The inertia")]


def test_a_kind_of_null_has_each_measure_with_its_p(found):
    sentence = said(found, "Against 19 shuffle networks")
    for measure, name, test in COMPARED:
        row = found.sel(measure=measure, kind="shuffle")
        value, mean, p = (float(row[one]) for one in ("measured", "null_mean", test))
        assert f"{name} {value:.3f} against {mean:.3f} (" in sentence
        assert re.search(rf"{name} [^;]*sided p = {p:.3g}(;|\.$)", sentence)
    assert "z = nan" not in sentence
    assert said(found, "So many null networks").startswith(
        "So many null networks cannot give a two-sided p below 0.100"
    )


def test_the_price_has_the_errors_and_their_bounds(found):
    sentence = said(found, "The price of symmetry")
    for value in (*found["model_error"].values, found.attrs["bound_wwt"], found.attrs["bound_wh"]):
        assert f"{value:.4f}" in sentence
    brunet = found.assign_attrs(price_note="brunet minimises something else")
    assert said(brunet, "The price of symmetry").endswith("Note: brunet minimises something else.")


def test_what_p_of_recurrence_does_not_say_is_said(found):
    sentence = said(found, "Over 2 restarts")
    assert f"{np.median(found['recurrence']):.3f}" in sentence
    assert f"{int((found['recurrence_q'] <= 0.05).sum())} of 6" in sentence
    assert "not a network from chance" in sentence


def test_one_fit_says_nothing_of_chance_and_has_its_interval_over_factors(A):
    found = dasknmf.symmetry(dasknmf.nmf(A, 6), A, restarts=0, price=False)
    assert said(found, "One fit")
    row = found.sel(measure="cosine")
    assert f"{row['measured']:.3f} (95 % {row['low']:.3f} to {row['high']:.3f} over factors)" in said(
        found, "a matrix"
    )
    assert not [one for one in sentences_of(found) if one.startswith(("Against", "Over", "The price"))]


def test_factors_are_told_apart_by_why_they_are_unresolved(found):
    changed = found.copy(deep=True)
    changed["class"][:3] = "unresolved"
    changed["cause"][:3] = np.array(["non-convergence", "non-uniqueness", "non-uniqueness"], dtype=object)
    changed["partner_of"][2] = -1
    assert said(changed, "Unresolved by non-convergence: factor(s) 0; their gradients")
    assert said(changed, "Unresolved by non-uniqueness: factor(s) 1; they are at a minimum")
    assert said(changed, "Zero on a side: factor(s) 2; the fit does not use them")
    assert verdict_of(changed).startswith("W differs from Hᵀ")
    changed["gradient"][:] = np.nan
    assert "no gradient to tell" in said(changed, "Unresolved by non-uniqueness: factor(s) 1")
    assert "cannot be told apart" in verdict_of(changed) or "mostly by structure" in verdict_of(changed)


@pytest.mark.parametrize("solver", ["symline", "symkl"])
def test_what_is_alike_by_construction_is_no_finding(A, solver):
    found = dasknmf.symmetry(dasknmf.nmf(A, 4, solver=solver, max_iter=20), A, restarts=0, price=False)
    assert found.attrs["verdict"].startswith(f"W and Hᵀ are the same by construction of {solver}")
    assert sentences_of(found)[0] == found.attrs["verdict"]


def test_verdicts_by_class(found):
    every = found.copy(deep=True).drop_dims(["kind", "null"])
    every["class"][:] = "module"
    assert verdict_of(every).startswith("W and Hᵀ are the same up to scale: all 6 factors are modules.")
    every["class"][:2] = "pair"
    assert "4 of 6 factors are modules, and 1 pair of factors stands for gene sets" in verdict_of(every)
    assert verdict_of(every).endswith("nulls=20.")
    every["class"][:] = "unresolved"
    every["cause"][:] = "non-uniqueness"
    assert verdict_of(every) == (
        "W differs from Hᵀ by non-uniqueness: 0 of 6 factors are modules (0) or partners (0), 6 neither."
    )
    every["partner_of"][:] = -1
    assert verdict_of(every).startswith("All factors are zero")


def test_shuffled_networks_that_do_as_well_take_the_verdict_back(found):
    chance = found.copy(deep=True)
    chance["p_symmetric"].loc[{"measure": "cosine", "kind": "shuffle"}] = 0.4
    assert verdict_of(chance).endswith(
        "(one-sided p = 0.4 of 19), so that by cosines alone this may be chance."
    )
    chance["p_symmetric"].loc[{"measure": "cosine", "kind": "shuffle"}] = 0.05
    assert verdict_of(chance).endswith("less like their partners (one-sided p = 0.05 of 19).")


def test_of_one_there_is_no_plural():
    assert [counted(number, "pair") for number in (0, 1, 2)] == ["0 pairs", "1 pair", "2 pairs"]
