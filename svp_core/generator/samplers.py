"""Sampler presets of our own network: DPM-Solver++(2M) on EDM noise levels (Karras et al. 2022)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

if TYPE_CHECKING:
    from svp_core.generator.pipeline import Start
    from svp_core.generator.unet import Generator, GeneratorConfig

# Images per network call, by device.
CALL_SIZE = {"cpu": 8, "cuda": 128}

# Guidance intervals: noise levels, in model space, at which guidance is applied (Kynkaanniemi et al. 2024,
# arXiv 2404.07724). Classifier-free guidance above it decides nothing yet, and below it costs variety.
CLASS_GUIDANCE_INTERVAL = (0.8, 4.0)
# Autoguidance by a weaker model of the same particles amplifies only what the two models do differently, and costs no
# variety (Karras et al. 2024, arXiv 2406.02507), so its interval is wider.
AUTOGUIDANCE_INTERVAL = (0.8, 6.0)


class DenoiseStep(NamedTuple):
    """State of a batch after one denoising step; step 0 is the start, with the first estimate of the clean images."""

    step: int  # 0..steps
    sigma: float  # noise level of `noisy` relative to the image in it; 0 after the last step
    noisy: torch.Tensor  # float (N, C, H, W) in the network's own space
    clean: torch.Tensor  # float (N, C, H, W), the network's estimate of the clean images


@dataclass(frozen=True)
class Guidance:
    """How the samplers guide the images of one class."""

    autoguidance: bool  # by the guide, a weaker model; else classifier-free guidance, by the null label
    weight: float  # guidance weight w; 1 is no guidance
    interval: tuple[float, float]  # lowest and highest noise level at which it is applied


@dataclass(frozen=True)
class Sampler:
    """One sampler preset. More steps: truer fine texture, proportionally slower."""

    key: str
    name: str
    steps: int  # one network call each, two where guidance is applied
    sigma_min: float  # noise level of the last step, in model space; one grey level is about 0.02
    sigma_max: float  # noise level of the first step
    stochastic: bool = False  # fresh noise at each step, as S_churn adds in EDM: more variety between images
    rho: float = 7.0  # concentration of the steps at low noise (Karras et al. 2022, Eq. 5)
    class_guidance: float = 2.0  # weight of classifier-free guidance, where the model does not store its own
    autoguidance: float = 3.0  # weight of autoguidance, where the model has a guide

    @property
    def call_size(self) -> Mapping[str, int]:
        """Images per network call, by device type."""
        return CALL_SIZE

    def draw_start(self, generator: "Generator", seeds: Sequence[int]) -> "Start":
        """The noise of these seeds, for denoise_steps: it may be drawn ahead, in another thread."""
        from svp_core.generator.pipeline import draw_start

        return draw_start(seeds, _shape(generator.config))

    def denoise_steps(
        self, generator: "Generator", class_key: str, seeds: Sequence[int], steps: int, start: "Start | None" = None
    ) -> Iterator[DenoiseStep]:
        """Yield a DenoiseStep, model space, for step 0..steps; one image per seed. start: from draw_start."""
        from svp_core.generator.pipeline import edm_denoise_steps, edm_scheduler

        config = generator.config
        label = config.class_keys.index(class_key)
        guidance = self.guidance_of(config, label)
        denoising = edm_denoise_steps(
            generator.predict,
            edm_scheduler(config.sigma_data, self.sigma_min, self.sigma_max, self.stochastic, self.rho),
            steps=steps,
            seeds=seeds,
            shape=_shape(config),
            label=label,
            null_label=len(config.class_keys),
            guidance=guidance.weight,
            guidance_interval=guidance.interval,
            guide=generator.predict_guide if guidance.autoguidance else None,
            level=config.level(label),
            device=generator.device,
            start=start,
        )
        return map(DenoiseStep._make, denoising)

    def guidance_of(self, config: "GeneratorConfig", label: int) -> Guidance:
        """The guidance of one class: autoguidance where the model has a guide and stores no weight for this class."""
        weight = config.class_guidance[label] if config.class_guidance else 0
        if config.guide_channels and not weight:
            return Guidance(True, self.autoguidance, AUTOGUIDANCE_INTERVAL)
        return Guidance(False, weight or self.class_guidance, CLASS_GUIDANCE_INTERVAL)


def _shape(config: "GeneratorConfig") -> tuple[int, int, int]:
    """Of an image in model space."""
    side = config.tile_px // config.patch
    return config.patch**2, side, side


# Measured for the shipped generator with "standard" (weights/generator/card.md, n = 1,000 tiles per class): KID 0.0014
# protein, 0.0015 silicone oil, 0.0016 air bubble, which is 1.9, 1.5 and 2.5 times the upper end (95 %) between two sets
# of 1,000 real tiles; recall 0.77, 0.86 and 0.91. No figures are on record for the other two.
SAMPLERS = {
    sampler.key: sampler
    for sampler in (
        Sampler("preview", "Preview", steps=10, sigma_min=0.01, sigma_max=30),
        Sampler("standard", "Standard", steps=19, sigma_min=0.002, sigma_max=80, rho=10),
        Sampler("diverse", "Diverse", steps=32, sigma_min=0.002, sigma_max=80, stochastic=True),
    )
}
