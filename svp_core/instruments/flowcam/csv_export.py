"""FlowCam runs of which only the csv export is there, without a list.

Two layouts: an export that names collage and rectangle of every particle (VisualSpreadsheet 2 to 4), tried on the real
export of version 4.19.3; and one whose particles are image files of their own, <run>_00000.png with the number Id - 1
(versions 5 and 6), which is tested on files written from what open readers document: no real one was had.
"""

import re
from dataclasses import replace
from functools import partial

from svp_core.images import ImageUnreadable, decode_images
from svp_core.instruments.crops import ImageCache, in_picture_order, mask_name_of
from svp_core.instruments.flowcam import export_columns as export
from svp_core.instruments.flowcam.context import read_context, run_facts
from svp_core.instruments.flowcam.run import CLASS_COLUMN, given_by, labels_beside, side_files
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.records import InstrumentRun, ParticleRecord, UnreadableRun, beside_path, stem_of, unique
from svp_core.instruments.text_tables import plain_name, positive, whole

_SINGLE = re.compile(r"(.+?)_?(\d{5,})\.[a-z]+")


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every csv export of particles that is not a list's."""
    found = []
    for name, head in offered.heads.items():
        layout = export.is_export(head)
        if layout:
            found.append(_run(offered, name, layout))
    return found


def _run(offered, name, layout):
    files, beside, shown = offered.files, offered.beside(name), name.rpartition("/")[2]
    title, claims = stem_of(name), side_files(beside, name)
    try:
        table = export.read_export(files, name)
    except ImageUnreadable as error:
        return UnreadableRun(name, f"The FlowCam export {shown} cannot be read: {error}.", claims)
    if not table.lines:
        return UnreadableRun(name, f"The FlowCam export {shown} holds no particles; choose another run.", claims)
    context = read_context(files, beside, title)
    facts, notes = run_facts(context, "flowcam", len(table.lines))
    at = export.key_among(table, export.SCALE)
    scales = dict.fromkeys(filter(None, (positive(text) for text in dict.fromkeys(table.column(at) if at else ()))))
    if scales:
        scale = next(iter(scales)) if len(scales) == 1 else None
        where = f"{table.names[table.at[at]]} in {shown}" if scale else ""
        facts = replace(facts, um_per_px=scale, um_per_px_from=where)
    if layout == "cut":
        collages = dict.fromkeys(table.column(export.key_among(table, export.FILE)))
        images = [image for c in collages for image in (c, mask_name_of(c))]
        read = _read_cut
        notes.append("There is no list with this export; its particles are cut by the export's own rectangles.")
    else:
        images = _single_images(beside, title).values()
        read = _read_single
        notes.append("There is no list with this export; the image of a particle is the file of its number.")
    labels, label_notes = labels_beside(files, beside, title)
    class_column = (CLASS_COLUMN,) if labels and CLASS_COLUMN not in table.names else ()
    return InstrumentRun(
        name,
        facts,
        partial(read, offered, name, context.um_per_px),
        claims | {beside[plain_name(image)] for image in images if plain_name(image) in beside},
        (*table.names, *class_column),
        (*notes, *label_notes),
    )


def _read_cut(offered, name, scale):
    """Yield a ParticleRecord for every row, collage by collage."""
    pictures = ImageCache(offered.files, offered.finder(name), word="collage", masks=True)
    table = export.read_export(offered.files, name)
    file_key = export.key_among(table, export.FILE)
    box_keys = [export.key_among(table, names) for names in export.BOX]
    rows = _rows(offered, name, table, scale)
    for position in in_picture_order(table.column(file_key)):
        record, values = rows(position)
        if not record.reason:
            box = [whole(table.value(values, key)) for key in box_keys]
            if None in box:
                wrong = table.names[table.at[box_keys[box.index(None)]]]
                text = table.value(values, box_keys[box.index(None)])
                record = replace(record, reason=f"{wrong} in the export is {text[:20]!r}, not a whole number")
            else:
                pixels, mask, reason = pictures.cut(table.value(values, file_key), tuple(box))
                record = replace(record, pixels=pixels, mask=mask, reason=reason)
        yield record


def _read_single(offered, name, scale):
    """Yield a ParticleRecord for every row, in the export's order."""
    table = export.read_export(offered.files, name)
    id_key, beside = export.key_among(table, export.ID), offered.beside(name)
    images, rows = _single_images(beside, stem_of(name)), _rows(offered, name, table, scale)
    for position in range(len(table.lines)):
        record, values = rows(position)
        if not record.reason:
            identity = table.value(values, id_key)
            number = whole(identity)
            image = None if number is None else images.get(number - 1)
            if image is None:
                missing = f"{stem_of(name)}_{max(0, (number or 1) - 1):05d}.png"
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
    labels, _ = labels_beside(offered.files, offered.beside(name), stem_of(name))
    id_key, scale_key = export.key_among(table, export.ID), export.key_among(table, export.SCALE)
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
            unique(beside_path(name, f"{stem_of(name)}#{identity}"), taken),
            offered.files.title,
            um_per_px=positive(table.value(values, scale_key)) or scale if scale_key else scale,
            given=given_by(label, name),
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
    own = plain_name(title)
    if own in found:
        return found[own]
    return next(iter(found.values())) if len(found) == 1 else {}
