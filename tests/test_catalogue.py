"""The list of solvers is made of the solvers there are."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import dasknmf
from dasknmf.methods import METHODS
from dasknmf.options import ModelOptions
from dasknmf.solvers import DIRECT, SOLVERS, solver_class
from dasknmf.solvers.direct import Direct
from dasknmf.solvers.hals import HALS

if TYPE_CHECKING:
    import pytest


def test_every_solver_is_listed_with_all_there_is_to_say() -> None:
    listed = dasknmf.list_solvers()
    assert listed.index.tolist() == [*SOLVERS, *DIRECT]
    for name, row in listed.iterrows():
        assert row["minimises"], name
        assert row["source"], name
        assert row["reads"], name
        assert list(row["parameters"]) == [field.name for field in fields(solver_class(str(name)))]
    assert listed.loc["hals", "rounds"] == HALS.rounds
    assert set(listed["kind"]) == {"iterative", "direct", "sampler"}


def test_every_direct_method_is_made_by_something_and_no_name_is_taken_twice() -> None:
    assert set(METHODS) == set(DIRECT)
    assert not set(SOLVERS) & set(DIRECT)


def test_every_parameter_can_be_given() -> None:
    names = {field.name for field in fields(ModelOptions)}
    for solver in (*SOLVERS.values(), *DIRECT.values()):
        assert {field.name for field in fields(solver)} <= names, solver


def test_a_new_solver_appears_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slower(HALS):
        name = "slower"
        rounds = 7
        source = "a paper"

    @dataclass(frozen=True)
    class Sampler(Direct):
        length: int = 5

        name = "sampler"
        kind = "sampler"
        minimises = "nothing"
        source = "another"
        reads = "1 in all"

    monkeypatch.setitem(SOLVERS, "slower", Slower)
    monkeypatch.setitem(DIRECT, "sampler", Sampler)
    listed = dasknmf.list_solvers()
    assert listed.loc["slower", ["kind", "rounds", "reads"]].tolist() == ["iterative", 7, "7 an iteration"]
    assert listed.loc["sampler", ["kind", "rounds", "reads"]].tolist() == ["sampler", 0, "1 in all"]
    assert listed.loc["sampler", "parameters"] == {"length": 5}
