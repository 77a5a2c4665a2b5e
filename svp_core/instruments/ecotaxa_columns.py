"""What the columns of an EcoTaxa table state: pixel size, volume, labels. EcoTaxa fixes few names and no units.

Pixel sizes by name and unit as their makers document them: process_pixel and process_particle_pixel_size_mm of
ZooProcess (ZooScan, FlowCam), process_pixel of the PlanktoScope in µm, acq_pixel of the UVP in mm,
acq_resolution_pixel_per_micron of IFCB tools. A column without a unit in its name is asked about.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svp_core.instruments.metadata import Choices, Question, answer_of
from svp_core.instruments.text_tables import Table, parse_positive

CATEGORY, STATUS, OBJECT_ID = "object_annotation_category", "object_annotation_status", "object_id"
FILE_NAME, RANK = "img_file_name", "img_rank"
RUN_COLUMNS = ("acq_id", "sample_id")  # of an acquisition, in this order
UNITS = ("µm per px", "mm per px")
MAX_MM = 0.2  # a pixel size below this without a unit is taken as mm: no microscope here has less than 0.2 µm per px
_PREFIX = r"(?:process(?:es)?|acq(?:uisitions?)?|samples?|object|obj_field)_"
_SIZE = r"(?:particle_)?pixel_?(?:size|length|width)?"
# "?m" and "_m" are what is left of "µm" after a program without the letter.
_MICROMETRES = re.compile(rf"{_PREFIX}{_SIZE}_*(?:[µμu?]|â?[µ])?m(?:icrons?|icromet(?:er|re)s?)?")
_MILLIMETRES = re.compile(rf"{_PREFIX}{_SIZE}_*(?:mm|millimet(?:er|re)s?)")
_PER_MICROMETRE = re.compile(rf"{_PREFIX}(?:resolution_)?(?:pixels?|px)_per_(?:[µμu]m|micron|micrometer)")
_WITHOUT_UNIT = re.compile(rf"{_PREFIX}{_SIZE}(?:_fixed)?")
_VOLUME = re.compile(rf"{_PREFIX}(?:imaged_volume|(?:fluid_)?volume_imaged)(?:_([mµμu])l)?")
_SETTINGS = ("acq", "process", "sample")  # beginnings of the columns that describe a run
_STATUS_NAMES = {
    "v": "validated",
    "p": "predicted",
    "d": "dubious",
    "validated": "validated",
    "predicted": "predicted",
    "dubious": "dubious",
}


@dataclass(frozen=True)
class PixelSize:
    """Where a table states the pixel size, and how its numbers become µm per px."""

    key: str = ""  # of the column; "" where there is none
    micrometres: float = 1.0  # of one unit of it
    inverse: bool = False  # the column holds px per unit
    question: Question | None = None

    def um_per_px(self, text: object) -> float | None:
        """Pixel size of one value of the column, None for a text that is not a positive number."""
        number = parse_positive(text)
        if number is None:
            return None
        return round(1 / number if self.inverse else number * self.micrometres, 8)


def find_pixel_size(table: Table, name: str, choices: Choices | None) -> PixelSize:
    """PixelSize of the table with this name. Raises LabError for an unknown answer to its question."""
    keys = [key for key in table.positions if "pixel" in key or "_px" in key]
    for pattern, factor, inverse in (
        (_MILLIMETRES, 1000.0, False),
        (_PER_MICROMETRE, 1.0, True),
        (_MICROMETRES, 1.0, False),
    ):
        for key in keys:
            if pattern.fullmatch(key) and _first_number(table, key):
                return PixelSize(key, factor, inverse)
    for key in sorted((key for key in keys if _WITHOUT_UNIT.fullmatch(key)), key=lambda key: key.startswith("acq")):
        value = _first_number(table, key)
        if value:
            # The UVP looks at centimetres, from 0.07 mm per px on.
            in_mm = value < (1 if "uvp" in instrument_name(table).casefold() else MAX_MM)
            question = Question(
                f"pixel_unit:{name}", f"Unit of {key} ({value:g}) in {name.rpartition('/')[2]}?", UNITS, UNITS[in_mm]
            )
            return PixelSize(key, 1.0 if answer_of(question, choices) == UNITS[0] else 1000.0, question=question)
    return PixelSize()


def find_volume(table: Table, values: Sequence[str]) -> tuple[float | None, str]:
    """(mL imaged, its column) of the acquisition of this row, (None, "") where the table does not state it."""
    for key in table.positions:
        match = _VOLUME.fullmatch(key)
        number = re.match(r"\s*([\d.,eE+-]+)\s*(ml)?\s*$", table.value(values, key) or "", re.IGNORECASE)
        if match and number and (volume := parse_positive(number[1])):
            return volume / (1 if match[1] in (None, "m") else 1000), table.names[table.positions[key]]
    return None, ""


def is_uvp(table: Table) -> bool:
    """Whether the table is of a UVP: it states the volume of one image."""
    return bool({"acq_volimage", "acquisitions_volimage"} & table.positions.keys())


def instrument_name(table: Table) -> str:
    """The instrument as the first row that names one does, "" without one."""
    for key in ("acq_instrument", "acquisitions_instrument", "acq_inst_name", "process_software"):
        if text := next(_texts(table, key), ""):
            return text
    identifier = next(_texts(table, "acq_id"), "")
    known = re.match(r"uvp\d|zooscan|flowcam|planktoscope|ifcb", identifier, re.IGNORECASE)
    return known[0] if known else ""


def status_note(categories: Sequence[str], statuses: Sequence[str]) -> str:
    """How many labels of these objects were validated, predicted, doubted; "" where none has a label."""
    counts = Counter(
        _STATUS_NAMES.get(status.casefold(), "without a status")
        for category, status in zip(categories, statuses, strict=True)
        if category
    )
    parts = ", ".join(f"{count:,} {status}" for status, count in counts.most_common())
    return f"Labels of the table: {parts}." if parts else ""


def run_key(table: Table) -> str | None:
    """The column that tells acquisitions apart, or None."""
    return next((key for key in RUN_COLUMNS if next(_texts(table, key), "")), None)


def settings_of(table: Table, values: Sequence[str]) -> dict[str, str]:
    """What one row states of its acquisition, sample and processing: label -> text."""
    texts = {table.names[position]: table.value(values, key) for key, position in table.positions.items()}
    return {name: text for name, text in texts.items() if text and name.casefold().startswith(_SETTINGS)}


def _first_number(table: Table, key: str) -> float | None:
    return next((number for text in _texts(table, key) if (number := parse_positive(text))), None)


def _texts(table: Table, key: str) -> Iterator[str]:
    """The texts in a column that are not empty; none for a column that the table does not have."""
    if key in table.positions:
        yield from filter(None, (table.value(table.values(line), key) for line in table.lines))
