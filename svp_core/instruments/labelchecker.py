"""Read the tables of LabelChecker, a program for checking labels of FlowCam and IFCB images: LabelChecker_<sample>.csv.

One row per particle: its image, either a file (ImageFilename, in the folder <Name> or "<Name> Images" beside the table)
or a box in a collage (CollageFile, ImageX, ImageY, ImageW, ImageH); CalConst, µm per px; the instrument's measurements;
LabelTrue, a person's label, and LabelPredicted, a model's. A table beside its FlowCam run gives labels to that run's
particles (label_reader); alone it is a run of its own. Written according to the source of LabelChecker 1.0 and of its
pipeline; no file of a laboratory was available.
"""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial

from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image
from svp_core.instruments.image_paths import ImagePaths, read_image_pages
from svp_core.instruments.metadata import Choices, RunFacts
from svp_core.instruments.own_diameter import own_diameter_reader
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
    unique_name,
)
from svp_core.instruments.text_tables import (
    Table,
    decode_text,
    header_keys,
    normalise_name,
    parse_integer,
    parse_positive,
    parse_table,
)
from svp_core.particle_classes import class_from_folder, key_from_name

TABLE_PREFIX = "LabelChecker_"
TRUE, PREDICTED = "labeltrue", "labelpredicted"
PREPROCESSING = ("preprocessingtrue", "preprocessing")  # "object", or why it is none: "bubble", "duplicate", "small"
_LABEL_COLUMNS = {TRUE, PREDICTED, *PREPROCESSING}
_IMAGE, _COLLAGE = "imagefilename", "collagefile"
_BOX = ("imagex", "imagey", "imagew", "imageh")


def is_labelchecker(head: str) -> bool:
    """Whether a text that starts like this is a table of LabelChecker."""
    return bool(header_keys(head, _is_header))


def _is_header(keys: AbstractSet[str]) -> bool:
    return len(keys & _LABEL_COLUMNS) >= 2 and bool(keys & {_IMAGE, _COLLAGE}) and bool(keys & {"id", "uuid"})


def table_name(title: str) -> str:
    """File name of the table that LabelChecker makes of a run with this title."""
    return f"{TABLE_PREFIX}{title}.csv"


def label_reader(files: SourceFiles, siblings: Mapping[str, str], title: str) -> dict[str, str]:
    """{id: label} of the LabelChecker table beside the run with this title; {} without one.

    siblings: {normalise_name: name} of the run's folder. Raises ImageUnreadable.
    """
    name = siblings.get(normalise_name(table_name(title)))
    table = parse_table(decode_text(files.read(name)), _is_header) if name else parse_table("")
    if "id" not in table.positions:
        return {}
    rows = (table.values(line) for line in table.lines)
    labels = {_id_text(table.value(values, "id")): label_of(table, values) for values in rows}
    return {identifier: label for identifier, label in labels.items() if label}


def label_of(table: Table, values: list[str]) -> str:
    """Label of a row: the person's, else the model's, else a class that the preprocessing found; "" without one."""
    label = table.value(values, TRUE) or table.value(values, PREDICTED) or ""
    if not label:
        found = next((text for key in PREPROCESSING if (text := table.value(values, key))), "")
        label = found if class_from_folder(found) else ""
    return label


