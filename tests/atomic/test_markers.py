"""PatternMarkers against its definition, gene by gene."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import dasknmf
from dasknmf.errors import InputError


def fit_of(W, H) -> xr.Dataset:
    genes = np.array([f"g{i}" for i in range(len(W))], dtype=object)
    return xr.Dataset(
        {"W": (("gene", "factor"), W), "H": (("factor", "sample"), H)},
        coords={"gene": genes, "factor": np.arange(np.shape(W)[1])},
    )


def test_every_gene_marks_the_pattern_whose_unit_vector_is_nearest():
    rng = np.random.default_rng(0)
    W, H = rng.gamma(0.5, 1, (60, 4)), rng.random((4, 9)) * [[1], [3], [0.2], [8]]
    W[7] = 0
    found = dasknmf.pattern_markers(fit_of(W, H))
    assert "g7" not in set(found["gene"])
    assert sorted(found["gene"]) == sorted(f"g{i}" for i in range(60) if i != 7)
    for row in found.itertuples():
        scaled = W[int(row.gene[1:])] * H.max(axis=1)
        distances = [np.linalg.norm(scaled / scaled.max() - unit) for unit in np.eye(4)]
        assert row.factor == int(np.argmin(distances))
        assert row.score == pytest.approx(min(distances))
    for _, of_factor in found.groupby("factor"):
        assert of_factor["rank"].is_monotonic_increasing
        assert of_factor["score"].is_monotonic_increasing


def test_cut_ends_before_the_first_gene_with_a_better_rank_elsewhere():
    rng = np.random.default_rng(1)
    W, H = rng.gamma(0.5, 1, (50, 3)), rng.random((3, 5))
    W, H = W / H.max(axis=1), H
    fit = fit_of(W, H)
    scaled = W * H.max(axis=1)
    scaled /= scaled.max(axis=1, keepdims=True)
    score = np.stack([np.linalg.norm(scaled - unit, axis=1) for unit in np.eye(3)], axis=1)
    rank = score.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    found = dasknmf.pattern_markers(fit, threshold="cut")
    for factor in range(3):
        expected = []
        for gene in score[:, factor].argsort(kind="stable"):
            if rank[gene, factor] > rank[gene].min():
                break
            expected.append(f"g{gene}")
        of_factor = found[found["factor"] == factor]
        assert of_factor["gene"].tolist() == expected
        assert of_factor["rank"].tolist() == list(range(1, len(expected) + 1))
        assert 0 < len(expected) < 50


def test_genes_of_one_pattern_score_zero_and_come_first():
    W = np.zeros((6, 2))
    W[:3, 0], W[3:, 1], W[5, 0] = [5, 1, 2], [1, 4, 1], 0.5
    found = dasknmf.pattern_markers(fit_of(W, np.ones((2, 3))))
    assert found.groupby("factor")["gene"].apply(list).to_dict() == {
        0: ["g0", "g1", "g2"],
        1: ["g3", "g4", "g5"],
    }
    assert found["score"].tolist()[:5] == [0.0] * 5


def test_what_is_no_fit_is_refused():
    with pytest.raises(InputError, match="threshold='most' is not known; choose one of all, cut"):
        dasknmf.pattern_markers(fit_of([[1.0]], [[1.0]]), threshold="most")
    with pytest.raises(InputError, match="lacks H, gene, factor"):
        dasknmf.pattern_markers(xr.Dataset({"W": (("x", "y"), [[1.0]])}))
