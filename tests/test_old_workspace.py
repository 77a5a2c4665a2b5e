"""A workspace that edition 0.1 left behind is read, shown and gone on with as if it had been made today.

What lies in it is told in fixtures/README.md; the values expected are those planted in fixtures/workspace_0_1.json.
"""

import hashlib
import json
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from svp_core.exports.reviewed_labels import export_reviewed_csv, export_reviewed_folders, reviewed_tiles
from svp_core.review.batches import decode_position
from svp_core.review.blind_repeats import blind_repeats
from svp_core.review.bookmarks import load_bookmark
from svp_core.review.decision_log import history, record, undo
from svp_core.review.embedding_store import load_embedding
from svp_core.review.history_file import export_history, verify, verify_file
from svp_core.review.random_audit import last_audit
from svp_core.review.store import list_reviews, open_review
from svp_core.tasks.find_label_errors import label_error_summary
from svp_core.tasks.import_images import imported_dataset
from svp_core.tasks.job_kinds import JOB_KINDS, run_task
from svp_core.tasks.retrain import retrain_summary
from svp_core.tasks.train import model_of
from svp_core.tile_file import read_tiles
from svp_core.workspace import datasets, jobs, models
from svp_core.workspace.uploads import find_upload

FIXTURES = Path(__file__).parent / "fixtures"
APP = Path(__file__).parents[1] / "app.py"
PLANTED = json.loads((FIXTURES / "workspace_0_1.json").read_text("utf-8"))
JOBS = {name: job["id"] for name, job in PLANTED["jobs"].items()}
REVIEWS = PLANTED["reviews"]
REVIEWERS = ("Anna", "Ben Ü.")


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    """The old workspace, unpacked; a job that is started gets a process that does nothing."""
    with zipfile.ZipFile(FIXTURES / "workspace_0_1.zip") as archive:
        archive.extractall(tmp_path / "lab")
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    monkeypatch.setattr(jobs, "WORKER", (sys.executable, "-c", ""))
    return tmp_path / "lab"


def standing_of(review):
    return review.current_labels().add(history(review.id))


def sha256(tiles):
    return hashlib.sha256(tiles.tobytes()).hexdigest()


def test_the_fixture_is_one_file_without_paths_of_the_machine_that_made_it(lab):
    assert {path.name for path in lab.glob("lab*")} == {"lab.sqlite"}, "a log beside the database would be lost"
    for path in lab.rglob("*"):
        held = path.read_bytes() if path.suffix in (".json", ".csv", ".txt", ".md", ".sqlite", ".jsonl") else b""
        assert not any(word in held for word in (b"/work/", b"/tmp/", b"/root/", b"/home/")), path


def test_every_job_is_there_in_its_kind_and_state():
    assert [job.id for job in jobs.recent(100)] == list(reversed(JOBS.values()))
    assert not jobs.active()
    for name, planted in PLANTED["jobs"].items():
        job = jobs.get(planted["id"])
        assert {key: getattr(job, key) for key in planted} == planted, name
        assert job.kind in JOB_KINDS, name
        assert bool(job.error) == (job.state in ("failed", "lost")), name
        assert job.started is None or job.created <= job.started <= job.heartbeat
        assert not job.active
    kinds = {job["kind"] for job in PLANTED["jobs"].values()}
    assert len(kinds) == 9
    assert {job["state"] for job in PLANTED["jobs"].values()} == {
        "done",
        "failed",
        "cancelled",
        "paused",
        "lost",
    }


def test_every_finished_job_says_what_it_made():
    dataset, left_out = imported_dataset(jobs.job_folder(JOBS["gather"]))
    assert dataset == PLANTED["datasets"][0]["id"]
    assert left_out["image"].tolist() == ["protein/broken.png"]
    assert label_error_summary(jobs.job_folder(JOBS["suspect"]))[0] == REVIEWS["dataset"]["id"]
    assert model_of(jobs.job_folder(JOBS["train"])) == "Day 5 oil"
    made = retrain_summary(jobs.job_folder(JOBS["retrain"]))
    assert {key: made[key] for key in PLANTED["retrained"]} == PLANTED["retrained"]
    report = json.loads((jobs.job_folder(JOBS["compare"]) / "report.json").read_text("utf-8"))
    assert report["n_real"] == 57
    assert report["left"]["classes"].keys() == report["right"]["classes"].keys()
    for name, offered, named in (("classify_folder", 14, 12), ("classify_flowcam", 26, 26)):
        rows = pd.read_csv(jobs.job_folder(JOBS[name]) / "results.csv")
        assert (len(rows), (rows["status"] == "ok").sum()) == (offered, named)
        assert len(read_tiles(jobs.job_folder(JOBS[name]) / "tiles.npy")) == named


