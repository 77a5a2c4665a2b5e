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
