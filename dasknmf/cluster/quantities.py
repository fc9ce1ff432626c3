"""Sizes and spans of time, as people write them and as Slurm does."""

from __future__ import annotations

import re
from math import isfinite
from numbers import Real
from typing import Any

from dask.utils import parse_bytes, parse_timedelta

from dasknmf.errors import InputError

#: What is larger is a slip, and no clock or memory takes it.
LARGEST = 2**62

_CLOCK = re.compile(r"(?:(\d+)-)?(\d+):([0-5]?\d)(?::([0-5]?\d))?")


def parse_memory(value: int | str | None) -> int | None:
    """Return bytes for ``"4 GiB"``, ``"512MB"`` or a number of bytes.

    Raises
    ------
    InputError
        If it is neither.

    Examples
    --------
    >>> parse_memory("1 GiB"), parse_memory(None)
    (1073741824, None)
    """
    if value is None:
        return None
    try:
        if isinstance(value, bool):
            raise TypeError
        size = parse_bytes(value)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        msg = f"memory limit {value!r}: needs a size such as '4 GiB' or a number of bytes"
        raise InputError(msg) from error
    if not 0 < size < LARGEST:
        msg = f"memory limit {value!r}: needs to be above 0{' and below 4 EiB' if size > 0 else ''}"
        raise InputError(msg)
    return int(size)


def parse_duration(value: Any, *, name: str) -> float | None:
    """Return seconds for ``"90 min"``, Slurm's ``"1-12:00:00"`` (days, hours, minutes, seconds) or a number of seconds.

    Raises
    ------
    InputError
        If it is none of these.

    Examples
    --------
    >>> parse_duration("2h", name="walltime"), parse_duration("1-12:00:00", name="walltime")
    (7200.0, 129600.0)
    """
    if value is None:
        return None
    try:
        seconds = _seconds(value)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError):
        seconds = 0.0
    if not (isfinite(seconds) and 0 < seconds < LARGEST):
        msg = f"{name}={value!r}: needs a time such as '2h', '90 min', '1-12:00:00' or a number of seconds"
        raise InputError(msg)
    return seconds


def _seconds(value: Any) -> float:
    if isinstance(value, str) and (clock := _CLOCK.fullmatch(value.strip())):
        days, first, second, third = (int(part or 0) for part in clock.groups())
        # Slurm: minutes:seconds, hours:minutes:seconds, days-hours:minutes and days-hours:minutes:seconds
        if clock[4] is None and clock[1] is None:
            return float(first * 60 + second)
        return float(((days * 24 + first) * 60 + second) * 60 + third)
    if isinstance(value, str):
        return float(parse_timedelta(value))
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError
    return float(value)
