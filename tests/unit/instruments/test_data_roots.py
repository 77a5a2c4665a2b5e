"""Links inside the folders that a shared server may read do not lead out of them."""

import os
import zipfile

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.instruments.detect import read_particles

PNG = encode_png(np.pad(np.full((9, 9), 60, np.uint8), 12, constant_values=170))


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A folder that may be read, one that may not, and links from the first into both."""
    data, secret = tmp_path / "data" / "run", tmp_path / "secret"
    for folder in (data, secret, tmp_path / "data" / "other"):
        folder.mkdir(parents=True)
        (folder / f"{folder.name}.png").write_bytes(PNG)
    with zipfile.ZipFile(secret / "packed.zip", "w") as archive:
        archive.writestr("inside.png", PNG)
    (data / "out.png").symlink_to(secret / "secret.png")
    (data / "by way of.png").symlink_to(data / "out.png")
    (data / "near.png").symlink_to(tmp_path / "data" / "other" / "other.png")
    (data / "out.zip").symlink_to(secret / "packed.zip")
    (data / "folder").symlink_to(secret)
    monkeypatch.setenv("SVP_DATA_ROOTS", os.pathsep.join([str(tmp_path / "nothing"), str(tmp_path / "data")]))
    return data


def reasons(path):
    return {record.name: record.reason for record in read_particles(path)}


def test_links_that_lead_outside_are_listed_with_the_reason(lab):
    found = reasons(lab)
    assert {name for name, reason in found.items() if not reason} == {"run.png", "near.png"}
    assert set(found) == {"run.png", "near.png", "out.png", "by way of.png", "out.zip"}
    assert all("outside" in found[name] for name in ("out.png", "by way of.png", "out.zip"))


def test_a_link_that_is_opened_itself_is_refused(lab):
    for name in ("out.zip", "out.png"):
        with pytest.raises(LabError, match="outside"):
            list(read_particles(lab / name))


def test_without_roots_links_are_followed(lab, monkeypatch):
    monkeypatch.delenv("SVP_DATA_ROOTS")
    assert [name for name, reason in reasons(lab).items() if not reason] == [
        "by way of.png",
        "near.png",
        "out.png",
        "out.zip/inside.png",
        "run.png",
    ]
