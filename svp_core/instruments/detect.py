"""Detect what a path holds and read its particles.

Detected by content: runs of FlowCam (with a list, or the csv export alone), MFI, IFCB and ImageStream, tables of
EcoTaxa and LabelChecker, and particles located in camera frames, one or many of them, of one manufacturer or several.
Files outside the runs' folders, and any other folder, archive or file, are read as plain images; a single collage image
is cut into its tiles. Each reader's module states which files it was tested on.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import ecotaxa, ifcb, image_stream, labelchecker, located, mfi
from svp_core.instruments.archive_kinds import HEAD_BYTES
from svp_core.instruments.brightness import with_brightness
from svp_core.instruments.copies import copies_caution
from svp_core.instruments.flowcam import csv_export
from svp_core.instruments.flowcam import run as flowcam
from svp_core.instruments.images import collage, folder
from svp_core.instruments.images.channel_files import channels_caution
from svp_core.instruments.images.image_notes import is_one_each
from svp_core.instruments.metadata import Choices, SourceSummary
from svp_core.instruments.open_source import PathKind, open_source, scan_files, select_files
from svp_core.instruments.other_files import unread_kind
from svp_core.instruments.records import (
    DetectedRun,
    InstrumentRun,
    ParticleRecord,
    ScannedFiles,
    SourceFiles,
    UnreadableRun,
    unique_name,
)
from svp_core.instruments.summary import (
    image_names,
    join_names,
    loose_run_name,
    single_image,
    summarise_images,
    summarise_runs,
)

# In this order: files that one reader claims are not offered to the next. Lists come before csv exports, since a csv
# beside a list belongs to the list's run.
FIND_RUNS: tuple[Callable[[ScannedFiles, Choices | None], Sequence[DetectedRun]], ...] = (
    located.find_runs,
    flowcam.find_runs,
    csv_export.find_runs,
    mfi.find_runs,
    ifcb.find_runs,
    ecotaxa.find_runs,
    labelchecker.find_runs,
    image_stream.find_runs,
)


def detect_source(path: Path | str, choices: Choices | None = None) -> SourceSummary:
    """SourceSummary of a file or folder; choices: {key of a Question: option}.

    Raises LabError when the path holds nothing readable.
    """
    with open_source(path) as (files, path_kind):
        files, brightness = with_brightness(replace(files, one_each=is_one_each(choices)), choices)
        runs, loose, notes = _partition(files, path_kind, choices)
        brightness.restrict(_used_names(runs, loose), {run.path: run.file_names for run in runs})
        summary = summarise_runs(files, runs, loose, notes) if runs else summarise_images(loose, path_kind)
        images = image_names(loose)
        cautions = (*summary.cautions, *copies_caution(loose, {*images}), *channels_caution(images))
        summary = replace(summary, cautions=cautions)
        summary = brightness.describe(summary)
        return replace(summary, notes=(*summary.notes, *files.notes))


def read_particles(path: Path | str, choices: Choices | None = None) -> Iterator[ParticleRecord]:
    """Yield a ParticleRecord for every item of the source, lazily and always in the same order.

    An unreadable item is a record with its reason. Raises LabError when the path holds nothing readable.
    """
    taken: set[str] = set()
    for item in iter_items(path, choices):
        for record in item.records() if isinstance(item, folder.ImageFile) else (item,):
            name = unique_name(record.name, taken)
            yield record if name == record.name else replace(record, name=name)


def iter_items(
    path: Path | str, choices: Choices | None = None
) -> Generator[ParticleRecord | folder.ImageFile, None, None]:
    """As read_particles, but image files are yielded undecoded, as ImageFile, and names may repeat (unique_name)."""
    with open_source(path) as (files, path_kind):
        files, brightness = with_brightness(replace(files, one_each=is_one_each(choices)), choices)
        runs, loose, _ = _partition(files, path_kind, choices)
        brightness.restrict(_used_names(runs, loose), {run.path: run.file_names for run in runs})
        for run in runs:
            if isinstance(run, UnreadableRun):
                yield ParticleRecord(run.path, files.title, reason=run.message.rstrip("."))
                continue
            for record in run.read():
                yield replace(record, run=run.facts.name)
        split = collage.find_tiles if not runs and single_image(loose) else None
        yield from folder.read_images(loose, run=loose_run_name(loose, runs), split_collage=split)


def run_file_names(path: Path | str, choices: Choices | None = None) -> list[str]:
    """Names of the files beside this file that reading it uses: those of its run, or itself if it is not a run's.

    Raises LabError when the path holds nothing readable.
    """
    with open_source(path) as (files, path_kind):
        runs, loose, _ = _partition(files, path_kind, choices)
        return sorted(_used_names(runs, loose))


def _used_names(runs: Sequence[DetectedRun], loose: SourceFiles) -> set[str]:
    """Names of the files that reading uses."""
    return {*loose.names}.union(*(run.file_names for run in runs))


def _partition(
    files: SourceFiles, path_kind: PathKind, choices: Choices | None
) -> tuple[list[DetectedRun], SourceFiles, list[str]]:
    """(runs, files outside the runs, notes). Raises LabError when the only run is unreadable."""
    if path_kind == "file":
        return _partition_file(files, choices)
    runs = _find_runs(files, choices)
    loose, ignored, aside = _outside_runs(files, runs)
    if len(runs) == 1 and isinstance(runs[0], UnreadableRun) and not image_names(loose):
        raise LabError(runs[0].message)
    notes = []
    if runs and loose.names:
        count = "1 file" if len(loose.names) == 1 else f"{len(loose.names):,} files"
        how = "read as plain images" if image_names(loose) else "not images; listed with the reason"
        notes.append(f"Outside the run folder: {count}, {how}.")
    if aside:
        count = "1 image" if len(aside) == 1 else f"{len(aside):,} images"
        notes.append(f"Ignored: {count} outside the run folder that are masks, calibration or camera images by name.")
    if ignored:
        notes.append(f"Ignored, since they belong to no run: {join_names([n.rpartition('/')[2] for n in ignored])}.")
    return _uniquely_named(runs), loose, notes


def _partition_file(files: SourceFiles, choices: Choices | None) -> tuple[list[DetectedRun], SourceFiles, list[str]]:
    """As _partition, for the one file after which `files` is titled: an image, or a file of a run."""
    name = files.title
    if folder.is_image_name(name):
        return [], select_files(files, [name]), []
    runs = [run for run in _find_runs(files, choices) if name in run.file_names]
    if not runs:
        raise LabError(_not_readable(files))
    if len(runs) == 1 and isinstance(runs[0], UnreadableRun):
        raise LabError(runs[0].message)
    return _uniquely_named(runs), select_files(files, []), []


def _find_runs(files: SourceFiles, choices: Choices | None) -> list[DetectedRun]:
    scanned, runs = scan_files(files), []
    for find_runs in FIND_RUNS:
        detected = find_runs(scanned, choices)
        runs += detected
        scanned = scanned.without({name for run in detected for name in run.file_names})
    return runs


def _not_readable(files: SourceFiles) -> str:
    """What the file after which these are titled is, and what would work instead."""
    name, head = files.title, b""
    with suppress(ImageUnreadable):
        head = files.read(name, limit=HEAD_BYTES)
    if name.casefold().endswith((".lst", ".flb")):
        return f"{name} does not start like a FlowCam list; export the run again or choose its collage."
    if known := unread_kind(name, head):
        return f"{name} is {known[0]}, which is not read; {known[1]}."
    return (
        f"{name} is not an image, archive or FlowCam list; choose a folder, a zip file, an instrument's run (FlowCam "
        ".lst or csv, MFI csv, IFCB .adc, EcoTaxa tsv, LabelChecker csv), or an image."
    )


def _outside_runs(files: SourceFiles, runs: Collection[DetectedRun]) -> tuple[SourceFiles, list[str], list[str]]:
    """(files that are not directly in a run's folder, names of those that are but belong to no run, side images).

    Beside a run, masks, calibration and camera images in other folders are the run's and not plain images.
    """
    folders = {run.path.rpartition("/")[0] for run in runs}
    claimed = frozenset[str]().union(*(run.file_names for run in runs))
    rest = [name for name in files.names if name not in claimed]
    loose = [name for name in rest if name.rpartition("/")[0] not in folders]
    aside = [name for name in loose if name in files.aside] if runs else []
    loose = [name for name in loose if not runs or name not in files.aside]
    return select_files(files, loose), [name for name in rest if name.rpartition("/")[0] in folders], aside


def _uniquely_named(runs: Sequence[DetectedRun]) -> list[DetectedRun]:
    """These runs; runs with the same name are told apart by their path."""
    names = [run.facts.name for run in runs if isinstance(run, InstrumentRun)]
    taken: set[str] = set()
    renamed: list[DetectedRun] = []
    for run in runs:
        if isinstance(run, InstrumentRun):
            name = run.facts.name if names.count(run.facts.name) == 1 else run.path.rpartition(".")[0] or run.path
            run = replace(run, facts=replace(run.facts, name=unique_name(name, taken)))
        renamed.append(run)
    return renamed
