"""Drawn discs are found with their boxes; thresholds, joining and background behave as defined."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.frames.background import calibration_background, check_size, filter_background, median_background
from svp_core.frames.boxes import iou
from svp_core.frames.proposals import ProposalSettings, find_particles, group_pixels, neighbour_px, relative_difference
from tests.helpers.drawn_frames import disc_box, draw_frame, scattered


@pytest.mark.parametrize("level", [40, 180], ids=["dark lamp", "bright lamp"])
def test_discs_are_found_with_their_boxes_at_any_brightness_of_the_lamp(level):
    discs = scattered(12, 3)
    frame = draw_frame(discs, level=level, noise=level / 180)
    located = find_particles(frame, filter_background(frame))
    overlap = iou(np.array([disc_box(*disc[:3]) for disc in discs]), located.boxes)
    assert len(located.boxes) == len(discs)
    assert overlap.max(1).min() > 0.75
    at = overlap.argmax(1)
    assert (np.sign(located.contrasts[at]) == np.sign([disc[3] for disc in discs])).all()


def test_an_empty_frame_has_no_particle_and_noise_raises_the_threshold():
    frame = draw_frame([], noise=6)
    located = find_particles(frame, filter_background(frame))
    assert located.boxes.shape == (0, 4)
    assert located.threshold > 0.06
    assert find_particles(draw_frame([]), filter_background(draw_frame([]))).threshold == 0.04


def test_parts_are_joined_up_to_the_neighbour_distance_and_the_box_is_that_of_their_pixels():
    difference = np.zeros((60, 60), np.float32)
    difference[20:25, 10:15] = difference[20:25, 22:27] = -0.5  # 7 px between them
    boxes, areas, means = group_pixels(difference, 0.04, 9, 12)
    assert boxes.tolist() == [[20, 10, 25, 27]]
    assert areas.tolist() == [50]
    assert means.tolist() == [-0.5]
    apart, _, _ = group_pixels(difference, 0.04, 5, 12)
    assert apart.tolist() == [[20, 10, 25, 15], [20, 22, 25, 27]]
    assert len(group_pixels(difference, 0.04, 5, 26)[0]) == 0


def test_the_neighbour_distance_is_in_micrometres_where_the_pixel_size_is_known():
    assert (neighbour_px(0.5545), neighbour_px(0.27, 5), neighbour_px(None, 5)) == (9, 19, 9)


def test_a_background_from_frames_removes_dirt_on_the_glass_and_from_one_frame_does_not():
    dirt = (9, 9, 6, -0.4)  # where no particle is drawn
    frames = [draw_frame([dirt, *scattered(3, seed)], seed=seed) for seed in range(9)]
    median = median_background(frames)
    on_dirt = np.array([disc_box(*dirt[:3])])

    def sees_dirt(background):
        boxes = find_particles(frames[0], background).boxes
        return bool(len(boxes)) and iou(on_dirt, boxes).max() > 0.2

    assert sees_dirt(filter_background(frames[0]))
    assert not sees_dirt(median)
    assert not sees_dirt(calibration_background(draw_frame([dirt], seed=99)))
    assert check_size(median, frames[0].shape) == ""
    assert "320 x 200" in check_size(median, (200, 320))
    with pytest.raises(LabError, match="needs 3 frames"):
        median_background(frames[:2])


def test_the_difference_is_relative_and_a_change_of_the_lamp_does_not_matter():
    frame, background = draw_frame([(120, 160, 10, -0.3)], tilt=0), np.full((240, 320), 150, np.float32)
    difference = relative_difference(frame, background)  # the lamp is 20 % brighter than in the background
    assert np.median(difference) == pytest.approx(0, abs=1e-3)
    assert difference[120, 160] == pytest.approx(-0.3 * 180 / 150, abs=0.03)


@pytest.mark.parametrize("settings", [{"threshold": 0}, {"neighbour_px": 0}, {"min_area_px": 0}])
def test_impossible_settings_are_a_sentence(settings):
    with pytest.raises(LabError, match="not possible"):
        ProposalSettings(**settings).check()


def test_a_background_that_does_not_fit_is_refused_instead_of_thousands_of_particles():
    rows, columns = np.mgrid[:900, :900]
    frame = np.where((rows // 4 % 4 == 0) & (columns // 4 % 4 == 0), 90, 180).astype(np.uint8)
    with pytest.raises(LabError, match="does not fit"):
        find_particles(frame, np.full((900, 900), 180, np.float32), ProposalSettings(neighbour_px=1))
