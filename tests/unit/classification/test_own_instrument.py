"""Counts are corrected by the labelled particles of the instrument itself, the simulated ones as prior."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.classification.counted import confusion_reference_for, count_particles
from svp_core.classification.results import read_results_folder
from svp_core.classification.settings import read_settings
from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
from svp_core.stats.confusion import ConfusionReference
from svp_core.tasks import expectations
from svp_core.tasks.validation import keep_result, standing_of
from svp_core.workspace import instrument_profiles, jobs
from tests.helpers.finished_jobs import KEYS
from tests.helpers.validated_instrument import answer_all, classified_instrument, validation_of


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def perfect_reference(instruments=40, each=10):
    """Simulated instruments on which the classifier hardly errs."""
    rng, count = np.random.default_rng(0), instruments * each * 3
    labels = np.tile(np.repeat(np.arange(3), each), instruments)
    likely = np.where(rng.random(count) < 0.97, labels, rng.integers(0, 3, count))
    probs = np.full((count, 3), 0.04, np.float32)
    probs[np.arange(count), likely] = 0.92
    sizes = np.exp(rng.normal(1.6, 0.6, count))
    of = np.repeat(np.arange(instruments), 3 * each)
    return ConfusionReference(probs, labels, sizes, KEYS, "simulated particles", sizes / 0.5, of)


def protein_count(results):
    settings = read_settings(
        {"bins_um": [0]}, summary=results.summary, columns=results.columns, class_keys=results.class_keys
    )
    results = read_results_folder(results.folder, [settings.diameter, "ecd_px"])
    (count,) = [one for one in count_particles(results, settings).corrected if one.class_key == "protein"]
    return count


def test_own_labels_move_the_corrected_counts_to_the_truth():
    given = ["protein"] * 900 + ["silicone_oil"] * 50 + ["air_bubble"] * 50
    profile, truth = classified_instrument(1000, right=0.7, given=given)
    (job_id,) = truth
    folder = jobs.job_folder(job_id)
    write_confusion_reference(folder, perfect_reference(), file=MATCHED_FILE)
    before = protein_count(read_results_folder(folder))
    assert abs(before.count - 900) > 150
    validation, correct = validation_of(profile, truth, count=200)
    answer_all(validation, correct)
    keep_result(validation, standing_of(validation))
    results = read_results_folder(folder)
    reference, reason = confusion_reference_for(results)
    assert reason == ""
    assert reference.of_own_instrument().sum() == 200
    after = protein_count(results)
    assert abs(after.count - 900) < abs(before.count - 900) / 2
    assert after.low <= 900 <= after.high


def test_without_simulated_ones_the_own_are_used_from_ten_of_each_class_on():
    given = ["protein"] * 200 + ["silicone_oil"] * 200 + ["air_bubble"] * 200
    profile, truth = classified_instrument(600, given=given, weights="gone")
    (job_id,) = truth
    folder = jobs.job_folder(job_id)
    reference, reason = confusion_reference_for(read_results_folder(folder))
    assert reference is None
    assert "gone" in reason
    validation, correct = validation_of(profile, truth, count=150)
    few = {particle: label if label != "air_bubble" else "other" for particle, label in correct.items()}
    answer_all(validation, few)
    keep_result(validation, standing_of(validation))
    assert confusion_reference_for(read_results_folder(folder))[0] is None
    answer_all(validation, few | correct, reviewer="Ben")
    standing = standing_of(validation)
    keep_result(validation, replace(standing, settled=replace(standing.settled, truth=correct)))
    own, _ = confusion_reference_for(read_results_folder(folder))
    assert len(own.labels) == 150
    assert own.of_own_instrument().all()
    assert protein_count(read_results_folder(folder)).low <= 200


def test_expectations_say_what_is_simulated_and_what_is_the_labs_own():
    profile, truth = classified_instrument(300)
    (job_id,) = truth
    assert "not validated" in expectations.expectations(profile)[0]
    write_confusion_reference(jobs.job_folder(job_id), perfect_reference(), file=MATCHED_FILE)
    (sentence,) = expectations.expectations(profile)
    assert "40 simulated 10x instruments" in sentence
    assert "98 % (97 to 99)" in sentence
    validation, correct = validation_of(profile, truth, count=120)
    answer_all(validation, correct)
    keep_result(validation, standing_of(validation))
    (sentence,) = expectations.expectations(instrument_profiles.find_profile(profile.id))
    assert "120 particles of your own" in sentence
    assert expectations.accuracy_between_instruments(replace(perfect_reference(), instruments=None)) is None


@pytest.mark.parametrize(("foreign", "is_withheld"), [(0, False), (2, False), (60, True)])
def test_particles_of_other_kinds_among_the_named_ones_forbid_corrected_counts(foreign, is_withheld):
    profile, truth = classified_instrument(600)
    (job_id,) = truth
    folder = jobs.job_folder(job_id)
    write_confusion_reference(folder, perfect_reference(), file=MATCHED_FILE)
    validation, correct = validation_of(profile, truth, count=100)
    answer_all(validation, correct | dict.fromkeys(list(correct)[:foreign], "other"))
    keep_result(validation, standing_of(validation))
    reference, reason = confusion_reference_for(read_results_folder(folder))
    assert (reference is None) == is_withheld
    assert (f"{foreign} of 100" in reason) == is_withheld
