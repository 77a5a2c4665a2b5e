"""Read FlowCam runs of which only the csv export is present, without a list.

Two layouts: an export that gives the collage and box of every particle (VisualSpreadsheet 2 to 4), tested on the real
export of version 4.19.3; and one whose particles are separate image files, <run>_00000.png with the number Id - 1
(versions 5 and 6), tested on files written according to what open-source readers document: no real export was
available.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from svp_core.decoding.files import decode_images
from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image, mask_file_name
from svp_core.instruments.flowcam import export_columns as export
from svp_core.instruments.flowcam.class_exports import (
    ClassExports,
    class_exports_among,
    class_of_table,
    find_class_exports,
)
from svp_core.instruments.flowcam.context import Context, read_context, run_facts
from svp_core.instruments.flowcam.run import (
    CLASS_COLUMN,
    class_from_label,
    collage_cautions,
    read_labels,
    run_file_names,
)
from svp_core.instruments.flowcam.segmentation import read_thresholds
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.metadata import Choices
from svp_core.instruments.own_diameter import own_diameter_reader
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    UnreadableRun,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import Table, normalise_name, parse_integer, parse_positive
from svp_core.particle_classes import class_from_folder

_SINGLE = re.compile(r"(.+?)_?(\d{5,})\.[a-z]+")


def find_runs(scanned: ScannedFiles, _choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every csv export of particles that does not belong to a list."""
    layouts: dict[str, export.Layout] = {
        name: layout for name, head in scanned.heads.items() if (layout := export.export_layout(head))
    }
    # A table of the particles of one class belongs to the export of the whole run.
    of_classes = class_exports_among(scanned, layouts) if len(layouts) > 1 else set[str]()
    return [_describe(scanned, name, layout) for name, layout in layouts.items() if name not in of_classes]


