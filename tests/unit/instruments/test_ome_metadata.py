"""Pixel size and channels of OME-TIFF files: units, files that state none, files that state nonsense."""

import pytest

from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images.ome_metadata import OmeMetadata, parse_ome, read_ome
from tests.helpers.ome_files import draw_ome

OME = (
    '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
    '<Pixels DimensionOrder="XYCZT" SizeX="9" SizeY="9" SizeC="2" SizeZ="1" SizeT="1" {}>'
    '<Channel ID="0" Name="Brightfield"/><Channel ID="1"/></Pixels></Image></OME>'
)


@pytest.mark.parametrize(
    ("attributes", "scale"),
    [
        ('PhysicalSizeX="0.325" PhysicalSizeY="0.325"', 0.325),
        ('PhysicalSizeX="325" PhysicalSizeXUnit="nm" PhysicalSizeY="325" PhysicalSizeYUnit="nm"', 0.325),
        ('PhysicalSizeX="3.25E-4" PhysicalSizeXUnit="mm" PhysicalSizeY="0.325" PhysicalSizeYUnit="µm"', 0.325),
        ('PhysicalSizeX="3250" PhysicalSizeXUnit="Å" PhysicalSizeY="3250" PhysicalSizeYUnit="Å"', 0.325),
        ('PhysicalSizeX="0.325"', None),
        ('PhysicalSizeX="0" PhysicalSizeY="0"', None),
        ("", None),
    ],
)
def test_pixel_size_in_every_unit(attributes, scale):
    assert parse_ome(OME.format(attributes)) == OmeMetadata(scale, ("Brightfield", ""))


@pytest.mark.parametrize(
    ("attributes", "note"),
    [
        ('PhysicalSizeX="1" PhysicalSizeXUnit="pixel" PhysicalSizeY="1" PhysicalSizeYUnit="pixel"', "not a length"),
        ('PhysicalSizeX="0.3" PhysicalSizeY="0.4"', "0.3 x 0.4 µm, which are not square"),
    ],
)
def test_pixel_size_that_cannot_be_used_is_told(attributes, note):
    metadata = parse_ome(OME.format(attributes))
    assert metadata.um_per_px is None
    assert note in metadata.note


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ImageJ=1.53",
        "<OME",
        OME.format("")[:-9],
        '<!DOCTYPE a [<!ENTITY b "c">]><OME></OME>',
        "<OME><Image/></OME>",
    ],
)
def test_other_descriptions_state_nothing(text):
    assert parse_ome(text) is None


@pytest.mark.parametrize("unit", ["µm", "nm"])
def test_files_are_read_with_their_unit(tmp_path, unit):
    draw_ome(tmp_path / "a.ome.tif", scale=0.5 if unit == "µm" else 500, unit=unit)
    assert read_ome((tmp_path / "a.ome.tif").read_bytes()).um_per_px == pytest.approx(0.5)
    assert read_ome(b"II*\0 OME broken") is None
    assert read_ome(b"\x89PNG OME") is None


def test_exports_of_an_image_stream_use_what_their_metadata_state(tmp_path):
    for number in range(3):
        draw_ome(tmp_path / f"{number}_Ch1.ome.tif", scale=0.5, channel="DAPI")
        draw_ome(tmp_path / f"{number}_Ch4.ome.tif", scale=0.5, channel="BF", level=150)
    summary = detect_source(tmp_path)
    assert (summary.questions[0].default, summary.um_per_px) == ("4", 0.5)
    assert [r.um_per_px for r in read_particles(tmp_path)] == [0.5] * 3
    assert not any("do not state their pixel size" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("scales", "summary_scale", "note"),
    [
        ([0.5, 0.5], 0.5, None),
        ([0.5, 0.7], None, "differ in the pixel size"),
        ([0.5, None], None, "differ in the pixel size"),
        ([None, None], None, "do not state their pixel size"),
    ],
)
def test_plain_images_keep_the_pixel_size_that_their_metadata_state(tmp_path, scales, summary_scale, note):
    for number, scale in enumerate(scales):
        draw_ome(tmp_path / f"{number}.ome.tif", scale=scale)
    summary = detect_source(tmp_path)
    assert (summary.kind, summary.um_per_px) == ("folder", summary_scale)
    assert bool(summary.um_per_px_from) == (summary_scale is not None)
    assert [r.um_per_px for r in read_particles(tmp_path)] == scales
    assert note is None or any(note in text for text in summary.notes)
    assert detect_source(tmp_path / "0.ome.tif").um_per_px == scales[0]
