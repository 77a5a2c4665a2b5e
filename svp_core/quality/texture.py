"""The grain of the liquid, the brightness and the fineness of tiles, without knowing what is in them."""

import numpy as np
from scipy import ndimage

FINE_PX = 1.0  # s.d. of the Gaussian that is taken off: what is left is finer than about three pixels
AWAY_PX = 4  # background begins this far from the particle's outline
LEAST_PX = 200  # of background; with less a tile has no grain to speak of
FLATTEST = 0.05  # grey levels: what an evenly filled background counts as, since grains are compared as ratios
BINS = 32  # of the spectrum, from 0 to half a cycle per pixel


def grain(tile, mask):
    """Spread of the finest structure of the background, grey levels from 0.05; nan where the tile has hardly any.

    tile: uint8 (H, W); mask: bool (H, W), its particle. Median absolute value of the tile less its Gaussian blur, as
    the standard deviation of a normal distribution, so that rings reaching over the background hardly count.
    """
    background = ~ndimage.binary_dilation(mask, iterations=AWAY_PX) if mask.any() else ~mask
    if np.count_nonzero(background) < LEAST_PX:
        return float("nan")
    levels = tile.astype(np.float32)
    fine = levels - ndimage.gaussian_filter(levels, FINE_PX)
    return max(FLATTEST, float(1.4826 * np.median(np.abs(fine[background]))))


def log_spectra(tiles):
    """Radial power spectrum of each tile, natural logarithm, float (N, 32), at frequencies().

    tiles: uint8 (N, H, H). The tile's mean is taken off and a Hann window laid over it, so that what the border cuts
    does not show at all frequencies.
    """
    side = tiles.shape[-1]
    window = np.outer(np.hanning(side), np.hanning(side))
    levels = tiles - tiles.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(levels * window)) ** 2 / (window**2).sum()
    far = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side), indexing="ij"))
    place = (far * 2 * BINS).astype(int)
    inside = place < BINS  # the corners of the square lie beyond half a cycle
    rings = [power[:, inside & (place == k)].mean(1) for k in range(BINS)]
    # A perfectly flat tile has no power; the 1e-3 is far below one grey level's.
    return np.log(np.stack(rings, 1) + 1e-3)


def spectrum_gap(*, real, synthetic):
    """How far two sets' typical spectra lie apart, dB, mean over frequencies of the absolute difference; 0 = alike.

    float (N, 32) each, as log_spectra gives them; typical is the mean of logarithms, so that few dark particles do not
    drown the rest.
    """
    return float(np.abs(real.mean(0) - synthetic.mean(0)).mean() * 10 / np.log(10))


def frequencies():
    """Middles of the spectrum's bins, cycles per pixel, float (32,)."""
    return (np.arange(BINS) + 0.5) / (2 * BINS)
