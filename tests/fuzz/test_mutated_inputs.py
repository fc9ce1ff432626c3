"""Mutated inputs are read as other programs read them, or are one clear error, in bounded memory and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from tests.fuzz import bombs
from tests.fuzz.mutations import inputs
from tests.fuzz.samples import BYTES, MADE

if TYPE_CHECKING:
    from tests.fuzz.mutations import Change
    from tests.fuzz.supervisor import Supervisor


def check(outcome: tuple[str, str]) -> None:
    label, said = outcome
    assert label in ("right answer", "clear error"), said


@settings(max_examples=175)
@given(case=inputs(BYTES))
def test_files_of_bytes(worker: Supervisor, case: tuple[str, list[Change]]) -> None:
    check(worker.ask("input", *case))


@settings(max_examples=30)
@given(case=inputs(MADE))
def test_files_of_libraries(worker: Supervisor, case: tuple[str, list[Change]]) -> None:
    check(worker.ask("input", *case))


@pytest.mark.parametrize("name", [*bombs.INPUTS, *bombs.MADE])
def test_what_claims_or_unpacks_to_more_than_there_is(worker: Supervisor, name: str) -> None:
    label, said = worker.ask("bomb", name)
    assert label == "clear error", said
