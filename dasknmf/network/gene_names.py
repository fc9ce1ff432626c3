"""What names of genes may be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dasknmf.errors import InputError, offenders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: No name may hold these: names are lines in gene lists and in the checksum, and lone surrogates have no UTF-8.
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def check_genes(genes: NDArray[np.object_], *, where: str) -> None:
    """Refuse an empty list, and names that are empty, twice there or no plain text.

    Raises
    ------
    InputError
        With the first offenders and their count.
    """
    if len(genes) == 0:
        msg = f"{where}: no genes; a network needs at least one gene"
        raise InputError(msg)
    seen: dict[str, int] = {}
    bad: list[str] = []
    count = 0
    for position, gene in enumerate(genes.tolist()):
        problem = None
        if not isinstance(gene, str) or not gene.strip():
            problem = f"gene {position + 1} has no name ({gene!r})"
        elif _NOT_IN_NAMES.search(gene):
            problem = f"gene {position + 1} has a line break, control character or lone surrogate ({gene!r})"
        elif gene in seen:
            problem = f"'{gene}' is gene {seen[gene] + 1} and gene {position + 1}"
        else:
            seen[gene] = position
        if problem:
            count += 1
            if len(bad) < 3:
                bad.append(problem)
    if count:
        msg = (
            f"{where}: gene names must be unique and not empty, in plain text: {offenders(bad, count)}; "
            "rename or merge them first"
        )
        raise InputError(msg)
