"""Names of points that do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

#: Where a name may stand, in points from its point, with its anchor: beside it first, which reads best.
SIDES = (
    (4, 0, "left", "center"),
    (-4, 0, "right", "center"),
    (0, 4, "center", "bottom"),
    (0, -4, "center", "top"),
    (3, 3, "left", "bottom"),
    (-3, 3, "right", "bottom"),
    (3, -3, "left", "top"),
    (-3, -3, "right", "top"),
    (10, 9, "left", "bottom"),
    (-10, 9, "right", "bottom"),
    (10, -9, "left", "top"),
    (-10, -9, "right", "top"),
)
#: Points from which a name needs a line to its point.
NEAR = 5


def name_points(
    ax: Axes, points: Sequence[tuple[float, float, str]], *, size: float, colour: str
) -> list[Annotation]:
    """Write names beside points, each where it is inside the axes and clear of the others; else not at all.

    Parameters
    ----------
    ax : Axes
        With their final limits, in a figure that is laid out.
    points : sequence of (x, y, name)
        The most important first: it is they that get a place.
    size : float
        Of the letters, in points.
    colour : str
        Of the letters.

    Returns
    -------
    list of Annotation
        The names that were written.
    """
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    dots = [ax.transData.transform((x, y)) for x, y, _ in points]
    taken = [Bbox.from_extents(x - 2, y - 2, x + 2, y + 2) for x, y in dots]
    inside = ax.get_window_extent()
    written: list[Annotation] = []
    for x, y, name in points:
        for side in SIDES:
            text = _annotate(ax, (x, y), name, side, size=size, color=colour)
            # of the letters alone, without the line to the point; the first call puts them where they belong
            text.get_window_extent()
            box = Text.get_window_extent(text)
            whole = (
                inside.x0 <= box.x0 and box.x1 <= inside.x1 and inside.y0 <= box.y0 and box.y1 <= inside.y1
            )
            if whole and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                written.append(text)
                break
            text.remove()
    return written


def _annotate(
    ax: Axes, at: tuple[float, float], name: str, side: tuple[int, int, str, str], **style: Any
) -> Annotation:
    """Write a name on a side of a point, far ones with a line to it."""
    from matplotlib.patheffects import withStroke

    right, up, ha, va = side
    arrow = (
        {"arrowstyle": "-", "lw": 0.4, "color": style["color"], "shrinkA": 0} if abs(right) > NEAR else None
    )
    text = ax.annotate(
        name,
        at,
        (right, up),
        textcoords="offset points",
        ha=ha,
        va=va,
        style="italic",
        arrowprops=arrow,
        **style,
    )
    # lines under the letters must not strike them out
    text.set_path_effects([withStroke(linewidth=1.8, foreground="white")])
    text.set_zorder(6)
    # a name that is placed must not move what it was placed in
    text.set_in_layout(False)
    return text
