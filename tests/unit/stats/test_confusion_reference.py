"""The confusion reference: its classes, its file, and that of the shipped classifier."""

import dataclasses

import numpy as np
import pytest

from svp_core.classifier.confusion_reference import (
    MATCHED_FILE,
    read_confusion_reference,
    write_confusion_reference,
)
from svp_core.classifier.resnet import predict_probs
from svp_core.errors import LabError
from svp_core.morphology import measure
from svp_core.optics import scenes
from svp_core.stats.predictive_values import predictive_values
from tests.helpers.confusion import KEYS, drawn_reference, shipped_classifier


def test_a_reference_with_other_classes_is_refused():
    with pytest.raises(ValueError, match="the reference has classes"):
        predictive_values(["a"], reference=drawn_reference(10, np.random.default_rng(0)), class_keys=("a", "b"))


def test_a_reference_is_read_back_as_written(tmp_path):
    given = drawn_reference(5, np.random.default_rng(0))
    assert read_confusion_reference(tmp_path) is None
    write_confusion_reference(tmp_path, given)
    found = read_confusion_reference(tmp_path)
    assert found is not None
    assert np.allclose(found.probs, given.probs, atol=1e-3)
    assert (found.labels == given.labels).all()
    assert (found.class_keys, found.description) == (KEYS, "drawn")
    assert (found.sizes_um == 12).all()
    assert found.sizes_px is None
    write_confusion_reference(tmp_path, dataclasses.replace(given, sizes_px=np.full(15, 20.0)))
    found = read_confusion_reference(tmp_path)
    assert found is not None
    assert found.sizes_px is not None
    assert (found.sizes_px == 20).all()
    (tmp_path / "held_out.safetensors").write_bytes(b"nothing")
    with pytest.raises(LabError, match="is damaged"):
        read_confusion_reference(tmp_path)


def test_the_shipped_reference_equals_what_the_shipped_classifier_predicts():
    classifier, reference = shipped_classifier()
    assert reference.class_keys == tuple(classifier.config.class_keys)
    assert "run seed 6" in reference.description
    assert list(np.bincount(reference.labels)) == [1000] * len(KEYS)
    for label, key in enumerate(reference.class_keys):
        start = int(np.flatnonzero(reference.labels == label)[0])
        drawn = [scenes.simulate(key, scenes.particle_seed(6, k)) for k in range(3)]
        probs = predict_probs(classifier, np.stack([particle.pixels for particle in drawn]))
        assert np.allclose(probs, reference.probs[start : start + 3], atol=0.02)
        for particle, size in zip(drawn, reference.sizes_um[start:], strict=False):
            found = measure(particle.pixels, um_per_px=particle.truth["um_per_px"])["ecd_um"]
            assert found == pytest.approx(size, rel=2e-3) if found else np.isnan(size)


def test_instruments_and_marks_are_kept_in_the_folder_of_a_classification(tmp_path):
    given = dataclasses.replace(
        drawn_reference(5, np.random.default_rng(0)), instruments=np.arange(15) - 1, unlike=np.arange(15) % 3 == 0
    )
    write_confusion_reference(tmp_path, given, file=MATCHED_FILE)
    assert read_confusion_reference(tmp_path) is None
    read = read_confusion_reference(tmp_path, file=MATCHED_FILE)
    assert read is not None
    assert read.instruments is not None
    assert read.unlike is not None
    assert read.instruments.tolist() == list(range(-1, 14))
    assert read.unlike.tolist() == [True, False, False] * 5
    assert read.of_own_instrument().sum() == 1
    (tmp_path / MATCHED_FILE).write_bytes(b"nothing")
    with pytest.raises(LabError, match="classify the source again"):
        read_confusion_reference(tmp_path, file=MATCHED_FILE)
