"""Background grain and power spectra of tiles, independent of what they show."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

HIGH_PASS_SIGMA_PX = 1.0  # of the Gaussian that is subtracted; what remains is finer than about three pixels
PARTICLE_MARGIN_PX = 4  # the background begins at this distance from the particle's outline
MIN_BACKGROUND_PX = 200  # with fewer background pixels the grain of a tile is not estimated
MIN_GRAIN = 0.05  # grey levels; lower bound for evenly filled backgrounds, because grains are compared as ratios
BINS = 32  # of the spectrum, from 0 to half a cycle per pixel


def grain(tile: NDArray[np.uint8], mask: NDArray[np.bool_]) -> float:
    """Standard deviation of the finest background structure, grey levels from 0.05; NaN with too little background.

    tile: uint8 (H, W); mask: bool (H, W), its particle. Median absolute value of the tile minus its Gaussian blur,
    scaled to the standard deviation of a normal distribution: rings that reach into the background hardly count.
    """
    # An empty mask stays empty.
    near_particle = np.asarray(ndimage.binary_dilation(mask, iterations=PARTICLE_MARGIN_PX), bool)
    background = ~near_particle
    if np.count_nonzero(background) < MIN_BACKGROUND_PX:
        return float("nan")
    levels = tile.astype(np.float32)
    fine = levels - ndimage.gaussian_filter(levels, HIGH_PASS_SIGMA_PX)
    return max(MIN_GRAIN, float(1.4826 * np.median(np.abs(fine[background]))))


def log_spectra(tiles: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Radial power spectrum of each tile, natural logarithm, float (N, 32), at frequencies().

    tiles: uint8 (N, H, H). The tile's mean is subtracted and a Hann window applied, so that structures cut by the
    border do not leak into all frequencies.
    """
    side = tiles.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    levels = tiles - tiles.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(levels * window)) ** 2 / (window**2).sum()
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    bins = (frequency * 2 * BINS).astype(int)
    inside = bins < BINS  # the corners of the square lie beyond half a cycle
    rings = [power[:, inside & (bins == k)].mean(1) for k in range(BINS)]
    # A perfectly flat tile has no power; 1e-3 is far below that of one grey level.
    return np.log(np.stack(rings, 1) + 1e-3)


def spectrum_gap(*, real: NDArray[np.float64], synthetic: NDArray[np.float64]) -> float:
    """Absolute difference between the mean log spectra of two sets, dB, averaged over frequencies; 0 = equal.

    float (N, 32) each, from log_spectra; the mean is taken of logarithms, so that a few dark particles do not dominate.
    """
    return float(np.abs(real.mean(0) - synthetic.mean(0)).mean() * 10 / np.log(10))


def frequencies() -> NDArray[np.float64]:
    """Centres of the spectrum's bins, cycles per pixel, float (32,)."""
    return (np.arange(BINS) + 0.5) / (2 * BINS)
