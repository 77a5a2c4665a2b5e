"""Names in archives: whatever encoding a tool wrote, the files are found under the names that the lab gave them."""

import io
import struct
import tarfile
import unicodedata
import zlib

import numpy as np
import pytest

from svp_core.images import encode_png
from svp_core.instruments.archive_names import decode_names
from svp_core.instruments.detect import detect_source, read_particles
from tests.helpers.case_files import case_folder
from tests.helpers.drawn_run import draw_run
from tests.helpers.raw_zip import write_raw_zip

PNG = encode_png(np.pad(np.full((4, 9), 60, np.uint8), 8, constant_values=170))
GERMAN = ["Prüfung/größe 5 µm.png", "Prüfung/Übersicht.png", "Prüfung/Straße.png"]
FRENCH = ["échantillon/goutte d'huile n°2.png", "échantillon/façade à côté.png"]
SPANISH = ["Análisis/muestra pequeña.png", "Análisis/además.png"]
NORDIC = ["Prøver/måling på ål.png", "Prøver/særlig.png"]


def raw_entries(names, encoding):
    return [(name.encode(encoding), PNG) for name in names]


@pytest.mark.parametrize("system", ["windows", "unix"])
@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        *((names, encoding) for names in (GERMAN, FRENCH, SPANISH, NORDIC) for encoding in ("utf-8", "cp1252")),
        *((names, "cp437") for names in (GERMAN, FRENCH, SPANISH)),
        *((names, "cp850") for names in (GERMAN, FRENCH, SPANISH, NORDIC)),
    ],
)
def test_names_without_a_flag_are_decoded(tmp_path, names, encoding, system):
    path = write_raw_zip(tmp_path / "run.zip", raw_entries(names, encoding), system=system)
    assert sorted(r.name for r in read_particles(path)) == sorted(names)
    assert not any(r.rejected for r in read_particles(path))
    guessed = [note for note in detect_source(path).notes if "encoding" in note]
    assert len(guessed) == (encoding != "utf-8")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "cp437"])
def test_run_in_an_archive_finds_its_images_by_names_of_any_encoding(tmp_path, encoding, form):
    if encoding != "utf-8" and form == "NFD":
        pytest.skip("these encodings have no combining marks")
    truth = draw_run(tmp_path / "run", title="Prüfung-1")
    entries = [
        (unicodedata.normalize(form, f"Prüfung-1/{path.name}").encode(encoding), path.read_bytes())
        for path in (tmp_path / "run").iterdir()
    ]
    records = list(read_particles(write_raw_zip(tmp_path / "r.zip", entries)))
    assert len(records) == len(truth)
    assert not any(r.rejected for r in records)


def test_unicode_path_of_the_entry_is_preferred(tmp_path):
    def extra(raw_name):
        name = "дата.png".encode()
        body = struct.pack("<BI", 1, zlib.crc32(raw_name)) + name
        return struct.pack("<HH", 0x9999, 2) + b"xx" + struct.pack("<HH", 0x7075, len(body)) + body

    path = write_raw_zip(tmp_path / "r.zip", [(b"____.png", PNG)], extra=extra)
    assert [r.name for r in read_particles(path)] == ["дата.png"]


def test_names_in_a_tar_archive_are_decoded(tmp_path):
    for encoding in ("utf-8", "cp1252", "cp437"):
        path = tmp_path / f"{encoding}.tar"
        with tarfile.open(path, "w", encoding=encoding, format=tarfile.GNU_FORMAT) as file:
            for name in GERMAN:
                info = tarfile.TarInfo(name)
                info.size = len(PNG)
                file.addfile(info, io.BytesIO(PNG))
        assert sorted(r.name for r in read_particles(path)) == sorted(GERMAN)


def test_one_name_in_utf8_does_not_decide_for_the_others():
    names = ["ä.png".encode(), "größe.png".encode("cp1252"), b"plain.png"]
    assert decode_names(names) == (["ä.png", "größe.png", "plain.png"], "cp1252")
    assert decode_names([b"plain.png"]) == (["plain.png"], "")
    assert decode_names([]) == ([], "")


def test_names_of_the_case_are_read(real_data):
    records = list(read_particles(case_folder(real_data, "zip-utf8-names-unflagged") / "run.zip"))
    assert records
    assert not any(r.rejected for r in records)
    assert {unicodedata.normalize("NFC", r.name.partition("/")[0]) for r in records} == {"Prüfung-1"}
