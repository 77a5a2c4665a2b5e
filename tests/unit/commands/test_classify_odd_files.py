"""Classify a folder of odd and broken files: one row a file, exit status 0; and the depth that a person chooses."""

import numpy as np
import pandas as pd
import pytest

from svp_core.classification.measure import BLANK_IMAGE, NOTHING_STANDS_OUT
from svp_core.classification.results import notes_of, read_results_folder
from svp_core.cli import main
from svp_core.instruments.images.folder import PLANES_AS_COLOURS
from tests.helpers import drawn_files


@pytest.fixture(autouse=True)
def lab(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path_factory.mktemp("lab")))


def test_one_row_a_file_and_no_traceback(tmp_path, capsys):
    odd = {**dict(drawn_files.layouts()), **dict(drawn_files.colours()), **dict(drawn_files.fractions())}
    whole = list(odd)
    for number, data in enumerate(list(odd.values())[::6]):
        odd[f"cut_{number}.tif"] = data[: len(data) // 2]
        odd[f"changed_{number}.tif"] = data[:20] + bytes(40) + data[60:]
        odd[f"misnamed_{number}.bmp"] = data
    odd |= {"empty.gif": b"", "text.webp": b"GIF? no", "zeros.tif": bytes(1000), "head.png": b"\x89PNG\r\n\x1a\n"}
    odd |= {"circle.tif": b"II*\0\x08\0\0\0\0\0" + (8).to_bytes(4, "little") * 9}
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, data in odd.items():
        (folder / name).write_bytes(data)
    assert main(["classify", str(folder), "--out", str(tmp_path / "rows.csv")]) == 0
    rows = pd.read_csv(tmp_path / "rows.csv", keep_default_na=False).set_index("image")
    assert len(rows) == len(odd)
    # All of them can be read; pictures of other ranges may have nothing that stands out at the scale of this source.
    assert set(rows.loc[whole, "reason"]) <= {"", NOTHING_STANDS_OUT, BLANK_IMAGE, PLANES_AS_COLOURS}
    assert (rows.loc[whole, "status"] == "ok").sum() > 20
    assert (rows.loc[rows["status"] == "rejected", "reason"] != "").all()
    assert "Traceback" not in "".join(capsys.readouterr())


def test_the_depth_can_be_given_and_is_kept_with_the_results(tmp_path, capsys):
    import json

    folder = tmp_path / "deep"
    folder.mkdir()
    dim = np.round(drawn_files.GREY / drawn_files.LIQUID * 786).astype(np.uint16)
    dim[30, 30] = 1100
    (folder / "a.tif").write_bytes(drawn_files.tiff(dim))
    levels = {}
    for name, options in {"guessed": (), "given": ("--bit-depth", "10")}.items():
        assert main(["classify", str(folder), *options, "--out", str(tmp_path / name)]) == 0
        levels[name] = pd.read_csv(tmp_path / name / "results.csv")["background_level"][0]
    assert levels == {"guessed": pytest.approx(49, abs=1), "given": pytest.approx(196, abs=1)}
    assert "12 bits" in capsys.readouterr().err
    summary = json.loads((tmp_path / "guessed" / "summary.json").read_text())
    assert summary["choices"] == {"brightness:integer": "12 bits"}
    (folder / "a.tif").write_bytes(drawn_files.tiff(drawn_files.GREY))
    assert main(["classify", str(folder), "--bit-depth", "10", "--out", str(tmp_path / "x.csv")]) != 0
    assert "8 bits" in capsys.readouterr().err


def test_what_was_removed_from_an_image_stands_in_its_row_and_in_the_notes(tmp_path):
    folder = tmp_path / "marked"
    folder.mkdir()
    marked = drawn_files.draw_grey(seed=1)
    marked[54:57, 8:40] = 0
    for name, pixels in (("plain", drawn_files.GREY), ("marked", marked)):
        (folder / f"{name}.png").write_bytes(drawn_files.by_pillow(pixels, "PNG"))
    assert main(["classify", str(folder), "--out", str(tmp_path / "out")]) == 0
    rows = pd.read_csv(tmp_path / "out" / "results.csv", keep_default_na=False).set_index("image")
    assert set(rows["status"]) == {"ok"}
    assert rows.loc["plain.png", "reason"] == ""
    assert "drawn into the image, removed" in rows.loc["marked.png", "reason"]
    results = read_results_folder(tmp_path / "out")
    assert not len(results.rejected)
    assert [note for note in notes_of(results.summary) if rows.loc["marked.png", "reason"] in note]
