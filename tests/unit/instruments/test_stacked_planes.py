"""Three or four grey images that tifffile stored as the colours of one page: images or colours, told where in doubt."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from svp_core.classification.measure import measure_records
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_stacks import PLANES, STACK, particle
from tests.helpers.records import pixels_of

COLOUR = np.stack([particle(3, level=level, depth=depth) for level, depth in ((190, 110), (175, 90), (160, 70))])
pytestmark = pytest.mark.filterwarnings("ignore:.*stored as RGB:DeprecationWarning")


def save(path, array, **options):
    tifffile.imwrite(path, array, **options)
    with tifffile.TiffFile(path) as file:
        assert file.pages[0].aspage().planarconfig == tifffile.PLANARCONFIG.SEPARATE
        return len(file.pages)


def read(path, choices=None):
    summary, records = detect_source(path, choices), list(read_particles(path, choices))
    assert summary.count == len(records)
    assert not any(r.rejected for r in records)
    return summary, records


def same(records, images, tolerance=0):
    assert len(records) == len(images)
    return all(
        np.abs(pixels_of(r).astype(int) - image).max() <= tolerance for r, image in zip(records, images, strict=True)
    )


@pytest.mark.parametrize("count", [3, 4])
@pytest.mark.parametrize("axes", ["TYX", "QYX", "IYX", None])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_stack_of_particles_is_read_as_particles(tmp_path, count, axes, kind):
    values = (
        STACK[:count].astype(kind) * kind(1 if kind == np.uint8 else 257) / kind(1 if kind != np.float32 else 65535)
    )
    save(tmp_path / "s.tif", values.astype(kind), metadata={"axes": axes} if axes else {})
    summary, records = read(tmp_path / "s.tif")
    assert same(records, STACK[:count], tolerance=1)
    assert [r.name for r in records] == [f"s.tif#{page}" for page in range(1, count + 1)]
    assert summary.kind == "stack"
    told = [caution for caution in summary.cautions if "planes of a page" in caution]
    assert len(told) == (0 if axes else 1)


def test_planes_and_channels_by_their_axes(tmp_path):
    save(tmp_path / "z.tif", PLANES[1:4], metadata={"axes": "ZYX"})
    _, (record,) = read(tmp_path / "z.tif")
    assert np.array_equal(pixels_of(record), PLANES[2])
    save(tmp_path / "c.tif", np.stack([STACK[0], 255 - STACK[0], STACK[1]]), metadata={"axes": "CYX"})
    _, (record,) = read(tmp_path / "c.tif")
    assert np.array_equal(pixels_of(record), STACK[0])


def test_several_pages_of_three_images(tmp_path):
    array = np.stack([STACK[:3], STACK[3:]])
    assert save(tmp_path / "p.tif", array) == 2
    _, records = read(tmp_path / "p.tif")
    assert same(records, STACK)
    save(tmp_path / "p.tif", array, metadata={"axes": "TCYX"})
    summary, records = read(tmp_path / "p.tif")
    assert same(records, [STACK[0], STACK[3]])
    assert any("channels" in note for note in summary.notes)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"photometric": "rgb"}, True),
        ({"photometric": "rgb", "metadata": {"axes": "SYX"}, "planarconfig": "separate"}, False),
        ({"photometric": "rgb", "metadata": {"axes": "CYX"}}, True),
        ({"metadata": None}, False),
        ({"metadata": None, "description": "a camera of colours"}, False),
        ({"metadata": None, "description": "shape=(3, 64, 64)"}, True),
    ],
)
def test_colours_of_one_particle_stay_colours_and_doubt_is_told(tmp_path, options, told):
    save(tmp_path / "c.tif", COLOUR, **options)
    summary, records = read(tmp_path)
    (record,) = records
    assert np.array_equal(pixels_of(record), np.moveaxis(COLOUR, 0, -1))
    (row,) = measure_records(records).rows
    assert row["status"] == "ok"
    assert bool(row["reason"]) == bool(summary.cautions) == told
    if told:
        (question,) = summary.questions
        _, records = read(tmp_path, {question.key: "one particle each"})
        assert same(records, COLOUR)


def test_unlike_planes_without_any_description_are_told(tmp_path):
    save(tmp_path / "n.tif", STACK[:3], metadata=None)
    summary, (record,) = read(tmp_path)
    assert pixels_of(record).shape == (*STACK[0].shape, 3)
    assert "several images" in record.caution
    assert any("are read as the colours of one particle" in caution for caution in summary.cautions)
    (question,) = summary.questions
    assert same(read(tmp_path, {question.key: "one particle each"})[1], STACK[:3])


def test_transparent_colours_in_planes_stay_one_particle(tmp_path):
    opaque = np.concatenate([COLOUR, np.full((1, 64, 64), 255, np.uint8)])
    save(tmp_path / "a.tif", opaque)
    _, (record,) = read(tmp_path / "a.tif")
    assert np.array_equal(pixels_of(record), np.moveaxis(COLOUR, 0, -1))


def test_damaged_planes_are_one_rejected_row(tmp_path):
    save(tmp_path / "d.tif", STACK[:3])
    data = (tmp_path / "d.tif").read_bytes()
    (tmp_path / "d.tif").write_bytes(data[: len(data) - 64 * 64 * 2])
    Image.fromarray(STACK[0]).save(tmp_path / "good.png")
    summary, records = detect_source(tmp_path), list(read_particles(tmp_path))
    assert summary.count == len(records)
    assert [r.name for r in records if not r.rejected] == ["good.png"]


GREY_VALUES = {
    "planes": (np.stack, {"planarconfig": "separate"}),
    "values of a pixel": (lambda images: np.stack(images, -1), {"planarconfig": "contig"}),
    "without description": (np.stack, {"planarconfig": "separate", "metadata": None}),
}


@pytest.mark.parametrize("kind", GREY_VALUES)
@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("first", [STACK[0], np.full((64, 64), 20, np.uint8)], ids=["shown", "empty"])
def test_several_grey_values_of_a_pixel_are_channels_and_told(tmp_path, kind, count, first):
    join, options = GREY_VALUES[kind]
    images = [first, *STACK[1:count]]
    tifffile.imwrite(tmp_path / "a.tif", join(images), photometric="minisblack", **options)
    summary, (record,) = read(tmp_path / "a.tif")
    taken = 0 if np.ptp(first) else 1
    assert np.array_equal(pixels_of(record), images[taken])
    assert record.columns["page"] == taken + 1
    assert any("channels" in note for note in summary.notes)
    (question,) = summary.questions
    _, records = read(tmp_path / "a.tif", {question.key: "one particle each"})
    assert same(records, images)


def test_grey_planes_of_a_time_series_are_particles(tmp_path):
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": {"axes": "TYX"}}
    tifffile.imwrite(tmp_path / "t.tif", STACK, **options)
    assert same(read(tmp_path / "t.tif")[1], STACK)


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_with_alpha_stays_one_image(tmp_path, bits):
    opaque = np.stack([STACK[0], np.full((64, 64), 255, np.uint8)], -1).astype(np.uint8 if bits == 8 else np.uint16)
    options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": ["unassalpha"]}
    tifffile.imwrite(tmp_path / "a.tif", opaque * (1 if bits == 8 else 257), **options)
    summary, (record,) = read(tmp_path / "a.tif")
    assert np.array_equal(pixels_of(record), STACK[0])
    assert summary.questions == () or bits == 16


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_values_beside_the_colours_are_told(tmp_path, planar):
    values = np.concatenate([COLOUR, STACK[:2]])
    values = values if planar == "separate" else np.moveaxis(values, 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", planarconfig=planar)
    _, (record,) = read(tmp_path / "a.tif")
    assert np.array_equal(pixels_of(record), np.moveaxis(COLOUR, 0, -1))
    assert "2 further values" in record.caution