def test_data_sets_keep_every_tile():
    found = {meta["id"]: meta for meta in datasets.list_datasets()}
    assert list(found) == [planted["id"] for planted in reversed(PLANTED["datasets"])], "newest first"
    for planted in PLANTED["datasets"]:
        opened = datasets.open_dataset(planted["id"])
        for key in ("id", "name", "kind", "count", "classes", "content"):
            assert found[planted["id"]][key] == opened.meta[key] == planted[key]
        assert sha256(opened.tiles) == planted["tiles_sha256"]
        assert len(opened.table) == planted["count"]
        assert opened.table["image"].iloc[[0, -1]].tolist() == [planted["first"], planted["last"]]
    with zipfile.ZipFile(datasets.export_zip(PLANTED["datasets"][0]["id"])) as archive:
        assert sum(name.endswith(".png") for name in archive.namelist()) == 79


def test_models_are_listed_and_those_kept_whole_make_particles(tmp_path):
    found = {model.name: model for model in models.list_models("generator", "classifier") if not model.shipped}
    assert found.keys() == PLANTED["models"].keys()
    for name, class_keys in PLANTED["models"].items():
        config = found[name].config
        assert (config.get("generator") or config["classifier"])["class_keys"] == class_keys
    config = {"class_key": "silicone_oil", "count": 1, "seed": 0, "sampler": "preview", "weights": "Day 5 oil"}
    list(run_task("generate", config | {"steps": 2}, tmp_path))
    assert read_tiles(tmp_path / "tiles.npy").shape == (1, 64, 64)


@pytest.mark.parametrize("which", REVIEWS)
def test_a_review_stands_as_it_was_left(which, tmp_path):
    planted = REVIEWS[which]
    (header,) = (one for one in list_reviews() if one["review"] == planted["id"])
    assert (header["name"], header["particles"], header["decisions"]) == (
        planted["name"],
        planted["particles"],
        planted["decisions"],
    )
    review, past = open_review(planted["id"]), history(planted["id"])
    standing = standing_of(review)
    assert sha256(review.tiles) == planted["tiles_sha256"]
    assert list(review.class_keys) == planted["class_keys"]
    assert len(past) == planted["decisions"]
    assert sorted({one.reviewer for one in past}) == planted["reviewers"]
    assert Counter(f"{one.kind} {one.purpose}" for one in past) == planted["kinds"]
    assert [one.reason for one in past if one.reason] == planted["reasons"]
    labels = standing.labels().set_index("particle")
    assert labels["state"].value_counts().to_dict() == planted["states"]
    decided = labels[labels["state"] != "open"]
    assert {row.Index: [row.label, row.state] for row in decided.itertuples()} == planted["labels"]
    assert {one.particle: standing.state(one.particle) for one in past if one.kind == "undo"} == planted["undone"]
    for reviewer in REVIEWERS:
        last = standing.last_decision_of(reviewer)
        assert (last and last.number) == planted["last_of"][reviewer]
        assert sorted(standing.skipped(reviewer)) == planted["skipped"][reviewer]
        assert load_bookmark(planted["id"], reviewer) == planted["bookmarks"][reviewer]
    assert list(standing.disagreements()) == planted["disagreements"]
    assert [[look.first, look.second, look.overall.n] for look in blind_repeats(standing)] == planted["second_looks"]
    assert list(load_embedding(review).neighbours.shape) == planted["likeness"]


def test_a_random_audit_goes_on_where_it_was():
    review = open_review(REVIEWS["dataset"]["id"])
    audit, planted = last_audit(standing_of(review)), REVIEWS["dataset"]["audit"]
    assert audit.number == planted["number"]
    assert list(audit.open_particles) == planted["to_do"]
    assert [[part.size, part.drawn, part.wrong, part.unsure] for part in audit.strata] == planted["parts"]


def test_a_bookmark_brings_its_page_back():
    planted = REVIEWS["dataset"]["bookmarks"]["Anna"]
    wanted, (page,), holder = decode_position(load_bookmark(REVIEWS["dataset"]["id"], "Anna"))
    assert wanted.what == "open"
    assert holder == "d1 Anna"
    assert list(page.particles) == planted["pages"][0]["particles"]
    assert page.since == 33


@pytest.mark.parametrize("which", REVIEWS)
def test_the_chain_of_decisions_is_sound_here_and_as_a_file(which, tmp_path):
    planted = REVIEWS[which]
    verdict = verify(planted["id"], head=planted["head"])
    assert verdict.sound
    assert (verdict.count, verdict.head) == (planted["decisions"], planted["head"])
    export_history(planted["id"], tmp_path / "history.jsonl")
    assert verify_file(tmp_path / "history.jsonl", head=planted["head"]).sound


