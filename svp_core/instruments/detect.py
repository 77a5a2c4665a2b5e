"""The door for everything a lab hands over: what is this path, and which particles are in it?

Recognised by content: runs of FlowCam (with a list, or its csv export alone), MFI and IFCB, one or many of them, of
one maker or several; what lies beside them and any other folder, archive or file is read as plain images, a collage
picture alone is cut into its tiles. Each reader of runs says in its module what it was tried on.
"""

from dataclasses import replace

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import ifcb, mfi
from svp_core.instruments.flowcam import csv_export
from svp_core.instruments.flowcam import run as flowcam
from svp_core.instruments.images import collage, folder
from svp_core.instruments.images.stack import read_pages
from svp_core.instruments.metadata import SOURCE_KINDS, RunFacts, SourceSummary
from svp_core.instruments.open_source import list_contents, open_source, select_files
from svp_core.instruments.records import InstrumentRun, ParticleRecord, UnreadableRun, unique_name

# In this order: what a reader takes is not offered to the next. Lists first, since their csv is another's run alone.
READERS = (flowcam, csv_export, mfi, ifcb)
_MANY = {"flowcam": "FlowCam runs", "flowcam_library": "FlowCam libraries", "mfi": "MFI runs", "ifcb": "IFCB samples"}
_NAMED = 5  # files or runs that a note names


def detect_source(path, choices=None):
    """SourceSummary of a file or folder; choices: {key of a Question: option}.

    Raises LabError when there is nothing in it that could be read.
    """
    with open_source(path) as (files, place):
        runs, loose, notes = _take_apart(files, place, choices)
        return _summarise_runs(files, runs, loose, notes) if runs else _summarise_images(loose, place)


def read_particles(path, choices=None):
    """Yield a ParticleRecord for every offered item, lazily and always in the same order.

    What cannot be read is a record with its reason. Raises LabError when there is nothing in it that could be read.
    """
    taken = set()
    for part in iter_items(path, choices):
        for record in part.records() if isinstance(part, folder.ImageFile) else (part,):
            name = unique_name(record.name, taken)
            yield record if name == record.name else replace(record, name=name)


def iter_items(path, choices=None):
    """As read_particles, but image files come undecoded, as ImageFile, and names may come twice: see records.unique."""
    with open_source(path) as (files, place):
        runs, loose, _ = _take_apart(files, place, choices)
        for run in runs:
            if isinstance(run, UnreadableRun):
                yield ParticleRecord(run.path, files.title, reason=run.message.rstrip("."))
                continue
            for record in run.read():
                yield replace(record, run=run.facts.name)
        split = collage.find_tiles if not runs and _only_image(loose) else None
        yield from folder.read_images(loose, run=_loose_name(loose, runs), split_collage=split)


def run_file_names(path, choices=None):
    """Names of the files, in the folder of this one, that reading it takes: those of its run; itself where it is none.

    Raises LabError when there is nothing in it that could be read.
    """
    with open_source(path) as (files, place):
        runs, loose, _ = _take_apart(files, place, choices)
        return sorted({*loose.names}.union(*(run.file_names for run in runs)))


def _take_apart(files, place, choices):
    """([Run or Unusable], Files of what is no run's, notes). Raises LabError when the only run is unusable."""
    own = files.title if place == "file" else None
    if own is not None and folder.is_image_name(own):
        return [], select_files(files, [own]), []
    offered, runs = list_contents(files), []
    for reader in READERS:
        found = reader.find_runs(offered, choices)
        runs += found
        offered = offered.without({name for run in found for name in run.file_names})
    if own is not None:
        runs = [run for run in runs if own in run.file_names]
        if not runs:
            raise LabError(_nothing_in(own))
    if len(runs) == 1 and isinstance(runs[0], UnreadableRun) and (own is not None or not _has_images(files, runs)):
        raise LabError(runs[0].message)
    if own is not None:
        return _uniquely_named(runs), select_files(files, []), []
    loose, left_out = _beside_runs(files, runs)
    notes = []
    if runs and loose.names:
        many = "1 file" if len(loose.names) == 1 else f"{len(loose.names):,} files"
        fate = "read as plain images" if _images_in(loose) else "no images and listed with their reason"
        notes.append(f"Outside the run folder: {many}, {fate}.")
    if left_out:
        shown = _in_a_line([name.rpartition("/")[2] for name in left_out])
        notes.append(f"Left out, since no run knows them: {shown}.")
    return _uniquely_named(runs), loose, notes


def _nothing_in(name):
    if name.casefold().endswith((".lst", ".flb")):
        return f"{name} does not begin like a FlowCam list; export the run again or give its collage."
    return (
        f"{name} is no image, archive or FlowCam list; give a folder, a zip file, an instrument's run (FlowCam .lst or "
        "csv, MFI csv, IFCB .adc), or a PNG, JPEG, TIFF or BMP image."
    )


def _has_images(files, runs):
    """Whether there are images that no run claims or lies beside."""
    return bool(_images_in(_beside_runs(files, runs)[0]))


