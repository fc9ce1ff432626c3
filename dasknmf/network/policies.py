"""What to do with self-loops, duplicates, negative weights and asymmetry; what was found; how to complain."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np

from dasknmf.errors import InputError, offenders, one_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

    from numpy.typing import NDArray

Duplicates = Literal["error", "max", "mean", "sum"]
Asymmetric = Literal["error", "max", "mean"]
SelfLoops = Literal["keep", "drop", "error"]
Negative = Literal["error", "clip", "absolute"]
Problem = Literal["nonfinite", "negative", "self_loop", "duplicate", "asymmetric"]

#: Offenders that a message shows.
SHOWN = 3
#: Two directions of a pair that differ by less are equal: a few float32 roundings.
TOLERANCE = 1e-6

# kind of problem: (one, many, what is needed and what to type), in the order they are reported
_COMPLAINTS: dict[Problem, tuple[str, str, str]] = {
    "nonfinite": (
        "weight that is NaN, infinite or beyond float32",
        "weights that are NaN, infinite or beyond float32",
        "weights must be finite: remove these entries, or replace them by 0",
    ),
    "negative": (
        "negative weight",
        "negative weights",
        'weights must be ≥ 0: --negative clip or --negative absolute, negative="clip" or negative="absolute"',
    ),
    "self_loop": (
        "self-loop",
        "self-loops",
        'say what to do with them: --self-loops drop (or keep), self_loops="drop"',
    ),
    "duplicate": (
        "gene pair given more than once",
        "gene pairs given more than once",
        'say how to merge them: --duplicates max (or mean, sum), duplicates="max"',
    ),
    "asymmetric": (
        "gene pair whose two directions differ",
        "gene pairs whose two directions differ",
        'a network must be symmetric; say how to make it so: --asymmetric max (or mean), asymmetric="max"',
    ),
}


@dataclass(frozen=True)
class Policies:
    """The options of :func:`dasknmf.import_network` that say how a source is mended, or refused."""

    duplicates: Duplicates = "error"
    asymmetric: Asymmetric = "error"
    self_loops: SelfLoops = "keep"
    negative: Negative = "error"

    def __post_init__(self) -> None:
        for name, known in (
            ("duplicates", get_args(Duplicates)),
            ("asymmetric", get_args(Asymmetric)),
            ("self_loops", get_args(SelfLoops)),
            ("negative", get_args(Negative)),
        ):
            one_of(name, getattr(self, name), known)

    def mend(self, weight: NDArray[Any]) -> NDArray[Any]:
        """Return weights with the negative ones clipped or made absolute."""
        if self.negative == "error":
            return weight
        mended: NDArray[Any] = np.abs(weight) if self.negative == "absolute" else np.maximum(weight, 0)
        return mended


@dataclass
class Counts:
    """What the policies met and changed, for the provenance of the store."""

    entries_read: int = 0
    zeros_dropped: int = 0
    self_loops: int = 0
    duplicates_merged: int = 0
    asymmetric_merged: int = 0
    negatives_changed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as plain integers."""
        return {name: int(value) for name, value in asdict(self).items()}

    def diagonal(self, policies: Policies) -> str:
        """Return what became of the diagonal: ``"kept"``, ``"dropped"`` or ``"empty"``."""
        if self.self_loops == 0:
            return "empty"
        return "kept" if policies.self_loops == "keep" else "dropped"


class Offender(NamedTuple):
    """An entry that breaks a policy; ``across`` is the weight on the other side of the diagonal, if it matters."""

    row: int
    column: int
    weight: float
    across: float | None = None


@dataclass
class Findings:
    """Offenders against a policy that says error: the first few of each kind, and how many."""

    first: dict[Problem, list[Offender]] = field(default_factory=dict)
    count: dict[Problem, int] = field(default_factory=dict)

    def note(
        self,
        kind: Problem,
        row: NDArray[Any],
        column: NDArray[Any],
        weight: NDArray[Any],
        bad: NDArray[np.bool_],
        across: NDArray[Any] | None = None,
    ) -> None:
        """Take note of the entries where ``bad`` is true."""
        where = np.flatnonzero(bad)
        if where.size == 0:
            return
        self.count[kind] = self.count.get(kind, 0) + int(where.size)
        first = self.first.setdefault(kind, [])
        for k in where[: SHOWN - len(first)].tolist():
            other = None if across is None else float(across[k])
            first.append(Offender(int(row[k]), int(column[k]), float(weight[k]), other))

    @property
    def worst(self) -> Problem | None:
        """The kind of problem to report: the first in the order of the checks."""
        return next((kind for kind in _COMPLAINTS if kind in self.count), None)


