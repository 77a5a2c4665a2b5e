"""FlowCam run folders and libraries (VisualSpreadsheet 2 to 4): particles cut from collages by the .lst list.

The list is read by its header, never by counting columns: line 1 a format number, line 2 "num-fields|N", N lines
"name|type", then one row per particle, values parted by "|". A particle is collage[y : y + h, x : x + w].
"""

import configparser
import csv
import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import PurePosixPath

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable, decode_images, to_grey
from svp_core.instruments.folder import is_image_name
from svp_core.instruments.records import ParticleRecord, given_class, unique

NEEDED = ("image_x", "image_y", "image_w", "image_h", "collage_file")
_HEADER = re.compile(r"\s*\d{1,4}\s*\n\s*num-fields\|(\d{1,4})\s*\n")
_NUMBER = {"int32": int, "int64": int, "float": float, "double": float}


@dataclass(frozen=True)
class RunList:
    """The .lst of one run or library."""

    path: str  # name of the list within the source
    fields: tuple[str, ...]
    kinds: tuple[str, ...]  # of the fields: int32, double, string, timestamp, guid
    lines: tuple[str, ...]  # one per particle, not yet taken apart

    @property
    def folder(self):
        return str(PurePosixPath(self.path).parent)

    @property
    def title(self):
        return PurePosixPath(self.path).stem


def find_lists(files):
    """Names of all files that begin like a FlowCam list, whatever they are called."""
    found = []
    for name in files.names:
        if not is_image_name(name):
            try:
                head = _text(files.read(name, limit=200))
            except ImageUnreadable:
                continue
            if _HEADER.match(head):
                found.append(name)
    return tuple(found)


def read_list(files, name):
    """RunList from the list of this name. Raises LabError when the list as a whole cannot be used."""
    shown = PurePosixPath(name).name
    try:
        text = _text(files.read(name)).replace("\r\n", "\n")
    except ImageUnreadable as error:
        raise LabError(f"The FlowCam list {shown} cannot be read: {error}.") from None
    header = _HEADER.match(text)
    if header is None:
        raise LabError(f'{shown} is no FlowCam list: it does not begin with a format number and "num-fields".')
    announced, lines = int(header[1]), text[header.end() :].split("\n")
    named = [line.strip().split("|") for line in lines[:announced]]
    if len(named) < announced or any(len(field) != 2 for field in named):
        good = next((i for i, field in enumerate(named) if len(field) != 2), len(named))
        raise LabError(f"The FlowCam list {shown} announces {announced} columns but names {good}; export it again.")
    fields, kinds = zip(*named, strict=True) if named else ((), ())
    missing = [field for field in NEEDED if field not in fields]
    if missing:
        raise LabError(f"The FlowCam list {shown} has no column {', '.join(missing)}, so no particle can be cut out.")
    rows = tuple(line for line in lines[announced:] if line.strip())
    if not rows:
        raise LabError(f"The FlowCam list {shown} holds no particles; choose another run.")
    return RunList(name, fields, kinds, rows)


def read_run(files, run):
    """Yield a ParticleRecord for every row of the list, collage by collage; what cannot be cut is a rejected one."""
    nearby = _nearby(files, run)
    exported, scale = _exported_rows(files, run), context_um_per_px(files, run)

    # Two collages with their masks: a list is in collage order, but a neighbouring row may step back once.
    @lru_cache(maxsize=2)
    def picture(name):
        collage = decode_images(files.read(nearby[_plain(name)]))[0]
        mask_name = nearby.get(_plain(mask_name_of(name)))
        try:
            mask = to_grey(decode_images(files.read(mask_name))[0]) > 127 if mask_name else None
        except ImageUnreadable:
            mask = None
        return collage, mask if mask is not None and mask.shape == collage.shape[:2] else None

    @cache
    def reason_against(name):
        if _plain(name) not in nearby:
            return f"its collage {name or '(no name)'} is missing from the run folder"
        try:
            picture(name)
        except ImageUnreadable as error:
            return f"its collage {name} cannot be read: {error}"
        return ""

    taken, given = set(), given_class(run.path)
    prefix = "" if run.folder == "." else f"{run.folder}/"
    for number in _in_collage_order(run):
        row, value_count = _row(run, run.lines[number - 1])
        identity = row.get("id", number)
        name = unique(f"{prefix}{run.title}#{identity}", taken)
        columns = {**exported(identity), **row}
        um_per_px = _length(row.get("cal_const")) or scale
        record = {"name": name, "source": files.title, "um_per_px": um_per_px, "given": given, "columns": columns}
        reason = _row_fault(run, row, value_count) or reason_against(row["collage_file"])
        if not reason:
            collage, mask = picture(row["collage_file"])
            x, y, w, h = (row[key] for key in NEEDED[:4])
            reason = _box_fault(x, y, w, h, collage.shape)
        if reason:
            yield ParticleRecord(**record, reason=reason)
        else:
            box = slice(y, y + h), slice(x, x + w)
            yield ParticleRecord(**record, pixels=collage[box].copy(), mask=None if mask is None else mask[box].copy())