def _describe(scanned: ScannedFiles, name: str, layout: export.Layout) -> DetectedRun:
    files, siblings, file_name = scanned.files, scanned.siblings(name), name.rpartition("/")[2]
    title, file_names = file_stem(name), run_file_names(siblings, name)
    try:
        table = export.read_export(files, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The FlowCam export {file_name} cannot be read: {error}.", file_names)
    if not table.lines:
        message = f"The FlowCam export {file_name} contains no particles; choose another run."
        return UnreadableRun(name, message, file_names)
    context = read_context(files, siblings, title)
    facts, notes = run_facts(context, "flowcam", len(table.lines))
    cautions: list[str] = []
    scale_key = export.first_key(table, export.SCALE_COLUMNS)
    if scale_key:
        scales = [scale for scale in map(parse_positive, dict.fromkeys(table.column(scale_key))) if scale]
        if scales:
            scale = scales[0] if len(set(scales)) == 1 else None
            scale_from = f"{table.names[table.positions[scale_key]]} in {file_name}" if scale else ""
            facts = replace(facts, um_per_px=scale, um_per_px_from=scale_from)
            if scale is None:
                cautions.append("The particles of this export differ in pixel size; each keeps its own.")
    file_key = export.first_key(table, export.FILE_COLUMNS)
    if layout == "collage" and file_key:
        collages = tuple(filter(None, dict.fromkeys(table.column(file_key))))
        images = [image for c in collages for image in (c, mask_file_name(c))]
        cautions += collage_cautions(collages, siblings, read_thresholds(context.settings))
        read = _read_collages
        notes.append("This export has no list; its particles are cropped by the boxes in the export.")
    else:
        images = list(_single_images(siblings, title).values())
        read = _read_single
        notes.append("This export has no list; each particle's image is the file with its number.")
    labels, label_notes = read_labels(files, siblings, title)
    by_class = _class_exports(scanned, name, table)
    has_classes = labels or by_class.labels or _class_of_name(name, table)
    class_column = (CLASS_COLUMN,) if has_classes and CLASS_COLUMN not in table.names else ()
    return InstrumentRun(
        name,
        facts,
        partial(read, scanned, name, context),
        file_names
        | {siblings[normalise_name(image)] for image in images if normalise_name(image) in siblings}
        | by_class.file_names,
        (*table.names, *class_column),
        (*notes, *label_notes, *by_class.notes),
        cautions=tuple(cautions),
    )


def _read_collages(scanned: ScannedFiles, name: str, context: Context) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row, collage by collage."""
    collages = ImageCache(scanned.files, scanned.sibling_finder(name), noun="collage", masks=True)
    table = export.read_export(scanned.files, name)
    file_key = export.first_key(table, export.FILE_COLUMNS)
    box_keys = [export.first_key(table, names) for names in export.BOX_COLUMNS]
    rows = _row_reader(scanned, name, table, context)
    for position in group_by_image(table.column(file_key or "")):
        record, values = rows(position)
        if not record.reason:
            texts = [table.value(values, key) for key in box_keys]
            x, y, width, height = map(parse_integer, texts)
            if x is None or y is None or width is None or height is None:
                wrong = [parse_integer(text) for text in texts].index(None)
                column = table.names[table.positions[box_keys[wrong] or ""]]
                reason = (
                    f"{column} in the export is {str(texts[wrong])[:20]!r}, not a whole number; export the run again"
                )
                record = replace(record, reason=reason)
            else:
                collage = table.value(values, file_key) or ""
                pixels, mask, reason = collages.crop(collage, (x, y, width, height))
                record = replace(record, pixels=pixels, mask=mask, reason=reason)
        yield record


def _read_single(scanned: ScannedFiles, name: str, context: Context) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row, in the order of the export."""
    table = export.read_export(scanned.files, name)
    id_key, siblings = export.first_key(table, export.ID_COLUMNS), scanned.siblings(name)
    images, rows = _single_images(siblings, file_stem(name)), _row_reader(scanned, name, table, context)
    for position in range(len(table.lines)):
        record, values = rows(position)
        if not record.reason:
            particle_id = table.value(values, id_key) or ""
            number = parse_integer(particle_id)
            image = None if number is None else images.get(number - 1)
            if number is None:
                record = replace(
                    record, reason=f"its id in the export is {particle_id[:20]!r}, not a number; export the run again"
                )
            elif image is None:
                file_name = f"{file_stem(name)}_{max(0, number - 1):05d}.png"
                record = replace(record, reason=f"its image {file_name} is missing from the run folder; copy it there")
            else:
                try:
                    data = scanned.files.read(siblings[image])
                    record = replace(record, pixels=decode_images(data, scanned.files.scale_of)[0])
                except ImageUnreadable as error:
                    record = replace(record, reason=f"its image {image} cannot be read: {error}")
        yield record


def _row_reader(
    scanned: ScannedFiles, name: str, table: Table, context: Context
) -> Callable[[int], tuple[ParticleRecord, list[str]]]:
    """Function (row number from 0) -> (ParticleRecord without pixels, values of the row)."""
    labels = _class_exports(scanned, name, table).labels
    labels |= read_labels(scanned.files, scanned.siblings(name), file_stem(name))[0]
    class_of_name = _class_of_name(name, table)
    id_key, scale_key = export.first_key(table, export.ID_COLUMNS), export.first_key(table, export.SCALE_COLUMNS)
    class_key, own_diameter = CLASS_COLUMN.casefold(), own_diameter_reader(table.names)
    taken: set[str] = set()

    def read_row(position: int) -> tuple[ParticleRecord, list[str]]:
        values = table.values(table.lines[position])
        particle_id = table.value(values, id_key) or str(position + 1)
        columns = dict(zip(table.names, values, strict=False))
        label = labels.get(particle_id) or table.value(values, class_key) or class_of_name
        if label:
            columns.setdefault(CLASS_COLUMN, label)
        diameter_um, diameter_from = own_diameter(columns)
        reason = ""
        if len(values) != len(table.names):
            reason = f"its row in the export has {len(values)} values but the header names {len(table.names)}"
        return ParticleRecord(
            unique_name(sibling_path(name, f"{file_stem(name)}#{particle_id}"), taken),
            scanned.files.title,
            um_per_px=parse_positive(table.value(values, scale_key)) or context.um_per_px,
            given=class_from_label(label, name),
            columns=columns,
            diameter_um=diameter_um,
            diameter_from=diameter_from,
            fringe_px=context.fringe_px,
            reason=reason,
        ), values

    return read_row


def _class_exports(scanned: ScannedFiles, name: str, table: Table) -> ClassExports:
    id_key, file_key = export.first_key(table, export.ID_COLUMNS), export.first_key(table, export.FILE_COLUMNS)
    collages = table.column(file_key) if file_key else []
    return find_class_exports(scanned, name, table.column(id_key) if id_key else [], set(collages))


def _class_of_name(name: str, table: Table) -> str | None:
    """The built-in class that an export is named after, behind the name that its collages have; None without one."""
    file_key = export.first_key(table, export.FILE_COLUMNS)
    collage = next(filter(None, table.column(file_key)), "") if file_key else ""
    title = re.sub(r"_\d+$", "", file_stem(collage.replace("\\", "/")))
    label = class_of_table(name, title) if file_stem(name).casefold().startswith(title.casefold()) and title else ""
    return label if label and class_from_folder(label) else None


def _single_images(siblings: Mapping[str, str], title: str) -> dict[int, str]:
    """{number: normalise_name} of the images named after the run with a number of five digits or more.

    If none is named after the run but all numbered images share one name, those are used.
    """
    by_title: dict[str, dict[int, str]] = {}
    for image in siblings:
        match = _SINGLE.fullmatch(image)
        if match and is_image_name(image):
            by_title.setdefault(match[1], {})[int(match[2])] = image
    own = normalise_name(title)
    if own in by_title:
        return by_title[own]
    return next(iter(by_title.values())) if len(by_title) == 1 else {}
