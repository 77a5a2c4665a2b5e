"""Size and shape: drawn particles of known size, conventions that fail when swapped, and FlowCam's own figures."""

import numpy as np
import pytest
from scipy import ndimage

from svp_core.instruments.detect import read_particles
from svp_core.instruments.flowcam.measures import subtract_fringe
from svp_core.morphology import MEASURES, measure, segment


def draw(inside, *, size=(64, 64), level=175, depth=-60, noise=3, seed=0):
    """uint8 image with a particle where inside(rows, columns) is positive; its edge is one pixel soft."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    share = np.clip(inside(rows, columns) + 0.5, 0, 1)
    image = level + depth * share + np.random.default_rng(seed).normal(0, noise, size)
    return image.clip(0, 255).round().astype(np.uint8)


def disc(radius, row=31.5, column=31.5):
    return lambda rows, columns: radius - np.hypot(rows - row, columns - column)


def ellipse(semi_row, semi_column, row=31.5, column=31.5):
    def inside(rows, columns):
        far = np.hypot((rows - row) / semi_row, (columns - column) / semi_column)
        return (1 - far) * min(semi_row, semi_column)

    return inside


@pytest.mark.parametrize("radius", [4, 8, 15, 25])
@pytest.mark.parametrize("depth", [-60, 60])
def test_discs_have_their_diameter(radius, depth):
    found = measure(draw(disc(radius), depth=depth), um_per_px=0.5)
    assert found["ecd_px"] == pytest.approx(2 * radius, abs=1)
    assert found["ecd_um"] == pytest.approx(found["ecd_px"] / 2)
    assert found["feret_max_px"] == pytest.approx(2 * radius, abs=2.5)
    assert found["circularity"] > 0.8
    assert found["aspect_ratio"] > 0.93
    assert found["background_level"] == pytest.approx(175, abs=2)
    assert found["contrast"] == pytest.approx(depth, rel=0.3)
    assert not found["touches_edge"]


def test_an_ellipse_has_its_axes():
    for image in (draw(ellipse(9, 24)), draw(ellipse(24, 9))):
        found = measure(image)
        assert found["aspect_ratio"] == pytest.approx(9 / 24, abs=0.04)
        assert found["feret_max_px"] == pytest.approx(48, abs=2.5)
        assert found["feret_min_px"] == pytest.approx(18, abs=2.5)
        assert found["area_px"] == pytest.approx(np.pi * 9 * 24, rel=0.1)


def test_figures_of_a_mask_drawn_by_hand():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:17] = True  # 6 high, 12 wide
    mask[6:8, 8:10] = False  # a hole
    found = measure(np.full((20, 30), 170, np.uint8), mask=mask, um_per_px=2.0)
    assert found["area_px"] == 6 * 12 - 4
    assert found["perimeter_px"] == 2 * (5 + 11)
    assert found["circularity"] == pytest.approx(4 * np.pi * 72 / 32**2)
    assert found["aspect_ratio"] == pytest.approx(np.sqrt((6**2 - 1) / (12**2 - 1)))
    assert found["feret_min_px"] == pytest.approx(6)
    assert 12 <= found["feret_max_px"] <= np.hypot(6, 12) + 1
    assert found["ecd_um"] == pytest.approx(2 * np.sqrt(4 * 68 / np.pi))


def test_outlines_count_diagonal_steps():
    diamond = np.abs(np.arange(-6, 7))[:, None] + np.abs(np.arange(-6, 7)) <= 5
    assert measure(np.full((13, 13), 170, np.uint8), mask=diamond)["perimeter_px"] == pytest.approx(20 * np.sqrt(2))
    line = np.zeros((13, 13), bool)
    line[np.arange(3, 10), np.arange(3, 10)] = True
    found = measure(np.full((13, 13), 170, np.uint8), mask=line)
    assert found["perimeter_px"] == pytest.approx(12 * np.sqrt(2))
    assert found["aspect_ratio"] == pytest.approx(found["feret_min_px"] / found["feret_max_px"])


def test_a_single_pixel_is_round():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    found = measure(np.full((9, 9), 170, np.uint8), mask=mask)
    assert (found["circularity"], found["aspect_ratio"], found["feret_max_px"]) == (1, 1, 1)


def test_segment_finds_the_place_and_closes_holes():
    mask = segment(draw(lambda r, c: 3 - np.abs(np.hypot(r - 20, c - 40) - 10)))  # a ring, off centre
    rows, columns = np.nonzero(mask)
    assert mask.dtype == bool
    assert mask.shape == (64, 64)
    assert (rows.mean(), columns.mean()) == (pytest.approx(20, abs=0.7), pytest.approx(40, abs=0.7))
    assert mask[20, 40]
    assert mask.sum() == pytest.approx(np.pi * 13**2, rel=0.15)


def test_shape_of_the_image_is_rows_then_columns():
    image = draw(disc(6, row=12, column=50), size=(30, 70))
    assert segment(image).shape == (30, 70)
    assert segment(image)[12, 50]


def test_the_particle_in_the_middle_wins_over_a_speck_at_the_side():
    both = draw(lambda r, c: np.maximum(disc(6)(r, c), disc(5, 8, 8)(r, c)))
    mask = segment(both)
    assert mask[31, 31]
    assert not mask[8, 8]


def test_colour_is_measured_as_grey():
    grey = draw(disc(10))
    assert measure(np.stack([grey] * 3, -1)) == measure(grey)


@pytest.mark.parametrize("image", [draw(disc(8), depth=0), draw(disc(8), depth=-4), np.full((64, 64), 90, np.uint8)])
def test_what_does_not_stand_out_is_not_measurable(image):
    found = measure(image, um_per_px=0.5)
    assert not segment(image).any()
    assert found.pop("background_level") == pytest.approx(np.median(image), abs=2)
    assert found.pop("touches_edge") is False
    assert set(found.values()) == {None}


def test_a_cut_off_particle_says_so():
    found = measure(draw(disc(14, row=31, column=2)))
    assert found["touches_edge"]
    assert found["area_px"] == pytest.approx(np.pi * 14**2 * 0.6, rel=0.15)


def test_no_scale_no_micrometres():
    found = measure(draw(disc(8)))
    assert found["ecd_um"] is None
    assert found["ecd_px"] is not None


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        measure(np.zeros((4, 3), np.uint8), mask=np.zeros((3, 4), bool))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (4, 4)])
def test_tiny_crops_do_not_fail(size):
    assert measure(np.full(size, 120, np.uint8))["area_px"] is None


@pytest.mark.parametrize("name", ["flowcam_run", "flowcam_library"])
def test_figures_agree_with_flowcam_on_its_own_masks(name, real_data):
    for record in read_particles(real_data / name):
        listed, found = record.columns, measure(record.pixels, mask=record.mask)
        assert found["area_px"] == listed["raw_area"]
        assert found["perimeter_px"] == pytest.approx(listed["raw_perimeter"], abs=2e-4)
        assert found["feret_max_px"] == pytest.approx(listed["raw_feret_max"], abs=1)
        assert found["feret_min_px"] == pytest.approx(listed["raw_feret_min"], abs=1)
        if listed["raw_legendre_major"]:
            axes = listed["raw_legendre_minor"] / listed["raw_legendre_major"]
            assert found["aspect_ratio"] == pytest.approx(axes, abs=1e-4)
        if "Circularity" in listed:
            assert found["circularity"] == pytest.approx(float(listed["Circularity"]), abs=1e-4)


def test_the_export_is_met_once_the_fringe_is_off(real_data):
    near, px = {}, {}
    for record in read_particles(real_data / "flowcam_run"):
        listed, found = record.columns, measure(record.pixels, mask=record.mask, um_per_px=record.um_per_px)
        for name, ours in (("Aspect Ratio", "aspect_ratio"), ("Circularity", "circularity")):
            near.setdefault(name, []).append(found[ours] / float(listed[name]) - 1)
        for name, ours in (
            ("Diameter (ABD)", "ecd_px"),
            ("Diameter (ESD)", "esd_px"),
            ("Length", "feret_max_px"),
            ("Width", "feret_min_px"),
        ):
            length = subtract_fringe(found[ours], listed["fringe_size"])
            near.setdefault(name, []).append(length * record.um_per_px / float(listed[name]) - 1)
            px.setdefault(name, []).append(length - float(listed[name]) / record.um_per_px)
    for name in ("Diameter (ABD)", "Aspect Ratio", "Circularity"):
        assert np.max(np.abs(near[name])) < 0.005
    # FlowCam rounds caliper widths to whole pixels of the camera frame, which moves small particles' by up to one;
    # flowcam_measures does the same and meets every figure.
    assert np.mean(np.abs(near["Diameter (ESD)"]) <= 0.02) > 0.97
    assert np.max(np.abs(near["Diameter (ESD)"])) < 0.04
    assert all(np.max(np.abs(px[name])) < 1 for name in ("Length", "Width"))


@pytest.mark.parametrize("name", ["flowcam_run", "flowcam_library"])
def test_own_segmentation_is_near_the_instruments(name, real_data):
    """Median error of the diameter against the instrument's own mask, holes filled as ours: +2.5 and +4.4 %.

    Single ones are off by 13 and 11 % in the median: half of the run's particles are below 6.5 px, where one ring of
    pixels more or less is 30 %, and the instrument compares with its picture of the empty cell, which we do not have.
    """
    own, theirs = [], []
    for record in read_particles(real_data / name):
        own.append(measure(record.pixels)["ecd_px"])
        theirs.append(measure(record.pixels, mask=ndimage.binary_fill_holes(record.mask))["ecd_px"])
    found = [o is not None for o in own]
    assert np.mean(found) > 0.97
    error = np.array([o for o in own if o is not None]) / np.array(theirs)[found] - 1
    assert abs(np.median(error)) <= 0.05
    assert np.median(np.abs(error)) < 0.15


def test_figures_that_tell_makers_apart_and_grey_levels():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:17] = True
    mask[6:8, 8:10] = False
    pixels = np.full((20, 30), 170, np.uint8)
    pixels[4:10, 5:11], pixels[4:10, 11:17] = 100, 120
    found = measure(pixels, mask=mask, um_per_px=0.5)
    inside = pixels[mask].astype(float)
    assert found["mean_level"] == pytest.approx(inside.mean())
    assert found["level_sd"] == pytest.approx(inside.std())
    assert found["contrast"] == pytest.approx(inside.mean() - 170)
    assert found["circularity_mfi"] == pytest.approx(2 * np.sqrt(np.pi * 68) / 32)
    assert found["convexity"] == 1
    assert found["area_um2"] == 68 / 4
    assert found["esd_um"] == pytest.approx(found["esd_px"] / 2)
    assert 6 < found["esd_px"] < found["feret_max_px"]
    cross = np.zeros((20, 30), bool)
    cross[9:12, 3:22] = cross[2:19, 11:14] = True
    hull_area = 18 * 16 - 2 * (8 * 7 / 2 + 8 * 7 / 2)  # a rectangle less its four corners, between pixel centres
    assert measure(pixels, mask=cross)["convexity"] == pytest.approx(cross.sum() / hull_area)


def test_edge_gradient_falls_with_blur():
    rows, columns = np.mgrid[:64, :64]
    steep = [
        measure((175 - 80 / (1 + np.exp((np.hypot(rows - 31.5, columns - 31.5) - 14) / width))).astype(np.uint8))
        for width in (0.6, 1.5, 3)
    ]
    found = [one["edge_gradient"] for one in steep]
    assert found[0] > found[1] > found[2] > 2
    # The steepest grey level of such an edge is 80 / (4 width); a Sobel looks two pixels wide.
    assert found[2] == pytest.approx(80 / 12, rel=0.15)


def test_every_figure_is_described():
    found = measure(draw(disc(8)), um_per_px=0.5)
    assert set(found) == set(MEASURES)
    assert None not in found.values()
    for name, one in MEASURES.items():
        assert one.words
        assert one.definition
        assert one.unit == {"um": "µm", "px": "px", "um2": "µm²"}.get(name.rpartition("_")[2], one.unit)
    assert measure(draw(disc(8)))["area_um2"] is None
