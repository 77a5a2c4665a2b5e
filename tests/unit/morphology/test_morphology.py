"""Size and shape: drawn particles of known size, conventions that fail if swapped, and FlowCam's own measurements."""

import numpy as np
import pytest
from scipy import ndimage

from svp_core.instruments.detect import read_particles
from svp_core.instruments.flowcam.measures import subtract_fringe
from svp_core.morphology import MEASURES, measure, segment
from tests.helpers.records import mask_of, pixels_of


def draw(inside, *, size=(64, 64), level=175, depth=-60, noise=3, seed=0):
    """uint8 image with a particle where inside(rows, columns) is positive, with an edge one pixel wide."""
    rows, columns = np.mgrid[: size[0], : size[1]].astype(float)
    share = np.clip(inside(rows, columns) + 0.5, 0, 1)
    image = level + depth * share + np.random.default_rng(seed).normal(0, noise, size)
    return image.clip(0, 255).round().astype(np.uint8)


def disc(radius, row=31.5, column=31.5):
    return lambda rows, columns: radius - np.hypot(rows - row, columns - column)


def ellipse(semi_row, semi_column, row=31.5, column=31.5):
    def inside(rows, columns):
        distance = np.hypot((rows - row) / semi_row, (columns - column) / semi_column)
        return (1 - distance) * min(semi_row, semi_column)

    return inside


@pytest.mark.parametrize("radius", [4, 8, 15, 25])
@pytest.mark.parametrize("depth", [-60, 60])
def test_diameter_of_discs(radius, depth):
    values = measure(draw(disc(radius), depth=depth), um_per_px=0.5)
    assert values["ecd_px"] == pytest.approx(2 * radius, abs=1)
    assert values["ecd_um"] == pytest.approx(values["ecd_px"] / 2)
    assert values["feret_max_px"] == pytest.approx(2 * radius, abs=2.5)
    assert values["circularity"] > 0.8
    assert values["aspect_ratio"] > 0.93
    assert values["background_level"] == pytest.approx(175, abs=2)
    assert values["contrast"] == pytest.approx(depth, rel=0.3)
    assert not values["touches_edge"]


def test_axes_of_an_ellipse():
    for image in (draw(ellipse(9, 24)), draw(ellipse(24, 9))):
        values = measure(image)
        assert values["aspect_ratio"] == pytest.approx(9 / 24, abs=0.04)
        assert values["feret_max_px"] == pytest.approx(48, abs=2.5)
        assert values["feret_min_px"] == pytest.approx(18, abs=2.5)
        assert values["area_px"] == pytest.approx(np.pi * 9 * 24, rel=0.1)


def test_values_of_a_mask_computed_by_hand():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:17] = True  # 6 high, 12 wide
    mask[6:8, 8:10] = False  # a hole
    values = measure(np.full((20, 30), 170, np.uint8), mask=mask, um_per_px=2.0)
    assert values["area_px"] == 6 * 12 - 4
    assert values["perimeter_px"] == 2 * (5 + 11)
    assert values["circularity"] == pytest.approx(4 * np.pi * 72 / 32**2)
    assert values["aspect_ratio"] == pytest.approx(np.sqrt((6**2 - 1) / (12**2 - 1)))
    assert values["feret_min_px"] == pytest.approx(6)
    assert 12 <= values["feret_max_px"] <= np.hypot(6, 12) + 1
    assert values["ecd_um"] == pytest.approx(2 * np.sqrt(4 * 68 / np.pi))


def test_outlines_count_diagonal_steps():
    diamond = np.abs(np.arange(-6, 7))[:, None] + np.abs(np.arange(-6, 7)) <= 5
    assert measure(np.full((13, 13), 170, np.uint8), mask=diamond)["perimeter_px"] == pytest.approx(20 * np.sqrt(2))
    line = np.zeros((13, 13), bool)
    line[np.arange(3, 10), np.arange(3, 10)] = True
    values = measure(np.full((13, 13), 170, np.uint8), mask=line)
    assert values["perimeter_px"] == pytest.approx(12 * np.sqrt(2))
    assert values["aspect_ratio"] == pytest.approx(values["feret_min_px"] / values["feret_max_px"])


def test_single_pixel_is_round():
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    values = measure(np.full((9, 9), 170, np.uint8), mask=mask)
    assert (values["circularity"], values["aspect_ratio"], values["feret_max_px"]) == (1, 1, 1)


