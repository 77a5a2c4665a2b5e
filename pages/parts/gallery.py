"""Many tiles to look at: one picture for all, wrapped to the width of the window; a click shows one of them large."""

import base64
import hashlib
import io

import numpy as np
from PIL import Image

from pages.parts.browser_part import browser_part
from svp_core.images import contact_sheet

SHEET_COLUMNS = 32
QUALITY = 92  # JPEG, for looking only; what is saved or downloaded is PNG

_mount = browser_part("svp_gallery", __file__)


def show_gallery(tiles, *, key, alt, words=None, captions=None, show_px=64, lines=None):
    """Draw tiles, uint8 (N, H, H); one call is one picture on the wire.

    alt: what is seen, for those who hear it. words: a list of lines for each tile, shown on hover and when it is large.
    captions: a short text under each. show_px: side on the screen. lines: show only what fits into so many lines.
    """
    if not len(tiles):
        return
    columns = min(SHEET_COLUMNS, len(tiles))
    sheet = encode_sheet(contact_sheet(np.asarray(tiles), columns=columns, gap_px=0))
    words = words or [[f"{number} of {len(tiles)}"] for number in range(1, len(tiles) + 1)]
    captions = captions or [""] * len(tiles)
    items = [{"words": list(lines_), "caption": caption} for lines_, caption in zip(words, captions, strict=True)]
    version = hashlib.blake2b(f"{sheet}{items}{show_px}{lines}".encode(), digest_size=12).hexdigest()
    _mount(
        key=key,
        data={
            "version": version, "sheet": sheet, "columns": columns, "px": tiles.shape[1], "show": show_px,
            "lines": lines, "alt": alt, "items": items,
        },
    )  # fmt: skip


def encode_sheet(picture):
    """Base64 text of a uint8 picture (H, W) as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=QUALITY)
    return base64.b64encode(buffer.getvalue()).decode()
