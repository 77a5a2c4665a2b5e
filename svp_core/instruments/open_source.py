"""Whatever lies at a path, as Files: a folder with the archives in it, an archive, one file with those beside it."""

from contextlib import ExitStack, contextmanager
from pathlib import Path

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import archive
from svp_core.instruments.images import folder
from svp_core.instruments.records import ScannedFiles, SourceFiles
from svp_core.instruments.sqlite_guard import is_own_database
from svp_core.instruments.text_tables import decode_text

HEAD_BYTES = 16_384  # longer than any header line seen (a csv export of 71 columns has 1,100)
MAX_ARCHIVES = 100  # opened in one folder at a time


@contextmanager
def open_source(path):
    """(Files, kind) of what lies at this path, valid inside the with block; kind: "folder", "archive" or "file".

    Files of a single file are those beside it, too, since a list needs its collages. Raises LabError.
    """
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError:  # a name too long for the system
        is_folder = is_file = False
    with ExitStack() as stack:
        if is_folder:
            files = folder.list_folder(path)
            if not files.names:
                raise LabError(f"The folder {files.title} holds no files; choose one with images or a run.")
            yield _with_archives(files, path, stack), "folder"
        elif not is_file:
            raise LabError(f"There is no file or folder {str(path)[:200]}; check the path.")
        elif is_own_database(path.stat()):
            raise LabError(f"{path.name} is the lab's own database; choose a folder with images or a run.")
        elif archive.is_archive(path):
            files = stack.enter_context(archive.open_archive(path))
            if not files.names:
                raise LabError(f"The archive {files.title} holds no files; pack the folder with the images.")
            yield files, "archive"
        else:
            yield folder.list_siblings(path), "file"


def list_contents(files, names=None):
    """Offered of these files: every file that is no image is looked into, unless it is not among the given names."""
    heads = {}
    for name in files.names if names is None else names:
        if not folder.is_image_name(name):
            try:
                heads[name] = decode_text(files.read(name, limit=HEAD_BYTES))
            except ImageUnreadable:
                continue  # it will be one rejected record
    return ScannedFiles(files, heads)


def select_files(files, names):
    """Files with these names only."""
    return SourceFiles(files.title, {name: files.sizes[name] for name in names}, files.read)


def _with_archives(files, path, stack):
    """The files of a folder; in place of an archive, what lies in it, under its name as a folder."""
    packed = [name for name in files.names if archive.is_archive_name(name)]
    if not packed:
        return files
    readers, refused, sizes = {}, {}, {}
    for name, size in files.sizes.items():
        if name not in packed:
            sizes[name] = size
            continue
        try:
            if len(readers) == MAX_ARCHIVES:
                raise LabError(f"only the first {MAX_ARCHIVES} archives of a folder are opened; unpack it.")
            inside = stack.enter_context(archive.open_archive(path / name))
        except LabError as error:
            refused[name], sizes[name] = str(error).rstrip("."), size
            continue
        readers[name] = inside
        sizes |= {f"{name}/{entry}": entry_size for entry, entry_size in inside.sizes.items()}

    def read(name, limit=None):
        if name in refused:
            raise ImageUnreadable(refused[name])
        outer = next((archive_name for archive_name in readers if name.startswith(f"{archive_name}/")), None)
        if outer is None:
            return files.read(name, limit)
        return readers[outer].read(name[len(outer) + 1 :], limit)

    return SourceFiles(files.title, sizes, read)
