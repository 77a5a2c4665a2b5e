"""What the pages of one TIFF file are, by what the file itself states: particles, or channels, planes and previews.

Read are OME-XML (Image, Pixels, Channel, TiffData), the descriptions of ImageJ and of tifffile, and the tags for
reduced-resolution images and masks (NewSubfileType, SubfileType; TIFF 6.0). A file that states nothing of this is a
stack of particles, one a page.
"""

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice, product
from xml.etree import ElementTree

MAX_CHANNELS = 16  # more pages of one particle are no channels: imaging cytometers have up to 12
MAX_DESCRIPTION = 8 * 1024**2  # characters
MAX_PAGES = 200_000
MAX_TAGGED_PAGES = 16  # first pages of which at least one is tagged as a preview or mask in a file that has any
_DESCRIPTION, _NEW_SUBFILE_TYPE, _SUBFILE_TYPE = 270, 254, 255
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 16: "Q"}  # types of whole numbers
MAX_TAGS = 500  # of a page
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_BRIGHT_FIELD = re.compile(
    r"\b(bright[ -]?field|bf|trans(mitted|mission)?|transmi\w*|phase|dic|tl)\b|brightfield", re.I
)

Channels = tuple[tuple[int, ...], ...]  # of one particle, the best first: pages of each, its planes, counted from 0


@dataclass(frozen=True)
class PageLayout:
    """What the pages of a file show."""

    particles: tuple[Channels, ...]
    previews: int = 0  # pages that are left out, since they show a page before them once more, smaller
    masks: int = 0  # pages that are left out, since they are masks
    certain: bool = True  # False: the file calls its pages planes, as it would if they were a stack of particles

    @property
    def most_channels(self) -> int:
        """The largest number of channels of a particle."""
        return max((len(channels) for channels in self.particles), default=0)

    @property
    def most_planes(self) -> int:
        """The largest number of planes of a particle."""
        return max((len(planes) for channels in self.particles for planes in channels), default=0)

    @property
    def is_plain(self) -> bool:
        """Whether every page is a particle."""
        return self.most_channels <= 1 and self.most_planes <= 1 and not self.previews and not self.masks


def plain_layout(count: int) -> PageLayout:
    """Every one of so many pages is a particle."""
    return PageLayout(tuple(((page,),) for page in range(count)))


def page_layout(data: bytes, count: int) -> PageLayout:
    """PageLayout of the TIFF file in these bytes, of so many pages."""
    if count < 2:
        return plain_layout(count)
    description, kinds = "", list[str]()
    for tags in islice(_directories(data), count):
        description = description or _text(data, tags.get(_DESCRIPTION))
        kinds.append(_left_out(tags))
        if len(kinds) >= MAX_TAGGED_PAGES and not any(kinds):
            break
    pages = [page for page in range(count) if page >= len(kinds) or not kinds[page]]
    if not pages:  # nothing but previews: they are all there is
        return plain_layout(count)
    stated = _from_ome(description) or _from_imagej(description) or _from_axes(description)
    particles, certain = stated or ((), True)
    valid = tuple(filter(None, (_existing(channels, pages) for channels in particles)))
    if {page for channels in valid for planes in channels for page in planes} != {*pages}:
        # What is stated does not fit the pages: it was written for another file, or for a set of files.
        valid, certain = tuple(((page,),) for page in pages), True
    return PageLayout(valid, kinds.count("preview"), kinds.count("mask"), certain)


Tag = tuple[int, int, int]  # first value if it is a whole number, else -1; number of values; where they begin


