"""Dask's own report of a run: its tasks, profiles and transfers, as one HTML file."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dasknmf.engine.dask_executor import Distributed
from dasknmf.errors import InputError, missing_dependency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dasknmf.engine.executor import Executor

logger = logging.getLogger("dasknmf")


@contextmanager
def reported(executor: Executor, file: str | None) -> Iterator[None]:
    """Keep a report of what a cluster does in the block.

    Parameters
    ----------
    executor : Executor
        Where a run takes place.
    file : path, optional
        Of the report; without it there is none. A report that cannot be made at the end costs no result.

    Raises
    ------
    InputError
        If there is no Dask cluster to report of, or no folder for the file.
    MissingDependencyError
        Without bokeh, which the scheduler needs too.
    """
    if file is None:
        yield
        return
    if not isinstance(executor, Distributed):
        msg = "a performance report is of a Dask cluster, threads have none; add --cluster local, or leave it out"
        raise InputError(msg)
    if not Path(file).absolute().parent.is_dir():
        msg = f"performance report {file}: there is no folder {Path(file).absolute().parent}; make it first"
        raise InputError(msg)
    try:
        import bokeh  # noqa: F401
    except ImportError as error:
        raise missing_dependency("bokeh", extra="dashboard", purpose="a performance report") from error
    from distributed import performance_report

    report = performance_report(filename=str(file))
    with executor.client.as_current():
        report.__enter__()
    try:
        yield
    finally:
        try:
            with executor.client.as_current():
                report.__exit__(None, None, None)
        except Exception as error:  # of a cluster that is gone, or a scheduler without bokeh
            logger.warning("no performance report at %s: %s: %s", file, type(error).__name__, error)
