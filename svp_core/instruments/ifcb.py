"""Read IFCB samples: three files of one name, .adc (one row per trigger), .roi (the pixels), .hdr (settings).

.adc is a csv without a header, of 15 columns (first version) or 24 (second; further ones are named by their number).
.roi holds the pixels of all regions one after the other, 8 bits each: width * height bytes from start_byte, rows first.
A region of 0 x 0 px has no image. Written according to the layout that pyifcb documents: no real sample was available.
Two overlapping regions of one trigger (first version) remain two particles.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from svp_core.images import ImageUnreadable
from svp_core.instruments.metadata import Choices, RunFacts
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    SourceFiles,
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
_MAX_SETTINGS_BYTES = 1024**2


def is_adc(head: str) -> bool:
    """Whether the first line of a text is a row of 15, 24 or more numbers."""
    values = head.partition("\n")[0].split(",")
    return _column_names(len(values)) != () and all(parse_number(value) is not None for value in values)


def find_runs(scanned: ScannedFiles, _choices: Choices | None = None) -> list[DetectedRun]:
    """The sample of every .adc, and of every table of numbers that has a .roi of its name beside it."""
    runs = []
    for name, head in scanned.heads.items():
        is_named_adc = name.casefold().endswith(".adc")
        roi = None
        if is_named_adc or is_adc(head):
            roi = scanned.siblings(name).get(normalise_name(f"{file_stem(name)}.roi"))
        if is_named_adc or roi:
            runs.append(_describe(scanned, name, roi, head))
    return runs


def _describe(scanned: ScannedFiles, name: str, roi: str | None, head: str) -> DetectedRun:
    files, title, file_name = scanned.files, file_stem(name), name.rpartition("/")[2]
    hdr = scanned.siblings(name).get(normalise_name(f"{title}.hdr"))
    file_names = frozenset(filter(None, (name, roi, hdr)))

    def unreadable(fault: str) -> UnreadableRun:
        return UnreadableRun(name, f"The IFCB sample {file_name} {fault}.", file_names)

    if not head.strip():
        return unreadable("contains no particles; choose another sample")
    if not is_adc(head):
        return unreadable("does not start with a row of 15, 24 or more numbers; copy it from the instrument again")
    if roi is None:
        return unreadable(f"has no {title}.roi with the pixels beside it; add that file")
    try:
        lines = _lines(files, name)
    except ImageUnreadable as error:
        return unreadable(f"cannot be read: {error}")
    names = _column_names(len(lines[0].split(",")))
    version = "first" if len(names) == 15 else "second"
    instrument, settings = f"IFCB, {version} file layout", _settings(files, hdr)
    facts = RunFacts(title, "ifcb", len(lines), instrument=instrument, settings=settings)
    notes = ["IFCB files do not state their pixel size: sizes are in pixels until you enter µm per pixel."]
    if hdr is None:
        notes.append(f"{title}.hdr with the settings is missing.")
    return InstrumentRun(name, facts, partial(_read, scanned, name, roi), file_names, names, tuple(notes))


def _read(scanned: ScannedFiles, name: str, roi: str) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row of the .adc; rows are numbered from 1."""
    given, fault, data = class_from_path(name), "", b""
    try:
        data = scanned.files.read(roi)
    except ImageUnreadable as error:
        fault = f"its file {roi.rpartition('/')[2]} cannot be read: {error}"
    lines = _lines(scanned.files, name)
    names = _column_names(len(lines[0].split(",")))
    for number, line in enumerate(lines, 1):
        values = [value.strip() for value in line.split(",")]
        columns = dict(zip(names, values, strict=False))
        pixels, reason = None, fault
        if len(values) != len(names):
            reason = f"its row in the .adc has {len(values)} values, the first row {len(names)}"
        elif not fault:
            pixels, reason = _region(data, columns)
        yield ParticleRecord(
            sibling_path(name, f"{file_stem(name)}#{number}"),
            scanned.files.title,
            pixels,
            None,
            given,
            columns,
            reason=reason,
        )


def _region(data: bytes, columns: Mapping[str, str]) -> tuple[NDArray[np.uint8] | None, str]:
    """(uint8 (H, W), "") of the region in these columns, or (None, reason). data: content of the .roi."""
    width, height, start = (parse_integer(columns[key]) for key in ("roi_width", "roi_height", "start_byte"))
    if width is None or height is None or start is None or min(width, height, start) < 0:
        return None, "its size or start in the .adc is not a whole number"
    if width == 0 or height == 0:
        return None, "the trigger took no image (its region is 0 px)"
    if start + width * height > len(data):
        return None, f"its {width} x {height} px from byte {start} exceed the {len(data)} bytes of the .roi"
    return np.frombuffer(data, np.uint8, width * height, start).reshape(height, width).copy(), ""


def _column_names(count: int) -> tuple[str, ...]:
    """Names of the columns of an .adc with so many columns; () for a number that no version has."""
    if count == 15:
        return tuple(FIELDS[15].split())
    if count < 24:
        return ()
    return (*FIELDS[24].split(), *(f"column_{number}" for number in range(25, count + 1)))


def _lines(files: SourceFiles, name: str) -> list[str]:
    return [line for line in decode_text(files.read(name)).split("\n") if line.strip()]


def _settings(files: SourceFiles, hdr: str | None) -> dict[str, str]:
    """The lines "key: value" of the .hdr, at most MAX_SETTINGS of them."""
    try:
        text = decode_text(files.read(hdr, limit=_MAX_SETTINGS_BYTES)) if hdr else ""
    except ImageUnreadable:
        text = ""
    pairs = (line.partition(":")[::2] for line in text.split("\n") if ":" in line)
    return {key.strip(): value.strip() for key, value in islice(pairs, MAX_SETTINGS)}
