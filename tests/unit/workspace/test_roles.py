"""Roles hold in the functions that write, whatever a screen shows; what they do stands in the audit trail."""

import numpy as np
import pandas as pd
import pytest

from svp_core.access.person import acting_as
from svp_core.errors import LabError
from svp_core.review import closing, decision_log, history_file, store
from svp_core.tasks import stored_classifications
from svp_core.tasks.train import register_model
from svp_core.tasks.validation import start_validation
from svp_core.workspace import datasets, instrument_profiles, jobs, models, people, signatures, validations
from svp_core.workspace.changes import list_entries, verify_trail
from svp_core.workspace.uploads import Upload
from tests.helpers.finished_jobs import confident_probs, make_job
from tests.helpers.people import KEEPS, READS, REVIEWS, acting
from tests.helpers.review_fixture import event, new_review
from tests.helpers.stored_work import store_job
from tests.helpers.validated_instrument import ALLOWED, SHA256, answer, classified_instrument, validation_of

DATA = {
    "tiles": np.zeros((1, 64, 64), np.uint8),
    "table": pd.DataFrame({"image": ["a"]}),
    "provenance": {"made_by": "test"},
}


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


@pytest.fixture
def things(tmp_path):
    """One of everything that can be changed."""
    profile, truth = classified_instrument(120)
    validation, answers = validation_of(profile, truth)
    (tmp_path / "job" / "run").mkdir(parents=True)
    name = register_model("oil", tmp_path / "job")
    job_id = store_job("classify", {"source": "/data/run", "weights": "resnet18", "um_per_px": None})
    make_job(jobs.job_folder(job_id), confident_probs("protein"), [3.0])
    review = new_review(10)
    path = tmp_path / "history.jsonl"
    history_file.export_history(review.id, path)
    (tmp_path / "other" / "run").mkdir(parents=True)
    return {
        "dataset": datasets.save_dataset("set", "own", **DATA),
        "model": name,
        "profile": profile,
        "validation": validation,
        "particle": next(iter(answers)),
        "job": job_id,
        "review": review,
        "history": path,
        "run": tmp_path / "other",
    }


# What reviewers may do, then what keepers alone may.
REVIEWING = {
    "start a job": lambda t: jobs.start("classify", {"source": "x"}),
    "pause": lambda t: jobs.pause(t["job"]),
    "cancel": lambda t: jobs.cancel(t["job"]),
    "save a data set": lambda t: datasets.save_dataset("more", "own", **DATA),
    "make a model": lambda t: register_model("new", t["run"]),
    "add a profile": lambda t: instrument_profiles.add_profile("second", t["profile"]),
    "change a profile": lambda t: instrument_profiles.update_profile(t["profile"].id, size_standard={"a": 1}),
    "keep a validation": lambda t: instrument_profiles.update_validation(t["profile"].id, "5" * 64, {"id": "x"}),
    "draw a validation": lambda t: start_validation(t["profile"].id, SHA256, 60),
    "label": lambda t: validations.record_answers(
        t["validation"], [answer(1, t["particle"], "protein")], allowed=ALLOWED
    ),
    "start a review": lambda t: new_review(3),
    "rename a review": lambda t: store.rename_review(t["review"].id, "new"),
    "decide": lambda t: decision_log.record(t["review"], [event(1, "p0")]),
    "draw an audit": lambda t: decision_log.record_draw(t["review"], "Anna", {}),
    "describe a sample": lambda t: stored_classifications.save_sample_details(t["job"], {"lot": "7"}),
    "upload": lambda t: Upload(),
    "sign": lambda t: signatures.new_signature("Anna", "Author", "x"),
    "sign a review": lambda t: closing.sign_review(t["review"].id, "r", "Anna", "Reviewed"),
}
KEEPING = {
    "rename a data set": lambda t: datasets.rename_dataset(t["dataset"], "other"),
    "delete a data set": lambda t: datasets.delete_dataset(t["dataset"]),
    "rename a model": lambda t: models.rename_model(t["model"], "other"),
    "delete a model": lambda t: models.delete_model(t["model"]),
    "rename a profile": lambda t: instrument_profiles.rename_profile(t["profile"].id, "other"),
    "delete a profile": lambda t: instrument_profiles.delete_profile(t["profile"].id),
    "delete a review": lambda t: store.delete_review(t["review"].id),
    "restore a review": lambda t: store.restore_review(t["review"].id),
    "import a history": lambda t: history_file.import_history(t["history"]),
    "open a closed review": lambda t: closing.reopen_review(t["review"].id, "r"),
    "delete a classification": lambda t: stored_classifications.delete_classification(t["job"]),
    "add a person": lambda t: people.add_person("ben@lab.example", "Ben", "keeper"),
}
NO_ENTRY = ("upload", "sign")  # files alone; stored apart


