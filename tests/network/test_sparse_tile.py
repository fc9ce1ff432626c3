"""A sparse tile holds what it was given."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.network.sparse_tile import SparseTile


@given(
    rows=st.integers(1, 30),
    columns=st.integers(1, 30),
    density=st.sampled_from([0.0, 0.2, 1.0]),
    seed=st.integers(0, 99),
)
def test_entries_and_dense_arrays_come_back(rows: int, columns: int, density: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = (rng.random((rows, columns)) * (rng.random((rows, columns)) < density)).astype(np.float32)
    row, column = (index.astype(np.uint16) for index in np.nonzero(dense))
    tile = SparseTile.of_entries(dense.shape, row, column, dense[row, column])
    np.testing.assert_array_equal(tile.row, row)
    np.testing.assert_array_equal(tile.toarray(diagonal=False), dense)
    assert tile.nbytes == 4 * (rows + 1) + 6 * len(row)


@given(n=st.integers(1, 30), seed=st.integers(0, 99))
def test_a_diagonal_tile_is_made_symmetric(n: int, seed: int) -> None:
    upper = np.triu(np.random.default_rng(seed).random((n, n)))
    row, column = (index.astype(np.uint16) for index in np.nonzero(upper))
    tile = SparseTile.of_entries((n, n), row, column, upper[row, column])
    np.testing.assert_array_equal(tile.toarray(diagonal=True), upper + np.triu(upper, 1).T)


def test_the_largest_tile_has_a_row_and_column_65535() -> None:
    last = np.array([2**16 - 1], dtype=np.uint16)
    tile = SparseTile.of_entries((2**16, 2**16), last, last, np.ones(1, dtype=np.float32))
    assert tile.row.tolist() == tile.column.tolist() == [2**16 - 1]
