"""Which factor of one fit is which factor of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.optimize import linear_sum_assignment

from dasknmf.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    #: W and Hᵀ of one fit, each of shape (n, k).
    Factors: TypeAlias = tuple[NDArray[Any], NDArray[Any]]

#: Genes multiplied at once in float32. Sums of 2,048 products of unit vectors keep 6 digits, and at 800 stacked
#: factors a block is 6 MiB: the product is bound by arithmetic, not by memory.
BLOCK = 2048


def similarity(models_a: Sequence[Factors], models_b: Sequence[Factors] | None = None) -> NDArray[np.float64]:
    """Return the cosine of every rank-one matrix w_j h_jᵀ of some fits with every one of others.

    It is cos(w_j, w'_l) · cos(h_j, h'_l), so it depends neither on the order of factors nor on how an algorithm
    shares their scale between W and H, and no n × n matrix is made. A factor that is zero on a side has
    similarity 0 with all, itself included.

    Parameters
    ----------
    models_a, models_b : sequence of (W, Ht), each of shape (n, k)
        Non-negative; H is given transposed, and k may differ between fits. Without ``models_b``, the factors of
        ``models_a`` with each other.

    Returns
    -------
    ndarray, shape (sum of k in a, sum of k in b)
        Between 0 and 1, exact to about 1e-6; factors of a fit stand together, fits in the order given.

    Raises
    ------
    InputError
        If shapes do not agree.

    Notes
    -----
    ⟨w hᵀ, w' h'ᵀ⟩ = ⟨w, w'⟩⟨h, h'⟩. Products of unit vectors in float32 over blocks of genes, their sums in
    float64: 20 fits of 25,000 genes and 40 factors take 64 GFLOP and two 800 × 800 matrices.

    Examples
    --------
    >>> W = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    >>> similarity([(W, W)], [(W[:, ::-1], 2 * W[:, ::-1])]).round(6).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    n = number_of_genes([*models_a, *(models_b or ())])
    product: NDArray[np.float64] | None = None
    for side in (0, 1):
        left = [np.asarray(model[side]) for model in models_a]
        right = None if models_b is None else [np.asarray(model[side]) for model in models_b]
        found = cosines(left, right, n)
        product = found if product is None else product * found
    return np.asarray(product)


def restart_similarity(models: Sequence[Factors]) -> NDArray[np.float64]:
    """Return the similarity of all factors of the restarts of one rank.

    Parameters
    ----------
    models : sequence of (W, Ht), each of shape (n, k)
        R restarts of equal k.

    Returns
    -------
    ndarray, shape (R, k, R, k)
        Element ``[a, j, b, l]`` is the :func:`similarity` of factor j of restart a and factor l of restart b.

    Raises
    ------
    InputError
        If ranks differ, or there are none.

    Examples
    --------
    >>> W = np.eye(3, 2)
    >>> restart_similarity([(W, W), (W, W)])[0, :, 1].tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    ranks = sorted({W.shape[1] for W, _ in models})
    if len(ranks) != 1:
        given = f"ranks {', '.join(map(str, ranks))}" if ranks else "no fits"
        msg = f"{given}; needs restarts of one rank"
        raise InputError(msg)
    shape = (len(models), ranks[0])
    return similarity(models).reshape(shape + shape)


def cosines(left: list[NDArray[Any]], right: list[NDArray[Any]] | None, n: int) -> NDArray[np.float64]:
    """Return the cosines of all columns of some non-negative matrices with all of others, or with each other.

    Parameters
    ----------
    left, right : list of ndarray, shape (n, k) each
        Sides of any fits, W or Hᵀ; ``None`` for those of ``left``.
    n : int
        Genes.

    Returns
    -------
    ndarray, shape (sum of k on the left, sum of k on the right)
        Between 0 and 1, exact to about 1e-6; 0 for a column that is zero.

    Examples
    --------
    >>> cosines([np.eye(2)], [np.array([[3.0], [4.0]])], 2).round(6).tolist()
    [[0.6], [0.8]]
    """
    unit_left = np.concatenate([_inverse(norms(side)) for side in left]) if left else np.zeros(0)
    unit_right = unit_left
    if right is not None:
        unit_right = np.concatenate([_inverse(norms(side)) for side in right]) if right else np.zeros(0)
    found = np.zeros((len(unit_left), len(unit_right)))
    for start in range(0, n if found.size else 0, BLOCK):
        rows = slice(start, start + BLOCK)
        a = _block(left, rows, unit_left)
        b = a if right is None else _block(right, rows, unit_right)
        found += a.T @ b
    # sums of float32 products may pass 1 by their rounding
    return np.clip(found, 0.0, 1.0, out=found)


def match(similarity: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the one-to-one assignment of factors whose similarities have the largest sum.

    Parameters
    ----------
    similarity : ndarray, shape (k, l)
        Of the factors of one fit with those of another.

    Returns
    -------
    permutation : ndarray of int, shape (k,)
        The factor of the other fit; -1 where k > l leaves none.
    matched : ndarray, shape (k,)
        Its similarity; 0 where there is none.

    Notes
    -----
    Jonker & Volgenant, Computing 38:325, 1987, by :func:`scipy.optimize.linear_sum_assignment`.

    Examples
    --------
    Greedy would take 0.9 first and end with 0.9 + 0.0.

    >>> permutation, matched = match(np.array([[0.9, 0.8], [0.8, 0.0]]))
    >>> permutation.tolist(), matched.tolist()
    ([1, 0], [0.8, 0.8])
    """
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    permutation = np.full(len(similarity), -1, dtype=np.intp)
    permutation[rows] = columns
    matched = np.zeros(len(similarity))
    matched[rows] = similarity[rows, columns]
    return permutation, matched