def _beside_runs(files, runs):
    """(Files that do not lie directly in a run's folder, names of those that do but belong to no run)."""
    folders = {run.path.rpartition("/")[0] for run in runs}
    claimed = frozenset().union(*(run.file_names for run in runs))
    loose = [name for name in files.names if name.rpartition("/")[0] not in folders and name not in claimed]
    beside = [name for name in files.names if name.rpartition("/")[0] in folders and name not in claimed]
    return select_files(files, loose), beside


def _uniquely_named(runs):
    """These runs; those of one name are told apart by the folder they lie in."""
    names = [run.facts.name for run in runs if isinstance(run, InstrumentRun)]
    taken, renamed = set(), []
    for run in runs:
        if isinstance(run, InstrumentRun):
            name = run.facts.name if names.count(run.facts.name) == 1 else run.path.rpartition(".")[0] or run.path
            run = replace(run, facts=replace(run.facts, name=unique_name(name, taken)))
        renamed.append(run)
    return renamed


def _loose_name(loose, runs):
    """Name of the plain images as a run: the source's title; "" where no image is among them."""
    if runs and not _images_in(loose):
        return ""
    return unique_name(loose.title, {run.facts.name for run in runs if isinstance(run, InstrumentRun)})


def _only_image(files):
    """Name of the one image file among these, or None when there are none or several."""
    images = _images_in(files)
    return images[0] if len(images) == 1 else None


def _images_in(files):
    return [name for name in files.names if folder.is_image_name(name)]


def _summarise_runs(files, runs, loose, notes):
    usable = [run for run in runs if isinstance(run, InstrumentRun)]
    facts = [run.facts for run in usable]
    scales = dict.fromkeys(fact.um_per_px for fact in facts)
    um_per_px = facts[0].um_per_px if len(scales) == 1 else None
    where = facts[0].um_per_px_from if um_per_px else ""
    others = folder.count_images(loose)
    if name := _loose_name(loose, runs):
        facts.append(RunFacts(name, "folder", others))
        others = 0
    said = _notes_of(usable, of=len(facts))
    said += [run.message for run in runs if isinstance(run, UnreadableRun)]
    if len(scales) > 1:
        said.append("The runs differ in pixel size; each particle keeps its own.")
    kinds = {run.facts.kind for run in usable}
    kind = kinds.pop() if len(kinds) == 1 else "runs"
    title = f"{len(runs)} {_MANY.get(kind, 'runs')} in {files.title}"
    if len(runs) == len(usable) == 1:
        title = f"{SOURCE_KINDS[kind]} {usable[0].facts.name}"
    return SourceSummary(
        kind,
        title,
        sum(fact.count for fact in facts) + others + len(runs) - len(usable),
        um_per_px,
        where,
        tuple(dict.fromkeys((*said, *notes))),
        tuple(facts),
        tuple(dict.fromkeys(column for run in usable for column in run.columns)),
        tuple(question for run in usable for question in run.questions),
    )


def _notes_of(runs, of):
    """Notes of these runs, each once: with the names of its runs where it is not of all. of: how many there are."""
    by_note = {}
    for run in runs:
        for note in dict.fromkeys(run.notes):
            by_note.setdefault(note, []).append(run.facts.name)
    return [note if len(names) == of else f"{_in_a_line(names)}: {note}" for note, names in by_note.items()]


def _in_a_line(names):
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _summarise_images(files, place):
    single = _only_image(files)
    pages, tiles = _pages_and_tiles(files, single) if single else (1, None)
    kind = {"folder": "folder", "archive": "archive", "file": "stack" if pages > 1 else "image"}[place]
    notes = ["Plain images do not say their pixel size: sizes are in pixels until you give µm per pixel."]
    count, columns = folder.count_images(files), ()
    if tiles is not None:
        kind, count, columns = "collage", count - 1 + tiles, folder.BOX_COLUMNS
        notes.insert(0, f"A collage picture without a list: {tiles} tiles were found on its black background.")
    elif kind == "stack":
        notes.insert(0, f"Each of the {pages:,} pages of the stack is read as one particle.")
    elif place != "file" and not _images_in(files):
        notes.insert(0, "There is no image file in it; every file will be listed with its reason.")
    title = f"{SOURCE_KINDS[kind]} {single if kind == 'collage' else files.title}"
    run = RunFacts(_loose_name(files, ()), kind, count)
    return SourceSummary(kind, title, count, None, "", tuple(notes), (run,), columns)


def _pages_and_tiles(files, name):
    """(pages of the one picture, how many tiles it is cut into or None when it is no collage picture of one page)."""
    try:
        data = files.read(name)
    except ImageUnreadable:
        return 1, None
    pages = folder.count_pages(data) if folder.is_tiff_name(name) else 1
    if pages > 1:
        return pages, None
    (_, pixels, reason) = next(read_pages(data))
    if reason or not collage.looks_like_collage(pixels):
        return 1, None
    return 1, len(collage.find_tiles(pixels))
