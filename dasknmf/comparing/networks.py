"""The kinds of network that algorithms are compared on: the one that is given, its nulls, and a planted one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dasknmf.errors import InputError
from dasknmf.generated.controls import control_network
from dasknmf.null_models import null_network

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dasknmf.matrices import Given
    from dasknmf.storage import StorageOptions

GIVEN = "network"
#: Kinds without structure.
RANDOM = ("shuffle", "uniform")
KINDS = (GIVEN, "shuffle", "degree", "uniform", "planted")
#: Genes of a planted network, which is dense, at most: 64 MiB of tiles.
MOST_PLANTED = 4096


def check_kinds(kinds: Iterable[str]) -> tuple[str, ...]:
    """Return kinds of network, each once.

    Raises
    ------
    InputError
        If one is not known, or there is none.

    Examples
    --------
    >>> check_kinds(["network", "shuffle", "network"])
    ('network', 'shuffle')
    """
    given = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    for kind in given:
        if kind not in KINDS:
            msg = f"kinds: {kind!r} is no kind of network; there are: {', '.join(KINDS)}"
            raise InputError(msg)
    if not given:
        msg = f"kinds: there is none; give at least one of: {', '.join(KINDS)}"
        raise InputError(msg)
    return tuple(dict.fromkeys(given))


def network_of(
    network: Any, given: Given, kind: str, k: int, seed: int, *, storage_options: StorageOptions | None = None
) -> Any:
    """Return a network of a kind: the given one, one of its nulls, or planted factors, half of them in pairs.

    Parameters
    ----------
    network : as in :func:`dasknmf.nmf`
        The network.
    given : Given
        The same, opened.
    kind : str
        One of ``KINDS``.
    k : int
        Factors that are planted.
    seed : int
        Of what is random; a null of another seed is another network.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.
    """
    if kind == GIVEN:
        return network
    if kind == "planted":
        pairs = k // 4
        n = min(len(given.genes), MOST_PLANTED)
        return control_network("planted", n, seed=seed, modules=k - 2 * pairs, pairs=pairs, noise=0.3)
    return null_network(network, kind, seed=seed, storage_options=storage_options)
