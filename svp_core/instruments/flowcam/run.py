"""Read FlowCam run folders and libraries that have a list (VisualSpreadsheet 2 to 4): particles cropped from collages.

Tested on real files of VisualSpreadsheet 4.19.3 (65 fields, grey and colour). Lists of 57 fields (version 3) and
libraries (.flb) are tested on files written according to their documented layout.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from svp_core import particle_classes
from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import labelchecker
from svp_core.instruments.crops import ImageCache, group_by_image, mask_file_name
from svp_core.instruments.flowcam import context as context_files
from svp_core.instruments.flowcam.cla import read_cla
from svp_core.instruments.flowcam.class_exports import ClassExports, find_class_exports
from svp_core.instruments.flowcam.export_columns import exported_names, rows_by_id
from svp_core.instruments.flowcam.list_file import (
    BOX_FIELDS,
    RunList,
    distinct_scales,
    is_list,
    read_list,
    row_fault,
)
from svp_core.instruments.flowcam.segmentation import EmptyCell, RunThresholds, read_thresholds
from svp_core.instruments.metadata import Choices
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
from svp_core.instruments.text_tables import normalise_name, parse_positive

CLASS_COLUMN = "Class"  # column for the instrument's own classification


def find_runs(scanned: ScannedFiles, _choices: Choices | None = None) -> list[DetectedRun]:
    """The run of every file that starts like a FlowCam list, whatever it is called."""
    runs: list[DetectedRun] = []
    lists_of: dict[str, str] = {}  # collage -> the first list that crops its particles from it
    for name, head in scanned.heads.items():
        if not is_list(head):
            continue
        try:
            run = read_list(scanned.files, name)
        except LabError as error:
            runs.append(UnreadableRun(name, str(error), run_file_names(scanned.siblings(name), name)))
            continue
        described, others = _describe(scanned, run), _lists_of_same_collages(run, lists_of)
        if others:
            note = (
                f"{run.path.rpartition('/')[2]} and {' and '.join(others)} take particles from the same collages, so "
                "these are counted twice; remove the list that you do not need."
            )
            described = replace(described, notes=(*described.notes, note))
        runs.append(described)
    return runs


def _lists_of_same_collages(run: RunList, lists_of: dict[str, str]) -> list[str]:
    """Names of earlier lists that crop from this one's collages; enters it in lists_of: collage -> list."""
    collages = {sibling_path(run.path, normalise_name(name)) for name in set(run.column("collage_file")) if name}
    others = {lists_of[collage] for collage in collages if collage in lists_of}
    lists_of |= {collage: run.path.rpartition("/")[2] for collage in collages if collage not in lists_of}
    return sorted(others)


def run_file_names(siblings: Mapping[str, str], name: str) -> frozenset[str]:
    """Names of a run's files that follow from its title, and the list or export of this name itself."""
    title = file_stem(name)
    own_names = (labelchecker.table_name(title), *(title + ending for ending in context_files.RUN_FILE_ENDINGS))
    titled = map(normalise_name, own_names)
    frames = (key for key in siblings if key.startswith(("cal_image_", "rawfile_")))
    return frozenset({name, *(siblings[key] for key in (*titled, *frames) if key in siblings)})


def read_labels(files: SourceFiles, siblings: Mapping[str, str], title: str) -> tuple[dict[str, str], list[str]]:
    """({id: class name}, notes) of the run's .cla and LabelChecker table, whose labels come first.

    Of several classifications in a .cla, the last one counts.
    """
    name, notes, labels = siblings.get(normalise_name(f"{title}.cla")), [], {}
    try:
        classifications = read_cla(files.read(name)) if name else []
        labels = classifications[-1].label_of() if classifications else {}
        if len(classifications) > 1:
            notes.append(
                f"The classes are those of {classifications[-1].name[:80]!r}, the last of {len(classifications)} "
                f"classifications in {title}.cla."
            )
    except (ImageUnreadable, LabError) as error:
        notes.append(f"The classes in {title}.cla cannot be read: {str(error).rstrip('.')}.")
    try:
        checked = labelchecker.label_reader(files, siblings, title)
    except ImageUnreadable as error:
        checked = {}
        notes.append(f"The labels in {labelchecker.table_name(title)} cannot be read: {error}.")
    if checked:
        notes.append(f"{labelchecker.table_name(title)} gives labels to {len(checked):,} particles.")
    return labels | checked, notes


def class_from_label(label: str | None, name: str) -> str | None:
    """Class key of an instrument's class of this name, else that of the run's folder, else None."""
    particle_class = particle_classes.class_from_folder(label) if label else None
    return particle_class.key if particle_class else class_from_path(name)


def is_library_name(name: str) -> bool:
    """Whether a list of this name is a library's."""
    return name.casefold().endswith(".flb")


def _class_exports(scanned: ScannedFiles, run: RunList) -> ClassExports:
    return find_class_exports(scanned, run.path, run.column("id"), set(run.column("collage_file")))


