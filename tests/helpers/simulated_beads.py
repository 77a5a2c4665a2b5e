"""Simulated runs of polystyrene beads of one diameter, as tiles."""

from dataclasses import replace

import numpy as np

from svp_core.optics.camera import expose
from svp_core.optics.imaging_conditions import sample_instrument, sample_viewing
from svp_core.optics.scenes import draw_intensity


def bead_tiles(diameter_um, count, *, magnification="10x", seed=0):
    """(tiles, uint8 (count, 64, 64), µm per px) of beads of this diameter, all on one drawn instrument."""
    instrument, tiles = sample_instrument(np.random.default_rng(seed), magnification), []
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        viewing = replace(sample_viewing(rng, instrument=instrument), diameter_um=diameter_um, oversized=False)
        camera = viewing.camera
        x, y = (camera.sensor_axis(64, shift) for shift in camera.shift_px)
        intensity, _ = draw_intensity("polystyrene", rng, viewing, x, y)
        tiles.append(expose(intensity, camera, rng))
    return np.stack(tiles), instrument.camera.um_per_px
