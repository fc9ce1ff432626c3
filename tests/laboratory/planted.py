"""A small network of a planted involution, as a matrix with names, and what is planted."""

from __future__ import annotations

import numpy as np
import pandas as pd

import dasknmf
from dasknmf.analysis.matching import match, similarity


def planted(n=120, *, modules=2, pairs=2, seed=1, noise=0.3):
    """The network as a generated one, and as a DataFrame."""
    net = dasknmf.control_network("planted", n, seed=seed, modules=modules, pairs=pairs, noise=noise)
    return net, pd.DataFrame(net.tile(0, 0).astype(float), index=net.genes, columns=net.genes)


def expected_partners(net, fit):
    """The planted involution in the order of the factors of a fit."""
    W, H = fit["W"].values.astype(float), fit["H"].values.T.astype(float)
    place = match(similarity([(net.W, net.Ht)], [(W, H)]))[0]
    expected = np.empty(len(place), dtype=int)
    expected[place] = place[np.asarray(net.truth)]
    return expected
