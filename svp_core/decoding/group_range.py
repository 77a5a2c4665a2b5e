"""The values of the surveyed images of one group, from which their brightness scale is decided."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.raw_image import RawImage, defined_values


class Place(NamedTuple):
    """Where an image comes from."""

    folder: str = ""
    file: str = ""
    run: str = ""  # of an instrument, whose images are all of one camera; "" for plain images


NOWHERE = Place()


class ImageRange(NamedTuple):
    """The values of one image; low is above high where none is defined."""

    low: float
    high: float
    background: float  # median of its border; NaN where that is undefined
    dtype: str
    undefined: bool  # whether any pixel is
    place: Place


@dataclass
class GroupRange:
    """The values of all surveyed images of one group."""

    group: str
    bits: int | None = None
    seen: list[ImageRange] = field(default_factory=list)

    def add(self, image: RawImage, place: Place = NOWHERE) -> None:
        """Take in one image of the group."""
        defined = defined_values(image.values)
        values = image.values if defined.all() else image.values[defined]
        low, high = (float(values.min()), float(values.max())) if values.size else (np.inf, -np.inf)
        self.bits = image.bits
        self.seen.append(
            ImageRange(low, high, _border_level(image.values), image.values.dtype.name, not defined.all(), place)
        )

    @property
    def images(self) -> int:
        """How many were seen."""
        return len(self.seen)

    @property
    def undefined(self) -> int:
        """How many of them have undefined pixels."""
        return sum(image.undefined for image in self.seen)

    @property
    def low(self) -> float:
        """Smallest value of all; infinite without any."""
        return min((image.low for image in self.seen), default=np.inf)

    @property
    def high(self) -> float:
        """Largest value of all; minus infinite without any."""
        return max((image.high for image in self.seen), default=-np.inf)

    @property
    def dtypes(self) -> set[str]:
        """Kinds of numbers."""
        return {image.dtype for image in self.seen}

    @property
    def background(self) -> float:
        """Typical value of the empty liquid."""
        levels = [image.background for image in self.seen if np.isfinite(image.background)]
        return float(np.median(levels)) if levels else 0.0


def _border_level(values: NDArray[np.generic]) -> float:
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    border = border[defined_values(border)]
    return float(np.median(border.astype(np.float64))) if len(border) else np.nan
