"""Read particles that were found in camera frames: boxes.csv with the place of every crop, collages, run.json.

frames.particle_set writes such folders. Particles that the frame's border cuts are rejected with that reason, and
every other one carries the weight by which counts are corrected for them.
"""

import json
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import Any

from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image
from svp_core.instruments.metadata import Choices, RunFacts
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    UnreadableRun,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import decode_text, header_keys, parse_integer, parse_positive, parse_table
from svp_core.particle_classes import class_from_folder

TABLE_FILE, FACTS_FILE = "boxes.csv", "run.json"
BORDER_WEIGHT = "border_weight"  # particles that one particle stands for, 1 or more
WHOLE, CUT = "whole", "cut"  # values of the column border
COLUMNS = (
    "frame",
    "top",
    "left",
    "bottom",
    "right",
    "label",
    "score",
    "contrast",
    "border",
    BORDER_WEIGHT,
    "frame_width",
    "frame_height",
    "collage",
    "collage_top",
    "collage_left",
    "crop_width",
    "crop_height",
)
KEPT_COLUMNS = ("frame", "top", "left", "bottom", "right", "label", "score", "contrast", BORDER_WEIGHT)  # of a particle
CORRECTED = "counts per mL are corrected for them"
CUT_REASON = f"it is cut by the border of its frame, so its size is unknown; {CORRECTED}"
_REQUIRED = {"frame", "top", "left", "bottom", "right", "border", "collage", "collage_top", "collage_left"}


def find_runs(scanned: ScannedFiles, _choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every table of located particles."""
    return [_describe(scanned, name) for name, head in scanned.heads.items() if header_keys(head, _is_header)]


def _is_header(keys: AbstractSet[str]) -> bool:
    return keys >= _REQUIRED


def _describe(scanned: ScannedFiles, name: str) -> DetectedRun:
    try:
        table = parse_table(decode_text(scanned.files.read(name)), _is_header)
        facts = _facts(scanned, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The table {name} cannot be read: {error}.", frozenset({name}))
    if not table.lines:
        message = "No particle was found in these frames; lower the threshold on Frames."
        return UnreadableRun(name, message, frozenset({name}))
    cut = table.column("border").count(CUT)
    notes = (
        [f"{cut:,} of {len(table.lines):,} particles are cut by the border of their frame; {CORRECTED}."] if cut else []
    )
    volume, scale = facts.get("volume_ml"), facts.get("um_per_px")
    run = RunFacts(
        str(facts.get("title") or "frames"),
        "located",
        len(table.lines),
        scale,
        str(facts.get("um_per_px_from") or "") if scale else "",
        volume_ml=volume,
        volume_from=str(facts.get("volume_from") or "") if volume else "",
        settings={str(label): str(text) for label, text in (facts.get("settings") or {}).items()},
    )
    siblings = scanned.siblings(name)
    images = {siblings.get(collage) for collage in set(table.column("collage"))}
    own = {name, *(siblings[key] for key in (FACTS_FILE,) if key in siblings), *filter(None, images)}
    notes += [str(note) for note in facts.get("notes") or ()]
    return InstrumentRun(name, run, partial(_read, scanned, name, scale), frozenset(own), KEPT_COLUMNS, tuple(notes))


def _facts(scanned: ScannedFiles, name: str) -> Mapping[str, Any]:
    """Content of run.json with numbers where numbers belong; {} without one."""
    path = scanned.siblings(name).get(FACTS_FILE)
    try:
        facts = json.loads(scanned.files.read(path)) if path else {}
    except ValueError:
        facts = {}
    if not isinstance(facts, dict):
        return {}
    settings = facts.get("settings")
    numbers = {key: parse_positive(facts.get(key)) for key in ("volume_ml", "um_per_px")}
    notes = facts.get("notes")
    return {
        **facts,
        **numbers,
        "settings": settings if isinstance(settings, dict) else {},
        "notes": notes if isinstance(notes, list) else [],
    }


def _read(scanned: ScannedFiles, name: str, um_per_px: float | None) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row, collage by collage."""
    table = parse_table(decode_text(scanned.files.read(name)), _is_header)
    collages = ImageCache(scanned.files, scanned.sibling_finder(name), noun="collage")
    taken: set[str] = set()
    for position in group_by_image(table.column("collage")):
        values = table.values(table.lines[position])
        columns = dict(zip(table.names, values, strict=False))
        record = ParticleRecord(
            unique_name(sibling_path(name, f"{columns.get('frame') or 'frame'}#{position + 1}"), taken),
            scanned.files.title,
            um_per_px=um_per_px,
            given=_class_key(columns.get("label")),
            columns={key: columns[key] for key in KEPT_COLUMNS if key in columns},
        )
        yield _with_pixels(record, columns, collages)


def _with_pixels(record: ParticleRecord, columns: Mapping[str, str], collages: ImageCache) -> ParticleRecord:
    if columns.get("border") == CUT:
        return replace(record, reason=CUT_REASON)
    x, y, width, height = (
        parse_integer(columns.get(key)) for key in ("collage_left", "collage_top", "crop_width", "crop_height")
    )
    if x is None or y is None or width is None or height is None:
        return replace(record, reason="the place of its crop is not given in whole numbers")
    pixels, _, reason = collages.crop(columns["collage"], (x, y, width, height))
    return replace(record, pixels=pixels, reason=reason)


def _class_key(label: str | None) -> str | None:
    particle_class = class_from_folder(label) if label else None
    return particle_class.key if particle_class else None
