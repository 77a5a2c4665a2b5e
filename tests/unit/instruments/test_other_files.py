"""Files that are not read are told with what they are and what would work, alone and in a folder."""

import pytest

from svp_core.errors import LabError
from svp_core.instruments.detect import detect_source, read_particles
from svp_core.instruments.other_files import unread_kind
from tests.helpers import drawn_files

KINDS = {
    "a.czi": "Zeiss",
    "b.ND2": "NIS-Elements",
    "run.cif": "IDEAS",
    "a.fcs": "flow cytometer",
    "scan.heic": "phone",
    "film.avi": "film",
    "table.xlsx": "spreadsheet",
    "a.pgm": "another format",
    "m.pkl": "could run a program",
}


@pytest.mark.parametrize("name", KINDS)
def test_known_kinds_are_told_by_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"\0\1\2 whatever")
    with pytest.raises(LabError, match=rf"^{name} is an? .*{KINDS[name]}.*; .*\.$"):
        detect_source(tmp_path / name)
    (tmp_path / "c.png").write_bytes(drawn_files.by_pillow(drawn_files.GREY, "PNG"))
    records = {record.name: record for record in read_particles(tmp_path)}
    assert KINDS[name] in records[name].reason
    assert not records["c.png"].rejected


@pytest.mark.parametrize(("kind", "ending"), [("PNG", ".png"), ("TIFF", ".tif"), ("JPEG", ".jpg"), ("WEBP", ".webp")])
@pytest.mark.parametrize("name", ["image", "image.dat"])
def test_an_image_without_its_ending_is_told(tmp_path, kind, ending, name):
    (tmp_path / name).write_bytes(drawn_files.by_pillow(drawn_files.GREY, kind))
    (record,) = read_particles(tmp_path)
    assert record.rejected
    assert f"rename it to end in {ending}" in record.reason
    with pytest.raises(LabError, match="rename it"):
        detect_source(tmp_path / name)


def test_nothing_is_said_of_unknown_files():
    assert unread_kind("notes", b"hello") is None
    assert unread_kind("a.lst", b"017") is None


CONTENTS = {
    b"version https://git-lfs.github.com/spec/v1\noid": "Git LFS",
    b"<!DOCTYPE html><html>": "web page",
    b"%PDF-1.7 ": "PDF",
    b"PK\3\4\x14\0": "zip archive",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\0\0\0\x18ftypheic": "phone",
    b"hello": "not an image in PNG",
}


@pytest.mark.parametrize("content", CONTENTS)
def test_other_content_under_the_name_of_an_image_is_told(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content + bytes(40))
    (record,) = read_particles(tmp_path)
    assert CONTENTS[content] in record.reason


def test_a_table_of_no_known_instrument_is_told_by_its_columns(tmp_path):
    (tmp_path / "a.png").write_bytes(drawn_files.by_pillow(drawn_files.GREY, "PNG"))
    (tmp_path / "cells.csv").write_text("Label;Area;Mean;X;Y\n1;2,5;3;4;5\n")
    (tmp_path / "notes.txt").write_text("This is no table, but a text;\nof two lines; perhaps.\n")
    reasons = {record.name: record.reason for record in read_particles(tmp_path)}
    assert "Label, Area, Mean, X" in reasons["cells.csv"]
    assert "not an image file (.txt)" in reasons["notes.txt"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a_C0.png", "a_C1.png", "b_C0.png", "b_C1.png"], True),
        (["x/1 BF.tif", "x/1 GFP.tif", "x/2 BF.tif", "x/2 GFP.tif"], True),
        (["a_w1.tif", "a_w2.tif", "b_w1.tif", "b_w2.tif", "c.tif"], True),
        (["a_c1.png", "a_c2.png", "a_c3.png", "b_c1.png"], False),
        (["a_C0.png", "a_C1.png"], False),
        (["a_1.png", "a_2.png", "b_1.png", "b_2.png"], False),
    ],
)
def test_channels_in_files_of_their_own_are_told(tmp_path, names, told):
    for seed, name in enumerate(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        kind = "PNG" if name.endswith("png") else "TIFF"
        (tmp_path / name).write_bytes(drawn_files.by_pillow(drawn_files.draw_grey(seed=seed), kind))
    assert any("channels of one particle" in caution for caution in detect_source(tmp_path).cautions) == told


@pytest.mark.parametrize(
    "copy", ["a (1).png", "a - Copy.png", "a copy 2.png", "Copy of a.png", "x/a.png", "A_copy.png"]
)
def test_copies_of_a_file_are_told(tmp_path, copy):
    data = drawn_files.by_pillow(drawn_files.GREY, "PNG")
    (tmp_path / "x").mkdir()
    (tmp_path / "a.png").write_bytes(data)
    (tmp_path / copy).write_bytes(data)
    assert any("counted twice" in caution for caution in detect_source(tmp_path).cautions)
    (tmp_path / copy).write_bytes(drawn_files.by_pillow(drawn_files.draw_grey(seed=1), "PNG"))
    assert not detect_source(tmp_path).cautions
