"""From noise to particles with our own network: the samplers to choose from, and the EDM loop they share."""

from dataclasses import dataclass

import torch

# Images in one network call, by device.
CALL_SIZE = {"cpu": 8, "cuda": 128}

# Noise levels at which the class is insisted on: above them nothing is decided yet, below them it costs variety
# (Kynkaanniemi et al. 2024, arXiv 2404.07724).
GUIDED_SIGMA = (0.3, 8.0)


@dataclass(frozen=True)
class Sampler:
    """One way from noise to image. More steps: truer fine texture, proportionally slower."""

    key: str
    name: str
    steps: int  # each one network call, two where the class is insisted on
    sigma_min: float  # noise at the last step, in model space; one grey level is about 0.02
    sigma_max: float  # noise at the first
    stochastic: bool = False  # fresh noise on the way: more variety between images
    guidance: float = 1.5  # how strongly the class is insisted on; 1 is not at all, and costs one call a step

    call_size = CALL_SIZE

    @torch.inference_mode()
    def walk(self, generator, class_key, seeds, steps):
        """Yield (step, sigma, noisy, clean), model space, for step 0..steps; step 0 carries the first prediction.

        DPM-Solver++(2M) on the noise levels of Karras et al. 2022, its SDE form where stochastic.
        """
        from diffusers.schedulers.scheduling_edm_dpmsolver_multistep import EDMDPMSolverMultistepScheduler

        config, device = generator.config, generator.device
        scheduler = EDMDPMSolverMultistepScheduler(
            sigma_min=self.sigma_min,
            sigma_max=self.sigma_max,
            sigma_data=config.sigma_data,
            algorithm_type="sde-dpmsolver++" if self.stochastic else "dpmsolver++",
        )
        scheduler.set_timesteps(steps)
        sources = [torch.Generator().manual_seed(seed) for seed in seeds]
        side = config.tile_px // config.patch
        # Each image draws its own noise, on the CPU, so that it is the same on every machine and in every batch.
        noise = torch.stack([torch.randn(config.patch**2, side, side, generator=source) for source in sources])
        latents = noise.to(device) * scheduler.init_noise_sigma
        wanted = torch.full((len(seeds),), config.class_keys.index(class_key), device=device)
        any_class = torch.full_like(wanted, len(config.class_keys))
        for step, time in enumerate(scheduler.timesteps, start=1):
            before, sigma = latents, float(scheduler.sigmas[step - 1])
            scaled = scheduler.scale_model_input(latents, time)
            output = generator.output(scaled, time, wanted)
            if self.guidance != 1 and GUIDED_SIGMA[0] <= sigma <= GUIDED_SIGMA[1]:
                plain = generator.output(scaled, time, any_class)
                output = plain + self.guidance * (output - plain)
            latents = scheduler.step(output, time, latents, generator=sources).prev_sample
            clean = scheduler.model_outputs[-1]
            if step == 1:
                yield 0, sigma, before, clean
            yield step, float(scheduler.sigmas[step]), latents, clean


SAMPLERS = {
    sampler.key: sampler
    for sampler in (
        Sampler("preview", "Preview", 10, 0.01, 30),
        Sampler("standard", "Standard", 20, 0.002, 80),
        Sampler("diverse", "Diverse", 32, 0.002, 80, stochastic=True),
    )
}
