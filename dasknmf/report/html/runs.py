"""Saved results of any kind, told apart by their format, checked to be of one network."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dasknmf.errors import FormatError, InputError
from dasknmf.report.html.privacy import final_name, is_location, locations_in, told_value, without_folders
from dasknmf.results import (
    COMPARISON,
    ENRICHMENT,
    FORMAT,
    FRAGMENTATION,
    NESTED,
    SURVEY,
    SYMMETRY,
    load,
)
from dasknmf.storage import is_remote, local_path

if TYPE_CHECKING:
    import xarray as xr

    from dasknmf.storage import Location, StorageOptions

#: Formats in the order in which a report tells of them.
KINDS = {
    FORMAT: "fit",
    SURVEY: "survey",
    SYMMETRY: "symmetry",
    COMPARISON: "comparison",
    NESTED: "nested",
    FRAGMENTATION: "fragmentation",
    ENRICHMENT: "enrichment",
}
#: Letters of a checksum that a person compares.
SHORT = 19


@dataclass(frozen=True, eq=False)
class Run:
    """One result.

    Attributes
    ----------
    name : str
        What the page calls it: the last part of its path, and the model where a store has several.
    file : str
        The last part of its path; empty for a result in memory.
    kind : str
        A value of ``KINDS``.
    result : Dataset
        Without folders of the machine that made it.
    stored : bool
        Whether its network was a store, and no matrix in memory or generated one.
    """

    name: str
    file: str
    kind: str
    result: xr.Dataset
    stored: bool

    @property
    def attrs(self) -> dict[str, Any]:
        """Attributes of the result."""
        return {str(name): value for name, value in self.result.attrs.items()}

    @property
    def network(self) -> str:
        """Name of the network it is of; empty where it does not say."""
        return str(self.attrs.get("network", ""))

    @property
    def checksum(self) -> str:
        """Checksum of that network; empty where it does not say."""
        return str(self.attrs.get("network_checksum", ""))

    @property
    def control(self) -> bool:
        """Whether it is of a network that was made for comparison, such as a null of another."""
        return self.kind == "nested" and self.attrs.get("kind", "network") != "network"


@dataclass(frozen=True, eq=False)
class Contents:
    """What a report is of.

    Attributes
    ----------
    runs : tuple of Run
        By kind, then as their names sort: the order of arguments does not matter.
    card : dict
        :func:`dasknmf.network.card.network_card` of the network; empty where the store is not there.
    """

    runs: tuple[Run, ...]
    card: dict[str, Any] = field(default_factory=dict)

    def of(self, kind: str) -> list[Run]:
        """Return the results of a kind."""
        return [run for run in self.runs if run.kind == kind]

    @property
    def several(self) -> bool:
        """Whether results are of more than one network, controls aside."""
        return len({run.checksum for run in self.runs if run.checksum and not run.control}) > 1


def gather(
    runs: Any,
    *,
    network: Location | None = None,
    mixed: bool = False,
    storage_options: StorageOptions | None = None,
) -> Contents:
    """Load results and look at their networks; see :func:`dasknmf.write_report` for parameters and errors."""
    loaded = [(*named, load_or_take(named[1], storage_options)) for named in _named(runs)]
    if not loaded:
        msg = (
            "there are no results to report on; give at least one, such as: dasknmf report FIT -o report.html"
        )
        raise InputError(msg)
    models = [model for name, given, result in loaded for model in _models(name, given, result)]
    known = locations_in(result for *_, result in models)
    made = [_run(name, file, result, known) for name, file, result in models]
    order = list(KINDS.values())
    ordered = tuple(sorted(made, key=lambda run: (order.index(run.kind), run.name, run.checksum)))
    names = [run.name for run in ordered]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        msg = (
            f"two results are called '{twice[0]}'; give them as a mapping of names to results, or rename one"
        )
        raise InputError(msg)
    if not mixed:
        _one_network(ordered)
    checksums = {run.checksum for run in ordered if run.checksum and not run.control}
    return Contents(ordered, _card(network, known, checksums, mixed=mixed, storage_options=storage_options))


def _named(runs: Any) -> list[tuple[str, Any]]:
    import xarray as xr

    # both are mappings too, of names to variables
    if isinstance(runs, (xr.Dataset, xr.DataTree)):
        return [("", runs)]
    if isinstance(runs, Mapping):
        return [(str(name), given) for name, given in runs.items()]
    several = runs if isinstance(runs, Sequence) and not isinstance(runs, str) else [runs]
    return [("", given) for given in several]


def load_or_take(given: Any, storage_options: StorageOptions | None) -> Any:
    """Return a result, from where it is saved or as it is."""
    import xarray as xr

    if isinstance(given, (xr.Dataset, xr.DataTree)):
        return given
    if not isinstance(given, (str, os.PathLike)):
        msg = f"a result of type {type(given).__name__}; give a path, or what dasknmf.load returns"
        raise InputError(msg)
    return load(given, storage_options=storage_options)


def _models(name: str, given: Any, result: Any) -> list[tuple[str, str, xr.Dataset]]:
    """Return the name, the file and the Dataset of each model that a result has."""
    import xarray as xr

    file = final_name(os.fspath(given)) if isinstance(given, (str, os.PathLike)) else ""
    if not isinstance(result, xr.DataTree):
        return [(name or file, file, result)]
    return [
        (": ".join(filter(None, (name or file, child))), file, node.to_dataset())
        for child, node in sorted(result.children.items())
    ]


def _run(name: str, file: str, result: xr.Dataset, known: tuple[str, ...]) -> Run:
    kind = KINDS.get(str(result.attrs.get("format")))
    if kind is None:
        formats = ", ".join(KINDS)
        msg = (
            f"{name or 'a Dataset'} has the format {result.attrs.get('format')!r}; a report is of: {formats}"
        )
        raise FormatError(msg)
    return Run(
        name or kind, file, kind, without_folders(result, known), is_location(result.attrs.get("network"))
    )


def _one_network(runs: Sequence[Run]) -> None:
    """Refuse results of different networks."""
    by: dict[str, list[Run]] = {}
    for run in runs:
        if run.checksum and not run.control:
            by.setdefault(run.checksum, []).append(run)
    if len(by) > 1:
        told = "; ".join(
            f"{', '.join(run.name for run in of)}: {of[0].network} ({checksum[:SHORT]}…)"
            for checksum, of in by.items()
        )
        msg = (
            f"these results are of {len(by)} networks, by their checksums: {told}. Make a report of each, or put "
            "them on one page with --mixed (mixed=True)"
        )
        raise InputError(msg)


def _card(
    network: Location | None,
    places: Sequence[str],
    checksums: set[str],
    *,
    mixed: bool,
    storage_options: StorageOptions | None,
) -> dict[str, Any]:
    """Return the card of the network given, or else of the store that results name, if it still is what they used."""
    from dasknmf.network.card import network_card
    from dasknmf.network.store import open_network

    if network is not None:
        card = network_card(open_network(network, storage_options=storage_options))
        if checksums and card["checksum"] not in checksums and not mixed:
            msg = (
                f"{os.fspath(network)} is not the network of these results: it has {card['checksum'][:SHORT]}…, "
                f"they say {min(checksums)[:SHORT]}…; give the store that was factorized, or --mixed (mixed=True)"
            )
            raise InputError(msg)
        return _plain(card)
    if len(checksums) != 1:
        return {}
    for place in places:
        # a URL may take minutes to be found gone; --network asks for it
        if is_remote(place) or not local_path(place).is_dir():
            continue
        try:
            card = network_card(open_network(place, storage_options=storage_options))
        except (InputError, FormatError):
            continue
        if card["checksum"] in checksums:
            return _plain(card)
    return {}


def _plain(card: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = told_value(card)
    return {**plain, "location": final_name(str(card["location"]))}
