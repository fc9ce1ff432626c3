"""brunet, nsnmf and symkl against dense references written from the papers, scikit-learn and nmf-rs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import non_negative_factorization

import dasknmf
from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.engine.sweep import Sweep
from dasknmf.errors import InputError
from dasknmf.events import IterationEnded
from dasknmf.exact import known_of, unseen_of
from dasknmf.model import Model
from dasknmf.options import ModelOptions, RunOptions
from dasknmf.progress import silent
from dasknmf.solvers import SOLVERS
from dasknmf.survey_options import SurveyOptions
from tests.conftest import DATA, planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

KL = ("brunet", "nsnmf", "symkl")
EPS = 2.0**-52


def divergence(A: Any, W: Any, H: Any, *, diagonal: str = "keep") -> float:
    """Σ A log(A / WH) − A + WH."""
    A, WH = np.array(A, dtype=np.float64), W.astype(np.float64) @ H.astype(np.float64)
    if diagonal == "ignore":
        np.fill_diagonal(A, 0)
        np.fill_diagonal(WH, 0)
    there = A > 0
    return float((A[there] * np.log(A[there] / WH[there])).sum() - A.sum() + WH.sum())


def filled(A: np.ndarray, WH: np.ndarray, diagonal: str) -> np.ndarray:
    """A ⊘ WH, where what does not count is the model's own."""
    A = A.copy()
    if diagonal == "ignore":
        np.fill_diagonal(A, np.diag(WH))
    return np.divide(A, WH, out=np.zeros_like(A), where=A > 0)


def dense_brunet(A, W, H, iterations, *, diagonal="keep", floor=EPS, theta=0.0):
    """Brunet et al. 2004: H, then W, then every ten iterations the floor; theta is for the next."""
    k = W.shape[1]
    S = (1 - theta) * np.eye(k) + theta / k
    for t in range(1, iterations + 1):
        WS = W @ S
        H = H * (WS.T @ filled(A, WS @ H, diagonal)) / WS.sum(axis=0)[:, None]
        SH = S @ H
        W = W * (filled(A, W @ SH, diagonal) @ SH.T) / SH.sum(axis=1)
        if t % 10 == 0:
            W, H = np.maximum(W, floor), np.maximum(H, floor)
        yield W, S @ H, H


def dense_nsnmf(A, W, H, iterations, *, diagonal="keep", theta=0.5):
    """Pascual-Montano et al. 2006: as above, then the columns of W sum to one."""
    W, H = W / W.sum(axis=0), H * W.sum(axis=0)[:, None]
    for _ in range(iterations):
        W, SH, H = next(dense_brunet(A, W, H, 1, diagonal=diagonal, theta=theta))
        W = W / W.sum(axis=0)
        yield W, SH, H


def dense_symkl(A, W, H, iterations, *, diagonal="keep"):
    """He et al. 2011, from the mean of both factors."""
    norms = np.linalg.norm(W, axis=0), np.linalg.norm(H, axis=1)
    W = (W * np.sqrt(norms[1] / norms[0]) + H.T * np.sqrt(norms[0] / norms[1])) / 2
    for _ in range(iterations):
        U = W * (filled(A, W @ W.T, diagonal) @ W)
        W = U / np.sqrt(U.sum(axis=0))
        yield W, W.T, W.T


REFERENCES = {"brunet": dense_brunet, "nsnmf": dense_nsnmf, "symkl": dense_symkl}


