import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dasknmf
from dasknmf.errors import InputError
from dasknmf.network.soules import SoulesMatrix, write_soules

#: The eigenvalues of the example of 16 genes: eight that differ, and eight that are equal.
LEADING = (8.0, 5.0, 3.0, 2.5, 1.2, 1.1, 1.0, 0.9)
ERRORS = (45.43, 20.43, 11.43, 5.18, 3.74, 2.53, 1.53)
WHOLE = slice(None)


def soules_basis(n):
    """The basis as the papers write it, one vector a halving, oldest block first."""
    vectors = [np.full(n, n**-0.5)]
    waiting = [np.arange(n)]
    while waiting:
        block = waiting.pop(0)
        if len(block) == 1:
            continue
        first, second = np.array_split(block, 2)
        a, b = len(first), len(second)
        vector = np.zeros(n)
        vector[first] = (b / (a * (a + b))) ** 0.5
        vector[second] = -((a / (b * (a + b))) ** 0.5)
        vectors.append(vector)
        waiting += [first, second]
    return np.array(vectors).T


@pytest.mark.parametrize("n", [16, 50, 64, 97])
@pytest.mark.parametrize("rest", [0.0, 0.3])
def test_formula_is_the_product_with_the_soules_basis(n, rest):
    matrix = SoulesMatrix(n, LEADING, rest)
    R = soules_basis(n)
    np.testing.assert_allclose(R.T @ R, np.eye(n), atol=1e-12)
    np.testing.assert_allclose(matrix.tile(WHOLE, WHOLE), (R * matrix.eigenvalues) @ R.T, atol=1e-12)


@pytest.mark.parametrize("n", [16, 50, 64, 97])
@pytest.mark.parametrize("rest", [0.0, 0.3])
def test_symmetric_non_negative_with_the_eigenvalues_given(n, rest):
    matrix = SoulesMatrix(n, LEADING, rest)
    A = matrix.tile(WHOLE, WHOLE)
    assert (A == A.T).all()
    assert A.min() > 0
    np.testing.assert_allclose(np.linalg.eigvalsh(A)[::-1], matrix.eigenvalues, atol=1e-12)
    assert matrix.sum_of_squares == pytest.approx((A**2).sum())


@given(data=st.data(), n=st.integers(1, 40))
@settings(deadline=None, max_examples=60)
def test_any_sorted_eigenvalues_give_a_non_negative_matrix(data, n):
    drawn = data.draw(st.lists(st.floats(0, 10), min_size=1, max_size=n))
    *values, rest = sorted([*drawn, data.draw(st.floats(0, min(drawn)))], reverse=True)
    matrix = SoulesMatrix(n, tuple(values), rest)
    A = matrix.tile(WHOLE, WHOLE)
    assert A.min() >= 0
    np.testing.assert_allclose(np.linalg.eigvalsh(A)[::-1], matrix.eigenvalues, atol=1e-11)


@given(data=st.data(), n=st.integers(16, 60))
@settings(deadline=None, max_examples=60)
def test_a_tile_is_that_part_of_the_matrix(data, n):
    matrix = SoulesMatrix(n, LEADING, 0.3)
    (a, b), (c, d) = (sorted(data.draw(st.tuples(st.integers(0, n), st.integers(0, n)))) for _ in range(2))
    A = matrix.tile(WHOLE, WHOLE)
    assert (matrix.tile(slice(a, b), range(c, d)) == A[a:b, c:d]).all()


def test_squared_errors_are_those_of_the_published_example():
    matrix = SoulesMatrix(16, LEADING, 0.3)
    assert [round(matrix.squared_error(k), 2) for k in range(1, 8)] == list(ERRORS)
    eigenvalues = np.linalg.eigvalsh(matrix.tile(WHOLE, WHOLE))[::-1]
    for k in range(17):
        assert matrix.squared_error(k) == pytest.approx((eigenvalues[k:] ** 2).sum(), abs=1e-12)


@pytest.mark.parametrize("k", range(1, 8))
@pytest.mark.parametrize("n", [16, 1024])
def test_nmf_reaches_the_closed_form(n, k):
    matrix = SoulesMatrix(n, tuple(value * n / 16 for value in (*LEADING, *[0.3] * 8)))
    fit = dasknmf.nmf(matrix.tile(WHOLE, WHOLE), k, scheduler="serial")
    error = fit.attrs["relative_error"] ** 2 * matrix.sum_of_squares
    assert error == pytest.approx(matrix.squared_error(k), rel=1e-5)
    assert error == pytest.approx(ERRORS[k - 1] * (n / 16) ** 2, rel=1e-3)


def test_store_holds_the_matrix_and_its_sums(tmp_path):
    values = tuple(value * 300 / 16 for value in LEADING)
    matrix = SoulesMatrix(300, values, 0.5)
    network = write_soules(tmp_path / "soules.zarr", 300, values, rest=0.5, tile=128)
    assert network.grid.n_tiles == 6
    assert list(network.genes[:2]) == ["g1", "g2"]
    assert network.header.sum_of_squares == pytest.approx(matrix.sum_of_squares, rel=1e-7)
    np.testing.assert_allclose(network.to_dask().compute(), matrix.tile(WHOLE, WHOLE), rtol=1e-7)
    network.verify()


@pytest.mark.parametrize(
    ("n", "values", "rest"),
    [
        (16, (), 0.0),
        (2, (3, 2, 1), 0.0),
        (16, (1, 2), 0.0),
        (16, (2, 1), 1.5),
        (16, (2, -1), -2.0),
        (16, (2, 1), -1.0),
        (16, (float("inf"), 1), 0.0),
        (16, (float("nan"), 1), 0.0),
    ],
)
def test_eigenvalues_that_allow_negative_weights_are_refused(n, values, rest):
    with pytest.raises(InputError, match="needs"):
        SoulesMatrix(n, values, rest)


def test_genes_beyond_the_matrix_are_refused():
    matrix = SoulesMatrix(16, LEADING)
    for genes in (range(17), range(0, 16, 2), slice(None, None, -1)):
        with pytest.raises(InputError, match="consecutive genes"):
            matrix.tile(genes, WHOLE)
