"""Images that IDEAS exports from an ImageStream: one file per object and channel."""

import numpy as np
import pytest
from PIL import Image

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.ome_files import draw_ome
from tests.helpers.records import pixels_of

LEVELS = {1: 190, 2: 12, 6: 9}  # background by channel: channel 1 is in bright field


def draw_export(folder, *, objects=(0, 2, 11), levels=LEVELS, pattern="{}_Ch{}.ome.tif", mask=False):
    """Write the images of these objects; returns {object: {channel: pixels}}."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {}
    for number in objects:
        for channel, level in levels.items():
            image = np.full((20 + number, 30), level, np.uint8)
            image[5:12, 8 : 20 + channel] = 90
            page, particle = Image.fromarray(image), np.zeros(image.shape, np.uint8)
            particle[5:12, 8 : 20 + channel] = 1
            pages = [Image.fromarray(particle)] if mask else []
            page.save(folder / pattern.format(number, channel), save_all=mask, append_images=pages)
            drawn.setdefault(number, {})[channel] = image
    return drawn


@pytest.mark.parametrize("pattern", ["{}_Ch{}.ome.tif", "sample 3_{}_Ch{}.ome.tif", "{}_ch{}.tif", "run1_{}_CH{}.tiff"])
def test_an_object_is_one_particle_in_bright_field(tmp_path, pattern):
    drawn = draw_export(tmp_path, pattern=pattern)
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert (summary.kind, summary.count, len(records)) == ("image_stream", 3, 3)
    assert [r.columns["Object Number"] for r in records] == [0, 2, 11]
    assert all(np.array_equal(pixels_of(r), drawn[r.columns["Object Number"]][1]) for r in records)
    assert summary.um_per_px is None
    assert any("read from channel 1 of 1, 2, 6" in note for note in summary.notes)


def test_another_channel_can_be_chosen(tmp_path):
    drawn = draw_export(tmp_path)
    (question,) = detect_source(tmp_path).questions
    assert (question.options, question.default) == (("1", "2", "6"), "1")
    first = next(read_particles(tmp_path, {question.key: "6"}))
    assert np.array_equal(pixels_of(first), drawn[0][6])
    with pytest.raises(LabError, match="choose 1 or 2 or 6"):
        detect_source(tmp_path, {question.key: "3"})


def test_channels_may_be_counted_from_0(tmp_path):
    for number in range(2):
        for channel, name in ((0, "BF"), (1, "DAPI")):
            draw_ome(tmp_path / f"{number}_Ch{channel}.ome.tif", channel=name, level=100 + 80 * channel)
    assert detect_source(tmp_path).questions[0].default == "0"


def test_of_two_bright_channels_the_first_is_taken(tmp_path):
    draw_export(tmp_path, levels={3: 20, 4: 185, 9: 190})
    assert detect_source(tmp_path).questions[0].default == "4"


def test_an_object_without_the_channel_is_listed_and_masks_are_read(tmp_path):
    drawn = draw_export(tmp_path, mask=True)
    (tmp_path / "2_Ch1.ome.tif").unlink()
    (tmp_path / "11_Ch1.ome.tif").write_bytes(b"II*\0broken")
    records = list(read_particles(tmp_path))
    assert records[0].reason == ""
    assert np.array_equal(records[0].mask, drawn[0][1] == 90)
    assert records[1].reason == "object 2 has no image of channel 1"
    assert "damaged" in records[2].reason or "not an image" in records[2].reason
    assert any("Objects without an image of channel 1: 1" in note for note in detect_source(tmp_path).notes)


def test_several_exports_and_classes_of_folders(tmp_path):
    for folder in ("protein", "fibre/day 2"):
        draw_export(tmp_path / folder)
    assert len(detect_source(tmp_path).runs) == 2
    assert [r.given for r in read_particles(tmp_path)] == ["fibre"] * 3 + ["protein"] * 3


@pytest.mark.parametrize("pattern", ["cell{}_{}.tif", "image_{}_channel{}.tif"])
def test_other_names_are_plain_images(tmp_path, pattern):
    draw_export(tmp_path, pattern=pattern)
    assert detect_source(tmp_path).kind == "folder"


@pytest.mark.parametrize("layout", ["first line", "header alone", "decimal commas", "some objects", "utf-16"])
def test_features_of_a_table_beside_the_images_become_columns(tmp_path, layout):
    draw_export(tmp_path)
    rows = [(0, 12.5, 401), (2, 8.25, 77), (5, 1.5, 3), (11, 30.125, 900)]
    if layout == "some objects":
        rows = rows[1:]
    text = "Object Number\tDiameter_M01\tArea_M01\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)
    if layout != "header alone":
        text = "run 3_all.daf\n" + text
    if layout == "decimal commas":
        text = text.replace(".", ",").replace("run 3_all,daf", "run 3_all.daf")
    (tmp_path / "features.txt").write_bytes(text.encode("utf-16" if layout == "utf-16" else "cp1252"))
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert {"Object Number", "Diameter_M01", "Area_M01"} <= set(summary.columns)
    stated = {r.columns["Object Number"]: r.columns.get("Diameter_M01") for r in records}
    assert stated == {0: None if layout == "some objects" else "12.5", 2: "8.25", 11: "30.125"}
    assert any("not stated for 1 of 3" in note for note in summary.notes) == (layout == "some objects")
    assert not any("Ignored" in note for note in summary.notes)
