"""FlowCam run folders and libraries with a list (VisualSpreadsheet 2 to 4): particles cut from collages.

Tried on real files of VisualSpreadsheet 4.19.3 (65 fields, grey and colour). Lists of 57 fields (version 3) and
libraries (.flb) are tested on files written from their documented layout.
"""

from dataclasses import replace
from functools import partial

from svp_core import particle_classes
from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, in_picture_order, mask_name_of
from svp_core.instruments.flowcam import context as context_files
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.instruments.flowcam.export_columns import names_beside, rows_by_id
from svp_core.instruments.flowcam.list_file import BOX, is_list, read_list, row_fault, scales_of
from svp_core.instruments.records import (
    InstrumentRun,
    ParticleRecord,
    UnreadableRun,
    beside_path,
    given_class,
    stem_of,
    unique,
)
from svp_core.instruments.text_tables import plain_name, positive

CLASS_COLUMN = "Class"  # of the instrument's own classification


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every file that begins like a FlowCam list, whatever it is called."""
    found = []
    for name, head in offered.heads.items():
        if is_list(head):
            try:
                found.append(_run(offered, read_list(offered.files, name)))
            except LabError as error:
                found.append(UnreadableRun(name, str(error), side_files(offered.beside(name), name)))
    return found


def side_files(beside, name):
    """Names of the files of a run that are known by its title, and the list or export of this name itself."""
    title = stem_of(name)
    known = (plain_name(title + ending) for ending in context_files.SIDE_FILES)
    frames = (key for key in beside if key.startswith(("cal_image_", "rawfile_")))
    return frozenset({name, *(beside[key] for key in (*known, *frames) if key in beside)})


def labels_beside(files, beside, title):
    """({id: class name} of the run's .cla, notes); the last classification of several holds."""
    name = beside.get(plain_name(f"{title}.cla"))
    try:
        found = read_cla(files.read(name)) if name else []
    except (ImageUnreadable, LabError) as error:
        return {}, [f"The classes in {title}.cla are not read: {str(error).rstrip('.')}."]
    return found[-1].label_of() if found else {}, []


def given_by(label, name):
    """Class key of an instrument's class called this, else that of the folder the run lies in, else None."""
    known = particle_classes.class_from_folder(label) if label else None
    return known.key if known else given_class(name)


def _run(offered, run):
    files, beside = offered.files, offered.beside(run.path)
    context = context_files.read_context(files, beside, run.title)
    is_library = run.path.casefold().endswith(".flb")
    facts, notes = context_files.run_facts(context, "flowcam_library" if is_library else "flowcam", len(run.lines))
    scales = scales_of(run)
    if len(scales) == 1:
        facts = replace(facts, um_per_px=scales[0], um_per_px_from=f"cal_const in {run.path.rpartition('/')[2]}")
    elif scales:
        facts = replace(facts, um_per_px=None, um_per_px_from="")
        notes.append("The particles of this list differ in pixel size; each keeps its own.")
    # A row that breaks off names none.
    collages = tuple(filter(None, dict.fromkeys(run.texts("collage_file"))))
    exported = names_beside(files, beside, run.title)
    labels, label_notes = labels_beside(files, beside, run.title)
    class_column = (CLASS_COLUMN,) if labels and CLASS_COLUMN not in exported else ()
    pictures = (beside.get(plain_name(name)) for c in collages for name in (c, mask_name_of(c)))
    return InstrumentRun(
        run.path,
        facts,
        partial(_read, offered, run.path, context.um_per_px),
        side_files(beside, run.path) | frozenset(filter(None, pictures)),
        tuple(dict.fromkeys((*exported, *class_column, *run.fields))),
        (*notes, *label_notes, *_collage_notes(collages, beside)),
    )


def _collage_notes(collages, beside):
    missing = [name for name in collages if plain_name(name) not in beside]
    there = [name for name in collages if plain_name(name) in beside]
    without_mask = [name for name in there if plain_name(mask_name_of(name)) not in beside]
    if missing:
        yield f"{len(missing)} of {len(collages)} collages are missing; their particles are rejected."
    if without_mask:
        yield f"{len(without_mask)} of {len(collages)} collages have no mask picture."


def _read(offered, name, scale):
    """Yield a ParticleRecord for every row of the list, collage by collage; what cannot be cut is a rejected one."""
    files, beside = offered.files, offered.beside(name)
    run = read_list(files, name)
    pictures = ImageCache(files, offered.finder(name), word="collage", masks=True)
    exported = rows_by_id(files, beside, run.title)
    labels, _ = labels_beside(files, beside, run.title)
    taken, stem = set(), beside_path(name, run.title)
    for position in in_picture_order(run.texts("collage_file")):
        row, value_count = run.row(run.lines[position])
        identity = row.get("id", position + 1)
        label = labels.get(str(identity))
        columns = {**exported(identity), **row}
        if label is not None:
            columns.setdefault(CLASS_COLUMN, label)
        record = ParticleRecord(
            unique(f"{stem}#{identity}", taken),
            files.title,
            um_per_px=positive(row.get("cal_const")) or scale,
            given=given_by(label, name),
            columns=columns,
        )
        reason, pixels, mask = row_fault(run, row, value_count), None, None
        if not reason:
            pixels, mask, reason = pictures.cut(str(row["collage_file"]), tuple(row[key] for key in BOX))
        yield replace(record, pixels=pixels, mask=mask, reason=reason)