def test_a_reader_changes_nothing_and_a_reviewer_only_what_is_theirs(things):
    def trace():
        return len(list_entries()), len(decision_log.history(things["review"].id)), len(datasets.list_datasets())

    before = trace()
    for who, forbidden in ((READS, {**REVIEWING, **KEEPING}), (REVIEWS, KEEPING)):
        for name, action in forbidden.items():
            with acting_as(who), pytest.raises(LabError, match="ask a keeper for the role"):
                action(things)
                pytest.fail(f"{who.name} could {name}")
    assert trace() == before


@pytest.mark.parametrize(
    ("who", "name"), [*((REVIEWS, name) for name in REVIEWING), *((KEEPS, name) for name in KEEPING)]
)
def test_what_a_role_may_do_is_done_and_noted(things, who, name):
    entries = len(list_entries())
    with acting(who):
        (REVIEWING | KEEPING)[name](things)
    new = list_entries()[: len(list_entries()) - entries]
    assert bool(new) == (name not in NO_ENTRY)
    assert {(entry.login, entry.via) for entry in new} <= {(who.login, "sign-in")}
    assert not [entry for entry in new if entry.action.endswith("failed")]
    assert verify_trail().sound


def test_a_name_cannot_be_typed_by_someone_who_is_signed_in(things):
    with acting_as(REVIEWS):
        for reviewer in ("Ben", "anna", ""):
            with pytest.raises(LabError, match="signed in as Anna"):
                decision_log.record(things["review"], [event(1, "p0"), event(2, "p1", reviewer=reviewer)])
        with pytest.raises(LabError, match="signed in as Anna"):
            validations.record_answers(
                things["validation"], [answer(1, things["particle"], "protein", reviewer="Ben")], allowed=ALLOWED
            )
        assert decision_log.history(things["review"].id) == []
        decision_log.record(things["review"], [event(1, "p0", evidence={"login": "ben@lab.example"})])
    (decision,) = decision_log.history(things["review"].id)
    assert decision.evidence_dict["login"] == "anna@lab.example", "of the sign-in, not of the browser"
    decision_log.record(things["review"], [event(2, "p1", reviewer="Ben", evidence={"login": "x"})])
    assert "login" not in decision_log.history(things["review"].id)[1].evidence_dict, "sign-in is off"


def test_a_job_acts_for_the_person_who_started_it():
    with acting_as(REVIEWS):
        job_id, _ = jobs.start("classify", {"source": "x"})
    assert jobs.get(job_id).person == REVIEWS


def test_people_keep_their_names_and_lose_their_roles():
    with acting_as(KEEPS):
        people.add_person(" Ben@Lab.example ", "Ben  Reviewer", "reviewer")
        for login, name in (("ben@lab.example", "Other"), ("other@lab.example", "ben reviewer"), ("x", ""), ("", "X")):
            with pytest.raises(LabError):
                people.add_person(login, name, "reviewer")
        assert people.find_person("BEN@lab.example").name == "Ben Reviewer"
        people.set_role("ben@lab.example", "")
        assert people.find_person("ben@lab.example") is None
        with pytest.raises(LabError, match="not a role"):
            people.set_role("ben@lab.example", "god")
    assert people.find_person("nobody@lab.example") is None
    assert people.find_person("kim@lab.example", name="Ben Reviewer", keepers=["Kim@lab.example"]).name == (
        "kim@lab.example"
    ), "the name is taken"
    assert people.find_person("kim@lab.example", keepers=["kim@lab.example"]).role == "keeper"
    assert people.find_person("kim@lab.example").role == "keeper"