def _directories(data: bytes) -> Iterator[dict[int, Tag]]:
    """Yield the tags of each page, as far as the file is sound; also of pages that no decoder can read."""
    order, wide = ("<" if data[:2] == b"II" else ">"), data[2:4] in (b"+\0", b"\0+")
    number, entry, size = ("Q", "HHQ", 20) if wide else ("H", "HHI", 12)
    offset_format, at = ("Q", 8) if wide else ("I", 4)
    if data[:2] not in (b"II", b"MM"):
        return
    visited: set[int] = set()
    with suppress(struct.error, OverflowError):
        offset = struct.unpack_from(order + offset_format, data, at)[0]
        while offset and offset not in visited and len(visited) < MAX_PAGES:
            visited.add(offset)
            count = struct.unpack_from(order + number, data, offset)[0]
            start, tags = offset + struct.calcsize("<" + number), {}
            for position in range(start, start + min(count, MAX_TAGS) * size, size):
                tag, kind, values = struct.unpack_from(order + entry, data, position)
                place = position + struct.calcsize("<" + entry)
                room = size - struct.calcsize("<" + entry)
                if values * _TYPE_BYTES.get(kind, 1) > room:
                    place = struct.unpack_from(order + offset_format, data, place)[0]
                tags[tag] = _value(data, order, kind, place) if kind in _WHOLE else -1, values, place
            yield tags
            offset = struct.unpack_from(order + offset_format, data, start + count * size)[0]


def _value(data: bytes, order: str, kind: int, place: int) -> int:
    return struct.unpack_from(order + _WHOLE[kind], data, place)[0]


def _text(data: bytes, tag: Tag | None) -> str:
    if tag is None:
        return ""
    _, count, place = tag
    return data[place : place + min(count, MAX_DESCRIPTION)].rstrip(b"\0 \n").decode("utf-8", "replace")


def _left_out(tags: Mapping[int, Tag]) -> str:
    """ "preview" or "mask" for the page with these tags, "" for any other."""
    kind, old_kind = (tags.get(tag, (0, 0, 0))[0] for tag in (_NEW_SUBFILE_TYPE, _SUBFILE_TYPE))
    if kind > 0 and kind & _MASK:
        return "mask"
    return "preview" if (kind > 0 and kind & _REDUCED) or old_kind == 2 else ""


def _existing(channels: Channels, pages: Sequence[int]) -> Channels:
    """These channels without pages that are left out or do not exist."""
    known = set(pages)
    return tuple(filter(None, (tuple(page for page in planes if page in known) for planes in channels)))


def _from_ome(description: str) -> tuple[tuple[Channels, ...], bool] | None:
    """(particles, whether they are certain) according to OME-XML; None for any other description."""
    if "<OME" not in description[:4096] or "<!DOCTYPE" in description:
        return None
    try:
        root = ElementTree.fromstring(description)
    except (ElementTree.ParseError, ValueError):
        return None
    particles: list[Channels] = []
    certain, next_page = True, 0
    for pixels in root.iterfind(".//{*}Image/{*}Pixels"):
        sizes = {axis: _whole(pixels.get(f"Size{axis}")) for axis in "CZT"}
        channels = pixels.findall("{*}Channel")
        # Samples of a colour pixel count as channels in SizeC, but share a page.
        sizes["C"] = len(channels) or sizes["C"]
        order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis in "CZT"]
        if len(order) != 3:
            return None
        page_of = _ome_pages(pixels, sizes, order, next_page)
        next_page = max([next_page, *(page + 1 for page in page_of.values())])
        ranks = _by_preference([channel.get("Name", "") for channel in channels] or [""] * sizes["C"])
        has_step = pixels.get("PhysicalSizeZ") or any("PositionZ" in p.attrib for p in pixels.iterfind("{*}Plane"))
        certain = certain and (sizes["Z"] == 1 or bool(has_step) or 1 < sizes["C"] <= MAX_CHANNELS)
        particles += _grouped(page_of, sizes, ranks)
    return tuple(particles), certain


