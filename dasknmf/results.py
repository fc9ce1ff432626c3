"""What a fit gives back: an xarray Dataset that knows its genes, saved to Zarr and loaded equal."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from dasknmf.errors import FormatError, InputError
from dasknmf.parameters import PARAMETERS
from dasknmf.result_contents import (
    CONTENTS,
    REMEDY,
    bytes_of,
    check_arrays,
    codecs_of,
    compare_contents,
    contents_of,
)
from dasknmf.sealed_group import SEAL, check_files, check_seal, damaged, is_of_the_machine, open_group, sealed
from dasknmf.solvers import solver_of
from dasknmf.storage import (
    Location,
    StorageOptions,
    exists,
    open_store,
    publish,
    read_storage_options,
)
from dasknmf.whole_file import told_where

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from dasknmf.model import Exact, Model
    from dasknmf.options import ModelOptions, RunOptions

FORMAT = "dasknmf-fit"
SURVEY = "dasknmf-survey"
SYMMETRY = "dasknmf-symmetry"
COMPARISON = "dasknmf-comparison"
NESTED = "dasknmf-nested"
FRAGMENTATION = "dasknmf-fragmentation"
ENRICHMENT = "dasknmf-enrichment"
#: What :func:`load` reads.
FORMATS = (FORMAT, SURVEY, SYMMETRY, COMPARISON, NESTED, FRAGMENTATION, ENRICHMENT)
VERSION = "1.0"

#: Every variable a fit holds: its dimensions and what it is.
VARIABLES: dict[str, tuple[tuple[str, ...], str]] = {
    "W": (("gene", "factor"), "left factor, columns balanced: ‖w_j‖ = ‖h_j‖"),
    "H": (("factor", "gene"), "right factor, rows balanced"),
    "scale": (
        ("factor",),
        "‖w_j‖·‖h_j‖, by which factors are ordered; where H = Wᵀ, d of V diag(d) Vᵀ, v_j = w_j / √d_j of norm 1",
    ),
    "core": (("factor", "partner"), "of trifactor alone: S of A ≈ W S Wᵀ, for which H = S Wᵀ"),
    "gauge": (("factor",), "‖w_j‖ / ‖h_j‖ as the algorithm left it, before balancing"),
    "objective": (
        ("iteration",),
        "½‖A − WH‖² + penalties after each iteration; the first n_iter_sketched are of the sketch of A",
    ),
    "relative_error": (
        ("iteration",),
        "‖A − WH‖ / ‖A‖ after each iteration; the first n_iter_sketched by the sketch of A",
    ),
    "relative_gradient": (("iteration",), "projected-gradient norm over that of its part A·X"),
}


def versions() -> dict[str, str]:
    """Return the versions of what computed a result."""
    from importlib.metadata import version

    names = ("dasknmf", "dask", "distributed", "numpy", "scipy", "zarr", "xarray")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def fit_attributes(options: ModelOptions, run: RunOptions, exact: Exact, bound: float) -> dict[str, Any]:
    """Return what the attributes of every result say: options, the exact error, the bound beside it, versions."""
    of_model = {name: value for name, value in asdict(options).items() if value is not None}
    # what the solver took where nothing was given
    own = {
        name: value
        for name, value in vars(solver_of(options)).items()
        if name in PARAMETERS and value is not None
    }
    given = {**of_model, **own, **asdict(run)}
    plain = {name: int(value) if isinstance(value, bool) else value for name, value in given.items()}
    return {
        "format": FORMAT,
        "version": VERSION,
        **{name: "none" if value is None else value for name, value in plain.items()},
        "squared_error": exact.squared_error,
        "relative_error": exact.relative_error,
        "eckart_young": bound,
        "versions": json.dumps(versions()),
    }


def fit_dataset(
    model: Model,
    exact: Exact,
    *,
    genes: NDArray[np.object_],
    scale: NDArray[np.float64],
    gauge: NDArray[np.float64],
    core: NDArray[np.float64] | None = None,
    options: ModelOptions,
    run: RunOptions,
    bound: float,
    facts: dict[str, Any],
) -> xr.Dataset:
    """Put a finished model into a Dataset; see ``VARIABLES`` for what is in it."""
    import xarray as xr

    data = {
        "W": model.rows["W"],
        "H": np.ascontiguousarray(model.rows["H"].T),
        "scale": scale,
        "gauge": gauge,
        "objective": np.array(model.objective),
        "relative_error": np.sqrt(np.array(model.squared_error) / (exact.sum_of_squares or 1.0)),
        "relative_gradient": np.array(model.gradient),
    }
    if core is not None:
        data["core"] = core
    long_names = {name: VARIABLES[name][1] for name in data}
    if model.solver.looks_back:
        long_names["objective"] = f"{model.solver.minimises}, of the factors before each iteration"
        long_names["relative_error"] = "‖A − WH‖ / ‖A‖, of the factors before each iteration"
        long_names["relative_gradient"] = "how far from stationary each iteration found the factors"
    long_names.update(model.solver.histories)
    variables = {
        name: (VARIABLES[name][0], values, {"long_name": long_names[name]}) for name, values in data.items()
    }
    attributes = {
        **fit_attributes(options, run, exact, bound),
        **({} if exact.divergence is None else {"divergence": exact.divergence}),
        **model.solver.facts(model.state),
        "n_iter": len(model.objective),
        "n_iter_sketched": model.sketched,
        "stop_reason": model.stop_reason,
        "converged": int(model.converged),
        **facts,
    }
    return xr.Dataset(
        variables,
        coords={
            "gene": genes.astype(object),
            "factor": np.arange(len(scale)),
            "iteration": np.arange(1, len(model.objective) + 1),
            **({} if core is None else {"partner": np.arange(len(scale))}),
        },
        attrs=attributes,
    )


def save(
    fit: xr.Dataset | xr.DataTree,
    location: Location,
    *,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
) -> None:
    """Save a result as a Zarr store, whole or not at all.

    Parameters
    ----------
    fit : Dataset or DataTree
        What :func:`dasknmf.nmf` or :func:`dasknmf.nmf_many` returned.
    location : path or URL
        Where the store is to be.
    overwrite : bool
        Replace what is there; otherwise that is an error.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Raises
    ------
    InputError
        If the place is taken.
    WriteError
        If it cannot be written, such as on a full disk; nothing is left there.

    Examples
    --------
    >>> import dasknmf, numpy as np, tempfile, pathlib
    >>> fit = dasknmf.nmf(np.ones((4, 4)), n_components=1)
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "fit.zarr"
    >>> dasknmf.save(fit, place)
    >>> dasknmf.load(place).identical(fit)
    True
    """
    import xarray as xr
    import zarr

    options = read_storage_options() if storage_options is None else storage_options
    with (
        told_where(location, needed=bytes_of(fit)),
        publish(location, overwrite=overwrite, storage_options=options) as place,
    ):
        store = open_store(place, mode="a", storage_options=options)
        options_of_zarr: dict[str, Any] = {"mode": "w", "zarr_format": 3, "consolidated": False}
        if isinstance(fit, xr.DataTree):
            codecs = {node.path: codecs_of(node.to_dataset(inherit=True)) for node in fit.subtree}
            fit.to_zarr(store, **options_of_zarr, encoding=codecs, write_inherited_coords=True)
        else:
            fit.to_zarr(store, **options_of_zarr, encoding=codecs_of(fit))
        group = zarr.open_group(store, mode="a")
        # last, so that a store written in place is known to be whole
        whole = {**group.attrs, CONTENTS: contents_of(fit), "complete": True}
        group.attrs.update(sealed(whole))


def load(location: Location, *, storage_options: StorageOptions | None = None) -> Any:
    """Load a saved result into memory, equal to what was saved.

    Parameters
    ----------
    location : path or URL
        A store written by :func:`save` or ``dasknmf fit``.
    storage_options : dict, optional
        Options of the fsspec file system of a URL.

    Returns
    -------
    Dataset or DataTree

    Raises
    ------
    InputError
        If there is nothing there.
    FormatError
        If it is not a whole result of a known version.
    """
    options = read_storage_options() if storage_options is None else storage_options
    where = os.fspath(location)
    if not exists(location, storage_options=options):
        msg = f"there is no fit at {where}; make one with: dasknmf fit NETWORK -k 32 -o {where}"
        raise InputError(msg)
    group, attributes = open_group(
        location, where=where, what="needs a result of dasknmf fit", storage_options=options
    )
    if attributes.get("format") not in FORMATS:
        msg = (
            f"{where} is a Zarr group but not a dasknmf fit; make one with: dasknmf fit NETWORK -k 32 -o FIT"
        )
        raise FormatError(msg)
    if attributes.get("complete") is not True:
        msg = f"{where} was never finished (its writer was stopped); remove it and fit again"
        raise FormatError(msg)
    if str(attributes.get("version")).split(".")[0] != VERSION.split(".")[0]:
        msg = f"{where} has fit format {attributes.get('version')}; this dasknmf reads {VERSION}: upgrade it"
        raise FormatError(msg)
    check_seal(attributes, where=where, remedy=REMEDY)
    check_files(location, where=where, remedy=REMEDY)
    contents = attributes.get(CONTENTS)
    check_arrays(group, contents, where)
    try:
        opened = _as_saved(_opened(group))
    except Exception as error:  # xarray, zarr and its codecs raise what they come upon
        if is_of_the_machine(error):
            raise
        raise damaged(where, "of the result", error, REMEDY) from error
    for name in {"complete", CONTENTS, SEAL} & set(opened.attrs):
        del opened.attrs[name]
    if contents is not None:
        compare_contents(opened, contents, where)
    return opened


def _opened(group: Any) -> Any:
    import xarray as xr

    if any(True for _ in group.group_keys()):
        return xr.open_datatree(group.store, engine="zarr", consolidated=False).load()
    return xr.open_zarr(group.store, consolidated=False).load()


def _as_saved(opened: Any) -> Any:
    """Drop what the way through Zarr added: encodings, and the string type of names."""
    import xarray as xr

    if isinstance(opened, xr.DataTree):
        return opened.map_over_datasets(_as_saved)
    for name, values in opened.variables.items():
        if values.dtype.kind in "TU":
            text = (values.dims, np.asarray(values.values, dtype=object), values.attrs)
            opened = (
                opened.assign_coords({name: text}) if name in opened.coords else opened.assign({name: text})
            )
    return opened.drop_encoding()