def run_um_per_px(files, run):
    """(um_per_px, where it stands) of a run: the list's own figure, else the one of its .ctx, else (None, "")."""
    for line in run.lines:
        scale = _length(_row(run, line)[0].get("cal_const"))
        if scale:
            return scale, f"cal_const in {PurePosixPath(run.path).name}"
    scale = context_um_per_px(files, run)
    return (scale, f"CalibrationConstant in {run.title}.ctx") if scale else (None, "")


def context_um_per_px(files, run):
    """CalibrationConstant of the run's .ctx, or None."""
    return _length(read_context(files, run).get("calibrationconstant"))


def read_context(files, run):
    """Every key of the run's .ctx in lower case with its text, e.g. "cameramagnification"; empty without a .ctx."""
    name = _nearby(files, run).get(_plain(f"{run.title}.ctx"))
    parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
    try:
        parser.read_string(_text(files.read(name)) if name else "")
    except (ImageUnreadable, configparser.Error):
        return {}
    return {key: value for section in parser.sections() for key, value in parser[section].items()}


def run_notes(files, run):
    """Sentences about the run as a whole: the instrument's settings, and what is missing."""
    context, notes = read_context(files, run), []
    if "cameramagnification" in context:
        flow_cell = context.get("flowcelltype", "")
        magnification = str(context["cameramagnification"]).strip().rstrip("xX")
        notes.append(f"Recorded at {magnification}x" + (f" in flow cell {flow_cell}." if flow_cell else "."))
    nearby = _nearby(files, run)
    names = dict.fromkeys(_row(run, line)[0].get("collage_file", "") for line in run.lines)
    missing = [name for name in names if _plain(name) not in nearby]
    without_mask = [n for n in names if _plain(n) in nearby and _plain(mask_name_of(n)) not in nearby]
    if missing:
        notes.append(f"{len(missing)} of {len(names)} collages are missing; their particles are rejected.")
    if without_mask:
        notes.append(f"{len(without_mask)} of {len(names)} collages have no mask picture.")
    return notes


def mask_name_of(collage_name):
    """run_000001.tif => run_000001_bin.tif"""
    path = PurePosixPath(collage_name.replace("\\", "/"))
    return f"{path.stem}_bin{path.suffix}"


def _nearby(files, run):
    """Plain name -> name of every file in the run's own folder."""
    return {_plain(name): name for name in files.names if str(PurePosixPath(name).parent) == run.folder}


def _plain(name):
    # Lists name files as Windows did: any case, perhaps with a path; archives from a Mac take umlauts apart.
    return unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]).casefold()


def _text(data):
    """Text of a list, csv or ctx: by its byte order mark, else UTF-8 where it is that, else latin-1."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _row(run, line):
    """(field -> value of one row, how many values the row has); what is not the number it should be stays text."""
    values = line.strip("\n").split("|")
    if len(values) == len(run.fields) + 1 and not values[-1].strip():
        values.pop()
    row = {}
    for field, kind, value in zip(run.fields, run.kinds, values, strict=False):
        try:
            row[field] = _NUMBER.get(kind, str)(value.strip())
        except ValueError:
            row[field] = value.strip()
    return row, len(values)


def _in_collage_order(run):
    """Row numbers from 1, those of one collage together, so that each collage is opened once."""
    groups = {}
    at = run.fields.index("collage_file")
    for number, line in enumerate(run.lines, 1):
        values = line.split("|")
        groups.setdefault(values[at] if at < len(values) else "", []).append(number)
    return [number for numbers in groups.values() for number in numbers]


def _row_fault(run, row, value_count):
    # Too long a row is as wrong as a short one: nobody knows which value is which.
    if value_count != len(run.fields):
        return f"its row in the list has {value_count} values but the header names {len(run.fields)}"
    wrong = next((key for key in NEEDED[:4] if not isinstance(row[key], int)), None)
    return f"{wrong} in the list is {str(row[wrong])[:20]!r}, not a whole number" if wrong else ""


def _box_fault(x, y, w, h, shape):
    height, width = shape[:2]
    if w < 1 or h < 1:
        return f"its rectangle in the list is empty ({w} x {h} px)"
    if x < 0 or y < 0 or x + w > width or y + h > height:
        return f"its rectangle ({w} x {h} px at x {x}, y {y}) reaches outside the collage of {width} x {height} px"
    return ""


def _length(value):
    """A positive, finite number from the files, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None


def _exported_rows(files, run):
    """Function (id) -> columns that the run's .csv export has for it; lines are kept whole until they are asked for."""
    name = _nearby(files, run).get(_plain(f"{run.title}.csv"))
    try:
        lines = _text(files.read(name)).splitlines() if name else []
    except ImageUnreadable:
        lines = []
    header = [column.strip() for column in next(csv.reader(lines[:1]), [])]
    if "Particle ID" not in header:
        return lambda identity: {}
    at = header.index("Particle ID")
    # The id is in front in every export seen; a quoted comma before it would only lose the extra columns.
    by_id = {parts[at].strip(): line for line in lines[1:] if len(parts := line.split(",", at + 1)) > at}

    def columns(identity):
        line = by_id.get(str(identity))
        values = next(csv.reader([line])) if line else []
        return dict(zip(header, values, strict=True)) if len(values) == len(header) else {}

    return columns
