"""The header of a network store: what its attributes say, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from dasknmf.errors import FormatError

FORMAT = "dasknmf-network"
VERSION = "1.0"
#: The key of the root attributes that holds everything below.
ATTRIBUTE = "dasknmf"


@dataclass(frozen=True)
class Header:
    """What the attributes of a network store say; see FORMAT.md for each field."""

    layout: str
    genes: int
    tile: int
    edges: int
    self_loops: int
    total: float
    sum_of_squares: float
    diagonal_sum_of_squares: float
    minimum: float
    maximum: float
    isolated: int
    weights: dict[str, Any]
    checksum: str
    provenance: dict[str, Any] = field(default_factory=dict)
    dtype: str = "float32"
    version: str = VERSION

    @property
    def density(self) -> float:
        """Share of the gene pairs that are edges."""
        pairs = self.genes * (self.genes - 1) / 2
        return self.edges / pairs if pairs else 0.0


def read_header(attributes: dict[str, Any], where: str) -> Header:
    """Check the root attributes of a store and return its header.

    Raises
    ------
    FormatError
        If they are not those of a whole network store of a version known here.
    """
    given = attributes.get(ATTRIBUTE)
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        msg = (
            f"{where} is a Zarr group but not a dasknmf network; make one with: "
            f"dasknmf import {where} network.zarr"
        )
        raise FormatError(msg)
    version = str(given.get("version"))
    if version.split(".")[0] != VERSION.split(".")[0]:
        msg = (
            f"{where} has network format {version}; this dasknmf reads {VERSION}: "
            "upgrade it (pip install -U dasknmf) or import the network again"
        )
        raise FormatError(msg)
    if given.get("complete") is not True:
        msg = f"{where} was never finished (its writer was stopped); remove it and import the network again"
        raise FormatError(msg)
    names = set(Header.__dataclass_fields__)
    fields = {key: value for key, value in given.items() if key in names}
    missing = names - set(fields)
    if missing:
        msg = f"{where} lacks {', '.join(sorted(missing))} in its attributes; import the network again"
        raise FormatError(msg)
    return Header(**fields)
