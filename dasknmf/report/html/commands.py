"""The commands that make results again, from what their attributes say."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from dasknmf.parameters import PARAMETERS, PENALTIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dasknmf.report.html.runs import Contents, Run

#: Attributes that are options of the same name, in the order in which they are written.
OF_FIT = (
    "solver",
    "seed",
    "init",
    *PENALTIES,
    *PARAMETERS,
    "diagonal",
    "max_iter",
    "tol",
    "tol_objective",
    "max_seconds",
    "polish",
)
OF_SURVEY = (
    "solver",
    "seed",
    "init",
    "held_out_restarts",
    "consensus",
    "max_iter",
    "tol_objective",
    "polish",
    "diagonal",
)
OF_NESTED = ("method", "loadings", "similarity", "restarts", "seed")
OF_COMPARISON = ("max_iter", "iterations")
OF_SYMMETRY = ("restarts", "nulls", "kinds", "top", "seed")
OF_ENRICHMENT = ("min_size", "max_size", "universe")


def commands_of(contents: Contents) -> list[str]:
    """Return one command a saved result, in an order in which they can be run; none for results not made so.

    Names of files are their last parts. Results of several models in one store are one command a model, with an output
    of its own.
    """
    made: list[str] = []
    for run in contents.runs:
        words = list(_words(run, contents))
        if words:
            made.append(shlex.join(["dasknmf", *words]))
    return list(dict.fromkeys(made))


def _words(run: Run, contents: Contents) -> Iterator[str]:
    """Return the words of the command of one result."""
    # generated networks and matrices in memory are made in Python
    if not run.stored and run.kind != "fragmentation":
        return
    yield from {
        "fit": _fit,
        "survey": _survey,
        "symmetry": _symmetry,
        "comparison": _comparison,
        "nested": _nested,
        "fragmentation": _fragmentation,
        "enrichment": _enrichment,
    }[run.kind](run, contents)


def _output(run: Run) -> list[str]:
    several = run.name.removeprefix(f"{run.file}: ") if run.file and run.name != run.file else ""
    name = run.file or run.name.replace(" ", "-")
    return ["-o", f"{name.removesuffix('.zarr')}-{several}.zarr" if several else name]


def _flags(attributes: dict[str, Any], names: Sequence[str], *, prefix: str = "") -> Iterator[str]:
    for name in names:
        value = attributes.get(prefix + name, "none")
        # an option that was not given has no value to give
        if value is None or (isinstance(value, str) and value == "none"):
            continue
        if name in PENALTIES and not value:
            continue
        yield f"--{name.replace('_', '-').lower()}"
        yield _plain(value)


def _plain(value: Any) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).replace(", ", ",") if isinstance(value, str) else str(value)


def _fit(run: Run, contents: Contents) -> Iterator[str]:
    del contents
    a = run.attrs
    if "stability" in a and "restarts" in a:
        # the consensus of a survey, which is saved with it
        return
    yield from ["fit", run.network, "-k", _plain(a["n_components"]), *_output(run)]
    yield from _flags(a, OF_FIT)
    if a.get("exact"):
        yield "--exact"
    if not a.get("bound", 1):
        yield "--no-bound"


def _survey(run: Run, contents: Contents) -> Iterator[str]:
    del contents
    a = run.attrs
    yield from ["survey", run.network, "--ranks", _plain(run.result["rank"].to_numpy())]
    yield from ["--restarts", str(run.result.sizes["restart"]), *_output(run), *_flags(a, OF_SURVEY)]
    if "held_out_asked" in a:
        # not the share that was drawn, which is only near it
        yield from ["--held-out", _plain(a["held_out_asked"])]
    if a.get("warm_start"):
        yield "--warm-start"


def _symmetry(run: Run, contents: Contents) -> Iterator[str]:
    from dasknmf.report.html.factors import is_of

    fit = next((one.file for one in contents.of("fit") if one.file and is_of(run, one.result)), "FIT")
    yield from ["symmetry", fit, "--network", run.network, *_output(run)]
    yield from _flags(run.attrs, OF_SYMMETRY, prefix="option_")
    if not run.attrs.get("option_price", 1):
        yield "--no-price"


def _comparison(run: Run, contents: Contents) -> Iterator[str]:
    del contents
    a, options = run.attrs, json.loads(run.attrs.get("options", "{}"))
    yield from ["compare", run.network, "-k", _plain(a["n_components"]), *_output(run)]
    yield from [
        "--solvers",
        _plain(run.result["solver"].to_numpy()),
        "--kinds",
        _plain(run.result["network"].to_numpy()),
    ]
    yield from ["--restarts", str(run.result.sizes["restart"]), "--seed", _plain(a["seed"])]
    yield from _flags(options, OF_COMPARISON)


def _nested(run: Run, contents: Contents) -> Iterator[str]:
    del contents
    yield from ["nest", run.network, "-k", _plain(run.result["n_factors"].to_numpy()), *_output(run)]
    yield from _flags(run.attrs, OF_NESTED)


def _fragmentation(run: Run, contents: Contents) -> Iterator[str]:
    # in Python runs of a fragmentation have names of their own, often those of files without their endings
    by_name = {
        name: one.file or one.name
        for one in contents.of("nested")
        for name in (one.name, one.name.removesuffix(".zarr"), one.file)
    }
    names = [str(name) for name in run.result["run"].to_numpy()]
    yield from ["fragmentation", *(by_name.get(name, name) for name in names), *_output(run)]
    yield from [
        "--half-life",
        _plain(run.attrs.get("half_life_bound", 10.0)),
        "--seed",
        _plain(run.attrs.get("seed", 0)),
    ]


def _enrichment(run: Run, contents: Contents) -> Iterator[str]:
    from dasknmf.report.html.factors import is_of

    a = run.attrs
    if a["gene_sets"] == "given":
        # those of a mapping are in no file
        return
    fit = next((one.file for one in contents.of("fit") if one.file and is_of(run, one.result)), "FIT")
    yield from [
        "enrich",
        fit,
        "--gene-sets",
        str(a["gene_sets"]),
        *_output(run),
        "--sides",
        _plain(a["sides"]),
    ]
    if a.get("n_top") != "participation number":
        yield from ["--top", _plain(a["n_top"])]
    yield from _flags(a, OF_ENRICHMENT)
