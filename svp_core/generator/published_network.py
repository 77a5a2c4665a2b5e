"""Network of the published generator checkpoints, with exactly their tensor names.

Rebuilt from its description: a U-Net with weight-standardised convolutions that predicts the noise in an image. It is
not a diffusers model (linear attention, two skips per level), hence plain torch. Attribute names like `fn`, `proj` and
`to_qkv` are the checkpoints'. Images are float32 (N, channels, H, W), -1..1, H and W a multiple of 8.
"""

import itertools
import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

HEADS, HEAD_WIDTH = 4, 32  # in both kinds of attention
NORM_GROUPS = 4


class PublishedUNet(nn.Module):
    """Predicted noise (N, channels, H, W) from noisy images and their time steps (N,), 0..T-1."""

    def __init__(self, dim: int, channels: int, dim_mults: Sequence[int]):
        super().__init__()
        widths = [dim, *(dim * multiple for multiple in dim_mults)]
        levels = list(itertools.pairwise(widths))
        time_width, deepest = 4 * dim, widths[-1]

        self.init_conv = nn.Conv2d(channels, dim, 1)
        self.time_mlp = nn.Sequential(
            TimeEmbedding(dim), nn.Linear(dim, time_width), nn.GELU(), nn.Linear(time_width, time_width)
        )
        self.downs = nn.ModuleList()
        for level, (narrow, wide) in enumerate(levels):
            last = level == len(levels) - 1
            self.downs.append(
                nn.ModuleList(
                    [
                        ResidualBlock(narrow, narrow, time_width),
                        ResidualBlock(narrow, narrow, time_width),
                        Residual(NormFirst(narrow, LinearAttention(narrow))),
                        nn.Conv2d(narrow, wide, 3, padding=1)
                        if last
                        else nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(4 * narrow, wide, 1)),
                    ]
                )
            )
        self.mid_block1 = ResidualBlock(deepest, deepest, time_width)
        self.mid_attn = Residual(NormFirst(deepest, FullAttention(deepest)))
        self.mid_block2 = ResidualBlock(deepest, deepest, time_width)
        self.ups = nn.ModuleList()
        for level, (narrow, wide) in reversed(list(enumerate(levels))):
            self.ups.append(
                nn.ModuleList(
                    [
                        ResidualBlock(wide + narrow, wide, time_width),
                        ResidualBlock(wide + narrow, wide, time_width),
                        Residual(NormFirst(wide, LinearAttention(wide))),
                        nn.Conv2d(wide, narrow, 3, padding=1)
                        if level == 0
                        else nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(wide, narrow, 3, padding=1)),
                    ]
                )
            )
        self.final_res_block = ResidualBlock(2 * dim, dim, time_width)
        self.final_conv = nn.Conv2d(dim, channels, 1)

    def forward(self, images: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        first = hidden = self.init_conv(images)
        time = self.time_mlp(times)
        skips = []
        for block1, block2, attention, downsample in map(_blocks, self.downs):
            hidden = block1(hidden, time)
            skips.append(hidden)
            hidden = attention(block2(hidden, time))
            skips.append(hidden)
            hidden = downsample(hidden)
        hidden = self.mid_block2(self.mid_attn(self.mid_block1(hidden, time)), time)
        for block1, block2, attention, upsample in map(_blocks, self.ups):
            hidden = block1(torch.cat([hidden, skips.pop()], 1), time)
            hidden = block2(torch.cat([hidden, skips.pop()], 1), time)
            hidden = upsample(attention(hidden))
        return self.final_conv(self.final_res_block(torch.cat([hidden, first], 1), time))


def _blocks(level):
    """The four modules of one level: two residual blocks, attention, change of resolution."""
    return tuple(level)


class TimeEmbedding(nn.Module):
    """Sinusoidal embedding (N, dim) of times (N,): sines in the first half, cosines in the second."""

    def __init__(self, dim: int):
        super().__init__()
        self.half_dim = dim // 2

    def forward(self, times: torch.Tensor) -> torch.Tensor:
        index = torch.arange(self.half_dim, device=times.device)
        angles = times[:, None] * torch.exp(index * (-math.log(10000) / (self.half_dim - 1)))
        return torch.cat([angles.sin(), angles.cos()], 1)


class StandardisedConv(nn.Conv2d):
    """3x3 convolution with weight standardisation: filters are scaled to mean 0 and variance 1 on every call.

    Where that is folded into the weights, they are used as they are.
    """

    folded = False

    def standardised(self) -> torch.Tensor:
        """The standardised filters; biased variance, eps 1e-5."""
        mean = self.weight.mean((1, 2, 3), keepdim=True)
        variance = self.weight.var((1, 2, 3), correction=0, keepdim=True)
        return (self.weight - mean) * (variance + 1e-5).rsqrt()

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        weight = self.weight if self.folded else self.standardised()
        return F.conv2d(hidden, weight, self.bias, padding=self.padding)


class ConvBlock(nn.Module):
    """Convolution, group norm, SiLU; scale and shift, (N, width, 1, 1) each, are applied after the norm."""

    def __init__(self, width_in: int, width_out: int):
        super().__init__()
        self.proj = StandardisedConv(width_in, width_out, 3, padding=1)
        self.norm = nn.GroupNorm(NORM_GROUPS, width_out)

    def forward(
        self, hidden: torch.Tensor, scale_shift: tuple[torch.Tensor, torch.Tensor] | None = None
    ) -> torch.Tensor:
        hidden = self.norm(self.proj(hidden))
        if scale_shift is not None:
            scale, shift = scale_shift
            hidden = hidden * (scale + 1) + shift
        return F.silu(hidden)


class ResidualBlock(nn.Module):
    """Two convolution blocks with a residual connection; the time embedding scales and shifts the first."""

    def __init__(self, width_in: int, width_out: int, time_width: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_width, 2 * width_out))
        self.block1 = ConvBlock(width_in, width_out)
        self.block2 = ConvBlock(width_out, width_out)
        self.res_conv = nn.Conv2d(width_in, width_out, 1) if width_in != width_out else nn.Identity()

    def forward(self, hidden: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        scale_shift = self.mlp(time)[:, :, None, None].chunk(2, 1)
        return self.block2(self.block1(hidden, scale_shift)) + self.res_conv(hidden)


class Residual(nn.Module):
    """fn(x) + x."""

    def __init__(self, fn: nn.Module):
        super().__init__()
        self.fn = fn

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.fn(hidden) + hidden


class NormFirst(nn.Module):
    """fn(norm(x))."""

    def __init__(self, width: int, fn: nn.Module):
        super().__init__()
        self.fn = fn
        self.norm = nn.GroupNorm(1, width)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.fn(self.norm(hidden))


class LinearAttention(nn.Module):
    """Linear attention: its cost grows with the number of pixels, not with its square."""

    def __init__(self, width: int):
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.to_qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.to_out = nn.Sequential(nn.Conv2d(inner, width, 1), nn.GroupNorm(1, width))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        query, key, value = _by_head(self.to_qkv(hidden))
        query = query.softmax(2) * HEAD_WIDTH**-0.5
        context = key.softmax(3) @ value.transpose(2, 3)
        return self.to_out(_as_image(context.transpose(2, 3) @ query, hidden))


class FullAttention(nn.Module):
    """Softmax attention of every pixel to every other."""

    def __init__(self, width: int):
        super().__init__()
        inner = HEADS * HEAD_WIDTH
        self.to_qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.to_out = nn.Conv2d(inner, width, 1)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        query, key, value = _by_head(self.to_qkv(hidden))
        weights = ((query * HEAD_WIDTH**-0.5).transpose(2, 3) @ key).softmax(3)
        return self.to_out(_as_image(value @ weights.transpose(2, 3), hidden))


def _by_head(stacked):
    """Queries, keys, values, each (N, HEADS, HEAD_WIDTH, pixels)."""
    return (each.unflatten(1, (HEADS, HEAD_WIDTH)).flatten(3) for each in stacked.chunk(3, 1))


def _as_image(by_head, like):
    return by_head.flatten(1, 2).unflatten(2, like.shape[2:])
