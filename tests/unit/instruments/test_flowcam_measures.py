"""FlowCam's measurements: shapes with known values, and every particle of the real runs if available."""

import csv

import numpy as np
import pytest

from svp_core.instruments.detect import read_particles
from svp_core.instruments.flowcam import measures
from tests.helpers.records import mask_of, pixels_of


def mask_from_text(text):
    return np.array([[character == "#" for character in line] for line in text.split()])


def test_fringe_correction_is_continuous():
    assert measures.subtract_fringe(20, 4.5) == 15.5
    assert measures.subtract_fringe(9, 4.5) == 4.5  # the two branches meet: continuous, exactly at twice the fringe
    assert measures.subtract_fringe(6, 4.5) == 3


def test_contours_run_anticlockwise_from_the_first_pixel_of_the_lowest_part():
    mask = mask_from_text("..##.. ..##.. ...... #....# .#..#. ......")
    square, falling, rising = (2, 0, "7135"), (0, 3, "84"), (5, 3, "62")
    assert measures.outer_contours(mask) == [rising, falling, square]
    assert measures.outer_contours(mask_from_text("#")) == [(0, 0, "")]
    assert measures.outer_contours(mask_from_text("...")) == []


def test_rectangle_matches_values_computed_by_hand():
    mask = np.zeros((9, 14), bool)
    mask[2:6, 3:11] = True  # 4 high, 8 wide
    mask[3:5, 5:7] = False  # a hole of 4 pixels
    measured = measures.measure_mask(mask, left=100, top=50)
    assert (measured["ppc"], measured["raw_area"], measured["raw_filled_area"]) == (1, 28, 32)
    assert (measured["raw_perimeter"], measured["raw_convex_perimeter"], measured["raw_convex_hull_area"]) == (
        20,
        20,
        21,
    )
    assert (measured["raw_feret_min"], measured["feret_min_angle"]) == (4, -90)
    assert measured["raw_feret_max"] == 9  # the diagonal between pixel centres, 7.6, and one pixel
    assert measured["raw_legendre_major"] == pytest.approx(4 * np.sqrt((8**2 - 1) / 12))
    assert measured["raw_legendre_minor"] == pytest.approx(4 * np.sqrt((4**2 - 1) / 12))
    # No rectangle has area 32 and perimeter 20: a square of that perimeter is used instead.
    assert measures.geodesic(32, 20) == (5, 5)
    length, thickness = measures.geodesic(32, 24)
    assert (length, thickness) == (8, 4)


def test_angles_are_anticlockwise():
    rising = np.eye(12, dtype=bool)[::-1]
    assert measures.measure_mask(rising, left=0, top=0)["feret_max_angle"] == 45
    assert measures.measure_mask(rising[::-1], left=0, top=0)["feret_max_angle"] == -45


def test_single_pixel_and_line_have_finite_values():
    for mask in (mask_from_text("#"), mask_from_text("#####"), mask_from_text("# # #")):
        pixels = np.full(mask.shape, 100, np.uint8)
        row = measures.measure_particle(pixels, mask, left=3, top=4, um_per_px=0.5, fringe_px=4.5)
        assert row["width"] == 0.5  # one pixel thin: one pixel wide
        numbers = [*row.values(), *measures.derived_measures({**row, "cal_const": 0.5}).values()]
        assert np.isfinite(numbers).all()


@pytest.mark.parametrize("folder", ["flowcam_run", "flowcam_library"])
def test_every_value_of_the_real_runs_is_reproduced(folder, real_data):
    """Within rounding on every particle: the .lst has 4 decimals, and csv volumes 7 digits."""
    differing, compared = {}, set()
    records = list(read_particles(real_data / folder))
    assert len(records) == {"flowcam_run": 1000, "flowcam_library": 506}[folder]
    for record in records:
        columns = record.columns
        row = measures.measure_particle(
            _swapped_luma(pixels_of(record)),
            mask_of(record),
            left=columns["src_x"],
            top=columns["src_y"],
            um_per_px=columns["cal_const"],
            fringe_px=columns["fringe_size"],
        )
        row |= measures.derived_measures({**row, "cal_const": columns["cal_const"]})
        for name in row.keys() & columns.keys() - {"avg_red", "avg_green", "avg_blue"}:
            compared.add(name)
            if abs(row[name] - float(columns[name])) > 1e-4 + 1e-6 * abs(row[name]):
                differing[name] = differing.get(name, 0) + 1
    # One particle per data set has another number of parts in its list. In the library its contour differs as well, and
    # everything derived from it; and a line of pixels has no minor axis.
    expected = {"ppc"}
    if folder == "flowcam_library":
        expected |= {"raw_legendre_major", "raw_perimeter", "perimeter", "roughness", "compactness", "elongation"}
    assert differing == dict.fromkeys(expected, 1)
    assert len(compared) >= (37 if folder == "flowcam_run" else 26)


def test_contours_of_the_real_run_are_reproduced(real_data):
    """All but one stray pixel, which the .edg omits."""
    paths = list((real_data / "flowcam_run").glob("*/*.edg"))
    contours = {}
    with paths[0].open(newline="") as file:
        for particle_id, count, x, y, chain in csv.reader(file):
            assert len(chain) == int(count)
            contours.setdefault(int(particle_id), []).append((int(x), int(y), chain))
    differing = 0
    for record in read_particles(paths[0].parent):
        left, top = record.columns["src_x"], record.columns["src_y"]
        computed = [(x + left, y + top, chain) for x, y, chain in measures.outer_contours(mask_of(record)) if chain]
        differing += computed != contours[record.columns["id"]]
    assert differing == 0


def _swapped_luma(pixels):
    """FlowCam's grey value of colour pixels: red and blue are swapped."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = np.moveaxis(pixels.astype(int), -1, 0)
    return (1868 * red + 9617 * green + 4899 * blue + 8192) // 16384
