"""The brightness scale of a source: which values of its files are black and white, one decision for all its images.

Levels of 8 bits need no decision. Deeper values do: a file rarely states how many of its 16 bits the camera used, and
fractions may lie in 0 to 1, in -1 to 1 or, after flat fielding, around 1. What is guessed is said, and can be chosen.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.group_range import GroupRange
from svp_core.decoding.raw_image import INVERTED, RawImage, defined_values, fill_transparent
from svp_core.images import ImageUnreadable

CAMERA_BITS = (8, 10, 12, 14, 16)
LIQUID_LEVEL = 175  # of 255: of the empty liquid in published tiles; where only it is known, it becomes this level
_FULL_16 = 2**16 - 1  # by which programs divide values of 16 bits to get fractions, whatever the camera's depth
_SMALL = 0.05  # share of the brightest value: negative values up to it are noise around black
_NEAR_ZERO = 0.15  # share of the reach of the values: differences from the background have theirs below it
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"


@dataclass(frozen=True)
class BrightnessScale:
    """The values that become level 0 and level 255; black may be above white."""

    black: float
    white: float

    def levels(self, image: RawImage) -> NDArray[np.uint8]:
        """Levels, uint8 (H, W) or (H, W, 3); undefined and transparent pixels get the image's own background.

        Raises ImageUnreadable where no pixel has a value.
        """
        values = image.values
        defined = defined_values(values) if values.dtype.kind == "f" else None
        opacity = image.alpha
        if defined is not None and not defined.all():
            if not defined.any():
                raise ImageUnreadable("all its pixel values are undefined (NaN or infinite); save it with numbers")
            shown = defined.all(axis=2) if defined.ndim == 3 else defined
            opacity = np.where(shown, 1 if opacity is None else opacity, 0).astype(np.float32)
            values = np.where(defined, values, self.black)
        scaled = (values.astype(np.float64) - self.black) * (255 / (self.white - self.black))
        return fill_transparent(np.round(scaled).clip(0, 255).astype(np.uint8), opacity)


@dataclass(frozen=True)
class ScaleByPeak:
    """Scales of images of several depths that do not state theirs: an image's brightest value tells which it has."""

    limits: tuple[tuple[float, BrightnessScale], ...]  # (brightest value up to which it holds, scale), ascending
    rest: BrightnessScale

    def levels(self, image: RawImage) -> NDArray[np.uint8]:
        """As BrightnessScale.levels, by the scale of this image's depth."""
        defined = defined_values(image.values)
        peak = float(image.values[defined].max()) if defined.any() else 0.0
        scale = next((scale for limit, scale in self.limits if peak <= limit), self.rest)
        return scale.levels(image)


Scale = BrightnessScale | ScaleByPeak


@dataclass(frozen=True)
class Decision:
    """The scale of one group of images, and why."""

    text: str  # as an option of the question, see parse_scale
    reason: str  # completes "Brightness: TEXT, REASON"
    guessed: bool


def scales_of(images: Iterable[RawImage]) -> dict[str, BrightnessScale]:
    """The scale of each group of these images, by their own values; those that need no scale are left out."""
    ranges: dict[str, GroupRange] = {}
    for image in images:
        if image.needs_scale:
            ranges.setdefault(image.group, GroupRange(image.group)).add(image)
    return {group: parse_scale(decide(values).text, group) for group, values in ranges.items()}


def parse_scale(text: str, group: str) -> BrightnessScale:
    """The scale that a text names: "12 bits", "0 to 1", "flat field (0 to 1.4571)". Raises ValueError for others.

    "12 bits" is 0 to 4095 and, for images whose white is zero, 4095 to 0.
    """
    if match := re.search(rf"{_NUMBER} to {_NUMBER}", text):
        scale = BrightnessScale(float(match[1]), float(match[2]))
    elif match := re.fullmatch(r"\s*(\d{1,2})(?:[ -]?bits?)?\s*", text):
        top = float(2 ** int(match[1]) - 1)
        scale = BrightnessScale(top, 0.0) if group.endswith(INVERTED) else BrightnessScale(0.0, top)
    else:
        raise ValueError(text)
    if scale.black == scale.white or not np.isfinite([scale.black, scale.white]).all():
        raise ValueError(text)
    return scale


def decide(values: GroupRange) -> Decision:
    """The scale of a group from the range of all its images."""
    if not values.images or values.high < values.low:
        return Decision("16 bits", "as no image of them has a value", True)
    if "float" in values.group:
        return _decide_float(values)
    return _decide_integer(values)


def options(values: GroupRange) -> tuple[str, ...]:
    """What a person may choose instead, the decision first."""
    own = decide(values).text
    if "float" in values.group:
        usual = ["0 to 1", "-1 to 1", "0 to 100", "0 to 255", "0 to 4095", "0 to 65535", _flat_field()]
    else:
        usual = [f"{bits} bits" for bits in CAMERA_BITS]
    measured = [f"{values.low:.6g} to {values.high:.6g}"] if values.low < values.high else []
    return tuple(dict.fromkeys([own, *usual, *measured]))


