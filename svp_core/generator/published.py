"""The published generator: its checkpoints, and full ancestral sampling as published.

One class a checkpoint, grey 64 px tiles, 500 steps of a linear schedule. It is here to be compared with, and for those
who have the checkpoints from their authors; none is shipped.
"""

import pickle
import struct
from pathlib import Path

import torch

from svp_core.errors import LabError
from svp_core.generator.published_network import NORM_GROUPS, PublishedUNet, StandardisedConv
from svp_core.generator.sample import TrajectoryStep
from svp_core.images import TILE_PX, from_model

STEPS = 500
BETA_FIRST, BETA_LAST = 1e-4, 0.02  # share of noise added at the first and last step of the forward process
NAMED_KEYS = 4  # keys of one kind that a complaint spells out; the rest are counted

# torch's reader raises these, and only these kinds, on files that are damaged or something else.
_UNREADABLE = (
    OSError, RuntimeError, EOFError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    MemoryError, OverflowError, struct.error, pickle.UnpicklingError,
)  # fmt: skip


def build_published(*, dim=64, channels=1, dim_mults=(1, 2, 4, 8)):
    """The published network with random weights, in evaluation mode; 35.7 million parameters by default."""
    return PublishedUNet(dim, channels, dim_mults).eval()


def load_published(path):
    """The published network with a checkpoint's weights, float32, in evaluation mode.

    path: a file of torch.save(state_dict). Nothing but tensors is unpickled. Size and depth are read from the shapes.
    Raises LabError where the file is something else, naming the tensors that are missing, extra or of another shape.
    """
    path = Path(path)
    tensors = _read_tensors(path)
    with torch.device("meta"):  # only shapes are needed: the checkpoint brings the values
        model = build_published(**_sizes(tensors, path))
    _check_fit(tensors, model.state_dict(), path)
    model.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, strict=True, assign=True)
    return model


def fold_weight_standardisation(model):
    """Standardise the filters once for all, in place, and return the model: same output, less than half the time.

    Not repeatable (the filters' variance is no longer exactly 1), so a second call raises ValueError. Keep the
    checkpoint: the original filters do not come back, and a state dict does not say that it is folded.
    """
    convolutions = [part for part in model.modules() if isinstance(part, StandardisedConv)]
    if any(part.folded for part in convolutions):
        raise ValueError("the weight standardisation of this network is already folded in")
    with torch.no_grad():
        for part in convolutions:
            part.weight.copy_(part.standardised())
            part.folded = True
    return model


def sample_published(model, *, seeds, steps=STEPS):
    """The published way from noise to image: yields a TrajectoryStep for 0..steps; the last one's `clean` is the image.

    Each image draws its own noise from its seed, on the CPU: the same seed gives the same image in any batch, but for
    rounding in the network.
    """
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    shape = (model.init_conv.in_channels, TILE_PX, TILE_PX)
    device = model.init_conv.weight.device

    def draw():
        return torch.stack([torch.randn(shape, generator=source) for source in sources]).to(device)

    for step, sigma, images, clean in ancestral_steps(model, draw, steps=steps):
        yield TrajectoryStep(step, sigma, from_model(images), from_model(clean))


@torch.inference_mode()
def ancestral_steps(model, draw, *, steps=STEPS):
    """Algorithm 2 of Ho et al. 2020, posterior variance, nothing clipped: yields (step, sigma, images, clean).

    draw() gives standard normal noise (N, 1, H, W): once to start from, then once a step except in the last. images and
    clean: float tensors, -1..1 where they are pictures. Step 0 is the start with the first prediction; sigma is the
    noise level of `images` relative to the picture in them, 0 after the last step.
    """
    betas = torch.linspace(BETA_FIRST, BETA_LAST, steps, dtype=torch.float64)
    kept = torch.cat([torch.ones(1, dtype=torch.float64), (1 - betas).cumprod(0)])  # kept[t + 1] is alpha-bar of t
    sigmas = ((1 - kept) / kept).sqrt().tolist()
    images = draw()
    for step, t in enumerate(reversed(range(steps)), start=1):
        beta, before, after = betas[t].item(), kept[t + 1].item(), kept[t].item()
        noise = model(images, torch.full((len(images),), t, device=images.device))
        clean = (images - (1 - before) ** 0.5 * noise) / before**0.5
        if step == 1:
            yield 0, sigmas[steps], images, clean
        images = (images - beta / (1 - before) ** 0.5 * noise) / (1 - beta) ** 0.5
        if t > 0:
            images = images + (beta * (1 - after) / (1 - before)) ** 0.5 * draw()
        yield step, sigmas[t], images, clean


def _read_tensors(path):
    expected = "expected is a published generator checkpoint, a file of torch.save(state_dict)"
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise LabError(f"There is no file {path}; {expected}.") from None
    except _UNREADABLE:
        raise LabError(f"{path.name} cannot be read as tensors; {expected}.") from None
    if not isinstance(held, dict):
        raise LabError(f"{path.name} holds a {type(held).__name__}; {expected}.")
    strangers = [str(key) for key, value in held.items() if not isinstance(value, torch.Tensor)]
    if strangers or not held:
        what = f"entries that are no tensors ({_some(strangers)})" if strangers else "no tensors"
        raise LabError(f"{path.name} holds {what}; {expected}.")
    return held


def _sizes(tensors, path):
    """dim, channels and dim_mults of a checkpoint; the published ones where its first layer is missing."""
    first = tensors.get("init_conv.weight")
    if first is None:
        return {}
    if first.ndim != 4 or not first.numel() or first.shape[0] % NORM_GROUPS:
        shape = "x".join(map(str, first.shape))
        raise LabError(
            f"{path.name} has a first layer init_conv.weight of {shape}; "
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


def _check_fit(tensors, expected, path):
    misshapen = [
        f"{key} is {_shape(tensors[key])} instead of {_shape(expected[key])}"
        for key in expected
        if key in tensors and tensors[key].shape != expected[key].shape
    ]
    faults = [
        ("missing", [key for key in expected if key not in tensors]),
        ("extra", [str(key) for key in tensors if key not in expected]),
        ("of another shape", misshapen),
    ]
    found = [f"{len(keys)} {what} ({_some(keys)})" for what, keys in faults if keys]
    if found:
        raise LabError(
            f"{path.name} does not fit the published generator network ({len(expected)} tensors): {', '.join(found)}."
        )


def _some(names):
    more = len(names) - NAMED_KEYS
    return ", ".join(names[:NAMED_KEYS]) + (f" and {more} more" if more > 0 else "")


def _shape(tensor):
    return "x".join(map(str, tensor.shape)) or "one number"
