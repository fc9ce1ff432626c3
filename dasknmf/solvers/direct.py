"""Methods that give factors at once, as options and the list of solvers know them.

They are no iterations, so they have another face than :mod:`dasknmf.solvers.face`: a name and parameters here, and one
function that :mod:`dasknmf.methods` knows by that name, which is given the matrix, an executor and the options.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Direct:
    """A method that gives factors at once. Its fields are its parameters.

    Attributes
    ----------
    name : str
        By which users choose it.
    kind : str
        What sort of method it is, in one word.
    minimises, source, reads : str
        What its factors are the best for, the paper, and how often A is read for them.
    of_sketch : bool
        Whether it is made of the sketch of A.
    own_sketches : int
        Sketches it makes of other matrices, which take memory.
    multiplicative : bool
        It has no start that would have to be positive.
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = "direct"
    minimises: ClassVar[str] = ""
    source: ClassVar[str] = ""
    reads: ClassVar[str] = ""
    of_sketch: ClassVar[bool] = False
    own_sketches: ClassVar[int] = 0
    multiplicative: ClassVar[bool] = False


@dataclass(frozen=True)
class SVD(Direct):
    """The k eigenpairs of A with the largest |λ|: no matrix of rank k is nearer to A, but their entries have signs.

    References
    ----------
    Eckart, Young, Psychometrika 1 (1936); Halko, Martinsson, Tropp, SIAM Review 53 (2011).
    """

    name = "svd"
    minimises = "‖A − X‖² over all X of rank k"
    source = "Eckart & Young 1936; Halko, Martinsson & Tropp 2011"
    reads = "those of the sketch, at most 8 in all"
    of_sketch = True


@dataclass(frozen=True)
class Spectral(Direct):
    """k-means of the genes' rows in the leading eigenvectors of D^-½ A D^-½: every gene in one module.

    Parameters
    ----------
    tau : float
        Added to every degree in D, in mean degrees. With 0, as in the textbook, each small component of a network has
        an eigenvector of its own, with |λ| = 1, before anything else is seen; 1 is what Qin & Rohe advise.
    seed : int
        Of the starts of k-means.

    References
    ----------
    Ng, Jordan, Weiss, NIPS 14 (2001); von Luxburg, Statistics and Computing 17 (2007); for tau: Qin, Rohe, NIPS 26
    (2013), and why it helps: Zhang, Rohe, NeurIPS 31 (2018).
    """

    tau: float = 0.0
    seed: int = 0

    name = "spectral"
    minimises = "k-means of the rows of leading eigenvectors of D^-½AD^-½"
    source = "Ng, Jordan & Weiss 2001; von Luxburg 2007"
    reads = "at most 8 for a sketch of D^-½AD^-½, and 1"
    own_sketches = 1


@dataclass(frozen=True)
class CoGAPS(Direct):
    """Posterior means of sparse non-negative W and H, by a Gibbs sampler of atoms; see :func:`dasknmf.cogaps`.

    Parameters
    ----------
    iterations : int
        Of equilibration, and as many of sampling.
    alpha : float
        Atoms a bin expected before the data are seen.
    sets : int
        Sets of genes, each a task; 0 samples all genes in one chain.
    seed : int
        Of the chain.

    References
    ----------
    Fertig et al., Bioinformatics 26 (2010); Sherman, Gao, Fertig, BMC Bioinformatics 21 (2020).
    """

    iterations: int = 1000
    alpha: float = 0.01
    sets: int = 0
    seed: int = 0

    name = "cogaps"
    kind = "sampler"
    minimises = (
        "nothing: means of p(W, H | A), a Gaussian likelihood with sd max(0.1·A, 0.1) and exponential atoms"
    )
    source = "Fertig et al. 2010; Sherman, Gao & Fertig 2020"
    reads = "1, or 2 for each set of genes"


@dataclass(frozen=True)
class RandomProjection(Direct):
    """A ≈ Q(QᵀA), Q an orthonormal basis of A·Ω, Ω random: what k columns say of A without any search.

    Parameters
    ----------
    seed : int
        Of Ω.

    References
    ----------
    Halko, Martinsson, Tropp, SIAM Review 53 (2011), algorithm 4.1 and theorem 10.5.
    """

    seed: int = 0

    name = "random-projection"
    minimises = "‖A − QH‖² over H, for a random Q"
    source = "Halko, Martinsson & Tropp 2011"
    reads = "2 in all"
