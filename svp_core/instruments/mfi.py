"""Read MFI runs: a csv of particles and the full camera frames, from which each particle is cropped by its box.

Written according to one published screenshot of the columns and one published row: no real file was available, and the
reader has not been tested on one. What these sources leave open is asked: whether frames are numbered from 0 or 1, and
whether the right and bottom end of a box are inside it. Frames are identified by the number in their file's name.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial

from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image, image_size
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.metadata import Choices, Question, RunFacts, answer_of
from svp_core.instruments.own_diameter import own_diameter_reader
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    UnreadableRun,
    class_from_path,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import (
    Table,
    decode_text,
    header_keys,
    parse_integer,
    parse_positive,
    parse_table,
)

FRAME, LEFT, RIGHT, TOP, BOTTOM = "frame #", "x left", "x right", "y top", "y bottom"
REQUIRED_COLUMNS = (FRAME, LEFT, RIGHT, TOP, BOTTOM)
FIRST_FRAME = ("0", "1")
BOX_ENDS = ("included", "not included")


@dataclass(frozen=True)
class _Source:
    """A table, the frames beside it, and the questions they leave open."""

    table: Table
    frames: dict[int, str]  # number in the file's name -> name
    first_frame: Question
    box_ends: Question


def is_mfi(head: str) -> bool:
    """Whether a text that starts like this is a table with frame numbers and boxes, as MFI exports it."""
    return bool(header_keys(head, _is_header))


def _is_header(keys: AbstractSet[str]) -> bool:
    return keys >= set(REQUIRED_COLUMNS)


def find_runs(scanned: ScannedFiles, choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every table of particles as MFI exports it. Raises LabError for an unknown answer."""
    return [_describe(scanned, name, choices) for name, head in scanned.heads.items() if is_mfi(head)]