def _decide_integer(values: GroupRange) -> Decision:
    low, high, inverted = values.low, values.high, values.group.endswith(INVERTED)
    if values.bits and low >= 0 and high < 2**values.bits:
        return Decision(f"{values.bits} bits", "as the files state", False)
    if inverted and low >= 0:
        return _decide_inverted(low, high)
    if low >= 0 or -low <= _SMALL * high:
        return _by_peak(high, "integer")
    if low >= -128 and high <= 127 and values.dtypes <= {"int8"}:
        return Decision("-128 to 127", "as their 8 bits have a sign", True)
    reach, background = max(-low, high), values.background
    # A background near zero is that of differences; elsewhere, values of this reach are counts from -32768 on.
    if reach >= 2**13 and low >= -(2**15) and high < 2**15 and abs(background) > _NEAR_ZERO * reach:
        bits = _bits_for(high + 2**15) or 16
        return Decision(
            f"{-(2**15)} to {-(2**15) + 2**bits - 1}",
            f"{bits} bits above the smallest value of 16 bits with a sign, since the values reach from {low:,.0f} to "
            f"{high:,.0f}",
            True,
        )
    return _signed(values)


def _decide_inverted(low: float, high: float) -> Decision:
    bits = _bits_for(high)
    if bits is None:
        return Decision(f"{high:.9g} to 0", f"since the largest value is {high:,.0f} and white is zero", True)
    top = 2**bits - 1
    used = _bits_for(top - low) or bits
    return Decision(
        f"{top} to {top - (2**used - 1)}",
        f"{used} bits with white as zero, since the values reach from {low:,.0f} to {high:,.0f}",
        used < 16,
    )


def _decide_float(values: GroupRange) -> Decision:
    low, high, background = values.low, values.high, values.background
    reach = f"since the values reach from {low:.4g} to {high:.4g}"
    if values.group.endswith(INVERTED):
        top = 1.0 if high <= 1 + 1e-6 else high
        return Decision(f"{top:.9g} to 0", f"with white as zero, {reach}", True)
    if low < 0 and -low > _SMALL * max(high, 0):
        if low >= -1.05 and high <= 1.05 and abs(background) >= 0.03:
            return Decision("-1 to 1", reach, True)
        return _signed(values)
    if high <= 1 + 1e-6:
        bits = _bits_for(round(high * _FULL_16, 3)) or 16
        if bits < 16 and high > 0:
            return Decision(
                f"0 to {(2**bits - 1) / _FULL_16:.6g}", f"counts of {bits} bits divided by {_FULL_16:,}, {reach}", True
            )
        return Decision("0 to 1", reach, True)
    if high <= 4 and 0.8 <= background <= 1.25:
        return Decision(
            _flat_field(), f"since the background is {background:.3g}: 1 becomes level {LIQUID_LEVEL} of 255", True
        )
    if high <= 1.1:
        return Decision("0 to 1", reach, True)
    if high < 16:
        return Decision(f"0 to {high:.6g}", reach, True)
    return _by_peak(high, "float")


def _by_peak(high: float, kind: str) -> Decision:
    """0 to the largest value of the smallest camera depth that holds the brightest value of the whole set."""
    bits = _bits_for(high)
    peak = f"since the brightest value of all of them is {high:,.6g}"
    if bits is None:
        top = 2.0**32 - 1 if high >= 2.0**31 else 2.0**31 - 1 if high >= 2.0**30 else high
        return Decision(f"0 to {top:.10g}", peak, True)
    return Decision(f"{bits} bits" if kind == "integer" else f"0 to {2**bits - 1}", peak, bits < 16)


def _signed(values: GroupRange) -> Decision:
    """Values on both sides of zero: differences from the background where that is near zero, else their own range."""
    low, high = values.low, values.high
    reach = max(-low, abs(high))
    if abs(values.background) > _NEAR_ZERO * reach or (1.05 < reach < 16):
        text = f"{low:.6g} to {high:.6g}" if low < high else f"{low:.6g} to {low + 255:.6g}"
        return Decision(text, "the range of their own values, since these do not fit a camera's depth", True)
    bits = _bits_for(reach)
    unit = 1 / 255 if reach <= 1.05 else reach / 255 if bits is None else (2**bits - 1) / 255
    return Decision(
        f"{-LIQUID_LEVEL * unit:.6g} to {(255 - LIQUID_LEVEL) * unit:.6g}",
        f"since the background is near 0: it becomes level {LIQUID_LEVEL} of 255",
        True,
    )


def _bits_for(peak: float) -> int | None:
    return next((bits for bits in CAMERA_BITS if peak < 2**bits), None)


def _flat_field() -> str:
    return f"flat field (0 to {255 / LIQUID_LEVEL:.4f})"
