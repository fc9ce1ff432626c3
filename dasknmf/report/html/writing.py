"""Writing a report: results in, one HTML file out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dasknmf.errors import missing_dependency
from dasknmf.report.html.page import page_of
from dasknmf.report.html.runs import gather
from dasknmf.storage import read_storage_options, require_free
from dasknmf.whole_file import write_whole

if TYPE_CHECKING:
    from dasknmf.storage import Location, StorageOptions


def write_report(
    runs: Any,
    location: Location,
    *,
    network: Location | None = None,
    title: str | None = None,
    mixed: bool = False,
    overwrite: bool = False,
    storage_options: StorageOptions | None = None,
) -> int:
    """Write one self-contained HTML file of saved results, to read in any browser, to print and to mail.

    It says what was factorized, how many factors there are and why, what is in them, how W and H are related, what
    algorithms and nested levels make of the network, and how to repeat all that. What there is no result for is left
    out. The file loads nothing from anywhere and is the same to the bit for the same results.

    Parameters
    ----------
    runs : path, Dataset, DataTree, a sequence of these, or a mapping of names to them
        Results of any kind, saved or in memory, in any order: fits, surveys, symmetries, comparisons, nested
        associations, fragmentation and enrichment, told apart by their ``format``.
    location : path or URL
        Where the file is to be; seen whole or not at all.
    network : path or URL, optional
        The store that was factorized, for its card; by default the one that results name, if it is still there, local,
        and has their checksum.
    title : str, optional
        Of the page; by default from the names of networks.
    mixed : bool
        Take results of several networks on one page; otherwise they are refused, by their checksums. Nested
        associations of nulls and controls always may stand beside those of a network.
    overwrite : bool
        Replace what is there; otherwise that is an error.
    storage_options : dict, optional
        Options of the fsspec file system of URLs.

    Returns
    -------
    int
        Bytes written.

    Raises
    ------
    InputError
        Without results; where two have one name; where they are of several networks, or ``network`` is another; where
        the place is taken.
    FormatError
        If something is not a whole result of a known format.
    MissingDependencyError
        Without jinja2 or matplotlib: ``pip install 'dasknmf[report]'``.

    Notes
    -----
    Folders of the machine that made a result are not on the page, only last parts of paths, and of URLs neither
    passwords nor queries. Large figures are PNG where that is smaller than SVG.

    Examples
    --------
    >>> import dasknmf, numpy as np, pathlib, tempfile
    >>> fit = dasknmf.nmf(np.kron(np.eye(2), np.ones((3, 3))), n_components=2)
    >>> page = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> dasknmf.write_report(fit, page) == page.stat().st_size  # doctest: +SKIP
    True
    """
    options = read_storage_options() if storage_options is None else storage_options
    require_free(location, overwrite=overwrite, storage_options=options)
    _require_libraries()
    contents = gather(runs, network=network, mixed=mixed, storage_options=options)
    page = page_of(contents, title=title).encode("utf-8")
    write_whole(os.fspath(location), page, storage_options=options)
    return len(page)


def _require_libraries() -> None:
    """Refuse to begin where a library is lacking, before figures are drawn."""
    from importlib.util import find_spec

    for library in ("jinja2", "matplotlib"):
        if find_spec(library) is None:
            raise missing_dependency(library, extra="report", purpose="writing a report")
