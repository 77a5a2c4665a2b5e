"""Many tiles to look at: one picture for all, wrapped to the width of the window; a click shows one of them large."""

import base64
import hashlib
import io

import numpy as np
from PIL import Image

from pages.ui.components.register import register_component

SHEET_COLUMNS = 32
QUALITY = 92  # JPEG, for looking only; what is saved or downloaded is PNG

_mount = register_component("svp_gallery", __file__)


def show_gallery(tiles, *, key, alt, words=None, captions=None, show_px=64, lines=None, picking=None):
    """Draw tiles, uint8 (N, H, H) or (N, H, H, 3); one call is one picture on the wire.

    alt: what is seen, for those who hear it. words: a list of lines for each tile, shown on hover and when it is large.
    captions: a short text under each. show_px: side on the screen. lines: show only what fits into so many lines.
    picking: where tiles can be selected, {"ids": an int a tile, "picked": those selected now, "turn": changed whenever
    something else than this gallery has changed them, "changed": called with no argument when this one has}; then
    st.session_state[key]["picked"] are the selected ids of this gallery.
    """
    if not len(tiles):
        return
    columns = min(SHEET_COLUMNS, len(tiles))
    sheet = encode_sheet(side_by_side(np.asarray(tiles), columns))
    words = words or [[f"{number} of {len(tiles)}"] for number in range(1, len(tiles) + 1)]
    captions = captions or [""] * len(tiles)
    items = [{"words": list(lines_), "caption": caption} for lines_, caption in zip(words, captions, strict=True)]
    ids = picking and [int(number) for number in picking["ids"]]
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
    }
    if not picking:
        _mount(key=key, data=data)
        return
    picked = sorted(set(ids) & set(picking["picked"]))
    data |= {"ids": ids, "picked": picked, "turn": picking["turn"]}
    _mount(key=key, data=data, default={"picked": picked}, on_picked_change=picking["changed"])


def encode_sheet(picture):
    """Base64 text of a uint8 picture (H, W) or (H, W, 3) as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()


def side_by_side(tiles, columns):
    """One picture of tiles (N, H, W) or (N, H, W, 3) in rows of `columns`, white where there is none."""
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * columns, *tiles.shape[1:]), 255, np.uint8)
    sheet[: len(tiles)] = tiles
    height, width, *colour = tiles.shape[1:]
    sheet = sheet.reshape(rows, columns, height, width, *colour).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, *colour)
