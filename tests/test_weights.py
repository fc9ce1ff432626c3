"""Missing and weighted entries: the iterates of dense EM, and what users are promised of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.cli import commands
from dasknmf.driver import Run
from dasknmf.engine.executor import Threads
from dasknmf.errors import FormatError, InputError
from dasknmf.exact import known_of
from dasknmf.model import Model
from dasknmf.options import RunOptions
from dasknmf.progress import silent
from dasknmf.solvers import SOLVERS
from dasknmf.solvers.filled import Filled
from tests.conftest import planted
from tests.engine.test_filled import KINDS, drawn, operator_of, symmetric

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


def dense_hals(A, omega, W, H, iterations, *, passes=4):
    """EM of Zhang et al. 2006 around Cichocki & Phan 2009, algorithm 2, in float64."""
    W, H = W.copy(), H.copy()
    for _ in range(iterations):
        for left in (True, False):
            filled = W @ H + omega * (A - W @ H)
            F, other, data = (W, H.T, filled) if left else (H.T, W, filled.T)
            for j in [*range(F.shape[1])] * passes:
                residual = data - F @ other.T + np.outer(F[:, j], other[:, j])
                F[:, j] = np.maximum(0, residual @ other[:, j] / (other[:, j] @ other[:, j]))
    return W, H


def dense_mu(A, omega, W, H, iterations):
    """EM of Zhang et al. 2006 around Lee & Seung 2001, theorem 1."""
    for _ in range(iterations):
        W = W * ((W @ H + omega * (A - W @ H)) @ H.T) / (W @ H @ H.T)
        H = H * (W.T @ (W @ H + omega * (A - W @ H))) / (W.T @ W @ H)
    return W, H


REFERENCES = {"hals": dense_hals, "mu": dense_mu}


def run_float64(
    operator: Any, solver: str, W: np.ndarray, H: np.ndarray, iterations: int, **of: Any
) -> Model:
    """The engine's iterates in float64, as the solver leaves them."""
    operator.look()
    model = Model(solver, Filled(SOLVERS[solver](**of)), {"W": W.copy(), "H": H.T.copy()})  # type: ignore[arg-type]
    options = RunOptions(max_iter=iterations, tol=0, tol_objective=0)
    known = known_of(operator, diagonal=True)
    Run(operator, operator.executor, [model], options, bytes_per_sweep=1, listener=silent, known=known).go()
    return model


