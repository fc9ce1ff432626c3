"""Figures inside a page: SVG or PNG, whichever is smaller, with words for those who cannot see them."""

from __future__ import annotations

import base64
import io
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import xarray as xr
    from matplotlib.figure import Figure

    from dasknmf.report.html.blocks import Block

#: Dots per inch of a PNG: twice those of the widest figure on the page, so that it stays sharp when it is printed.
DPI = 150
#: Colours of a PNG. Figures are drawn in a few with their shades, and a palette takes a third of the bytes.
PALETTE = 256
#: Of all figures of a page: the same letters on every machine, and the same bytes at every run.
STYLE: Any = {"font.family": "DejaVu Sans", "svg.hashsalt": "dasknmf", "svg.fonttype": "path"}


def picture(draw: Callable[[], Any], *, alt: str, caption: str) -> Block:
    """Draw a figure and put it into a block.

    Parameters
    ----------
    draw : callable
        Returns a figure or axes.
    alt : str
        What the figure shows, in a sentence.
    caption : str
        How to read it.
    """
    import matplotlib as mpl

    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # a name in letters that the font lacks is drawn as boxes; it stands in the tables too
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        drawn = draw()
        figure = drawn if hasattr(drawn, "savefig") else drawn.figure.figure
        svg, png = _svg(figure), _png(figure)
    small, kind = min((svg, "svg+xml"), (png, "png"), key=lambda made: len(made[0]))
    width, height = figure.get_size_inches()
    return {
        "block": "picture",
        "src": f"data:image/{kind};base64,{base64.b64encode(small).decode('ascii')}",
        "alt": alt,
        "caption": caption,
        # CSS has 96 pixels in an inch
        "width": round(96 * float(width)),
        "height": round(96 * float(height)),
    }


def _svg(figure: Figure) -> bytes:
    made = io.BytesIO()
    figure.savefig(made, format="svg", metadata={"Date": None, "Creator": None})
    return made.getvalue()


def _png(figure: Figure) -> bytes:
    # matplotlib needs Pillow, so it is there
    from PIL import Image

    drawn, made = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(drawn) as image:
        few = image.convert("RGB").quantize(
            PALETTE, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE
        )
        few.save(made, format="png", optimize=True)
    return made.getvalue()


def for_drawing(result: xr.Dataset) -> xr.Dataset:
    """Return a result whose words matplotlib writes as they are, where a dollar would begin mathematics."""
    changed: dict[Hashable, Any] = {}
    for name, values in result.variables.items():
        if values.dtype.kind != "O":
            continue
        words = values.to_numpy()
        if any(isinstance(word, str) and "$" in word for word in words.ravel()):
            plain = np.array([_plain(word) for word in words.ravel()], dtype=object).reshape(words.shape)
            changed[name] = (values.dims, plain, values.attrs)
    coordinates = {name: changed.pop(name) for name in list(changed) if name in result.coords}
    made = result.assign_coords(coordinates).assign(changed)
    made.attrs = {name: _plain(value) for name, value in result.attrs.items()}
    return made


def _plain(word: Any) -> Any:
    return word.replace("$", r"\$") if isinstance(word, str) else word