def complain(kind: Problem, where: str, shown: Iterable[str], count: int) -> NoReturn:
    """Raise the one error about a kind of problem.

    Raises
    ------
    InputError
        With what was given, where, the first offenders and their count, and what to type.
    """
    one, many, remedy = _COMPLAINTS[kind]
    msg = f"{where}: {one if count == 1 else many}: {offenders(shown, count)}; {remedy}"
    raise InputError(msg)


def mend_entries(
    row: NDArray[Any],
    column: NDArray[Any],
    weight: NDArray[np.float64],
    policies: Policies,
    counts: Counts,
    findings: Findings,
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float64]]:
    """Apply the policies that concern one entry at a time: finite, non-negative, self-loop."""
    counts.entries_read += len(weight)
    with np.errstate(over="ignore"):
        finite = np.isfinite(weight.astype(np.float32))
    if not finite.all():
        findings.note("nonfinite", row, column, weight, ~finite)
    below = weight < 0
    if below.any():
        if policies.negative == "error":
            findings.note("negative", row, column, weight, below & finite)
        else:
            counts.negatives_changed += int(np.count_nonzero(below))
            weight = policies.mend(weight)
    loop = row == column
    if loop.any():
        present = loop & (weight != 0)
        counts.self_loops += int(np.count_nonzero(present))
        if policies.self_loops == "error":
            findings.note("self_loop", row, column, weight, present)
        elif policies.self_loops == "drop":
            row, column, weight = row[~loop], column[~loop], weight[~loop]
    return row, column, weight


def merge_pairs(
    key: NDArray[np.int64],
    weight: NDArray[np.float64],
    policies: Policies,
    counts: Counts,
    findings: Findings,
    *,
    n: int,
    absent_is_zero: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Apply the policies that concern a pair: duplicates, then the two directions.

    Parameters
    ----------
    key : ndarray of int64, shape (m,)
        ``(row · n + column) · 2 + direction`` with row ≤ column, direction 1 if given as (column, row).
    weight : ndarray of float64, shape (m,)
        Finite and non-negative weights.
    policies, counts, findings
        What to do, and where to note what was met.
    n : int
        Genes.
    absent_is_zero : bool
        Whether a direction that the source does not give is a zero (a matrix), or just not said (a list).

    Returns
    -------
    pair : ndarray of int64, sorted, unique
        ``row · n + column``.
    weight : ndarray of float64
        Merged weights; zeros are still there.
    """
    key, weight = _merge_duplicates(key, weight, policies, counts, findings, n)
    pair = key >> 1
    both = np.zeros(len(pair), dtype=bool)
    both[:-1] = pair[:-1] == pair[1:]
    second = np.zeros(len(pair), dtype=bool)
    second[1:] = both[:-1]
    other = np.zeros(len(pair))
    other[:-1][both[:-1]] = weight[1:][both[:-1]]
    # row == column where row · n + column is a multiple of n + 1
    compared = both | (~second & (pair % (n + 1) != 0)) if absent_is_zero else both
    high = np.maximum(weight, other)
    differ = compared & (np.abs(weight - other) > TOLERANCE * high)
    merged = np.where(both, high, weight)
    if differ.any():
        if policies.asymmetric == "error":
            # a pair given only as (column, row) is zero as (row, column)
            lower = (key & 1).astype(bool)
            row, column = np.divmod(pair, n)
            above, below = np.where(lower, 0.0, weight), np.where(lower, weight, other)
            findings.note("asymmetric", row, column, above, differ, below)
        else:
            counts.asymmetric_merged += int(np.count_nonzero(differ))
            if policies.asymmetric == "mean":
                merged[differ] = (weight[differ] + other[differ]) / 2
    return pair[~second], merged[~second]


def _merge_duplicates(
    key: NDArray[np.int64],
    weight: NDArray[np.float64],
    policies: Policies,
    counts: Counts,
    findings: Findings,
    n: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    order = np.argsort(key)
    key, weight = key[order], weight[order]
    first = np.ones(len(key), dtype=bool)
    first[1:] = key[1:] != key[:-1]
    if first.all():
        return key, weight
    if policies.duplicates == "error":
        again = np.zeros(len(key), dtype=bool)
        again[:-1] = first[:-1] & ~first[1:]
        row, column = np.divmod(key >> 1, n)
        flipped = (key & 1).astype(bool)
        row, column = np.where(flipped, column, row), np.where(flipped, row, column)
        findings.note("duplicate", row, column, weight, again)
        return key[first], weight[first]
    counts.duplicates_merged += int(np.count_nonzero(~first))
    # by weight within a pair, so that a sum does not depend on the order of the lines
    weight = weight[np.lexsort((weight, key))]
    starts = np.flatnonzero(first)
    if policies.duplicates == "max":
        return key[starts], np.maximum.reduceat(weight, starts)
    total = np.add.reduceat(weight, starts)
    if policies.duplicates == "mean":
        total = total / np.diff(np.append(starts, len(key)))
    return key[starts], total
