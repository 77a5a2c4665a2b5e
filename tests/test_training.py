"""From a labelled folder to a run: trained, resumed after a kill, refused when it cannot be."""

import json
import re

import numpy as np
import pytest
import torch

from svp_core import labelled, training
from svp_core.classifier.resnet import load_classifier
from svp_core.classifier.train import TrainingPlan as ClassifierPlan
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.generator.train import TrainingPlan as GeneratorPlan
from svp_core.generator.unet import load_generator
from svp_core.images import encode_png


@pytest.fixture
def folder(tmp_path):
    """Six tiles in each of three classes, a text file, and a picture that belongs to no class."""
    rng = np.random.default_rng(0)
    for level, name in ((60, "air"), (140, "Protein"), (200, "oil")):
        for k in range(6):
            path = tmp_path / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(level, level + 30, (64, 64), dtype=np.uint8)))
    (tmp_path / "data" / "oil" / "notes.txt").write_text("not an image")
    (tmp_path / "data" / "loose.png").write_bytes(encode_png(np.zeros((64, 64), np.uint8)))
    return tmp_path / "data"


def test_a_labelled_folder_is_read_in_the_products_class_order(folder):
    data = labelled.read_labelled(folder)
    assert data.class_keys == ("protein", "silicone_oil", "air_bubble")
    assert data.counts() == {"protein": 6, "silicone_oil": 6, "air_bubble": 6}
    assert data.tiles[data.labels == 2].mean() < 100 < data.tiles[data.labels == 1].mean()
    reasons = dict(data.left_out)
    assert set(reasons) == {"oil/notes.txt", "loose.png"} and "no folder named after a class" in reasons["loose.png"]


def test_a_folder_without_classes_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_png(np.zeros((9, 9), np.uint8)))
    with pytest.raises(LabError, match="holds no labelled images"):
        labelled.read_labelled(tmp_path)


def test_a_class_of_one_image_is_refused(folder):
    for path in sorted((folder / "air").iterdir())[1:]:
        path.unlink()
    with pytest.raises(LabError, match="air_bubble has a single image"):
        labelled.read_labelled(folder)


def test_a_killed_generator_training_goes_on_from_its_last_checkpoint(folder, tmp_path):
    data, out = labelled.read_labelled(folder), tmp_path / "run"
    options = {"plan": GeneratorPlan(images=4 * 8, batch=4), "widths": (16, 32), "checkpoint_steps": 3}
    for progress in training.train_generator(data, out, **options):
        if progress.step == 5:
            break
    assert [p.step for p in training.train_generator(data, out, **options)] == [4, 5, 6, 7, 8]
    history = [json.loads(line)["step"] for line in (out / "history.jsonl").read_text().splitlines()]
    assert history == [3, 6, 8]


def test_another_plan_in_the_same_folder_is_refused(folder, tmp_path):
    data, out = labelled.read_labelled(folder), tmp_path / "run"
    next(
        training.train_generator(data, out, plan=GeneratorPlan(images=8, batch=4), widths=(16, 32), checkpoint_steps=1)
    )
    steps = training.train_generator(data, out, plan=GeneratorPlan(images=8, batch=2), widths=(16, 32))
    # The first checkpoint is written at the first step, so the folder now belongs to that plan.
    with pytest.raises(LabError, match="holds a training of other data or another plan"):
        list(steps)


def test_a_finished_generator_is_a_run_with_a_card_and_its_facts(folder, tmp_path):
    data, out = labelled.read_labelled(folder), tmp_path / "run"
    plan = GeneratorPlan(images=8, batch=4)
    list(
        training.train_generator(
            data, out, plan=plan, widths=(16, 32), held_out=("a.png", "b.png"), note="Drawn squares."
        )
    )
    assert sorted(p.name for p in out.iterdir()) == ["card.md", "config.json", "history.jsonl", "model.safetensors"]
    config = json.loads((out / "config.json").read_text())
    assert config["held_out"] == ["a.png", "b.png"] and config["trained_on"]["protein"] == 6
    assert "Drawn squares." in (out / "card.md").read_text()
    assert load_generator(out).class_keys == data.class_keys


def test_a_finished_classifier_is_a_run(folder, tmp_path):
    data, out = labelled.read_labelled(folder), tmp_path / "run"
    list(training.train_classifier(data, out, validation=data, plan=ClassifierPlan(epochs=1, batch=6)))
    assert load_classifier(out, device=torch.device("cpu")).config.class_keys == data.class_keys


def test_validation_of_other_classes_is_refused(folder, tmp_path):
    data = labelled.read_labelled(folder)
    for path in (folder / "air").iterdir():
        path.unlink()
    with pytest.raises(LabError, match="validation has protein, silicone_oil; give the same ones"):
        list(training.train_classifier(data, tmp_path / "run", validation=labelled.read_labelled(folder)))


def test_the_command_trains_a_classifier(folder, tmp_path, capsys):
    code = main(
        [
            "train",
            "classifier",
            str(folder),
            "--validation",
            str(folder),
            "--epochs",
            "0.5",
            "--out",
            str(tmp_path / "r"),
        ]
    )
    assert code == 0 and (tmp_path / "r" / "model.safetensors").is_file()
    assert re.search("left out .*notes.txt", capsys.readouterr().err)


def test_a_classifier_without_validation_is_refused_in_one_sentence(folder, tmp_path, capsys):
    assert main(["train", "classifier", str(folder), "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.strip().endswith("labelled tiles that are not trained on.")
