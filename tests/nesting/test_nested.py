"""Nested associations of networks whose every level is known, and what a run must keep to."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.sparse as sp

import dasknmf
from dasknmf.errors import FormatError, InputError, MemoryLimitError
from dasknmf.events import LevelEnded, StageAdvanced
from dasknmf.nesting.variables import OF_ZOOM, VARIABLES
from dasknmf.network.soules import SoulesMatrix
from dasknmf.progress import describe
from tests.conftest import DATA, planted

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from distributed import Client

VALUES = (8.0, 5.0, 3.0, 2.5, 1.2, 1.1, 1.0, 0.9)
RANKS = [8, 4, 2, 1]
CLOSE: dict[str, Any] = {"init": "nndsvd", "restarts": 1, "max_iter": 500, "tol": 0, "tol_objective": 0}
A = planted(120, 8, seed=0)
#: Every way down, by its options.
WAYS: dict[str, dict[str, Any]] = {
    "inner": {"similarity": "inner"},
    "half": {"similarity": 0.5},
    "core": {"similarity": "core"},
    "coarsen": {"method": "coarsen"},
    "coarsen-factors": {"method": "coarsen", "metric": "factors"},
}


def soules(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix of n genes, and the share of ‖A‖² in its leading 8, 4, 2 and 1 eigenvalues."""
    # the rest of the spectrum keeps its share of ‖A‖²
    rest = 0.3 if n == 16 else 1.0
    made = SoulesMatrix(n, tuple(value * n / 16 for value in VALUES), rest)
    squares = made.eigenvalues**2
    return made.tile(slice(0, n), slice(0, n)), np.cumsum(squares)[np.array(RANKS) - 1] / squares.sum()


def shown(nested: xr.Dataset, name: str, branch: str = "partner") -> np.ndarray:
    """Return a measure over (tier, restart)."""
    return nested[name].sel(branch=branch).values


@pytest.mark.parametrize("n", [16, 1024])
@pytest.mark.parametrize("way", ["inner", "core"])
def test_every_relational_level_of_a_soules_matrix_keeps_all_there_is(n: int, way: str) -> None:
    matrix, tail = soules(n)
    found = dasknmf.nested(matrix, RANKS, **WAYS[way], **CLOSE)
    np.testing.assert_allclose(found["bound"], tail, atol=1e-5)
    np.testing.assert_allclose(shown(found, "explained")[:, 0], tail, atol=1e-4)
    np.testing.assert_allclose(shown(found, "retention"), 1, atol=2e-4)


@pytest.mark.parametrize("n", [16, 1024])
def test_coarsening_a_soules_matrix_loses_little_by_the_error_of_genes_and_much_by_that_of_factors(
    n: int,
) -> None:
    matrix, tail = soules(n)
    genes = dasknmf.nested(matrix, RANKS, **WAYS["coarsen"], **CLOSE)
    # sums of loadings of rank 8, which overlap, need not hold the best ones of rank 4
    assert np.abs(shown(genes, "explained")[:, 0] - tail).max() < 5e-3
    factors = dasknmf.nested(matrix, RANKS, **WAYS["coarsen-factors"], **CLOSE)
    assert (tail - shown(factors, "explained")[:, 0])[1] > 0.05


def test_levels_of_disjoint_modules_are_found_exactly() -> None:
    blocks = np.kron(np.kron(np.eye(2), np.full((2, 2), 1.0)) + 3 * np.eye(4) + 0.1, np.ones((6, 6)))
    for way in ("coarsen", "core"):
        found = dasknmf.nested(blocks, [4, 2, 1], **WAYS[way], restarts=3, seed=1)
        np.testing.assert_allclose(shown(found, "retention"), 1, atol=5e-3)
        tree = dasknmf.nested_tree(found)
        halves = [set(node["member_name"].values) for node in tree["level2-factor0"].children.values()]
        assert len(halves) == 2
        found_genes = [
            found["gene"].values[found["member_gene"].values[a:b]]
            for a, b in zip(found["member_offset"].values, found["member_offset"].values[1:], strict=False)
        ]
        assert all(len(genes) >= 6 for genes in found_genes)
        assert sorted(found["parent"].values.tolist()) == [-1, 4, 4, 5, 5, 6, 6]


