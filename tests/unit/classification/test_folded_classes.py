"""Six classes seen as four: names, counts, references and the validation on the lab's own instrument."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from svp_core.classification import own_instrument
from svp_core.classification.counted import assign_labels, confusion_reference_for, count_particles
from svp_core.classification.folded_classes import (
    can_be_folded,
    fold_probs,
    fold_reference,
    fold_results,
    folded_keys,
    reference_for,
)
from svp_core.classification.promises import promises_for
from svp_core.classification.results import NOVELTY_P, read_results_folder
from svp_core.classification.settings import CountSettings, read_with_settings
from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
from svp_core.errors import LabError
from svp_core.stats.between_instruments import OWN_INSTRUMENT
from tests.helpers.confusion import certain_reference
from tests.helpers.finished_jobs import FOLDED_PROBS, KEYS, SIX_KEYS, make_job

FOUR_KEYS = (*KEYS, "other")


@pytest.fixture(autouse=True)
def workspace(tmp_path, monkeypatch):
    """Nobody else's models."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))


def test_classes_that_can_be_folded_and_their_order():
    assert folded_keys(SIX_KEYS) == FOUR_KEYS
    assert folded_keys(("other", "fat_droplet", "fibre", "protein")) == ("protein", "other", "fat_droplet")
    for keys in (KEYS, FOUR_KEYS, ("protein", "glass_flake", "fibre")):
        assert not can_be_folded(keys)
        with pytest.raises(ValueError, match="no further classes beside other"):
            folded_keys(keys)


def test_a_sum_of_rounded_probabilities_reaches_the_threshold_that_it_is_equal_to():
    parts = np.array([(a, b, 8000 - a - b) for a in range(0, 8001, 160) for b in range(0, 8001 - a, 160)]) / 1e4
    probs = np.column_stack([np.full((len(parts), 3), 0.0667), parts]).astype(np.float32)
    assert (fold_probs(probs, SIX_KEYS)[:, 3] == np.float32(0.8)).all()
    assert fold_probs([[0, 0, 0, 0.3334, 0.3334, 0.3334]], SIX_KEYS).max() == 1


def test_particles_are_named_by_the_sums(tmp_path):
    make_job(tmp_path / "job", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS)
    stored = read_results_folder(tmp_path / "job", ["label", "given", "confidence"])
    stored.table["given"] = ["glass_flake", None, "protein", "other"]
    results = fold_results(stored)
    assert results.class_keys == FOUR_KEYS
    assert results.probs.dtype == np.float32
    assert (
        results.probs.tolist()
        == np.array(
            [[0.4, 0.05, 0.05, 0.5], [0.1, 0.05, 0.05, 0.8], [0.95, 0.01, 0.01, 0.03], [0.02, 0.02, 0.91, 0.05]],
            np.float32,
        ).tolist()
    )
    assert assign_labels(stored, CountSettings()).tolist() == ["unsure", "unsure", "protein", "air_bubble"]
    assert assign_labels(results, CountSettings()).tolist() == ["unsure", "other", "protein", "air_bubble"]
    assert results.table["label"].tolist() == ["other", "other", "protein", "air_bubble"]
    assert results.table["given"].fillna("").tolist() == ["other", "", "protein", "other"]
    assert results.table["confidence"].tolist() == [0.5, 0.8, 0.95, 0.91]
    # The given results are as they were.
    assert results.as_stored is stored
    assert stored.table["label"].tolist() == ["protein", "fibre", "protein", "air_bubble"]
    assert stored.table["confidence"].tolist() == [0.4, 0.5, 0.95, 0.91]


def test_marks_as_unlike_stay_as_stored(tmp_path):
    make_job(tmp_path / "job", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS)
    stored = read_results_folder(tmp_path / "job")
    stored.table[NOVELTY_P] = [0.5, 0.5, 0.001, 0.5]
    assert assign_labels(fold_results(stored), CountSettings()).tolist() == ["unsure", "other", "unlike", "air_bubble"]


def test_no_particles_can_be_folded(tmp_path):
    make_job(tmp_path / "job", np.zeros((0, 6)), [], keys=SIX_KEYS, rejected=[("x.png", "it is empty")])
    results = fold_results(read_results_folder(tmp_path / "job", ["label", "given"]))
    assert results.probs.shape == (0, 4)
    assert len(results.rejected) == 1


def test_settings_of_folded_classes(tmp_path):
    make_job(tmp_path / "job", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS)
    results, settings = read_with_settings(
        tmp_path / "job", {"fold_others": True, "thresholds": {"other": 0.9}}, ["ecd_px", "no such column"]
    )
    assert results.class_keys == FOUR_KEYS
    assert set(results.table) >= {"size_um", "ecd_px", "confidence"}
    assert assign_labels(results, settings).tolist() == ["unsure", "unsure", "protein", "air_bubble"]
    assert read_with_settings(tmp_path / "job", None)[0].class_keys == SIX_KEYS
    for values, words in (
        ({"fold_others": True, "thresholds": {"fibre": 0.9}}, "'fibre', which is not a class of these results"),
        ({"fold_others": "yes"}, "must be true or false; got 'yes'"),
    ):
        with pytest.raises(LabError, match=words):
            read_with_settings(tmp_path / "job", values)
    make_job(tmp_path / "three", np.eye(3), [3.0] * 3)
    with pytest.raises(LabError, match="no further ones to count as other; count them as they are"):
        read_with_settings(tmp_path / "three", {"fold_others": True})


