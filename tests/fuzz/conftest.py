"""One worker for all fuzz tests of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fuzz.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def worker() -> Iterator[Supervisor]:
    """A process of bounded memory that reads mutated files."""
    supervisor = Supervisor()
    yield supervisor
    supervisor.close()