@pytest.fixture(scope="module")
def runs() -> dict[str, xr.Dataset]:
    return {
        way: dasknmf.nested(A, [8, 4, 2], restarts=3, loadings="index", **options)
        for way, options in WAYS.items()
    }


@pytest.mark.parametrize("way", WAYS)
def test_what_a_level_explains_is_so_by_dense_arithmetic(runs: dict[str, xr.Dataset], way: str) -> None:
    found = runs[way]
    assert set(found.data_vars) == set(VARIABLES) - OF_ZOOM
    assert all(found[name].dims == VARIABLES[name][0] for name in found.data_vars)
    offsets, genes, values = (found[f"member_{name}"].values for name in ("offset", "gene", "loading"))
    best = np.sort(np.linalg.eigvalsh(A) ** 2)[::-1]
    for tier, k in enumerate(found["n_factors"].values):
        nodes = np.flatnonzero(found["level"].values == tier)
        L = np.zeros((len(A), k))
        for node, factor in zip(nodes, found["factor"].values[nodes], strict=True):
            members = slice(offsets[node], offsets[node + 1])
            L[genes[members], factor] = values[members]
        L /= np.maximum(np.linalg.norm(L, axis=0), 1e-30)
        C = np.diag(found["core"].values[nodes])
        for first, second, weight in zip(
            *(found[f"link_{name}"].values for name in ("first", "second", "core")), strict=True
        ):
            if found["level"].values[first] == tier:
                i, j = (found["factor"].values[node] for node in (first, second))
                C[i, j] = C[j, i] = weight
        error = ((A - L @ C @ L.T) ** 2).sum() / (A**2).sum()
        restart = found.attrs["restart"]
        assert shown(found, "explained", "index")[tier, restart] == pytest.approx(1 - error, abs=2e-6)
        assert found["bound"].values[tier] == pytest.approx(best[:k].sum() / best.sum(), abs=1e-4)
        inside = found["contribution"].values[nodes].sum()
        assert inside == pytest.approx(1)


@pytest.mark.parametrize("way", WAYS)
def test_measures_keep_to_their_bounds(runs: dict[str, xr.Dataset], way: str) -> None:
    found = runs[way]
    assert float(found["retention"].max()) <= 1 + 1e-6
    assert float(found["explained"].min()) >= 0
    np.testing.assert_allclose(found["marginal"].sum("tier"), found["together"], atol=1e-9)
    assert float(found["marginal"].min()) >= -1e-6
    assert (found["together"] >= found["explained"].max("tier") - 1e-6).all()
    assert (found["effective_factors"] <= found["n_factors"] + 1e-9).all()
    assert float(np.abs(found["branch_agreement"] - found["branch_agreement"].transpose(
        "other_branch", "branch", "tier", "restart").values).max()) < 1e-12  # fmt: skip
    assert (found["nesting_index"].isel(tier=slice(0, -1)) >= found["nesting_chance"].isel(
        tier=slice(0, -1)) - 1e-9).all()  # fmt: skip
    assert found["nesting_index"].isel(tier=-1).isnull().all()


def test_the_finest_level_is_what_direct_fits_give(runs: dict[str, xr.Dataset]) -> None:
    found = runs["inner"]
    np.testing.assert_array_equal(found["direct"].isel(tier=0), found["explained"].isel(tier=0))
    fits = dasknmf.nmf_many(
        A, [{"n_components": k, "init": "random_acol", "seed": s} for k in (8, 4, 2) for s in range(3)]
    )
    errors = np.reshape([fit.attrs["relative_error"] for fit in fits.children.values()], (3, 3))
    np.testing.assert_allclose(found["fitted"], 1 - errors**2, atol=1e-9)


def test_coarsening_reads_the_network_once_for_all_levels(runs: dict[str, xr.Dataset]) -> None:
    assert runs["inner"].attrs["reads"] == runs["coarsen"].attrs["reads"] + 2


def test_a_result_comes_back_equal(tmp_path: Path, runs: dict[str, xr.Dataset]) -> None:
    for way in ("inner", "coarsen"):
        dasknmf.save(runs[way], tmp_path / f"{way}.zarr")
        assert dasknmf.load(tmp_path / f"{way}.zarr").identical(runs[way])


