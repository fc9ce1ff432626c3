"""Numbers as a page writes them; they stay numbers until then."""

from __future__ import annotations

import math
from typing import Any

#: What stands where nothing was measured.
NOTHING = "–"


def number(value: Any) -> str:
    """Write a value: whole numbers in groups of three, others to three digits or so.

    Examples
    --------
    >>> number(16973), number(0.74133785), number(1.2e-17), number(float("nan")), number(float("inf"))
    ('16,973', '0.741', '1.2e−17', '–', '∞')
    >>> number(True), number(None), number("hals"), number(99.96)
    ('yes', '–', 'hals', '100.0')
    """
    if value is None:
        return NOTHING
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    size = abs(value)
    if size and (size < 5e-4 or size >= 1e15):
        mantissa, power = f"{value:.1e}".split("e")
        return f"{mantissa}e{int(power)}".replace("-", "−")
    if size >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    # as many decimals below 10, so that cosines of 0.999 and 1 stand below each other
    digits = 3 if size < 10 else 1 if size < 100 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def percent(share: Any) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.1234), percent(float("nan"))
    ('12.3 %', '–')
    """
    if share is None or not math.isfinite(share):
        return NOTHING
    return f"{100 * share:.1f} %"


def seconds(value: Any) -> str:
    """Write a duration.

    Examples
    --------
    >>> seconds(1.4256), seconds(754.0), seconds(7380)
    ('1.4 s', '12 min 34 s', '2 h 3 min')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if value < 60:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(value: Any) -> str:
    """Write bytes.

    Examples
    --------
    >>> size(3286592), size(512), size(5e9)
    ('3.3 MB', '512 B', '5.0 GB')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    for unit, power in (("GB", 9), ("MB", 6), ("kB", 3)):
        if value >= 10**power:
            return f"{value / 10**power:,.1f} {unit}"
    return f"{value:.0f} B"


def count(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun.

    Examples
    --------
    >>> count(1, "pair"), count(3923, "gene"), count(0, "2-cycle")
    ('1 pair', '3,923 genes', '0 2-cycles')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
