"""Convert the intensity at the sensor to an 8-bit image, independently of the particle's class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, gaussian_filter

MARGIN_PX = 4  # camera pixels rendered around the tile, which blur needs at the border


@dataclass(frozen=True)
class Camera:
    """The properties of the camera, from the light to the file."""

    um_per_px: float = 0.28
    background: float = 0.686  # fraction of full scale, at the centre of the tile
    gradient: tuple[float, float] = (
        0.0,
        0.0,
    )  # relative change of background from centre to edge, x and y
    stray_light: float = 0.0  # fraction of light that carries no image: lowers contrast
    gamma: float = 1.0
    motion_px: float = 0.0  # length of the motion blur along the flow, the rows' axis (y)
    blur_px: float = 0.0  # sigma of all other blur
    noise: float = 0.006  # standard deviation at the background, fraction of full scale
    shift_px: tuple[float, float] = (0.0, 0.0)  # particle's centre relative to the tile's, in x and y

    @property
    def oversampling(self) -> int:
        """Rendered points per pixel and axis, so that the intensity does not alias at the objective's bandwidth."""
        return 2 if self.um_per_px > 0.39 else 1

    def sensor_axis(self, tile_px: int, shift_px: float) -> NDArray[np.floating]:
        """Points along one axis at which the intensity is needed: um from the particle's centre, margins included."""
        fine = self.um_per_px / self.oversampling
        count = (tile_px + 2 * MARGIN_PX) * self.oversampling
        return (np.arange(count) - (count - 1) / 2) * fine - shift_px * self.um_per_px


def expose(intensity: NDArray[np.floating], camera: Camera, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Image, uint8 (H, W), from an intensity with background 1 on the axes of Camera.sensor_axis, without margins."""
    image = form_image(intensity, camera)
    return add_background(image, background=camera.background, gradient=camera.gradient, noise=camera.noise, rng=rng)


def form_image(intensity: NDArray[np.floating], camera: Camera) -> NDArray[np.float64]:
    """Image without noise, relative to a background of 1, float (H, W): pixels, blur, stray light and gamma."""
    # A pixel integrates over its area; 1/24, 22/24, 1/24 is the box integral to fourth order.
    image = intensity.astype(np.float64)
    for axis in (0, 1):
        image = image + (np.roll(image, 1, axis) - 2 * image + np.roll(image, -1, axis)) / 24
    n = camera.oversampling
    if n > 1:
        image = image.reshape(image.shape[0] // n, n, image.shape[1] // n, n).mean(axis=(1, 3))

    # Motion blur is a box as well, of any length; a longer one is applied in several steps.
    steps = int(np.ceil(camera.motion_px**2 / 4))
    for _ in range(steps):
        side = camera.motion_px**2 / (24 * steps)
        image = correlate1d(image, [side, 1 - 2 * side, side], axis=0, mode="nearest")
    if camera.blur_px > 0:
        image = gaussian_filter(image, camera.blur_px)
    image = image[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]

    image = (1 - camera.stray_light) * image + camera.stray_light
    return np.maximum(image, 0) ** camera.gamma


def add_background(
    image: NDArray[np.floating],
    *,
    background: float,
    gradient: tuple[float, float],
    noise: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """8-bit image, uint8 (H, W), of form_image's, at this background, gradient and noise (see Camera)."""
    v, u = np.meshgrid(*(np.linspace(-1, 1, size) for size in image.shape), indexing="ij")
    image = background * image * (1 + gradient[0] * u + gradient[1] * v)
    # Shot noise: proportional to the square root of the light.
    sigma = noise * np.sqrt(np.maximum(image / background, 0.02))
    image = image + sigma * rng.standard_normal(image.shape)
    return np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