def test_segment_locates_the_particle_and_closes_holes():
    mask = segment(draw(lambda r, c: 3 - np.abs(np.hypot(r - 20, c - 40) - 10)))  # a ring, off centre
    rows, columns = np.nonzero(mask)
    assert mask.dtype == bool
    assert mask.shape == (64, 64)
    assert (rows.mean(), columns.mean()) == (pytest.approx(20, abs=0.7), pytest.approx(40, abs=0.7))
    assert mask[20, 40]
    assert mask.sum() == pytest.approx(np.pi * 13**2, rel=0.15)


def test_mask_shape_is_rows_then_columns():
    image = draw(disc(6, row=12, column=50), size=(30, 70))
    assert segment(image).shape == (30, 70)
    assert segment(image)[12, 50]


def test_particle_in_the_centre_is_preferred_to_one_at_the_side():
    both = draw(lambda r, c: np.maximum(disc(6)(r, c), disc(5, 8, 8)(r, c)))
    mask = segment(both)
    assert mask[31, 31]
    assert not mask[8, 8]


def test_colour_is_measured_as_grey():
    grey = draw(disc(10))
    assert measure(np.stack([grey] * 3, -1)) == measure(grey)


@pytest.mark.parametrize("image", [draw(disc(8), depth=0), draw(disc(8), depth=-4), np.full((64, 64), 90, np.uint8)])
def test_particle_without_contrast_is_not_measured(image):
    values = measure(image, um_per_px=0.5)
    assert not segment(image).any()
    assert values.pop("background_level") == pytest.approx(np.median(image), abs=2)
    assert values.pop("touches_edge") is False
    assert set(values.values()) == {None}


def test_particle_cut_off_by_the_border_is_flagged():
    values = measure(draw(disc(14, row=31, column=2)))
    assert values["touches_edge"]
    assert values["area_px"] == pytest.approx(np.pi * 14**2 * 0.6, rel=0.15)


def test_values_in_um_need_a_pixel_size():
    values = measure(draw(disc(8)))
    assert values["ecd_um"] is None
    assert values["ecd_px"] is not None


def test_mask_of_another_size_raises():
    with pytest.raises(ValueError, match=r"\(3, 4\)"):
        measure(np.zeros((4, 3), np.uint8), mask=np.zeros((3, 4), bool))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (4, 4)])
def test_tiny_crops_do_not_fail(size):
    assert measure(np.full(size, 120, np.uint8))["area_px"] is None


@pytest.mark.parametrize("name", ["flowcam_run", "flowcam_library"])
def test_values_agree_with_flowcam_on_its_own_masks(name, real_data):
    for record in read_particles(real_data / name):
        listed, values = record.columns, measure(pixels_of(record), mask=mask_of(record))
        assert values["area_px"] == listed["raw_area"]
        assert values["perimeter_px"] == pytest.approx(listed["raw_perimeter"], abs=2e-4)
        assert values["feret_max_px"] == pytest.approx(listed["raw_feret_max"], abs=1)
        assert values["feret_min_px"] == pytest.approx(listed["raw_feret_min"], abs=1)
        if listed["raw_legendre_major"]:
            axes = listed["raw_legendre_minor"] / listed["raw_legendre_major"]
            assert values["aspect_ratio"] == pytest.approx(axes, abs=1e-4)
        if "Circularity" in listed:
            assert values["circularity"] == pytest.approx(float(listed["Circularity"]), abs=1e-4)


