"""Confusion reference of a classifier: its predictions on held-out particles, stored as held_out.safetensors.

Counts are corrected by it (stats.counts.corrected_counts). The shipped ones are of simulated particles that no network
was trained or selected on; benchmarks/reference.py draws them and writes the file. A lab's own classifier writes it at
the end of its training.
"""

import json
from pathlib import Path

import numpy as np

from svp_core.errors import LabError
from svp_core.stats.counts import ConfusionReference

FILE = "held_out.safetensors"


def write_confusion_reference(folder: Path, reference: ConfusionReference) -> None:
    """Write a classifier's confusion reference into its model folder."""
    from safetensors.numpy import save_file

    tensors = {
        "probs": np.asarray(reference.probs, np.float16),
        "labels": np.asarray(reference.labels, np.min_scalar_type(len(reference.class_keys))),
        "sizes_um": np.asarray(reference.sizes_um, np.float16),
    }
    if reference.sizes_px is not None:
        tensors["sizes_px"] = np.asarray(reference.sizes_px, np.float16)
    metadata = {"class_keys": json.dumps(list(reference.class_keys)), "words": reference.description}
    save_file(tensors, folder / FILE, metadata=metadata)


def read_confusion_reference(folder: Path) -> ConfusionReference | None:
    """Read the confusion reference of a model folder; None where it has none. Raises LabError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not (folder / FILE).is_file():
        return None
    try:
        with safe_open(folder / FILE, framework="numpy") as file:
            metadata = file.metadata()
            names = ("probs", "labels", "sizes_um", *({"sizes_px"} & set(file.keys())))
            tensors = {name: file.get_tensor(name) for name in names}
            return ConfusionReference(
                tensors["probs"].astype(np.float32),
                tensors["labels"].astype(int),
                tensors["sizes_um"].astype(float),
                tuple(json.loads(metadata["class_keys"])),
                metadata["words"],
                tensors["sizes_px"].astype(float) if "sizes_px" in tensors else None,
            )
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise LabError(
            f"{folder.name}/{FILE} is damaged ({error}); train the classifier again, or run benchmarks/reference.py."
        ) from None
