"""A validation from draw to stored result, without a screen."""

import numpy as np
import pytest

from svp_core.classification.own_instrument import own_reference
from svp_core.errors import LabError
from svp_core.tasks import validation as task
from svp_core.tasks.stored_classifications import delete_classification, read_summary
from svp_core.tile_file import read_tiles
from svp_core.workspace import instrument_profiles, jobs, validations
from svp_core.workspace.database import engine
from tests.helpers.finished_jobs import KEYS
from tests.helpers.validated_instrument import (
    ALLOWED,
    SHA256,
    answer,
    answer_all,
    classified_instrument,
    validation_of,
)


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def test_particles_are_drawn_from_all_runs_of_the_classifier_with_their_own_tiles():
    profile, truth = classified_instrument(runs=2)
    classified_instrument(sha256="6" * 64)
    assert task.classifiers_of(profile.id) == {SHA256: "resnet18", "6" * 64: "resnet18"}
    validation, _ = validation_of(profile, truth, count=120)
    assert set(validation.table["job"]) == set(truth)
    assert len(validation.table) == len(validation.tiles) == 120
    for row in range(0, 120, 17):
        job_id, image = validation.table["job"][row], validation.table["image"][row]
        tiles = read_tiles(jobs.job_folder(job_id) / "tiles.npy")
        assert (validation.tiles[row] == tiles[int(image.rpartition("#")[2]) - 1]).all()


def test_figures_of_the_answers_are_kept_with_the_profile_and_become_its_reference():
    profile, truth = classified_instrument(1000, right=0.85)
    validation, correct = validation_of(profile, truth, count=300)
    with pytest.raises(LabError, match="at least"):
        task.keep_result(validation, task.standing_of(validation))
    answer_all(validation, correct)
    standing = task.standing_of(validation)
    assert standing.is_complete
    record = task.keep_result(validation, standing)
    accuracy = record["figures"]["accuracy"]
    assert accuracy["low"] <= 0.85 <= accuracy["high"]
    assert accuracy["high"] - accuracy["low"] < 0.15
    found = instrument_profiles.find_profile(profile.id)
    assert found.validation_of(SHA256)["figures"]["n"] == 300
    assert found.validation_of("6" * 64) is None
    (job_id,) = truth
    reference = own_reference(read_summary(job_id), KEYS)
    assert len(reference.labels) == 300
    share = (reference.probs.argmax(1) == reference.labels).mean()
    assert abs(share - 0.85) < 0.08
    assert own_reference(read_summary(job_id), ("protein", "fibre")) is None
    # Without its classification, the validation stays; on another computer it goes with the profile.
    exported = instrument_profiles.export_profile(profile.id)
    delete_classification(job_id)
    assert validations.open_validation(profile.id, validation.id).tiles.shape == (300, 64, 64)
    instrument_profiles.delete_profile(profile.id)
    assert instrument_profiles.import_profile(exported).validation_of(SHA256)["figures"] == record["figures"]


def test_a_part_of_the_draw_is_a_fair_sample_too():
    profile, truth = classified_instrument(2000, right=0.8)
    validation, correct = validation_of(profile, truth, count=300)
    first = dict(list(correct.items())[:100])
    answer_all(validation, first)
    standing = task.standing_of(validation)
    assert not standing.is_complete
    record = task.keep_result(validation, standing)
    assert record["figures"]["n"] == 100
    assert record["figures"]["accuracy"]["low"] <= 0.8 <= record["figures"]["accuracy"]["high"]


def test_answers_are_written_once_undone_and_changed():
    profile, truth = classified_instrument()
    validation, _ = validation_of(profile, truth)

    def send(*events):
        return validations.record_answers(validation, events, allowed=ALLOWED)

    def standing():
        return task.standing_of(validation).by_reviewer

    send(answer(1, "1", "protein"), answer(2, "2", "unsure"), answer(3, "3", "skip"))
    send(answer(1, "1", "protein"), answer(2, "2", "unsure"))
    assert standing() == {"Anna": {"1": "protein", "2": "unsure"}}
    send(answer(4, "1", "other"))
    assert standing()["Anna"]["1"] == "other"
    send(answer(5, "1", "undo", undoes="t1/4"))
    assert standing()["Anna"]["1"] == "protein"
    send(answer(6, "", "undo"))
    assert standing() == {"Anna": {"2": "unsure"}} or standing() == {"Anna": {"1": "protein"}}
    send(answer(7, "1", "undo", undoes="t1/2", reviewer="Ben", tab="t2"))
    assert "Ben" not in standing()
    refused = send(answer(8, "999", "protein"), answer(9, "4", "dust"), answer(10, "5", "protein", reviewer=" "))
    assert all(refused.values())
    assert set(refused) == {"999", "4", "5"}
    with pytest.raises(Exception, match="only ever added"), engine().begin() as db:
        db.exec_driver_sql("DELETE FROM validation_answer")


def test_two_people_answer_blind_and_settle_what_differs():
    profile, truth = classified_instrument()
    validation, correct = validation_of(profile, truth)
    answer_all(validation, correct)
    other = dict(correct)
    changed = list(other)[:6]
    other |= dict.fromkeys(changed, "other")
    answer_all(validation, other, reviewer="Ben")
    standing = task.standing_of(validation)
    assert set(standing.settled.disagreements) == set(changed)
    assert not standing.is_complete
    assert {standing.settled.truth[particle] for particle in changed} == {"unsure"}
    events = [
        answer(n, particle, correct[particle], tab="s", purpose="settle") for n, particle in enumerate(changed, 1)
    ]
    validations.record_answers(validation, events, allowed=ALLOWED)
    standing = task.standing_of(validation)
    assert standing.is_complete
    assert standing.settled.truth == correct
    record = task.keep_result(validation, standing)
    assert record["reviewers"] == ["Anna", "Ben"]
    assert record["figures"]["agreement"]["same"]["value"] == pytest.approx(54 / 60)


def test_impossible_draws_are_refused():
    profile, truth = classified_instrument(59)
    for count, reason in ((59, "60 to 300"), (301, "60 to 300"), (60, "59 particles")):
        with pytest.raises(LabError, match=reason):
            task.start_validation(profile.id, SHA256, count)
    with pytest.raises(LabError, match="no validation"):
        validations.open_validation(profile.id, "../x")
    assert validations.list_validations(profile.id) == []
    assert np.isin(next(iter(truth.values())), KEYS).all()
