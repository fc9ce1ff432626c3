"""A mutated store gives exactly the numbers it was written with, or is one clear error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import bombs
from tests.fuzz.mutations import stores
from tests.fuzz.store_samples import STORES

if TYPE_CHECKING:
    from tests.fuzz.mutations import Change
    from tests.fuzz.supervisor import Supervisor

#: Commands by the store that they open; ``@`` is the mutated one, ``@/`` the folder of the others.
COMMANDS = {
    "dense.zarr": ("-q", "info", "@", "--verify", "--json"),
    "sparse.zarr": ("-q", "info", "@", "--verify"),
    "fit.zarr": ("-q", "top-genes", "@", "-n", "5", "--long"),
    "fits.zarr": ("-q", "top-genes", "@", "--model", "hals-k2-seed0", "--json"),
    "nested.zarr": ("-q", "fragmentation", "@", "--json"),
}


@settings(max_examples=200)
@given(case=stores(STORES))
def test_by_its_function(worker: Supervisor, case: tuple[str, int, Change]) -> None:
    label, said = worker.ask("store", *case)
    assert label in ("right answer", "clear error"), said


@settings(max_examples=20)
@given(case=stores(tuple(COMMANDS)))
def test_by_its_command(worker: Supervisor, case: tuple[str, int, Change]) -> None:
    label, said = worker.ask("command", *case, COMMANDS[case[0]])
    assert label in ("right answer", "clear error"), said


@pytest.mark.parametrize("name", bombs.CHECKPOINTS)
def test_a_checkpoint_that_is_none(worker: Supervisor, name: str) -> None:
    label, said = worker.ask("checkpoint", name)
    assert label == "clear error", said


@pytest.mark.parametrize(
    ("kind", "array", "shape"),
    [
        ("dense.zarr", "degree", [bombs.HUGE]),
        ("dense.zarr", "gene", [bombs.HUGE]),
        ("dense.zarr", "tiles", [bombs.HUGE, bombs.HUGE]),
        ("sparse.zarr", "tile_offset", [bombs.HUGE]),
        ("sparse.zarr", "weight", [bombs.HUGE]),
        ("fit.zarr", "W", [bombs.HUGE, 3]),
        ("fit.zarr", "gene", [bombs.HUGE]),
    ],
)
def test_a_huge_claim_in_a_store_without_a_seal(
    worker: Supervisor, kind: str, array: str, shape: list[int]
) -> None:
    label, said = worker.ask("claim", kind, array, shape)
    assert label == "clear error", said


@settings(max_examples=15)
@given(number=st.integers(0, 2**10), where=st.integers(0, 2**20))
def test_no_number_in_the_header_of_a_network_can_be_changed(
    worker: Supervisor, number: int, where: int
) -> None:
    """Nor anything else in it, except what is said of it by nobody but Zarr."""
    label, said = worker.ask("store", "dense.zarr", number, ("nudge", where, 0, 0))
    assert label in ("right answer", "clear error"), said
