"""The profile of one instrument at one magnification: conditions of its images and what was checked on it.

A profile is JSON: stored in the workspace, exported to a file, imported elsewhere. Its parts (conditions, size
standard, validation) are dicts here; the rooms that make them know their fields.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from svp_core.errors import LabError

FORMAT = "SvP Lab instrument profile"
MAX_NAME = 80  # characters
MAX_BYTES = 5_000_000  # of an imported file
SAME_SCALE = 0.002  # relative difference of pixel sizes up to which a run belongs to a profile
KIND_NAMES = {
    "flowcam": "FlowCam",
    "flowcam_library": "FlowCam library",
    "mfi": "MFI",
    "ifcb": "IFCB",
    "image_stream": "ImageStream",
}
PLAIN = "images"  # kind of all sources that are not an instrument's own files


@dataclass(frozen=True)
class InstrumentProfile:
    """One instrument at one magnification."""

    id: str  # 12 hexadecimal digits
    name: str  # for display
    kind: str  # key of KIND_NAMES, or PLAIN
    um_per_px: float
    created_at: str  # ISO 8601, UTC
    instrument: str = ""  # as the files state it, "FlowCam, VisualSpreadsheet 4.19.3"; "" where they do not
    conditions: Mapping[str, Any] | None = None  # profiles.conditions.ImagingConditions of its latest run, as a dict
    size_standard: Mapping[str, Any] | None = None  # result of its latest size-standard run
    # Of classifiers on its particles: sha256 of the weights -> tasks.validation.validation_record
    validation: Mapping[str, Any] | None = None
    # Runs of known particles that novelty is calibrated on: sha256 of the weights -> tasks.known_run.known_run_record
    novelty: Mapping[str, Any] | None = None

    def fits(self, kind: str, um_per_px: float) -> bool:
        """Whether a run of this kind and pixel size may come from this instrument."""
        return kind == self.kind and abs(um_per_px - self.um_per_px) <= SAME_SCALE * self.um_per_px

    def validation_of(self, weights_sha256: str | None) -> Mapping[str, Any] | None:
        """The stored validation of the classifier with these weights on this instrument; None without one."""
        return _part_of(self.validation, weights_sha256)

    def known_run_of(self, weights_sha256: str | None) -> Mapping[str, Any] | None:
        """The stored run of known particles that novelty by these weights is calibrated on; None without one."""
        return _part_of(self.novelty, weights_sha256)


def _part_of(parts: Mapping[str, Any] | None, weights_sha256: str | None) -> Mapping[str, Any] | None:
    found = (parts or {}).get(weights_sha256 or "")
    return found if isinstance(found, Mapping) else None


def kind_of_source(kind: str) -> str:
    """Kind of instrument of a run (key of instruments.metadata.SOURCE_KINDS): plain images are PLAIN."""
    return kind if kind in KIND_NAMES else PLAIN


def default_name(kind: str, um_per_px: float) -> str:
    """Name of a new profile: "FlowCam, 0.279 µm per pixel"."""
    return f"{KIND_NAMES.get(kind, 'Images')}, {um_per_px:.4g} µm per pixel"


def check_name(name: str) -> str:
    """Name of a profile without surrounding spaces. Raises LabError for an empty or too long one."""
    name = " ".join(name.split())
    if not name:
        raise LabError("The instrument has no name; enter one.")
    if len(name) > MAX_NAME:
        raise LabError(f"The name has {len(name):,} characters; use at most {MAX_NAME}.")
    return name


def to_json(profile: InstrumentProfile) -> str:
    """The profile as the content of a file that from_json reads."""
    return json.dumps({"format": FORMAT, "version": 1, **asdict(profile)}, indent=2) + "\n"


def from_json(text: str | bytes) -> InstrumentProfile:
    """The profile in an exported file. Raises LabError where the file is not one."""
    try:
        if len(text) > MAX_BYTES:
            raise ValueError
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise ValueError
        profile = from_content(content)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise LabError("This file is not an exported instrument profile; choose one that this page has made.") from None
    return profile


def from_content(content: Mapping[str, Any]) -> InstrumentProfile:
    """A profile from stored JSON; keys that this version does not know are left out.

    Raises ValueError, TypeError or KeyError where it is damaged.
    """
    known = {item.name for item in fields(InstrumentProfile)}
    values = {name: value for name, value in content.items() if name in known}
    texts = ("id", "name", "kind", "created_at", "instrument")
    parts = ("conditions", "size_standard", "validation", "novelty")
    if not all(isinstance(values.get(name, ""), str) for name in texts):
        raise TypeError("a profile's texts are texts")
    if not all(isinstance(values.get(name), Mapping | None) for name in parts):
        raise TypeError("the parts of a profile are objects")
    values["um_per_px"] = float(content["um_per_px"])
    if not (math.isfinite(values["um_per_px"]) and values["um_per_px"] > 0):
        raise ValueError("the pixel size of a profile is positive")
    return InstrumentProfile(**values)
