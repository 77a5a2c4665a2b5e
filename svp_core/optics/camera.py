"""From intensity at the sensor to an 8-bit image. The camera never knows what it looks at."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d, gaussian_filter

MARGIN_PX = 4  # camera pixels rendered around the tile, so that blur has neighbours to draw on


@dataclass(frozen=True)
class Camera:
    """Everything between the light and the file."""

    um_per_px: float = 0.28
    background: float = 0.686  # of full scale, at the middle of the tile
    gradient: tuple[float, float] = (0.0, 0.0)  # relative change of background from the middle to the edge, x and y
    stray_light: float = 0.0  # share of light that carries no image: lowers contrast
    gamma: float = 1.0
    motion_px: float = 0.0  # length of the flow's smear along the rows' axis (y)
    blur_px: float = 0.0  # sigma of everything else that softens
    noise: float = 0.006  # standard deviation at background, of full scale
    shift_px: tuple[float, float] = (0.0, 0.0)  # particle's centre from the tile's, x and y

    @property
    def oversampling(self):
        """Rendered points per pixel and axis: the intensity must not alias at the objective's bandwidth."""
        return 2 if self.um_per_px > 0.39 else 1

    def sensor_axis(self, tile_px, shift_px):
        """Where the intensity is needed along one axis: points in um from the particle's centre, margins included."""
        fine = self.um_per_px / self.oversampling
        count = (tile_px + 2 * MARGIN_PX) * self.oversampling
        return (np.arange(count) - (count - 1) / 2) * fine - shift_px * self.um_per_px


def expose(intensity, camera, rng):
    """uint8 (H, W) from an intensity with background 1 on the axes of Camera.sensor_axis, margins cut off."""
    # A pixel sees its area, not its middle; 1/24, 22/24, 1/24 is the box integral to fourth order.
    image = intensity.astype(np.float64)
    for axis in (0, 1):
        image = image + (np.roll(image, 1, axis) - 2 * image + np.roll(image, -1, axis)) / 24
    n = camera.oversampling
    if n > 1:
        image = image.reshape(image.shape[0] // n, n, image.shape[1] // n, n).mean(axis=(1, 3))

    # The flow's smear is a box as well, of any length; a longer one is taken in several strides.
    strides = int(np.ceil(camera.motion_px**2 / 4))
    for _ in range(strides):
        side = camera.motion_px**2 / (24 * strides)
        image = correlate1d(image, [side, 1 - 2 * side, side], axis=0, mode="nearest")
    if camera.blur_px > 0:
        image = gaussian_filter(image, camera.blur_px)
    image = image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]

    image = (1 - camera.stray_light) * image + camera.stray_light
    image = np.maximum(image, 0) ** camera.gamma
    v, u = np.meshgrid(*(np.linspace(-1, 1, size) for size in image.shape), indexing="ij")
    image = camera.background * image * (1 + camera.gradient[0] * u + camera.gradient[1] * v)
    # Shot noise: it grows with the root of the light.
    sigma = camera.noise * np.sqrt(np.maximum(image / camera.background, 0.02))
    image = image + sigma * rng.standard_normal(image.shape)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
