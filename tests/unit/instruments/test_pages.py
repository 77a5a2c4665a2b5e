"""Pages of one TIFF file that are channels, planes, previews or masks of one particle; a stack stays a stack."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images.page_layout import page_layout
from tests.helpers import drawn_files
from tests.helpers.case_files import case_folder
from tests.helpers.drawn_stacks import PLANES, SIDE, STACK, particle
from tests.helpers.records import pixels_of

BRIGHT = particle(1)
FLUORESCENT = np.clip(20 + (175 - BRIGHT.astype(int)), 0, 255).astype(np.uint8)
EMPTY = np.full((SIDE, SIDE), 20, np.uint8)


def ome(path, pages, axes, **metadata):
    tifffile.imwrite(path, pages, ome=True, metadata={"axes": axes, **metadata}, photometric="minisblack")


def imagej(path, pages, axes, **metadata):
    tifffile.imwrite(path, pages, imagej=True, metadata={"axes": axes, **metadata})


def shaped(path, pages, axes):
    tifffile.imwrite(path, pages, metadata={"axes": axes}, photometric="minisblack")


def read(path, choices=None):
    summary, records = detect_source(path, choices), list(read_particles(path, choices))
    assert summary.count == len(records)
    assert not any(r.rejected for r in records)
    return summary, records


WRITERS = {"ome": ome, "imagej": imagej, "shaped": shaped}


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize(
    ("channels", "taken"),
    [([BRIGHT, EMPTY, FLUORESCENT], 0), ([EMPTY, BRIGHT, FLUORESCENT], 1), ([BRIGHT, FLUORESCENT], 0)],
)
def test_channels_are_one_particle(tmp_path, kind, channels, taken):
    path = tmp_path / f"cell.{kind}.tif"
    WRITERS[kind](path, np.stack(channels), "CYX")
    summary, (record,) = read(path)
    assert np.array_equal(pixels_of(record), BRIGHT)
    assert (record.name, record.columns["page"]) == (path.name, taken + 1)
    assert summary.columns == ("page",)
    (note,) = [note for note in summary.notes if "channels" in note]
    assert f"Taken: page {taken + 1}." in note
    (question,) = summary.questions
    _, records = read(path, {question.key: "one particle each"})
    assert [r.name for r in records] == [f"{path.name}#{page}" for page in range(1, len(channels) + 1)]


@pytest.mark.parametrize(
    "name", ["Brightfield", "BF", "Transmitted light", "Phase contrast", "bright field 10x", "DIC"]
)
def test_channel_of_transmitted_light_comes_first(tmp_path, name):
    ome(tmp_path / "a.ome.tif", np.stack([FLUORESCENT, BRIGHT]), "CYX", Channel={"Name": ["DAPI", name]})
    _, (record,) = read(tmp_path / "a.ome.tif")
    assert np.array_equal(pixels_of(record), BRIGHT)


@pytest.mark.parametrize("kind", WRITERS)
def test_planes_are_one_particle_and_the_sharpest_is_taken(tmp_path, kind):
    extra = {"ome": {"PhysicalSizeZ": 2.0, "PhysicalSizeZUnit": "µm"}, "imagej": {"spacing": 2.0}}.get(kind, {})
    WRITERS[kind](tmp_path / "z.tif", PLANES, "ZYX", **extra)
    summary, (record,) = read(tmp_path / "z.tif")
    assert np.array_equal(pixels_of(record), PLANES[2])
    assert any("planes" in note and "Taken: page 3." in note for note in summary.notes)


def test_planes_without_a_step_are_told_by_what_they_show(tmp_path):
    for number, (kind, write) in enumerate((("ome", ome), ("imagej", imagej))):
        write(tmp_path / f"planes{number}.{kind}.tif", PLANES, "ZYX")
        _, records = read(tmp_path / f"planes{number}.{kind}.tif")
        assert len(records) == 1
        write(tmp_path / f"stack{number}.{kind}.tif", STACK, "ZYX")
        _, records = read(tmp_path / f"stack{number}.{kind}.tif")
        assert [np.array_equal(pixels_of(r), page) for r, page in zip(records, STACK, strict=True)] == [True] * 6


@pytest.mark.parametrize("kind", WRITERS)
def test_stack_of_particles_in_several_channels(tmp_path, kind):
    pages = np.stack([np.stack([page, 255 - page]) for page in STACK])
    WRITERS[kind](tmp_path / "t.tif", pages, "TCYX")
    _, records = read(tmp_path / "t.tif")
    assert [r.name for r in records] == [f"t.tif#{page}" for page in range(1, 13, 2)]
    assert all(np.array_equal(pixels_of(r), page) for r, page in zip(records, STACK, strict=True))


@pytest.mark.parametrize("order", ["TZCYX", "TCZYX", "ZTCYX", "CTZYX"])
def test_order_of_the_dimensions_is_followed(tmp_path, order):
    sizes = {"T": 2, "Z": 3, "C": 2}
    pages = np.zeros([sizes[axis] for axis in order[:3]] + [SIDE, SIDE], np.uint8)
    for index in np.ndindex(*pages.shape[:3]):
        at = dict(zip(order, index, strict=False))
        focus = (0.3, 0.9, 0.5)[at["Z"]]
        pages[index] = particle(40 + at["T"], focus=focus) if at["C"] == 0 else 20
    tifffile.imwrite(tmp_path / "o.ome.tif", pages, metadata={"axes": order}, photometric="minisblack")
    _, records = read(tmp_path / "o.ome.tif")
    assert len(records) == 2
    for time, record in enumerate(records):
        assert np.array_equal(pixels_of(record), particle(40 + time, focus=0.9))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: tifffile.imwrite(path, STACK, photometric="minisblack"),
        lambda path: shaped(path, STACK, "TYX"),
        lambda path: shaped(path, STACK, "QYX"),
        lambda path: imagej(path, STACK, "TYX"),
        lambda path: ome(path, STACK, "TYX"),
        lambda path: ome(path, np.stack([*STACK, *STACK, *STACK]), "CYX"),  # 18 channels are none
        lambda path: [tifffile.imwrite(path, page, append=True, metadata=None) for page in STACK],
    ],
)
def test_stack_of_particles_stays_a_stack(tmp_path, write):
    write(tmp_path / "s.tif")
    summary, records = read(tmp_path / "s.tif")
    assert len(records) in (6, 18)
    for record, page in zip(records, [*STACK, *STACK, *STACK], strict=False):
        assert np.array_equal(pixels_of(record), page)
    assert summary.kind == "stack"
    assert summary.questions == ()
    assert summary.columns == ()


def save_pages(path, pages, **options):
    first, *rest = [Image.fromarray(page) for page in pages]
    first.save(path, save_all=True, append_images=rest, **options)


@pytest.mark.parametrize("subfile", [1, 4, 5])
def test_page_tagged_as_preview_or_mask_is_left_out(tmp_path, subfile):
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        file.write(BRIGHT, metadata=None)
        file.write(BRIGHT[::2, ::2] if subfile == 1 else (BRIGHT < 120), subfiletype=subfile, metadata=None)
    summary, (record,) = read(tmp_path / "p.tif")
    assert record.name == "p.tif"
    assert np.array_equal(pixels_of(record), BRIGHT)
    assert any(("previews" if subfile == 1 else "masks") in note for note in summary.notes)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shrink", [2, 4])
def test_preview_without_a_tag_is_told_by_what_it_shows(tmp_path, first, shrink):
    small = np.asarray(Image.fromarray(BRIGHT).reduce(shrink))
    save_pages(tmp_path / "p.tif", [small, BRIGHT] if first else [BRIGHT, small])
    _, (record,) = read(tmp_path / "p.tif")
    assert np.array_equal(pixels_of(record), BRIGHT)


def test_smaller_particles_are_no_previews(tmp_path):
    pages = [particle(1), particle(2)[:32, :32], particle(3)[:16, :16]]
    save_pages(tmp_path / "p.tif", pages)
    _, records = read(tmp_path / "p.tif")
    assert [pixels_of(r).shape for r in records] == [page.shape for page in pages]


def test_description_that_does_not_fit_the_pages_is_not_followed(tmp_path):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, STACK[:4], ome=True, metadata={"axes": "CYX"}, photometric="minisblack")
    description = tifffile.TiffFile(io.BytesIO(buffer.getvalue())).pages[0].description
    for text in (description, description.replace("</OME>", ""), "<OME", "ImageJ=1.5\nchannels=4\n", '{"shape": [4]}'):
        tifffile.imwrite(tmp_path / "d.tif", STACK, description=text, metadata=None, photometric="minisblack")
        _, records = read(tmp_path / "d.tif")
        assert len(records) == 6
    assert page_layout(b"not a TIFF", 3).is_plain


def test_several_files_are_counted_together(tmp_path):
    for number in range(3):
        ome(tmp_path / f"{number}.ome.tif", np.stack([BRIGHT, FLUORESCENT]), "CYX")
    tifffile.imwrite(tmp_path / "stack.tif", STACK, photometric="minisblack")
    summary, records = read(tmp_path)
    assert len(records) == 9
    assert any("channels (3 files)" in note for note in summary.notes)


def test_channels_of_the_case_are_one_particle(real_data):
    path = case_folder(real_data, "channels-as-pages") / "ome_zcyx.ome.tif"
    summary, (record,) = read(path)
    with Image.open(path) as file:
        assert np.array_equal(pixels_of(record), np.array(file))
    assert any("Taken: page 1." in note for note in summary.notes)


UNLISTED = {
    "tifffile": {"metadata": {}},
    "ImageJ slices": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ frames": {"imagej": True, "metadata": {"axes": "TYX"}},
}


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("program", UNLISTED)
def test_images_behind_the_only_page_are_read(tmp_path, program, kind):
    """As ImageJ writes stacks of more than 4 GB: one page, whose description says how many images follow it."""
    grey = np.stack([drawn_files.draw_grey(radius=6 + 3 * k, seed=k) for k in range(5)])
    values = (grey / 255).astype(kind) if kind == np.float32 else grey.astype(kind) * (16 if kind == np.uint16 else 1)
    tifffile.imwrite(tmp_path / "a.tif", values, truncate=True, photometric="minisblack", **UNLISTED[program])
    assert len(tifffile.TiffFile(tmp_path / "a.tif").pages) == 1
    records = list(read_particles(tmp_path))
    assert detect_source(tmp_path).count == len(records) == 5
    assert not any(record.rejected for record in records)
    for record, wanted in zip(records, grey, strict=True):
        assert np.abs(pixels_of(record).astype(int) - wanted).max() <= 1
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) - 64 * 64 * values.itemsize])
    assert any("states 5 images" in record.reason for record in read_particles(tmp_path))