def start(n: int, k: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((n, k)) + 0.01, rng.random((k, n)) + 0.01


def holed(n: int, *, seed: int, density: float = 0.6) -> np.ndarray:
    """A planted network with zeros in it."""
    A = planted(n, 3, seed=seed)
    return A * (np.add.outer(*np.random.default_rng(seed).random((1, n)).repeat(2, 0)) < 2 * density)


def run_float64(
    A: Any,
    solver: str,
    W: Any,
    H: Any,
    iterations: int,
    *,
    tile: int = 16,
    diagonal: Any = "keep",
    **own: Any,
) -> Model:
    """The engine's iterates in float64, as the solver leaves them."""
    chosen = SOLVERS[solver](**own)
    model = Model(solver, chosen, chosen.rows_from(W.copy(), H.T.copy()))
    with Threads(2) as executor:
        operator = Sweep.of_array(A, executor, tile=tile)
        Run(
            operator,
            executor,
            [model],
            RunOptions(max_iter=iterations, tol=0, tol_objective=0),
            bytes_per_sweep=1,
            listener=silent,
            unseen=unseen_of(operator, executor, diagonal=diagonal == "keep"),
            known=known_of(operator, diagonal=diagonal == "keep"),
        ).go()
    return model


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 6),
    tile=st.integers(3, 50),
    solver=st.sampled_from(KL),
    sparse=st.booleans(),
    diagonal=st.sampled_from(["keep", "ignore"]),
    seed=st.integers(0, 1000),
)
def test_iterates_and_history_equal_a_dense_reference(
    n: int, k: int, tile: int, solver: str, sparse: bool, diagonal: str, seed: int
) -> None:
    A = holed(n, seed=seed)
    W, H = start(n, k, seed=seed)
    given_matrix = sp.csr_array(A) if sparse else A
    model = run_float64(given_matrix, solver, W, H, 12, tile=tile, diagonal=diagonal)
    path = list(REFERENCES[solver](A, W, H, 12, diagonal=diagonal))
    expected_W, expected_H, _ = path[-1]
    made = model.factors
    size = max(expected_W.max(), expected_H.max())
    np.testing.assert_allclose(made["W"], expected_W, rtol=1e-8, atol=1e-12 * size)
    np.testing.assert_allclose(made["H"].T, expected_H, rtol=1e-8, atol=1e-12 * size)
    # each iteration tells of the factors before it
    before = [divergence(A, W, H, diagonal=diagonal) for W, H, _ in path[:-1]]
    np.testing.assert_allclose(model.objective[1:], before, rtol=1e-8, atol=1e-10 * (1 + A.sum()))
    off = ~np.eye(n, dtype=bool) if diagonal == "ignore" else np.ones((n, n), dtype=bool)
    squared = [((A - W @ H)[off] ** 2).sum() for W, H, _ in path[:-1]]
    np.testing.assert_allclose(model.squared_error[1:], squared, rtol=1e-8, atol=1e-10 * (A**2).sum())


@given(
    n=st.integers(3, 50),
    k=st.integers(1, 8),
    solver=st.sampled_from(KL),
    diagonal=st.sampled_from(["keep", "ignore"]),
    sparse=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_divergence_never_rises(
    n: int, k: int, solver: str, diagonal: str, sparse: bool, seed: int
) -> None:
    A = holed(n, seed=seed, density=0.4) + np.diag(9 * np.random.default_rng(seed).random(n))
    W, H = start(n, k, seed=seed)
    model = run_float64(sp.csr_array(A) if sparse else A, solver, W, H, 25, diagonal=diagonal)
    objective = np.array(model.objective)
    assert (np.diff(objective) <= 1e-9 * (objective[0] + A.sum())).all()
    for rows in model.factors.values():
        assert (rows >= 0).all()


@pytest.mark.parametrize("solver", KL)
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
@pytest.mark.parametrize("sparse", [True, False])
def test_the_reported_divergence_and_error_are_those_of_the_factors(
    solver: str, diagonal: str, sparse: bool
) -> None:
    A = holed(150, seed=3)
    fit = dasknmf.nmf(
        sp.csr_array(A) if sparse else A,
        5,
        solver=solver,
        diagonal=diagonal,
        max_iter=30,
        tol=0,
        tol_objective=0,
    )
    W, H = fit["W"].values.astype(np.float64), fit["H"].values.astype(np.float64)
    # entries in memory keep their digits, those of a store are float32
    assert fit.attrs["divergence"] == pytest.approx(divergence(A, W, H, diagonal=diagonal), rel=1e-9)
    off = ~np.eye(150, dtype=bool) if diagonal == "ignore" else np.ones((150, 150), dtype=bool)
    error = np.linalg.norm((A - W @ H)[off]) / np.linalg.norm(A[off])
    assert fit.attrs["relative_error"] == pytest.approx(error, rel=1e-9)
    assert fit.attrs["divergence"] <= float(fit["objective"][-1]) * (1 + 1e-5)
    assert fit.attrs["exact"] == 1
    assert fit.attrs["n_iter_sketched"] == 0
    assert "before each iteration" in fit["objective"].attrs["long_name"]


@pytest.mark.parametrize("solver", KL)
def test_a_stationary_point_is_one_wherever_it_started(solver: str) -> None:
    A = holed(60, seed=5)
    options: dict[str, Any] = {"solver": solver, "init": "random"}
    if solver != "symkl":
        options["connectivity"] = 0
    for seed in range(2):
        options["seed"] = seed
        fit = dasknmf.nmf(A, 3, **options, max_iter=2000, tol=1e-3, tol_objective=0)
        assert fit.attrs["stop_reason"] == "projected gradient below tol"
        assert fit.attrs["converged"] == 1
        # what the residual calls the end is the end
        more = dasknmf.nmf(A, 3, **options, max_iter=2 * fit.attrs["n_iter"], tol=0, tol_objective=0)
        assert more.attrs["divergence"] <= fit.attrs["divergence"] <= more.attrs["divergence"] * 1.001
        settled = dasknmf.nmf(A, 3, **options, max_iter=2000, tol=0, tol_objective=1e-3)
        assert settled.attrs["stop_reason"] == "objective settled below tol_objective"


def test_the_residual_sees_an_entry_that_was_wrongly_put_to_zero() -> None:
    A = holed(40, seed=1)
    W, H = start(40, 2, seed=0)
    done = run_float64(A, "brunet", W, H, 1000, tile=40, floor=0.0, connectivity=0)
    assert done.gradient[-1] < 1e-4
    W, H = done.rows["W"].copy(), done.rows["H"].T.copy()
    W[int(W[:, 0].argmax()), 0] = 0
    again = run_float64(A, "brunet", W, H, 1000, tile=40, floor=0.0, connectivity=0)
    # no step moves it, but this is no minimum
    assert again.gradient[-1] > 1e-3
    assert again.gradient[-1] == pytest.approx(again.gradient[-2], rel=1e-3)
    raised = run_float64(A, "brunet", W, H, 1000, tile=40, connectivity=0)
    assert raised.gradient[-1] < 1e-4


def test_scikit_learn_has_the_same_objective_from_the_same_start() -> None:
    A = planted(120, 5, seed=3)
    W, H = start(120, 5, seed=0)
    # scikit-learn updates W first: of the transposed factorization
    theirs_W, theirs_H, _ = non_negative_factorization(
        A,
        H.T.copy(),
        W.T.copy(),
        n_components=5,
        init="custom",
        solver="mu",
        beta_loss="kullback-leibler",
        max_iter=40,
        tol=0,
    )
    fit = dasknmf.nmf(A, 5, solver="brunet", W=W, H=H, max_iter=40, tol=0, tol_objective=0)
    assert fit.attrs["divergence"] == pytest.approx(divergence(A, theirs_W, theirs_H), rel=1e-4)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason="needs the real networks")
