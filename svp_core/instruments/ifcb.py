"""IFCB samples: .adc (a row per trigger), .roi (the pixels), .hdr (settings); one sample is three files of one name.

.adc is a csv without a header, of 15 columns (first version) or 24 (second; more are kept under their number). .roi
holds the pixels of all regions one after the other, 8 bits each: width * height bytes from start_byte, rows first. A
region of 0 x 0 px has no image. Written from the layout that pyifcb documents (FIELD.md 5.3): no real sample was had.
Two regions of one trigger that overlap (first version) stay two particles.
"""

from functools import partial
from itertools import islice

import numpy as np

from svp_core.images import ImageUnreadable
from svp_core.instruments.metadata import RunFacts
from svp_core.instruments.records import (
    InstrumentRun,
    ParticleRecord,
    UnreadableRun,
    class_from_path,
    file_stem,
    sibling_path,
)
from svp_core.instruments.text_tables import decode_text, normalise_name, parse_integer, parse_number

FIELDS = {
    15: "trigger processing_end_time fluorescence_low fluorescence_high scattering_low scattering_high "
    "comparator_pulse trigger_open_time frame_grab_time roi_x roi_y roi_width roi_height start_byte valve_status",
    24: "trigger adc_time pmt_a pmt_b pmt_c pmt_d peak_a peak_b peak_c peak_d time_of_flight grab_time_start "
    "grab_time_end roi_x roi_y roi_width roi_height start_byte comparator_out start_point signal_length status "
    "run_time inhibit_time",
}
MAX_SETTINGS = 200


def is_adc(head):
    """Whether a text that begins like this is a row of 15, 24 or more numbers."""
    values = head.partition("\n")[0].split(",")
    return _names(len(values)) != () and all(parse_number(value) is not None for value in values)


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every .adc that has its .roi beside it; without one a table of numbers is no sample."""
    found = []
    for name, head in offered.heads.items():
        named_so = name.casefold().endswith(".adc")
        roi = offered.siblings(name).get(normalise_name(f"{file_stem(name)}.roi")) if named_so or is_adc(head) else None
        if named_so or roi:
            found.append(_run(offered, name, roi, head))
    return found


def _run(offered, name, roi, head):
    files, title, shown = offered.files, file_stem(name), name.rpartition("/")[2]
    hdr = offered.siblings(name).get(normalise_name(f"{title}.hdr"))
    claims = frozenset(filter(None, (name, roi, hdr)))

    def unusable(what):
        return UnreadableRun(name, f"The IFCB sample {shown} {what}.", claims)

    if not head.strip():
        return unusable("holds no particles; choose another one")
    if not is_adc(head):
        return unusable("does not begin with a row of 15, 24 or more numbers; copy it from the instrument again")
    if roi is None:
        return unusable(f"has no {title}.roi with the pixels beside it; add that file")
    try:
        lines = _lines(files, name)
    except ImageUnreadable as error:
        return unusable(f"cannot be read: {error}")
    names = _names(len(lines[0].split(",")))
    version = "first" if len(names) == 15 else "second"
    instrument, settings = f"IFCB, {version} file layout", _settings(files, hdr)
    facts = RunFacts(title, "ifcb", len(lines), instrument=instrument, settings=settings)
    notes = ["IFCB files do not say their pixel size: sizes are in pixels until you give µm per pixel."]
    if hdr is None:
        notes.append(f"{title}.hdr with the settings is missing.")
    return InstrumentRun(name, facts, partial(_read, offered, name, roi), claims, names, tuple(notes))


def _read(offered, name, roi):
    """Yield a ParticleRecord for every row of the .adc, its number counted from 1."""
    given, fault, pixels = class_from_path(name), "", b""
    try:
        pixels = offered.files.read(roi)
    except ImageUnreadable as error:
        fault = f"its file {roi.rpartition('/')[2]} cannot be read: {error}"
    lines = _lines(offered.files, name)
    names = _names(len(lines[0].split(",")))
    for number, line in enumerate(lines, 1):
        values = [value.strip() for value in line.split(",")]
        columns = dict(zip(names, values, strict=False))
        image, reason = None, fault
        if len(values) != len(names):
            reason = f"its row in the .adc has {len(values)} values, the first row {len(names)}"
        elif not fault:
            image, reason = _region(pixels, columns)
        yield ParticleRecord(
            sibling_path(name, f"{file_stem(name)}#{number}"),
            offered.files.title,
            image,
            None,
            given,
            columns,
            reason=reason,
        )


def _region(pixels, columns):
    """(uint8 (H, W), "") of the region in these columns, or (None, reason)."""
    width, height, start = (parse_integer(columns[key]) for key in ("roi_width", "roi_height", "start_byte"))
    if None in (width, height, start) or min(width, height, start) < 0:
        return None, "its size or start in the .adc is not a whole number"
    if width == 0 or height == 0:
        return None, "the trigger took no image (its region is 0 px)"
    if start + width * height > len(pixels):
        return None, f"its {width} x {height} px from byte {start} reach behind the {len(pixels)} bytes of the .roi"
    return np.frombuffer(pixels, np.uint8, width * height, start).reshape(height, width).copy(), ""


def _names(count):
    """Column names of an .adc with this many columns; () for a number that no version has."""
    if count == 15:
        return tuple(FIELDS[15].split())
    if count < 24:
        return ()
    return (*FIELDS[24].split(), *(f"column_{number}" for number in range(25, count + 1)))


def _lines(files, name):
    return [line for line in decode_text(files.read(name)).split("\n") if line.strip()]


def _settings(files, hdr):
    """The lines "key: value" of the .hdr, at most MOST_SETTINGS of them."""
    try:
        text = decode_text(files.read(hdr, limit=1024**2)) if hdr else ""
    except ImageUnreadable:
        text = ""
    pairs = (line.partition(":")[::2] for line in text.split("\n") if ":" in line)
    return {key.strip(): value.strip() for key, value in islice(pairs, MAX_SETTINGS)}
