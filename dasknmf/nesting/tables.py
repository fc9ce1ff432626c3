"""From levels to the arrays of the Dataset: the measures of all strands, and the tree of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.analysis.stability import interval_of_means
from dasknmf.nesting.levels import joined_core
from dasknmf.nesting.measures import (
    effective_number,
    matched_cosines,
    membership_pairs,
    nesting_of,
    others_mean,
    overlap_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from dasknmf.nesting.core import Core
    from dasknmf.nesting.descent import Descent
    from dasknmf.nesting.levels import Level
    from dasknmf.nesting.measures import Nesting
    from dasknmf.nesting.options import NestedOptions


@dataclass(frozen=True, eq=False)
class Table:
    """Variables of the Dataset by name, and the restart of which the tree is."""

    variables: dict[str, NDArray[Any]]
    restart: int


def tabulated(options: NestedOptions, found: Descent) -> Table:
    """Return all variables of :data:`dasknmf.nesting.variables.VARIABLES`.

    Parameters
    ----------
    options : NestedOptions
        What was asked for.
    found : Descent
        What was found.
    """
    B, R, count = len(options.branches), options.restarts, len(found.levels)
    strands = range(len(options.strands))

    def shaped(value: Callable[[int, int], float]) -> NDArray[np.float64]:
        """Return a number of each level and strand as (branch, tier, restart)."""
        flat = np.array([[value(level, strand) for strand in strands] for level in range(count)])
        return np.moveaxis(flat.reshape(count, B, R), 0, 1)

    nestings = [
        [nesting_of(fine.loadings[strand], coarse.loadings[strand]) for strand in strands]
        for fine, coarse in zip(found.levels, found.levels[1:], strict=False)
    ]
    per_bound = np.where(found.bound > 0, found.bound, np.nan)[None, :, None]
    explained = shaped(lambda level, strand: found.cores[level][strand].explained)
    direct = shaped(lambda level, strand: float(found.direct[level, strand]))
    together = _together(options, found, explained)
    agreed, cosines = _agreement(options, found)
    data = {
        "n_factors": np.array(options.n_components),
        "bound": found.bound,
        "fitted": found.fitted,
        "explained": explained,
        "retention": explained / per_bound,
        "direct": direct,
        "direct_retention": direct / per_bound,
        "marginal": together[:, :-1] - together[:, 1:],
        "together": together[:, 0],
        "effective_factors": shaped(
            lambda level, strand: effective_number(found.cores[level][strand].contributions)
        ),
        "overlap": shaped(lambda level, strand: overlap_of(found.levels[level].own(strand)[1])),
        "nesting_index": shaped(
            lambda level, strand: nestings[level][strand].index if level + 1 < count else np.nan
        ),
        "nesting_chance": shaped(
            lambda level, strand: nestings[level][strand].chance if level + 1 < count else np.nan
        ),
        **agreed,
        "branch_agreement": _between_branches(options, found.levels),
    }
    own = options.branches.index(options.loadings)
    # of one restart, or of two that are as like each other, the first
    restart = int(np.nan_to_num(agreed["reproducibility"][own, 0]).argmax())
    tree = _shown_tree(found, own * R + restart, nestings, [cosine[own, restart] for cosine in cosines])
    return Table({**tree, **data}, restart)


def _shown_tree(
    found: Descent,
    strand: int,
    nestings: list[list[Nesting]],
    reproducibility: list[NDArray[np.float64]],
) -> dict[str, NDArray[Any]]:
    return tree_of(
        [level.loadings[strand] for level in found.levels],
        [cores[strand] for cores in found.cores],
        [of_level[strand] for of_level in nestings],
        reproducibility,
    )


def _together(options: NestedOptions, found: Descent, explained: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return E of the levels from each on, joined, shape (branches, levels + 1, restarts); 0 of none."""
    B, R, count = len(options.branches), options.restarts, len(found.levels)
    whole = np.zeros((B, count + 1, R))
    if options.method == "coarsen":
        # loadings of a level are sums of those of the one before: all it can explain, the finer one can too
        whole[:, :count] = np.maximum.accumulate(explained[:, ::-1], axis=1)[:, ::-1]
        return whole
    for level in range(count):
        flat = [
            joined_core(found.levels, strand, found.sum_of_squares, first=level).explained
            for strand in range(B * R)
        ]
        whole[:, level] = np.reshape(flat, (B, R))
    return whole


