"""What is known of an instrument, as short texts."""

from collections.abc import Mapping
from typing import Any

from svp_core.profiles.profile import InstrumentProfile

FULL_SCALE = 255  # grey levels of an 8-bit image
CONDITION_HELP = (
    "Measured on the edges of the crops of the latest classified run, in grey levels of 255: the level without "
    "particles, its largest change across a crop, and the standard deviation of its noise."
)


def profile_facts(profile: InstrumentProfile) -> list[str]:
    """Pixel size, magnification and what the files say of the instrument."""
    magnification = (profile.conditions or {}).get("magnification")
    facts = [f"{profile.um_per_px:.4g} µm per pixel", str(magnification or ""), profile.instrument]
    return [fact for fact in facts if fact]


def condition_facts(conditions: Mapping[str, Any]) -> list[str]:
    """Background, gradient and noise in grey levels, and from how many crops; [] where they are not known."""
    numbers = {name: value for name, value in conditions.items() if isinstance(value, int | float)}
    if not {"background", "gradient_x", "gradient_y", "noise"} <= numbers.keys():
        return []
    gradient = max(abs(numbers["gradient_x"]), abs(numbers["gradient_y"]))
    facts = [
        f"background {FULL_SCALE * numbers['background']:.0f}",
        f"gradient {FULL_SCALE * gradient:.1f}",
        f"noise {FULL_SCALE * numbers['noise']:.1f}",
    ]
    return [*facts, f"from {numbers['n_crops']:,.0f} crops"] if "n_crops" in numbers else facts
