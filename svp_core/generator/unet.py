"""The network and what it is told: config -> UNet2DModel, pixels <-> model space, the EDM preconditioning.

Model space: tiles are standardised to standard deviation sigma_data and folded 2x2 (space to depth), float32
(N, 4, 32, 32). Folding only moves pixels, so noise levels and schedulers are the same at half the cost.
"""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from svp_core.device import best_device, fast_arithmetic
from svp_core.generator.samplers import SAMPLERS
from svp_core.images import from_model, to_model
from svp_core.model_files import load_weights, read_model_folder, stored_config

TIME_SCALE = 1000  # the network's time input is 1000 c_noise = 250 ln sigma


@dataclass(frozen=True)
class GeneratorConfig:
    """Everything needed to rebuild the network and to read its pictures."""

    class_keys: tuple[str, ...]  # label order; the label after the last one means "any class"
    pixel_mean: float  # of the training tiles, -1..1
    pixel_std: float
    widths: tuple[int, ...] = (64, 128, 192)  # channels at 32, 16 and 8 px; the last level has attention
    layers: int = 1  # residual blocks a level
    dropout: float = 0.0  # 0.1 to 0.2 where there are few training tiles
    tile_px: int = 64
    patch: int = 2
    sigma_data: float = 0.5
    # Of each class, mean and spread of the tiles' mean, in model space; () in runs that do not know them.
    level_means: tuple[float, ...] = ()
    level_spreads: tuple[float, ...] = ()
    guide_widths: tuple[int, ...] = ()  # of the guide, a lesser network of the same particles; () where there is none
    # Of each class, how strongly it is insisted on, whatever the guide says; 0 as the sampler has it; () of none.
    insisted: tuple[float, ...] = ()

    def level(self, label):
        """(mean, spread) of the tiles' mean in this class, model space; (0, 0) where it is not known."""
        return (self.level_means[label], self.level_spreads[label]) if self.level_means else (0.0, 0.0)


@dataclass(frozen=True)
class Generator:
    """A trained generator, ready to sample."""

    model: nn.Module
    config: GeneratorConfig
    folder: Path
    device: torch.device
    guide: nn.Module | None = None

    @property
    def class_keys(self):
        """Keys of the classes it can make, in label order."""
        return self.config.class_keys

    @property
    def samplers(self):
        """Key -> Sampler: its ways from noise to image."""
        return SAMPLERS

    def output(self, scaled, c_noise, labels):
        """What the network says, float32 like scaled: F of Karras et al. 2022, eq. 7. c_noise = ln(sigma) / 4."""
        return self._said(self.model, scaled, c_noise, labels)

    def guide_output(self, scaled, c_noise, labels):
        """What the guide says of the same."""
        return self._said(self.guide, scaled, c_noise, labels)

    def _said(self, network, scaled, c_noise, labels):
        times = (c_noise * TIME_SCALE).to(self.device).expand(len(scaled))
        with fast_arithmetic(self.device):
            return network(scaled, times, labels).sample.float()

    def pictures(self, latents, sigma=0):
        """uint8 tiles (N, 64, 64) from model space; noise of level sigma is brought into the grey range."""
        spread = self.config.sigma_data
        # Brought to the spread of an image, or the first steps would be nothing but black and white.
        return decode(latents * (spread / math.hypot(sigma, spread)), self.config)


def build_unet(config):
    """Untrained UNet2DModel of diffusers for this config, output layer at zero."""
    from diffusers.models.unets.unet_2d import UNet2DModel

    from svp_core.generator.pipeline import use_plain_attention

    plain = len(config.widths) - 1
    model = UNet2DModel(
        sample_size=config.tile_px // config.patch,
        in_channels=config.patch**2,
        out_channels=config.patch**2,
        block_out_channels=config.widths,
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
    # A quarter less time where the processor multiplies in bfloat16, some hundredths elsewhere.
    return model.to(memory_format=torch.channels_last)


def load_generator(folder, *, device=None):
    """Our generator in a run folder; load.load_generator opens any kind. Raises LabError where there is none."""
    run = read_model_folder(folder)
    config = stored_config(run, "generator", GeneratorConfig)
    device = device or best_device()
    model = load_weights(build_unet(config), run.folder).to(device)
    guide = None
    if config.guide_widths:
        guide = load_weights(build_unet(guide_config(config)), run.folder, part="guide").to(device)
    return Generator(model, config, run.folder, device, guide)


def guide_config(config):
    """The GeneratorConfig of a generator's guide."""
    return replace(config, widths=config.guide_widths, guide_widths=(), insisted=())


def config_as_dict(config):
    """JSON-ready form of a config, as load_generator reads it back."""
    return {"generator": asdict(config)}


def encode(tiles, config):
    """Model space float32 (N, 4, 32, 32) from uint8 tiles (N, 64, 64)."""
    standard = (to_model(tiles) - config.pixel_mean) * (config.sigma_data / config.pixel_std)
    return F.pixel_unshuffle(standard, config.patch)


def decode(latents, config):
    """uint8 tiles (N, 64, 64) from model space."""
    standard = F.pixel_shuffle(latents.float(), config.patch)
    return from_model(standard * (config.pixel_std / config.sigma_data) + config.pixel_mean)


def preconditioning(sigma, sigma_data):
    """c_skip, c_out, c_in, c_noise at noise level sigma (tensor), Karras et al. 2022, Table 1."""
    total = sigma**2 + sigma_data**2
    return sigma_data**2 / total, sigma * sigma_data / total.sqrt(), 1 / total.sqrt(), sigma.log() / 4
