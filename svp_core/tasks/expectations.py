"""What to expect of classifiers on an instrument, in words: on simulated ones like it, and on its own particles."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from svp_core.classifier.confusion_reference import MATCHED_FILE, read_confusion_reference
from svp_core.errors import LabError
from svp_core.profiles.conditions import nearest_magnification
from svp_core.profiles.profile import InstrumentProfile
from svp_core.stats.calibration import accuracy_of_instruments
from svp_core.stats.confusion import ConfusionReference
from svp_core.stats.intervals import Estimate, resampling_interval
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tasks.validation import classifiers_of
from svp_core.validation.wording import percent
from svp_core.workspace import jobs

NOTHING_USED = "No classifier was used on this instrument yet."


def expectations(profile: InstrumentProfile) -> list[str]:
    """One sentence per classifier that was used on this instrument or validated on it, the latest first."""
    validated = {sha256: str(record["weights"]) for sha256, record in (profile.validation or {}).items()}
    classifiers = validated | classifiers_of(profile.id)
    sentences = []
    for sha256, name in reversed(classifiers.items()):
        parts = [_simulated(profile, sha256), _own_particles(profile.validation_of(sha256))]
        sentences.append(f"{name}: {'; '.join(part for part in parts if part)}.")
    return sentences or [NOTHING_USED]


def accuracy_between_instruments(reference: ConfusionReference) -> Estimate | None:
    """Share of a reference whose most likely class is right, with an interval from resampling its instruments.

    Every class is weighted equally, as in the report. None where its particles are not told apart by instrument.
    """
    if reference.instruments is None:
        return None
    shares = accuracy_of_instruments(reference)
    return resampling_interval(lambda sample: float(sample.mean()), shares) if len(shares) > 1 else None


def _simulated(profile: InstrumentProfile, weights_sha256: str) -> str:
    """How it does on simulated instruments that are exposed like this one; "" where that is not known."""
    for job, summary in classifications_of(profile.id):
        if summary.get("weights_sha256") == weights_sha256:
            try:
                reference = read_confusion_reference(jobs.job_folder(job.id), file=MATCHED_FILE)
            except LabError:
                return ""
            accuracy = accuracy_between_instruments(reference) if reference else None
            if accuracy:
                like = f"{accuracy.n:,} simulated {nearest_magnification(profile.um_per_px)} instruments like yours"
                return f"on {like} {percent(asdict(accuracy))} right"
            return ""
    return ""


def _own_particles(record: Mapping[str, Any] | None) -> str:
    """How it did on particles of this instrument."""
    if record is None:
        return "not validated on particles of this instrument, so how often it is right on them is unknown"
    figures = record["figures"]
    return (
        f"on {figures['n']:,} particles of your own {percent(figures['accuracy'])} right; of those it named, "
        f"{percent(figures['right_of_named'])}"
    )