def _ome_pages(
    pixels: ElementTree.Element, sizes: dict[str, int], order: Sequence[str], next_page: int
) -> dict[tuple[int, int, int], int]:
    """{(channel, plane, time): page} of one image of an OME file."""
    # The first axis of the order changes fastest.
    indices = [
        dict(zip(reversed(order), index, strict=True))
        for index in product(*(range(min(sizes[axis], MAX_PAGES)) for axis in reversed(order)))
    ]
    if math.prod(sizes.values()) > MAX_PAGES:
        return {}
    positions = [(index["C"], index["Z"], index["T"]) for index in indices]
    parts = pixels.findall("{*}TiffData")
    if not any(part.get("IFD") or part.get("PlaneCount") for part in parts):
        return {position: next_page + n for n, position in enumerate(positions)}
    page_of = {}
    for part in parts:
        channel, plane, time = (_whole(part.get(f"First{axis}"), least=0) for axis in "CZT")
        first = channel, plane, time
        start = positions.index(first) if first in positions else 0
        page = _whole(part.get("IFD"), least=0)
        for n in range(_whole(part.get("PlaneCount"))):
            if start + n < len(positions):
                page_of[positions[start + n]] = page + n
    return page_of


def _grouped(
    page_of: dict[tuple[int, int, int], int], sizes: dict[str, int], ranks: Sequence[int]
) -> Iterator[Channels]:
    """Yield the channels of each particle; so many channels that they can be none are particles of their own."""
    groups = [list(ranks)] if sizes["C"] <= MAX_CHANNELS else [[channel] for channel in range(sizes["C"])]
    for time, channels in product(range(sizes["T"]), groups):
        planes = (
            tuple(page_of[key] for z in range(sizes["Z"]) if (key := (channel, z, time)) in page_of)
            for channel in channels
        )
        yield tuple(filter(None, planes))


def _by_preference(names: Sequence[str]) -> list[int]:
    """Positions of the channels of these names, those of transmitted light first."""
    return sorted(range(len(names)), key=lambda position: not _BRIGHT_FIELD.search(names[position]))


def _from_imagej(description: str) -> tuple[tuple[Channels, ...], bool] | None:
    """As _from_ome, according to a description of ImageJ: channels change fastest, then slices, then frames."""
    if not description.startswith("ImageJ="):
        return None
    fields = {key: value for key, _, value in (line.partition("=") for line in description.splitlines())}
    sizes = {axis: _whole(fields.get(key)) for axis, key in (("C", "channels"), ("Z", "slices"), ("T", "frames"))}
    if sizes["C"] * sizes["Z"] * sizes["T"] > MAX_PAGES:
        return None
    order = product(range(sizes["T"]), range(sizes["Z"]), range(sizes["C"]))
    page_of = {(c, z, t): page for page, (t, z, c) in enumerate(order)}
    # ImageJ calls the images of any stack slices; only planes have a spacing, or come in several channels.
    certain = sizes["Z"] == 1 or "spacing" in fields or 1 < sizes["C"] <= MAX_CHANNELS
    return tuple(_grouped(page_of, sizes, range(sizes["C"]))), certain


def _from_axes(description: str) -> tuple[tuple[Channels, ...], bool] | None:
    """As _from_ome, according to a description of tifffile: the shape of the array, and the letters of its axes."""
    if not description.startswith("{"):
        return None
    try:
        stated = json.loads(description)
        shape, axes = [int(size) for size in stated["shape"]], str(stated["axes"])
    except (ValueError, KeyError, TypeError):
        return None
    pages = [(axis, size) for axis, size in zip(axes, shape, strict=False) if axis not in "YXS"]
    if len(axes) != len(shape) or math.prod(size for _, size in pages) > MAX_PAGES:
        return None
    particles: dict[tuple[int, ...], dict[int, list[int]]] = {}
    for page, index in enumerate(product(*(range(size) for _, size in pages))):
        at = {axis: position for (axis, _), position in zip(pages, index, strict=True)}
        particle = tuple(position for axis, position in at.items() if axis not in "CZ")
        particles.setdefault(particle, {}).setdefault(at.get("C", 0), []).append(page)
    channels = (tuple(map(tuple, planes.values())) for planes in particles.values())
    if dict(pages).get("C", 1) > MAX_CHANNELS:
        return None
    return tuple(channels), True


def _whole(text: str | None, *, least: int = 1) -> int:
    """Whole number of an attribute; the least one where it is missing or not a number."""
    return max(least, int(text)) if text and re.fullmatch(r"\s*\d{1,9}\s*", text) else least
