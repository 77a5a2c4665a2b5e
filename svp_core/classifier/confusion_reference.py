"""Confusion reference of a classifier: its predictions on held-out particles, stored as held_out.safetensors.

Counts are corrected by it (stats.counts.corrected_counts). The shipped ones are of simulated particles that no network
was trained or selected on; benchmarks/reference.py draws them and writes the file. A lab's own classifier writes it at
the end of its training.
"""

import json
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.files import read_tensors
from svp_core.stats.counts import ConfusionReference

FILE = "held_out.safetensors"
MATCHED_FILE = "reference.safetensors"  # in the folder of a classification: matched to its images


def write_confusion_reference(folder: Path, reference: ConfusionReference, *, file: str = FILE) -> None:
    """Write a classifier's confusion reference into its model folder, or another one as another file."""
    from safetensors.numpy import save_file

    tensors = {
        "probs": np.asarray(reference.probs, np.float16),
        "labels": np.asarray(reference.labels, np.min_scalar_type(len(reference.class_keys))),
        "sizes_um": np.asarray(reference.sizes_um, np.float16),
    }
    if reference.sizes_px is not None:
        tensors["sizes_px"] = np.asarray(reference.sizes_px, np.float16)
    if reference.instruments is not None:
        tensors["instruments"] = np.asarray(reference.instruments, np.int32)
    if reference.unlike is not None:
        tensors["unlike"] = np.asarray(reference.unlike, np.uint8)
    metadata = {"class_keys": json.dumps(list(reference.class_keys)), "words": reference.description}
    save_file(tensors, folder / file, metadata=metadata)


def read_confusion_reference(folder: Path, *, file: str = FILE) -> ConfusionReference | None:
    """Read the confusion reference of a model folder, or another one from another file; None where it has none.

    Raises LabError where it is damaged.
    """
    if not (folder / file).is_file():
        return None
    try:
        metadata, tensors = read_tensors(folder / file)
        return ConfusionReference(
            tensors["probs"].astype(np.float32),
            tensors["labels"].astype(int),
            tensors["sizes_um"].astype(float),
            tuple(json.loads(metadata["class_keys"])),
            metadata["words"].replace("particles a class", "particles per class"),  # as older files have it
            tensors["sizes_px"].astype(float) if "sizes_px" in tensors else None,
            tensors["instruments"].astype(int) if "instruments" in tensors else None,
            tensors["unlike"].astype(bool) if "unlike" in tensors else None,
        )
    except (KeyError, TypeError, ValueError, OSError) as error:
        again = "classify the source again" if file == MATCHED_FILE else "train the classifier again"
        raise LabError(f"{folder.name}/{file} is damaged ({error}); {again}, or run benchmarks/reference.py.") from None
