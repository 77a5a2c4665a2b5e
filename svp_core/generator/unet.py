"""Our generator network: config -> UNet2DModel, pixels <-> model space, EDM preconditioning.

Model space: tiles are standardised to standard deviation sigma_data and folded 2 x 2 (space to depth), float32
(N, 4, 32, 32). Folding only moves pixels, so noise levels and schedulers are the same at half the cost.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from svp_core.device import best_device, fast_arithmetic
from svp_core.generator.samplers import SAMPLERS, Sampler
from svp_core.images import from_model, to_model
from svp_core.model_files import as_stored, load_weights, read_model_folder, stored_as, stored_config

TIME_SCALE = 1000  # the network's time input is 1000 c_noise = 250 ln sigma


@dataclass(frozen=True)
class GeneratorConfig:
    """Everything needed to rebuild the network and to decode its images."""

    class_keys: tuple[str, ...]  # label order; the label after the last one is the null label ("any class")
    pixel_mean: float  # of the training tiles, -1..1
    pixel_std: float
    channels: tuple[int, ...] = stored_as("widths", (64, 128, 192))  # at 32, 16 and 8 px; the last has attention
    layers: int = 1  # residual blocks per level
    dropout: float = 0.0  # 0.1 to 0.2 where there are few training tiles
    tile_px: int = 64
    patch: int = 2  # pixels per side that are folded into channels
    sigma_data: float = 0.5  # standard deviation of the training tiles in model space (Karras et al. 2022, Table 1)
    # Per class, mean and standard deviation of the tiles' mean, in model space; () in models that do not store them.
    level_means: tuple[float, ...] = ()
    level_spreads: tuple[float, ...] = ()
    # Of the guide, a weaker model of the same particles for autoguidance; () where there is none.
    guide_channels: tuple[int, ...] = stored_as("guide_widths", ())
    # Per class, weight of classifier-free guidance instead of autoguidance; 0 = the sampler decides; () = so for all.
    class_guidance: tuple[float, ...] = stored_as("insisted", ())

    def level(self, label: int) -> tuple[float, float]:
        """Mean and standard deviation of the tiles' mean in this class, model space; (0, 0) where not stored."""
        return (self.level_means[label], self.level_spreads[label]) if self.level_means else (0.0, 0.0)


