"""Diffusers pipeline of a class-conditional particle generator, and the EDM sampling loop that SvP Lab uses itself.

An exported model carries a copy of this file, so that diffusers opens it anywhere. The file therefore imports nothing
of SvP Lab; everything else it needs to know about the model is stored in the exported folder:

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained(FOLDER, trust_remote_code=True)
    images = pipeline("air_bubble", seeds=[1, 2, 3]).images
"""

# pyright: reportPrivateImportUsage=false
# (These are public names of diffusers, which it loads lazily.)

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, EDMDPMSolverMultistepScheduler, ImagePipelineOutput
from diffusers.models.attention_processor import Attention, AttnProcessor

# A network's raw output F(c_in x; c_noise) of Karras et al. 2022, Eq. 7, from (scaled input, c_noise, labels).
Predict = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


class ParticlePipeline(DiffusionPipeline):
    """Grey tiles of one class, one per seed; the same seed gives the same image in any batch."""

    _optional_components: ClassVar[list[str]] = ["guide"]

    def __init__(
        self,
        unet,  # UNet2DModel
        scheduler,  # EDMDPMSolverMultistepScheduler
        guide=None,  # UNet2DModel: a weaker model of the same particles, for autoguidance
        class_keys=(),  # label order; the label after the last one is the null label ("any class")
        pixel_mean=0.0,  # of the training tiles, -1..1
        pixel_std=1.0,
        patch=2,  # pixels per side that are folded into channels (space to depth)
        time_scale=1000,  # the network's time input is c_noise times this
        guided=(),  # per class: autoguidance or not, guidance weight, lowest and highest noise level of the interval
        levels=(),  # per class: mean and standard deviation of the tiles' mean, in model space
        samplers=None,  # key -> steps, sigma_min, sigma_max, stochastic, rho
        images_per_call=8,
    ):
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler, guide=guide)
        self.register_to_config(
            class_keys=list(class_keys),
            pixel_mean=pixel_mean,
            pixel_std=pixel_std,
            patch=patch,
            time_scale=time_scale,
            guided=[list(guidance) for guidance in guided],
            levels=[list(level) for level in levels],
            samplers=samplers or {},
            images_per_call=images_per_call,
        )
        for network in (unet, guide) if guide is not None else (unet,):
            use_plain_attention(network)
            # The memory layout that SvP Lab computes in; another layout rounds differently.
            network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(
        self,
        class_key: str,
        *,
        seeds: Sequence[int],  # one image per seed
        sampler: str = "standard",  # key of config.samplers
        steps: int | None = None,  # denoising steps; None = the sampler's own number
        output_type: str = "pil",  # "pil" or "np"
    ) -> ImagePipelineOutput:
        """Images of one class: `.images` is a list of PIL images, or with output_type "np" uint8 (N, H, W)."""
        config: Any = self.config
        progress_bar: Any = self.progress_bar
        if class_key not in config.class_keys:
            raise ValueError(f"{class_key!r} is not a class of this pipeline; it makes {', '.join(config.class_keys)}")
        if sampler not in config.samplers:
            raise ValueError(f"there is no sampler {sampler!r}; use {', '.join(config.samplers)}")
        seeds, size = [int(seed) for seed in seeds], config.images_per_call
        steps, batches = steps or config.samplers[sampler]["steps"], []
        with progress_bar(total=steps * -(-len(seeds) // size)) as bar:
            for start in range(0, len(seeds), size):
                batch = seeds[start : start + size]
                # Every call has the same size, the last one padded: a network rounds differently at other batch sizes.
                padded = batch + batch[-1:] * (size - len(batch))
                for step, _, _, clean in self._denoise_steps(class_key, sampler, steps, padded):  # noqa: B007
                    bar.update(int(step > 0))
                batches.append(self._to_tiles(clean)[: len(batch)])
        tiles = torch.cat(batches).numpy() if batches else torch.zeros((0, 0, 0), dtype=torch.uint8).numpy()
        return ImagePipelineOutput(images=tiles if output_type == "np" else [_as_pil(tile) for tile in tiles])

    def _denoise_steps(self, class_key, sampler, steps, seeds):
        config: Any = self.config
        settings, label = config.samplers[sampler], config.class_keys.index(class_key)
        autoguidance, weight, *interval = config.guided[label] if config.guided else (False, 1.0, 0.0, 0.0)
        size = self.unet.config.sample_size
        return edm_denoise_steps(
            self._predict(self.unet),
            edm_scheduler(
                self.scheduler.config.sigma_data,
                settings["sigma_min"],
                settings["sigma_max"],
                settings["stochastic"],
                settings["rho"],
            ),
            steps=steps,
            seeds=seeds,
            shape=(self.unet.config.in_channels, size, size),
            label=label,
            null_label=len(config.class_keys),
            guidance=weight,
            guidance_interval=(interval[0], interval[1]),
            guide=self._predict(self.guide) if autoguidance else None,
            level=tuple(config.levels[label]) if config.levels else (0.0, 0.0),
            device=self.unet.device,
        )

    def _predict(self, network) -> Predict:
        def predict(scaled, c_noise, labels):
            config: Any = self.config
            times = (c_noise * config.time_scale).to(scaled.device).expand(len(scaled))
            return network(scaled, times, labels).sample.float()

        return predict

    def _to_tiles(self, latents):
        config: Any = self.config
        scale = config.pixel_std / self.scheduler.config.sigma_data
        pixels = F.pixel_shuffle(latents.float(), config.patch) * scale + config.pixel_mean
        return pixels.add(1).mul(127.5).round().clamp(0, 255)[:, 0].to(torch.uint8).cpu()


def _as_pil(tile):
    from PIL import Image

    return Image.fromarray(tile)


def use_plain_attention(unet: torch.nn.Module) -> None:
    """Set plain matrix products: for 64 positions they beat fused attention on a CPU, most of all in training."""
    for module in unet.modules():
        if isinstance(module, Attention):
            module.set_processor(AttnProcessor())


def edm_scheduler(
    sigma_data: float, sigma_min: float, sigma_max: float, stochastic: bool, rho: float = 7.0
) -> EDMDPMSolverMultistepScheduler:
    """DPM-Solver++(2M) on the noise levels of Karras et al. 2022, Eq. 5; SDE-DPM-Solver++(2M) where stochastic."""
    return EDMDPMSolverMultistepScheduler(
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        sigma_data=sigma_data,
        rho=rho,
        algorithm_type="sde-dpmsolver++" if stochastic else "dpmsolver++",
    )


Start = tuple[torch.Tensor, torch.Tensor, list[torch.Generator]]  # see draw_start


def draw_start(seeds: Sequence[int], shape: tuple[int, int, int]) -> Start:
    """(noise (N, *shape), a normal number per image (N, 1, 1, 1), each image's source of further noise), on the CPU.

    Each image draws its own noise, on the CPU, so that it is the same on every machine and in every batch.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    noise = torch.stack([torch.randn(shape, generator=generator) for generator in generators])
    levels = torch.stack([torch.randn((1, 1, 1), generator=generator) for generator in generators])
    return noise, levels, generators


@torch.inference_mode()
def edm_denoise_steps(
    predict: Predict,  # the network's raw output F, Karras et al. 2022, Eq. 7
    scheduler: Any,  # EDMDPMSolverMultistepScheduler; it takes one generator per image, against its annotations
    *,
    steps: int,
    seeds: Sequence[int],  # one image per seed
    shape: tuple[int, int, int],  # of one image in model space: channels, height, width
    label: int,  # of the class to generate
    null_label: int,  # of "any class", for classifier-free guidance
    guidance: float,  # guidance weight w: (1 - w) guide + w predict; 1 = no guidance
    guidance_interval: tuple[float, float],  # lowest and highest noise level at which guidance is applied
    device: torch.device,
    level: tuple[float, float] = (0.0, 0.0),  # mean and standard deviation of the images' own mean, model space
    guide: Predict | None = None,  # weaker model of the same particles; None = classifier-free guidance
    start: Start | None = None,  # draw_start(seeds, shape), where it was drawn ahead
) -> Iterator[tuple[int, float, torch.Tensor, torch.Tensor]]:
    """Denoise from pure noise: yields (step, sigma, noisy, clean), model space (N, *shape), for step 0..steps.

    sigma is the noise level of `noisy`, 0 after the last step; `clean` is the network's estimate of the clean images;
    step 0 carries the start with the first estimate. With a guide: autoguidance (Karras et al. 2024, arXiv 2406.02507);
    without one: classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598), the same formula with the network's
    own output for null_label as the guide. level: the strongest noise does not quite hide the images' mean; started
    from plain noise, images tend to the mean of all classes (Everaert et al. 2024, arXiv 2309.15842).
    """
    scheduler.set_timesteps(steps)
    noise, levels, generators = start or draw_start(seeds, shape)
    latents = noise * scheduler.init_noise_sigma + (level[0] + level[1] * levels)
    if device.type == "cuda":
        latents = latents.pin_memory()  # the copy does not wait for what the GPU still computes
    latents = latents.to(device, non_blocking=device.type == "cuda")
    labels = torch.full((len(seeds),), label, device=device)
    null_labels = torch.full_like(labels, null_label)
    for step, time in enumerate(scheduler.timesteps, start=1):
        before, sigma = latents, float(scheduler.sigmas[step - 1])
        scaled = scheduler.scale_model_input(latents, time)
        output = predict(scaled, time, labels)
        if guidance != 1 and guidance_interval[0] <= sigma <= guidance_interval[1]:
            weaker = predict(scaled, time, null_labels) if guide is None else guide(scaled, time, labels)
            output = weaker + guidance * (output - weaker)
        latents = scheduler.step(output, time, latents, generator=generators).prev_sample
        clean = scheduler.model_outputs[-1]
        if step == 1:
            yield 0, sigma, before, clean
        yield step, float(scheduler.sigmas[step]), latents, clean
