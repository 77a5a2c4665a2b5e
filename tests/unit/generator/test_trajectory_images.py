"""Images of a denoising trajectory, on frames whose every pixel is known."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from svp_core.generator import trajectory_images


def rising_frames():
    """(5, 2, 8, 8): particle 0 rises by 10 per step, particle 1 falls by 3."""
    step = np.arange(5)[:, None, None, None]
    return np.concatenate([100 + 10 * step, 100 - 3 * step], axis=1) * np.ones((1, 1, 8, 8), np.uint8)


def test_steps_of_the_paper():
    assert trajectory_images.steps_at(trajectory_images.PAPER_PERCENT, 20) == [0, 8, 16, 18, 19, 20]
    assert trajectory_images.steps_at((0, 40, 80, 90, 96, 100), 500) == [0, 200, 400, 450, 480, 500]


def test_coinciding_steps_are_shown_once():
    assert trajectory_images.steps_at(trajectory_images.PAPER_PERCENT, 10) == [0, 4, 8, 9, 10]


@pytest.mark.parametrize(
    ("last", "kept"),
    [(20, list(range(21))), (100, list(range(101))), (500, list(range(0, 501, 5))), (103, [*range(0, 103, 2), 103])],
)
def test_evenly_spaced_steps_are_few_and_include_both_ends(last, kept):
    assert trajectory_images.evenly_spaced_steps(last) == kept
    assert len(kept) <= 101
    assert set(trajectory_images.steps_at(trajectory_images.PAPER_PERCENT, 500)) <= set(
        trajectory_images.evenly_spaced_steps(500)
    )


def test_changes_are_signed_and_relative_to_the_previous_column():
    frames = rising_frames().astype(np.uint8)
    images, gains = trajectory_images.step_changes(frames, [0, 1, 4])
    assert images.shape == (3, 2, 8, 8)
    assert images.dtype == np.uint8
    assert (images[0] == 128).all()
    assert gains[0] == 1
    assert gains[1:] == [8, 4]  # 8 x 10 and 4 x 30 fit into 127; 16 x 10 and 8 x 30 do not
    assert (images[1, 0] == 128 + 80).all()
    assert (images[1, 1] == 128 - 24).all()
    assert (images[2, 0] == 128 + 120).all()
    assert (images[2, 1] == 128 - 36).all()


def test_changes_of_no_step_are_empty():
    images, gains = trajectory_images.step_changes(rising_frames().astype(np.uint8), [])
    assert images.shape == (0, 2, 8, 8)
    assert gains == []


def test_strip_has_particles_in_rows_and_steps_in_columns():
    frames = rising_frames().astype(np.uint8)[[0, 4]]
    strip = trajectory_images.draw_strip(frames, ["0 %\nsigma 80", "100 %\nsigma 0"], scale=1, gap_px=2)
    assert strip.dtype == np.uint8
    assert strip.shape == (8 + 2 * 16 + 2 * 10, 2 + 2 * 10)
    first, last = strip[40:48, 2:10], strip[40:48, 12:20]
    assert (first == frames[0, 0]).all()
    assert (last == frames[1, 0]).all()
    assert (strip[50:58, 12:20] == frames[1, 1]).all()


def test_animation_plays_every_step_with_its_heading_and_labels():
    frames = rising_frames().astype(np.uint8)
    headings = [f"Step {step}" for step in range(5)]
    data = trajectory_images.draw_animation(frames, headings, ["Protein", "Air bubble"], scale=2)
    with Image.open(io.BytesIO(data)) as gif:
        sheets = [np.asarray(sheet.convert("L")).astype(int) for sheet in ImageSequence.Iterator(gif)]
        gif.seek(4)
        assert gif.info["duration"] == 2000
    assert len(sheets) == 5
    first, last = sheets[0], sheets[-1]
    # Rows of 2 x 8 px tiles beside 150 px of labels, under 44 px of heading.
    assert last.shape == (44 + 2 * 22 + 6, 150 + 22 + 6)
    assert abs(last[52, 158] - 140) <= 2
    assert abs(last[52 + 22, 158] - 88) <= 2
    assert (first[:44] != last[:44]).any()  # the step's number
    assert (last[44:, :150] < 100).any()  # the labels


def test_columns_follow_the_noise_level():
    sigmas = [80, 30, 20, 9, 4, 2.1, 1, 0.5, 0.3, 0.01, 0]
    assert trajectory_images.steps_at_noise(sigmas) == [0, 2, 3, 4, 5, 6, 8, 10]
    assert trajectory_images.steps_at_noise([80, 1, 0]) == [0, 1, 2]
    assert trajectory_images.steps_at_noise([80.0, 0.0], levels=()) == [0, 1]
