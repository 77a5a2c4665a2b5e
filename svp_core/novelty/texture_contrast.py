"""Contrast of the grey-level co-occurrence matrix in a window around every pixel, by integral images.

The contrast of a matrix is the mean squared difference of the levels of its pairs (Haralick et al. 1973, f2), so no
matrix is needed: one image of squared differences per offset, and its sums over windows.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS = 32  # grey levels that are told apart
DISTANCES = (1, 2)  # px
ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
WINDOW_PX = 9
SMOOTHING_PX = 1.5  # standard deviation of the Gaussian over the map
EXTRA = 0.5  # weight of the strongest texture, beyond that of none
PERCENTILES = (1, 99)  # between which the map is stretched


def windowed_contrast(image: NDArray[np.uint8], window: int = WINDOW_PX) -> NDArray[np.float64]:
    """Mean contrast over DISTANCES and ANGLES of each window, float64 (H - window + 1, W - window + 1).

    image: uint8 (H, W), reduced to LEVELS. Equal to the mean of scikit-image's graycoprops(graycomatrix(window,
    DISTANCES, ANGLES, levels=LEVELS, symmetric=True, normed=True), "contrast"); offsets as it rounds them, so that the
    diagonal of distance 2 is the one of distance 1.
    """
    levels = np.asarray(image, np.uint8).astype(np.int32) * LEVELS // 256
    offsets = [_offset(distance, angle) for distance in DISTANCES for angle in ANGLES]
    return np.mean([_contrast(levels, rows, columns, window) for rows, columns in offsets], axis=0)


def texture_weights(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Weight of each pixel of tiles uint8 (N, H, W), float32 (N, H, W): 1 to 1 + EXTRA by texture, scaled to mean 1.

    In a tile, the map is strongest along outlines and in noise. The first system cut it into two parts by k-means and
    eroded them; of a tile, that left the empty liquid.
    """
    weights = np.empty(tiles.shape, np.float32)
    before, after = WINDOW_PX // 2, WINDOW_PX - 1 - WINDOW_PX // 2
    for weight, tile in zip(weights, tiles, strict=True):
        padded = np.pad(tile, (before, after), mode="reflect")
        texture = windowed_contrast(padded)
        low, high = np.percentile(texture, PERCENTILES)
        stretched = ((texture - low) / max(high - low, 1e-9)).clip(0, 1)
        smooth = cv2.GaussianBlur(stretched, (0, 0), SMOOTHING_PX, borderType=cv2.BORDER_REFLECT)
        weight[:] = 1 + EXTRA * smooth
        weight /= weight.mean()
    return weights


def _offset(distance: int, angle: float) -> tuple[int, int]:
    """(rows, columns) from a pixel to its partner."""
    return round(float(np.sin(angle)) * distance), round(float(np.cos(angle)) * distance)


def _contrast(levels: NDArray[np.int32], rows: int, columns: int, window: int) -> NDArray[np.float64]:
    """Mean squared difference of the pairs with this offset within each window; either order counts, so rows >= 0."""
    height, width = levels.shape
    first = levels[: height - rows, max(0, -columns) : width - max(0, columns)]
    second = levels[rows:, max(0, columns) : width + min(0, columns)]
    sums = cv2.integral(((first - second) ** 2).astype(np.float64))
    tall, wide = window - rows, window - abs(columns)
    return (sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]) / (tall * wide)
