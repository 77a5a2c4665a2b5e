"""Files that the published checkpoints come in: tensors out of them, and the generator's network from its tensors.

Nothing but tensors and plain values is unpickled, so no file can run code here.
"""

import argparse
import pickle
import struct
from pathlib import Path

import torch

from svp_core.errors import LabError
from svp_core.generator.published import build_published
from svp_core.generator.published_network import NORM_GROUPS

NAMED_KEYS = 4  # keys of one kind that a complaint spells out; the rest are counted
EXPECTED = "expected is a published checkpoint, the generator's or the ResNet-18's, as torch.save writes it"

# torch's reader raises these, and only these kinds, on files that are damaged or something else.
_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    MemoryError,
    OverflowError,
    struct.error,
    pickle.UnpicklingError,
)


def read_checkpoint(path):
    """Name -> tensor of a file of torch.save: of the dict in it, or of the one under its key "model".

    Raises LabError where the file holds something else, saying what was expected and what was found.
    """
    path = Path(path)
    try:
        # Training scripts like to put their options beside the model; a Namespace only holds values.
        with torch.serialization.safe_globals([argparse.Namespace]):
            held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise LabError(f"There is no file {path}; {EXPECTED}.") from None
    except _UNREADABLE:
        raise LabError(f"{path.name} cannot be read as tensors; {EXPECTED}.") from None
    tensors = held["model"] if isinstance(held, dict) and isinstance(held.get("model"), dict) else held
    if not isinstance(tensors, dict):
        raise LabError(f"{path.name} holds a {type(tensors).__name__}; {EXPECTED}.")
    strangers = [str(key) for key, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if strangers or not tensors:
        what = f"entries that are no tensors ({shorten_names(strangers)})" if strangers else "no tensors"
        raise LabError(f"{path.name} holds {what}; {EXPECTED}.")
    return {str(key): tensor for key, tensor in tensors.items()}


def published_network(tensors, file):
    """The published generator network with a checkpoint's tensors, float32, not folded, in evaluation mode.

    Size and depth are read from the shapes. file: its name, for complaints. Raises LabError where the tensors are of
    another network, naming those that are missing, extra or of another shape.
    """
    with torch.device("meta"):  # only shapes are needed: the checkpoint brings the values
        model = build_published(**sizes_of(tensors, file))
    check_fit(tensors, model.state_dict(), file, "published generator network")
    model.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True, assign=True)
    return model


def sizes_of(tensors, file):
    """dim, channels and dim_mults of a generator checkpoint; none of them where its first layer is missing."""
    first = tensors.get("init_conv.weight")
    if first is None:
        return {}
    if first.ndim != 4 or not first.numel() or first.shape[0] % NORM_GROUPS:
        raise LabError(
            f"{file} has a first layer init_conv.weight of {_shape(first)}; "
            f"expected is a multiple of {NORM_GROUPS} filters of 1x1, 64x1x1x1 in the published checkpoints."
        )
    multiples = []
    while True:
        level = f"downs.{len(multiples)}.3"
        smaller = tensors.get(f"{level}.1.weight", tensors.get(f"{level}.weight"))
        if smaller is None or smaller.ndim == 0:
            break
        multiples.append(max(1, smaller.shape[0] // first.shape[0]))
    sizes = {"dim": first.shape[0], "channels": first.shape[1]}
    return sizes | {"dim_mults": tuple(multiples)} if multiples else sizes


def check_fit(tensors, expected, file, network):
    """Raises LabError unless the tensors have the names and shapes of `expected`. network: what they should be."""
    misshapen = [
        f"{key} is {_shape(tensors[key])} instead of {_shape(expected[key])}"
        for key in expected
        if key in tensors and tensors[key].shape != expected[key].shape
    ]
    faults = [
        ("missing", [key for key in expected if key not in tensors]),
        ("extra", [key for key in tensors if key not in expected]),
        ("of another shape", misshapen),
    ]
    found = [f"{len(keys)} {what} ({shorten_names(keys)})" for what, keys in faults if keys]
    if found:
        raise LabError(f"{file} does not fit the {network} ({len(expected)} tensors): {', '.join(found)}.")


def shorten_names(names):
    """The first of these names, and how many more there are."""
    more = len(names) - NAMED_KEYS
    return ", ".join(names[:NAMED_KEYS]) + (f" and {more} more" if more > 0 else "")


def _shape(tensor):
    return "x".join(map(str, tensor.shape)) or "one number"