@pytest.mark.parametrize("method", ["brunet", "nsNMF"])
def test_nmf_rs_has_the_same_objective_on_a_real_network(method: str) -> None:
    nmf_rs = pytest.importorskip("nmf_rs")
    upper = sp.load_npz(DATA / "hu2007_yeast_coexpr" / "adjacency_upper.npz")
    sparse = sp.csr_array(upper + upper.T).astype(np.float64)
    A = sparse.toarray()
    W, H = start(A.shape[0], 8, seed=0)
    W /= W.sum(axis=0)
    found = nmf_rs.nmf(A, 8, method, W0=W.copy(), H0=H.copy(), max_iter=60, num_threads=1)
    theirs = divergence(A, np.asarray(found.W), np.asarray(found.H))
    model = run_float64(sparse, method.lower(), W, H, 60, tile=512, connectivity=0)
    if method == "nsNMF":
        theirs = divergence(
            A, np.asarray(found.W), np.asarray(nmf_rs.smoothing_matrix(8, 0.5)) @ np.asarray(found.H)
        )
    ours = divergence(A, model.factors["W"], model.factors["H"].T)
    assert ours == pytest.approx(theirs, rel=1e-6)
    if method == "brunet":
        fit = dasknmf.nmf(
            sparse,
            8,
            solver="brunet",
            W=W,
            H=H,
            max_iter=60,
            tol=0,
            tol_objective=0,
            connectivity=0,
            bound=False,
        )
        assert fit.attrs["divergence"] == pytest.approx(theirs, rel=1e-6)


def direct_connectivity(H: np.ndarray) -> np.ndarray:
    """Which pairs of genes are together, n×n."""
    of = H.argmax(axis=0)
    return of[:, None] == of[None, :]


@pytest.mark.parametrize(("solver", "seed"), [("brunet", 0), ("brunet", 1), ("nsnmf", 2)])
def test_it_stops_where_the_connectivity_matrix_was_unchanged(solver: str, seed: int) -> None:
    A, checks = holed(50, seed=seed), 4
    W, H = start(50, 4, seed=seed)
    model = run_float64(A, solver, W, H, 3000, connectivity=checks)
    before, unchanged, stop = None, 0, None
    for t, (_, _, made) in enumerate(REFERENCES[solver](A, W, H, 3000), start=1):
        if t % 10 == 0:
            now = direct_connectivity(made)
            unchanged = unchanged + 1 if before is not None and (now == before).all() else 0
            before = now
            if unchanged == checks:
                stop = t
                break
    assert model.state.iteration == stop
    assert model.stop_reason == "connectivity unchanged over 4 checks"
    assert model.converged
    assert stop > 10 * (checks + 1)  # it did change on the way


