"""Read published checkpoint files: tensors from the file, and the generator network from its tensors.

Only tensors and plain values are unpickled, so no file can run code here.
"""

import argparse
import pickle
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from svp_core.errors import LabError
from svp_core.generator.published import build_published
from svp_core.generator.published_network import NORM_GROUPS, PublishedUNet

MAX_NAMES = 4  # names of one kind that an error message lists; the rest are counted
EXPECTED = "expected a published checkpoint of the generator or the ResNet-18, as torch.save writes it"

# torch's reader raises these, and only these kinds, on files that are damaged or of another kind.
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


def read_checkpoint(path: str | Path) -> dict[str, torch.Tensor]:
    """Tensors by name of a file of torch.save: of the dict in it, or of the dict under its key "model".

    Raises LabError where the file holds something else, with what was expected and what the file holds.
    """
    path = Path(path)
    try:
        # Training scripts often store their options beside the model; a Namespace only holds values.
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise LabError(f"There is no file {path}; {EXPECTED}.") from None
    except _UNREADABLE:
        raise LabError(f"{path.name} cannot be read as tensors; {EXPECTED}.") from None
    tensors = content["model"] if isinstance(content, dict) and isinstance(content.get("model"), dict) else content
    if not isinstance(tensors, dict):
        raise LabError(f"{path.name} holds a {type(tensors).__name__}; {EXPECTED}.")
    not_tensors = [str(key) for key, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if not_tensors or not tensors:
        content = f"entries that are not tensors ({shorten_names(not_tensors)})" if not_tensors else "no tensors"
        raise LabError(f"{path.name} holds {content}; {EXPECTED}.")
    return {str(key): tensor for key, tensor in tensors.items()}


def published_network(tensors: Mapping[str, torch.Tensor], file: str) -> PublishedUNet:
    """The published generator network with a checkpoint's tensors, float32, not folded, in evaluation mode.

    Size and depth are read from the shapes. file: name of the checkpoint, for error messages. Raises LabError where the
    tensors belong to another network, naming those that are missing, extra or of another shape.
    """
    with torch.device("meta"):  # only shapes are needed: the checkpoint holds the values
        model = build_published(**sizes_of(tensors, file))
    check_fit(tensors, model.state_dict(), file, "published generator network")
    model.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True, assign=True)
    return model


def sizes_of(tensors: Mapping[str, torch.Tensor], file: str) -> dict[str, Any]:
    """dim, image_channels and dim_mults of a generator checkpoint, by name; empty where its first layer is missing."""
    first = tensors.get("init_conv.weight")
    if first is None:
        return {}
    if first.ndim != 4 or not first.numel() or first.shape[0] % NORM_GROUPS:
        raise LabError(
            f"{file} has a first layer init_conv.weight of {_shape(first)}; "
            f"expected a multiple of {NORM_GROUPS} filters of 1x1, 64x1x1x1 in the published checkpoints."
        )
    multiples = []
    while True:
        level = f"downs.{len(multiples)}.3"
        downsampling = tensors.get(f"{level}.1.weight", tensors.get(f"{level}.weight"))
        if downsampling is None or downsampling.ndim == 0:
            break
        multiples.append(max(1, downsampling.shape[0] // first.shape[0]))
    sizes = {"dim": first.shape[0], "image_channels": first.shape[1]}
    return sizes | {"dim_mults": tuple(multiples)} if multiples else sizes


def check_fit(
    tensors: Mapping[str, torch.Tensor], expected: Mapping[str, torch.Tensor], file: str, network: str
) -> None:
    """Raise LabError unless the tensors have the names and shapes of `expected`.

    file, network: names of the checkpoint and of the expected network, for the message.
    """
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
    described = [f"{len(keys)} {fault} ({shorten_names(keys)})" for fault, keys in faults if keys]
    if described:
        raise LabError(f"{file} does not fit the {network} ({len(expected)} tensors): {', '.join(described)}.")


def shorten_names(names: Sequence[str]) -> str:
    """The first MAX_NAMES of these names, and how many more there are."""
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _shape(tensor):
    return "x".join(map(str, tensor.shape)) or "one number"
