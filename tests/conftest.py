"""Fixtures that several rooms share."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

settings.register_profile(
    "dasknmf",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("dasknmf")

# s3fs never closes the session of an asynchronous file system; without a handler, asyncio would complain of it on
# stderr after pytest's last line
logging.getLogger("asyncio").addHandler(logging.NullHandler())

#: Real networks; not part of the project, tests that read them skip where the folder is absent.
DATA = Path(__file__).parents[2] / "shared" / "data"


def planted(n: int, k: int, *, seed: int, noise: float = 0.05) -> np.ndarray:
    """Return a symmetric non-negative matrix with ``k`` overlapping modules."""
    rng = np.random.default_rng(seed)
    V = rng.random((n, k)) * (rng.random((n, k)) < 0.4)
    E = rng.random((n, n)) * noise
    return V @ V.T + E + E.T


@pytest.fixture(scope="session")
def client() -> Iterator[Client]:
    """A client of two worker processes on loopback."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as connected,
    ):
        yield connected
