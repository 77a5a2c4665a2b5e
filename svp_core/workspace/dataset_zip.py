"""Tiles as a zip of PNG images, one folder per class, with a manifest."""

import json
import re
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.files import atomic_write


def write_zip(
    path: str | Path, tiles: NDArray[np.uint8], table: pd.DataFrame, *, meta: Mapping[str, Any] | None = None
) -> Path:
    """Pack tiles as PNG images, one folder per class, with manifest.csv: the table, preceded by a column "file".

    meta: stored as dataset.json. The same tiles and table give the same bytes. Returns the path.
    """
    from svp_core.images import encode_png

    classes: Iterable[object] = table["class"] if "class" in table else [None] * len(table)
    names = _file_names(table["image"], classes)

    def write(temporary: Path) -> None:
        with zipfile.ZipFile(temporary, "w") as archive:
            for name, tile in zip(names, tiles, strict=True):
                # ZipInfo has a fixed date, so packing again gives the same file. PNG is already compressed.
                archive.writestr(zipfile.ZipInfo(name), encode_png(np.asarray(tile)))
            manifest = table.assign(file=names)[["file", *(c for c in table.columns if c != "file")]]
            archive.writestr(zipfile.ZipInfo("manifest.csv"), manifest.to_csv(index=False, lineterminator="\n"))
            if meta:
                archive.writestr(zipfile.ZipInfo("dataset.json"), json.dumps(meta, indent=2) + "\n")

    atomic_write(path, write)
    return Path(path)


def _file_names(images: Iterable[object], classes: Iterable[object]) -> list[str]:
    """File name for each image, unique and valid on every file system: "air_bubble/run 1_p2.png"."""
    names, taken = [], set()
    for image, class_key in zip(images, classes, strict=True):
        # A path becomes one name; characters that some file systems refuse become "_".
        stem = re.sub(r'[\x00-\x1f<>:"/\\|?*#]+', "_", str(image).removesuffix(".png")).strip(". ") or "image"
        folder = f"{class_key}/" if isinstance(class_key, str) and re.fullmatch(r"\w+", class_key) else ""
        name, number = f"{folder}{stem}.png", 1
        while name.casefold() in taken:
            number += 1
            name = f"{folder}{stem} ({number}).png"
        taken.add(name.casefold())
        names.append(name)
    return names
