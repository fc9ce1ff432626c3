"""Dask's own report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dasknmf
from dasknmf.errors import InputError
from dasknmf.execution import Execution
from tests.conftest import planted

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client


def test_it_names_the_tasks_of_the_run(client: Client, tmp_path: Path) -> None:
    pytest.importorskip("bokeh", reason="needs bokeh (pip install 'dasknmf[dashboard]')")
    A, file = planted(60, 3, seed=0), tmp_path / "report.html"
    options = {"exact": True, "max_iter": 3}
    models = [{"n_components": 3}]
    found = dasknmf.nmf_many(A, models, execution=Execution(client, performance_report=str(file)), **options)
    assert len(found.children) == 1
    text = file.read_text(encoding="utf-8")
    # names of tasks, as the dashboard shows them
    assert "sweep" in text
    assert "update" in text


def test_threads_have_none(tmp_path: Path) -> None:
    execution = Execution("threads", performance_report=str(tmp_path / "report.html"))
    with pytest.raises(InputError, match="--cluster local"):
        dasknmf.nmf_many(planted(30, 3, seed=0), [{"n_components": 3}], execution=execution)
    assert not list(tmp_path.iterdir())
