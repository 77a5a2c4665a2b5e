"""What a classifier says of held-out particles, kept with its run: held_out.safetensors.

By it counts are corrected (counts.corrected). The shipped ones are of simulated particles that no network was trained
on or chosen by; benchmarks/reference.py draws them and writes the file. A lab's own classifier writes it when its
training ends.
"""

import json

import numpy as np

from svp_core.errors import LabError
from svp_core.stats.counts import ConfusionReference

FILE = "held_out.safetensors"


def write_confusion_reference(folder, reference):
    """Put a Reference into a classifier's run folder."""
    from safetensors.numpy import save_file

    tensors = {
        "probs": np.asarray(reference.probs, np.float16),
        "labels": np.asarray(reference.labels, np.min_scalar_type(len(reference.class_keys))),
        "sizes_um": np.asarray(reference.sizes_um, np.float16),
    }
    if reference.sizes_px is not None:
        tensors["sizes_px"] = np.asarray(reference.sizes_px, np.float16)
    words = {"class_keys": json.dumps(list(reference.class_keys)), "words": reference.words}
    save_file(tensors, folder / FILE, metadata=words)


def read_confusion_reference(folder):
    """The Reference of a classifier's run folder, None where it has none. Raises LabError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    if not (folder / FILE).is_file():
        return None
    try:
        with safe_open(folder / FILE, framework="numpy") as file:
            words = file.metadata()
            names = ("probs", "labels", "sizes_um", *({"sizes_px"} & set(file.keys())))
            found = {name: file.get_tensor(name) for name in names}
            keys = tuple(json.loads(words["class_keys"]))
            return ConfusionReference(
                found["probs"].astype(np.float32),
                found["labels"].astype(int),
                found["sizes_um"].astype(float),
                keys,
                words["words"],
                found["sizes_px"].astype(float) if "sizes_px" in found else None,
            )
    except (SafetensorError, KeyError, TypeError, ValueError, OSError) as error:
        raise LabError(
            f"{folder.name}/{FILE} is damaged ({error}); make it again: train anew, or benchmarks/reference.py."
        ) from None
