"""OME-XML in the description of a TIFF (OME-TIFF): the pixel size with its unit, and the names of the channels.

The standard: ome-model, "Pixels" and "Channel". PhysicalSizeX is in µm unless PhysicalSizeXUnit names another unit;
"pixel" and "reference frame" are no lengths. Tried on files of tifffile and on texts in the standard's units.
"""

import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from PIL import Image, TiffImagePlugin

from svp_core.images import ImageUnreadable
from svp_core.instruments.records import SourceFiles
from svp_core.instruments.text_tables import parse_positive

MAX_FILES = 500  # of a source that are opened for its summary
MAX_BYTES = 8 * 1024**2  # of a description that is parsed
SAME_SIZE = 0.005  # relative difference of a pixel's width and height up to which it is square
_DESCRIPTION = 270  # tag of a TIFF
_IN_MICROMETRES = {
    "m": 1e6,
    "dm": 1e5,
    "cm": 1e4,
    "mm": 1e3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "nm": 1e-3,
    "pm": 1e-6,
    "\u00c5": 1e-4,  # Å as a letter
    "\u212b": 1e-4,  # Å as the sign of the unit
    "in": 25_400.0,
    "ft": 304_800.0,
    "thou": 25.4,
    "mil": 25.4,
}


@dataclass(frozen=True)
class OmeMetadata:
    """What OME-XML says of the first image of a file."""

    um_per_px: float | None  # None: not stated, not a length, or not square
    channels: tuple[str, ...] = ()  # their names, "" for one without
    note: str = ""  # why a stated pixel size is not used


def read_ome(data: bytes) -> OmeMetadata | None:
    """OmeMetadata of a TIFF's bytes; None for any other file, or without OME-XML that can be read."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") or b"OME" not in data:
        return None
    try:
        with Image.open(io.BytesIO(data)) as file:
            is_tiff = isinstance(file, TiffImagePlugin.TiffImageFile)
            description = file.tag_v2.get(_DESCRIPTION, "") if is_tiff else ""
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError):
        return None
    return parse_ome(_as_utf8(description) if isinstance(description, str) else "")


def ome_scale(data: bytes) -> float | None:
    """µm per px that the OME metadata of a TIFF's bytes state, or None."""
    metadata = read_ome(data)
    return metadata.um_per_px if metadata else None


def parse_ome(text: str) -> OmeMetadata | None:
    """OmeMetadata of OME-XML; None for a text that is none, or declares entities, which could make it grow."""
    if "<OME" not in text[:4096] and ":OME" not in text[:4096]:
        return None
    if len(text) > MAX_BYTES or "<!DOCTYPE" in text or "<!ENTITY" in text:
        return None
    try:
        # A program that wrote Latin-1 declares UTF-8 all the same; the text is decoded already.
        root = ElementTree.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text.strip("\0 \r\n\t")))
    except ElementTree.ParseError:
        return None
    pixels = next((element for element in root.iter() if _name(element) == "Pixels"), None)
    if pixels is None:
        return None
    scale, note = _pixel_size(pixels.attrib)
    channels = tuple(element.attrib.get("Name", "") for element in pixels if _name(element) == "Channel")
    return OmeMetadata(scale, channels, note)


def stated_scale(files: SourceFiles) -> tuple[float | None, str, list[str]]:
    """(µm per px that the OME metadata of these images state, where, notes); None where they differ or state none.

    Looked at are files whose names say OME, at most MAX_FILES of them; without any, the first TIFF.
    """
    tiffs = [name for name in files.names if name.casefold().endswith((".tif", ".tiff"))]
    named = [name for name in tiffs if name.casefold().endswith((".ome.tif", ".ome.tiff"))][:MAX_FILES]
    scales: set[float | None] = set()
    notes: list[str] = []
    for name in named or tiffs[:1]:
        try:
            metadata = read_ome(files.read(name))
        except ImageUnreadable:
            continue
        scales.add(metadata.um_per_px if metadata else None)
        if metadata and metadata.note and metadata.note not in notes:
            notes.append(metadata.note)
    known = scales - {None}
    if len(known) > 1 or (known and len(scales) > 1):
        notes.append("The images differ in the pixel size that their OME metadata state; each keeps its own.")
    scale = known.pop() if len(scales) == 1 and known else None
    return scale, "PhysicalSizeX in the OME metadata" if scale else "", notes


def _as_utf8(text: str) -> str:
    """The text that Pillow decoded as Latin-1, which OME-XML is not: "µm", not "Âµm"."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _pixel_size(fields: dict[str, str]) -> tuple[float | None, str]:
    """(µm per px or None, why a stated size is not used)."""
    sizes = []
    for axis in "XY":
        text, unit = fields.get(f"PhysicalSize{axis}"), fields.get(f"PhysicalSize{axis}Unit", "µm").strip()
        number = parse_positive(text)
        if number is None:
            return None, ""
        if unit not in _IN_MICROMETRES:
            return None, f"The OME metadata give the pixel size as {number:g} {unit[:20]}, which is not a length."
        sizes.append(number * _IN_MICROMETRES[unit])
    width, height = sizes
    if abs(width - height) > SAME_SIZE * width:
        return None, f"The OME metadata give pixels of {width:.4g} x {height:.4g} µm, which are not square."
    return round(width, 8), ""


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
