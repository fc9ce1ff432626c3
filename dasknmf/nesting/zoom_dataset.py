"""A zoomed tree as a Dataset, flat."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.nesting.measures import effective_number, overlap_of
from dasknmf.nesting.variables import VARIABLES
from dasknmf.results import NESTED, VERSION, versions

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.nesting.nodes import Node
    from dasknmf.nesting.zoom_options import ZoomOptions
    from dasknmf.nesting.zooming import Zoomed
    from dasknmf.stages import Session


def zoom_dataset(session: Session, options: ZoomOptions, found: Zoomed) -> xr.Dataset:
    """Put a tree into a Dataset; see :data:`dasknmf.nesting.variables.VARIABLES`.

    Parameters
    ----------
    session : Session
        The network.
    options : ZoomOptions
        What was asked for.
    found : Zoomed
        The tree.
    """
    import xarray as xr

    data = {**_nodes(found), **_members(found.nodes), **_links(found), **_levels(found)}
    variables = {
        name: (VARIABLES[name][0], values, {"long_name": VARIABLES[name][1]}) for name, values in data.items()
    }
    given, operator = session.given, session.operator
    own = {name: value for name, value in options.as_dict().items() if name != "penalties"}
    run = {name: getattr(session.run, name) for name in ("max_iter", "tol", "tol_objective", "polish")}
    return xr.Dataset(
        variables,
        coords={
            "gene": given.genes.astype(object),
            "branch": np.array([options.loadings], dtype=object),
            "tier": np.arange(len(found.partitions)),
            "restart": np.arange(1),
        },
        attrs={
            "format": NESTED,
            "version": VERSION,
            "network": given.name,
            "network_checksum": given.checksum,
            **given.about,
            "genes": len(given.genes),
            "method": "zoom",
            **own,
            **options.penalties,
            **run,
            "order": "coarse-to-fine",
            "restart": 0,
            "reads": operator.reads,
            "bytes_per_read": operator.plan.weight,
            "seconds": session.seconds,
            "versions": json.dumps(versions()),
        },
    )


def _nodes(found: Zoomed) -> dict[str, NDArray[Any]]:
    nodes = found.nodes
    places = [found.partitions[node.level].index(number) for number, node in enumerate(nodes)]
    cores = [found.cores[node.level] for node in nodes]
    shares = [core.contributions.sum(axis=0) for core in found.cores]

    def of_fit(value: Any) -> NDArray[np.float64]:
        return np.array(
            [value(node.found, node.rank) if node.found and node.found.fits else np.nan for node in nodes],
            dtype=np.float64,
        )

    return {
        "level": np.array([node.level for node in nodes]),
        "parent": np.array([node.parent for node in nodes]),
        "factor": np.array([node.path[-1] if node.path else 0 for node in nodes]),
        "stop_reason": np.array([node.stop_reason for node in nodes], dtype=object),
        # genes of a node are among those of the node above
        "nesting": np.array([1.0 if node.path else np.nan for node in nodes]),
        "node_reproducibility": np.array([node.cosine for node in nodes]),
        "contribution": np.array(
            [shares[node.level][place] for node, place in zip(nodes, places, strict=True)]
        ),
        "core": np.array([core.matrix[place, place] for core, place in zip(cores, places, strict=True)]),
        "node_genes": np.array([len(node.members) for node in nodes]),
        "node_edges": np.array([node.found.edges if node.found else -1 for node in nodes]),
        "node_rank": np.array(
            [node.found.ranks[node.rank] if node.found and node.found.ranks else 0 for node in nodes]
        ),
        "node_explained": of_fit(lambda own, rank: own.explained[rank, 0]),
        "node_bound": of_fit(lambda own, rank: own.fits.bound[rank]),
        "node_null_mean": of_fit(lambda own, rank: own.explained[rank, 1:].mean()),
        "node_null_sd": of_fit(lambda own, rank: own.explained[rank, 1:].std(ddof=1)),
        "node_p": np.array([node.p for node in nodes]),
        "node_q": np.array([node.corrected for node in nodes]),
        "split_reproducibility": of_fit(lambda own, rank: own.fits.reproducibility[rank]),
    }


def _members(nodes: list[Node]) -> dict[str, NDArray[Any]]:
    made = {
        "member_offset": np.cumsum([0, *(len(node.members) for node in nodes)]),
        "member_gene": np.concatenate([node.members.genes for node in nodes]),
        "member_loading": np.concatenate([node.loading for node in nodes]),
    }
    if any(node.members.weights is not None for node in nodes):
        made["member_weight"] = np.concatenate(
            [
                np.ones(len(node.members)) if node.members.weights is None else node.members.weights
                for node in nodes
            ]
        )
    return made


def _links(found: Zoomed) -> dict[str, NDArray[Any]]:
    """Return the weights between nodes of each level, leaves above it left out."""
    columns: list[tuple[NDArray[Any], ...]] = []
    for level, (partition, core) in enumerate(zip(found.partitions, found.cores, strict=True)):
        numbers = np.array(partition)
        own = np.array([found.nodes[number].level == level for number in partition])
        i, j = np.nonzero(np.triu(core.matrix * np.outer(own, own), 1))
        columns.append((numbers[i], numbers[j], core.matrix[i, j], 2 * core.contributions[i, j]))
    names = ("link_first", "link_second", "link_core", "link_share")
    return {
        name: np.concatenate(values) for name, values in zip(names, zip(*columns, strict=True), strict=True)
    }


def _levels(found: Zoomed) -> dict[str, NDArray[Any]]:
    count, bound = len(found.cores), found.bound

    def one(values: list[float]) -> NDArray[np.float64]:
        return np.array(values, dtype=np.float64).reshape(1, count, 1)

    explained = one([core.explained for core in found.cores])
    split: list[list[float]] = [[] for _ in range(count)]
    for node in found.nodes:
        if not np.isnan(node.cosine):
            split[node.level].append(node.cosine)
    return {
        "n_factors": np.array([len(partition) for partition in found.partitions]),
        "bound": bound,
        "explained": explained,
        "retention": explained / np.where(bound > 0, bound, np.nan)[None, :, None],
        "effective_factors": one([effective_number(core.contributions) for core in found.cores]),
        "overlap": one([overlap_of(gram) for gram in found.grams]),
        "reproducibility": one([float(np.mean(own)) if own else float("nan") for own in split]),
    }
