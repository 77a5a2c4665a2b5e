"""Label error search: from a labelled folder, data set or classification to suspects.csv; judges; refusals."""

import csv
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from svp_core import cli
from svp_core.classifier import label_judges
from svp_core.classifier.resnet import load_classifier
from svp_core.datasets.labelled_tiles import LabelledTiles, from_results
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.model_files import find_model_folder
from svp_core.progress import run_to_end
from svp_core.review import label_error_search
from svp_core.workspace import datasets
from tests.helpers.drawn_labels import draw_shapes, plant

KEYS = ("dark_disc", "bright_disc", "bar", "ring")


@pytest.fixture(scope="module")
def shapes():
    tiles, truth = draw_shapes((30, 30, 30, 30), seed=0)
    labels, rows = plant(truth, 6, seed=0, classes=4)
    return tiles, labels, np.isin(np.arange(120), rows)


@pytest.fixture(scope="module")
def classifier():
    return load_classifier(find_model_folder("resnet18"))


def names(labels):
    return [f"{KEYS[label]}/day {k % 2}/{k}.png" for k, label in enumerate(labels)]


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wrong_first(rows, wrong_names):
    wrong = [row["image"] in wrong_names for row in rows]
    return average_precision_score(wrong, np.arange(len(rows), 0, -1))


def test_a_folder_with_classes_of_its_own(shapes, tmp_path, capsys):
    tiles, labels, wrong = shapes
    for name, tile in zip(names(labels), tiles, strict=True):
        path = tmp_path / "day" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(tile))
    (tmp_path / "day" / "bar" / "broken.png").write_bytes(b"no picture")
    assert cli.main(["suspects", str(tmp_path / "day"), "--out", str(tmp_path / "suspects.csv")]) == 0
    rows = rows_of(tmp_path / "suspects.csv")
    assert tuple(rows[0]) == label_error_search.COLUMNS
    assert [int(row["rank"]) for row in rows] == list(range(1, 121))
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores)
    assert 0 <= scores[0] < 0.5 < scores[-1] <= 1
    assert wrong_first(rows, {name for name, bad in zip(names(labels), wrong, strict=True) if bad}) > 0.9
    assert rows[0]["reason"].startswith(f"labelled {rows[0]['given'].replace('_', ' ')}; p = 0.")
    output = capsys.readouterr()
    assert "broken.png" in output.err
    assert output.out.startswith("120 labels: ")
    assert "labels are wrong (between" in output.out


