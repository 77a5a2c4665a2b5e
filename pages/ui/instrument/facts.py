"""What is known of an instrument, as short texts."""

from svp_core.profiles.conditions import nearest_magnification
from svp_core.profiles.profile import InstrumentProfile


def profile_facts(profile: InstrumentProfile) -> list[str]:
    """Pixel size, magnification as far as the pixel size tells it, and what the files say of the instrument."""
    magnification = f"about {nearest_magnification(profile.um_per_px)}"
    return [fact for fact in (f"{profile.um_per_px:.4g} µm per pixel", magnification, profile.instrument) if fact]