@pytest.mark.parametrize("solver", KL)
@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_the_same_bits_on_threads_and_on_a_cluster(
    solver: str, layout: str, tmp_path: Path, client: Client
) -> None:
    dasknmf.import_network(holed(300, seed=0), tmp_path / "net.zarr", layout=layout, tile=64)
    options: dict[str, Any] = {
        "solver": solver,
        "max_iter": 30,
        "tol": 0,
        "tol_objective": 0,
        "diagonal": "ignore",
    }
    runs = [
        dasknmf.nmf(tmp_path / "net.zarr", 5, **options, **where)
        for where in ({"workers": 1}, {"workers": 2}, {"scheduler": client})
    ]
    for other in runs[1:]:
        for name in ("W", "H", "objective", "relative_error", "relative_gradient"):
            np.testing.assert_array_equal(other[name], runs[0][name])
        assert other.attrs["divergence"] == runs[0].attrs["divergence"]


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("solver", KL)
@pytest.mark.parametrize("diagonal", ["keep", "ignore"])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path: Path, solver: str, diagonal: str) -> None:
    A, place = holed(120, seed=2), tmp_path / "run.checkpoint"
    options: dict[str, Any] = {
        "solver": solver,
        "diagonal": diagonal,
        "init": "random",
        "tol": 0,
        "tol_objective": 0,
    }
    if solver != "symkl":
        options["connectivity"] = 3
    whole = dasknmf.nmf(A, 3, **options)

    def stop(event: object) -> None:
        if isinstance(event, IterationEnded) and event.iteration == 26:
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.nmf(A, 3, **options, checkpoint=place, checkpoint_iterations=13, progress=stop)
    resumed = dasknmf.nmf(A, 3, **options, checkpoint=place, resume=True)
    for name in ("W", "H", "objective", "relative_error", "relative_gradient"):
        np.testing.assert_array_equal(resumed[name], whole[name])
    for name in ("n_iter", "stop_reason", "divergence"):
        assert resumed.attrs[name] == whole.attrs[name]


def test_beside_solvers_that_use_the_sketch_each_does_what_it_does_alone() -> None:
    A = holed(100, seed=7)
    models = [
        {"n_components": 3, "solver": "brunet"},
        {"n_components": 3},
        {"n_components": 4, "solver": "symkl"},
    ]
    options = {"max_iter": 40, "tol": 0, "tol_objective": 0}
    together = dasknmf.nmf_many(A, models, **options)
    for model in models:
        child = together[ModelOptions(**model).name].to_dataset()
        alone = dasknmf.nmf(A, **model, **options)
        np.testing.assert_allclose(child["W"], alone["W"], rtol=1e-3, atol=1e-4)
        for name in ("exact", "n_iter", "n_iter_sketched", "stop_reason"):
            assert child.attrs[name] == alone.attrs[name]
    assert together["hals-k3"].attrs["n_iter_sketched"] == 40
    assert together["hals-k3"].attrs["n_iter"] == 42
    assert "divergence" not in together["hals-k3"].attrs
    assert together["brunet-k3"].attrs["n_iter"] == 40
    kept = dasknmf.nmf_many(A, models, **options, polish=0)
    assert kept["hals-k3"].attrs["n_iter"] == 40
    assert kept["brunet-k3"].attrs["n_iter"] == 40


def test_models_share_every_read() -> None:
    A = holed(80, seed=3)
    options = {"init": "random", "max_iter": 15, "tol": 0, "tol_objective": 0, "bound": False}
    models = [
        {"n_components": k, "solver": solver} for k, solver in ((2, "brunet"), (5, "nsnmf"), (3, "symkl"))
    ]
    together = dasknmf.nmf_many(A, models, **options)
    for model in models:
        child, alone = together[ModelOptions(**model, init="random").name], dasknmf.nmf(A, **model, **options)
        np.testing.assert_array_equal(child["W"], alone["W"])
        # two an iteration, one for the exact error and one for the exact divergence
        assert child.attrs["reads"] == 2 * 15 + 2


