"""FlowCam runs of which only the csv export is there, without a list.

Two layouts: an export that names collage and rectangle of every particle (VisualSpreadsheet 2 to 4), tried on the real
export of version 4.19.3; and one whose particles are image files of their own, <run>_00000.png with the number Id - 1
(versions 5 and 6), which is tested on files written from what open readers document: no real one was had.
"""

import re
from dataclasses import replace
from functools import partial

from svp_core.images import ImageUnreadable, decode_images
from svp_core.instruments.crops import ImageCache, group_by_image, mask_file_name
from svp_core.instruments.flowcam import export_columns as export
from svp_core.instruments.flowcam.context import read_context, run_facts
from svp_core.instruments.flowcam.run import CLASS_COLUMN, class_from_label, read_labels, run_file_names
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.records import (
    InstrumentRun,
    ParticleRecord,
    UnreadableRun,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import normalise_name, parse_integer, parse_positive

_SINGLE = re.compile(r"(.+?)_?(\d{5,})\.[a-z]+")


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every csv export of particles that is not a list's."""
    found = []
    for name, head in offered.heads.items():
        layout = export.export_layout(head)
        if layout:
            found.append(_run(offered, name, layout))
    return found


def _run(offered, name, layout):
    files, beside, shown = offered.files, offered.siblings(name), name.rpartition("/")[2]
    title, claims = file_stem(name), run_file_names(beside, name)
    try:
        table = export.read_export(files, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The FlowCam export {shown} cannot be read: {error}.", claims)
    if not table.lines:
        return UnreadableRun(name, f"The FlowCam export {shown} holds no particles; choose another run.", claims)
    context = read_context(files, beside, title)
    facts, notes = run_facts(context, "flowcam", len(table.lines))
    scale_key = export.first_key(table, export.SCALE_COLUMNS)
    texts = dict.fromkeys(table.column(scale_key)) if scale_key else ()
    scales = dict.fromkeys(filter(None, map(parse_positive, texts)))
    if scales:
        scale = next(iter(scales)) if len(scales) == 1 else None
        where = f"{table.names[table.positions[scale_key]]} in {shown}" if scale else ""
        facts = replace(facts, um_per_px=scale, um_per_px_from=where)
    if layout == "cut":
        collages = dict.fromkeys(table.column(export.first_key(table, export.FILE_COLUMNS)))
        images = [image for c in collages for image in (c, mask_file_name(c))]
        read = _read_cut
        notes.append("There is no list with this export; its particles are cut by the export's own rectangles.")
    else:
        images = _single_images(beside, title).values()
        read = _read_single
        notes.append("There is no list with this export; the image of a particle is the file of its number.")
    labels, label_notes = read_labels(files, beside, title)
    class_column = (CLASS_COLUMN,) if labels and CLASS_COLUMN not in table.names else ()
    return InstrumentRun(
        name,
        facts,
        partial(read, offered, name, context.um_per_px),
        claims | {beside[normalise_name(image)] for image in images if normalise_name(image) in beside},
        (*table.names, *class_column),
        (*notes, *label_notes),
    )


def _read_cut(offered, name, scale):
    """Yield a ParticleRecord for every row, collage by collage."""
    pictures = ImageCache(offered.files, offered.sibling_finder(name), word="collage", masks=True)
    table = export.read_export(offered.files, name)
    file_key = export.first_key(table, export.FILE_COLUMNS)
    box_keys = [export.first_key(table, names) for names in export.BOX_COLUMNS]
    rows = _rows(offered, name, table, scale)
    for position in group_by_image(table.column(file_key)):
        record, values = rows(position)
        if not record.reason:
            box = [parse_integer(table.value(values, key)) for key in box_keys]
            if None in box:
                wrong = table.names[table.positions[box_keys[box.index(None)]]]
                text = table.value(values, box_keys[box.index(None)])
                record = replace(record, reason=f"{wrong} in the export is {text[:20]!r}, not a whole number")
            else:
                pixels, mask, reason = pictures.cut(table.value(values, file_key), tuple(box))
                record = replace(record, pixels=pixels, mask=mask, reason=reason)
        yield record


def _read_single(offered, name, scale):
    """Yield a ParticleRecord for every row, in the export's order."""
    table = export.read_export(offered.files, name)
    id_key, beside = export.first_key(table, export.ID_COLUMNS), offered.siblings(name)
    images, rows = _single_images(beside, file_stem(name)), _rows(offered, name, table, scale)
    for position in range(len(table.lines)):
        record, values = rows(position)
        if not record.reason:
            identity = table.value(values, id_key)
            number = parse_integer(identity)
            image = None if number is None else images.get(number - 1)
            if image is None:
                missing = f"{file_stem(name)}_{max(0, (number or 1) - 1):05d}.png"
                reason = f"its image {missing} is missing from the run folder"
                reason = reason if number is not None else f"its id in the export is {identity[:20]!r}, not a number"
                record = replace(record, reason=reason)
            else:
                try:
                    record = replace(record, pixels=decode_images(offered.files.read(beside[image]))[0])
                except ImageUnreadable as error:
                    record = replace(record, reason=f"its image {image} cannot be read: {error}")
        yield record


def _rows(offered, name, table, scale):
    """Function (row number from 0) -> (ParticleRecord without pixels, values of the row)."""
    labels, _ = read_labels(offered.files, offered.siblings(name), file_stem(name))
    id_key, scale_key = export.first_key(table, export.ID_COLUMNS), export.first_key(table, export.SCALE_COLUMNS)
    class_key, taken = CLASS_COLUMN.casefold(), set()

    def record(position):
        values = table.values(table.lines[position])
        identity = table.value(values, id_key) or str(position + 1)
        columns = dict(zip(table.names, values, strict=False))
        if identity in labels:
            columns.setdefault(CLASS_COLUMN, labels[identity])
        label = labels.get(identity) or table.value(values, class_key)
        reason = ""
        if len(values) != len(table.names):
            reason = f"its row in the export has {len(values)} values but the header names {len(table.names)}"
        return ParticleRecord(
            unique_name(sibling_path(name, f"{file_stem(name)}#{identity}"), taken),
            offered.files.title,
            um_per_px=parse_positive(table.value(values, scale_key)) or scale if scale_key else scale,
            given=class_from_label(label, name),
            columns=columns,
            reason=reason,
        ), values

    return record


def _single_images(beside, title):
    """{number: plain_name} of the images called like the run and a number of five digits or more.

    Where none is called like the run but all numbered images share one name, those are meant.
    """
    found = {}
    for image in beside:
        match = _SINGLE.fullmatch(image)
        if match and is_image_name(image):
            found.setdefault(match[1], {})[int(match[2])] = image
    own = normalise_name(title)
    if own in found:
        return found[own]
    return next(iter(found.values())) if len(found) == 1 else {}