def _describe(scanned: ScannedFiles, run: RunList) -> InstrumentRun:
    files, siblings = scanned.files, scanned.siblings(run.path)
    context = context_files.read_context(files, siblings, run.title)
    is_library = is_library_name(run.path)
    facts, notes = context_files.run_facts(context, "flowcam_library" if is_library else "flowcam", len(run.lines))
    scales, cautions = distinct_scales(run), []
    if len(scales) == 1:
        facts = replace(facts, um_per_px=scales[0], um_per_px_from=f"cal_const in {run.path.rpartition('/')[2]}")
    elif scales:
        facts = replace(facts, um_per_px=None, um_per_px_from="")
        cautions.append("The particles of this list differ in pixel size; each keeps its own.")
    # A truncated row names no collage.
    collages = tuple(filter(None, dict.fromkeys(run.column("collage_file"))))
    exported = exported_names(files, siblings, run.title)
    labels, label_notes = read_labels(files, siblings, run.title)
    by_class = _class_exports(scanned, run)
    has_classes = labels or by_class.labels or is_library
    class_column = (CLASS_COLUMN,) if has_classes and CLASS_COLUMN not in exported else ()
    images = (siblings.get(normalise_name(name)) for c in collages for name in (c, mask_file_name(c)))
    return InstrumentRun(
        run.path,
        facts,
        partial(_read, scanned, run.path, context),
        run_file_names(siblings, run.path) | frozenset(filter(None, images)) | by_class.file_names,
        tuple(dict.fromkeys((*exported, *class_column, *run.fields))),
        (*notes, *label_notes, *by_class.notes),
        cautions=(*cautions, *collage_cautions(collages, siblings, read_thresholds(context.settings))),
    )


def collage_cautions(
    collages: Sequence[str], siblings: Mapping[str, str], thresholds: RunThresholds | None
) -> Iterator[str]:
    """Yield a sentence where collages of a run, or their masks, are not among the files of its folder."""
    missing = [name for name in collages if normalise_name(name) not in siblings]
    present = [name for name in collages if normalise_name(name) in siblings]
    without_mask = [name for name in present if normalise_name(mask_file_name(name)) not in siblings]
    if missing:
        yield f"{len(missing)} of {len(collages)} collages are missing; their particles are rejected."
    if without_mask:
        which = f"{len(without_mask)} of {len(collages)} collages have" if len(collages) > 1 else "The collage has"
        yield (
            f"{which} no mask image: particles there are outlined here, so their shapes may differ from the "
            "instrument's; add the files ending in _bin if there are some."
        )
        if thresholds and any(key.startswith("cal_image_") for key in siblings):
            yield "Particles without a mask image are outlined by the run's own thresholds."


def _read(scanned: ScannedFiles, name: str, context: context_files.Context) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every row of the list, collage by collage; rejected if it cannot be cropped."""
    files, siblings = scanned.files, scanned.siblings(name)
    run = read_list(files, name)
    collages = ImageCache(files, scanned.sibling_finder(name), noun="collage", masks=True)
    thresholds, empty_cell = read_thresholds(context.settings), EmptyCell(scanned, name)
    exported = rows_by_id(files, siblings, run.title)
    own_diameter = own_diameter_reader((*exported_names(files, siblings, run.title), *run.fields))
    labels = _class_exports(scanned, run).labels | read_labels(files, siblings, run.title)[0]
    # A library is a collection of particles of one kind, named after it.
    library = run.title if is_library_name(name) else None
    taken: set[str] = set()
    stem = sibling_path(name, run.title)
    for position in group_by_image(run.column("collage_file")):
        row, value_count = run.row(run.lines[position])
        particle_id = row.get("id", position + 1)
        columns = {**exported(particle_id), **row}
        label = labels.get(str(particle_id)) or columns.get(CLASS_COLUMN) or library
        if label is not None:
            columns.setdefault(CLASS_COLUMN, label)
        diameter_um, diameter_from = own_diameter(columns)
        record = ParticleRecord(
            unique_name(f"{stem}#{particle_id}", taken),
            files.title,
            um_per_px=parse_positive(row.get("cal_const")) or context.um_per_px,
            given=class_from_label(label, name),
            columns=columns,
            diameter_um=diameter_um,
            diameter_from=diameter_from,
            fringe_px=parse_positive(row.get("fringe_size")) or context.fringe_px,
        )
        reason, pixels, mask = row_fault(run, row, value_count), None, None
        if not reason:
            x, y, width, height = (row[key] for key in BOX_FIELDS)
            pixels, mask, reason = collages.crop(str(row["collage_file"]), (x, y, width, height))
            if pixels is not None and mask is None and thresholds:
                empty = empty_cell.behind(row, pixels.shape)
                mask = None if empty is None else thresholds.outline(pixels, empty)
        yield replace(record, pixels=pixels, mask=mask, reason=reason)
