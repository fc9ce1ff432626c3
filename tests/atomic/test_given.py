"""What cogaps refuses, in one line that says what to type; and strips of rows of a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

import dasknmf
from dasknmf.atomic.given import as_given
from dasknmf.atomic.projection import chain_bytes
from dasknmf.atomic.strips import read_rows
from dasknmf.errors import InputError, MemoryLimitError
from dasknmf.network.store import open_network

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

D = np.arange(1.0, 13.0).reshape(4, 3)


def with_entry(value: float) -> np.ndarray:
    changed = D.copy()
    changed[2, 1] = value
    return changed


NAMED = pd.DataFrame(with_entry(-3), index=list("abcd"), columns=["x", "y", "z"])


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (with_entry(np.nan), {}, r"data has values that are not finite: row '2', column '1' is nan; replace"),
        (NAMED, {}, r"data has values that are negative: row 'c', column 'y' is -3; needs 0 or more"),
        (with_entry(1e20), {}, r"data has values above 1e18"),
        (np.zeros((4, 3)), {}, r"all 12 values of 4 rows are 0"),
        (np.ones(3), {}, r"data has shape \(3,\); needs two dimensions"),
        (np.ones((0, 3)), {}, r"data has shape \(0, 3\)"),
        ("nowhere.zarr", {}, r"there is no network at nowhere.zarr"),
        (np.array([["a"]]), {}, r"data: ndarray is no table of numbers"),
        (object(), {}, r"data: object is no table of numbers"),
        (pd.DataFrame(D, index=list("abca")), {}, r"the rows of data: .* 'a' is gene 1 and gene 4"),
        (D, {"uncertainty": D[:2]}, r"uncertainty has shape \(2, 3\), data \(4, 3\); needs one standard"),
        (
            D,
            {"uncertainty": D - 1},
            r"uncertainty has values that are not above 0 and finite: row '0', column",
        ),
        (D, {"uncertainty": with_entry(np.inf)}, r"not above 0 and finite: row '2', column '1' is inf"),
        (D, {"n_patterns": 0}, r"n_patterns=0: needs a whole number of at least 1"),
        (D, {"iterations": 0}, r"iterations=0: needs"),
        (D, {"cut": 0}, r"cut=0: needs"),
        (D, {"alpha": -1}, r"alpha=-1: needs a finite number above 0"),
        (D, {"fixed": D}, r"fixed: needs one factor by its name, such as fixed={'H': patterns}"),
        (D, {"fixed": {"P": D}}, r"fixed='P' is not known; choose one of W, H"),
        (D, {"fixed": {"H": D}}, r"fixed H has shape \(4, 3\); needs \(2, 3\), n_patterns × samples"),
        (
            D,
            {"fixed": {"H": -D[:2]}},
            r"fixed H has 6 values that are negative or not finite, the first -1 at \(0, 0\)",
        ),
        (D, {"fixed": {"W": D[:, :2]}, "sets": 2}, r"the sets share H; hold H, or leave sets out"),
        (D, {"sets": 5}, r"sets=5: there are 4 genes"),
        (D, {"checkpoint": "."}, r"checkpoint \. is a folder; name a file"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(data: Any, options: dict[str, Any], message: str):
    with pytest.raises(InputError, match=message) as raised:
        dasknmf.cogaps(data, **{"n_patterns": 2, "iterations": 5, **options})
    assert "\n" not in str(raised.value)


def test_data_that_are_too_large_say_what_to_do(client: Client):
    large = np.ones((3000, 3000), np.float32) + np.eye(3000, dtype=np.float32)
    with pytest.raises(
        MemoryLimitError, match=r"1 chain\(s\) of 3,000 genes × 3,000 need .* more sets \(sets=2\)"
    ):
        dasknmf.cogaps(large, 5, iterations=1, memory_limit="400 MiB")
    with pytest.raises(InputError, match=r"76 MiB of data cannot go to a worker .* more sets \(sets=\)"):
        dasknmf.cogaps(np.ones((5000, 4000), np.float32), 5, iterations=1, scheduler=client)
    assert chain_bytes(4000, 300, 10, symmetric=False) < 50e6


def test_a_symmetric_matrix_is_a_network_of_its_genes():
    A = D @ D.T
    assert as_given(A).symmetric
    assert as_given(sp.csr_array(A)).symmetric
    assert as_given(pd.DataFrame(A, index=list("abcd"), columns=list("abcd"))).symmetric
    assert not as_given(pd.DataFrame(A, index=list("abcd"), columns=list("wxyz"))).symmetric
    assert not as_given(D).symmetric
    assert not as_given(np.triu(A)).symmetric
    # what its uncertainty says is another thing for (i, j) than for (j, i)
    assert not as_given(A, np.triu(A) + 1).symmetric
    assert as_given(A).checksum != as_given(A, A).checksum != as_given(2 * A).checksum


@given(
    n=st.integers(1, 40),
    tile=st.sampled_from([8, 16, 64]),
    layout=st.sampled_from(["dense", "sparse"]),
    seed=st.integers(0, 99),
)
def test_rows_of_a_store_are_those_of_the_matrix(n, tile, layout, seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    A = rng.random((n, n)).astype(np.float32) * (rng.random((n, n)) < 0.5)
    A = np.triu(A) + np.triu(A, 1).T
    A[-1, -1] = 1
    place: Path = tmp_path_factory.mktemp("rows") / "net.zarr"
    dasknmf.import_network(A, place, layout=layout, tile=tile if layout == "dense" else None)
    rows = rng.permutation(n)[: rng.integers(1, n + 1)]
    np.testing.assert_array_equal(read_rows(open_network(place), rows), A[rows])
