"""The door for everything a lab hands over: what is this path, and which particles are in it?

Recognised by content: a FlowCam run or library (its list, its folder, an archive of it, or folders above it), an
archive, a folder of images, a collage picture, a single image.
"""

from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable, decode_images
from svp_core.instruments import archive, collage, flowcam, folder
from svp_core.instruments.facts import KINDS, SourceSummary
from svp_core.instruments.records import Files, ParticleRecord


def recognise(path, choices=None):
    """SourceSummary of a file or folder. Raises LabError when there is nothing in it that could be read."""
    with _open(path) as files:
        lists = flowcam.find_lists(files)
        return _summarise_runs(files, lists) if lists else _summarise_images(files, path)


def read_particles(path, choices=None):
    """Yield a ParticleRecord for every offered item, lazily and always in the same order.

    What cannot be read is a record with its reason. Raises LabError when there is nothing in it that could be read.
    """
    with _open(path) as files:
        lists = flowcam.find_lists(files)
        for name in lists:
            try:
                run = flowcam.read_list(files, name)
            except LabError as error:
                if len(lists) == 1:
                    raise
                yield ParticleRecord(name, files.title, reason=str(error).rstrip("."))
            else:
                yield from flowcam.read_run(files, run)
        loose = _beside_runs(files, lists)
        split = collage.find_tiles if _only_image(loose) and not lists else None
        yield from folder.read_images(loose, split_collage=split)


@contextmanager
def _open(path):
    """Files of whatever lies at this path. A FlowCam list brings the files of its run with it."""
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError:  # a name too long for the system
        is_folder = is_file = False
    if is_folder:
        files = folder.list_folder(path)
        if not files.names:
            raise LabError(f"The folder {files.title} holds no files; choose one with images or a FlowCam run.")
        yield files
    elif not is_file:
        raise LabError(f"There is no file or folder {str(path)[:200]}; check the path.")
    elif archive.is_archive(path):
        with archive.open_archive(path) as files:
            if not files.names:
                raise LabError(f"The archive {files.title} holds no files; pack the folder with the images.")
            yield files
    else:
        yield _file_or_run(path)


def _file_or_run(path):
    files = folder.single_file(path)
    if flowcam.find_lists(files):
        # This list and what lies beside it; other lists in the folder are other runs.
        beside = folder.list_folder(path.parent)
        sizes = {n: s for n, s in beside.sizes.items() if "/" not in n and not _is_list(beside, n)}

        def read(name, limit=None):
            return folder.read_file(path.parent / name, limit)

        return Files(path.name, {**files.sizes, **sizes}, read)
    if path.suffix.casefold() == ".lst":
        raise LabError(f"{path.name} does not begin like a FlowCam list; export the run again or give its collage.")
    if not folder.is_image_name(path.name):
        raise LabError(
            f"{path.name} is no image, archive or FlowCam list; give a folder, a zip file, a FlowCam .lst, "
            "or a PNG, JPEG, TIFF or BMP image."
        )
    return files


def _is_list(files, name):
    return bool(flowcam.find_lists(Files(files.title, {name: 0}, files.read)))


def _beside_runs(files, lists):
    """The Files that do not lie in or below a run's folder: what is there besides a run belongs to it."""
    folders = {PurePosixPath(name).parent for name in lists}
    loose = {name: size for name, size in files.sizes.items() if folders.isdisjoint(PurePosixPath(name).parents)}
    return Files(files.title, loose, files.read)


def _only_image(files):
    """Name of the one image file among these, or None when there are none or several."""
    images = [name for name in files.names if folder.is_image_name(name)]
    return images[0] if len(images) == 1 else None


def _summarise_runs(files, lists):
    runs, scales, notes = [], set(), []
    for name in lists:
        try:
            run = flowcam.read_list(files, name)
        except LabError as error:
            if len(lists) == 1:
                raise
            notes.append(str(error))
            continue
        runs.append(run)
        scales.add(flowcam.run_um_per_px(files, run))
        notes += flowcam.run_notes(files, run)
    if len(scales) > 1:
        notes.append("The runs differ in pixel size; each particle keeps its own.")
    loose = _beside_runs(files, lists)
    if loose.names:
        notes.append(f"{len(loose.names)} files outside the run folder are read as plain images.")
    um_per_px, where = scales.pop() if len(scales) == 1 else (None, "")
    count = sum(len(run.lines) for run in runs) + len(lists) - len(runs) + folder.count_images(loose)
    title = f"FlowCam run {runs[0].title}" if len(lists) == 1 else f"{len(lists)} FlowCam runs in {files.title}"
    return SourceSummary("flowcam", title, count, um_per_px, where, tuple(dict.fromkeys(notes)))


def _summarise_images(files, path):
    single = _only_image(files)
    tiles = _tiles_in(files, single) if single else None
    kind = "folder" if Path(path).is_dir() else "archive" if archive.is_archive(path) else "image"
    notes = ["Plain images do not say their pixel size: sizes are in pixels until you give um per pixel."]
    count = folder.count_images(files)
    if tiles is not None:
        kind, count = "collage", count - 1 + tiles
        notes.insert(0, f"A collage picture without a list: {tiles} tiles were found on its black background.")
    elif kind != "image" and single is None and not any(folder.is_image_name(name) for name in files.names):
        notes.insert(0, "There is no image file in it; every file will be listed with its reason.")
    title = f"{KINDS[kind]} {single if kind == 'collage' else files.title}"
    return SourceSummary(kind, title, count, None, "", tuple(notes))


def _tiles_in(files, name):
    """How many tiles the one picture is cut into; None when it is no collage picture of one page."""
    try:
        pages = decode_images(files.read(name))
    except ImageUnreadable:
        return None
    if len(pages) != 1 or not collage.looks_like_collage(pages[0]):
        return None
    return len(collage.find_tiles(pages[0]))
