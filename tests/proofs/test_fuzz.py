"""Proof: mutated inputs and stores of every kind, thousands of them with DASKNMF_PROOFS=long, and commands as run.

Each case runs in a process that may take 1 GiB beside what it has, and has 30 seconds. Outcomes are counted and
printed: a right answer (by another program, or the numbers of the original), one clear error, or anything else, of
which there may be none.
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, seed, settings

import dasknmf
from tests.fuzz.bombs import CHECKPOINTS, INPUTS
from tests.fuzz.mutations import inputs, stores
from tests.fuzz.samples import BYTES, MADE
from tests.fuzz.store_samples import ALL_STORES
from tests.fuzz.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fuzz.mutations import Change

pytestmark = pytest.mark.proof

LONG = os.environ.get("DASKNMF_PROOFS") == "long"
#: Bytes of address space of a command, and its seconds.
MEMORY, SECONDS = 4 * 2**30, 120


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    """A worker that has results of every kind too, the slow ones to make among them."""
    made = Supervisor(slow=True)
    yield made
    for (what, outcome), count in sorted(made.counts.items()):
        print(f"{what}: {outcome}: {count:,}")
    made.close()


# another seed than that of the quick form, which is derandomized
@seed(7)
@settings(max_examples=4000 if LONG else 100, derandomize=False, database=None)
@given(case=inputs((*BYTES, *MADE)))
def test_inputs(supervisor: Supervisor, case: tuple[str, list[Change]]) -> None:
    label, said = supervisor.ask("input", *case)
    assert label in ("right answer", "clear error"), said


@seed(7)
@settings(max_examples=4000 if LONG else 100, derandomize=False, database=None)
@given(case=stores(ALL_STORES))
def test_stores(supervisor: Supervisor, case: tuple[str, int, Change]) -> None:
    label, said = supervisor.ask("store", *case)
    assert label in ("right answer", "clear error"), said


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, in bounded memory and time."""

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    return subprocess.run(
        [sys.executable, "-m", "dasknmf", "-q", *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        preexec_fn=bound,
        env={**os.environ, "MALLOC_ARENA_MAX": "2"},
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network, a fit of it, and files that are damaged or claim too much."""
    folder = tmp_path_factory.mktemp("fuzz")
    A = np.kron(np.eye(3), np.ones((8, 8)))
    dasknmf.import_network(A, folder / "net.zarr")
    dasknmf.import_network(A, folder / "cut.zarr")
    chunk = folder / "cut.zarr" / "tiles" / "c" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-9])
    fit = dasknmf.nmf(folder / "net.zarr", 2, max_iter=5)
    for name in ("fit.zarr", "flipped.zarr"):
        dasknmf.save(fit, folder / name)
    factor = folder / "flipped.zarr" / "W" / "c" / "0" / "0"
    data = bytearray(factor.read_bytes())
    data[len(data) // 2] ^= 1
    factor.write_bytes(bytes(data))
    (folder / "cut.tsv.gz").write_bytes(gzip.compress(b"g0\tg1\t1\n" * 999)[:-9])
    for name in ("edges-endless-line.tsv.zst", "csr-huge.npz", "config-laughs.yaml"):
        (folder / name).write_bytes(INPUTS[name](folder / name))
    (folder / "bad.checkpoint").write_bytes(CHECKPOINTS["claim"](folder / "bad.checkpoint"))
    return folder


@pytest.mark.parametrize(
    "command",
    [
        ("import", "@/edges-endless-line.tsv.zst", "@/new.zarr"),
        ("import", "@/csr-huge.npz", "@/new.zarr"),
        ("import", "@/cut.tsv.gz", "@/new.zarr"),
        ("info", "@/cut.zarr", "--verify"),
        ("top-genes", "@/flipped.zarr"),
        ("report", "@/flipped.zarr", "-o", "@/report.html"),
        ("fit", "@/net.zarr", "-k", "2", "-o", "@/out.zarr", "--checkpoint", "@/bad.checkpoint", "--resume"),
        ("fit", "@/net.zarr", "-k", "2", "-o", "@/out.zarr", "--config", "@/config-laughs.yaml"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_command_ends_with_one_line(made: Path, command: tuple[str, ...]) -> None:
    before = sorted(made.rglob("*"))
    done = run(*(part.replace("@", str(made)) for part in command))
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("dasknmf: ")
    assert str(made) in line
    # nothing half-made is left
    assert sorted(made.rglob("*")) == before
