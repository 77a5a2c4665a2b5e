"""Particles out of noise, as a pipeline of diffusers; also the EDM loop that SvP Lab itself samples with.

An exported run carries a copy of this file, so that diffusers opens it anywhere. It therefore imports nothing of SvP
Lab, and all it needs to know about a run stands in the folder:

    from diffusers import DiffusionPipeline
    pipeline = DiffusionPipeline.from_pretrained(FOLDER, trust_remote_code=True)
    images = pipeline("air_bubble", seeds=[1, 2, 3]).images
"""

import torch
import torch.nn.functional as F
from diffusers import DiffusionPipeline, EDMDPMSolverMultistepScheduler, ImagePipelineOutput
from diffusers.models.attention_processor import Attention, AttnProcessor


class ParticlePipeline(DiffusionPipeline):
    """Grey tiles of one class, a seed an image; the same seed gives the same image whatever else is asked for."""

    _optional_components = ["guide"]

    def __init__(
        self,
        unet,  # UNet2DModel
        scheduler,  # EDMDPMSolverMultistepScheduler
        guide=None,  # UNet2DModel: a lesser network of the same particles
        class_keys=(),  # label order; the label after the last one means "any class"
        pixel_mean=0.0,  # of the training tiles, -1..1
        pixel_std=1.0,
        patch=2,  # pixels of a side that are folded into channels
        time_scale=1000,  # the network's time input is so many times c_noise
        guided=(),  # of each class: by_guide, strength, lowest and highest noise level at which it is guided
        levels=(),  # of each class, mean and spread of the tiles' mean, in model space
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
            guided=[list(how) for how in guided],
            levels=[list(level) for level in levels],
            samplers=samplers or {},
            images_per_call=images_per_call,
        )
        for network in (unet, guide) if guide is not None else (unet,):
            use_plain_attention(network)
            network.to(memory_format=torch.channels_last)  # as SvP Lab computes it; another order rounds differently

    @torch.inference_mode()
    def __call__(self, class_key, *, seeds, sampler="standard", steps=None, output_type="pil"):
        """Images of one class, a seed each: `.images`, a list of PIL images, or with output_type "np" uint8 (N, H, W).

        sampler: key of config.samplers. steps: instead of the sampler's own.
        """
        config, seeds = self.config, [int(seed) for seed in seeds]
        if class_key not in config.class_keys:
            raise ValueError(f"this pipeline makes {', '.join(config.class_keys)}; it was asked for {class_key!r}")
        if sampler not in config.samplers:
            raise ValueError(f"there is no sampler {sampler!r}; use {', '.join(config.samplers)}")
        chosen, size = config.samplers[sampler], config.images_per_call
        label = config.class_keys.index(class_key)
        by_guide, strength, *guided_sigma = config.guided[label] if config.guided else (False, 1.0, 0.0, 0.0)
        steps, made = steps or chosen["steps"], []
        with self.progress_bar(total=steps * -(-len(seeds) // size)) as bar:
            for start in range(0, len(seeds), size):
                part = seeds[start : start + size]
                # Always as many in a call, the last one filled up: a network rounds differently at another batch size.
                walk = edm_denoise_steps(
                    self._output(self.unet),
                    edm_scheduler(
                        self.scheduler.config.sigma_data,
                        chosen["sigma_min"],
                        chosen["sigma_max"],
                        chosen["stochastic"],
                        chosen["rho"],
                    ),
                    steps=steps,
                    seeds=part + part[-1:] * (size - len(part)),
                    shape=(self.unet.config.in_channels, self.unet.config.sample_size, self.unet.config.sample_size),
                    label=label,
                    any_class=len(config.class_keys),
                    guidance=strength,
                    guided_sigma=guided_sigma,
                    guide=self._output(self.guide) if by_guide else None,
                    level=config.levels[label] if config.levels else (0.0, 0.0),
                    device=self.unet.device,
                )
                for step, _, _, clean in walk:  # noqa: B007
                    bar.update(int(step > 0))
                made.append(self._pictures(clean)[: len(part)])
        tiles = torch.cat(made).numpy() if made else torch.zeros((0, 0, 0), dtype=torch.uint8).numpy()
        return ImagePipelineOutput(images=tiles if output_type == "np" else [_as_pil(tile) for tile in tiles])

    def _output(self, network):
        def said(scaled, c_noise, labels):
            times = (c_noise * self.config.time_scale).to(scaled.device).expand(len(scaled))
            return network(scaled, times, labels).sample.float()

        return said

    def _pictures(self, latents):
        spread = self.config.pixel_std / self.scheduler.config.sigma_data
        pixels = F.pixel_shuffle(latents.float(), self.config.patch) * spread + self.config.pixel_mean
        return pixels.add(1).mul(127.5).round().clamp(0, 255)[:, 0].to(torch.uint8).cpu()


def _as_pil(tile):
    from PIL import Image

    return Image.fromarray(tile)


def use_plain_attention(unet):
    """Plain matrix products: for 64 positions they beat the fused attention on a CPU, most of all backwards."""
    for part in unet.modules():
        if isinstance(part, Attention):
            part.set_processor(AttnProcessor())


def edm_scheduler(sigma_data, sigma_min, sigma_max, stochastic, rho=7.0):
    """DPM-Solver++(2M) on the noise levels of Karras et al. 2022, its SDE form where stochastic."""
    return EDMDPMSolverMultistepScheduler(
        sigma_min=sigma_min,
        sigma_max=sigma_max,
        sigma_data=sigma_data,
        rho=rho,
        algorithm_type="sde-dpmsolver++" if stochastic else "dpmsolver++",
    )


@torch.inference_mode()
def edm_denoise_steps(
    output,
    scheduler,
    *,
    steps,
    seeds,
    shape,
    label,
    any_class,
    guidance,
    guided_sigma,
    device,
    level=(0.0, 0.0),
    guide=None,
):
    """Yield (step, sigma, noisy, clean), model space (N, *shape), for step 0..steps; step 0 has the first prediction.

    output(scaled, c_noise, labels): what the network says, F of Karras et al. 2022, eq. 7. label: of the class wanted;
    any_class: the label that means none in particular. guide: output of a lesser network, or None. guidance: how far
    the output is led away from what the guide says (Karras et al. 2024, arXiv 2406.02507), without one from what is
    said of any class (Ho and Salimans 2022, arXiv 2207.12598), between the two guided_sigma; 1 is not at all. level:
    mean and spread of the images' mean, which the strongest noise does not quite hide: without it images tend to the
    mean of all classes (Everaert et al. 2024, arXiv 2309.15842).
    """
    scheduler.set_timesteps(steps)
    sources = [torch.Generator().manual_seed(seed) for seed in seeds]
    # Each image draws its own noise, on the CPU, so that it is the same on every machine and in every batch.
    noise = torch.stack([torch.randn(shape, generator=source) for source in sources])
    levels = torch.stack([level[0] + level[1] * torch.randn((1, 1, 1), generator=source) for source in sources])
    latents = (noise * scheduler.init_noise_sigma + levels).to(device)
    wanted = torch.full((len(seeds),), label, device=device)
    unwanted = torch.full_like(wanted, any_class)
    for step, time in enumerate(scheduler.timesteps, start=1):
        before, sigma = latents, float(scheduler.sigmas[step - 1])
        scaled = scheduler.scale_model_input(latents, time)
        said = output(scaled, time, wanted)
        if guidance != 1 and guided_sigma[0] <= sigma <= guided_sigma[1]:
            lesser = output(scaled, time, unwanted) if guide is None else guide(scaled, time, wanted)
            said = lesser + guidance * (said - lesser)
        latents = scheduler.step(said, time, latents, generator=sources).prev_sample
        clean = scheduler.model_outputs[-1]
        if step == 1:
            yield 0, sigma, before, clean
        yield step, float(scheduler.sigmas[step]), latents, clean
