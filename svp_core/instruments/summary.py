"""Summarise what a source holds, before its particles are read."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from svp_core.images import ImageUnreadable
from svp_core.instruments.archive import is_archive_name
from svp_core.instruments.images import collage, folder
from svp_core.instruments.images.image_notes import image_cautions, image_columns, image_notes, pages_question
from svp_core.instruments.images.ome_metadata import stated_scale
from svp_core.instruments.images.stack import read_pages, summarise_pages
from svp_core.instruments.metadata import SOURCE_KINDS, RunFacts, SourceSummary
from svp_core.instruments.open_source import PathKind
from svp_core.instruments.records import DetectedRun, InstrumentRun, SourceFiles, UnreadableRun, unique_name

_PLURALS = {
    "flowcam": "FlowCam runs",
    "flowcam_library": "FlowCam libraries",
    "mfi": "MFI runs",
    "ifcb": "IFCB samples",
    "ecotaxa": "EcoTaxa acquisitions",
    "labelchecker": "LabelChecker tables",
    "image_stream": "ImageStream exports",
    "located": "sets of camera frames",
}
_WITHOUT_IMAGES = {"folder": "Folder", "archive": "Archive"}
_MAX_NAMES = 5  # files or runs that a note names


def summarise_runs(
    files: SourceFiles, runs: Sequence[DetectedRun], loose: SourceFiles, notes: Sequence[str]
) -> SourceSummary:
    """SourceSummary of a source with at least one run. loose: its files outside the runs."""
    readable = [run for run in runs if isinstance(run, InstrumentRun)]
    facts = [run.facts for run in readable]
    scales = dict.fromkeys(fact.um_per_px for fact in facts)
    um_per_px = facts[0].um_per_px if len(scales) == 1 else None
    um_per_px_from = facts[0].um_per_px_from if um_per_px else ""
    counted = folder.count_images(loose)
    outside = counted.count
    if name := loose_run_name(loose, runs):
        facts.append(RunFacts(name, "folder", outside))
        outside = 0
    run_notes = _run_notes({run.facts.name: run.notes for run in readable}, run_count=len(facts))
    cautions = _run_notes({run.facts.name: run.cautions for run in readable}, run_count=len(facts))
    run_notes += [run.message for run in runs if isinstance(run, UnreadableRun)]
    run_notes += image_notes(loose, counted)
    cautions += image_cautions(loose, counted)
    if len(scales) > 1:
        cautions.append("The runs differ in pixel size; each particle keeps its own.")
    kinds = {run.facts.kind for run in readable}
    kind = kinds.pop() if len(kinds) == 1 else "runs"
    title = f"{len(runs)} {_PLURALS.get(kind, 'runs')} in {files.title}"
    if len(runs) == len(readable) == 1:
        title = f"{SOURCE_KINDS[kind]} {readable[0].facts.name}"
    return SourceSummary(
        kind,
        title,
        sum(fact.count for fact in facts) + outside + len(runs) - len(readable),
        um_per_px,
        um_per_px_from,
        tuple(dict.fromkeys((*run_notes, *notes))),
        tuple(facts),
        tuple(dict.fromkeys((*(c for run in readable for c in run.columns), *image_columns(loose, counted)))),
        (*(question for run in readable for question in run.questions), *pages_question(counted)),
        cautions=tuple(cautions),
    )


def summarise_images(files: SourceFiles, path_kind: PathKind) -> SourceSummary:
    """SourceSummary of a source without runs."""
    image = single_image(files)
    pages, tiles = _count_pages_and_tiles(files, image) if image else (1, None)
    kind = {"folder": "folder", "archive": "archive", "file": "stack" if pages > 1 else "image"}[path_kind]
    scale, scale_from, notes = stated_scale(files)
    if scale is None:
        notes.append("Plain images do not state their pixel size: sizes are in pixels until you enter µm per pixel.")
    readable = path_kind == "file" or bool(image_names(files))
    counted = folder.count_images(files)
    count, columns, notes = counted.count, image_columns(files, counted), image_notes(files, counted) + notes
    if tiles is not None:
        kind, count, columns = "collage", count - 1 + tiles, (*columns, *folder.BOX_COLUMNS)
        notes.insert(0, f"A collage image without a list: {tiles} tiles were found on its black background.")
    elif kind == "stack":
        notes.insert(0, f"Each of the {pages:,} pages of the stack is read as one particle.")
    elif not readable:
        notes = ["It contains no image file and no run of an instrument; choose a folder or an archive that does."]
        notes += islice(_refused_archives(files), _MAX_NAMES)
    title = f"{SOURCE_KINDS[kind] if readable else _WITHOUT_IMAGES[kind]} {image if kind == 'collage' else files.title}"
    run = RunFacts(loose_run_name(files, ()), kind, count, scale, scale_from)
    return SourceSummary(
        kind,
        title,
        count,
        scale,
        scale_from,
        tuple(notes),
        (run,),
        columns,
        questions=pages_question(counted),
        readable=readable,
        cautions=tuple(image_cautions(files, counted)),
    )


def _refused_archives(files: SourceFiles) -> Iterator[str]:
    """Why each archive among the files was not opened."""
    for name in filter(is_archive_name, files.names):
        try:
            files.read(name, limit=1)
        except ImageUnreadable as error:
            yield f"{name} was not opened: {error}."


def loose_run_name(loose: SourceFiles, runs: Sequence[DetectedRun]) -> str:
    """Name of the plain images as a run: the source's title; "" if there are runs but no images outside them."""
    if runs and not image_names(loose):
        return ""
    return unique_name(loose.title, {run.facts.name for run in runs if isinstance(run, InstrumentRun)})


def image_names(files: SourceFiles) -> list[str]:
    """Names of the image files, without masks and other images that show no particle."""
    aside = files.aside
    return [name for name in files.names if folder.is_image_name(name) and name not in aside]


def single_image(files: SourceFiles) -> str | None:
    """Name of the only image file, or None if there are none or several."""
    images = image_names(files)
    return images[0] if len(images) == 1 else None


def join_names(names: Sequence[str]) -> str:
    """The first names and how many more there are: "a, b, c, d, e and 3 more"."""
    more = f" and {len(names) - _MAX_NAMES:,} more" if len(names) > _MAX_NAMES else ""
    return ", ".join(names[:_MAX_NAMES]) + more


def _run_notes(notes_of: Mapping[str, Sequence[str]], *, run_count: int) -> list[str]:
    """These sentences by run, each once, preceded by the names of its runs unless it holds for all `run_count` runs."""
    by_note: dict[str, list[str]] = {}
    for run, notes in notes_of.items():
        for note in dict.fromkeys(notes):
            by_note.setdefault(note, []).append(run)
    return [note if len(names) == run_count else f"{join_names(names)}: {note}" for note, names in by_note.items()]


def _count_pages_and_tiles(files: SourceFiles, name: str) -> tuple[int, int | None]:
    """(pages of this image, number of tiles found in it or None if it is not a collage image of one page)."""
    try:
        data = files.read(name)
    except ImageUnreadable:
        return 1, None
    pages = summarise_pages(data, one_each=files.one_each).count if folder.is_tiff_name(name) else 1
    if pages > 1:
        return pages, None
    pixels = next(read_pages(data, files.scale_of, one_each=files.one_each)).pixels
    if pixels is None or not collage.looks_like_collage(pixels):
        return 1, None
    return 1, len(collage.find_tiles(pixels))
