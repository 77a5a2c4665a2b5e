"""Find and decode the image files that a table names, as other programs write paths: relative or not, in any style."""

import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from svp_core.decoding.files import decode_images
from svp_core.instruments.images.folder import is_image_name
from svp_core.instruments.records import ScannedFiles, SourceFiles
from svp_core.instruments.text_tables import normalise_name


class ImagePaths:
    """The images of a source, as one table of it names them."""

    def __init__(self, scanned: ScannedFiles, table_name: str) -> None:
        """table_name: the table, in whose folder relative paths begin."""
        self._folder = table_name.rpartition("/")[0]
        self._by_path: dict[str, str] = {}
        self._by_name: dict[str, list[str]] = {}
        for name in scanned.files.names:
            if is_image_name(name):
                self._by_path.setdefault(_normalise_path(name), name)
                self._by_name.setdefault(normalise_name(name), []).append(name)

    def find(self, path: str, folders: Iterable[str] = ("",)) -> str | None:
        """Name of the file with this path below one of these folders of the table's folder, or None.

        A path that leads elsewhere (the computer where the table was made) is looked up by its last part, if only one
        image of the source has that name.
        """
        for folder in folders:
            parts = (self._folder, folder, path)
            found = self._by_path.get(_normalise_path("/".join(part for part in parts if part)))
            if found:
                return found
        same_name = self._by_name.get(normalise_name(path), [])
        if len(same_name) > 1:
            inside = f"{self._folder}/" if self._folder else ""
            same_name = [name for name in same_name if name.startswith(inside)]
        return same_name[0] if len(same_name) == 1 else None


def read_image_pages(files: SourceFiles, name: str) -> list[NDArray[np.uint8]]:
    """Every page of the image in this file, uint8 (H, W) or (H, W, 3). Raises ImageUnreadable."""
    return decode_images(files.read(name), files.scale_of)


def _normalise_path(path: str) -> str:
    parts = unicodedata.normalize("NFC", path.replace("\\", "/")).casefold().split("/")
    return "/".join(part for part in parts if part not in ("", "."))
