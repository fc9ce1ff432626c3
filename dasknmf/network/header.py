"""The header of a network store: what its attributes say, checked."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from dasknmf.bounds import MOST_GENES
from dasknmf.errors import FormatError
from dasknmf.network.encoding import STORAGES
from dasknmf.network.tiles import LARGEST_SPARSE_TILE
from dasknmf.sealed_group import check_seal, sealed

if TYPE_CHECKING:
    from dasknmf.network.encoding import Storage

FORMAT = "dasknmf-network"
#: What a float32 or sparse network is, so that every reader there ever was opens it,
VERSION = "1.0"
#: and one whose tiles are codes, which readers of version 1 would take for weights.
CODED_VERSION = "2.0"
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
    storage_error: float = 0.0
    largest_storage_error: float = 0.0
    lost_edges: int = 0

    @property
    def density(self) -> float:
        """Share of the gene pairs that are edges."""
        pairs = self.genes * (self.genes - 1) / 2
        return self.edges / pairs if pairs else 0.0


REMEDY = "import the network again"
_COUNTS = ("genes", "tile", "edges", "self_loops", "isolated", "lost_edges")
_TEXTS = ("layout", "checksum", "dtype", "version")

#: Fields that version 2 has and version 1 may lack, where they are 0.
_SINCE_CODES = frozenset({"storage_error", "largest_storage_error", "lost_edges"})


def version_for(storage: Storage) -> str:
    """Return the oldest version of the format that can hold a network."""
    return VERSION if storage == "float32" else CODED_VERSION


def written(header: Header) -> dict[str, Any]:
    """Return what the root attributes of a finished store hold of it, sealed."""
    return sealed({"format": FORMAT, **asdict(header), "complete": True})


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
    major = version.split(".")[0]
    if major not in {known.split(".")[0] for known in (VERSION, CODED_VERSION)}:
        msg = (
            f"{where} has network format {version}; this dasknmf reads {VERSION} and {CODED_VERSION}: "
            "upgrade it (pip install -U dasknmf) or import the network again"
        )
        raise FormatError(msg)
    if given.get("complete") is not True:
        msg = f"{where} was never finished (its writer was stopped); remove it and import the network again"
        raise FormatError(msg)
    names = set(Header.__dataclass_fields__)
    fields = {key: value for key, value in given.items() if key in names}
    missing = names - set(fields) - (_SINCE_CODES if major == VERSION[0] else frozenset())
    if missing:
        msg = f"{where} lacks {', '.join(sorted(missing))} in its attributes; import the network again"
        raise FormatError(msg)
    check_seal(given, where=where, remedy=REMEDY)
    _check_fields(fields, where)
    allowed = ("float32",) if major == VERSION[0] or fields["layout"] != "dense" else STORAGES
    if fields["dtype"] not in allowed:
        msg = (
            f"{where} keeps its weights as {fields['dtype']!r}; this dasknmf reads {', '.join(allowed)} in a "
            f"{fields['layout']} network of format {version}: upgrade it (pip install -U dasknmf)"
        )
        raise FormatError(msg)
    return Header(**fields)


def _check_fields(fields: dict[str, Any], where: str) -> None:
    """Refuse fields that are of another type, or that no network can have.

    Raises
    ------
    FormatError
        Naming the first.
    """
    for name, value in fields.items():
        if name in _COUNTS:
            right = type(value) is int and 0 <= value <= MOST_GENES**2
        elif name in _TEXTS:
            right = isinstance(value, str)
        elif name in ("weights", "provenance"):
            right = isinstance(value, dict)
        else:
            right = type(value) in (int, float) and math.isfinite(value) and value >= 0
        if not right:
            raise _impossible(where, name, value)
    if fields["layout"] not in ("dense", "sparse"):
        raise _impossible(where, "layout", fields["layout"])
    if not 1 <= fields["genes"] <= MOST_GENES:
        raise _impossible(where, "genes", fields["genes"])
    if not 1 <= fields["tile"] <= LARGEST_SPARSE_TILE:
        raise _impossible(where, "tile", fields["tile"])


def _impossible(where: str, name: str, value: Any) -> FormatError:
    return FormatError(
        f"{where}: its attribute {name} is {str(value)[:60]!r}, which no network has; {REMEDY}"
    )
