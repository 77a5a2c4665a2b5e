"""Imaging conditions in words, for page and report."""

from collections.abc import Mapping
from typing import Any

from svp_core.profiles.conditions import conditions_from_dict

FULL_SCALE = 255  # grey levels of an 8-bit image
CONDITIONS_HELP = (
    "Measured on the empty liquid around the particles of the latest classified run. Background and noise (standard "
    "deviation) in grey levels of 255; gradient: change of the background from the centre of a tile to its edge."
)


def condition_texts(stored: Mapping[str, Any] | None) -> list[str]:
    """Background, gradient and noise, and from how many crops; [] where they are not known."""
    conditions = conditions_from_dict(stored)
    if conditions is None:
        return []
    gradient = max(abs(conditions.gradient_x), abs(conditions.gradient_y))
    return [
        f"background {FULL_SCALE * conditions.background:.0f}",
        f"gradient {100 * gradient:.1f} %",
        f"noise {FULL_SCALE * conditions.noise:.1f}",
        f"from {conditions.n_crops:,} crops",
    ]