def _describe(scanned: ScannedFiles, name: str, choices: Choices | None) -> DetectedRun:
    file_name = name.rpartition("/")[2]
    try:
        source = _open(scanned, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The MFI table {file_name} cannot be read: {error}.", frozenset({name}))
    if not source.table.lines:
        message = f"The MFI table {file_name} contains no particles; choose another run."
        return UnreadableRun(name, message, frozenset({name}))
    first, ends = answer_of(source.first_frame, choices), answer_of(source.box_ends, choices)
    scale = estimate_um_per_px(source.table)
    facts = RunFacts(
        file_stem(name),
        "mfi",
        len(source.table.lines),
        scale,
        f"ECD and Area in {file_name}" if scale else "",
        instrument="MFI",
        settings={"Camera frames found": str(len(source.frames))},
    )
    notes = ["Cropped from the camera frames by the boxes of the table; check on some particles that the boxes fit."]
    if not source.frames:
        notes.append(f"There are no camera frames beside {file_name}; all its particles are rejected.")
    read = partial(_read, scanned, name, first=int(first), ends_included=ends == BOX_ENDS[0], um_per_px=scale)
    file_names = frozenset({name, *source.frames.values()})
    questions = (source.first_frame, source.box_ends)
    return InstrumentRun(name, facts, read, file_names, source.table.names, tuple(notes), questions)


def _open(scanned: ScannedFiles, name: str) -> _Source:
    table = parse_table(decode_text(scanned.files.read(name)), _is_header)
    frames = _find_frames(scanned, name)
    numbers: set[int] = set()
    rights: set[int] = set()
    bottoms: set[int] = set()
    for line in table.lines:
        values = table.values(line)
        for key, seen in ((FRAME, numbers), (RIGHT, rights), (BOTTOM, bottoms)):
            number = parse_integer(table.value(values, key))
            if number is not None:
                seen.add(number)
    file_name = name.rpartition("/")[2]
    # The answer with which most frames are found; if both find as many, the one that takes the numbers as they are.
    matches = {
        option: len({_file_number(number, int(option), frames) for number in numbers} & set(frames))
        for option in FIRST_FRAME
    }
    unchanged = "0" if 0 in frames else "1"
    first = max(FIRST_FRAME, key=lambda option: (matches[option], option == unchanged))
    return _Source(
        table,
        frames,
        Question(f"first_frame:{name}", f"What number does the first frame in {file_name} have?", FIRST_FRAME, first),
        Question(
            f"box_ends:{name}",
            f"Are X Right and Y Bottom in {file_name} inside the particle's box?",
            BOX_ENDS,
            BOX_ENDS[_exceeds_frame(scanned, frames, rights, bottoms)],
        ),
    )


def _find_frames(scanned: ScannedFiles, name: str) -> dict[int, str]:
    """{number in the name: name} of the images beside the table or, if there are none, below its folder."""
    folder = name.rpartition("/")[0]
    beside = [n for n in scanned.siblings(name).values() if is_image_name(n)]
    prefix = f"{folder}/" if folder else ""
    below = [] if beside else [n for n in scanned.files.names if n.startswith(prefix) and is_image_name(n)]
    return _by_number(beside or below)


def _by_number(names: Iterable[str]) -> dict[int, str]:
    """{number: name} by the number in the names that differs most between them; of several such, the last one."""
    numbers = {name: digits for name in names if (digits := re.findall(r"\d{1,18}", file_stem(name)))}
    positions = range(-1, -1 - max(map(len, numbers.values()), default=0), -1)
    # Counted from the end: what precedes a frame's number (sample, date) may differ in length.
    best = max(
        positions,
        key=lambda p: len({digits[p] for digits in numbers.values() if len(digits) >= -p}),
        default=-1,
    )
    return {int(digits[best]): name for name, digits in numbers.items() if len(digits) >= -best}


def _file_number(frame: int, first: int, frames: Collection[int]) -> int:
    """Number in the file name of this frame of a table that numbers frames from `first`."""
    return frame - first + (0 if 0 in frames else 1)


def _exceeds_frame(
    scanned: ScannedFiles, frames: Mapping[int, str], rights: Collection[int], bottoms: Collection[int]
) -> bool:
    """Whether a box would exceed its frame if its ends were inside it; opens one frame."""
    if not frames or not rights or not bottoms:
        return False
    try:
        height, width = image_size(scanned.files, next(iter(frames.values())))
    except ImageUnreadable:
        return False
    return max(rights) == width or max(bottoms) == height


def estimate_um_per_px(table: Table) -> float | None:
    """um per px from the diameters in um and the areas in pixels of all particles, or None.

    ECD is rounded to half a pixel, so the sum over all particles is used: sum ECD / sum sqrt(4 A / pi).
    """
    um = px = 0.0
    for line in table.lines:
        values = table.values(line)
        diameter, area = parse_positive(table.value(values, "ecd")), parse_positive(table.value(values, "area"))
        if diameter and area:
            um, px = um + diameter, px + math.sqrt(4 * area / math.pi)
    return round(um / px, 4) or None if px else None


def _read(
    scanned: ScannedFiles, name: str, *, first: int, ends_included: bool, um_per_px: float | None
) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row, frame by frame."""
    source = _open(scanned, name)
    table, given = source.table, class_from_path(name)
    taken: set[str] = set()
    cache = ImageCache(scanned.files, lambda frame: frame, noun="frame")
    rows = [table.values(line) for line in table.lines]
    frames = [parse_integer(table.value(values, FRAME)) for values in rows]
    own_diameter = own_diameter_reader(table.names)
    for position in group_by_image(frames):
        values, frame = rows[position], frames[position]
        particle_id = table.value(values, "#") or str(position + 1)
        reason, pixels = "", None
        left, right, top, bottom = (parse_integer(table.value(values, key)) for key in (LEFT, RIGHT, TOP, BOTTOM))
        if len(values) != len(table.names):
            reason = (
                f"its row in the table has {len(values)} values but the header names {len(table.names)}; export the "
                "run again"
            )
        elif frame is None or left is None or right is None or top is None or bottom is None:
            reason = "its frame number or its box in the table is not a whole number; export the run again"
        elif (number := _file_number(frame, first, source.frames)) not in source.frames:
            reason = (
                f"its frame {frame} is missing: there is no image with the number {number} in its name; "
                "copy it beside the table"
            )
        else:
            width, height = right - left + ends_included, bottom - top + ends_included
            pixels, _, reason = cache.crop(source.frames[number], (left, top, width, height))
        columns = dict(zip(table.names, values, strict=False))
        diameter_um, diameter_from = own_diameter(columns)
        yield ParticleRecord(
            unique_name(sibling_path(name, f"{file_stem(name)}#{particle_id}"), taken),
            scanned.files.title,
            pixels,
            um_per_px,
            given,
            columns,
            diameter_um=diameter_um,
            diameter_from=diameter_from,
            reason=reason,
        )
