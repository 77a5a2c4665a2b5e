"""Open what is at a path as SourceFiles: a folder with the archives in it, an archive, or a file with its siblings."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import archive
from svp_core.instruments.images import folder
from svp_core.instruments.records import ScannedFiles, SourceFiles
from svp_core.instruments.sqlite_guard import is_own_database, is_workspace
from svp_core.instruments.text_tables import decode_text

HEAD_BYTES = 16_384  # longer than any header line known (a csv export of 71 columns has 1,100)
MAX_ARCHIVES = 100  # opened per folder

PathKind = Literal["folder", "archive", "file"]


@contextmanager
def open_source(path: Path | str) -> Iterator[tuple[SourceFiles, PathKind]]:
    """(SourceFiles, kind of path) of what is at this path, valid inside the with block.

    A single file comes with the files beside it, since a list needs its collages. Raises LabError.
    """
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError:  # a name too long for the system
        is_folder = is_file = False
    with ExitStack() as stack:
        if is_folder and is_workspace(path):
            raise LabError(f"{path} is a workspace of SvP Lab; choose a folder with images or a run.")
        if is_folder:
            files = folder.list_folder(path)
            if not files.names:
                raise LabError(f"The folder {files.title} contains no files; choose a folder with images or a run.")
            yield _with_archives(files, path, stack), "folder"
        elif not is_file:
            raise LabError(f"There is no file or folder {str(path)[:200]}; check the path.")
        elif is_own_database(path.stat()):
            raise LabError(f"{path.name} is the lab's own database; choose a folder with images or a run.")
        elif archive.is_archive(path):
            files = stack.enter_context(archive.open_archive(path))
            if not files.names:
                raise LabError(f"The archive {files.title} contains no files; pack the folder with the images again.")
            yield files, "archive"
        else:
            yield folder.list_siblings(path), "file"


def scan_files(files: SourceFiles) -> ScannedFiles:
    """ScannedFiles with the start of every file that is not an image."""
    heads = {}
    for name in files.names:
        if not folder.is_image_name(name):
            try:
                heads[name] = decode_text(files.read(name, limit=HEAD_BYTES))
            except ImageUnreadable:
                continue  # it will be one rejected record
    return ScannedFiles(files, heads)


def select_files(files: SourceFiles, names: Iterable[str]) -> SourceFiles:
    """Only the files with these names."""
    return replace(files, sizes={name: files.sizes[name] for name in names})


def _with_archives(files: SourceFiles, path: Path, stack: ExitStack) -> SourceFiles:
    """The files of a folder, each archive replaced by its contents, as if its name were a folder."""
    packed = [name for name in files.names if archive.is_archive_name(name)]
    if not packed:
        return files
    opened: dict[str, SourceFiles] = {}
    refused: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for name, size in files.sizes.items():
        if name not in packed:
            sizes[name] = size
            continue
        try:
            if len(opened) == MAX_ARCHIVES:
                raise LabError(f"only the first {MAX_ARCHIVES} archives of a folder are opened; unpack this one.")
            contents = stack.enter_context(archive.open_archive(path / name))
        except LabError as error:
            refused[name], sizes[name] = str(error).rstrip("."), size
            continue
        opened[name] = contents
        sizes |= {f"{name}/{entry}": entry_size for entry, entry_size in contents.sizes.items()}

    def read(name: str, limit: int | None = None) -> bytes:
        if name in refused:
            raise ImageUnreadable(refused[name])
        outer = next((archive_name for archive_name in opened if name.startswith(f"{archive_name}/")), None)
        if outer is None:
            return files.read(name, limit)
        return opened[outer].read(name[len(outer) + 1 :], limit)

    return SourceFiles(files.title, sizes, read)