def test_a_reference_is_folded_for_folded_results_only():
    reference = certain_reference()
    folded = fold_reference(reference)
    assert folded.class_keys == FOUR_KEYS
    assert folded.labels.tolist() == np.minimum(reference.labels, 3).tolist()
    assert np.allclose(folded.probs[:, 3], reference.probs[:, 3:].sum(1), atol=1e-6)
    assert (folded.probs[:, :3] == reference.probs[:, :3]).all()
    assert folded.instruments is reference.instruments
    assert reference_for(reference, SIX_KEYS) is reference
    assert reference_for(reference, FOUR_KEYS).class_keys == FOUR_KEYS
    assert reference_for(reference, KEYS) is None
    assert reference_for(replace(reference, probs=reference.probs[:, :3], class_keys=KEYS), FOUR_KEYS) is None


def test_counts_of_four_classes_are_corrected_to_the_truth(tmp_path):
    # Half of the particles are protein, some of which is named as one of the others.
    sample = certain_reference(each=(1800, 300, 300, 200, 200, 200), right=0.7, seed=1)
    make_job(tmp_path / "job", sample.probs, sample.sizes_um.tolist(), keys=SIX_KEYS)
    write_confusion_reference(
        tmp_path / "job", certain_reference(each=(400,) * 6, right=0.7, seed=2), file=MATCHED_FILE
    )
    results, settings = read_with_settings(tmp_path / "job", {"fold_others": True, "bins_um": [0]}, ["ecd_px"])
    counted = count_particles(results, settings)
    assert counted.no_reference == ""
    raw = {one.class_key: one.count for one in counted.raw}
    corrected = {one.class_key: one for one in counted.corrected}
    assert raw["other"] == np.isin(sample.probs.argmax(1), (3, 4, 5)).sum()
    assert abs(corrected["other"].count - 600) < abs(raw["other"] - 600) / 2
    assert corrected["other"].low <= 600 <= corrected["other"].high
    assert {one.class_key for one in counted.ppv} == set(FOUR_KEYS)
    of_named = sample.labels[np.isin(sample.probs.argmax(1), (3, 4, 5))]
    (other,) = [one for one in counted.ppv if one.class_key == "other"]
    assert other.value == pytest.approx((of_named >= 3).mean(), abs=0.05)
    assert other.low <= (of_named >= 3).mean() <= other.high
    assert [one.class_key for one in promises_for(results)] == list(FOUR_KEYS)
    assert confusion_reference_for(results.as_stored)[0].class_keys == SIX_KEYS


def record_of(labels, probs, assigned):
    """A validation of six classes as it is kept with a profile."""
    sizes = [5.0] * len(labels)
    particles = {"labels": labels, "probs": probs, "assigned": assigned, "sizes_um": sizes, "sizes_px": sizes}
    return {"class_keys": list(SIX_KEYS), "particles": particles}


def validate(monkeypatch, record):
    profile = SimpleNamespace(validation_of=lambda sha256: record)
    monkeypatch.setattr(own_instrument, "profile_of", lambda summary: profile)


def test_the_validation_on_the_own_instrument_is_folded_too(monkeypatch):
    validate(
        monkeypatch,
        record_of(
            ["fibre", "protein", "glass_flake", "unsure"],
            [*FOLDED_PROBS[:3], FOLDED_PROBS[0]],
            ["unsure", "unsure", "unlike", "unsure"],
        ),
    )
    reference = own_instrument.own_reference({}, FOUR_KEYS)
    assert reference is not None
    assert reference.class_keys == FOUR_KEYS
    assert reference.labels.tolist() == [3, 0, 3]
    assert reference.probs[:, 3].tolist() == np.array([0.5, 0.8, 0.03], np.float32).tolist()
    assert reference.unlike.tolist() == [False, False, True]
    assert (reference.instruments == OWN_INSTRUMENT).all()
    assert own_instrument.own_reference({}, SIX_KEYS).labels.tolist() == [4, 0, 3]
    assert own_instrument.own_reference({}, KEYS) is None


def test_foreign_particles_that_only_the_folded_class_names_forbid_its_correction(monkeypatch):
    fibres = [FOLDED_PROBS[1]] * 60  # unsure of six, "other" of four
    proteins = [FOLDED_PROBS[2]] * 60
    labels = ["not_a_particle"] * 60 + ["protein"] * 60
    validate(monkeypatch, record_of(labels, fibres + proteins, ["unsure"] * 60 + ["protein"] * 60))
    assert own_instrument.why_not_corrected({}, SIX_KEYS) == ""
    assert "60 of 120 particles" in own_instrument.why_not_corrected({}, FOUR_KEYS)


def test_own_particles_are_a_reference_from_ten_of_every_folded_class_on(tmp_path, monkeypatch):
    make_job(tmp_path / "job", FOLDED_PROBS, [3.0] * 4, keys=SIX_KEYS, weights="gone")
    stored = read_results_folder(tmp_path / "job")
    # Ten of each of the three, and four, three and three of the others: ten of the folded class.
    labels = [*np.repeat(KEYS, 10), *np.repeat(SIX_KEYS[3:], (4, 3, 3))]
    probs = (np.eye(6)[[SIX_KEYS.index(label) for label in labels]] * 0.94 + 0.01).tolist()
    validate(monkeypatch, record_of(list(labels), probs, list(labels)))
    assert confusion_reference_for(stored)[0] is None
    reference, _ = confusion_reference_for(fold_results(stored))
    assert np.bincount(reference.labels).tolist() == [10, 10, 10, 10]
