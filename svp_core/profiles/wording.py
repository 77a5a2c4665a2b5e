"""Imaging conditions in words, for page and report."""

from collections.abc import Mapping
from typing import Any

from svp_core.profiles.conditions import conditions_from_dict

FULL_SCALE = 255  # grey levels of an 8-bit image
CONDITIONS_HELP = (
    "Measured on the empty liquid around the particles of the latest classified run. Background and noise (standard "
    "deviation) in grey levels of 255; gradient: change of the background from the centre of a tile to its edge."
)

SAME_BACKGROUND = 0.05  # fraction of full scale, up to which two runs' images are taken as alike
SAME_NOISE = 1.5  # factor


def condition_differences(stored: Mapping[str, Any] | None, known: Mapping[str, Any] | None) -> list[str]:
    """In which conditions a run's images differ from known ones': ["background 140 against 178"]; [] where alike.

    stored, known: ImagingConditions as dicts; [] also where one of them is not known.
    """
    one, other = conditions_from_dict(stored), conditions_from_dict(known)
    if one is None or other is None:
        return []
    texts = []
    if abs(one.background - other.background) > SAME_BACKGROUND:
        texts.append(f"background {FULL_SCALE * one.background:.0f} against {FULL_SCALE * other.background:.0f}")
    # Below a tenth of a grey level, rounding is all there is.
    noises = [max(FULL_SCALE * each.noise, 0.1) for each in (one, other)]
    if max(noises) > SAME_NOISE * min(noises):
        texts.append(f"noise {noises[0]:.1f} against {noises[1]:.1f}")
    return texts


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
