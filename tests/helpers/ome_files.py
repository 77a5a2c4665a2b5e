"""OME-TIFF files of one drawn particle, written by tifffile."""

import numpy as np
import tifffile


def draw_ome(path, *, scale=None, unit="µm", channel=None, level=190, dtype=np.uint8):
    """Write an OME-TIFF; scale: of a pixel, in this unit. level: of the background. channel: its name."""
    image = np.full((30, 40), level, dtype)
    image[8:20, 10:26] = 80
    metadata = {"axes": "YX"} | ({"PhysicalSizeX": scale, "PhysicalSizeXUnit": unit} if scale else {})
    if scale:
        metadata |= {"PhysicalSizeY": scale, "PhysicalSizeYUnit": unit}
    if channel:
        metadata |= {"Channel": {"Name": channel}}
    tifffile.imwrite(path, image, ome=True, metadata=metadata)
