"""Retraining on a review: what is set aside and why, the learnt layer, planted errors put right, the model."""

import numpy as np
import pandas as pd
import pytest

from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.embedding.features import classifier_features
from svp_core.errors import LabError
from svp_core.model_files import find_model_folder
from svp_core.review import evaluation_split, random_audit, store
from svp_core.tasks.job_kinds import run_task
from svp_core.tasks.retrain import BY_CHANCE, CHECKED, retrain_summary
from svp_core.training import last_layer
from svp_core.workspace import models
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.review_fixture import current_labels, event, new_review, record

KEYS = ("fat_droplet", "speck")


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def two_kinds(count, *, wrong=0, kind="dataset", source=None):
    """(review, truth): dark and bright squares, the first `wrong` of the droplets called specks."""
    tiles = draw_blocks(count, seed=1)
    tiles[count // 2 :] = 255 - tiles[count // 2 :]
    truth = np.repeat(KEYS, [count // 2, count - count // 2]).astype(object)
    given = truth.copy()
    given[:wrong] = KEYS[1]
    table = pd.DataFrame({"particle": [f"p{k}" for k in range(count)], "given": given, "um_per_px": 0.5})
    made = store.create_review(
        "Two", kind=kind, source=source or {}, class_keys=KEYS, table=table, tiles=tiles, model="resnet18"
    )
    return store.open_review(made), truth


def do(config, folder):
    folder.mkdir(exist_ok=True)
    for _ in run_task("retrain", config, folder):
        pass
    return retrain_summary(folder)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_layer_says_what_the_regression_says(classes):
    from sklearn.linear_model import LogisticRegression

    classifier, rng = load_classifier(find_model_folder("resnet18")), np.random.default_rng(0)
    tiles, labels = draw_blocks(40, seed=3), rng.integers(classes, size=40)
    labels[:classes] = np.arange(classes)
    features = classifier_features(classifier, tiles)
    keys = ("a", "b", "c")[:classes]
    learnt = last_layer.fit_last_layer(classifier, features, labels, class_keys=keys)
    spread = np.where(features.std(0) > 1e-6, features.std(0), 1)
    scaled = (features - features.mean(0)) / spread
    wanted = LogisticRegression(C=last_layer.STRENGTH, max_iter=300).fit(scaled, labels).predict_proba(scaled)
    assert last_layer.layer_probs(learnt, features) == pytest.approx(wanted, abs=2e-3)
    assert predict_probs(learnt, tiles) == pytest.approx(wanted, abs=0.02)
    assert classifier.config.class_keys != keys
    assert classifier.model.fc.out_features == 3


def test_put_right_labels_make_a_better_network(tmp_path):
    review, truth = two_kinds(200, wrong=45)
    names = review.table["particle"]
    wrong = np.flatnonzero(review.table["given"] != truth)
    record(review, *(event(n, names[k], label=truth[k]) for n, k in enumerate(wrong, 1)))
    made = do({"review": review.id, "name": "Two again", "decisions": len(wrong)}, tmp_path / "job")
    assert sum(made["learnt_from"].values()) < 200
    assert made["decisions"] == 45
    found = {(check["of"], check["class"]): check for check in made["checks"]}
    # The labels of those set aside stay wrong, whatever the review says: the better network agrees less with them.
    droplets = found[BY_CHANCE, "fat_droplet"]
    assert droplets["after"]["value"] >= droplets["before"]["value"]
    assert (CHECKED, "") not in found
    assert "Random check" in made["notes"][0]
    classifier = load_classifier(models.find_model("Two again"))
    assert classifier.config.class_keys == KEYS
    assert classifier.config.um_per_px == (0.5, 0.5)
    assert (predict_probs(classifier, review.tiles).argmax(1) == (truth == KEYS[1])).mean() > 0.95
    again = do({"review": review.id, "name": "Two again", "decisions": len(wrong)}, tmp_path / "job")
    assert again == made


def test_what_was_checked_at_random_is_the_truth_and_is_never_learnt(tmp_path):
    review, truth = two_kinds(200)
    now = current_labels(review)
    random_audit.start_audit(review, now, "Anna", draws=30)
    drawn = random_audit.last_audit(now).open_particles
    where = dict(zip(review.table["particle"], truth, strict=True))
    record(review, *(event(n, p, label=where[p], purpose="audit") for n, p in enumerate(drawn, 1)))
    found = evaluation_split.split_for_evaluation(review, current_labels(review))
    assert (found.audited != "").sum() == 30
    assert found.weight.sum() == pytest.approx(200)
    assert not (found.is_training & (found.audited != "")).any()
    assert not (found.is_training & found.held_out).any()
    made = do({"review": review.id, "name": "Checked", "decisions": 31}, tmp_path / "job")
    check = next(check for check in made["checks"] if check["of"] == CHECKED and not check["class"])
    assert check["n"] == 30
    assert check["after"]["value"] > 0.95
    assert not any("Random check" in note for note in made["notes"])


def test_what_a_classifier_said_is_no_truth():
    review, _ = two_kinds(60, kind="classify", source={"job": "x", "labels": "label"})
    assert not evaluation_split.split_for_evaluation(review, current_labels(review)).held_out.any()
    review, _ = two_kinds(60, kind="classify", source={"job": "x", "labels": "given"})
    assert 2 <= evaluation_split.split_for_evaluation(review, current_labels(review)).held_out.sum() <= 25


def test_unsure_and_no_particle_teach_nothing():
    review = new_review(20)
    record(review, event(1, "p0", "unsure"), event(2, "p1", "not_a_particle"), event(3, "p2"))
    found = evaluation_split.split_for_evaluation(review, current_labels(review))
    assert found.after[:4].tolist() == ["", "", "air_bubble", "protein"]
    assert (found.before == "protein").all()


def test_one_class_is_said_so(tmp_path):
    review = new_review(40)
    with pytest.raises(LabError, match="at least two classes with 5"):
        do({"review": review.id, "name": "One", "decisions": 0}, tmp_path / "job")
    with pytest.raises(LabError, match="is not a valid name"):
        do({"review": review.id, "name": "../x", "decisions": 0}, tmp_path / "job2")
