"""Read IFCB samples: three files of one name, .adc (one row per trigger), .roi (the pixels), .hdr (settings).

.adc is a csv without a header. First layout (instruments 1 to 6): 15 columns, 14 in files without valve_status or
fluorescence_high, rows that may end in a comma; .hdr with lines in quotes. Second layout: 24 columns, fewer in early
and more in later files (these are named by their number); .hdr with lines "key: value", where ADCFileFormat may give
the columns in another order. .roi holds the pixels of all regions one after the other, 8 bits each: width * height
bytes from start_byte, rows first. A region of 0 x 0 px has no image. Overlapping regions of one trigger (first layout)
remain two particles, which is noted.

Compared with one real sample of either layout: rows, images, volume as its own readers give them.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from svp_core.images import ImageUnreadable
from svp_core.instruments.ifcb_volume import sample_volume
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
MIN_SECOND_LAYOUT = 18  # columns: up to start_byte
MAX_SETTINGS = 200
_MAX_SETTINGS_BYTES = 1024**2
_REGION = ("roi_width", "roi_height", "start_byte")
_NOT_A_NUMBER = re.compile(r"[+-]?(nan|inf(inity)?|\d*\.#\w+)", re.IGNORECASE)  # as C and Windows print it


def is_adc(head: str) -> bool:
    """Whether the first line of a text is a row of as many numbers as an .adc has columns."""
    values = _values(next((line for line in head.split("\n") if line.strip()), ""))
    has_columns = len(values) in (14, 15) or len(values) >= MIN_SECOND_LAYOUT
    return has_columns and all(parse_number(value) is not None or _NOT_A_NUMBER.fullmatch(value) for value in values)


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
    header = _header(files, hdr)
    try:
        names, rows = _read_adc(files, name, header)
    except ImageUnreadable as error:
        return unreadable(f"cannot be read: {error}")
    columns = [dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names)]
    volume = sample_volume(title, header, columns)
    version = "first" if "trigger_open_time" in names else "second"
    settings = header | ({"Flow rate": f"{volume.flow_ml_per_min:g} mL/min (not stated)"} if volume.ml else {})
    facts = RunFacts(
        title,
        "ifcb",
        len(rows),
        volume_ml=volume.ml,
        volume_from=volume.origin,
        instrument=f"IFCB, {version} file layout",
        settings=settings,
    )
    notes = ["IFCB files do not state their pixel size: sizes are in pixels until you enter µm per pixel."]
    if hdr is None:
        notes.append(f"{title}.hdr with the settings is missing.")
    notes += [*volume.notes, *_overlap_notes(columns)]
    return InstrumentRun(name, facts, partial(_read, scanned, name, roi, hdr), file_names, names, tuple(notes))


def _overlap_notes(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A note where triggers took several images, which may show parts of one particle twice."""
    images = Counter(row["trigger"] for row in rows if parse_integer(row["roi_width"]))
    several = sum(count > 1 for count in images.values())
    if several:
        yield (
            f"{several:,} of {len(images):,} triggers took more than one image; each image is counted as a particle, "
            "also where two show parts of one."
        )


def _read(scanned: ScannedFiles, name: str, roi: str, hdr: str | None) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row of the .adc; rows are numbered from 1."""
    given, fault, data = class_from_path(name), "", b""
    try:
        data = scanned.files.read(roi)
    except ImageUnreadable as error:
        fault = f"its file {roi.rpartition('/')[2]} cannot be read: {error}"
    names, rows = _read_adc(scanned.files, name, _header(scanned.files, hdr))
    for number, values in enumerate(rows, 1):
        columns = dict(zip(names, values, strict=False))
        pixels, reason = None, fault
        if len(values) != len(names):
            reason = (
                f"its row in the .adc has {len(values)} values, other rows have {len(names)}; copy the sample "
                "from the instrument again"
            )
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
    width, height, start = (parse_integer(columns[key]) for key in _REGION)
    if width is None or height is None or start is None or min(width, height, start) < 0:
        return None, "its size or start in the .adc is not a whole number; copy the sample again"
    if width == 0 or height == 0:
        return None, "the trigger took no image (its region is 0 px)"
    if start + width * height > len(data):
        return (
            None,
            f"its {width} x {height} px from byte {start} exceed the {len(data)} bytes of the .roi; copy it again",
        )
    return np.frombuffer(data, np.uint8, width * height, start).reshape(height, width).copy(), ""


def _read_adc(files: SourceFiles, name: str, header: Mapping[str, str]) -> tuple[tuple[str, ...], list[list[str]]]:
    """(names of the columns, values of every row) of an .adc; rows that are damaged may have more or fewer values."""
    rows = [_values(line) for line in decode_text(files.read(name)).split("\n") if line.strip()]
    # The commonest number: the first row may be the damaged one.
    count = Counter(map(len, rows)).most_common(1)[0][0]
    if stated := _stated_names(header, count):
        return stated, rows
    return _column_names(count, [row for row in rows if len(row) == count]), rows


def _values(line: str) -> list[str]:
    values = [value.strip() for value in line.split(",")]
    return values[:-1] if len(values) > 1 and not values[-1] else values  # the first layout ends rows in a comma


def _column_names(count: int, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Names of the columns of an .adc with so many of them, told by their number and, for 14, by the rows."""
    first, second = FIELDS[15].split(), FIELDS[24].split()
    if count == 15:
        return tuple(first)
    if count == 14:
        # The last column is the start of the pixels, a whole number, unless it is the valve status, a voltage.
        has_start = all(parse_integer(row[13]) is not None for row in rows)
        return tuple(first[:-1] if has_start else (name for name in first if name != "fluorescence_high"))
    return (*second[:count], *(f"column_{number}" for number in range(25, count + 1)))


def _stated_names(header: Mapping[str, str], count: int) -> tuple[str, ...]:
    """Names of the columns in the order that ADCFileFormat of a .hdr gives; () without it, or for another number."""
    stated = [re.sub(r"[^a-z0-9]", "", name.casefold()) for name in header.get("ADCFileFormat", "").split(",")]
    known = {name.replace("_", ""): name for name in FIELDS[24].split()} | {
        "grabtimestart": "grab_time_start",
        "grabtimeend": "grab_time_end",
    }
    names = tuple(known.get(name, name) for name in stated)
    is_complete = len(names) == count == len(set(names)) and {"trigger", *_REGION} <= {*names}
    return names if is_complete else ()


def _header(files: SourceFiles, hdr: str | None) -> dict[str, str]:
    """Fields of a .hdr, at most MAX_SETTINGS of them; {} without one."""
    try:
        text = decode_text(files.read(hdr, limit=_MAX_SETTINGS_BYTES)) if hdr else ""
    except ImageUnreadable:
        text = ""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if lines and all(line.startswith('"') for line in lines):
        return _quoted_header(lines)
    pairs = (line.partition(":")[::2] for line in lines if ":" in line)
    return {key.strip(): value.strip() for key, value in islice(pairs, MAX_SETTINGS)}


def _quoted_header(lines: Sequence[str]) -> dict[str, str]:
    """Fields of a .hdr of the first layout: texts in quotes, then a line of names and a line of values."""
    texts = [line.strip('"') for line in lines]
    values = [value.strip() for value in next(csv.reader([lines[-1]]), [])]
    names = texts[-2].split() if len(texts) > 1 else []
    fields = {"Software": texts[0]} if texts[0].casefold().startswith("imaging flowcytobot") else {}
    if len(values) > 1 and len(values) == len(names):
        fields |= dict(zip(names, values, strict=True))
    return fields
