"""novelty.safetensors of a model folder: a NoveltyCalibration as arrays, nothing pickled.

The shipped ones are of simulated particles that no network was trained or selected on;
benchmarks/novelty_calibration.py draws them and writes the file.
"""

import json
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.files import atomic_write, read_tensors
from svp_core.model_files import weights_sha256
from svp_core.novelty.calibration import FormCalibration, KnownExamples, NoveltyCalibration
from svp_core.novelty.distance_by_size import SizeTrend
from svp_core.novelty.resemblance import RunSpread, spread_as_arrays, spread_from_arrays
from svp_core.novelty.score import Directions, KnownParticles
from svp_core.novelty.tile_forms import FORMS

FILE = "novelty.safetensors"
NO_CALIBRATION = "This model comes without a calibration of what is unlike its classes."


def write_calibration(folder: str | Path, calibration: NoveltyCalibration) -> None:
    """Write a calibration into its model's folder."""
    from safetensors.numpy import save_file

    tensors: dict[str, NDArray] = {
        # Half precision is enough for a projection, and halves the file.
        "directions/mean": calibration.directions.mean,
        "directions/axes": calibration.directions.axes.astype(np.float16),
    }
    for name, form in zip(FORMS, calibration.forms, strict=True):
        tensors |= {f"{name}/{each.name}": getattr(form.known, each.name) for each in fields(KnownParticles)}
        if form.trend is not None:
            tensors |= {f"{name}/trend/{each.name}": getattr(form.trend, each.name) for each in fields(SizeTrend)}
        tensors[f"{name}/distances"] = form.distances
        tensors[f"{name}/named"] = form.named.astype(np.uint8)
    for name, spread in zip(FORMS, calibration.spreads, strict=False):
        tensors |= {f"{name}/run/{part}": array for part, array in spread_as_arrays(spread).items()}
    tensors |= {
        f"examples/{each.name}": array
        for each in fields(KnownExamples)
        if (array := getattr(calibration.examples, each.name)) is not None
    }
    metadata = {
        "class_keys": json.dumps(list(calibration.class_keys)),
        "words": calibration.description,
        "weights_sha256": calibration.weights_sha256,
    }
    if calibration.among:
        metadata["among"] = str(calibration.among)
    contiguous = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    atomic_write(Path(folder) / FILE, lambda path: save_file(contiguous, path, metadata))


def find_calibration(folder: str | Path | None, class_keys: tuple[str, ...]) -> tuple[NoveltyCalibration | None, str]:
    """Calibration of the classifier of this model folder; (None, reason as a sentence) where it has none of its own.

    Raises LabError where the file is damaged.
    """
    if folder is None or not (Path(folder) / FILE).is_file():
        return None, NO_CALIBRATION
    calibration = read_calibration(folder)
    if calibration.weights_sha256 != weights_sha256(folder) or calibration.class_keys != tuple(class_keys):
        return None, (
            f"The calibration of {Path(folder).name} of what is unlike its classes belongs to other weights; run "
            f"benchmarks/novelty_calibration.py for it."
        )
    return calibration, ""


def read_calibration(folder: str | Path) -> NoveltyCalibration:
    """The calibration in this folder, whichever weights it belongs to. Raises LabError where its file is damaged."""
    path = Path(folder) / FILE
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(path: Path, mtime_ns: int) -> NoveltyCalibration:
    del mtime_ns  # it only tells apart, in the cache, versions of the file
    try:
        metadata, tensors = read_tensors(path)
        return NoveltyCalibration(
            tuple(json.loads(metadata["class_keys"])),
            Directions(tensors["directions/mean"], tensors["directions/axes"].astype(np.float32)),
            tuple(_form(tensors, name) for name in FORMS),
            metadata["words"],
            metadata["weights_sha256"],
            KnownExamples(
                *(tensors[f"examples/{part}"] for part in ("features", "named", "forms")),
                library=tensors.get("examples/library"),
            ),
            _spreads(tensors),
            int(metadata.get("among", 0)),
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise LabError(
            f"{path.parent.name}/{FILE} is damaged ({error}); restore it, or run benchmarks/novelty_calibration.py."
        ) from None


def _spreads(tensors: dict[str, NDArray]) -> tuple[RunSpread, ...]:
    """Spread of runs for each form; () in a file of an earlier version, which has none."""
    parts = [
        {key.removeprefix(f"{name}/run/"): array for key, array in tensors.items() if key.startswith(f"{name}/run/")}
        for name in FORMS
    ]
    return tuple(spread_from_arrays(part) for part in parts) if all(parts) else ()


def _form(tensors: dict[str, NDArray], name: str) -> FormCalibration:
    known = KnownParticles(**{each.name: tensors[f"{name}/{each.name}"] for each in fields(KnownParticles)})
    has_trend = f"{name}/trend/medians" in tensors  # a calibration by a normal set has none
    trend = SizeTrend(tensors[f"{name}/trend/medians"], tensors[f"{name}/trend/units"]) if has_trend else None
    return FormCalibration(known, tensors[f"{name}/distances"], tensors[f"{name}/named"].astype(int), trend)
