"""Retraining on a review: held-out particles, the last layer, corrected planted errors, the new model."""

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
    """(review, truth): dark and bright squares; the first `wrong` droplets are labelled specks."""
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
def test_the_last_layer_equals_the_logistic_regression(classes):
    from sklearn.linear_model import LogisticRegression

    classifier, rng = load_classifier(find_model_folder("resnet18")), np.random.default_rng(0)
    tiles, labels = draw_blocks(40, seed=3), rng.integers(classes, size=40)
    labels[:classes] = np.arange(classes)
    features = classifier_features(classifier, tiles)
    keys = ("a", "b", "c")[:classes]
    fitted = last_layer.fit_last_layer(classifier, features, labels, class_keys=keys)
    spread = np.where(features.std(0) > 1e-6, features.std(0), 1)
    scaled = (features - features.mean(0)) / spread
    expected = LogisticRegression(C=last_layer.C, max_iter=300).fit(scaled, labels).predict_proba(scaled)
    assert last_layer.layer_probs(fitted, features) == pytest.approx(expected, abs=2e-3)
    assert predict_probs(fitted, tiles) == pytest.approx(expected, abs=0.02)
    assert classifier.config.class_keys != keys
    assert predict_probs(classifier, tiles).shape[1] == 3


def test_corrected_labels_make_a_better_classifier(tmp_path):
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
    assert review.tiles is not None
    assert (predict_probs(classifier, review.tiles).argmax(1) == (truth == KEYS[1])).mean() > 0.95
    again = do({"review": review.id, "name": "Two again", "decisions": len(wrong)}, tmp_path / "job")
    assert again == made


def test_randomly_checked_particles_are_the_truth_and_never_trained_on(tmp_path):
    review, truth = two_kinds(200)
    now = current_labels(review)
    random_audit.start_audit(review, now, "Anna", draws=30)
    audit = random_audit.last_audit(now)
    assert audit is not None
    drawn = audit.open_particles
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


def test_labels_of_a_classifier_are_never_held_out_as_truth():
    review, _ = two_kinds(60, kind="classify", source={"job": "x", "labels": "label"})
    assert not evaluation_split.split_for_evaluation(review, current_labels(review)).held_out.any()
    review, _ = two_kinds(60, kind="classify", source={"job": "x", "labels": "given"})
    assert 2 <= evaluation_split.split_for_evaluation(review, current_labels(review)).held_out.sum() <= 25


def test_unsure_and_no_particle_are_not_trained_on():
    review = new_review(20)
    record(review, event(1, "p0", "unsure"), event(2, "p1", "not_a_particle"), event(3, "p2"))
    found = evaluation_split.split_for_evaluation(review, current_labels(review))
    assert found.after[:4].tolist() == ["", "", "air_bubble", "protein"]
    assert (found.before == "protein").all()


def test_a_single_class_is_an_error(tmp_path):
    review = new_review(40)
    with pytest.raises(LabError, match="At least two classes with 5"):
        do({"review": review.id, "name": "One", "decisions": 0}, tmp_path / "job")
    with pytest.raises(LabError, match="is not a valid name"):
        do({"review": review.id, "name": "../x", "decisions": 0}, tmp_path / "job2")
