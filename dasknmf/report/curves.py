"""Runs of a test of fragmentation as they are drawn: their names, and how they are told apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dasknmf.errors import InputError
from dasknmf.report.axes import BLUE, GREEN, PURPLE, VERMILLION

if TYPE_CHECKING:
    import xarray as xr

#: Of networks in turn, of Okabe & Ito (2008) without the two that are faint on white; a marker each.
NETWORKS = (
    (BLUE, "o"),
    (VERMILLION, "s"),
    (GREEN, "^"),
    (PURPLE, "D"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
    ("#8C6D31", "p"),
)
#: Of controls, which are grey: how their lines are drawn, by what their kind begins with.
CONTROLS: dict[str, Any] = {"soules": (0, (6, 2)), "planted": (0, (6, 2, 1, 2)), "null": (0, (1, 1.5))}
#: Their markers, in turn.
HOLLOW = ("o", "s", "^", "D", "v", "p")


class Look(NamedTuple):
    """How a run is drawn: networks are filled and solid, controls hollow, grey and broken."""

    colour: str
    marker: str
    line: Any
    filled: bool

    @property
    def points(self) -> dict[str, Any]:
        """What its markers look like."""
        return {"marker": self.marker, "mec": self.colour, "mfc": self.colour if self.filled else "white"}


def looks(fragmentation: xr.Dataset) -> list[Look]:
    """Return how each run is drawn, no two alike in colour and marker as long as there are at most 8 networks."""
    found, networks, controls = [], 0, 0
    for kind in fragmentation["kind"].to_numpy():
        line = next((style for name, style in CONTROLS.items() if str(kind).startswith(name)), None)
        if line is None:
            found.append(Look(*NETWORKS[networks % len(NETWORKS)], "-", filled=True))
            networks += 1
        else:
            found.append(Look("#707070", HOLLOW[controls % len(HOLLOW)], line, filled=False))
            controls += 1
    return found


def short_names(names: list[str]) -> list[str]:
    """Return names without folders, endings and the words that all of them have, if they still differ.

    Examples
    --------
    >>> short_names(["runs/trrust.zarr relational core", "runs/trrust.zarr relational inner"])
    ['core', 'inner']
    >>> short_names(["runs/trrust.zarr relational core"])
    ['trrust relational core']
    """
    words = [[_plain_word(word) for word in name.split()] for name in names]
    if len(words) > 1:
        shared = set.intersection(*map(set, words))
        words = [[word for word in one if word not in shared] or one for one in words]
    made = [" ".join(one) for one in words]
    return made if len(set(made)) == len(made) else names


def _plain_word(word: str) -> str:
    last = word.rstrip("/").rsplit("/", 1)[-1]
    comma = "," * last.endswith(",")
    return last.rstrip(",").removesuffix(".zarr").removesuffix(".nested") + comma or word


class Curve(NamedTuple):
    """One run as it is drawn."""

    name: str
    kind: str
    values: xr.Dataset
    look: Look

    def number(self, variable: str) -> float:
        """Return a number of the curve."""
        return float(self.values[variable])

    def interval(self) -> str:
        """Return γ with its interval, as text."""
        value, low, high = (self.number(f"gamma{end}") for end in ("", "_low", "_high"))
        if not np.isfinite(value):
            return "γ unknown"
        if not np.isfinite(low):
            return f"γ = {value:.2g}, one restart"
        return f"γ = {value:.2g} ({low:.2g} to {'∞' if np.isinf(high) else f'{high:.2g}'})"


def curves_of(fragmentation: xr.Dataset, quantity: str | None) -> list[Curve]:
    """Return the curves to draw, one a run that has the quantity; by default the one its verdict is about.

    Raises
    ------
    InputError
        If it is no result of :func:`dasknmf.fragmentation`, or there is no such quantity.
    """
    lacking = [name for name in ("kept", "gamma", "kind", "loadings") if name not in fragmentation]
    if lacking:
        msg = f"the test lacks {', '.join(lacking)}; give what dasknmf.fragmentation returned"
        raise InputError(msg)
    there = [str(name) for name in fragmentation["quantity"].to_numpy()]
    if quantity is not None and quantity not in there:
        msg = f"quantity={quantity!r} is not there; choose one of {', '.join(there)}"
        raise InputError(msg)
    names = short_names([str(name) for name in fragmentation["run"].to_numpy()])
    found = []
    for place, look in enumerate(looks(fragmentation)):
        own = fragmentation.isel(run=place)
        values = own.sel(quantity=quantity or f"retention {own['loadings'].item()}")
        if bool(values["kept"].notnull().any()):
            found.append(Curve(names[place], str(own["kind"].item()), values, look))
    return found


def effect_names(fragmentation: xr.Dataset) -> list[str]:
    """Return what each effect compares: a run, its branches, or two runs."""
    runs = [str(name) for name in fragmentation["run"].to_numpy()]
    short = {**dict(zip(runs, short_names(runs), strict=True)), "": ""}
    columns = ("cause", "effect_run", "effect_branch", "effect_other", "effect_other_branch")
    found = []
    for cause, run, branch, other, other_branch in zip(
        *(fragmentation[name].to_numpy() for name in columns), strict=True
    ):
        name = short.get(str(run), str(run))
        if not other:
            found.append(name)
        elif other != run:
            one = short.get(str(other), str(other))
            rest = [word for word in one.split() if word not in name.split()]
            found.append(f"{name} – {' '.join(rest) or one}")
        elif cause == "nesting":
            found.append(f"{name}: nested – direct")
        else:
            found.append(f"{name}: {branch} – {other_branch}")
    return found
