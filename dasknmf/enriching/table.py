"""Results of enrichment as rows to read and to write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from dasknmf.errors import InputError, one_of, whole

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from numpy.typing import NDArray

COLUMNS = ("size", "top", "overlap", "odds_ratio", "fold", "p", "q", "auroc", "z", "rank_p", "rank_q")


def enrichment_table(
    enriched: xr.Dataset,
    *,
    n: int | None = None,
    max_q: float = 1.0,
    by: Literal["top", "rank"] = "top",
) -> pd.DataFrame:
    """Return the gene sets of every factor and side, the most significant first.

    Parameters
    ----------
    enriched : Dataset
        What :func:`dasknmf.enrich` returned.
    n : int, optional
        Sets of each factor and side; by default all.
    max_q : float
        Only sets with at most this q.
    by : {"top", "rank"}
        Whether p and q of the top genes or those of all loadings count. Sets of equal p are in order of z.

    Returns
    -------
    DataFrame
        One row a factor, side and set, with the columns ``factor``, ``side``, ``set``, ``description``, ``size``,
        ``top``, ``overlap``, ``odds_ratio``, ``fold``, ``p``, ``q``, ``auroc``, ``z``, ``rank_p``, ``rank_q`` and
        ``genes``, those of the overlap by their loading, with spaces between them.

    Raises
    ------
    InputError
        If ``enriched`` is something else, or ``n`` is below 1.

    Examples
    --------
    >>> import dasknmf
    >>> A = np.kron(np.eye(2), np.ones((3, 3)))
    >>> fit = dasknmf.nmf(A, n_components=2)
    >>> found = dasknmf.enrich(fit, {"first": ["0", "1", "2"], "second": ["3", "4", "5"]}, min_size=3)
    >>> table = enrichment_table(found, n=1)
    >>> table[["factor", "side", "overlap"]].to_numpy().tolist()
    [[0, 'W', 3], [0, 'H', 3], [1, 'W', 3], [1, 'H', 3]]
    >>> sorted(table["genes"].unique())
    ['0 1 2', '3 4 5']
    """
    import pandas as pd

    lacking = [name for name in (*COLUMNS, "top_rank", "set_gene") if name not in enriched.variables]
    if lacking:
        msg = f"the enrichment lacks {', '.join(lacking)}; give what dasknmf.enrich returned"
        raise InputError(msg)
    one_of("by", by, ("top", "rank"))
    if n is not None:
        whole("n", n, least=1)
    p, q = ("p", "q") if by == "top" else ("rank_p", "rank_q")
    values = {name: enriched[name].to_numpy() for name in COLUMNS}
    side, factor, place = np.nonzero(values[q] <= max_q)
    # the last key counts most
    key = (side, factor, place)
    order = np.lexsort((place, -values["z"][key], values[p][key], side, factor))
    side, factor, place = (part[order] for part in key)
    if n is not None:
        family = factor * enriched.sizes["side"] + side
        first = np.searchsorted(family, family, side="left")
        kept = np.arange(len(family)) - first < n
        side, factor, place = side[kept], factor[kept], place[kept]
    key = (side, factor, place)
    at: dict[str, tuple[NDArray[np.int64], ...]] = {"size": (place,), "top": (side, factor)}
    return pd.DataFrame(
        {
            "factor": enriched["factor"].to_numpy()[factor],
            "side": enriched["side"].to_numpy()[side],
            "set": enriched["set"].to_numpy()[place],
            "description": enriched["description"].to_numpy()[place],
            **{name: values[name][at.get(name, key)] for name in COLUMNS},
            "genes": _overlaps(enriched, side, factor, place),
        }
    )


def _overlaps(
    enriched: xr.Dataset,
    side: NDArray[np.int64],
    factor: NDArray[np.int64],
    place: NDArray[np.int64],
) -> list[str]:
    genes, ranks = enriched["gene"].to_numpy(), enriched["top_rank"].to_numpy()
    members, offset = enriched["set_gene"].to_numpy(), enriched["set_offset"].to_numpy()
    found = []
    for s, f, g in zip(side, factor, place, strict=True):
        inside = members[offset[g] : offset[g + 1]]
        rank = ranks[s, f, inside]
        chosen = inside[rank > 0][np.argsort(rank[rank > 0])]
        found.append(" ".join(map(str, genes[chosen])))
    return found