def _agreement(
    options: NestedOptions, found: Descent
) -> tuple[dict[str, NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Return how far restarts agree, and of each level the mean cosine of each factor, (branches, restarts, k)."""
    B, R, count = len(options.branches), options.restarts, len(found.levels)
    names = ("reproducibility", "membership_agreement", "membership_chance")
    data = {name: np.full((B, count, R), np.nan) for name in names}
    ends = {name: np.full((B, count), np.nan) for name in ("mean", "low", "high")}
    cosines = []
    for place, level in enumerate(found.levels):
        of_level = np.full((B, R, level.k), np.nan)
        for branch in range(B):
            restarts = level.loadings[branch * R : (branch + 1) * R]
            matched = matched_cosines(restarts)
            each = others_mean(matched.mean(axis=2))
            data["reproducibility"][branch, place] = each
            for name, pairs in zip(names[1:], membership_pairs(restarts), strict=True):
                data[name][branch, place] = others_mean(pairs)
            if R > 1:
                of_level[branch] = (matched.sum(axis=1) - 1) / (R - 1)
            ends["mean"][branch, place] = each.mean()
            low, high = interval_of_means(each[:, None], seed=options.seed)
            if R > 2:
                ends["low"][branch, place], ends["high"][branch, place] = low[0], high[0]
        cosines.append(of_level)
    return {**data, **{f"reproducibility_{name}": value for name, value in ends.items()}}, cosines


def _between_branches(options: NestedOptions, levels: list[Level]) -> NDArray[np.float64]:
    """Return the mean matched cosine of branches, shape (branches, branches, levels, restarts)."""
    B, R = len(options.branches), options.restarts
    found = np.empty((B, B, len(levels), R))
    for place, level in enumerate(levels):
        for restart in range(R):
            found[:, :, place, restart] = matched_cosines(level.loadings[restart::R]).mean(axis=2)
    return found


def tree_of(
    loadings: list[NDArray[np.float32]],
    cores: list[Core],
    nestings: list[Nesting],
    reproducibility: list[NDArray[np.float64]],
) -> dict[str, NDArray[Any]]:
    """Return the nodes, members and links of one strand, level by level, finest first.

    Parameters
    ----------
    loadings : list of ndarray, shape (n, k)
        Of each level.
    cores : list of Core
        Of each level.
    nestings : list of Nesting
        Of each level but the last.
    reproducibility : list of ndarray, shape (k,)
        Of the factors of each level.
    """
    firsts = np.cumsum([0, *(L.shape[1] for L in loadings)])
    nodes: dict[str, list[NDArray[Any]]] = {}
    members: list[tuple[NDArray[np.intp], NDArray[np.float32]]] = []
    links: list[tuple[NDArray[Any], ...]] = []
    for number, (L, core) in enumerate(zip(loadings, cores, strict=True)):
        k = L.shape[1]
        alive = np.asarray(L.any(axis=0))
        last = number == len(loadings) - 1
        parent = np.full(k, -1)
        share = np.full(k, np.nan)
        if not last:
            made = nestings[number]
            parent = np.where(made.parent >= 0, firsts[number + 1] + made.parent, -1)
            share = np.where(made.parent >= 0, made.share.max(axis=1), np.nan)
        one = {
            "level": np.full(k, number),
            "parent": parent,
            "factor": np.arange(k),
            "stop_reason": _reasons(alive, parent, last=last, root=k == 1),
            "nesting": share,
            "node_reproducibility": reproducibility[number],
            "contribution": core.contributions.sum(axis=0),
            "core": np.diag(core.matrix),
        }
        for name, values in one.items():
            nodes.setdefault(name, []).append(values)
        for column in L.T:
            genes = np.flatnonzero(column > 0)
            members.append((genes, column[genes]))
        i, j = np.nonzero(np.triu(core.matrix, 1))
        weights = core.matrix[i, j], 2 * core.contributions[i, j]
        links.append((firsts[number] + i, firsts[number] + j, *weights))
    names = ("link_first", "link_second", "link_core", "link_share")
    return {
        **{name: np.concatenate(values) for name, values in nodes.items()},
        "member_offset": np.cumsum([0, *(len(genes) for genes, _ in members)]),
        "member_gene": np.concatenate([genes for genes, _ in members]),
        "member_loading": np.concatenate([values for _, values in members]),
        **{name: np.concatenate(of) for name, of in zip(names, zip(*links, strict=True), strict=True)},
    }


def _reasons(
    alive: NDArray[np.bool_], parent: NDArray[np.intp], *, last: bool, root: bool
) -> NDArray[np.object_]:
    end = "root" if root else "the last level asked for"
    reasons = np.full(len(alive), end if last else "", dtype=object)
    reasons[(parent < 0) & (not last)] = "its genes are in no coarser factor"
    reasons[~alive] = "no loadings: the level has fewer factors than asked for"
    return reasons
