"""An autoencoder of normal particles: what it cannot rebuild is unlike them; and the loss by which it learns.

64 x 64 px pass through a bottleneck of LATENT numbers. Its residual shows where a particle differs; on particles of
other kinds that are smaller or smoother than normal ones it is small, so it explains and does not decide.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CHARBONNIER = 1e-3  # epsilon, of images 0..1
SSIM_SHARE, GRADIENT_SHARE = 0.2, 0.1  # of the loss
SSIM_WINDOW_PX = 11
C1, C2 = 0.01**2, 0.03**2  # of SSIM, for images 0..1


@dataclass(frozen=True)
class AutoencoderConfig:
    """Size of the network."""

    latent: int = 32  # numbers in the bottleneck
    width: int = 16  # channels of the first layer
    weighted: bool = False  # whether texture weighs pixels in loss and score


class Autoencoder(nn.Module):
    """Four strided convolutions to 4 x 4 px, a bottleneck, and the same way back."""

    def __init__(self, config: AutoencoderConfig, *, level: float = 0.5) -> None:
        """level: of the first reconstructions, 0..1; the mean of the images saves finding it."""
        super().__init__()
        widths = [1, config.width, 2 * config.width, 4 * config.width, 4 * config.width]
        down = [_halve(before, after) for before, after in pairwise(widths)]
        up = [_double(after, before) for before, after in pairwise(widths[1:])][::-1]
        flat = 16 * widths[-1]
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, config.latent))
        self.decoder = nn.Sequential(
            nn.Linear(config.latent, flat),
            nn.Unflatten(1, (widths[-1], 4, 4)),
            *up,
            last := nn.ConvTranspose2d(config.width, 1, 4, 2, 1),
        )
        nn.init.constant_(torch.as_tensor(last.bias), level)

    def forward(self, images: Tensor) -> Tensor:
        """Reconstruction of images float32 (N, 1, 64, 64), 0..1; not clipped."""
        return self.decoder(self.encoder(images))


def reconstruction_loss(rebuilt: Tensor, images: Tensor, weights: Tensor | None = None) -> Tensor:
    """Charbonnier + SSIM_SHARE (1 - SSIM) + GRADIENT_SHARE |Sobel difference|, a number.

    rebuilt, images: (N, 1, H, W), 0..1. weights: of the pixels in the first term, (N, 1, H, W), mean 1.
    """
    residual = torch.sqrt((rebuilt - images) ** 2 + CHARBONNIER**2)
    if weights is not None:
        residual = residual * weights
    gradient = (_sobel(rebuilt) - _sobel(images)).abs().mean()
    return residual.mean() + SSIM_SHARE * (1 - ssim(rebuilt, images)).mean() + GRADIENT_SHARE * gradient


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Structural similarity of images 0..1 (N, 1, H, W) within a box of SSIM_WINDOW_PX, (N,).

    Wang et al. 2004, IEEE Trans. Image Process. 13, eq. 13, mean over the windows that lie within the image.
    """

    def mean(images: Tensor) -> Tensor:
        return F.avg_pool2d(images, SSIM_WINDOW_PX, 1)

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    similarity = (2 * mean_a * mean_b + C1) * (2 * covariance + C2)
    return (similarity / ((mean_a**2 + mean_b**2 + C1) * (variances + C2))).mean((1, 2, 3))


def _sobel(images: Tensor) -> Tensor:
    """Horizontal and vertical gradients, (N, 2, H - 2, W - 2)."""
    rows = torch.tensor([[1.0, 2, 1], [0, 0, 0], [-1, -2, -1]], device=images.device) / 4
    return F.conv2d(images, torch.stack([rows, rows.T])[:, None])


def _halve(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.GroupNorm(4, after), nn.SiLU())


def _double(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(before, after, 4, 2, 1), nn.GroupNorm(4, after), nn.SiLU())
