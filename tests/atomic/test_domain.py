"""Atoms on the line against a sorted list."""

from __future__ import annotations

import bisect

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dasknmf.atomic.domain import (
    Domain,
    at_or_after,
    insert,
    make_domain,
    next_bin,
    remove,
    shift,
    with_room,
)

NOTHING = np.zeros(0, np.int64), np.zeros(0)


def check(domain: Domain, atoms: dict[int, float]) -> None:
    """Every link, bin and bitmap is that of these atoms, mass by position."""
    n = int(domain.ends[0])
    order = sorted(atoms)
    assert n == len(order)
    assert {int(p): float(m) for p, m in zip(domain.position[:n], domain.mass[:n], strict=True)} == atoms
    assert (domain.bin[:n] == domain.position[:n] // domain.bin_length).all()
    walked, before = [], -1
    atom = int(domain.ends[1])
    while atom >= 0:
        assert domain.left[atom] == before
        walked.append(int(domain.position[atom]))
        before, atom = atom, int(domain.right[atom])
    assert walked == order
    assert domain.ends[2] == before
    first: dict[int, int] = {}
    for position in order:
        first.setdefault(position // domain.bin_length, position)
    filled = {int(b): int(domain.position[domain.first[b]]) for b in np.flatnonzero(domain.first >= 0)}
    assert filled == first
    below = [b in first for b in range(len(domain.first))]
    for start, end in zip(domain.level[:-1], domain.level[1:], strict=True):
        words = domain.occupied[start:end]
        bits = np.unpackbits(words.view(np.uint8), bitorder="little")
        assert bits[: len(below)].tolist() == [int(flag) for flag in below]
        assert not bits[len(below) :].any()
        below = (words > 0).tolist()
    assert len(below) == 1


@given(
    bins=st.sampled_from([1, 2, 31, 33, 1025, 40_000]),
    begin=st.integers(0, 12),
    actions=st.integers(1, 60),
    seed=st.integers(0, 9999),
)
def test_any_births_deaths_and_moves_leave_the_line_in_order(bins: int, begin: int, actions: int, seed: int):
    rng = np.random.default_rng(seed)
    length = make_domain(bins, *NOTHING).bin_length * bins
    atoms = {int(rng.integers(length)): float(rng.random()) for _ in range(begin)}
    domain = make_domain(
        bins, np.array([*atoms], np.int64), np.array([*atoms.values()]), room=begin + actions
    )
    check(domain, atoms)
    for _ in range(actions):
        n = int(domain.ends[0])
        action = rng.integers(3) if n else 0
        if action == 0:
            # near others as often as far from them, and at both ends
            near = rng.choice([*atoms]) if atoms and rng.random() < 0.5 else rng.integers(length)
            position = int(np.clip(near + rng.integers(-3, 4), 0, length - 1))
            order = sorted(atoms)
            after = at_or_after(domain, position)
            expected = bisect.bisect_left(order, position)
            assert (int(domain.position[after]) if after >= 0 else None) == (
                order[expected] if expected < len(order) else None
            )
            if position in atoms:
                continue
            atoms[position] = float(rng.random())
            insert(domain, position, atoms[position], after)
        elif action == 1:
            atom = int(rng.integers(n))
            del atoms[int(domain.position[atom])]
            remove(domain, atom)
        else:
            atom = int(rng.integers(n))
            old = int(domain.position[atom])
            low = int(domain.position[domain.left[atom]]) if domain.left[atom] >= 0 else -1
            high = int(domain.position[domain.right[atom]]) if domain.right[atom] >= 0 else length
            position = int(rng.integers(low + 1, high))
            atoms[position] = atoms.pop(old)
            shift(domain, atom, position)
        check(domain, atoms)


def test_room_doubles_and_keeps_every_atom_its_number():
    rng = np.random.default_rng(0)
    position = rng.integers(2**60, size=20)
    domain = make_domain(7, position, rng.random(20), room=20)
    larger = with_room(domain)
    assert len(larger.position) >= 40
    np.testing.assert_array_equal(larger.position[:20], position)
    check(larger, dict(zip(position.tolist(), domain.mass.tolist(), strict=True)))


@given(filled=st.sets(st.integers(0, 5000), max_size=8), bin=st.integers(0, 5000))
def test_the_next_bin_that_is_not_empty_is_found_at_any_distance(filled: set[int], bin: int):  # noqa: A002
    empty = make_domain(5001, *NOTHING)
    position = np.array(sorted(filled), np.int64) * empty.bin_length
    domain = make_domain(5001, position, np.ones(len(filled)))
    assert next_bin(domain, bin) == min((b for b in filled if b > bin), default=-1)
