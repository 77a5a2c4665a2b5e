"""The samplers to choose from with our own network: EDM (Karras et al. 2022), in few or more steps."""

from dataclasses import dataclass

# Images in one network call, by device.
CALL_SIZE = {"cpu": 8, "cuda": 128}

# Noise levels at which the class is insisted on: above them nothing is decided yet, below them it costs variety
# (Kynkaanniemi et al. 2024, arXiv 2404.07724).
GUIDED_SIGMA = (0.8, 4.0)
# Those at which a run's guide is listened to instead, where it has one: a lesser network of the same particles. What
# both are unsure of the better one is led away from, which costs no variety (Karras et al. 2024, arXiv 2406.02507).
GUIDE_SIGMA = (0.8, 6.0)


@dataclass(frozen=True)
class Guidance:
    """How the samplers lead the images of one class."""

    by_guide: bool  # away from what the guide says; else away from what is said of any class
    strength: float  # so many times as far; 1 is not at all
    sigma: tuple[float, float]  # between these noise levels


@dataclass(frozen=True)
class Sampler:
    """One way from noise to image. More steps: truer fine texture, proportionally slower."""

    key: str
    name: str
    steps: int  # each one network call, and one more where it is guided
    sigma_min: float  # noise at the last step, in model space; one grey level is about 0.02
    sigma_max: float  # noise at the first
    stochastic: bool = False  # fresh noise on the way: more variety between images
    rho: float = 7.0  # how far the steps crowd towards weak noise (Karras et al. 2022, eq. 5)
    guidance: float = 2.0  # strength without a guide, where the run does not say otherwise
    guide_strength: float = 3.0  # strength with one

    call_size = CALL_SIZE

    def walk(self, generator, class_key, seeds, steps):
        """Yield (step, sigma, noisy, clean), model space, for step 0..steps; step 0 carries the first prediction."""
        from svp_core.generator.pipeline import edm_denoise_steps, edm_scheduler

        config, side = generator.config, generator.config.tile_px // generator.config.patch
        label = config.class_keys.index(class_key)
        guided = self.guided(config, label)
        return edm_denoise_steps(
            generator.output,
            edm_scheduler(config.sigma_data, self.sigma_min, self.sigma_max, self.stochastic, self.rho),
            steps=steps,
            seeds=seeds,
            shape=(config.patch**2, side, side),
            label=label,
            any_class=len(config.class_keys),
            guidance=guided.strength,
            guided_sigma=guided.sigma,
            guide=generator.guide_output if guided.by_guide else None,
            level=config.level(label),
            device=generator.device,
        )

    def guided(self, config, label):
        """The Guidance of a class. config: GeneratorConfig."""
        insisted = config.insisted[label] if config.insisted else 0
        if config.guide_widths and not insisted:
            return Guidance(True, self.guide_strength, GUIDE_SIGMA)
        return Guidance(False, insisted or self.guidance, GUIDED_SIGMA)


SAMPLERS = {
    sampler.key: sampler
    for sampler in (
        Sampler("preview", "Preview", 10, 0.01, 30),
        Sampler("standard", "Standard", 19, 0.002, 80, rho=10),
        Sampler("diverse", "Diverse", 32, 0.002, 80, stochastic=True),
    )
}