def test_a_data_set_and_a_classification(shapes, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    tiles, labels, wrong = shapes
    called = [f"{k}.png" for k in range(120)]
    bad = {name for name, here in zip(called, wrong, strict=True) if here}
    given = [KEYS[label] for label in labels]
    dataset_id = datasets.save_dataset("Shapes", "real", tiles, pd.DataFrame({"image": called, "class": given}), {})
    assert cli.main(["suspects", dataset_id, "--out", str(tmp_path / "a.csv")]) == 0
    rows = rows_of(tmp_path / "a.csv")
    assert wrong_first(rows, {f"{dataset_id}/{name}" for name in bad}) > 0.9

    job = tmp_path / "job"
    job.mkdir()
    np.save(job / "tiles.npy", tiles)
    table = pd.DataFrame(
        {"image": [*called, "gone.png"], "label": [*given, ""], "given": "", "run": "", "status": "ok"}
    )
    table["reason"] = ""
    table.loc[120, ["status", "reason"]] = "rejected", "no picture"
    table.to_csv(job / "results.csv", index=False)
    assert cli.main(["suspects", str(job), "--out", str(tmp_path / "b.csv")]) == 0
    assert wrong_first(rows_of(tmp_path / "b.csv"), bad) > 0.9
    assert from_results(job).left_out == (("gone.png", "no picture"),)
    # The labels that the source came with count, where there are any; names tell the run.
    table.loc[:119, "given"], table.loc[:119, "run"] = given[::-1], ["A", "B"] * 60
    table.to_csv(job / "results.csv", index=False)
    data = from_results(job)
    assert [data.class_keys[label] for label in data.labels] == given[::-1]
    assert data.names[:2] == ("A/0.png", "B/1.png")
    assert set(label_error_search.batch_labels(data)) == {"A", "B"}


def test_an_unknown_job_raises_an_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    assert cli.main(["suspects", "0" * 32, "--out", str(tmp_path / "a.csv")]) != 0
    assert capsys.readouterr().err.count("\n") == 1


def test_networks_per_fold_rank_planted_errors_first(shapes, classifier, monkeypatch):
    """Their predictions alone rank the planted errors first; an image is judged by a network that never saw it."""
    tiles, labels, wrong = shapes
    monkeypatch.setattr(label_judges, "MIN_STEPS", 1)
    learnt, learn = [], label_judges._learn

    def watched(model, tiles, labels, rows, device, seed):
        learnt.append(set(rows.tolist()))
        yield from learn(model, tiles, labels, rows, device, seed)

    monkeypatch.setattr(label_judges, "_learn", watched)
    fold, knowing_nothing = np.arange(120) % 2, np.full((120, 4), 0.25, np.float32)
    probs, notes = run_to_end(label_judges.predict_out_of_fold(classifier)(tiles, labels, knowing_nothing, fold))
    assert learnt == [set(range(1, 120, 2)), set(range(0, 120, 2))]
    assert notes == ()
    assert probs.shape == (120, 4)
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    assert average_precision_score(wrong, -probs[np.arange(120), labels]) > 0.7
    assert (probs.argmax(1)[~wrong] == labels[~wrong]).mean() > 0.8
    judge, same = label_judges.predict_out_of_fold(classifier), np.zeros(120, int)
    assert run_to_end(judge(tiles, labels, knowing_nothing, same))[0] is knowing_nothing


def test_training_dynamics_rank_planted_errors_first(shapes, classifier, monkeypatch):
    tiles, labels, wrong = shapes
    monkeypatch.setattr(label_judges, "MIN_STEPS", 1)
    knowing_nothing = np.full((120, 4), 0.25, np.float32)
    judge = label_judges.predict_during_training(classifier)
    probs, notes = run_to_end(judge(tiles, labels, knowing_nothing, np.zeros(120, int)))
    assert np.allclose(probs.sum(1), 1, atol=1e-5)
    assert average_precision_score(wrong, -probs[np.arange(120), labels]) > 0.7
    # Beside features that know nothing, any network looks as if it knew the labels by heart: that is told.
    assert len(notes) == 1
    assert "memorised" in notes[0]


@pytest.mark.parametrize("by", ["folds", "training"])
def test_the_label_judge_can_be_chosen(by, shapes, classifier, monkeypatch):
    def judge(tiles, labels, probs, fold):
        yield from ()
        return np.eye(4, dtype=np.float32)[(labels + 1) % 4] * 0.8 + 0.05, ("A network said so.",)

    monkeypatch.setattr(
        label_error_search,
        {"folds": "predict_out_of_fold", "training": "predict_during_training"}[by],
        lambda classifier, seed: judge,
    )
    tiles, labels, _ = shapes
    data = LabelledTiles(tiles, labels, KEYS, tuple(names(labels)), ())
    errors = run_to_end(label_error_search.search_label_errors(data, classifier, by=by))
    assert (errors.report.scores.given == np.float32(0.05)).all()
    assert "A network said so." in label_error_search.summary(errors)


@pytest.mark.parametrize("count", [1, 2])
def test_singular_and_plural_in_the_summary(count):
    labels = np.zeros(count, int)
    total = SimpleNamespace(value=count - 0.2, low=0.4, high=5800.0)
    duplicates = SimpleNamespace(groups=lambda: [(0, 1)] * count, disagreeing=lambda labels: [])
    report = SimpleNamespace(
        scores=SimpleNamespace(suggested=labels + 1, score=np.zeros(count)),
        labels=labels,
        judged=labels == 0,
        total=total,
        not_estimated="",
        pairs=(),
        batch_effects=(),
        duplicates=duplicates,
        outliers=labels,
        notes=(),
    )
    errors = label_error_search.LabelErrors(tuple("ab"[:count]), KEYS, report)
    one = "1 label: 1 to review, 1 of them more likely wrong than right; about 1 label is wrong (between 0 and 5,800)."
    two = one.replace("1 label:", "2 labels:").replace("1 to", "2 to").replace("1 of", "2 of")
    expected = {
        1: (one, "1 image occurs more than once, 0 with different labels.", "1 image resembles no class."),
        2: (
            two.replace("about 1 label is", "about 2 labels are"),
            "2 images occur more than once, 0 with different labels.",
            "2 images resemble no class.",
        ),
    }
    assert tuple(label_error_search.summary(errors)) == expected[count]


@pytest.mark.parametrize(("values", "differs"), [((2.0, 1.0), False), ((0.6, 0.6, 0.6), True)])
def test_summary_says_so_where_rounded_parts_do_not_add_up(values, differs):
    pair = SimpleNamespace(given=0, suggested=1, n=3, low=0.0, high=9.0)
    report = SimpleNamespace(
        scores=SimpleNamespace(suggested=np.ones(9, int), score=np.ones(9)),
        labels=np.zeros(9, int),
        judged=np.ones(9, bool),
        total=SimpleNamespace(value=sum(values), low=0.0, high=9.0),
        not_estimated="",
        pairs=[SimpleNamespace(**{**vars(pair), "value": value}) for value in values],
        batch_effects=(),
        duplicates=SimpleNamespace(groups=list, disagreeing=lambda labels: []),
        outliers=(),
        notes=(),
    )
    errors = label_error_search.LabelErrors(tuple(map(str, range(9))), ("protein", "silicone_oil"), report)
    text = " ".join(label_error_search.summary(errors))
    assert ("do not add up" in text) == differs


def test_where_predictions_are_often_wrong_only_an_upper_limit_is_given():
    report = SimpleNamespace(
        scores=SimpleNamespace(suggested=np.ones(9, int), score=np.ones(9)),
        labels=np.zeros(9, int),
        judged=np.ones(9, bool),
        total=SimpleNamespace(value=5.0, low=0.0, high=8.0),
        not_estimated="Not estimated: a reason.",
        pairs=[SimpleNamespace(given=0, suggested=1, n=3, value=5.0, low=0.0, high=8.0)],
        batch_effects=(),
        duplicates=SimpleNamespace(groups=list, disagreeing=lambda labels: []),
        outliers=(),
        notes=(),
    )
    errors = label_error_search.LabelErrors(tuple(map(str, range(9))), ("protein", "silicone_oil"), report)
    first, pair = label_error_search.summary(errors)
    assert first.endswith("at most 8 labels are wrong. Not estimated: a reason.")
    assert pair.endswith("3 to review, at most 8 wrong")


def test_the_command_offers_the_slower_judges():
    import argparse

    from svp_core.commands import find_label_errors

    parser = argparse.ArgumentParser()
    find_label_errors.add_arguments(parser)
    assert parser.parse_args(["x", "--out", "y"]).by == "features"
    assert parser.parse_args(["x", "--out", "y", "--by", "folds"]).by == "folds"


def test_a_network_that_memorised_the_labels_is_refused(shapes, classifier, monkeypatch):
    tiles, truth = draw_shapes((60, 60), seed=3)
    labels, _ = plant(truth, 12, seed=0, classes=2)
    keys = classifier.config.class_keys[:2]
    data = LabelledTiles(tiles, labels, keys, tuple(f"{k}.png" for k in range(120)), ())
    suspicious = replace(classifier)
    by_heart = np.eye(len(classifier.config.class_keys), dtype=np.float32)[labels]
    monkeypatch.setattr(label_error_search, "predict_probs", lambda model, tiles: by_heart)
    with pytest.raises(LabError, match="memorised the labels"):
        run_to_end(label_error_search.search_label_errors(data, suspicious, reference=classifier))
    assert run_to_end(label_error_search.search_label_errors(data, classifier)).names == data.names


def test_real_particles_with_a_tenth_of_their_labels_wrong(classifier, real_data):
    """Two pseudo-classes: smaller and larger particles."""
    from svp_core.images import to_tile
    from svp_core.instruments.detect import read_particles
    from svp_core.morphology import measure

    tiles = []
    for record in read_particles(real_data / "flowcam_run"):
        if not record.rejected:
            tiles.append(to_tile(record.pixels))
        if len(tiles) == 1000:
            break
    tiles, count = np.stack(tiles), len(tiles)
    size = np.array([measure(tile)["ecd_px"] or 0 for tile in tiles], float)
    truth = (size > np.median(size)).astype(int)
    labels, rows = plant(truth, count // 10, seed=0, classes=2)
    data = LabelledTiles(tiles, labels, ("smaller", "larger"), tuple(f"{k}.png" for k in range(count)), ())
    errors = run_to_end(label_error_search.search_label_errors(data, classifier))
    assert len(errors.report.scores.reasons) == count
    assert all(errors.report.scores.reasons)
    assert average_precision_score(np.isin(np.arange(count), rows), -errors.report.scores.score) > 0.4
    json.dumps(list(errors.rows()))
