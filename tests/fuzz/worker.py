"""A process of bounded memory in which mutated inputs and stores are read, one after the other.

What hangs, is killed or crashes in it is seen from outside; see :mod:`tests.fuzz.supervisor`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import resource
import shutil
import struct
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

from dasknmf.errors import DasknmfError
from tests.fuzz import bombs, samples, store_samples
from tests.fuzz.mutations import change_store, changed, copied

#: Bytes that reading may take beside what the process has when all samples have been read once.
ALLOWED = 2**30
RIGHT, CLEAR, OTHER = "right answer", "clear error", "other"


def _kind(name: str) -> str:
    """Return the kind of sample that a bomb is read as."""
    return f"{name.partition('-')[0]}.{name.partition('.')[2]}"


class Reader:
    """Reads what is asked for, and says what came of it."""

    def __init__(self, folder: Path, *, slow: bool) -> None:
        self.folder, self.slow = folder, slow
        self.inputs, self.stores, self.scratch = (folder / name for name in ("inputs", "stores", "scratch"))
        self._originals: dict[tuple[str, str], Any] = {}
        self.expected_output: dict[tuple[str, ...], tuple[int, str, str]] = {}

    def prepare(self) -> None:
        """Make all samples, and read each once, so that what is loaded for them is loaded."""
        for place in (self.inputs, self.stores, self.scratch):
            place.mkdir(parents=True)
        for kind in samples.BYTES:
            (self.inputs / kind).write_bytes(samples.bytes_of(kind))
        for kind in samples.MADE:
            samples.make(kind, self.inputs / kind)
        store_samples.make_all(self.stores, slow=self.slow)
        for kind in (*samples.BYTES, *samples.MADE):
            found = samples.read(kind, self.inputs / kind, self.scratch)
            others = samples.by_others(kind, self.inputs / kind, self.scratch)
            if not any(samples.agree(kind, found, other) for other in others):
                msg = f"{kind}: we read {found}, others {others}"
                raise AssertionError(msg)
            self._originals["input", kind] = found
        for kind in store_samples.ALL_STORES if self.slow else store_samples.STORES:
            for _ in range(2):
                where = self._copy_store(kind)
                found = store_samples.open_store(kind, where, self.stores)
                if not store_samples.same(self._originals.setdefault(("store", kind), found), found):
                    msg = f"{kind} is not the same when it is opened again"
                    raise AssertionError(msg)

    def _copy_store(self, kind: str) -> Path:
        to = copied(self.stores / kind, self.scratch / "store" / kind)
        if kind == "net.zarr.sketch":
            copied(self.stores / "net.zarr", to.with_name("net.zarr"))
        return to / kind if (self.stores / kind).is_file() else to

    def input(self, kind: str, changes: list[Any]) -> tuple[str, str]:
        """Read a mutated input."""
        given = self.inputs / kind
        place = self.scratch / kind
        if given.is_dir():
            copied(given, place)
            for change in changes:
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    change_store(place, change[1], change)
        else:
            data = given.read_bytes()
            for change in changes:
                data = changed(data, change)
            place.write_bytes(data)
        return self.outcome(
            place.name,
            lambda: samples.read(kind, place, self.scratch),
            lambda found: self._agreed(kind, place, found),
        )

    def _agreed(self, kind: str, place: Path, found: Any) -> str:
        if samples.agree(kind, found, self._originals["input", kind]):
            return ""
        others = samples.by_others(kind, place, self.scratch)
        if any(other is not None and samples.agree(kind, found, other) for other in others):
            return ""
        return f"we read {str(found)[:600]}; others {str(others)[:600]}; the file is {place.read_bytes()[:300]!r}"

    def bomb(self, name: str) -> tuple[str, str]:
        """Read an input that claims or unpacks to more than may be taken; it can have no right answer."""
        place = self.scratch / name
        if name in bombs.MADE:
            bombs.MADE[name](place)
        else:
            place.write_bytes(bombs.INPUTS[name](place))
        return self._refused(name, lambda: samples.read(_kind(name), place, self.scratch))

    def checkpoint(self, name: str) -> tuple[str, str]:
        """Resume from a checkpoint that is none."""
        place = self.scratch / "run.checkpoint"
        place.write_bytes(bombs.CHECKPOINTS[name](place))
        return self._refused("run", lambda: store_samples.resumed(self.stores / "net.zarr", place))

    def claim(self, kind: str, array: str, shape: list[int]) -> tuple[str, str]:
        """Open a store as it was written before attributes were sealed, with an array that claims a shape."""
        place = self._copy_store(kind)
        header = json.loads((place / "zarr.json").read_text())
        for held in (header["attributes"], header["attributes"].get("dasknmf", {})):
            for name in ("seal", "contents"):
                held.pop(name, None)
        (place / "zarr.json").write_text(json.dumps(header))
        about = json.loads((place / array / "zarr.json").read_text())
        about["shape"] = shape
        about["chunk_grid"]["configuration"]["chunk_shape"] = shape
        (place / array / "zarr.json").write_text(json.dumps(about))
        return self._refused(kind, lambda: store_samples.open_store(kind, place, self.stores))

    def _refused(self, name: str, act: Any) -> tuple[str, str]:
        label, said = self.outcome(name, act, lambda found: f"it was read: {str(found)[:200]}")
        if (self.scratch / "unpickled").exists():
            return OTHER, "something was unpickled"
        return label, said

    def store(self, kind: str, number: int, change: Any) -> tuple[str, str]:
        """Open a mutated store."""
        place = self._copy_store(kind)
        where = change_store(place if place.is_dir() else place.parent, number, change)
        original = self._originals["store", kind]
        label, said = self.outcome(
            kind.removesuffix(".sketch"),
            lambda: store_samples.open_store(kind, place, self.stores),
            lambda found: (
                "" if store_samples.same(found, original) else f"another answer: {str(found)[:600]}"
            ),
        )
        return label, said if label != OTHER else f"{where}: {said}"

    def command(self, kind: str, number: int, change: Any, arguments: tuple[str, ...]) -> tuple[str, str]:
        """Run a command on a mutated store; ``@`` stands for it, and ``@/`` for the folder of unmutated ones."""
        key = (kind, *arguments)
        if key not in self.expected_output:
            self.expected_output[key] = self._run(self._copy_store(kind), arguments)
        place = self._copy_store(kind)
        where = change_store(place if place.is_dir() else place.parent, number, change)
        try:
            code, said, told = self._run(place, arguments)
        except BaseException:
            return OTHER, f"{where}: {traceback.format_exc()}"
        if code == 0:
            right = said == self.expected_output[key][1]
            return (RIGHT, "") if right else (OTHER, f"{where}: it says {said[:400]}")
        last = told.strip().splitlines()[-1] if told.strip() else ""
        if (
            code == 1
            and last.startswith("dasknmf: ")
            and "Traceback" not in told
            and "DASKNMF_DEBUG" not in last
        ):
            return CLEAR, last
        return OTHER, f"{where}: exit {code}: {told[:800]}"

    def _run(self, place: Path, arguments: tuple[str, ...]) -> tuple[int, str, str]:
        from dasknmf.cli import main

        output = self.scratch / "output"
        shutil.rmtree(output, ignore_errors=True)
        output.mkdir()
        given = [
            str(place)
            if part == "@"
            else part.replace("@/", f"{self.stores}/").replace("@out/", f"{output}/")
            for part in arguments
        ]
        out, err = io.StringIO(), io.StringIO()
        before, sys.argv = sys.argv, ["dasknmf", *given]
        code: Any = 0
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                main()
        except SystemExit as left:
            code = left.code
        finally:
            sys.argv = before
        return int(code or 0), out.getvalue(), err.getvalue()

    def outcome(self, name: str, act: Any, problem: Any) -> tuple[str, str]:
        """Do something, and say what came of it."""
        try:
            found = act()
        except DasknmfError as error:
            said = str(error)
            if "\n" in said or len(said) > 2500 or name.partition(".")[0] not in said:
                return OTHER, f"not a clear error: {said[:600]!r}"
            return CLEAR, said
        except BaseException:
            return OTHER, traceback.format_exc()
        wrong = problem(found)
        return (OTHER, f"a wrong answer: {wrong}") if wrong else (RIGHT, "")


def main() -> None:
    """Answer requests on stdin until it ends."""
    folder, slow = Path(sys.argv[1]), sys.argv[2] == "slow"
    # what libraries print must not come between answers
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    reader = Reader(folder, slow=slow)
    reader.prepare()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ALLOWED, size + ALLOWED))

    def answer(value: Any) -> None:
        data = pickle.dumps(value)
        answers.write(struct.pack("<Q", len(data)) + data)
        answers.flush()

    answer("ready")
    while header := sys.stdin.buffer.read(8):
        what, *given = pickle.loads(sys.stdin.buffer.read(struct.unpack("<Q", header)[0]))
        answer(getattr(reader, what)(*given))


if __name__ == "__main__":
    main()
