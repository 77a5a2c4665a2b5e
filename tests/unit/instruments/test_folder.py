"""Plain folders: every file becomes a record, unreadable ones with a reason."""

import os
import struct
import tracemalloc
import zlib
from functools import partial

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.images import folder
from svp_core.instruments.records import class_from_path, is_hidden, natural_key, unique_name
from tests.helpers.processor_time import seconds_of
from tests.helpers.records import pixels_of


def draw_particle(height=24, width=40, level=170):
    pixels = np.full((height, width), level, np.uint8)
    pixels[6:12, 10:30] = 60
    return pixels


def save_image(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_particle() if pixels is None else pixels).save(path)


def read(path):
    records = list(read_particles(path))
    assert detect_source(path).count == len(records) == len({r.name for r in records})
    for r in records:
        assert r.rejected == (r.pixels is None) == bool(r.reason)
    return {r.name: r for r in records}


def test_every_format_and_depth_gives_the_same_particle(tmp_path):
    grey = draw_particle()
    for name in ("a.png", "b.TIF", "c.bmp", "sub/d.tiff", "sub/deeper/e.png"):
        save_image(tmp_path / name)
    save_image(tmp_path / "colour.png", np.stack([grey, grey // 2, grey], -1))
    save_image(tmp_path / "sixteen.tif", grey.astype(np.uint16) * 257)
    save_image(tmp_path / "photo.JPG")
    records = read(tmp_path)
    assert len(records) == 8
    assert not any(r.rejected for r in records.values())
    for name in ("a.png", "b.TIF", "c.bmp", "sub/d.tiff", "sub/deeper/e.png", "sixteen.tif"):
        assert np.array_equal(pixels_of(records[name]), grey)
    assert pixels_of(records["colour.png"]).shape == (24, 40, 3)
    assert np.abs(pixels_of(records["photo.JPG"]).astype(int) - grey).mean() < 3
    assert {r.um_per_px for r in records.values()} == {None}


def test_unreadable_files_are_rejected_with_a_reason(tmp_path):
    save_image(tmp_path / "good.png")
    data = (tmp_path / "good.png").read_bytes()
    (tmp_path / "broken.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("day 5")
    (tmp_path / "no ending").write_bytes(b"x")
    (tmp_path / "text.png").write_text("this is text")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {name: r.reason for name, r in read(tmp_path).items()}
    assert reasons.pop("good.png") == ""
    assert "damaged" in reasons["broken.png"]
    assert reasons["empty.png"] == "the file is empty; copy it again"
    assert "not an image file (.txt)" in reasons["notes.txt"]
    assert "(no ending)" in reasons["no ending"]
    assert "not an image" in reasons["text.png"]
    assert "cannot be opened" in reasons["link.png"]
    assert reasons["pipe.png"] == "this is not a regular file; copy it to a folder"


def test_unusual_names_are_kept_unchanged(tmp_path):
    names = ["with space.png", "Größe µm.png", "<b>bold<b>.png", "x" * 240 + ".png", "a#2.png"]
    names += ["p" + "9" * 200 + ".png"]
    for name in names:
        save_image(tmp_path / name)
    assert set(read(tmp_path)) == set(names)


def test_name_that_is_not_utf8_is_made_printable(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / os.fsdecode(b"gr\xf6\xdfe.png"))
    ((name, record),) = read(tmp_path).items()
    assert name.encode("utf-8")
    assert not record.rejected


def test_each_page_of_a_tiff_is_a_particle(tmp_path):
    pages = [Image.fromarray(draw_particle(20 + k, 30)) for k in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    records = read(tmp_path)
    assert list(records) == ["stack.tif#1", "stack.tif#2", "stack.tif#3"]
    assert [pixels_of(r).shape[0] for r in records.values()] == [20, 21, 22]


def test_damaged_page_of_a_stack_rejects_only_itself_and_a_misnamed_jpeg_is_read(tmp_path):
    pages = [Image.fromarray(draw_particle(60, 50 + k)) for k in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    data = bytearray((tmp_path / "stack.tif").read_bytes())
    with Image.open(tmp_path / "stack.tif") as file:
        assert isinstance(file, TiffImagePlugin.TiffImageFile)
        file.seek(1)
        start = file.tag_v2[273][0]
    data[start : start + 40] = bytes([255]) * 40
    (tmp_path / "stack.tif").write_bytes(data)
    Image.fromarray(draw_particle()).save(tmp_path / "photo.tif", "JPEG")
    records = read(tmp_path)
    assert {name: r.rejected for name, r in records.items()} == {
        "photo.tif": False,
        "stack.tif#1": False,
        "stack.tif#2": True,
        "stack.tif#3": False,
    }
    assert np.array_equal(pixels_of(records["stack.tif#3"]), draw_particle(60, 52))


def test_truncated_stack_yields_its_complete_pages(tmp_path):
    pages = [Image.fromarray(draw_particle(60, 50 + k)) for k in range(3)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    complete = (tmp_path / "stack.tif").read_bytes()
    (tmp_path / "stack.tif").unlink()
    for length in range(200, len(complete), 700):
        (tmp_path / "cut.tif").write_bytes(complete[:length])
        records = read(tmp_path)  # as many as were counted, each with pixels or a reason
        assert any(r.rejected for r in records.values())
    assert np.array_equal(pixels_of(records["cut.tif#1"]), draw_particle(60, 50))


def test_stack_with_another_ending_is_rejected_with_advice(tmp_path):
    pages = [Image.fromarray(draw_particle(60, 50 + k)) for k in range(3)]
    pages[0].save(tmp_path / "stack.png", "TIFF", save_all=True, append_images=pages[1:])
    pages[0].save(tmp_path / "page.png", "TIFF")
    pages[0].save(tmp_path / "film.png", "PNG", save_all=True, append_images=pages[1:])
    reasons = {name: r.reason for name, r in read(tmp_path).items()}
    assert reasons["page.png"] == reasons["film.png"] == ""
    assert ".tif" in reasons["stack.png"]


def zeros_png(side):
    """PNG bytes of side x side black pixels, of which only the first line is present."""
    body = zlib.compress(bytes(side + 1))
    parts = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", body), (b"IEND", b"")]
    chunks = (struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_oversized_image_is_rejected_before_it_is_decoded(tmp_path):
    save_image(tmp_path / "good.png")
    (tmp_path / "huge.png").write_bytes(zeros_png(40_000))
    (tmp_path / "large.png").write_bytes(zeros_png(8_000))
    tracemalloc.start()
    reasons = {name: r.reason for name, r in read(tmp_path).items()}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "60 megapixels" in reasons["huge.png"]
    assert reasons["good.png"] == ""
    assert "8000 x 8000 px" in reasons["large.png"]
    assert peak < 50 * 1024**2


def test_counting_files_takes_time_in_proportion_to_their_number(tmp_path):
    for count in (2_000, 20_000):
        folder_of = tmp_path / str(count)
        save_image(folder_of / "p.png")
        for k in range(count):
            os.link(folder_of / "p.png", folder_of / f"{k}.png")

    def count_files(count):
        assert detect_source(tmp_path / str(count)).count == count + 1

    # In proportion: 10; where every file is compared with all others: 100.
    assert seconds_of(partial(count_files, 20_000)) < 30 * seconds_of(partial(count_files, 2_000))


def test_order_is_natural(tmp_path):
    for name in ("p10.png", "p2.png", "P1.png", "a/p3.png"):
        save_image(tmp_path / name)
    assert list(read(tmp_path)) == ["a/p3.png", "P1.png", "p2.png", "p10.png"]
    assert sorted(["b", "a010", "a9", "a10"], key=natural_key) == ["a9", "a010", "a10", "b"]


def test_hidden_and_system_files_are_excluded(tmp_path):
    for name in (".DS_Store", "Thumbs.db", "sub/desktop.ini", "__MACOSX/._p.png", ".git/p.png", "._p.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    save_image(tmp_path / "p.png")
    assert set(read(tmp_path)) == {"p.png"}
    assert not is_hidden("a.b/c.png")
    assert is_hidden("a/.b/c.png")


def test_folder_named_after_a_class_sets_the_given_class(tmp_path):
    for name in ("Silicone oil", "air-bubbles/run 1", "elsewhere", "protein_1/Air bubble", "."):
        save_image(tmp_path / name / "p.png")
    given = {name: r.given for name, r in read(tmp_path).items()}
    assert given == {
        "Silicone oil/p.png": "silicone_oil",
        "air-bubbles/run 1/p.png": "air_bubble",
        "elsewhere/p.png": None,
        "protein_1/Air bubble/p.png": "air_bubble",  # the nearest folder counts
        "p.png": None,
    }
    assert class_from_path("protein.png") is None


def test_single_image_is_read(tmp_path):
    save_image(tmp_path / "p.png")
    summary = detect_source(tmp_path / "p.png")
    assert (summary.kind, summary.title, summary.count, summary.um_per_px) == ("image", "Single image p.png", 1, None)
    assert np.array_equal(pixels_of(next(read_particles(tmp_path / "p.png"))), draw_particle())
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    assert read(tmp_path / "broken.png")["broken.png"].rejected


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "There is no file or folder"),
        (lambda p: p.mkdir(), "contains no files"),
        (lambda p: p.write_text("hello"), "is not an image, archive or FlowCam list"),
    ],
)
def test_path_with_nothing_readable_raises_a_lab_error(tmp_path, make, message):
    make(tmp_path / "thing")
    for read_it in (detect_source, lambda path: list(read_particles(path))):
        with pytest.raises(LabError, match=message):
            read_it(tmp_path / "thing")


def test_file_named_lst_that_is_not_a_list_is_reported(tmp_path):
    (tmp_path / "run.lst").write_text("hello")
    with pytest.raises(LabError, match="does not start like a FlowCam list"):
        detect_source(tmp_path / "run.lst")
    assert "not an image" in read(tmp_path)["run.lst"].reason


def test_repeated_names_get_a_number():
    taken = set()
    assert [unique_name("a/p.png", taken) for _ in range(3)] == ["a/p.png", "a/p (2).png", "a/p (3).png"]


def test_disk_or_home_folder_is_refused_before_it_is_read_whole(tmp_path, monkeypatch):
    save_image(tmp_path / "a" / "1.png")
    for number in range(3):
        (tmp_path / "a" / f"{number}.txt").write_text("x")
    monkeypatch.setattr(folder, "MAX_OTHER_FILES", 3)
    assert detect_source(tmp_path).count == 4
    later = tmp_path / "a" / "later"
    (tmp_path / "a" / "3.txt").write_text("x")
    save_image(later / "2.png")
    entered = []
    monkeypatch.setattr(folder, "_printable", lambda name: entered.append(name) or name)
    with pytest.raises(LabError, match="more than 3 files that are not images; choose a folder of images"):
        detect_source(tmp_path)
    assert entered
    assert not [name for name in entered if "later" in name]
    monkeypatch.setattr(folder, "MAX_OTHER_FILES", 9)
    monkeypatch.setattr(folder, "MAX_FILES", 5)
    with pytest.raises(LabError, match="more than 5 files"):
        detect_source(tmp_path)


def test_source_without_images_is_not_called_images(tmp_path):
    (tmp_path / "notes.txt").write_text("day 5")
    source = detect_source(tmp_path)
    assert not source.readable
    assert source.title == f"Folder {tmp_path.name}"
    assert not any("pixel" in note for note in source.notes)
    save_image(tmp_path / "1.png")
    source = detect_source(tmp_path)
    assert source.readable
    assert source.title == f"Folder of images {tmp_path.name}"
