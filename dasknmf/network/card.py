"""What a network store says of itself, as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dasknmf.network.store import Network


def network_card(network: Network) -> dict[str, Any]:
    """Return sizes, weights, degrees, checksum and provenance of a network, ready for JSON.

    Parameters
    ----------
    network : Network
        An open store.

    Returns
    -------
    dict
        ``genes``, ``edges`` (gene pairs, self-loops left out), ``density`` (share of pairs that are edges),
        ``weight_minimum`` and ``weight_maximum`` of the edges and self-loops, ``degree_median``,
        ``degree_maximum``, ``isolated`` genes, ``frobenius_norm`` and more. Of weights kept as codes, all of
        these are as stored, and ``storage_error`` (‖A − stored‖ / ‖A‖), ``largest_storage_error`` (of one
        weight) and ``lost_edges`` (that became 0) say what that changed.
    """
    header = network.header
    degree = network.degree
    return {
        "location": network.location,
        "format": f"dasknmf-network {header.version}",
        "layout": header.layout,
        "genes": header.genes,
        "edges": header.edges,
        "self_loops": header.self_loops,
        "isolated": header.isolated,
        "density": round(header.density, 8),
        "weight_minimum": header.minimum,
        "weight_maximum": header.maximum,
        "degree_median": float(np.median(degree)),
        "degree_maximum": int(degree.max()),
        "sum": header.total,
        "frobenius_norm": float(np.sqrt(header.sum_of_squares)),
        "tile": header.tile,
        "tiles": network.grid.n_tiles,
        "bytes_per_sweep": int(network.tile_weights.sum()) * np.dtype(header.dtype).itemsize // 4,
        "storage": header.dtype,
        **_loss(network),
        "checksum": header.checksum,
        "weights": header.weights,
        "provenance": header.provenance,
    }


def _loss(network: Network) -> dict[str, Any]:
    """Say what storing the weights as codes changed."""
    header = network.header
    if header.dtype == "float32":
        return {}
    return {
        "storage_error": header.storage_error,
        "largest_storage_error": header.largest_storage_error,
        "lost_edges": header.lost_edges,
    }