def test_no_smoothing_is_brunet_and_more_makes_factors_sparser() -> None:
    A = planted(80, 4, seed=4)
    W, H = start(80, 4, seed=0)
    options: dict[str, Any] = {"max_iter": 300, "tol": 0, "tol_objective": 0, "W": W, "H": H}
    plain = dasknmf.nmf(A, 4, solver="brunet", **options)
    none = dasknmf.nmf(A, 4, solver="nsnmf", theta=0, **options)
    assert none.attrs["divergence"] == pytest.approx(plain.attrs["divergence"], rel=1e-4)

    def sparseness(fit: Any) -> float:
        """Hoyer 2004, of the columns of W."""
        W = fit["W"].values
        ratio = W.sum(axis=0) / np.linalg.norm(W, axis=0)
        return float(((np.sqrt(len(W)) - ratio) / (np.sqrt(len(W)) - 1)).mean())

    found = [sparseness(dasknmf.nmf(A, 4, solver="nsnmf", theta=theta, **options)) for theta in (0, 0.4, 0.8)]
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"solver": "hals", "theta": 0.3},
            r"theta=0.3: solver 'hals' has no theta; .* nsnmf",
        ),
        ({"solver": "brunet", "l1_W": 1.0}, r"l1_W=1.0: solver 'brunet' has no l1_W; .* hals, mu"),
        ({"solver": "symkl", "connectivity": 0}, r"connectivity=0: solver 'symkl' .*brunet, nsnmf"),
        ({"solver": "nsnmf", "theta": 1}, r"theta=1.0: needs a number from 0 to below 1"),
        ({"solver": "brunet", "floor": -1e-9}, r"floor=-1e-09: needs a finite number of at least 0"),
        ({"solver": "brunet", "connectivity": 2.5}, r"connectivity=2.5: needs a whole number"),
        ({"solver": "brunet", "init": "nndsvd"}, r"init='nndsvd' has zeros"),
    ],
)
def test_what_a_solver_does_not_have_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ModelOptions(3, **options)


def test_a_survey_says_that_it_needs_a_sketch() -> None:
    with pytest.raises(InputError, match=r"solver='brunet': a survey fits on the sketch .*nmf_many"):
        SurveyOptions((2, 3), solver="brunet")


def test_names_say_what_is_not_the_default() -> None:
    assert ModelOptions(8, solver="brunet", floor=EPS, connectivity=40).name == "brunet-k8"
    assert (
        ModelOptions(8, solver="nsnmf", theta=0.7, connectivity=0).name == "nsnmf-k8-theta=0.7-connectivity=0"
    )


@pytest.mark.parametrize("solver", KL)
def test_the_zero_matrix_and_genes_without_an_edge_are_no_special_cases(solver: str) -> None:
    zero = dasknmf.nmf(np.zeros((6, 6)), 2, solver=solver, init="random")
    assert np.isfinite(zero.attrs["divergence"])
    assert zero.attrs["divergence"] == pytest.approx(0, abs=1e-12)
    A = holed(40, seed=0)
    A[3] = A[:, 3] = 0
    fit = dasknmf.nmf(sp.csr_array(A), 3, solver=solver, init="random")
    assert fit["W"][3].max() < 1e-12
    assert np.isfinite(fit.attrs["divergence"])


def test_the_command_line_has_their_options(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from dasknmf.cli import commands

    store = str(tmp_path / "net.zarr")
    dasknmf.import_network(holed(40, seed=0), store)

    def fit(name: str, *more: str) -> Any:
        command = [
            "-q",
            "fit",
            store,
            "-k",
            "2",
            "-o",
            str(tmp_path / name),
            "--json",
            "--max-iter",
            "80",
            *more,
        ]
        return CliRunner().invoke(commands, command)

    done = fit(
        "a.zarr",
        "--solver",
        "nsnmf",
        "--theta",
        "0.3",
        "--floor",
        "1e-9",
        "--connectivity",
        "2",
        "--tol",
        "0",
    )
    assert done.exit_code == 0, done.output
    models = json.loads(done.stdout)["models"]
    assert list(models) == ["nsnmf-k2-theta=0.3-floor=1e-09-connectivity=2"]
    saved = dasknmf.load(tmp_path / "a.zarr")
    assert models[next(iter(models))]["divergence"] == saved.attrs["divergence"]
    assert [saved.attrs[name] for name in ("theta", "floor", "connectivity")] == [0.3, 1e-9, 2]
    refused = fit("b.zarr", "--theta", "0.3")
    assert isinstance(refused.exception, InputError)
    assert "solver 'hals' has no theta" in str(refused.exception)
