"""Training-time augmentation: change tiles in every way that keeps their class.

A network fits the simulator's habits within a few epochs; the further tiles are moved from them, the better it does on
tiles from other sources. All functions take and return float32 (N, 1, 64, 64), 0..1, and draw from the rng passed in.
"""

import numpy as np
import torch
import torch.nn.functional as F


def augment(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Rotate, flip, scale, shift and crop the images, and change lighting, focus and sensor noise."""
    images = _rotate(images, rng)
    images = _zoom(images, rng)
    images = _cut_out(images, rng)
    images = _relight(images, rng)
    images = _blur(images, rng)
    return _add_noise(images, rng).clamp(0, 1)


def augment_widely(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The same after stretching half of the images, and softening and edging half of them, as other instruments do."""
    images = stretch(images, rng)
    chosen = torch.from_numpy(rng.random(len(images)) < 0.5)
    images = images.clone()
    images[chosen] = _soften_and_edge(images[chosen], rng)
    return augment(images, rng)


def stretch(images: torch.Tensor, rng: np.random.Generator, *, share: float = 0.5) -> torch.Tensor:
    """This share of the images compressed to 0.6 to 1 of its width along one direction, and lengthened across."""
    count = len(images)
    angle = rng.uniform(0, np.pi, count)
    ratio = np.sqrt(np.where(rng.random(count) < share, rng.uniform(0.6, 1, count), 1.0))
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.zeros((count, 2, 3), np.float32)
    matrix[:, 0, 0], matrix[:, 1, 1] = c * c / ratio + s * s * ratio, s * s / ratio + c * c * ratio
    matrix[:, 0, 1] = matrix[:, 1, 0] = c * s * (1 / ratio - ratio)
    grid = F.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _soften_and_edge(images, rng):
    # Most are blurred; then unsharp masking with a wide kernel, which leaves a bright halo around what is dark, as the
    # processing in some instruments does.
    count = len(images)
    images = _gaussian(images, np.where(rng.random(count) < 0.6, rng.uniform(0.5, 3.5, count), 0.0))
    amount = torch.from_numpy(rng.uniform(0.3, 1.6, count).astype(np.float32))[:, None, None, None]
    return (images + amount * (images - _gaussian(images, rng.uniform(3, 12, count)))).clamp(0, 1)


def _gaussian(images, sigma):
    # By the Fourier transform, since every image has a width of its own, float (N,), in pixels.
    margin = 24
    padded = F.pad(images, (margin,) * 4, mode="replicate")
    size = padded.shape[-1]
    squared = torch.fft.fftfreq(size)[:, None] ** 2 + torch.fft.rfftfreq(size)[None] ** 2
    width = torch.from_numpy(np.asarray(sigma, np.float32))[:, None, None, None]
    transfer = torch.exp(-2 * np.pi**2 * width**2 * squared)
    blurred = torch.fft.irfft2(torch.fft.rfft2(padded) * transfer, s=(size, size))
    return blurred[..., margin:-margin, margin:-margin]


def _rotate(images, rng):
    rotated = [
        torch.rot90(image, int(k % 4), (1, 2)) for image, k in zip(images, rng.integers(0, 8, len(images)), strict=True)
    ]
    mirrored = [
        image.flip(2) if flip else image for image, flip in zip(rotated, rng.random(len(images)) < 0.5, strict=True)
    ]
    return torch.stack(mirrored)


def _zoom(images, rng):
    # Half the tiles are magnified by up to 1.6 or shrunk by up to 1.5, and half shifted; border pixels are repeated.
    count = len(images)
    scale = np.where(rng.random(count) < 0.5, np.exp(rng.uniform(-0.5, 0.4, count)), 1.0)
    shift = np.where(rng.random((count, 2)) < 0.5, rng.uniform(-0.15, 0.15, (count, 2)), 0.0)
    matrix = np.zeros((count, 2, 3), np.float32)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale
    matrix[:, :, 2] = shift
    grid = F.affine_grid(torch.from_numpy(matrix), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _cut_out(images, rng):
    # As instruments save particles: a box around the particle plus a margin; the rest of the tile has one level.
    images = images.clone()
    size = images.shape[-1]
    for index in np.flatnonzero(rng.random(len(images)) < 0.5):
        image = images[index, 0]
        border = torch.cat([image[0], image[-1], image[:, 0], image[:, -1]])
        level = border.median()
        stands_out = (image - level).abs() > 0.04
        rows, columns = stands_out.any(1).nonzero(), stands_out.any(0).nonzero()
        if not len(rows):
            continue
        margin = rng.integers(2, 12, 4)
        top, bottom = max(0, int(rows[0]) - margin[0]), min(size, int(rows[-1]) + 1 + margin[1])
        left, right = max(0, int(columns[0]) - margin[2]), min(size, int(columns[-1]) + 1 + margin[3])
        filled = torch.full_like(image, float(level))
        filled[top:bottom, left:right] = image[top:bottom, left:right]
        images[index, 0] = filled
    return images


def _relight(images, rng):
    count = len(images)
    level = images.flatten(1).median(1).values[:, None, None, None]
    contrast = torch.from_numpy(np.exp(rng.uniform(-1.2, 0.5, count)).astype(np.float32))[:, None, None, None]
    offset = torch.from_numpy(rng.normal(0, 0.06, count).astype(np.float32))[:, None, None, None]
    gamma = torch.from_numpy(np.exp(rng.normal(0, 0.2, count)).astype(np.float32))[:, None, None, None]
    return ((images - level) * contrast + level + offset).clamp(1e-3, 1) ** gamma


def _blur(images, rng):
    # One width per quarter of the batch: cheap, and over many batches every width occurs.
    quarters = []
    for quarter in images.chunk(4):
        sigma = abs(rng.normal(0, 1.3))
        if sigma < 0.3:
            quarters.append(quarter)
            continue
        reach = int(np.ceil(2.5 * sigma))
        kernel = torch.exp(-(torch.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
        kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
        padded = F.pad(quarter, (reach,) * 4, mode="replicate")
        quarters.append(F.conv2d(F.conv2d(padded, kernel), kernel.transpose(2, 3)))
    return torch.cat(quarters)


def _add_noise(images, rng):
    sigma = np.where(rng.random(len(images)) < 0.6, np.exp(rng.uniform(np.log(0.001), np.log(0.02), len(images))), 0.0)
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    return images + torch.from_numpy(noise * sigma.astype(np.float32)[:, None, None, None])
