"""Settings of a tiny generator, and its images."""

import numpy as np

from svp_core.generator import sampling, unet

CONFIG = unet.GeneratorConfig(
    ("silicone_oil", "air_bubble"), pixel_mean=0.3, pixel_std=0.2, channels=(16, 32), dropout=0.0
)


def sampled(generator, key, seeds, **options):
    return np.concatenate(
        [tiles for _, tiles in sampling.sample_tiles(generator, key, seeds=seeds, steps=3, **options)]
    )
