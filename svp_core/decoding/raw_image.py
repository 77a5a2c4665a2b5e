"""One decoded image before its values become levels of 8 bits, and the transparent parts of images."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from svp_core.images import ImageUnreadable

INVERTED = ", white is zero"  # ends the group of images whose largest value is black
SIGNED = " with a sign"  # in the group of images of whole numbers that may be negative
_ABOUT_ONE = 16.0  # fractions, also after flat fielding, and standard scores are below
_LARGEST = 1e30  # beyond it, values mark pixels without a value


@dataclass(frozen=True, eq=False)
class RawImage:
    """An image with the values of its file."""

    values: NDArray[np.generic]  # (H, W) or (H, W, 3); uint8: levels that need no scale
    alpha: NDArray[np.float32] | None = None  # (H, W), 0 transparent to 1 opaque; None: all opaque
    bits: int | None = None  # that the file says its values use, 12 for a 12-bit camera; None: not said
    white_is_zero: bool = False  # the largest value is black; never for uint8

    @cached_property
    def group(self) -> str:
        """Images of one group share a scale: "integer", "integer of 12 bits", "float", each also inverted.

        Numbers about 1 and counts, which may both be stored as float, are two groups: no scale would suit both. So
        may be whole numbers with a sign, from -32768 on, and those without, from 0 on.
        """
        kind = f"integer{SIGNED if self.values.dtype.kind == 'i' else ''}"
        if self.values.dtype.kind == "f":
            values = self.values[defined_values(self.values)]
            kind = "float" if not values.size or np.abs(values).max() < _ABOUT_ONE else "float of counts"
        return f"{kind}{f' of {self.bits} bits' if self.bits else ''}{INVERTED if self.white_is_zero else ''}"

    @property
    def needs_scale(self) -> bool:
        """Whether the values are anything but levels 0 to 255."""
        return self.values.dtype != np.uint8 or self.bits is not None or self.white_is_zero


def without_sign(group: str) -> str:
    """The group of the same numbers without a sign."""
    return group.replace(SIGNED, "")


def raw_image(
    values: NDArray[np.generic],
    *,
    alpha: NDArray[np.generic] | None = None,
    bits: int | None = None,
    white_is_zero: bool = False,
) -> RawImage:
    """RawImage of an array (H, W) or (H, W, 3); alpha in its own range. Raises ImageUnreadable for other values."""
    if values.dtype.kind == "b":
        values = values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind not in "uif":
        raise ImageUnreadable(
            f"its pixel values are of the kind {values.dtype}, which are not grey levels; save it as 8 or 16 bits"
        )
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] != 3) or not values.size:
        shape = " x ".join(map(str, values.shape))
        raise ImageUnreadable(f"its pixels form an array of {shape}, not one image; save each image as a page")
    if values.ndim == 3 and (values == values[..., :1]).all():
        values = np.ascontiguousarray(values[..., 0])  # a grey image saved as colour is a grey image
    return RawImage(values, None if alpha is None else _opacity(alpha), bits, white_is_zero)


def defined_values(values: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Which values are numbers: neither NaN nor infinite, nor as large as only marks of missing pixels are."""
    if values.dtype.kind != "f":
        return np.ones(values.shape, bool)
    finite = np.isfinite(values)
    return finite & (np.abs(np.where(finite, values, 0)) < _LARGEST) if values.dtype.itemsize > 2 else finite


def full_value(values: NDArray[np.generic]) -> float:
    """The largest value of their kind: 1 for fractions, 65535 for 16 bits."""
    return 1.0 if values.dtype.kind in "fb" else float(np.iinfo(str(values.dtype)).max)


def fill_transparent(levels: NDArray[np.uint8], opacity: NDArray[np.float32] | None) -> NDArray[np.uint8]:
    """The image (H, W) or (H, W, 3) with its own background where it is transparent; opacity: (H, W), 0 to 1.

    Background: the median of the border, or, where transparent pixels hold one constant level, the median of the
    opaque pixels beside them. An image that is wholly transparent is taken as opaque: its alpha was never filled in.
    """
    if opacity is None or (opacity >= 1).all() or not (opacity > 0).any():
        return levels
    background = _background(levels, opacity)
    share = opacity if levels.ndim == 2 else opacity[..., None]
    return np.round(levels * share + background * (1 - share)).clip(0, 255).astype(np.uint8)


def _opacity(alpha: NDArray[np.generic]) -> NDArray[np.float32] | None:
    share = (np.nan_to_num(alpha.astype(np.float32)) / np.float32(full_value(alpha))).clip(0, 1)
    return None if (share >= 1).all() else share


def _background(levels: NDArray[np.uint8], opacity: NDArray[np.float32]) -> NDArray[np.floating]:
    """Level of the liquid, or one per channel."""
    hidden, border = opacity <= 0, np.zeros(opacity.shape, bool)
    border[[0, -1]] = border[:, [0, -1]] = True
    under = levels[hidden]
    # Under transparent pixels lies either the camera's picture or a constant.
    is_picture = bool(len(under)) and (under != under[0]).any()
    chosen = border if is_picture else border & (opacity >= 1)
    if chosen.sum() < 0.1 * border.sum():
        chosen = _beside(hidden) & (opacity >= 1)
    if not chosen.any():
        chosen = opacity >= opacity.max()
    return np.median(levels[chosen], axis=0)


def _beside(hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels at most two steps from a hidden one."""
    near = hidden.copy()
    for _ in range(2):
        padded = np.pad(near, 1)
        near = near | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return near & ~hidden