def find_runs(scanned: ScannedFiles, _choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every table of LabelChecker that does not belong to a FlowCam run."""
    return [_describe(scanned, name) for name, head in scanned.heads.items() if is_labelchecker(head)]


def _describe(scanned: ScannedFiles, name: str) -> DetectedRun:
    file_name = name.rpartition("/")[2]
    try:
        table = parse_table(decode_text(scanned.files.read(name)), _is_header)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The LabelChecker table {file_name} cannot be read: {error}.", frozenset({name}))
    if not table.lines:
        message = f"The LabelChecker table {file_name} contains no particles; choose another one."
        return UnreadableRun(name, message, frozenset({name}))
    find, images, scales = _image_finder(scanned, name), set[str](), set[float | None]()
    checked = predicted = missing = 0
    for line in table.lines:
        values = table.values(line)
        image = find(table, values)
        missing += image is None
        images |= {image} if image else set()
        scales.add(parse_positive(table.value(values, "calconst")))
        checked += bool(table.value(values, TRUE))
        predicted += not table.value(values, TRUE) and bool(table.value(values, PREDICTED))
    scale = scales.pop() if len(scales) == 1 else None
    facts = RunFacts(
        _title(name),
        "labelchecker",
        len(table.lines),
        scale,
        f"CalConst in {file_name}" if scale else "",
        instrument="LabelChecker table",
    )
    notes = [f"Labels of the table: {checked:,} checked by a person (LabelTrue), {predicted:,} predicted only."]
    if missing:
        notes.append(
            f"{missing:,} of {len(table.lines):,} images are not beside the table; their particles are rejected. "
            f"Choose the folder that holds the table and the folder {_title(name)} with the images."
        )
    return InstrumentRun(
        name, facts, partial(_read, scanned, name), frozenset({name, *images}), table.names, tuple(notes)
    )


def _read(scanned: ScannedFiles, name: str) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row, image by image."""
    table, find = parse_table(decode_text(scanned.files.read(name)), _is_header), _image_finder(scanned, name)
    rows = [table.values(line) for line in table.lines]
    found = [find(table, values) for values in rows]
    own_diameter = own_diameter_reader(table.names)
    collages, taken = ImageCache(scanned.files, lambda image: image, noun="collage"), set[str]()
    for position in group_by_image(found):
        values, image = rows[position], found[position]
        columns, label = dict(zip(table.names, values, strict=False)), label_of(table, values)
        diameter_um, diameter_from = own_diameter(columns)
        record = ParticleRecord(
            unique_name(sibling_path(name, f"{_title(name)}#{_row_id(table, values) or position + 1}"), taken),
            scanned.files.title,
            um_per_px=parse_positive(table.value(values, "calconst")),
            given=key_from_name(label) or class_from_path(name),
            columns=columns,
            diameter_um=diameter_um,
            diameter_from=diameter_from,
        )
        if len(values) != len(table.names):
            reason = (
                f"its row in the table has {len(values)} values but the header names {len(table.names)}; save the "
                "table again"
            )
            yield replace(record, reason=reason)
        elif image is None:
            path = table.value(values, _IMAGE) or table.value(values, _COLLAGE) or ""
            reason = (
                f"its image {path[:120]} is not beside the table; copy it there"
                if path
                else "its row in the table names no image; save the table again"
            )
            yield replace(record, reason=reason)
        elif table.value(values, _IMAGE):
            yield _with_image(record, scanned.files, image)
        else:
            yield _cropped(record, table, values, collages, image)


def _with_image(record: ParticleRecord, files: SourceFiles, image: str) -> ParticleRecord:
    try:
        return replace(record, pixels=read_image_pages(files, image)[0])
    except ImageUnreadable as error:
        return replace(record, reason=f"its image {image.rpartition('/')[2]} cannot be read: {error}")


def _cropped(
    record: ParticleRecord, table: Table, values: list[str], collages: ImageCache, image: str
) -> ParticleRecord:
    texts = [table.value(values, key) for key in _BOX]
    x, y, width, height = map(parse_integer, texts)
    if x is None or y is None or width is None or height is None:
        wrong = [parse_integer(text) for text in texts].index(None)
        return replace(
            record,
            reason=f"its {_BOX[wrong]} in the table is {str(texts[wrong])[:20]!r}, not a whole number; save it again",
        )
    pixels, _, reason = collages.crop(image, (x, y, width, height))
    return replace(record, pixels=pixels, reason=reason)


def _image_finder(scanned: ScannedFiles, name: str) -> Callable[[Table, list[str]], str | None]:
    """Function (table, values of a row) -> name of the file with its image or its collage, or None."""
    paths = ImagePaths(scanned, name)

    def find(table: Table, values: list[str]) -> str | None:
        sample = table.value(values, "name") or _title(name)
        image, collage = table.value(values, _IMAGE), table.value(values, _COLLAGE)
        if image:
            return paths.find(image, (sample, f"{sample} Images", ""))
        return paths.find(collage, ("", sample)) if collage else None

    return find


def _title(name: str) -> str:
    stem = file_stem(name)
    return stem[len(TABLE_PREFIX) :] if stem.casefold().startswith(TABLE_PREFIX.casefold()) else stem


def _row_id(table: Table, values: list[str]) -> str:
    return table.value(values, "id") or (table.value(values, "uuid") or "").replace("/", "_")


def _id_text(text: str | None) -> str:
    number = parse_integer(text)
    return str(number) if number is not None else text or ""