def test_values_agree_with_the_export_once_the_fringe_is_subtracted(real_data):
    ratios, px = {}, {}
    for record in read_particles(real_data / "flowcam_run"):
        listed, values = record.columns, measure(pixels_of(record), mask=mask_of(record), um_per_px=record.um_per_px)
        assert record.um_per_px is not None
        for name, key in (("Aspect Ratio", "aspect_ratio"), ("Circularity", "circularity")):
            ratios.setdefault(name, []).append(values[key] / float(listed[name]) - 1)
        for name, key in (
            ("Diameter (ABD)", "ecd_px"),
            ("Diameter (ESD)", "esd_px"),
            ("Length", "feret_max_px"),
            ("Width", "feret_min_px"),
        ):
            length = subtract_fringe(values[key], listed["fringe_size"])
            ratios.setdefault(name, []).append(length * record.um_per_px / float(listed[name]) - 1)
            px.setdefault(name, []).append(length - float(listed[name]) / record.um_per_px)
    for name in ("Diameter (ABD)", "Aspect Ratio", "Circularity"):
        assert np.max(np.abs(ratios[name])) < 0.005
    # FlowCam rounds caliper widths to whole pixels of the camera frame, which changes those of small particles by up to
    # one; flowcam.measures does the same and reproduces every value.
    assert np.mean(np.abs(ratios["Diameter (ESD)"]) <= 0.02) > 0.97
    assert np.max(np.abs(ratios["Diameter (ESD)"])) < 0.04
    assert all(np.max(np.abs(px[name])) < 1 for name in ("Length", "Width"))


@pytest.mark.parametrize("name", ["flowcam_run", "flowcam_library"])
def test_segmentation_agrees_with_the_instrument(name, real_data):
    """Median error of the diameter relative to the instrument's own mask with holes filled: +2.5 and +4.4 %.

    The median absolute error is 13 and 11 %: half of the run's particles are below 6.5 px, where one ring of pixels
    more or less is 30 %, and the instrument compares with its image of the empty cell, which is not available here.
    """
    own, reference = [], []
    for record in read_particles(real_data / name):
        own.append(measure(pixels_of(record))["ecd_px"])
        reference.append(
            measure(pixels_of(record), mask=np.array(ndimage.binary_fill_holes(mask_of(record)), bool))["ecd_px"]
        )
    measurable = [o is not None for o in own]
    assert np.mean(measurable) > 0.97
    error = np.array([o for o in own if o is not None]) / np.array(reference)[measurable] - 1
    assert abs(np.median(error)) <= 0.05
    assert np.median(np.abs(error)) < 0.15


def test_grey_levels_convexity_and_mfi_circularity():
    mask = np.zeros((20, 30), bool)
    mask[4:10, 5:17] = True
    mask[6:8, 8:10] = False
    pixels = np.full((20, 30), 170, np.uint8)
    pixels[4:10, 5:11], pixels[4:10, 11:17] = 100, 120
    values = measure(pixels, mask=mask, um_per_px=0.5)
    inside = pixels[mask].astype(float)
    assert values["mean_level"] == pytest.approx(inside.mean())
    assert values["level_sd"] == pytest.approx(inside.std())
    assert values["contrast"] == pytest.approx(inside.mean() - 170)
    assert values["circularity_mfi"] == pytest.approx(2 * np.sqrt(np.pi * 68) / 32)
    assert values["convexity"] == 1
    assert values["area_um2"] == 68 / 4
    assert values["esd_um"] == pytest.approx(values["esd_px"] / 2)
    assert 6 < values["esd_px"] < values["feret_max_px"]
    cross = np.zeros((20, 30), bool)
    cross[9:12, 3:22] = cross[2:19, 11:14] = True
    hull_area = 18 * 16 - 2 * (8 * 7 / 2 + 8 * 7 / 2)  # a rectangle without its four corners, between pixel centres
    assert measure(pixels, mask=cross)["convexity"] == pytest.approx(cross.sum() / hull_area)


def test_edge_gradient_decreases_with_blur():
    rows, columns = np.mgrid[:64, :64]
    edges = [
        measure((175 - 80 / (1 + np.exp((np.hypot(rows - 31.5, columns - 31.5) - 14) / width))).astype(np.uint8))
        for width in (0.6, 1.5, 3)
    ]
    gradients = [values["edge_gradient"] for values in edges]
    assert gradients[0] > gradients[1] > gradients[2] > 2
    # The steepest gradient of such an edge is 80 / (4 width); a Sobel filter averages over two pixels.
    assert gradients[2] == pytest.approx(80 / 12, rel=0.15)


def test_every_measurement_is_described():
    values = measure(draw(disc(8)), um_per_px=0.5)
    assert set(values) == set(MEASURES)
    assert None not in values.values()
    for name, measurement in MEASURES.items():
        assert measurement.title
        assert measurement.definition
        assert measurement.unit == {"um": "µm", "px": "px", "um2": "µm²"}.get(name.rpartition("_")[2], measurement.unit)
    assert measure(draw(disc(8)))["area_um2"] is None
