"""The instrument that a classification belongs to, and the reference from its validation."""

from collections.abc import Mapping
from typing import Any

from svp_core.errors import LabError
from svp_core.profiles.profile import InstrumentProfile
from svp_core.stats.confusion import ConfusionReference
from svp_core.validation import reference
from svp_core.validation.reference import validation_reference
from svp_core.workspace.instrument_profiles import find_profile


def profile_of(summary: Mapping[str, Any]) -> InstrumentProfile | None:
    """Profile of the instrument in a summary.json; None where it names none, or one that is not in this workspace."""
    try:
        return find_profile(summary["profile"]) if summary.get("profile") else None
    except LabError:
        return None


def own_reference(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> ConfusionReference | None:
    """Labelled particles of this instrument that the same classifier has named; None without a validation of it."""
    record = _validation(summary, class_keys)
    return validation_reference(record) if record else None


def why_not_corrected(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> str:
    """Why the validation on this instrument forbids corrected counts, as a sentence; "" where it does not."""
    record = _validation(summary, class_keys)
    return reference.why_not_corrected(record) if record else ""


def _validation(summary: Mapping[str, Any], class_keys: tuple[str, ...]) -> Mapping[str, Any] | None:
    profile = profile_of(summary)
    record = profile.validation_of(summary.get("weights_sha256")) if profile else None
    return record if record and tuple(record["class_keys"]) == class_keys else None
