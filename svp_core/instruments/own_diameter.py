"""The diameter by which an instrument itself states the size of a particle, found among its columns by name.

FlowCam states the diameter of the circle of the mask's area less the fringe as Diameter (ABD), `abd_diameter` in its
list, `AbdDiameter` in LabelChecker, and the area of that circle as Area (ABD); MFI states an ECD. Names are compared
without case and units.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from svp_core.instruments.text_tables import column_key, parse_positive

OwnDiameter = tuple[float | None, str]  # µm, where it is from; (None, "") where the files do not state it

# In the order of preference. An export may lack the first ones.
_DIAMETERS = ("diameter (abd)", "abd_diameter", "abddiameter", "ecd", "equivalent circular diameter")
_AREAS = ("area (abd)", "abd_area")  # of the circle of that diameter
# Equivalent and caliper diameters; Length and Width are FlowCam's names of the largest and smallest caliper width.
_ALL_DIAMETERS = {
    *_DIAMETERS,
    *("esddiameter", "fddiameter", "diameter (esd)", "esd_diameter", "diameter (fd)", "fd_diameter", "esd"),
    *("length", "width", "max feret diameter", "min feret diameter", "feret diameter"),
}
_PIXEL_UNITS = ("(px)", "(pixel)", "(pixels)")


def is_diameter(name: str) -> bool:
    """Whether an instrument's column of this name is a diameter of the particle in µm."""
    return column_key(name) in _ALL_DIAMETERS and not name.casefold().rstrip().endswith(_PIXEL_UNITS)


def same_diameter(name: str) -> str:
    """Text that is equal for two names of one diameter: "diameter (abd)" for "abd_diameter", too."""
    stem, separator, rest = column_key(name).partition("_diameter")
    return f"diameter ({stem})" if separator and not rest else column_key(name)


def own_diameter_reader(names: Iterable[str]) -> Callable[[Mapping[str, Any]], OwnDiameter]:
    """Function (columns of a particle) -> its OwnDiameter. names: the columns that its particles may have."""
    by_key: dict[str, str] = {}
    for name in names:
        if not name.casefold().rstrip().endswith(_PIXEL_UNITS):
            by_key.setdefault(column_key(name), name)
    diameters = [by_key[key] for key in _DIAMETERS if key in by_key]
    areas = [by_key[key] for key in _AREAS if key in by_key]

    def read(columns: Mapping[str, Any]) -> OwnDiameter:
        for name in diameters:
            if diameter := parse_positive(columns.get(name)):
                return diameter, name
        for name in areas:
            if area := parse_positive(columns.get(name)):
                return math.sqrt(4 * area / math.pi), f"{name}, as a diameter"
        return None, ""

    return read
