"""What to expect of the classifiers on an instrument, in words."""

from collections.abc import Mapping
from typing import Any

from svp_core.profiles.profile import InstrumentProfile
from svp_core.tasks.validation import classifiers_of
from svp_core.validation.wording import percent

NOTHING_USED = "No classifier was used on this instrument yet."


def expectations(profile: InstrumentProfile) -> list[str]:
    """One sentence per classifier that was used on this instrument or validated on it, the latest first."""
    validated = {sha256: str(record["weights"]) for sha256, record in (profile.validation or {}).items()}
    classifiers = validated | classifiers_of(profile.id)
    sentences = [
        f"{name}: {_own_particles(profile.validation_of(sha256))}." for sha256, name in reversed(classifiers.items())
    ]
    return sentences or [NOTHING_USED]


def _own_particles(record: Mapping[str, Any] | None) -> str:
    """How it did on particles of this instrument."""
    if record is None:
        return "not validated on particles of this instrument, so how often it is right here is unknown"
    figures = record["figures"]
    return (
        f"on {figures['n']:,} particles of your own {percent(figures['accuracy'])} right; of those it named, "
        f"{percent(figures['right_of_named'])}"
    )
