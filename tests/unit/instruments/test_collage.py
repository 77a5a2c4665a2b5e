"""Tiles in collage images without a list: drawn ones with known boxes, and real ones if available."""

import numpy as np
import pytest
from PIL import Image

from svp_core.decoding.files import decode_images
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images.collage import find_tiles, looks_like_collage
from tests.helpers.drawn_run import draw_collage
from tests.helpers.records import pixels_of

SIZES = [(20 + 7 * k % 31, 18 + 5 * k % 23) for k in range(40)]


def same_boxes(boxes, expected):
    return boxes.shape == expected.shape and (boxes == expected).all()


def test_tiles_separated_by_black_are_found_exactly():
    image, boxes = draw_collage(SIZES)
    assert looks_like_collage(image)
    assert same_boxes(find_tiles(image), boxes)


def test_touching_tiles_are_separated_by_their_heights():
    image, boxes = draw_collage(SIZES, gap=0)
    assert looks_like_collage(image)
    assert same_boxes(find_tiles(image), boxes)


def test_touching_tiles_of_one_height_are_separated_at_a_faint_step_or_line():
    row = np.random.default_rng(1).normal(150, 3, (30, 120))
    row[:, 40:80] += 12  # a lighter middle tile
    image = np.zeros((60, 200), np.uint8)
    image[10:40, 20:140] = row
    assert same_boxes(find_tiles(image), np.array([[10, 20, 40, 60], [10, 60, 40, 100], [10, 100, 40, 140]]))
    row[:, 40:80] -= 12
    row[:, 70] = 125  # a thin line, not black
    image[10:40, 20:140] = row
    boxes = find_tiles(image)
    assert boxes[:, 0].tolist() == [10, 10]
    assert boxes[0, 3] == 90
    assert boxes[1, 1] == 91


def test_blurred_vertical_fibre_is_not_a_seam():
    columns = np.arange(90)
    fibre = 150 - 60 * np.exp(-(((columns - 45) / 6) ** 2))
    image = np.zeros((50, 130), np.uint8)
    image[5:35, 10:100] = fibre + np.random.default_rng(2).normal(0, 3, (30, 90))
    assert same_boxes(find_tiles(image), np.array([[5, 10, 35, 100]]))


def test_dark_particles_leave_no_holes_in_tiles():
    image = np.zeros((40, 60), np.uint8)
    image[5:35, 5:45] = 150
    image[10:30, 12:38] = 3
    assert same_boxes(find_tiles(image), np.array([[5, 5, 35, 45]]))


def test_rectangles_drawn_in_colour_are_not_tiles():
    grey, boxes = draw_collage(SIZES, seed=4)
    image = np.stack([grey] * 3, -1)
    bottom = boxes[boxes[:, 0] == 0, 2].max()
    image[bottom : bottom + 3] = (255, 242, 0)
    image[0:bottom, 296:299] = (237, 28, 36)
    tiles = find_tiles(image)
    for top, left, low, right in tiles:
        assert np.ptp(image[top:low, left:right].astype(int), axis=2).max() == 0
    assert len(tiles) == 40


def test_reading_order_is_rows_then_columns():
    image, boxes = draw_collage([(20, 40)] * 9, width=130)
    tiles = find_tiles(image)
    assert same_boxes(tiles, boxes)
    assert tiles[1].tolist() == [0, 42, 20, 82]


def test_empty_image_has_no_tiles():
    assert find_tiles(np.zeros((50, 70), np.uint8)).shape == (0, 4)
    assert not looks_like_collage(np.zeros((50, 70), np.uint8))


@pytest.mark.parametrize("kind", ["disc", "ring", "dark field", "arc", "flat", "noise"])
def test_image_of_one_particle_is_not_a_collage(kind):
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:96, :96]
    distance = np.hypot(rows - 48, columns - 48)
    image = {
        "disc": np.where(distance < 30, 2, 170),
        "ring": np.where(abs(distance - 30) < 12, 0, 170),
        "dark field": np.where((rows % 24 - 12) ** 2 + (columns % 24 - 12) ** 2 < 60, 200, 0),
        "arc": 170 / (1 + np.exp(-(np.hypot(rows, columns) - 60) / 3)),
        "flat": np.full((96, 96), 170),
        "noise": rng.integers(0, 256, (96, 96)),
    }[kind]
    assert not looks_like_collage(image.astype(np.uint8))


def test_single_collage_is_split_and_noted(tmp_path):
    image, boxes = draw_collage(SIZES)
    path = tmp_path / "Bild <1>.png"
    Image.fromarray(image).save(path)
    for source in (path, tmp_path):
        summary, records = detect_source(source), list(read_particles(source))
        assert summary.kind == "collage"
        assert summary.count == len(records) == 40
        assert "40 tiles were found" in summary.notes[0]
    assert records[1].name == "Bild <1>.png#2"
    assert records[1].columns["left"] == boxes[1, 1]
    assert np.array_equal(pixels_of(records[3]), image[boxes[3, 0] : boxes[3, 2], boxes[3, 1] : boxes[3, 3]])


def test_collage_among_other_images_is_rejected_with_advice(tmp_path):
    Image.fromarray(draw_collage(SIZES)[0]).save(tmp_path / "collage.png")
    Image.new("L", (40, 40), 170).save(tmp_path / "p.png")
    collage, particle = read_particles(tmp_path)
    assert "open it on its own" in collage.reason
    assert not particle.rejected
    assert detect_source(tmp_path).count == 2


def test_real_nano_collage_is_split_into_its_tiles(real_data):
    path = real_data / "svp_collage_flowcam_nano.png"
    pixels = decode_images(path.read_bytes())[0]
    records = list(read_particles(path))
    assert len(records) == detect_source(path).count == 211  # counted by eye on an overlay: each box is one tile
    covered = np.zeros(pixels.shape[:2], int)
    for r in records:
        covered[r.columns["top"] : r.columns["bottom"], r.columns["left"] : r.columns["right"]] += 1
        tile = pixels_of(r)
        assert tile.ndim == 2 or np.ptp(tile.astype(int), axis=2).max() < 20  # no drawn rectangles
        assert np.median(tile[0]) > 100
        assert np.median(tile[:, -1]) > 100
    assert covered.max() == 1


def test_real_flowcam_collages_agree_with_their_list(real_data):
    records = list(read_particles(real_data / "flowcam_run"))
    for name in {r.columns["collage_file"] for r in records}:
        keys = ("image_y", "image_x", "image_h", "image_w")
        boxes = np.array([[r.columns[k] for k in keys] for r in records if r.columns["collage_file"] == name])
        boxes[:, 2:] += boxes[:, :2]
        tiles = find_tiles(decode_images(next(real_data.glob(f"flowcam_run/*/{name}")).read_bytes())[0])
        assert {tuple(b) for b in tiles.tolist()} == {tuple(b) for b in boxes.tolist()}


def test_real_single_tiles_are_not_collages(real_data):
    assert not any(r.rejected for r in read_particles(real_data / "svp_generated"))


def test_a_page_of_black_and_white_is_no_collage():
    pixels = np.zeros((300, 400), np.uint8)
    for row in range(20, 280, 40):
        for column in range(20, 380, 30):
            pixels[row : row + 25, column : column + 20] = 255
    assert not looks_like_collage(pixels)
    assert looks_like_collage(np.where(pixels, 170 + np.arange(400) % 9, 0).astype(np.uint8))