def test_a_tree_holds_every_node_once(runs: dict[str, xr.Dataset], tmp_path: Path) -> None:
    found = runs["core"]
    tree = dasknmf.nested_tree(found)
    below = [node for node in tree.subtree if "loading" in node]
    assert len(below) == found.sizes["node"]
    assert sum(node["loading"].size for node in below) == found.sizes["member"]
    assert all(node.parent.attrs["level"] == node.attrs["level"] + 1 for node in below if node.level > 1)
    with pytest.raises(InputError, match=r"dasknmf\.nested"):
        dasknmf.nested_tree(dasknmf.nmf(A, 2))
    dasknmf.save(tree, tmp_path / "tree.zarr")
    assert dasknmf.load(tmp_path / "tree.zarr").identical(tree)


@pytest.mark.parametrize("way", ["inner", "half", "core", "coarsen"])
def test_another_order_of_genes_changes_nothing_but_order(way: str) -> None:
    order = np.random.default_rng(3).permutation(len(A))
    here = dasknmf.nested(A, [6, 3, 1], **WAYS[way], **CLOSE)
    there = dasknmf.nested(A[np.ix_(order, order)], [6, 3, 1], **WAYS[way], **CLOSE)
    for name in ("explained", "retention", "effective_factors", "overlap", "nesting_index"):
        np.testing.assert_allclose(there[name], here[name], atol=2e-3)
    np.testing.assert_array_equal(there["parent"], here["parent"])


def test_tiles_do_not_matter(tmp_path: Path) -> None:
    made = [
        dasknmf.nested(
            dasknmf.import_network(A, tmp_path / f"{tile}.zarr", tile=tile),
            [6, 3, 1],
            **WAYS["core"],
            **CLOSE,
        )
        for tile in (32, 120)
    ]
    for name in ("explained", "overlap", "nesting_index"):
        np.testing.assert_allclose(made[0][name], made[1][name], atol=1e-4)


def same_bits(one: xr.Dataset, other: xr.Dataset) -> bool:
    return bool(one.drop_attrs().identical(other.drop_attrs())) and one.attrs["reads"] == other.attrs["reads"]


@pytest.mark.cluster
@pytest.mark.parametrize("way", ["core", "coarsen"])
def test_bits_are_the_same_on_any_executor(way: str, client: Client, runs: dict[str, xr.Dataset]) -> None:
    options = {**WAYS[way], "restarts": 3, "loadings": "index"}
    for scheduler in ("serial", client):
        assert same_bits(dasknmf.nested(A, [8, 4, 2], scheduler=scheduler, **options), runs[way])


