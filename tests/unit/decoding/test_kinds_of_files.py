"""One picture in many kinds of files: each is read as its 8-bit version, alone in its folder."""

import numpy as np
import pytest

from svp_core import images
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.morphology import measure
from tests.helpers import drawn_files
from tests.helpers.records import pixels_of

KINDS = {
    name: data
    for kinds in (
        drawn_files.integers,
        drawn_files.fractions,
        drawn_files.layouts,
        drawn_files.colours,
        drawn_files.others,
    )
    for name, data in kinds()
}
REFERENCE = measure(drawn_files.GREY)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_shows_the_particle_of_its_8_bit_version(name, tmp_path):
    (tmp_path / name).write_bytes(KINDS[name])
    (record,) = read_particles(tmp_path)
    assert record.reason == ""
    values = measure(pixels_of(record))
    assert values["background_level"] == pytest.approx(REFERENCE["background_level"], abs=10 if "bits" in name else 2)
    assert values["ecd_px"] == pytest.approx(REFERENCE["ecd_px"], rel=0.02)
    assert values["contrast"] == pytest.approx(REFERENCE["contrast"], abs=10 if "bits" in name else 3)
    assert detect_source(tmp_path).count == 1


def test_orientation_is_as_other_programs_show_it(tmp_path):
    from PIL import Image

    grey = np.zeros((20, 40), np.uint8) + 170
    grey[2:6, 30:38] = 20
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        (tmp_path / f"{orientation}.png").write_bytes(drawn_files.by_pillow(grey, "PNG", exif=exif))
        deep = drawn_files.tiff(grey.astype(np.uint16) * 257, extratags=[(274, 3, 1, orientation, True)], metadata=None)
        (tmp_path / f"{orientation}.tif").write_bytes(deep)
    shown = {record.name: pixels_of(record) for record in read_particles(tmp_path)}
    for orientation in range(1, 9):
        with Image.open(tmp_path / f"{orientation}.png") as file:
            from PIL import ImageOps

            wanted = np.asarray(ImageOps.exif_transpose(file))
        assert np.array_equal(shown[f"{orientation}.png"], wanted)
        assert np.array_equal(shown[f"{orientation}.tif"], wanted)
    assert shown["6.png"].shape == (40, 20)


def test_what_cannot_be_read_is_told_with_its_kind(tmp_path):
    import tifffile

    data = drawn_files.tiff(drawn_files.GREY, metadata=None)
    (tmp_path / "unknown_compression.tif").write_bytes(drawn_files.with_tag(data, 259, 60001))
    complex_values = (drawn_files.FRACTION + 1j).astype(np.complex64)
    tifffile.imwrite(tmp_path / "complex.tif", complex_values)
    whole = drawn_files.tiff(drawn_files.counts(12), metadata=None)
    (tmp_path / "cut.tif").write_bytes(whole[:-2000])
    (tmp_path / "nan.tif").write_bytes(drawn_files.tiff(np.full((9, 9), np.nan, np.float32)))
    reasons = {record.name: record.reason for record in read_particles(tmp_path)}
    assert "60001" in reasons["unknown_compression.tif"]
    assert "save it as" in reasons["unknown_compression.tif"]
    assert "complex64" in reasons["complex.tif"]
    assert "damaged" in reasons["cut.tif"]
    assert "undefined" in reasons["nan.tif"]


def test_an_oversized_deep_image_is_rejected_before_it_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "MAX_IMAGE_PX", 1000)
    for name in ("float16_0_1.tif", "rgb16_of_12.png", "uint16_of_12.tif"):
        (tmp_path / name).write_bytes(KINDS[name])
    assert all("64 x 64 px" in record.reason for record in read_particles(tmp_path))


@pytest.mark.parametrize("offset", [2**63, 2**64 - 1, 10**6])
def test_pages_that_begin_behind_the_end_of_the_file_are_one_rejected_row(tmp_path, offset):
    (tmp_path / "far.tif").write_bytes(b"II+\0\x08\0\0\0" + offset.to_bytes(8, "little"))
    (tmp_path / "good.png").write_bytes(drawn_files.by_pillow(drawn_files.GREY, "PNG"))
    records = {record.name: record for record in read_particles(tmp_path)}
    assert detect_source(tmp_path).count == len(records) == 2
    assert records["far.tif"].rejected
    assert not records["good.png"].rejected


def test_a_file_of_thousands_of_values_a_pixel_takes_no_memory(tmp_path):
    import tifffile

    tifffile.imwrite(tmp_path / "a.tif", np.zeros((8, 8, 5), np.uint8), photometric="minisblack", planarconfig="contig")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        tags = file.pages[0].tags
        for name, value in (("SamplesPerPixel", 65535), ("ImageWidth", 7000), ("ImageLength", 7000)):
            tag = tags[name]
            data[tag.valueoffset : tag.valueoffset + 2] = value.to_bytes(2, "little")
    (tmp_path / "a.tif").write_bytes(data)
    (record,) = read_particles(tmp_path)
    assert record.rejected
    assert "Unable to allocate" not in record.reason


def test_a_kind_that_is_not_read_is_not_called_damaged(tmp_path):
    data = bytearray(drawn_files.by_pillow(drawn_files.GREY, "BMP"))
    data[30:34] = (6).to_bytes(4, "little")  # the compression: alpha bit fields of an old system
    (tmp_path / "a.bmp").write_bytes(data)
    (record,) = read_particles(tmp_path)
    assert "damaged" not in record.reason
    assert "save it as PNG" in record.reason
