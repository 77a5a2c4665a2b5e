"""FlowCam run folders and libraries with a list (VisualSpreadsheet 2 to 4): particles cut from collages.

Tried on real files of VisualSpreadsheet 4.19.3 (65 fields, grey and colour). Lists of 57 fields (version 3) and
libraries (.flb) are tested on files written from their documented layout.
"""

from dataclasses import replace
from functools import partial

from svp_core import particle_classes
from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments.crops import ImageCache, group_by_image, mask_file_name
from svp_core.instruments.flowcam import context as context_files
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.instruments.flowcam.export_columns import exported_names, rows_by_id
from svp_core.instruments.flowcam.list_file import BOX_FIELDS, distinct_scales, is_list, read_list, row_fault
from svp_core.instruments.records import (
    InstrumentRun,
    ParticleRecord,
    UnreadableRun,
    class_from_path,
    file_stem,
    sibling_path,
    unique_name,
)
from svp_core.instruments.text_tables import normalise_name, parse_positive

CLASS_COLUMN = "Class"  # of the instrument's own classification


def find_runs(offered, choices=None):
    """A Run, or Unusable, for every file that begins like a FlowCam list, whatever it is called."""
    found = []
    for name, head in offered.heads.items():
        if is_list(head):
            try:
                found.append(_run(offered, read_list(offered.files, name)))
            except LabError as error:
                found.append(UnreadableRun(name, str(error), run_file_names(offered.siblings(name), name)))
    return found


def run_file_names(beside, name):
    """Names of the files of a run that are known by its title, and the list or export of this name itself."""
    title = file_stem(name)
    known = (normalise_name(title + ending) for ending in context_files.RUN_FILE_ENDINGS)
    frames = (key for key in beside if key.startswith(("cal_image_", "rawfile_")))
    return frozenset({name, *(beside[key] for key in (*known, *frames) if key in beside)})


def read_labels(files, beside, title):
    """({id: class name} of the run's .cla, notes); the last classification of several holds."""
    name = beside.get(normalise_name(f"{title}.cla"))
    try:
        found = read_cla(files.read(name)) if name else []
    except (ImageUnreadable, LabError) as error:
        return {}, [f"The classes in {title}.cla are not read: {str(error).rstrip('.')}."]
    return found[-1].label_of() if found else {}, []


def class_from_label(label, name):
    """Class key of an instrument's class called this, else that of the folder the run lies in, else None."""
    known = particle_classes.class_from_folder(label) if label else None
    return known.key if known else class_from_path(name)


def _run(offered, run):
    files, beside = offered.files, offered.siblings(run.path)
    context = context_files.read_context(files, beside, run.title)
    is_library = run.path.casefold().endswith(".flb")
    facts, notes = context_files.run_facts(context, "flowcam_library" if is_library else "flowcam", len(run.lines))
    scales = distinct_scales(run)
    if len(scales) == 1:
        facts = replace(facts, um_per_px=scales[0], um_per_px_from=f"cal_const in {run.path.rpartition('/')[2]}")
    elif scales:
        facts = replace(facts, um_per_px=None, um_per_px_from="")
        notes.append("The particles of this list differ in pixel size; each keeps its own.")
    # A row that breaks off names none.
    collages = tuple(filter(None, dict.fromkeys(run.column("collage_file"))))
    exported = exported_names(files, beside, run.title)
    labels, label_notes = read_labels(files, beside, run.title)
    class_column = (CLASS_COLUMN,) if labels and CLASS_COLUMN not in exported else ()
    pictures = (beside.get(normalise_name(name)) for c in collages for name in (c, mask_file_name(c)))
    return InstrumentRun(
        run.path,
        facts,
        partial(_read, offered, run.path, context.um_per_px),
        run_file_names(beside, run.path) | frozenset(filter(None, pictures)),
        tuple(dict.fromkeys((*exported, *class_column, *run.fields))),
        (*notes, *label_notes, *_collage_notes(collages, beside)),
    )


def _collage_notes(collages, beside):
    missing = [name for name in collages if normalise_name(name) not in beside]
    there = [name for name in collages if normalise_name(name) in beside]
    without_mask = [name for name in there if normalise_name(mask_file_name(name)) not in beside]
    if missing:
        yield f"{len(missing)} of {len(collages)} collages are missing; their particles are rejected."
    if without_mask:
        yield f"{len(without_mask)} of {len(collages)} collages have no mask picture."


def _read(offered, name, scale):
    """Yield a ParticleRecord for every row of the list, collage by collage; what cannot be cut is a rejected one."""
    files, beside = offered.files, offered.siblings(name)
    run = read_list(files, name)
    pictures = ImageCache(files, offered.sibling_finder(name), word="collage", masks=True)
    exported = rows_by_id(files, beside, run.title)
    labels, _ = read_labels(files, beside, run.title)
    taken, stem = set(), sibling_path(name, run.title)
    for position in group_by_image(run.column("collage_file")):
        row, value_count = run.row(run.lines[position])
        identity = row.get("id", position + 1)
        label = labels.get(str(identity))
        columns = {**exported(identity), **row}
        if label is not None:
            columns.setdefault(CLASS_COLUMN, label)
        record = ParticleRecord(
            unique_name(f"{stem}#{identity}", taken),
            files.title,
            um_per_px=parse_positive(row.get("cal_const")) or scale,
            given=class_from_label(label, name),
            columns=columns,
        )
        reason, pixels, mask = row_fault(run, row, value_count), None, None
        if not reason:
            pixels, mask, reason = pictures.cut(str(row["collage_file"]), tuple(row[key] for key in BOX_FIELDS))
        yield replace(record, pixels=pixels, mask=mask, reason=reason)
