"""MFI runs: a csv of particles and the full camera frames, from which each particle is cut by its box.

Written from one published screenshot of the columns and one published row (FIELD.md 5.2): no real file was had, and
none of this is tried on one. What those leave open is asked: whether frames are counted from 0 or 1, and whether the
right and lower end of a box belong to it. Frames are told apart by the number in their file's name.
"""

import math
import re
from dataclasses import dataclass
from functools import partial

from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image, image_size
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.metadata import Question, RunFacts, answer_of
from svp_core.instruments.records import (
    InstrumentRun,
    ParticleRecord,
    UnreadableRun,
    class_from_path,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import decode_text, parse_integer, parse_positive, parse_table

FRAME, LEFT, RIGHT, TOP, BOTTOM = "frame #", "x left", "x right", "y top", "y bottom"
REQUIRED_COLUMNS = (FRAME, LEFT, RIGHT, TOP, BOTTOM)
FIRST_FRAME = ("0", "1")
BOX_ENDS = ("included", "not included")


@dataclass(frozen=True)
class _Found:
    """A table and the frames beside it."""

    table: object
    frames: dict  # number in the file's name -> name
    first: Question
    ends: Question


def is_mfi(head):
    """Whether a text that begins like this is a table with frame numbers and boxes, as MFI exports it."""
    return set(REQUIRED_COLUMNS) <= set(parse_table(head.partition("\n")[0]).positions)


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every table of particles as MFI exports it. Raises LabError for an unknown answer."""
    return [_run(offered, name, choices) for name, head in offered.heads.items() if is_mfi(head)]


def _run(offered, name, choices):
    shown = name.rpartition("/")[2]
    try:
        found = _look(offered, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The MFI table {shown} cannot be read: {error}.", frozenset({name}))
    if not found.table.lines:
        return UnreadableRun(name, f"The MFI table {shown} holds no particles; choose another run.", frozenset({name}))
    first, ends = answer_of(found.first, choices), answer_of(found.ends, choices)
    scale = estimate_um_per_px(found.table)
    facts = RunFacts(
        file_stem(name),
        "mfi",
        len(found.table.lines),
        scale,
        f"ECD and Area in {shown}" if scale else "",
        instrument="MFI",
        settings={"Camera frames found": str(len(found.frames))},
    )
    notes = ["Cut from the camera frames by the boxes of the table; look at some particles to see that they fit."]
    if not found.frames:
        notes.append(f"There are no camera frames beside {shown}; all its particles are rejected.")
    read = partial(_read, offered, name, first=int(first), with_ends=ends == BOX_ENDS[0], um_per_px=scale)
    claims = frozenset({name, *found.frames.values()})
    return InstrumentRun(name, facts, read, claims, found.table.names, tuple(notes), (found.first, found.ends))


def _look(offered, name):
    table = parse_table(decode_text(offered.files.read(name)))
    frames = _frames(offered, name)
    numbers, rights, bottoms = set(), set(), set()
    for line in table.lines:
        values = table.values(line)
        for key, seen in ((FRAME, numbers), (RIGHT, rights), (BOTTOM, bottoms)):
            number = parse_integer(table.value(values, key))
            if number is not None:
                seen.add(number)
    shown = name.rpartition("/")[2]
    # The answer under which the most frames are there; where both do, the one that takes the numbers as they are.
    fits = {
        option: len({_file_number(number, int(option), frames) for number in numbers} & set(frames))
        for option in FIRST_FRAME
    }
    plain = "0" if 0 in frames else "1"
    first = max(FIRST_FRAME, key=lambda option: (fits[option], option == plain))
    return _Found(
        table,
        frames,
        Question(f"first_frame:{name}", f"Which number has the first frame in {shown}?", FIRST_FRAME, first),
        Question(
            f"box_ends:{name}",
            f"Do X Right and Y Bottom in {shown} belong to the particle's box?",
            BOX_ENDS,
            BOX_ENDS[_reaches_past(offered, frames, rights, bottoms)],
        ),
    )


def _frames(offered, name):
    """{number in the name: name} of the images beside the table or, where there are none, below its folder."""
    folder = name.rpartition("/")[0]
    near = [n for n in offered.siblings(name).values() if is_image_name(n)]
    inside = f"{folder}/" if folder else ""
    below = [] if near else [n for n in offered.files.names if n.startswith(inside) and is_image_name(n)]
    return _by_number(near or below)


def _by_number(names):
    """{number: name} by the number in the names that tells most of them apart, the last one where several do."""
    digits = {name: found for name in names if (found := re.findall(r"\d{1,18}", file_stem(name)))}
    places = range(-1, -1 - max(map(len, digits.values()), default=0), -1)
    # Counted from the end: what stands in front of a frame's number (sample, date) may differ in length.
    place = max(places, key=lambda p: len({found[p] for found in digits.values() if len(found) >= -p}), default=-1)
    return {int(found[place]): name for name, found in digits.items() if len(found) >= -place}


def _file_number(frame, first, frames):
    """Number in the name of the file that holds this frame of a table that counts from `first`."""
    return frame - first + (0 if 0 in frames else 1)


def _reaches_past(offered, frames, rights, bottoms):
    """Whether a box would end outside its frame if its ends belonged to it; looks at one frame."""
    if not frames or not rights or not bottoms:
        return False
    try:
        height, width = image_size(offered.files, next(iter(frames.values())))
    except ImageUnreadable:
        return False
    return max(rights) == width or max(bottoms) == height


def estimate_um_per_px(table):
    """um per px from the diameters in um and the areas in pixels of all particles, or None.

    ECD is rounded to half a pixel, so the sum over all particles is taken: sum ECD / sum sqrt(4 A / pi).
    """
    um = px = 0.0
    for line in table.lines:
        values = table.values(line)
        diameter, area = parse_positive(table.value(values, "ecd")), parse_positive(table.value(values, "area"))
        if diameter and area:
            um, px = um + diameter, px + math.sqrt(4 * area / math.pi)
    return round(um / px, 4) or None if px else None


def _read(offered, name, *, first, with_ends, um_per_px):
    """Yield a ParticleRecord for every row, frame by frame."""
    found = _look(offered, name)
    table, given, taken = found.table, class_from_path(name), set()
    pictures = ImageCache(offered.files, lambda frame: frame, word="frame")
    rows = [table.values(line) for line in table.lines]
    frames = [parse_integer(table.value(values, FRAME)) for values in rows]
    for position in group_by_image(frames):
        values, frame = rows[position], frames[position]
        identity = table.value(values, "#") or str(position + 1)
        reason, pixels = "", None
        box = [parse_integer(table.value(values, key)) for key in (LEFT, RIGHT, TOP, BOTTOM)]
        if len(values) != len(table.names):
            reason = f"its row in the table has {len(values)} values but the header names {len(table.names)}"
        elif frame is None or None in box:
            reason = "its frame number or its box in the table is not a whole number"
        elif (number := _file_number(frame, first, found.frames)) not in found.frames:
            reason = f"its frame {frame} is missing: there is no image with the number {number} in its name"
        else:
            left, right, top, bottom = box
            size = right - left + with_ends, bottom - top + with_ends
            pixels, _, reason = pictures.cut(found.frames[number], (left, top, *size))
        yield ParticleRecord(
            unique_name(sibling_path(name, f"{file_stem(name)}#{identity}"), taken),
            offered.files.title,
            pixels,
            um_per_px,
            given,
            dict(zip(table.names, values, strict=False)),
            reason=reason,
        )
