"""Surveys of ranks: errors against dense arithmetic, held-out errors against a dense fit that never saw them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import dasknmf
from dasknmf.cli import commands
from dasknmf.engine.mask import draw_mask
from dasknmf.errors import InputError
from dasknmf.events import ModelsFitted
from dasknmf.network.soules import write_soules


def counts(n: int, k: int, *, seed: int) -> np.ndarray:
    """Counts with the mean of k overlapping modules: a network whose expectation has that rank, exactly."""
    rng = np.random.default_rng(seed)
    L = np.zeros((n, k))
    for j in range(k):
        members = rng.choice(n, int(0.2 * n), replace=False)
        L[members, j] = rng.gamma(2.0, 1.0, len(members))
    upper = np.triu(rng.poisson(L @ L.T)).astype(float)
    return upper + np.triu(upper, 1).T


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    place = tmp_path_factory.mktemp("survey") / "counts.zarr"
    return dasknmf.import_network(counts(300, 5, seed=3), place, genes=[f"g{i}" for i in range(300)])


@pytest.fixture(scope="module")
def found(network):
    return dasknmf.survey(network, range(2, 9), restarts=5, seed=1)


@pytest.fixture(scope="module")
def dense(network) -> np.ndarray:
    return network.to_dask().compute().astype(np.float64)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_rank_that_was_planted_is_recommended(seed: int) -> None:
    k = 4 + seed
    survey = dasknmf.survey(counts(400, k, seed=seed), range(2, 11), restarts=5, seed=seed)
    assert survey.attrs["recommended_rank"] == k
    assert f"rank {k}" in survey.attrs["reason"]


def test_a_survey_reads_the_network_at_most_twelve_times(found) -> None:
    assert found.attrs["reads"] <= 12
    assert found.sizes["rank"] * found.sizes["restart"] == 35


def test_errors_of_the_medoids_are_those_of_dense_arithmetic(found, dense) -> None:
    for k in found["rank"].values:
        fit = dasknmf.survey_fit(found, int(k))
        W, H = fit["W"].values.astype(np.float64), fit["H"].values.astype(np.float64)
        error = np.linalg.norm(dense - W @ H) / np.linalg.norm(dense)
        assert fit.attrs["relative_error"] == pytest.approx(error, rel=1e-6)
        assert error >= fit.attrs["eckart_young"]
        medoid = int(found["medoid"].sel(rank=k))
        assert fit.attrs["relative_error"] == float(found["relative_error"].sel(rank=k, restart=medoid))


def masked_hals(A, seen, k, rng, iterations=150):
    """Weighted least squares by EM on a dense matrix: held-out entries become the model's own before each half."""
    W, H = (np.abs(rng.standard_normal((len(A), k))) for _ in range(2))
    for _ in range(iterations):
        for first, F, X in ((True, W, H), (False, H, W)):
            model = W @ H.T if first else H @ W.T
            Y, G = np.where(seen, A, model) @ X, X.T @ X
            for j in range(k):
                F[:, j] = np.maximum(F[:, j] + (Y[:, j] - F @ G[:, j]) / G[j, j], 0)
    return W @ H.T


def test_held_out_errors_are_near_those_of_dense_fits_that_never_saw_the_entries(found, dense) -> None:
    mask = draw_mask(len(dense), share=0.05, seed=1)
    held = mask.held[mask.group][:, mask.group]
    reference = {}
    for k in range(2, 9):
        best = np.inf
        for seed in range(3):
            model = masked_hals(dense, ~held, k, np.random.default_rng([seed, k]))
            inside = ((dense - model)[~held] ** 2).sum()
            if inside < best:
                best = inside
                reference[k] = ((dense - model)[held] ** 2).sum() / (dense[held] ** 2).sum()
    error, se = found["held_out"].to_series(), found["held_out_se"].to_series()
    # ranks above the planted one overfit, and how badly hangs on how long each method goes on
    assert all(abs(error[k] - reference[k]) < se[k] for k in range(2, 6))
    assert all(judged[k] > judged[5] for judged in (error, reference) for k in range(6, 9))
    assert error.idxmin() == min(reference, key=reference.__getitem__) == 5


def test_held_out_entries_do_not_leak_into_the_fits_that_are_judged_on_them(network, dense) -> None:
    """With the same seeds and mask, other weights in the held-out places change nothing but the judgement."""
    mask = draw_mask(len(dense), share=0.05, seed=1)
    held = mask.held[mask.group][:, mask.group]
    rng = np.random.default_rng(0)
    other = np.triu(rng.random(dense.shape) * 50)
    swapped = np.where(held, other + np.triu(other, 1).T, dense)
    from dasknmf.engine.executor import Threads
    from dasknmf.engine.sketch import make_sketches
    from dasknmf.engine.sweep import Sweep

    made = []
    for A in (dense, swapped):
        with Threads(1) as executor:
            operator = Sweep.of_array(A.astype(np.float32), executor)
            made.append(make_sketches(operator, executor, 8, mask=mask, whole=False)[0])
    np.testing.assert_array_equal(made[0].values, made[1].values)
    np.testing.assert_array_equal(made[0].vectors[0], made[1].vectors[0])


