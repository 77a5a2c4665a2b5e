"""Selective Search where OpenCV has it, a sentence where it has not."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.frames.selective_search import propose
from tests.helpers.drawn_frames import draw_frame


def test_without_the_contrib_modules_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.delattr(cv2, "ximgproc", raising=False)
    with pytest.raises(LabError, match="opencv-contrib-python-headless"):
        propose(draw_frame([]))


def test_its_boxes_are_turned_into_ours_and_those_of_no_use_left_out(monkeypatch):
    """By OpenCV's documentation a rectangle is x, y, width, height; the contrib modules are not in the tests."""
    found = np.array([[30, 20, 15, 10], [0, 0, 320, 240], [5, 5, 3, 3], [60, 40, 20, 20]])
    search = SimpleNamespace(setBaseImage=lambda image: None, switchToSelectiveSearchFast=lambda: None,
                             process=lambda: found)  # fmt: skip
    made = SimpleNamespace(createSelectiveSearchSegmentation=lambda: search)
    monkeypatch.setattr(cv2, "ximgproc", SimpleNamespace(segmentation=made), raising=False)
    assert propose(draw_frame([])).tolist() == [[20, 30, 30, 45], [40, 60, 60, 80]]
    assert propose(draw_frame([]), limit=1).tolist() == [[20, 30, 30, 45]]
