"""The page: sections in order, through the templates."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from dasknmf.errors import missing_dependency
from dasknmf.report.html import formats
from dasknmf.report.html.algorithms import of_comparison
from dasknmf.report.html.decay import of_fragmentation
from dasknmf.report.html.factors import of_factors
from dasknmf.report.html.hierarchy import of_nested
from dasknmf.report.html.overview import in_short, of_network
from dasknmf.report.html.partners import of_symmetry
from dasknmf.report.html.provenance import of_provenance
from dasknmf.report.html.ranks import of_ranks

if TYPE_CHECKING:
    from dasknmf.report.html.blocks import Block
    from dasknmf.report.html.runs import Contents

#: In the order of the page; each returns None where there is nothing to tell.
SECTIONS = (
    in_short,
    of_network,
    of_ranks,
    of_factors,
    of_symmetry,
    of_comparison,
    of_nested,
    of_fragmentation,
    of_provenance,
)
TEMPLATES = "dasknmf.report.html"


def sections_of(contents: Contents) -> list[Block]:
    """Return all sections that have something to tell."""
    return [made for make in SECTIONS if (made := make(contents)) is not None]


def title_of(contents: Contents) -> str:
    """Return a title for a page: its networks."""
    names = [str(contents.card["location"])] if contents.card else []
    names += [run.network for run in contents.runs if run.network and not run.control]
    known = list(dict.fromkeys(names))
    return (
        f"Factors of {', '.join(known[:3])}{' and others' if len(known) > 3 else ''}"
        if known
        else "Factors of a gene network"
    )


def page_of(contents: Contents, *, title: str | None = None) -> str:
    """Return the page as HTML.

    Raises
    ------
    MissingDependencyError
        Without jinja2 or matplotlib.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError:
        error = missing_dependency("jinja2", extra="report", purpose="writing a report")
        raise error from None
    sections = sections_of(contents)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(TEMPLATES),
        # names of genes and networks come from outside
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "percent", "seconds", "size"):
        environment.filters[name] = getattr(formats, name)
    script = _text("zoom.js") if any(_has_tree(one) for one in sections) else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("page.html").render(
        title=title or title_of(contents),
        sections=sections,
        style=Markup(_text("style.css")),  # noqa: S704 # a file of this package
        script=Markup(script),  # noqa: S704 # a file of this package
        digest=digest,
        version=_version(),
    )


def _text(name: str) -> str:
    return files(TEMPLATES).joinpath("templates", name).read_text(encoding="utf-8").strip()


def _has_tree(block: Any) -> bool:
    return block.get("block") == "tree" or any(_has_tree(inside) for inside in block.get("blocks", ()))


def _version() -> str:
    from dasknmf import __version__

    return __version__