def test_cleaned_labels_are_handed_out(tmp_path):
    review = open_review(REVIEWS["dataset"]["id"])
    standing = standing_of(review)
    export_reviewed_csv(review, standing, tmp_path / "cleaned.csv")
    table = pd.read_csv(tmp_path / "cleaned.csv", keep_default_na=False)
    assert len(table) == 79
    assert (table["label"] != table["given"]).sum() == 6
    export_reviewed_folders(review, standing, tmp_path / "cleaned.zip")
    with zipfile.ZipFile(tmp_path / "cleaned.zip") as archive:
        folders = Counter(name.split("/")[0] for name in archive.namelist())
    assert folders == {"silicone_oil": 51, "protein": 16, "air_bubble": 10, "unsure": 1}
    assert len(reviewed_tiles(review, standing)[0]) == 77


def test_a_review_is_gone_on_with():
    planted = REVIEWS["dataset"]
    review = open_review(planted["id"])
    standing, (particle, *_) = standing_of(review), planted["audit"]["to_do"]
    event = {"tab": "new", "n": 1, "reviewer": "Anna", "particle": particle, "kind": "label", "label": "air_bubble"}
    assert [outcome.state for outcome in record(review, [event])] == ["saved"]
    standing.add(history(review.id, after=standing.last_number))
    assert (standing.label(particle), standing.last_number) == ("air_bubble", planted["decisions"] + 1)
    assert history(review.id)[-1].previous == planted["head"]
    assert verify(review.id).sound
    undo(review, standing, "Anna")
    standing.add(history(review.id, after=standing.last_number))
    assert standing.is_open(particle)
    assert standing.last_decision_of("Anna").number == planted["last_of"]["Anna"]
    assert verify(review.id).count == planted["decisions"] + 2


@pytest.mark.parametrize("name", ["paused", "lost"])
def test_a_job_that_rests_goes_on_from_what_it_had(name):
    job, folder = jobs.get(JOBS[name]), jobs.job_folder(JOBS[name])
    before = read_tiles(folder / "tiles.npy").copy()
    assert jobs.start(job.kind, job.config) == (job.id, True)
    assert jobs.get(job.id).state == "queued"
    first, *_, last = run_task(job.kind, job.config, folder)
    after = read_tiles(folder / "tiles.npy")
    assert (first.step, last.step, len(after)) == (len(before), 40, 40)
    assert (after[: len(before)] == before).all()


def test_uploads_are_found_and_one_that_is_gone_is_said_so():
    assert find_upload(PLANTED["uploads"]["flowcam"]).name == "SVP-SIM-001"
    assert find_upload(PLANTED["uploads"]["folder"]).name == "few images"
    with pytest.raises(Exception, match="no longer in the workspace"):
        find_upload(PLANTED["uploads"]["gone"])


AT_DESK = {"review": REVIEWS["dataset"]["id"], "reviewer": "Anna", "desk": "d1"}
OF_RUN = {"review": REVIEWS["classify"]["id"], "reviewer": "Ben Ü.", "desk": "d2"}
LOOKS = ({}, {"look": "Map"}, {"look": "History"}, {"look": "Retrain"})  # without one: deciding


@pytest.mark.parametrize(
    ("page", "query", "errors"),
    [
        ("home", {}, 0),
        ("synthesize", {"job": JOBS["generate"]}, 0),
        ("synthesize", {"job": JOBS["cancelled"]}, 0),
        ("synthesize", {"job": JOBS["paused"]}, 0),
        ("synthesize", {"job": JOBS["lost"]}, 0),
        ("synthesize", {"mode": "Compare", "comparison": JOBS["compare"]}, 0),
        ("denoising", {"job": JOBS["denoise"]}, 0),
        ("classify", {}, 0),
        ("classify", {"job": JOBS["classify_folder"]}, 0),
        ("classify", {"job": JOBS["classify_flowcam"]}, 0),
        ("classify", {"job": JOBS["failed"]}, 1),
        ("train", {"images": JOBS["gather"]}, 0),
        ("train", {"job": JOBS["train"]}, 0),
        ("review", {}, 0),
        ("review", {"search": JOBS["suspect"]}, 0),
        *(("review", {**review, **look}, 0) for review in (AT_DESK, OF_RUN) for look in LOOKS),
    ],
)
def test_every_page_opens_it(page, query, errors):
    app = AppTest.from_file(APP, default_timeout=60)
    for name, value in query.items():
        app.query_params[name] = value
    app.run().switch_page(f"pages/{page}.py").run()
    assert not app.exception
    assert app.title
    assert len(app.error) == errors, [error.value for error in app.error]
    # A link that a page cannot follow is closed by it.
    kept = {name: app.query_params.get(name) for name in query}
    assert {name: value[0] if isinstance(value, list) else value for name, value in kept.items()} == query
    if "review" in query:
        (name,) = (review["name"] for review in REVIEWS.values() if review["id"] == query["review"])
        assert app.title[0].value.replace("\\", "") == name
