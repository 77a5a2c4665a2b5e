"""Archives that cannot be read are told by name with what to do; archives in archives are read, within limits."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.instruments import open_source
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.case_files import case_folder
from tests.helpers.drawn_run import draw_run
from tests.helpers.raw_zip import set_method

PNG = encode_png(np.pad(np.full((4, 9), 60, np.uint8), 8, constant_values=170))
OTHER_ARCHIVES = {
    "a.rar": (b"Rar!\x1a\x07\x01\x00", "RAR archive"),
    "old.rar": (b"Rar!\x1a\x07\x00", "RAR archive"),
    "renamed.zip": (b"Rar!\x1a\x07\x01\x00", "RAR archive"),
    "a.7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip archive"),
    "nameless": (b"7z\xbc\xaf\x27\x1c\x00\x04", "7-Zip archive"),
    "a.tar.zst": (b"\x28\xb5\x2f\xfd\x04", "Zstandard"),
    "a.cab": (b"MSCF\x00\x00", "Windows cabinet"),
    "a.lzh": (b"\x21\x00-lh5-", "LHA archive"),
    "a.iso": (bytes(64), "disc image"),
    "a.z01": (b"PK\x07\x08PK\x03\x04", "one part of a zip archive"),
    "p.tif.gz": (gzip.compress(PNG), "packed with gzip"),
    "p.tif.xz": (lzma.compress(PNG), "packed with xz"),
}


def zip_bytes(entries):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in entries:
            file.writestr(name, data)
    return buffer.getvalue()


def tar_bytes(entries, mode="w"):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize("name", OTHER_ARCHIVES)
def test_archive_of_another_kind_is_told_by_name_with_advice(tmp_path, name):
    data, kind = OTHER_ARCHIVES[name]
    path = tmp_path / name
    path.write_bytes(data.ljust(600, b"\0"))
    for read in (detect_source, lambda p: list(read_particles(p))):
        with pytest.raises(LabError, match=f"^{name} is .*{kind}.* unpack (it|them) and choose the f"):
            read(path)


def test_archive_of_another_kind_in_a_folder_or_an_archive_rejects_only_itself(tmp_path):
    entries = [("p.png", PNG), *((name, data.ljust(600, b"\0")) for name, (data, _) in OTHER_ARCHIVES.items())]
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in entries:
        (folder / name).write_bytes(data)
    (tmp_path / "all.zip").write_bytes(zip_bytes(entries))
    for path in (folder, tmp_path / "all.zip"):
        reasons = {r.name: r.reason for r in read_particles(path)}
        assert reasons.pop("p.png") == ""
        assert set(reasons) == set(OTHER_ARCHIVES)
        for name, reason in reasons.items():
            assert OTHER_ARCHIVES[name][1] in reason
            assert "unpack" in reason


@pytest.mark.parametrize(
    ("method", "kind"),
    [(9, "Deflate64"), (1, "Shrink"), (6, "Implode"), (93, "Zstandard"), (98, "PPMd"), (77, "method 77")],
)
def test_compression_that_cannot_be_read_is_told_by_name(tmp_path, method, kind):
    path = tmp_path / "a.zip"
    path.write_bytes(zip_bytes([("bad.png", PNG), ("good.png", PNG)]))
    set_method(path, method, names=["bad.png"])
    reasons = {r.name: r.reason for r in read_particles(path)}
    assert reasons["good.png"] == ""
    assert kind in reasons["bad.png"]
    assert "unpack the archive and choose the folder" in reasons["bad.png"]
    (note,) = [note for note in detect_source(path).notes if kind in note]
    assert note.startswith("1 of 2 files in a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_that_can_be_read_is(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file:
        file.writestr("p.png", PNG)
    assert [r.reason for r in read_particles(tmp_path / "a.zip")] == [""]


def test_method_of_the_case_is_told(real_data):
    path = case_folder(real_data, "zip-method-9") / "deflate64.zip"
    reasons = [r.reason for r in read_particles(path)]
    assert len(reasons) == detect_source(path).count == 2
    assert all("Deflate64 (method 9)" in reason for reason in reasons)
    assert any(note.startswith("All files in deflate64.zip") for note in detect_source(path).notes)


@pytest.mark.parametrize("name", ["a.tar.bz2", "a.tbz2", "a.tar.xz", "a.txz", "nameless"])
def test_tar_archives_of_every_compression_are_read(tmp_path, name):
    pack = bz2.compress if "bz" in name else lzma.compress
    (tmp_path / name).write_bytes(pack(tar_bytes([("oil/p.png", PNG)])))
    ((record),) = read_particles(tmp_path / name)
    assert (record.name, record.given, record.reason) == ("oil/p.png", "silicone_oil", "")
    assert detect_source(tmp_path / name).kind == "archive"


def test_archives_in_archives_are_read(tmp_path):
    truth = draw_run(tmp_path / "run")
    run = [(path.name, path.read_bytes()) for path in (tmp_path / "run").iterdir()]
    inner = zip_bytes([("deep.tar.gz", tar_bytes(run, "w:gz")), ("oil/p.png", PNG)])
    entries = [("day 1.zip", inner), ("day 2.tar", tar_bytes([("q.png", PNG)])), ("r.png", PNG)]
    (tmp_path / "all.zip").write_bytes(zip_bytes(entries))
    (tmp_path / "all.tgz").write_bytes(tar_bytes(entries, "w:gz"))
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, data in entries:
        (folder / name).write_bytes(data)
    for path in (tmp_path / "all.zip", tmp_path / "all.tgz", folder):
        records = {r.name: r for r in read_particles(path)}
        assert detect_source(path).count == len(records) == len(truth) + 3
        assert not any(r.rejected for r in records.values())
        assert records["day 1.zip/oil/p.png"].given == "silicone_oil"
        assert {"day 2.tar/q.png", "r.png", "day 1.zip/deep.tar.gz/run ä1#1"} <= set(records)


def test_archives_in_archives_are_bounded(tmp_path, monkeypatch):
    data = PNG
    for level in range(5, 0, -1):
        data = zip_bytes([("p.png" if level == 5 else "next.zip", data), ("beside.png", PNG)])
    (tmp_path / "outer.zip").write_bytes(data)
    records = {r.name: r.reason for r in read_particles(tmp_path / "outer.zip")}
    assert [name for name, reason in records.items() if reason] == ["next.zip/next.zip/next.zip"]
    assert "3 archives" in records["next.zip/next.zip/next.zip"]
    assert "unpack" in records["next.zip/next.zip/next.zip"]
    assert records["next.zip/next.zip/beside.png"] == ""
    for limit, value, message in (
        ("MAX_ARCHIVES", 1, "only the first 1 archives"),
        ("MAX_NESTED_BYTES", 100, "together; unpack the outer one"),
        ("MAX_FILES", 1, "more than 1 files together"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(open_source, limit, value)
            reasons = [r.reason for r in read_particles(tmp_path / "outer.zip")]
            assert sum(message in reason for reason in reasons) == 1
            assert reasons.count("") >= 1


def test_archive_in_an_archive_is_checked_like_any_other(tmp_path):
    locked = bytearray(zip_bytes([("p.png", PNG)]))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    entries = [("astray.zip", zip_bytes([("../p.png", PNG)])), ("cut.zip", zip_bytes([("p.png", PNG)])[:-30])]
    entries += [("locked.zip", bytes(locked)), ("good.zip", zip_bytes([("p.png", PNG)]))]
    (tmp_path / "all.zip").write_bytes(zip_bytes(entries))
    reasons = {r.name: r.reason for r in read_particles(tmp_path / "all.zip")}
    assert "would be written outside" in reasons["astray.zip"]
    assert "is damaged" in reasons["cut.zip"]
    assert "protected by a password" in reasons["locked.zip"]
    assert reasons["good.zip/p.png"] == ""


def test_large_archive_in_an_archive_is_kept_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(open_source, "MAX_IN_MEMORY_BYTES", 10)
    (tmp_path / "all.zip").write_bytes(zip_bytes([("in.zip", zip_bytes([("p.png", PNG)]))]))
    assert [(r.name, r.reason) for r in read_particles(tmp_path / "all.zip")] == [("in.zip/p.png", "")]
    assert [p.name for p in tmp_path.iterdir()] == ["all.zip"]


def test_part_of_a_zip_archive_is_told(tmp_path):
    data = bytearray(zip_bytes([("p.png", PNG)]))
    end = data.index(b"PK\x05\x06")
    data[end - 20 : end] = data[end - 20 : end]
    locator = b"PK\x06\x07" + (1).to_bytes(4, "little") + bytes(8) + (2).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(bytes(data[:end]) + locator + bytes(data[end:]))
    with pytest.raises(LabError, match="several parts.*join the parts"):
        detect_source(tmp_path / "a.zip")
