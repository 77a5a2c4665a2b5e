"""Archives are read in place, checked before anything is read, and never unpacked to disk."""

import io
import stat
import tarfile
import zipfile
from functools import partial
from typing import Any

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.instruments import archive
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.drawn_run import draw_collage, draw_run
from tests.helpers.processor_time import seconds_of
from tests.helpers.records import pixels_of

PNG = encode_png(np.pad(np.full((4, 9), 60, np.uint8), 8, constant_values=170))


def write_zip(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries:
            file.writestr(name, data)
    return path


def write_tar(path, entries, mode: Any = "w:gz"):
    with tarfile.open(path, mode) as file:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


def assert_rejected(path, message):
    for read in (detect_source, lambda p: list(read_particles(p))):
        with pytest.raises(LabError, match=message):
            read(path)


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tgz", "tar"])
def test_archive_contents_are_read_like_a_folder(tmp_path, kind):
    long = "l" * 300 + ".png"
    entries = [("top/oil/p10.png", PNG), ("top/oil/p2.png", PNG), ("top/<b> größe.png", PNG), (long, PNG)]
    entries += [("top/notes.txt", b"hello")]
    entries += [("top/empty.png", b""), ("__MACOSX/top/._p.png", b"x"), ("top/.DS_Store", b"")]
    path = (write_zip if kind == "zip" else write_tar)(
        tmp_path / f"särie.{kind}", entries, *([] if kind == "zip" else ["w" if kind == "tar" else "w:gz"])
    )
    summary, records = detect_source(path), {r.name: r for r in read_particles(path)}
    assert summary.kind == "archive"
    assert summary.title == f"Archive of images särie.{kind}"
    assert summary.count == len(records) == 6
    assert [n for n in records if "oil" in n] == ["top/oil/p2.png", "top/oil/p10.png"]
    assert records["top/oil/p2.png"].given == "silicone_oil"
    assert pixels_of(records[long]).shape == (20, 25)
    assert {n for n, r in records.items() if r.rejected} == {"top/notes.txt", "top/empty.png"}
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # nothing was written


def test_zip_is_detected_by_content(tmp_path):
    assert detect_source(write_zip(tmp_path / "upload", [("p.png", PNG)])).kind == "archive"


@pytest.mark.parametrize(
    ("name", "entry"), [("notes.docx", "[Content_Types].xml"), ("notes.odt", "mimetype"), ("x", "META-INF/MANIFEST.MF")]
)
def test_document_packed_as_a_zip_is_rejected(tmp_path, name, entry):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr(entry, "")
        archive.writestr("media/image1.png", b"not looked at")
    with pytest.raises(LabError, match=name):
        detect_source(tmp_path / name)


@pytest.mark.parametrize("folder", ["", "run/", "export/day 1/run/"])
def test_flowcam_run_inside_an_archive_is_read(tmp_path, folder):
    truth = draw_run(tmp_path / "run")
    entries = [(folder + p.name, p.read_bytes()) for p in (tmp_path / "run").iterdir()]
    for path in (write_zip(tmp_path / "r.zip", entries), write_tar(tmp_path / "r.tar.gz", entries)):
        summary, records = detect_source(path), list(read_particles(path))
        assert summary.kind == "flowcam"
        assert summary.count == len(records) == 12
        assert all(np.array_equal(pixels_of(r), pixels) for r, (pixels, _) in zip(records, truth, strict=True))


def test_single_collage_in_an_archive_is_split(tmp_path):
    image, _boxes = draw_collage([(20, 30), (25, 35), (30, 20), (22, 40), (28, 33)])
    path = write_zip(tmp_path / "c.zip", [("x/collage.png", encode_png(image)), ("x/readme.txt", b"hello")])
    records = list(read_particles(path))
    assert detect_source(path).kind == "collage"
    assert detect_source(path).count == len(records) == 6
    assert sum(r.rejected for r in records) == 1


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_with_the_same_name_are_both_read(tmp_path):
    path = write_zip(tmp_path / "d.zip", [("p.png", PNG), ("p.png", PNG)])
    assert [(r.name, r.rejected) for r in read_particles(path)] == [("p (2).png", False), ("p.png", False)]


def test_damaged_file_inside_the_archive_is_one_rejected_record(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_STORED) as file:
        file.writestr("bad.png", PNG)
        file.writestr("good.png", PNG)
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[60] ^= 255
    (tmp_path / "a.zip").write_bytes(data)
    assert [(r.name, r.reason) for r in read_particles(tmp_path / "a.zip")] == [
        ("bad.png", "the file is damaged inside the archive; pack it again"),
        ("good.png", ""),
    ]


OUTSIDE = ["../p.png", "a/../../p.png", "/etc/p.png", "C:\\p.png", "..\\p.png", "\\\\host\\p.png"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_archive_with_paths_outside_its_folder_is_rejected(tmp_path, name):
    entries = [("good.png", PNG), (name, PNG)]
    assert_rejected(write_zip(tmp_path / "z.zip", entries), "would be written outside")
    assert_rejected(write_tar(tmp_path / "t.tar.gz", entries), "would be written outside")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.tar.gz", "z.zip"]


def test_archive_with_links_is_rejected(tmp_path):
    link = zipfile.ZipInfo("p.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert_rejected(write_zip(tmp_path / "z.zip", [(link, "/etc/passwd")]), "is a link")
    with tarfile.open(tmp_path / "t.tar", "w") as file:
        info = tarfile.TarInfo("p.png")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(info)
    assert_rejected(tmp_path / "t.tar", "is a link")


def test_limits_are_checked_before_anything_is_read(tmp_path, monkeypatch):
    entries = [(f"p{k}.png", PNG + bytes(100_000)) for k in range(5)]
    paths = [write_zip(tmp_path / "z.zip", entries), write_tar(tmp_path / "t.tar.gz", entries)]
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *a: pytest.fail("opened a file of a rejected archive"))
    for limit, value, message in (
        ("MAX_FILES", 4, "more than 4 files"),
        ("MAX_UNPACKED_BYTES", 400_000, "unpacks to more than"),
        ("MAX_FILE_BYTES", 90_000, "unpacks to more than"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(archive, limit, value)
            for path in paths:
                assert_rejected(path, message)


def test_archive_bomb_is_rejected_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "RATIO_CHECKED_FROM_BYTES", 4 * 1024**2)
    zeros = [("z.png", bytes(20 * 1024**2))]
    for path in (write_zip(tmp_path / "z.zip", zeros), write_tar(tmp_path / "z.tar.gz", zeros)):
        assert_rejected(path, "unpacks to more than 200 times its size")


def test_counting_entries_takes_time_in_proportion_to_their_number(tmp_path):
    for count in (2_000, 20_000):
        with zipfile.ZipFile(tmp_path / f"{count}.zip", "w") as file:
            for k in range(count):
                file.writestr(f"a/b/{k}.png", b"x")

    def count_entries(count):
        assert detect_source(tmp_path / f"{count}.zip").count == count

    # In proportion: 10; where every entry is compared with all others: 100.
    assert seconds_of(partial(count_entries, 20_000)) < 30 * seconds_of(partial(count_entries, 2_000))


def test_tar_is_detected_by_content(tmp_path):
    for name, mode in (("packed", "w:gz"), ("plain", "w")):
        assert detect_source(write_tar(tmp_path / name, [("p.png", PNG)], mode)).kind == "archive"
    assert detect_source(write_zip(tmp_path / "z.tgz", [("p.png", PNG)])).kind == "archive"


def test_unreadable_archives_raise_lab_errors(tmp_path):
    path = write_zip(tmp_path / "z.zip", [("p.png", PNG)])
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-30])
    (tmp_path / "text.zip").write_text("hello")
    (tmp_path / "text.tar.gz").write_text("hello")
    (tmp_path / "cut.tgz").write_bytes(write_tar(tmp_path / "t.tgz", [("p.png", PNG)]).read_bytes()[:60])
    for name in ("cut.zip", "text.zip", "text.tar.gz", "cut.tgz"):
        assert_rejected(tmp_path / name, "is damaged")
    assert_rejected(write_zip(tmp_path / "empty.zip", []), "contains no files")
    locked = bytearray(path.read_bytes())
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(locked)
    assert_rejected(tmp_path / "locked.zip", "protected by a password")
