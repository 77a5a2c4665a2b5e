"""Open what is at a path as SourceFiles: a folder with the archives in it, an archive, or a file with its siblings."""

import io
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Literal

from svp_core.errors import LabError
from svp_core.images import ImageUnreadable
from svp_core.instruments import archive
from svp_core.instruments.data_roots import leads_outside
from svp_core.instruments.images import folder
from svp_core.instruments.records import ScannedFiles, SourceFiles
from svp_core.instruments.sqlite_guard import is_own_database, is_workspace
from svp_core.instruments.text_tables import decode_text

HEAD_BYTES = 16_384  # longer than any header line known (a csv export of 71 columns has 1,100)
MAX_ARCHIVES = 100  # opened per source
MAX_DEPTH = 3  # archives inside one another
MAX_FILES = 200_000  # in all archives of a source
MAX_NESTED_BYTES = 4 * 1024**3  # of all archives in archives together
MAX_IN_MEMORY_BYTES = 4 * 1024**2  # of one of them; larger ones are kept on disk

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
            yield _with_archives(files, stack, _Opened(), path=path), "folder"
        elif not is_file:
            raise LabError(f"There is no file or folder {str(path)[:200]}; check the path.")
        elif is_own_database(path.stat()):
            raise LabError(f"{path.name} is the lab's own database; choose a folder with images or a run.")
        elif leads_outside(path):
            raise LabError(
                f"{path.name} is a link to a place outside the folders that this server may read; copy "
                "the file itself into one of them."
            )
        elif archive.is_archive(path):
            files = stack.enter_context(archive.open_archive(path))
            if not files.names:
                raise LabError(f"The archive {files.title} contains no files; pack the folder with the images again.")
            yield _with_archives(files, stack, _Opened(archives=1), path=None, depth=2), "archive"
        else:
            archive.check_readable(path)
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


@dataclass
class _Opened:
    """What the archives of one source have opened so far, to stop before there is too much of it."""

    archives: int = 0
    files: int = 0
    unpacked_bytes: int = 0  # of archives in archives, which are unpacked to be opened

    def check(self, depth: int) -> None:
        """Raise LabError if no further archive may be opened at this depth."""
        if self.archives >= MAX_ARCHIVES:
            raise LabError(f"only the first {MAX_ARCHIVES} archives of a folder are opened; unpack this one.")
        if depth > MAX_DEPTH:
            raise LabError(f"it lies inside {MAX_DEPTH} archives, the most that are opened; unpack the outer ones.")
        if self.files > MAX_FILES:
            raise LabError(f"the archives hold more than {MAX_FILES:,} files together; unpack this one.")


def _with_archives(
    files: SourceFiles, stack: ExitStack, opened: _Opened, *, path: Path | None, depth: int = 1
) -> SourceFiles:
    """These files, each archive among them replaced by its contents, as if its name were a folder.

    path: the folder that holds the files; None: they lie in an archive. depth: number of archives that contents of an
    archive among them lie in.
    """
    packed = {name for name in files.names if archive.is_archive_name(name)}
    if not packed:
        return files
    contents: dict[str, tuple[SourceFiles, str]] = {}  # name -> its archive's files, its name there
    refused: dict[str, str] = {}
    sizes: dict[str, int] = {}
    notes = list(files.notes)
    for name, size in files.sizes.items():
        if name not in packed:
            sizes[name] = size
            continue
        try:
            opened.check(depth)
            if path and leads_outside(path / name):
                raise LabError(folder.LEADS_OUTSIDE)
            source = path / name if path else _unpacked(files, name, stack, opened)
            inner = stack.enter_context(archive.open_archive(source, name.rpartition("/")[2]))
        except (LabError, ImageUnreadable) as error:
            refused[name], sizes[name] = str(error).rstrip("."), size
            continue
        opened.archives += 1
        opened.files += len(inner.names)
        inner = _with_archives(inner, stack, opened, path=None, depth=depth + 1)
        notes += inner.notes
        for entry, entry_size in inner.sizes.items():
            contents[f"{name}/{entry}"], sizes[f"{name}/{entry}"] = (inner, entry), entry_size

    def read(name: str, limit: int | None = None) -> bytes:
        if name in refused:
            raise ImageUnreadable(refused[name])
        if name in contents:
            inner, entry = contents[name]
            return inner.read(entry, limit)
        return files.read(name, limit)

    return SourceFiles(files.title, sizes, read, notes=tuple(dict.fromkeys(notes)))


def _unpacked(files: SourceFiles, name: str, stack: ExitStack, opened: _Opened) -> IO[bytes]:
    """An archive that lies in an archive, in memory or, if it is large, in an unnamed temporary file."""
    opened.unpacked_bytes += files.sizes[name]
    if opened.unpacked_bytes > MAX_NESTED_BYTES:
        limit = MAX_NESTED_BYTES // 1024**3
        raise LabError(f"archives inside archives have more than {limit} GB together; unpack the outer one.")
    content = files.read(name)
    if len(content) <= MAX_IN_MEMORY_BYTES:
        return io.BytesIO(content)
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    file.write(content)
    file.seek(0)
    return file