@given(
    n=st.integers(2, 40),
    k=st.integers(1, 6),
    tile=st.integers(3, 50),
    solver=st.sampled_from(sorted(REFERENCES)),
    kind=st.sampled_from(KINDS),
    density=st.sampled_from([0.3, 1.0]),
    share=st.sampled_from([0.2, 0.8]),
    diagonal=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_iterates_are_those_of_dense_em(
    n: int,
    k: int,
    tile: int,
    solver: str,
    kind: Any,
    density: float,
    share: float,
    diagonal: bool,
    seed: int,
) -> None:
    A, matrix, omega = drawn(n, density, share, kind, seed=seed)
    omega = omega if diagonal else omega * ~np.eye(n, dtype=bool)
    if not omega.any():
        return
    rng = np.random.default_rng(seed)
    W, H = rng.random((n, k)) + 0.1, rng.random((k, n)) + 0.1
    with Threads(1) as executor:
        operator = operator_of(A, matrix, kind, executor, tile=tile, counts=diagonal)
        model = run_float64(operator, solver, W, H, 4)
        expected_W, expected_H = REFERENCES[solver](A, omega, W, H, 4)
        np.testing.assert_allclose(model.rows["W"], expected_W, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(model.rows["H"].T, expected_H, rtol=1e-6, atol=1e-8)
        # the history has the objective before each iteration
        before = [W @ H] + [np.matmul(*REFERENCES[solver](A, omega, W, H, done)) for done in (1, 2, 3)]
        squared = [(omega * (A - WH) ** 2).sum() for WH in before]
        np.testing.assert_allclose(model.squared_error, squared, rtol=1e-6, atol=1e-8 * n**2)
        np.testing.assert_allclose(model.objective, np.array(squared) / 2, rtol=1e-6, atol=1e-8 * n**2)


@given(
    n=st.integers(3, 40),
    k=st.integers(1, 8),
    solver=st.sampled_from(sorted(REFERENCES)),
    kind=st.sampled_from(KINDS),
    penalty=st.sampled_from([0.0, 0.3]),
    seed=st.integers(0, 1000),
)
def test_the_weighted_objective_never_rises(
    n: int, k: int, solver: str, kind: Any, penalty: float, seed: int
) -> None:
    A, matrix, omega = drawn(n, 0.7, 0.7, kind, seed=seed)
    if not omega.any():
        return
    rng = np.random.default_rng(seed)
    W, H = rng.random((n, k)) + 0.01, rng.random((k, n)) + 0.01
    with Threads(1) as executor:
        operator = operator_of(A, matrix, kind, executor, tile=16, counts=True)
        model = run_float64(operator, solver, W, H, 12, l1_W=penalty, l2_H=penalty)
    objective = np.array(model.objective)
    first = 0.5 * (omega * (A - W @ H) ** 2).sum() + penalty * (W.sum() + (H**2).sum() / 2)
    assert objective[0] == pytest.approx(first, rel=1e-9)
    assert (np.diff(objective) <= 1e-9 * objective[0]).all()


def weighted_error(fit: Any, A: np.ndarray, omega: np.ndarray) -> float:
    WH = fit["W"].values.astype(np.float64) @ fit["H"].values
    return float(np.sqrt((omega * (A - WH) ** 2).sum() / (omega * A**2).sum()))


@pytest.mark.parametrize("solver", sorted(REFERENCES))
@pytest.mark.parametrize("init", ["auto", "random", "random_acol"])
def test_results_say_the_exact_weighted_error(solver: str, init: str) -> None:
    A = planted(150, 4, seed=1)
    omega = symmetric(np.random.default_rng(0).random((150, 150)), 0.8, seed=3)
    for network in (A, sp.csr_array(A)):
        for weights in (omega, sp.csr_array(omega), lambda i, j: omega[np.ix_(i, j)]):
            fit = dasknmf.nmf(network, 4, solver=solver, init=init, weights=weights, max_iter=10)
            assert fit.attrs["relative_error"] == pytest.approx(weighted_error(fit, A, omega), rel=1e-9)
            assert fit.attrs["exact"] == 1
            assert fit.attrs["n_iter_sketched"] == 0
            assert np.isnan(fit.attrs["eckart_young"])
            assert fit.attrs["pairs_not_counted"] == (np.triu(omega) == 0).sum() - 150 * 149 // 2
            assert "before each iteration" in fit["objective"].attrs["long_name"]
            assert fit.attrs["weights_kind"] == "weights"
            # the first iteration judges the start
            assert fit["relative_error"].values[-1] >= fit.attrs["relative_error"] * (1 - 1e-6)


@pytest.mark.parametrize("solver", sorted(REFERENCES))
def test_weights_of_one_change_nothing(solver: str) -> None:
    A = planted(120, 4, seed=1)
    options = {"solver": solver, "init": "random", "max_iter": 12, "tol": 0, "tol_objective": 0}
    plain = dasknmf.nmf(A, 4, exact=True, **options)  # type: ignore[arg-type]
    nothing = sp.csr_array((120, 120))
    for network in (A, sp.csr_array(A)):
        for ones in (
            {"weights": np.ones((120, 120))},
            {"missing": nothing},
            {"weights": lambda i, j: np.ones((len(i), len(j)))},
            {"weights": sp.csr_array(np.ones((120, 120)))},
        ):
            fit = dasknmf.nmf(network, 4, **ones, **options)  # type: ignore[arg-type]
            np.testing.assert_allclose(fit["W"], plain["W"], rtol=2e-3, atol=1e-4)
            assert fit.attrs["relative_error"] == pytest.approx(plain.attrs["relative_error"], rel=1e-5)
            assert fit.attrs["pairs_not_counted"] == 0


def with_missing_pairs(n: int, k: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix of rank k, what is missing of it, and the matrix with something else there."""
    rng = np.random.default_rng(5)
    V = rng.random((n, k)) * (rng.random((n, k)) < 0.6)
    A = V @ V.T
    M = symmetric(np.ones((n, n)), share, seed=6) * ~np.eye(n, dtype=bool)
    return A, M, np.where(M > 0, 0, A)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_a_planted_matrix_is_completed(layout: str, tmp_path: Path) -> None:
    A, M, seen = with_missing_pairs(200, 4, 0.2)
    network = dasknmf.import_network(seen, tmp_path / "seen.zarr", layout=layout, tile=64)
    missing = dasknmf.import_network(M, tmp_path / "missing.zarr", layout="sparse", tile=64)
    options = {"max_iter": 600, "tol": 1e-6, "tol_objective": 0}
    fit = dasknmf.nmf(network, 4, missing=missing, **options)
    plain = dasknmf.nmf(network, 4, exact=True, **options)
    lost = M > 0

    def on_missing(fit: Any) -> float:
        WH = fit["W"].values @ fit["H"].values
        return float(np.linalg.norm((A - WH)[lost]) / np.linalg.norm(A[lost]))

    assert fit.attrs["relative_error"] < 5e-3
    assert on_missing(fit) < 1e-2 < 0.1 < on_missing(plain)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
@pytest.mark.parametrize("other", ["dense", "sparse"])
def test_what_stands_at_missing_pairs_does_not_change_a_bit(layout: str, other: str, tmp_path: Path) -> None:
    A, M, _ = with_missing_pairs(150, 3, 0.2)
    filled = np.where(M > 0, A + symmetric(np.full((150, 150), 77.0), 1.0, seed=0), A)
    filled[(M > 0) & (A == 0)] = 0  # where there is an edge, it has another weight
    missing = dasknmf.import_network(M, tmp_path / "missing.zarr", layout=other, tile=64)
    fits = []
    for name, matrix in (("a", A), ("b", filled)):
        network = dasknmf.import_network(matrix, tmp_path / f"{name}.zarr", layout=layout, tile=64)
        fits.append(dasknmf.nmf(network, 3, missing=missing, max_iter=8))
    for name in ("W", "H", "objective"):
        np.testing.assert_array_equal(fits[0][name], fits[1][name])
    assert fits[0].attrs["squared_error"] == fits[1].attrs["squared_error"]


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_every_executor_gives_the_same_bits(layout: str, tmp_path: Path, client: Client) -> None:
    _, M, seen = with_missing_pairs(200, 3, 0.2)
    network = dasknmf.import_network(seen, tmp_path / "net.zarr", layout=layout, tile=64)
    missing = dasknmf.import_network(M, tmp_path / "missing.zarr", layout="sparse", tile=64)
    models = [{"n_components": 3}, {"n_components": 5, "solver": "mu"}]
    for weighing in ({"missing": missing}, {"weights": missing}, {"weights": M}):
        made = [
            dasknmf.nmf_many(network, models, max_iter=5, diagonal="ignore", **weighing, **execution)
            for execution in ({"workers": 1}, {"workers": 2}, {"scheduler": client})
        ]
        for name in made[0].children:
            for other in made[1:]:
                for variable in ("W", "H", "objective"):
                    np.testing.assert_array_equal(made[0][name][variable], other[name][variable])
                assert made[0][name].attrs["squared_error"] == other[name].attrs["squared_error"]


def test_a_run_resumes_only_with_the_same_weights(tmp_path: Path) -> None:
    A = planted(80, 3, seed=0)
    place = tmp_path / "run.checkpoint"
    options: dict[str, Any] = {"checkpoint": place, "checkpoint_iterations": 3, "tol": 0, "tol_objective": 0}
    whole = dasknmf.nmf(A, 3, weights=apart, max_iter=10, tol=0, tol_objective=0)

    class StoppedError(Exception): ...

    def stop(event: Any) -> None:
        if getattr(event, "iteration", 0) == 8:
            raise StoppedError

    with pytest.raises(StoppedError):
        dasknmf.nmf(A, 3, weights=apart, max_iter=10, progress=stop, **options)
    with pytest.raises(FormatError, match="another run: its weights"):
        dasknmf.nmf(A, 3, weights=near, max_iter=10, resume=True, **options)
    with pytest.raises(FormatError, match="another run: its weights"):
        dasknmf.nmf(A, 3, exact=True, bound=False, max_iter=10, resume=True, **options)
    resumed = dasknmf.nmf(A, 3, weights=apart, max_iter=10, resume=True, **options)
    np.testing.assert_array_equal(resumed["W"], whole["W"])
    np.testing.assert_array_equal(resumed["objective"], whole["objective"])


def apart(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Weights that grow with the distance of genes."""
    return np.minimum(1, abs(rows[:, None] - columns) / 5)


def near(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return (abs(rows[:, None] - columns) < 30) * 1.0


def uneven(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return (rows[:, None] <= columns) * 1.0


def by_block(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.full((len(rows), len(columns)), 1 / (len(rows) + len(columns)))


N = 40
ONES = np.ones((N, N))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"weights": ONES, "missing": ONES},
            "both given; give weights alone, with 0 where a pair is missing",
        ),
        (
            {"weights": 4 * ONES},
            r"entry \(0, 0\) is 4; needs numbers from 0 to 1: divide all by the largest, 4",
        ),
        ({"weights": sp.csr_array(2 * np.eye(N))}, r"entry \(0, 0\) is 2; .* divide all by the largest"),
        ({"weights": -ONES}, "weights: the matrix has values that are negative"),
        ({"weights": np.full((N, N), np.nan)}, "weights: the matrix has values that are not finite"),
        ({"weights": np.triu(ONES)}, "weights: the matrix is not symmetric"),
        ({"weights": np.ones((3, 3))}, "has 3 genes and a matrix in memory 40; needs the same"),
        ({"weights": 0 * ONES}, "every pair of genes has weight 0, or is missing"),
        ({"weights": sp.csr_array((N, N))}, "every pair of genes has weight 0, or is missing"),
        ({"missing": ONES}, "every pair of genes has weight 0, or is missing"),
        ({"missing": np.triu(ONES)}, "missing: the matrix is not symmetric"),
        ({"missing": "nowhere.zarr"}, "missing: there is no network at nowhere.zarr"),
        ({"missing": apart}, "missing: function is not a network"),
        ({"weights": uneven}, "uneven gives 1 for genes 0 and 1 and 0 across; needs a symmetric function"),
        ({"weights": by_block}, "has other values for the same genes in another block"),
        ({"weights": lambda i, j: 3 * np.ones((len(i), len(j)))}, "gives 3 .* divide all by the largest, 3"),
        ({"weights": lambda i, j: -np.ones((len(i), len(j)))}, "gives -1 for genes 0 and 0; needs numbers"),
        (
            {"weights": lambda i, j: np.ones(3)},
            r"returned float64 of shape \(3,\) for 40 rows and 40 columns",
        ),
        (
            {"weights": ONES, "solver": "brunet"},
            "weights: solver 'brunet' takes none; .* solver='hals' or 'mu'",
        ),
        ({"missing": np.eye(N), "solver": "svd"}, "missing: solver 'svd' takes none"),
    ],
)
def test_what_cannot_be_used_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        dasknmf.nmf(planted(N, 2, seed=0), 2, **given)


def test_a_function_that_cannot_be_sent_is_refused() -> None:
    import threading

    lock = threading.Lock()

    def held(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        with lock:
            return np.ones((len(rows), len(columns)))

    with pytest.raises(InputError, match="held cannot be pickled"):
        dasknmf.nmf(planted(N, 2, seed=0), 2, weights=held)


def test_a_weight_above_one_is_found_where_no_sample_looks() -> None:
    def odd(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        # 128 of 300 genes are looked at; of genes 1 and 3 neither is
        pair = np.isin(rows, [1, 3])[:, None] & np.isin(columns, [1, 3])
        return np.where(pair, 9.0, 1.0)

    with pytest.raises(InputError, match=r"entry \((1|3), (1|3)\) is 9; needs numbers from 0 to 1"):
        dasknmf.nmf(planted(300, 2, seed=0), 2, weights=odd)


def test_genes_and_tiles_must_be_the_same(tmp_path: Path) -> None:
    A = planted(130, 3, seed=0)
    names = [f"g{i}" for i in range(130)]
    network = dasknmf.import_network(A, tmp_path / "net.zarr", genes=names, tile=64)
    turned = dasknmf.import_network(A, tmp_path / "turned.zarr", genes=names[::-1], tile=64)
    coarse = dasknmf.import_network(np.eye(130), tmp_path / "coarse.zarr", genes=names, tile=128)
    with pytest.raises(
        InputError, match=r"gene 1 of .* is 'g129', of .* 'g0', and 130 differ .* put them in its"
    ):
        dasknmf.nmf(network, 2, missing=turned)
    other = [f"h{i}" for i in range(130)]
    frame = pd.DataFrame(np.eye(130), index=other, columns=other)
    with pytest.raises(InputError, match="make it of the same genes"):
        dasknmf.nmf(network, 2, weights=frame)
    with pytest.raises(InputError, match=r"tiles of 128 genes and .* of 64; needs .* weights.zarr --tile 64"):
        dasknmf.nmf(network, 2, missing=coarse)
    # a matrix in memory is cut as the store is, and booleans are numbers
    fit = dasknmf.nmf(A, 2, missing=coarse, max_iter=3)
    again = dasknmf.nmf(network, 2, missing=np.eye(130, dtype=bool), max_iter=3)
    assert fit.attrs["pairs_not_counted"] == again.attrs["pairs_not_counted"] == 130


def test_the_command_line_takes_stores(tmp_path: Path) -> None:
    A, M, seen = with_missing_pairs(100, 3, 0.1)
    for name, matrix in (("net", seen), ("missing", M), ("weights", 1 - M)):
        dasknmf.import_network(matrix, tmp_path / f"{name}.zarr", layout="sparse", tile=64)
    errors = []
    for option in ("missing", "weights"):
        arguments = ["fit", str(tmp_path / "net.zarr"), "-k", "3", "-o", str(tmp_path / f"{option}-fit.zarr")]
        arguments += [f"--{option}", str(tmp_path / f"{option}.zarr"), "--json", "--max-iter", "20"]
        ended = CliRunner().invoke(commands, arguments)
        assert ended.exit_code == 0, ended.output
        made = json.loads(ended.stdout.splitlines()[-1])["models"]["hals-k3"]
        assert made["eckart_young"] is None
        fit = dasknmf.load(tmp_path / f"{option}-fit.zarr")
        assert fit.attrs["weights"] == str(tmp_path / f"{option}.zarr")
        errors.append(fit.attrs["relative_error"])
        # stores hold float32
        assert errors[-1] == pytest.approx(weighted_error(fit, A.astype(np.float32), 1 - M), rel=1e-9)
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)
