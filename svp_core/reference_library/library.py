"""The shipped library: particles of many simulated instruments per magnification, without noise, with their truth.

A file holds differences of neighbouring levels, compressed; made by benchmarks/reference_library.py.
"""

import json
import lzma
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import file_sha256, read_tensors
from svp_core.images import TILE_PX
from svp_core.model_files import SHIPPED_MODELS

FOLDER = SHIPPED_MODELS / "reference_library"
LEVELS = 512  # steps per background level: finer than a third of a grey level of any image
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6}]


@dataclass(frozen=True, eq=False)
class Library:
    """Simulated particles of one magnification."""

    magnification: str  # of profiles.conditions.PIXEL_SIZES_UM
    images: NDArray[np.float32]  # (N, 64, 64), relative to a background of 1
    classes: tuple[str, ...]  # (N,), class keys
    instruments: NDArray[np.integer]  # (N,)
    um_per_px: NDArray[np.float64]  # (N,), of the instrument
    diameters_um: NDArray[np.float64]  # (N,), true ones

    @property
    def instrument_count(self) -> int:
        """Number of instruments."""
        return len(np.unique(self.instruments))


def write_library(folder: Path, library: Library) -> int:
    """Write the file of one magnification; returns its size in bytes."""
    from safetensors.numpy import save_file

    levels = np.round(np.clip(library.images * LEVELS, 0, 65535)).astype(np.uint16)
    steps = np.diff(levels, axis=2, prepend=np.uint16(0))  # modulo 2^16, which reading undoes
    steps = np.diff(steps, axis=1, prepend=np.uint16(0))
    # Signed steps near 0 become small numbers, whose high bytes are nearly all 0.
    zigzag = ((steps << 1) ^ (steps.view(np.int16) >> 15).view(np.uint16)).astype("<u2")
    planes = np.stack([(zigzag & 255).astype(np.uint8), (zigzag >> 8).astype(np.uint8)])
    packed = lzma.compress(planes.tobytes(), format=lzma.FORMAT_RAW, filters=_FILTERS)
    keys = sorted(set(library.classes))
    tensors = {
        "images": np.frombuffer(packed, np.uint8),
        "classes": np.array([keys.index(key) for key in library.classes], np.uint8),
        "instruments": np.asarray(library.instruments, np.uint16),
        "um_per_px": np.asarray(library.um_per_px, np.float32),
        "diameters_um": np.asarray(library.diameters_um, np.float32),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{library.magnification}.safetensors"
    save_file(tensors, path, metadata={"class_keys": json.dumps(keys), "levels": str(LEVELS)})
    return path.stat().st_size


def read_library(magnification: str, *, folder: Path = FOLDER) -> Library | None:
    """The library of one magnification; None where none is shipped. Raises LabError where it is damaged."""
    path = folder / f"{magnification}.safetensors"
    return _read(path, path.stat().st_mtime_ns) if path.is_file() else None


def library_version(magnification: str, *, folder: Path = FOLDER) -> str:
    """SHA-256 of the library of one magnification; "" where none is shipped."""
    path = folder / f"{magnification}.safetensors"
    return _sha256(path, path.stat().st_mtime_ns) if path.is_file() else ""


@lru_cache(maxsize=8)
def _sha256(path: Path, mtime_ns: int) -> str:
    del mtime_ns  # it only tells apart, in the cache, versions of the file
    return file_sha256(path)


@lru_cache(maxsize=1)
def _read(path: Path, mtime_ns: int) -> Library:
    del mtime_ns  # it only tells apart, in the cache, versions of the file
    try:
        metadata, tensors = read_tensors(path)
        keys = json.loads(metadata["class_keys"])
        classes = tuple(keys[index] for index in tensors["classes"])
        unpacked = lzma.decompress(tensors["images"].tobytes(), format=lzma.FORMAT_RAW, filters=_FILTERS)
        planes = np.frombuffer(unpacked, np.uint8).reshape(2, len(classes), TILE_PX, TILE_PX)
        zigzag = planes[0].astype(np.uint16) | (planes[1].astype(np.uint16) << 8)
        steps = (zigzag >> 1) ^ (-(zigzag & 1).astype(np.int16)).view(np.uint16)
        levels = steps.cumsum(1, dtype=np.uint16).cumsum(2, dtype=np.uint16)
        return Library(
            path.stem,
            levels.astype(np.float32) / int(metadata["levels"]),
            classes,
            tensors["instruments"].astype(int),
            tensors["um_per_px"].astype(float),
            tensors["diameters_um"].astype(float),
        )
    except (lzma.LZMAError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise LabError(
            f"{path.parent.name}/{path.name} is damaged ({error}); install SvP Lab again, or run "
            "benchmarks/reference_library.py."
        ) from None