@dataclass(frozen=True)
class Generator:
    """A trained generator, ready to sample."""

    model: nn.Module
    config: GeneratorConfig
    folder: Path | None  # None while it is being trained
    device: torch.device
    guide: nn.Module | None = None

    @property
    def class_keys(self) -> tuple[str, ...]:
        """Keys of the classes it can generate, in label order."""
        return self.config.class_keys

    @property
    def samplers(self) -> Mapping[str, Sampler]:
        """Sampler presets by key."""
        return SAMPLERS

    def predict(self, scaled: torch.Tensor, c_noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Raw network output F of Karras et al. 2022, Eq. 7, float32 (N, 4, 32, 32), for scaled input c_in x.

        c_noise = ln(sigma) / 4, one number; labels: int (N,).
        """
        return self._forward(self.model, scaled, c_noise, labels)

    def predict_guide(self, scaled: torch.Tensor, c_noise: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Raw output of the guide for the same input. Raises ValueError where the generator has none."""
        if self.guide is None:
            raise ValueError("this generator has no guide")
        return self._forward(self.guide, scaled, c_noise, labels)

    def _forward(self, network, scaled, c_noise, labels):
        times = (c_noise * TIME_SCALE).to(self.device).expand(len(scaled))
        return self._call(network, scaled, times, labels)

    def _call(self, network: Any, scaled: torch.Tensor, times: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with fast_arithmetic(self.device):
            return network(scaled, times, labels).sample.float()

    def estimate_clean(self, noisy: torch.Tensor, sigma: float, class_keys: Sequence[str]) -> torch.Tensor:
        """Clean images, float32 (N, 1, 64, 64), grey levels -1..1, from noisy ones with noise of this deviation.

        The denoiser D of Karras et al. 2022, Eq. 7, without guidance and in single precision. class_keys: N keys; one
        that the generator does not know counts as "any class".
        """
        config, known = self.config, {key: label for label, key in enumerate(self.class_keys)}
        labels = torch.tensor([known.get(key, len(known)) for key in class_keys], device=self.device)
        scale = config.sigma_data / config.pixel_std
        latents = F.pixel_unshuffle((noisy - config.pixel_mean) * scale, config.patch)
        c_skip, c_out, c_in, c_noise = preconditioning(torch.tensor(sigma * scale), config.sigma_data)
        times = (c_noise * TIME_SCALE).to(self.device).expand(len(latents))
        inputs = (c_in * latents).contiguous(memory_format=torch.channels_last)
        clean = c_skip * latents + c_out * self.model(inputs, times, labels).sample
        return F.pixel_shuffle(clean, config.patch) / scale + config.pixel_mean

    def to_tiles(self, latents: torch.Tensor, sigma: float = 0) -> NDArray[np.uint8]:
        """uint8 tiles (N, 64, 64) from model space; noise of level sigma is scaled into the grey range."""
        sigma_data = self.config.sigma_data
        # Scaled to the standard deviation of an image, or the first steps would be nothing but black and white.
        return decode(latents * (sigma_data / math.hypot(sigma, sigma_data)), self.config)


def build_unet(config: GeneratorConfig) -> nn.Module:
    """Untrained UNet2DModel of diffusers for this config, output layer at zero."""
    from diffusers.models.unets.unet_2d import UNet2DModel

    from svp_core.generator.pipeline import use_plain_attention

    plain = len(config.channels) - 1
    model: Any = UNet2DModel(
        sample_size=config.tile_px // config.patch,
        in_channels=config.patch**2,
        out_channels=config.patch**2,
        block_out_channels=config.channels,
        layers_per_block=config.layers,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",),
        up_block_types=("AttnUpBlock2D",) + ("UpBlock2D",) * plain,
        norm_num_groups=4,
        attn_norm_num_groups=4,
        attention_head_dim=32,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="positional",
        dropout=config.dropout,
        num_class_embeds=len(config.class_keys) + 1,
    )
    use_plain_attention(model)
    nn.init.zeros_(model.conv_out.weight)
    nn.init.zeros_(model.conv_out.bias)
    # A quarter less time where the processor multiplies in bfloat16, a few per cent elsewhere.
    return model.to(memory_format=torch.channels_last)


def load_generator(folder: str | Path, *, device: torch.device | None = None) -> Generator:
    """Load our generator from a model folder; load.load_generator opens any kind. Raises LabError where it is none."""
    model_folder = read_model_folder(folder)
    config = stored_config(model_folder, "generator", GeneratorConfig)
    device = device or best_device()
    model = load_weights(build_unet(config), model_folder.folder).to(device)
    guide = None
    if config.guide_channels:
        guide = load_weights(build_unet(guide_config(config)), model_folder.folder, part="guide").to(device)
    return Generator(model, config, model_folder.folder, device, guide)


def guide_config(config: GeneratorConfig) -> GeneratorConfig:
    """The config of a generator's guide."""
    return replace(config, channels=config.guide_channels, guide_channels=(), class_guidance=())


def config_as_dict(config: GeneratorConfig) -> dict[str, Any]:
    """JSON-ready form of a config, as load_generator reads it back."""
    return {"generator": as_stored(config)}


def encode(tiles: NDArray[np.uint8], config: GeneratorConfig) -> torch.Tensor:
    """Model space float32 (N, 4, 32, 32) from uint8 tiles (N, 64, 64)."""
    standard = (to_model(tiles) - config.pixel_mean) * (config.sigma_data / config.pixel_std)
    return F.pixel_unshuffle(standard, config.patch)


def decode(latents: torch.Tensor, config: GeneratorConfig) -> NDArray[np.uint8]:
    """uint8 tiles (N, 64, 64) from model space."""
    standard = F.pixel_shuffle(latents.float(), config.patch)
    return from_model(standard * (config.pixel_std / config.sigma_data) + config.pixel_mean)


def preconditioning(
    sigma: torch.Tensor, sigma_data: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """EDM preconditioning c_skip, c_out, c_in, c_noise at noise level sigma (Karras et al. 2022, Eq. 7 and Table 1)."""
    total = sigma**2 + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / total.sqrt(), 1 / total.sqrt(), sigma.log() / 4
