"""Every named particle has its novelty; what does not stand out is rejected, and never named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svp_core.classification.classify import classify_records
from svp_core.classification.measure import NOTHING_STANDS_OUT
from svp_core.classifier.resnet import load_classifier
from svp_core.instruments.records import ParticleRecord
from svp_core.model_files import find_model_folder
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.calibration_file import find_calibration

SAMPLE = Path(__file__).parents[3] / "sample_data"
NOVELTY = ("novelty_score", "novelty_p", "unlike")


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(find_model_folder("resnet18"))


def records_of(images, **options):
    return [ParticleRecord(f"{k}", "s", image, **options) for k, image in enumerate(images)]


@pytest.mark.parametrize("model", ["resnet18", "resnet18_six", "resnet50"])
def test_shipped_classifiers_have_a_calibration_of_their_own(model):
    shipped = load_classifier(find_model_folder(model))
    calibration, reason = find_calibration(shipped.folder, shipped.config.class_keys)
    assert calibration is not None, reason
    for form, each in zip(calibration.forms, (990, 800), strict=True):
        assert len(form.named) >= each * len(shipped.config.class_keys)
        assert np.isfinite(form.distances).all()


def test_known_particles_are_marked_as_often_as_the_calibration_says(classifier):
    tiles = np.load(SAMPLE / "tiles.npy")[::3]
    rows = classify_records(records_of(tiles), classifier).rows
    values = np.array([row["novelty_p"] for row in rows if row["status"] == "ok"])
    assert len(values) >= 0.99 * len(tiles)
    assert values.min() > 0
    assert (values <= LEVEL).mean() <= 0.08
    assert (values <= 0.5).mean() == pytest.approx(0.5, abs=0.1)
    for row in rows:
        if row["status"] == "ok":
            assert row["unlike"] is (row["novelty_p"] <= LEVEL)


def test_a_letter_is_unlike_every_class(classifier):
    letters = []
    for shift in range(8):
        image = np.full((64, 64), 176, np.uint8)
        image[12:52, 14 + shift : 20 + shift] = 30
        image[12:18, 14 + shift : 44] = 30
        image[29:35, 14 + shift : 40] = 30
        letters.append((image + np.random.default_rng(shift).normal(0, 1, image.shape)).clip(0, 255).astype(np.uint8))
    rows = classify_records(records_of(letters), classifier).rows
    assert sum(row["unlike"] for row in rows) >= 7


@pytest.mark.parametrize("noise", [0.7, 4, 30])
def test_empty_crops_are_rejected_and_have_no_name(classifier, noise):
    rng = np.random.default_rng(0)
    crops = (180 + rng.normal(0, noise, (20, 48, 48))).round().clip(0, 255).astype(np.uint8)
    batch = classify_records(records_of(crops), classifier)
    assert len(batch.tiles) == 0
    assert {(row["status"], row["reason"]) for row in batch.rows} == {("rejected", NOTHING_STANDS_OUT)}
    assert all(row[name] is None for row in batch.rows for name in ("label", "confidence", *NOVELTY))


def test_an_empty_mask_of_the_instrument_is_no_particle_either(classifier):
    tile = np.load(SAMPLE / "tiles.npy")[0]
    rows = classify_records(records_of([tile], mask=np.zeros(tile.shape, bool)), classifier).rows
    assert rows[0]["reason"] == NOTHING_STANDS_OUT


def test_without_a_calibration_novelty_is_empty(classifier):
    tiles = np.load(SAMPLE / "tiles.npy")[:3]
    rows = classify_records(records_of(tiles), replace(classifier, folder=None)).rows
    known = classify_records(records_of(tiles), classifier).rows
    assert all(row[name] is None for row in rows for name in NOVELTY)
    for one, other in zip(rows, known, strict=True):
        assert one["label"] == other["label"]
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-4)
