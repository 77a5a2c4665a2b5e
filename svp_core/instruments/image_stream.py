"""Read images that IDEAS exports from an ImageStream: one file per object and channel, 12_Ch1.ome.tif.

The number before _Ch counts objects, the number behind it channels; text may stand before both, as in
"sample_12_Ch1.ome.tif". An object is one particle, read from the channel in bright field: the one that its OME metadata
name so, else the one whose background is brightest (fluorescence channels are dark around the particle); another one
can be chosen. A second page of the file with two values is the mask. Features of the objects, exported to the same
folder as a table, become columns. Written according to the names that public
programs read; no export was available.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from svp_core.images import ImageUnreadable, background_level
from svp_core.instruments.image_paths import read_image_pages
from svp_core.instruments.image_stream_features import OBJECT_NUMBER, Features, find_features
from svp_core.instruments.images.ome_metadata import read_ome, stated_scale
from svp_core.instruments.metadata import Choices, Question, RunFacts, answer_of
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    SourceFiles,
    class_from_path,
    sibling_path,
    unique_name,
)

_NAME = re.compile(r"(?P<before>.*?)(?P<object>\d{1,9})_ch(?P<channel>\d{1,2})\.(?:ome\.)?tiff?", re.IGNORECASE)
_BRIGHT_FIELD = re.compile(r"\b(bright[ -]?field|bf\d?|transmitted|transmission)\b", re.IGNORECASE)
SAMPLED_OBJECTS = 5  # whose images decide which channel is in bright field
SAME_BRIGHTNESS = 0.8  # of the brightest background: such a channel is in bright field, too
COLUMNS = (OBJECT_NUMBER, "Channel", "Channels")


@dataclass
class _Export:
    """The files of one export: a folder and a text before the numbers."""

    folder: str
    before: str
    objects: dict[int, dict[int, str]] = field(default_factory=dict)  # object -> channel -> name

    @property
    def channels(self) -> list[int]:
        """Numbers of all channels, ascending."""
        return sorted({channel for images in self.objects.values() for channel in images})

    @property
    def title(self) -> str:
        """The text before the numbers, else the name of the folder."""
        return self.before.rstrip("_- ") or self.folder.rpartition("/")[2]


def find_runs(scanned: ScannedFiles, choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every set of images named by object and channel. Raises LabError for an unknown answer."""
    exports: dict[tuple[str, str], _Export] = {}
    for name in scanned.files.names:
        folder, _, last = name.rpartition("/")
        match = _NAME.fullmatch(last)
        if match:
            export = exports.setdefault((folder, match["before"]), _Export(folder, match["before"]))
            export.objects.setdefault(int(match["object"]), {}).setdefault(int(match["channel"]), name)
    return [_describe(scanned, export, choices) for export in exports.values() if len(export.channels) > 1]


def _describe(scanned: ScannedFiles, export: _Export, choices: Choices | None) -> InstrumentRun:
    files, features = scanned.files, find_features(scanned, export.folder, export.objects)
    first = next(iter(next(iter(export.objects.values())).values()))
    channels = [str(channel) for channel in export.channels]
    question = Question(
        f"channel:{sibling_path(first, export.before)}",
        f"Which channel of {export.title or 'the images'} is in bright field?",
        tuple(channels),
        str(_bright_field_channel(files, export)),
    )
    channel = int(answer_of(question, choices))
    missing = sum(channel not in images for images in export.objects.values())
    read_names = [images[channel] for images in export.objects.values() if channel in images]
    scale, scale_from, scale_notes = stated_scale(
        replace(files, sizes={name: files.sizes[name] for name in read_names})
    )
    facts = RunFacts(
        export.title or files.title,
        "image_stream",
        len(export.objects),
        scale,
        scale_from,
        instrument="ImageStream, exported by IDEAS",
        settings={"Channels": ", ".join(channels), "Channel read": str(channel)},
    )
    notes = [
        f"Each object is one particle, read from channel {channel} of {', '.join(channels)}. The channel that is named "
        "so, or has the brightest background, is taken to be in bright field; another one can be chosen.",
        *scale_notes,
        *features.notes,
    ]
    if scale is None:
        notes.append(
            "These images do not state their pixel size: sizes are in pixels until you enter µm per pixel (as a rule "
            "1 µm at 20x, 0.5 µm at 40x, 0.3 µm at 60x)."
        )
    if missing:
        notes.append(f"Objects without an image of channel {channel}: {missing:,}; they are rejected.")
    names = frozenset(name for images in export.objects.values() for name in images.values())
    read = partial(_read, files, export, channel, features)
    columns = tuple(dict.fromkeys((*COLUMNS, *features.columns)))
    return InstrumentRun(first, facts, read, names.union(features.names), columns, tuple(notes), (question,))


def _bright_field_channel(files: SourceFiles, export: _Export) -> int:
    named = _named_channel(files, export)
    return _brightest_channel(files, export) if named is None else named


def _named_channel(files: SourceFiles, export: _Export) -> int | None:
    """The first channel that the OME metadata of the first object's images call bright field, or None."""
    for channel, name in sorted(next(iter(export.objects.values())).items()):
        try:
            metadata = read_ome(files.read(name))
        except ImageUnreadable:
            continue
        if metadata and len(metadata.channels) == 1 and _BRIGHT_FIELD.search(metadata.channels[0]):
            return channel
    return None


def _brightest_channel(files: SourceFiles, export: _Export) -> int:
    """The first of the channels whose background is about as bright as the brightest one's."""
    levels: dict[int, list[float]] = {}
    for images in islice(export.objects.values(), SAMPLED_OBJECTS):
        for channel, name in images.items():
            try:
                levels.setdefault(channel, []).append(background_level(read_image_pages(files, name)[0]))
            except ImageUnreadable:
                continue
    medians = {channel: float(np.median(values)) for channel, values in levels.items()}
    if not medians:
        return export.channels[0]
    return min(channel for channel, level in medians.items() if level >= SAME_BRIGHTNESS * max(medians.values()))


def _read(files: SourceFiles, export: _Export, channel: int, features: Features) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every object, by number."""
    taken: set[str] = set()
    for number, images in sorted(export.objects.items()):
        name = images.get(channel) or next(iter(images.values()))
        pixels, mask, scale, reason = None, None, None, f"object {number} has no image of channel {channel}"
        if channel in images:
            pixels, mask, scale, reason = _read_file(files, images[channel])
        yield ParticleRecord(
            unique_name(sibling_path(name, f"{export.before}{number}"), taken),
            files.title,
            pixels,
            scale,
            given=class_from_path(name),
            columns=features.of(number) | _columns(number, channel, images),
            mask=mask,
            reason=reason,
        )


def _columns(number: int, channel: int, images: Mapping[int, str]) -> dict[str, object]:
    values = (number, channel, " ".join(map(str, sorted(images))))
    return dict(zip(COLUMNS, values, strict=True))


def _read_file(
    files: SourceFiles, name: str
) -> tuple[NDArray[np.uint8] | None, NDArray[np.bool_] | None, float | None, str]:
    """(pixels, mask or None, µm per px or None, reason) of one file; with a reason all others are None."""
    try:
        pages, metadata = read_image_pages(files, name), read_ome(files.read(name))
    except ImageUnreadable as error:
        return None, None, None, str(error)
    scale = metadata.um_per_px if metadata else None
    if len(pages) == 2 and pages[1].shape == pages[0].shape[:2] and len(np.unique(pages[1])) == 2:
        return pages[0], pages[1] > pages[1].min(), scale, ""
    return pages[0], None, scale, ""
