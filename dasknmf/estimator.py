"""A scikit-learn estimator over :func:`dasknmf.nmf`, for pipelines and model selection."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import scipy.sparse as sp

from dasknmf.errors import missing_dependency
from dasknmf.models import nmf, transform

try:
    from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise missing_dependency("scikit-learn", extra="sklearn", purpose="dasknmf.NMF") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray


class NMF(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Non-negative factorization of a symmetric matrix, with scikit-learn's names.

    Parameters
    ----------
    n_components : int
        Rank; at most the number of genes is used.
    solver : str
        Algorithm, see :class:`dasknmf.options.ModelOptions`.
    init : {"auto", "random", "random_acol", "nndsvd", "nndsvda"}
        Start.
    l1_W, l1_H, l2_W, l2_H : float
        Penalties, see :class:`dasknmf.options.ModelOptions`.
    diagonal : {"keep", "ignore"}
        Whether A_ii counts.
    tol, tol_objective, max_iter
        When to stop, see :class:`dasknmf.options.RunOptions`.
    random_state : int, RandomState or None
        Of the random start.
    scheduler : str, Client or None
        Where to run, see :func:`dasknmf.nmf`.

    Attributes
    ----------
    components_ : ndarray, shape (k, n)
        H.
    reconstruction_err_ : float
        ‖A − WH‖, exact.
    n_iter_ : int
        Iterations.
    n_components_ : int
        k.
    fit_ : Dataset
        The whole result.

    Notes
    -----
    ``X`` is symmetric and non-negative, so it is tagged pairwise: cross-validation cuts rows and columns
    together. ``transform`` takes new genes' rows, shape (m, n).

    Examples
    --------
    >>> import numpy as np
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> model = NMF(n_components=2).fit(A)
    >>> model.transform(A).shape, model.reconstruction_err_ < 1e-3
    ((6, 2), True)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        solver: str = "hals",
        init: str = "auto",
        l1_W: float = 0.0,
        l1_H: float = 0.0,
        l2_W: float = 0.0,
        l2_H: float = 0.0,
        diagonal: str = "keep",
        tol: float = 1e-4,
        tol_objective: float = 1e-6,
        max_iter: int = 200,
        random_state: Any = None,
        scheduler: Any = None,
    ) -> None:
        self.n_components = n_components
        self.solver = solver
        self.init = init
        self.l1_W = l1_W
        self.l1_H = l1_H
        self.l2_W = l2_W
        self.l2_H = l2_H
        self.diagonal = diagonal
        self.tol = tol
        self.tol_objective = tol_objective
        self.max_iter = max_iter
        self.random_state = random_state
        self.scheduler = scheduler

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        tags.input_tags.positive_only = True
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Factorize a symmetric matrix, shape (n, n).

        Raises
        ------
        InputError
            If it is not symmetric, finite and non-negative.
        """
        X = self._checked(X, reset=True)
        seed = self.random_state
        if not isinstance(seed, (int, np.integer)):
            from sklearn.utils import check_random_state

            seed = check_random_state(seed).randint(2**31)
        names = (
            "solver",
            "init",
            "l1_W",
            "l1_H",
            "l2_W",
            "l2_H",
            "diagonal",
            "tol",
            "tol_objective",
            "max_iter",
        )
        self.n_components_ = min(self.n_components, X.shape[0])
        self.fit_ = nmf(
            X,
            self.n_components_,
            seed=int(seed),
            scheduler=self.scheduler,
            bound=False,
            **{name: getattr(self, name) for name in names},
        )
        self.components_: NDArray[np.float32] = self.fit_["H"].values
        self.reconstruction_err_ = float(np.sqrt(self.fit_.attrs["squared_error"]))
        self.n_iter_ = int(self.fit_.attrs["n_iter"])
        if not self.fit_.attrs["converged"]:
            warnings.warn(
                f"not converged in max_iter={self.max_iter} iterations; raise max_iter or tol",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Return the loadings of genes' rows, shape (m, n) → (m, k)."""
        check_is_fitted(self)
        return transform(self.fit_, self._checked(X, reset=False))

    def inverse_transform(self, X: Any) -> NDArray[np.float32]:
        """Return the rows that loadings stand for, shape (m, k) → (m, n)."""
        check_is_fitted(self)
        return np.asarray(X @ self.components_)

    def _checked(self, X: Any, *, reset: bool) -> Any:
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_non_negative=True,
        )
        return sp.csr_array(X) if sp.issparse(X) else X

    @property
    def _n_features_out(self) -> int:
        return int(self.components_.shape[0])
