"""What is off with a source is said before it is classified."""

import numpy as np
import pytest

from svp_core.classification.first_look import look_at_first
from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source
from tests.helpers import drawn_files


def write(folder, **images):
    folder.mkdir(exist_ok=True, parents=True)
    for name, values in images.items():
        (folder / f"{name}.png").write_bytes(drawn_files.by_pillow(values, "PNG"))


def empty(seed=0):
    return drawn_files.draw_grey(radius=-1, seed=seed)


def test_a_good_source_gives_no_caution(tmp_path):
    write(tmp_path, a=drawn_files.GREY, b=drawn_files.draw_grey(seed=1))
    look = look_at_first(tmp_path, keep=1)
    assert look.cautions == ()
    assert [(name, tile.shape) for name, tile in look.tiles] == [("a.png", (64, 64, 3))]
    assert look.reason == ""
    assert detect_source(tmp_path).cautions == ()


def test_crops_with_nothing_visible_are_counted(tmp_path):
    write(tmp_path, a=drawn_files.GREY, b=empty(), c=empty(1), d=np.full((40, 40), 175, np.uint8))
    (caution,) = look_at_first(tmp_path).cautions
    assert caution.startswith("3 of the first 4 items")
    (caution,) = look_at_first(tmp_path, examined=2).cautions
    assert caution.startswith("1 of the first 2 items")


def test_items_that_cannot_be_used_are_counted_by_reason(tmp_path):
    write(tmp_path, a=drawn_files.GREY)
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.txt").write_text("day 5")
    look = look_at_first(tmp_path, keep=3)
    assert [name for name, _ in look.tiles] == ["a.png"]
    assert look.reason.startswith("the file is empty")
    (caution,) = look.cautions
    assert "2 of the first 3 items" in caution
    assert "the file is empty; copy it again (1)" in caution


def test_copies_in_two_folders_are_told(tmp_path):
    write(tmp_path / "oil", a=drawn_files.GREY, b=drawn_files.draw_grey(seed=1))
    write(tmp_path / "protein", a=drawn_files.GREY, c=drawn_files.GREY)
    (caution,) = detect_source(tmp_path).cautions
    assert caution.startswith("1 image file is a copy")
    assert "protein/a.png" in caution
    (tmp_path / "protein" / "a.png").unlink()
    assert detect_source(tmp_path).cautions == ()


def test_a_source_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(LabError):
        look_at_first(tmp_path / "nowhere")


@pytest.mark.parametrize(("size", "told"), [((960, 1280), True), ((480, 640), True), ((300, 1200), False)])
def test_whole_camera_frames_among_plain_images_are_told(tmp_path, size, told):
    pixels = np.random.default_rng(0).integers(170, 180, size, dtype=np.uint8)
    pixels[100:130, 100:150] = 60
    write(tmp_path, a=pixels)
    assert any("camera frames" in caution for caution in look_at_first(tmp_path).cautions) == told