class Stopped(Exception):  # noqa: N818
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("way", ["core", "coarsen"])
@pytest.mark.parametrize("level", [0, 1])
def test_a_resumed_run_ends_in_the_same_bits(
    tmp_path: Path, way: str, level: int, runs: dict[str, xr.Dataset]
) -> None:
    options = {**WAYS[way], "restarts": 3, "loadings": "index", "checkpoint": tmp_path / "kept"}

    def stop(event: object) -> None:
        if isinstance(event, LevelEnded) and event.level == level:
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.nested(A, [8, 4, 2], progress=stop, **options)
    assert (tmp_path / "kept" / f"level-{level}.part.npz").exists()
    told: list[object] = []
    assert same_bits(dasknmf.nested(A, [8, 4, 2], resume=True, progress=told.append, **options), runs[way])
    assert [event.level for event in told if isinstance(event, LevelEnded)] == [0, 1, 2]
    # only what was not there is fitted
    begun = {event.stage for event in told if isinstance(event, StageAdvanced)}
    assert begun == {f"level {later}" for later in range(level + 1, 3)}
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_was_killed_ends_in_the_same_bits(tmp_path: Path, runs: dict[str, xr.Dataset]) -> None:
    np.save(tmp_path / "A.npy", A)
    script = f"""
import os, signal
import dasknmf, numpy as np
from dasknmf.events import LevelEnded
def die(event):
    if isinstance(event, LevelEnded) and event.level == 1:
        os.kill(os.getpid(), signal.SIGKILL)
options = dict(similarity="core", restarts=3, loadings="index", checkpoint={str(tmp_path / "kept")!r})
dasknmf.nested(np.load({str(tmp_path / "A.npy")!r}), [8, 4, 2], progress=die, **options)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    options = {**WAYS["core"], "restarts": 3, "loadings": "index", "checkpoint": tmp_path / "kept"}
    assert same_bits(dasknmf.nested(A, [8, 4, 2], resume=True, **options), runs["core"])


def test_a_level_is_told_in_words() -> None:
    told: list[str] = []
    dasknmf.nested(A, [8, 2], restarts=1, progress=lambda event: told.append(describe(event)))
    assert any(line.startswith("level 1, of 2: 2 factor(s) explain") for line in told)


def test_a_checkpoint_of_other_options_is_refused(tmp_path: Path) -> None:
    options = {"restarts": 1, "checkpoint": tmp_path / "kept"}

    def stop(event: object) -> None:
        if isinstance(event, LevelEnded):
            raise Stopped

    with pytest.raises(Stopped):
        dasknmf.nested(A, [4, 2], progress=stop, **options)
    with pytest.raises(FormatError, match="nested is"):
        dasknmf.nested(A, [4, 2], similarity="inner", resume=True, **options)


def test_ranks_can_be_halved_or_surveyed() -> None:
    halved = dasknmf.nested(A, 6, levels=3, restarts=1)
    assert halved["n_factors"].values.tolist() == [6, 3, 2]
    assert halved.attrs["stop_reason"] == "the last level asked for"
    survey = dasknmf.survey(A, range(6, 10), restarts=3)
    found = dasknmf.nested(A, survey, restarts=1, method="coarsen")
    first = survey.attrs["recommended_rank"]
    assert found["n_factors"].values[:2].tolist() == [first, -(-first // 2)]
    assert survey.attrs["reason"] in found.attrs["ranks"]
    assert found.attrs["stop_reason"] == "root"


@pytest.mark.parametrize(
    ("ranks", "options", "says"),
    [
        ([4, 4], {}, "fewer factors"),
        ([], {}, "fewer factors"),
        (2.5, {}, "needs a number, a list"),
        ([500, 2], {}, "120 genes"),
        ([4, 2], {"method": "zigzag"}, "choose one of relational, coarsen"),
        ([4, 2], {"loadings": "both"}, "choose one of"),
        ([4, 2], {"similarity": 2.0}, "from 0 .* to 1"),
        ([4, 2], {"init": "nndsvd"}, "restarts=1"),
        ([4, 2], {"solver": "brunet"}, "such as hals"),
        ([4, 2], {"diagonal": "ignore"}, "is not known"),
        ([4, 2], {"restarts": 0}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused(ranks: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        dasknmf.nested(A, ranks, **options)


def test_a_run_that_does_not_fit_is_refused_before_it_begins() -> None:
    with pytest.raises(MemoryLimitError):
        dasknmf.nested(A, [4, 2], memory_limit="100 MiB")


@pytest.mark.data
@pytest.mark.parametrize(
    ("way", "expected"),
    [
        # one start each, but for what differs between starts
        ("half", [0.95, 0.12, 0.07, 0.05]),
        ("cosine", [0.95, 0.02, 0.02, 0.02]),
        ("coarsen-factors", [0.95, 0.93, 0.85, 0.69]),
        ("direct", [0.95, 0.98, 0.99, 0.99]),
    ],
)
def test_retention_on_trrust_is_what_was_seen(way: str, expected: list[float]) -> None:
    place = DATA / "trrust_tf_target" / "adjacency_upper.npz"
    if not place.exists():
        pytest.skip("trrust_tf_target is not here")
    upper = sp.load_npz(place)
    options = {**WAYS, "cosine": {"similarity": "cosine"}, "direct": {"method": "coarsen"}}[way]
    found = dasknmf.nested((upper + upper.T).tocsr(), [16, 8, 4, 2], restarts=3, **options)
    values = shown(found, "direct_retention" if way == "direct" else "retention").mean(axis=1)
    np.testing.assert_allclose(values, expected, atol=0.05)