def test_a_survey_has_the_same_bits_on_any_executor(network, found) -> None:
    again = dasknmf.survey(network, range(2, 9), restarts=5, seed=1, scheduler="serial")
    for name in ("relative_error", "held_out", "W", "H", "stability"):
        np.testing.assert_array_equal(found[name].values, again[name].values)


@pytest.mark.cluster
def test_a_survey_on_worker_processes_has_the_bits_of_one_here(network, found) -> None:
    again = dasknmf.survey(network, range(2, 9), restarts=5, seed=1, scheduler="local", workers=2)
    for name in ("relative_error", "held_out", "W", "H"):
        np.testing.assert_array_equal(found[name].values, again[name].values)


def test_it_saves_and_loads_equal(found, tmp_path) -> None:
    dasknmf.save(found, tmp_path / "survey.zarr")
    assert dasknmf.load(tmp_path / "survey.zarr").identical(found)


def test_what_is_done_is_not_fitted_again(network, found, tmp_path) -> None:
    place = tmp_path / "survey.checkpoint"
    given = {"seed": 1, "checkpoint": place}
    fitted = []

    class StoppedError(Exception):
        pass

    def stop(event) -> None:
        if isinstance(event, ModelsFitted):
            fitted.append(event)
            if len(fitted) == 3:
                raise StoppedError

    with pytest.raises(StoppedError):
        dasknmf.survey(network, range(2, 9), restarts=5, progress=stop, **given)
    kept = sorted(file.name for file in place.iterdir())
    assert len(kept) == 3
    later = []
    again = dasknmf.survey(
        network,
        range(2, 9),
        restarts=5,
        resume=True,
        progress=lambda event: later.append(event) if isinstance(event, ModelsFitted) else None,
        **given,
    )
    # the first news tells of one batch more than were there
    assert later[0].done > fitted[2].done
    np.testing.assert_array_equal(again["relative_error"].values, found["relative_error"].values)
    assert not place.exists()


def test_warm_starts_lower_the_error_from_rank_to_rank(network) -> None:
    warm = dasknmf.survey(network, range(2, 9), restarts=3, warm_start=True, held_out=0)
    error = warm["relative_error"].values
    assert (np.diff(error, axis=0) <= 1e-4).all()
    assert "held_out" not in warm


def test_means_of_matched_factors_have_an_exact_error_too(network, dense) -> None:
    survey = dasknmf.survey(network, [5], restarts=4, consensus="mean", held_out=0)
    fit = dasknmf.survey_fit(survey, 5)
    error = np.linalg.norm(dense - fit["W"].values.astype(np.float64) @ fit["H"].values) / np.linalg.norm(
        dense
    )
    assert fit.attrs["relative_error"] == pytest.approx(error, rel=1e-6)


def test_all_ranks_of_a_soules_network_are_exact(tmp_path) -> None:
    made = write_soules(tmp_path / "soules.zarr", 64, [8, 5, 3, 2.5, 1.2, 1.1, 1.0])
    survey = dasknmf.survey(tmp_path / "soules.zarr", range(1, 8), restarts=2, held_out=0)
    del made
    # random starts may stick; the default start of nmf does not, and the best restart is compared with the tail
    for k in range(1, 8):
        fit = dasknmf.nmf(tmp_path / "soules.zarr", k)
        assert fit.attrs["relative_error"] == pytest.approx(fit.attrs["eckart_young"], abs=2e-4)
    assert (survey["relative_error"].values >= survey["eckart_young"].values[:, None] - 1e-6).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": []}, "there is no rank"),
        ({"n_components": [0]}, "n_components=0: needs a whole number of at least 1"),
        ({"n_components": [400]}, "needs at most that many"),
        ({"restarts": 0}, "restarts=0: needs a whole number"),
        ({"held_out": 0.9}, "held_out=0.9: needs a share"),
        ({"init": "nndsvd"}, "init='nndsvd'"),
        ({"nonsense": 1}, "option 'nonsense' of a survey is not known"),
    ],
)
def test_what_no_survey_can_do_is_one_clear_error(network, options, message) -> None:
    with pytest.raises(InputError, match=message):
        dasknmf.survey(network, **{"n_components": [2, 3], **options})


def test_the_command_prints_a_table_and_the_recommendation_and_draws(network, tmp_path) -> None:
    output = tmp_path / "survey.zarr"
    command = ["survey", network.location, "--ranks", "3:8", "--restarts", "3", "-o", str(output)]
    done = CliRunner().invoke(
        commands, [*command, "--table", str(tmp_path / "t.tsv")], catch_exceptions=False
    )
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("rank\terror_best")
    assert any(line.startswith("recommended: rank 5") for line in lines)
    assert (tmp_path / "survey.png").stat().st_size > 10_000
    assert len((tmp_path / "t.tsv").read_text().splitlines()) == 6
    assert dasknmf.load(output).attrs["recommended_rank"] == 5
    assert not (tmp_path / "survey.zarr.checkpoint").exists()
    said = CliRunner().invoke(commands, [*command, "-f", "--json"], catch_exceptions=False).stdout
    facts = json.loads(said)
    assert facts["recommended_rank"] == 5
    assert len(facts["ranks"]) == 5
