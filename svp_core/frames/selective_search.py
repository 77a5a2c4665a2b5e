"""Selective Search (Uijlings et al. 2013, doi:10.1007/s11263-013-0620-5): the proposals that other systems use.

An optional extra: it is in OpenCV's contrib modules, which requirements.txt does not install. On simulated frames the
threshold rule finds more, with fewer boxes, in a hundredth of the time; it is here to be compared with.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svp_core.errors import LabError
from svp_core.frames.boxes import as_boxes
from svp_core.frames.proposals import Boxes

MAX_PROPOSALS = 2_000
MIN_BOX_PX = 100  # area of a box
MAX_SHARE = 0.25  # of the frame that a box may cover


def propose(grey: NDArray[np.uint8], *, quality: bool = False, limit: int = MAX_PROPOSALS) -> Boxes:
    """Boxes (N, 4) of a grey frame (H, W), in the order of Selective Search; quality: slower, more colour spaces.

    Raises LabError where OpenCV has no contrib modules.
    """
    module: Any = getattr(cv2, "ximgproc", None)
    segmentation = getattr(module, "segmentation", None)
    if segmentation is None:
        raise LabError(
            "Selective Search needs OpenCV's contrib modules, which are not installed: pip uninstall "
            "opencv-python-headless, then pip install opencv-contrib-python-headless of the same version. The "
            "threshold rule needs neither."
        )
    search = segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))
    if quality:
        search.switchToSelectiveSearchQuality()
    else:
        search.switchToSelectiveSearchFast()
    found = np.asarray(search.process(), np.int64).reshape(-1, 4)  # x, y, width, height
    areas = found[:, 2] * found[:, 3]
    x, y, width, height = found[(areas >= MIN_BOX_PX) & (areas <= MAX_SHARE * grey.size)][:limit].T
    return as_boxes(np.stack([y, x, y + height, x + width], 1))
