"""A gallery of tiles: one image for all of them, wrapped to the width of the window; a click enlarges a tile."""

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from pages.ui.components.register import register_component

SHEET_COLUMNS = 32
JPEG_QUALITY = 92  # for viewing only; what is saved or downloaded is PNG
BAR_LENGTHS_UM = (1, 2, 5, 10, 25, 50, 100, 250)
MAX_BAR = 0.45  # of a tile's side; a longer bar is replaced by a shorter length
SCALE_UNKNOWN = "Scale unknown: the pixel size is not in the files."

_mount = register_component("svp_gallery", __file__)


def show_gallery(
    tiles: NDArray[np.uint8],
    *,
    key: str,
    alt: str,
    words: Sequence[Sequence[str]] | None = None,
    captions: Sequence[str] | None = None,
    show_px: int = 64,
    lines: int | None = None,
    um_per_px: ArrayLike | None = None,
    picking: Mapping[str, Any] | None = None,
) -> None:
    """Draw tiles (N, H, H) or (N, H, H, 3), sent to the browser as one image.

    alt: text for screen readers. words: lines of text per tile, shown on hover and beside the enlarged tile. captions:
    a short text below each tile. show_px: side of a tile on the screen. lines: draw only what fits into so many rows.
    um_per_px: pixel size of each tile (N,), NaN where unknown: draws scale bars; None: no scale is mentioned. picking:
    makes tiles selectable: {"ids": an int per tile, "picked": the selected ids, "turn": another value whenever
    something other than this gallery has changed the selection, "changed": callback without arguments}; the ids
    selected in this gallery are then st.session_state[key]["picked"].
    """
    if not len(tiles):
        return
    columns = min(SHEET_COLUMNS, len(tiles))
    sheet = encode_sheet(side_by_side(np.asarray(tiles), columns))
    words = words or [[f"{number} of {len(tiles)}"] for number in range(1, len(tiles) + 1)]
    captions = captions or [""] * len(tiles)
    bar_um, bars = scale_bars(um_per_px, tiles.shape[1]) if um_per_px is not None else (None, [None] * len(tiles))
    items = [
        {"words": list(texts), "caption": caption, "bar": bar}
        for texts, caption, bar in zip(words, captions, bars, strict=True)
    ]
    ids = [int(number) for number in picking["ids"]] if picking else []
    version = hashlib.blake2b(f"{sheet}{items}{show_px}{lines}{ids}".encode(), digest_size=12).hexdigest()
    data = {
        "version": version,
        "sheet": sheet,
        "columns": columns,
        "px": tiles.shape[1],
        "show": show_px,
        "lines": lines,
        "alt": alt,
        "items": items,
        "bar_text": f"{bar_um:g} µm" if bar_um else "",
        "legend": _legend(bar_um, bars) if um_per_px is not None else "",
    }
    if not picking:
        _mount(key=key, data=data)
        return
    picked = sorted(set(ids) & set(picking["picked"]))
    data |= {"ids": ids, "picked": picked, "turn": picking["turn"]}
    _mount(key=key, data=data, default={"picked": picked}, on_picked_change=picking["changed"])


def scale_bars(um_per_px: ArrayLike, side_px: int) -> tuple[float | None, list[float | None]]:
    """(length in µm of the scale bars of these tiles, its share of the side of each tile).

    One length for all tiles, 10 or 25 µm where it fits: the longest of BAR_LENGTHS_UM that takes at most MAX_BAR of the
    tile with the median pixel size. None for a tile without a scale, or on which the bar does not fit.
    """
    sides_um = side_px * np.asarray(um_per_px, float)
    known = sides_um[np.isfinite(sides_um)]
    if not len(known):
        return None, [None] * len(sides_um)
    fitting = [length for length in BAR_LENGTHS_UM if length <= MAX_BAR * np.median(known)]
    bar_um = float(fitting[-1] if fitting else BAR_LENGTHS_UM[0])
    shares = [bar_um / side if np.isfinite(side) else np.inf for side in sides_um]
    return bar_um, [round(share, 4) if share < 0.9 else None for share in shares]


def _legend(bar_um, bars):
    if bar_um is None:
        return SCALE_UNKNOWN
    return f"Scale bar {bar_um:g} µm" + ("; tiles without a bar have no known scale." if None in bars else ".")


def encode_sheet(pixels: NDArray[np.uint8]) -> str:
    """Base64 text of an image (H, W) or (H, W, 3) as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()


def side_by_side(tiles: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """One image of tiles (N, H, W) or (N, H, W, 3) in rows of `columns`; unused places are white."""
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * columns, *tiles.shape[1:]), 255, np.uint8)
    sheet[: len(tiles)] = tiles
    height, width, *colour = tiles.shape[1:]
    sheet = sheet.reshape(rows, columns, height, width, *colour).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, *colour)