def match_restarts(between: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Match the factors of every pair of restarts.

    Parameters
    ----------
    between : ndarray, shape (R, k, R, k)
        From :func:`restart_similarity`.

    Returns
    -------
    permutation : ndarray of int, shape (R, R, k)
        ``[a, b, j]`` is the factor of restart b that is factor j of restart a; ``[b, a]`` is its inverse.
    matched : ndarray, shape (R, R, k)
        Their similarity.

    Examples
    --------
    >>> W = np.eye(3)[:, [0, 1]]
    >>> permutation, matched = match_restarts(restart_similarity([(W, W), (W[:, ::-1], W[:, ::-1])]))
    >>> permutation[0, 1].tolist(), matched[0, 1].tolist()
    ([1, 0], [1.0, 1.0])
    """
    R, k = between.shape[:2]
    permutation = np.empty((R, R, k), dtype=np.intp)
    matched = np.empty((R, R, k))
    for a in range(R):
        permutation[a, a] = np.arange(k)
        matched[a, a] = between[a, np.arange(k), a, np.arange(k)]
        for b in range(a + 1, R):
            there, values = match(between[a, :, b])
            back = np.argsort(there)
            permutation[a, b], permutation[b, a] = there, back
            matched[a, b], matched[b, a] = values, values[back]
    return permutation, matched


def norms(side: NDArray[Any]) -> NDArray[np.float64]:
    """Return the lengths of the columns of W or Hᵀ, shape (n, k), with float64 sums.

    Examples
    --------
    >>> norms(np.array([[3.0, 0.0], [4.0, 2.0]])).tolist()
    [5.0, 2.0]
    """
    squares = np.zeros(side.shape[1])
    for start in range(0, len(side), BLOCK):
        squares += np.square(side[start : start + BLOCK], dtype=np.float64).sum(axis=0)
    return np.sqrt(squares)


def balanced(model: Factors) -> Factors:
    """Return W and Hᵀ in float32 with ‖w_j‖ = ‖h_j‖ and the same WH; a factor that is zero on a side is zero on both.

    Parameters
    ----------
    model : (W, Ht), each of shape (n, k)
        A fit.

    Returns
    -------
    (W, Ht)

    Examples
    --------
    >>> W, Ht = balanced((np.full((1, 1), 8.0), np.full((1, 1), 2.0)))
    >>> W.item(), Ht.item()
    (4.0, 4.0)
    """
    lengths = [norms(np.asarray(side)) for side in model]
    scale = np.sqrt(lengths[0]) * np.sqrt(lengths[1])
    W, Ht = (
        (side * (scale * _inverse(norm))).astype(np.float32)
        for side, norm in zip(model, lengths, strict=True)
    )
    return W, Ht


def number_of_genes(models: Sequence[Factors]) -> int:
    """Return the number of genes that all fits have.

    Raises
    ------
    InputError
        If shapes do not agree.

    Examples
    --------
    >>> number_of_genes([(np.eye(3, 2), np.eye(3, 2))])
    3
    """
    shapes = [(np.shape(W), np.shape(Ht)) for W, Ht in models]
    for W, Ht in shapes:
        if len(W) != 2 or Ht != W or W[0] != shapes[0][0][0]:
            msg = (
                f"W of shape {W} and Ht of shape {Ht}; needs both (n, k), with the same n in all fits "
                f"({shapes[0][0][0]:,} in the first): give H transposed"
            )
            raise InputError(msg)
    return int(shapes[0][0][0]) if shapes else 0


def _block(sides: list[NDArray[Any]], rows: slice, unit: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return some genes of all fits side by side, columns brought to unit length over all genes."""
    # scaled before the cast: a product of two loadings of 1e-25 would be 0 in float32
    return (np.hstack([side[rows] for side in sides]) * unit).astype(np.float32)


def _inverse(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.zeros_like(norms)
    np.divide(1.0, norms, out=inverse, where=norms > 0)
    return inverse
