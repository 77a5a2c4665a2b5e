"""A classification gets a reference matched to its images; the next run of the same instrument gets the same one."""

import json

import numpy as np
import pytest

from svp_core.classification.counted import confusion_reference_for
from svp_core.classification.results import read_results_folder
from svp_core.classifier.confusion_reference import MATCHED_FILE, read_confusion_reference
from svp_core.images import encode_png
from svp_core.optics.camera import add_background
from svp_core.reference_library import library, matching
from svp_core.tasks import reference_matching
from svp_core.tasks.classify import ClassifyRequest, classify
from tests.helpers.drawn_library import draw_library


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Folder of a small library in place of the shipped one; a workspace of its own."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    folder = tmp_path / "library"
    for module in (library.library_version, library.read_library):
        monkeypatch.setitem(module.__kwdefaults__, "folder", folder)
    monkeypatch.setattr(matching, "MIN_OF_CLASS", 10)
    return folder


def classified(tmp_path, name, *, count=14):
    """Folder of a classification of drawn discs."""
    rng, images = np.random.default_rng(3), draw_library(instruments=1).images
    source, out = tmp_path / f"{name} source", tmp_path / name
    source.mkdir()
    out.mkdir()
    for number in range(count):
        tile = add_background(images[number], background=0.6, gradient=(0.0, 0.0), noise=0.01, rng=rng)
        (source / f"{number}.png").write_bytes(encode_png(tile))
    for _ in classify(ClassifyRequest(str(source), um_per_px=0.55), out):
        pass
    return out


def classes_of(folder):
    return read_results_folder(folder).class_keys


def test_counts_use_the_matched_reference_and_equal_runs_share_it(shipped, tmp_path, monkeypatch):
    without = classified(tmp_path, "before")
    assert not (without / MATCHED_FILE).exists()
    library.write_library(shipped, draw_library(classes=classes_of(without)))
    first = classified(tmp_path, "first")
    stored = read_confusion_reference(first, file=MATCHED_FILE)
    assert stored is not None
    assert stored.instruments is not None
    used, why_not = confusion_reference_for(read_results_folder(first))
    assert (why_not, used and used.description) == ("", stored.description)
    of_model, _ = confusion_reference_for(read_results_folder(without))
    assert of_model is not None
    assert of_model.description != stored.description

    def fail(*_args, **_options):
        raise AssertionError("the second run makes no reference of its own")

    monkeypatch.setattr(matching, "matched_reference", fail)
    second = classified(tmp_path, "second")
    assert (second / MATCHED_FILE).read_bytes() == (first / MATCHED_FILE).read_bytes()


def test_a_damaged_library_is_noted_and_the_classification_stands(shipped, tmp_path):
    shipped.mkdir()
    (shipped / "10x.safetensors").write_bytes(b"nothing")
    out = classified(tmp_path, "run")
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert summary["named"] == 14
    assert sum("is damaged" in note for note in summary["notes"]) == 1
    assert not (out / MATCHED_FILE).exists()


def test_only_the_newest_references_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(reference_matching, "MAX_KEPT", 2)
    for number in range(4):
        (tmp_path / f"{number}.safetensors").write_bytes(b"")
    (tmp_path / ".writing.safetensors").write_bytes(b"")
    reference_matching._remove_oldest(tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
