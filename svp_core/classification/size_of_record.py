"""The size of record of a particle, by which it is counted, and the rule that it follows.

Where the files carry the instrument's own diameter, that is the size: counts then agree with the instrument's. A
FlowCam's mask without a diameter is measured as FlowCam does, with the run's fringe subtracted. All else is sized by
the diameter of the outline's area (ECD).
"""

from collections.abc import Mapping
from typing import Any

from svp_core.classification.derived_columns import OUTLINE, SIZE, SIZE_RULE
from svp_core.instruments.flowcam.measures import subtract_fringe
from svp_core.instruments.records import ParticleRecord


def size_of_record(record: ParticleRecord, measured: Mapping[str, Any], um_per_px: float | None) -> dict[str, Any]:
    """{size_um: µm or None, size_rule: text or None} of a particle.

    measured: from morphology.measure, on the record's own mask where it has one. um_per_px: the pixel size in use. The
    instrument's diameter was computed with the pixel size of its files: with another one, it is scaled.
    """
    if record.diameter_um is not None:
        scale = 1.0 if um_per_px is None or not record.um_per_px else um_per_px / record.um_per_px
        rule = f"instrument: {record.diameter_from}"
        return _size(record.diameter_um * scale, rule if abs(scale - 1) < 1e-9 else f"{rule}, at the pixel size given")
    if um_per_px is None or measured["ecd_px"] is None:
        return _size(None, None)
    if record.mask is not None and record.fringe_px is not None:
        diameter = subtract_fringe(measured["ecd_px"], record.fringe_px) * um_per_px
        return _size(diameter, f"instrument's mask, fringe of {record.fringe_px:g} px subtracted")
    return _size(measured["ecd_um"], OUTLINE)


def _size(size_um: float | None, rule: str | None) -> dict[str, Any]:
    return {SIZE: size_um, SIZE_RULE: rule}
