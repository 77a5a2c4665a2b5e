"""From labelled folders to a classifier's model folder, and the commands that train."""

import dataclasses
import re
import shutil

import numpy as np
import pytest
import torch

from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.classifier.training_loop import ClassifierTrainingPlan as ClassifierPlan
from svp_core.classifier.training_loop import halves
from svp_core.cli import main
from svp_core.datasets.labelled_tiles import read_labelled
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.stats.counts import apply_thresholds, corrected_counts
from svp_core.training.classifier import train_classifier


@pytest.fixture
def folder(tmp_path):
    """Six tiles in each of three classes, a text file, and an image without a class."""
    rng = np.random.default_rng(0)
    for level, name in ((60, "air"), (140, "Protein"), (200, "oil")):
        for k in range(6):
            path = tmp_path / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(level, level + 30, (64, 64), dtype=np.uint8)))
    (tmp_path / "data" / "oil" / "notes.txt").write_text("not an image")
    (tmp_path / "data" / "loose.png").write_bytes(encode_png(np.zeros((64, 64), np.uint8)))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--from", "nonesuch"], "no model called 'nonesuch'"), (["--class", ".."], "is not a valid class name")],
)
def test_the_command_prints_what_is_wrong(folder, tmp_path, capsys, options, message):
    assert main(["train", "generator", str(folder), "--out", str(tmp_path / "run"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_trained_classifier_is_a_model_folder(folder, tmp_path):
    data, out = read_labelled(folder), tmp_path / "run"
    list(train_classifier(data, out, validation=data, plan=ClassifierPlan(epochs=1, batch=6)))
    assert load_classifier(out, device=torch.device("cpu")).config.class_keys == data.class_keys
    # Tiles it was trained on say nothing about its errors on others.
    assert read_confusion_reference(out) is None


def test_predictions_on_held_out_tiles_are_stored_as_confusion_reference(folder, tmp_path):
    data, out = read_labelled(folder), tmp_path / "run"
    held_out = dataclasses.replace(data, tiles=data.tiles[:, ::-1].copy())
    list(train_classifier(data, out, validation=held_out, plan=ClassifierPlan(epochs=1, batch=6)))
    reference, (tiles, labels) = read_confusion_reference(out), halves(held_out.tiles, held_out.labels)[1]
    assert reference is not None
    assert reference.class_keys == data.class_keys
    assert (reference.labels == labels).all()
    assert len(set(labels)) == 3
    classifier = load_classifier(out, device=torch.device("cpu"))
    assert np.allclose(reference.probs, predict_probs(classifier, tiles), atol=2e-3)
    assert np.isnan(reference.sizes_um).all()
    counted = ", ".join(f"{key} {count}" for key, count in zip(data.class_keys, np.bincount(labels), strict=True))
    assert reference.description == f"{len(tiles)} held-out tiles of its training ({counted}), of unknown sizes"
    assigned = apply_thresholds(reference.probs, reference.class_keys)
    rows = corrected_counts(
        assigned, np.full(len(assigned), 12.0), reference=reference, class_keys=reference.class_keys
    )
    assert all(row.low <= row.count <= row.high for row in rows)


def test_validation_of_other_classes_is_refused(folder, tmp_path):
    data = read_labelled(folder)
    shutil.rmtree(folder / "air")
    with pytest.raises(LabError, match="validation has protein, silicone_oil; give the same ones"):
        list(train_classifier(data, tmp_path / "run", validation=read_labelled(folder)))


def test_a_single_class_is_refused(folder, tmp_path):
    data = read_labelled(folder).only(["protein"])
    with pytest.raises(LabError, match="All images are of one class, protein; a classifier needs at least two"):
        list(train_classifier(data, tmp_path / "run", validation=data))
    assert not (tmp_path / "run").exists()


def test_the_command_trains_a_classifier(folder, tmp_path, capsys):
    options = ["--validation", str(folder), "--epochs", "0.5", "--out", str(tmp_path / "r")]
    assert main(["train", "classifier", str(folder), *options]) == 0
    assert (tmp_path / "r" / "model.safetensors").is_file()
    assert re.search("left out .*notes.txt", capsys.readouterr().err)


def test_a_classifier_without_validation_tiles_is_refused(folder, tmp_path, capsys):
    assert main(["train", "classifier", str(folder), "--out", str(tmp_path / "r")]) == 2
    assert "A classifier needs --validation FOLDER" in capsys.readouterr().err
