"""Training of generators and classifiers: held-out tiles, checks, resuming after a kill, stopping when it copies."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from svp_core.classifier.confusion_reference import read_confusion_reference
from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.classifier.training_loop import ClassifierTrainingPlan as ClassifierPlan
from svp_core.classifier.training_loop import halves
from svp_core.cli import main
from svp_core.datasets.labelled_tiles import read_labelled
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.generator import training_loop as generator_training
from svp_core.generator.sampling import sample_tiles
from svp_core.generator.training_loop import GeneratorTrainingPlan
from svp_core.generator.unet import load_generator
from svp_core.images import encode_png
from svp_core.model_files import SHIPPED_MODELS
from svp_core.quality import Estimate
from svp_core.stats.counts import apply_thresholds, corrected_counts
from svp_core.training import checks, generator, time_budget
from svp_core.training.card import COPY_WARNING
from svp_core.training.checkpoints import CheckpointFolder, check_rows, read_growth, read_history
from svp_core.training.classifier import train_classifier
from svp_core.training.finalise import finalise
from svp_core.training.generator import train_generator
from svp_core.training.training_log import ENDINGS
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_training import SMALL, STEPS, shorten_checks, two_classes


@pytest.fixture(scope="module", autouse=True)
def quick():
    with pytest.MonkeyPatch.context() as patch:
        shorten_checks(patch)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained without interruption, and the tiles it was shown."""
    out, shown, dihedral = tmp_path_factory.mktemp("runs") / "whole", [], generator_training.dihedral
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            generator_training, "dihedral", lambda tile, which: shown.append(tile.tobytes()) or dihedral(tile, which)
        )
        progress = list(train_generator(two_classes(), out, **SMALL))
    return out, shown, progress


def test_a_finished_training_is_a_model_folder_with_facts_and_card(trained):
    out, _, progress = trained
    assert {path.name for path in out.iterdir()} == {
        "card.md",
        "config.json",
        "growth.npy",
        "history.jsonl",
        "model.safetensors",
    }
    trained_generator = load_generator(out, device=torch.device("cpu"))
    assert trained_generator.class_keys == ("protein", "fat_droplet")
    assert next(sample_tiles(trained_generator, "fat_droplet", seeds=[1], steps=2))[1].shape == (1, 64, 64)
    config = json.loads((out / "config.json").read_text())
    assert config["trained_on"] == config["trained_on"] | {"protein": 48, "fat_droplet": 48}
    assert config["held_out_counts"] == {"protein": 12, "fat_droplet": 12}
    assert config["left_out"] == 1
    assert (config["steps"], config["ended"], config["from"]) == (STEPS, "done", None)
    fresh = config["measured"]["fresh"]["classes"]["protein"]
    assert (fresh["made"], fresh["held_out"]) == (16, 12)
    assert len(fresh["kid"]) == 3
    card = (out / "card.md").read_text()
    assert "| Fat droplet | 48 | 12 |" in card
    assert "Drawn blocks." in card
    assert "random weights" in card
    assert [p.step for p in progress if p.loss is not None] == list(range(1, STEPS + 1))
    assert progress[-1].total == STEPS


def test_a_held_out_tile_is_never_trained_on(trained):
    out, shown, _ = trained
    data, held_out = two_classes(), json.loads((out / "config.json").read_text())["held_out"]
    names = {tile.tobytes(): name for tile, name in zip(data.tiles, data.names, strict=True)}
    trained_on = {names[tile] for tile in shown}
    assert len(held_out) == 24
    assert len(shown) == 4 * STEPS
    assert not trained_on & set(held_out)


def test_the_history_holds_losses_checks_and_sample_growth(trained):
    out, _, _ = trained
    history = read_history(out)
    checked = check_rows(history)
    assert [row["step"] for row in checked] == [0, 4, 8]
    assert [row["step"] for row in history if "loss" in row] == list(range(1, STEPS + 1))
    assert set(checked[0]["errors"]) == {"training", "held_out"}
    growth = read_growth(out, len(checked))
    assert growth.shape == (3, 16, 64, 64)
    assert not np.array_equal(growth[0], growth[2])
    assert read_growth(out, 0).shape[0] == 0


def weights_of(model_folder):
    return file_sha256(model_folder / "model.safetensors")


def test_a_training_stopped_anywhere_and_resumed_gives_the_same_model(trained, tmp_path):
    out = tmp_path / "run"
    for stop_at in (0, 3, 4, 6):
        steps = train_generator(two_classes(), out, **SMALL)
        for progress in steps:
            if progress.step == stop_at and (progress.loss is not None or (stop_at == 0 and progress.total)):
                break
        steps.close()
        assert CheckpointFolder(out).state()["step"] == stop_at
    torch.rand(7)
    last = list(train_generator(two_classes(), out, **SMALL))
    assert [p.step for p in last if p.loss is not None] == [7, 8]
    assert weights_of(out) == weights_of(trained[0])
    assert (out / "growth.npy").read_bytes() == (trained[0] / "growth.npy").read_bytes()
    resumed, uninterrupted = (check_rows(read_history(folder)) for folder in (out, trained[0]))
    assert resumed == uninterrupted


KILLED = """
import sys
import pytest
from svp_core.training import generator, run_training
from tests.helpers.tiny_training import SMALL, shorten_checks, two_classes
shorten_checks(pytest.MonkeyPatch())
run_training.SAVE_EVERY_S = 0
for progress in generator.train_generator(two_classes(), sys.argv[1], **SMALL):
    print(progress.step if progress.loss is not None else "-", flush=True)
"""


def test_a_killed_training_resumes_and_gives_the_same_model(trained, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "run")]
    environment = {**os.environ, "PYTHONPATH": str(repo_root())}
    process = subprocess.Popen(command, cwd=repo_root(), env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "6":
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "run" / "config.json").exists()
    steps = [p.step for p in train_generator(two_classes(), tmp_path / "run", **SMALL) if p.loss is not None]
    assert steps[0] in (5, 6, 7)
    assert steps[-1] == 8
    assert weights_of(tmp_path / "run") == weights_of(trained[0])


def test_a_training_killed_while_it_removed_its_files_is_finished_at_once(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "run")
    (tmp_path / "run" / "training").mkdir()
    assert list(generator.resume_training(tmp_path / "run")) == []
    assert not (tmp_path / "run" / "training").exists()
    assert weights_of(tmp_path / "run") == weights_of(trained[0])


def test_a_folder_that_holds_something_else_is_refused(trained, tmp_path):
    steps = train_generator(two_classes(), tmp_path / "run", **SMALL)
    next(p for p in steps if p.total)
    steps.close()
    other = dataclasses.replace(SMALL["plan"], batch=2)
    with pytest.raises(LabError, match="holds a training of other data or another plan"):
        list(train_generator(two_classes(), tmp_path / "run", **{**SMALL, "plan": other}))
    with pytest.raises(LabError, match="holds a training of other data"):
        list(train_generator(two_classes().only(["protein"]), tmp_path / "run", **SMALL))
    with pytest.raises(LabError, match="There is a finished model in"):
        list(train_generator(two_classes(), trained[0], **SMALL))


def inherited(config):
    """The settings a training takes from its base: not the levels of its classes, and nothing of its guide."""
    not_inherited = ("level_", "guide_", "insisted")
    return {name: value for name, value in config.items() if not name.startswith(not_inherited)}


def test_training_from_a_base_starts_from_its_weights_and_names_it_in_the_card(trained, tmp_path):
    settings = {**SMALL, "base": str(trained[0]), "checks": 1}
    steps = train_generator(two_classes().only(["fat_droplet"]), tmp_path / "run", **settings)
    for progress in steps:
        if progress.step == 1:
            break
    steps.close()
    description = CheckpointFolder(tmp_path / "run").description()
    base = json.loads((trained[0] / "config.json").read_text())["generator"]
    assert inherited(description["generator"]) == inherited(base) | {"class_keys": ["fat_droplet"]}
    assert len(description["generator"]["level_means"]) == 1
    assert description["from"]["name"] == "whole"
    with pytest.raises(LabError, match="no checkpoint yet"):
        finalise(tmp_path / "run")
    list(generator.resume_training(tmp_path / "run"))
    assert "starting from the generator `whole`" in (tmp_path / "run" / "card.md").read_text()


def test_a_published_checkpoint_cannot_be_a_base(tmp_path):
    base = tmp_path / "paper"
    base.mkdir()
    (base / "config.json").write_text('{"published": {}}')
    (base / "model.safetensors").touch()
    with pytest.raises(LabError, match="paper is a published checkpoint, which cannot be trained further"):
        list(train_generator(two_classes(), tmp_path / "run", base=str(base)))


def test_training_stops_when_it_copies_and_the_card_warns(tmp_path, monkeypatch):
    copy_test, results = checks.copy_test, []

    def planted(**sets):
        results.append(copy_test(**sets))
        many, few = Estimate(0.5, 0.4, 0.6, 16), Estimate(0.0, 0.0, 0.2, 12)
        return dataclasses.replace(
            results[-1], ct_z=-1.0 if len(results) <= 2 else -4.0, ratio=many, held_out_ratio=few
        )

    monkeypatch.setattr(checks, "copy_test", planted)
    list(train_generator(two_classes(), tmp_path / "run", **{**SMALL, "checks": 8}))
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["ended"], config["steps"], config["best_step"]) == ("copying", 2, 0)
    card = (tmp_path / "run" / "card.md").read_text()
    assert ENDINGS["copying"] in card
    assert f"{COPY_WARNING} Its new images did not pass" in card


def test_the_best_checkpoint_of_a_stopped_training_can_be_kept(tmp_path):
    steps = train_generator(two_classes(), tmp_path / "run", **SMALL)
    for progress in steps:
        if progress.step == 6:
            break
    steps.close()
    finalise(tmp_path / "run")
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert (config["steps"], config["ended"], config["measured"]["fresh"]) == (6, "stopped", None)
    assert ENDINGS["stopped"] in (tmp_path / "run" / "card.md").read_text()
    assert load_generator(tmp_path / "run").class_keys == ("protein", "fat_droplet")
    with pytest.raises(LabError, match="no training in progress"):
        finalise(tmp_path / "run")


def check(step, kid, *zs, low=0.05, held_out=0.0):
    figures = ({"kid": [kid, kid, kid], "ct_z": z, "copied": [0.1, low, held_out]} for z in zs)
    return {"step": step, "classes": dict(enumerate(figures))}


def test_the_best_check_has_the_smallest_kid_of_those_that_do_not_copy():
    rows = [check(0, 0.9, 3.0), check(1, 0.2, 0.0, -1.9), check(2, 0.1, 1.0, -2.0), check(3, 0.3, -0.5, 0.0)]
    assert checks.best_check(rows)["step"] == 1
    assert checks.best_check([check(1, 0.9, -3.0), check(2, 0.1, 4.0, -5.0)])["step"] == 1


def test_images_close_to_the_training_tiles_but_to_no_single_one_are_not_copies():
    assert checks.is_copying(check(1, 0.1, -8.0))
    assert not checks.is_copying(check(1, 0.1, -8.0, low=0.005))
    assert not checks.is_copying(check(1, 0.1, -8.0, held_out=0.05))
    assert not checks.is_copying(check(1, 0.1, -1.9))


def test_planted_copies_are_detected_and_blank_or_smooth_images_are_not():
    parts = {
        "training": (draw_blocks(80, seed=0), np.zeros(80, int), []),
        "held_out": (draw_blocks(24, seed=1), np.zeros(24, int), []),
    }
    checker, rng = checks.TrainingChecks(("dust",), parts, count=24), np.random.default_rng(2)
    training = checker.tiles["training", "dust"]
    noise = rng.normal(0, 2, (24, 64, 64))
    copied = (
        np.stack([np.rot90(tile, k) for k, tile in enumerate(training[rng.integers(len(training), size=24)])]) + noise
    )
    blank = 170 + noise
    for generated, copies in ((copied, True), (blank, False), (draw_blocks(24, seed=3), False)):
        figures = checker.compare("dust", generated.clip(0, 255).astype(np.uint8))
        assert checks.copies_of_class(figures) is copies, figures
    assert checker.compare("dust", blank.astype(np.uint8))["ct_z"] < -2


@pytest.mark.parametrize(
    ("zs", "stops"),
    [((0, -3), False), ((-3, -3), True), ((-3, 1, -3), False), ((-3, -2.0, 5), False), ((1, -2.5, -2.0), True)],
)
def test_two_consecutive_alarms_stop_a_training(zs, stops):
    assert checks.must_stop([check(0, 1, -9.0), *(check(step, 1, z) for step, z in enumerate(zs, 1))]) is stops


def test_the_plan_fills_the_given_time():
    plan, number = time_budget.plan_for(GeneratorTrainingPlan(batch=32), 30, 0.5, images=64)
    check_s = time_budget.OVERHEAD_S + 64 * time_budget.CALLS * time_budget.SAMPLE_SHARE * 0.5 / 32
    assert plan.steps * 0.5 + (number + 3) * check_s == pytest.approx(1800, abs=1)
    assert number == time_budget.MAX_CHECKS
    little, fewer = time_budget.plan_for(GeneratorTrainingPlan(batch=32), 2, 0.5, images=200)
    assert fewer == time_budget.MIN_CHECKS
    assert little.steps >= time_budget.MIN_STEPS
    assert time_budget.with_fitting_warmup(little).warmup_steps == little.steps // 10


def test_the_time_per_step_is_measured_to_plan_minutes(tmp_path):
    steps = train_generator(two_classes(), tmp_path / "run", **{**SMALL, "minutes": 2})
    messages = []
    for progress in steps:
        messages.append(progress.message)
        if progress.total:
            break
    steps.close()
    assert "Measuring how fast this computer trains" in messages
    assert CheckpointFolder(tmp_path / "run").description()["plan"]["images"] > SMALL["plan"].images
    with pytest.raises(LabError, match="Minutes of training must be 2 to 10,080; got 0.5"):
        list(train_generator(two_classes(), tmp_path / "other", **{**SMALL, "minutes": 0.5}))


@pytest.fixture
def folder(tmp_path):
    """Six tiles in each of three classes, a text file, and an image without a class."""
    rng = np.random.default_rng(0)
    for level, name in ((60, "air"), (140, "Protein"), (200, "oil")):
        for k in range(6):
            path = tmp_path / "data" / name / f"{k}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_png(rng.integers(level, level + 30, (64, 64), dtype=np.uint8)))
    (tmp_path / "data" / "oil" / "notes.txt").write_text("not an image")
    (tmp_path / "data" / "loose.png").write_bytes(encode_png(np.zeros((64, 64), np.uint8)))
    return tmp_path / "data"


def test_the_command_trains_a_generator_of_a_new_class_from_the_shipped_one(tmp_path, monkeypatch, capsys):
    for k, tile in enumerate(draw_blocks(52, seed=3)):
        (tmp_path / "data" / "Fat droplets").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "Fat droplets" / f"{k}.png").write_bytes(encode_png(tile))
    (tmp_path / "data" / "Fat droplets" / "broken.png").write_bytes(b"")
    arguments = ["train", "generator", str(tmp_path / "data"), "--images", "32", "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "left out Fat droplets/broken.png: the file is empty" in captured.err
    assert "Finished" in captured.out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    shipped = json.loads((SHIPPED_MODELS / "generator" / "config.json").read_text())
    changed = {"class_keys": ["fat_droplets"], "dropout": 0.1}
    assert inherited(config["generator"]) == inherited(shipped["generator"]) | changed
    assert config["generator"]["guide_widths"] == config["generator"]["insisted"] == []
    assert config["from"]["name"] == "generator"
    assert config["plan"]["learning_rate"] < 0.0004


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--from", "nonesuch"], "no model called 'nonesuch'"), (["--class", ".."], "is not a valid class name")],
)
def test_the_command_prints_what_is_wrong(folder, tmp_path, capsys, options, message):
    assert main(["train", "generator", str(folder), "--out", str(tmp_path / "run"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_trained_classifier_is_a_model_folder(folder, tmp_path):
    data, out = read_labelled(folder), tmp_path / "run"
    list(train_classifier(data, out, validation=data, plan=ClassifierPlan(epochs=1, batch=6)))
    assert load_classifier(out, device=torch.device("cpu")).config.class_keys == data.class_keys
    # Tiles it was trained on say nothing about its errors on others.
    assert read_confusion_reference(out) is None


def test_predictions_on_held_out_tiles_are_stored_as_confusion_reference(folder, tmp_path):
    data, out = read_labelled(folder), tmp_path / "run"
    held_out = dataclasses.replace(data, tiles=data.tiles[:, ::-1].copy())
    list(train_classifier(data, out, validation=held_out, plan=ClassifierPlan(epochs=1, batch=6)))
    reference, (tiles, labels) = read_confusion_reference(out), halves(held_out.tiles, held_out.labels)[1]
    assert reference is not None
    assert reference.class_keys == data.class_keys
    assert (reference.labels == labels).all()
    assert len(set(labels)) == 3
    classifier = load_classifier(out, device=torch.device("cpu"))
    assert np.allclose(reference.probs, predict_probs(classifier, tiles), atol=2e-3)
    assert np.isnan(reference.sizes_um).all()
    counted = ", ".join(f"{key} {count}" for key, count in zip(data.class_keys, np.bincount(labels), strict=True))
    assert reference.description == f"{len(tiles)} held-out tiles of its training ({counted}), of unknown sizes"
    assigned = apply_thresholds(reference.probs, reference.class_keys)
    rows = corrected_counts(
        assigned, np.full(len(assigned), 12.0), reference=reference, class_keys=reference.class_keys
    )
    assert all(row.low <= row.count <= row.high for row in rows)


def test_validation_of_other_classes_is_refused(folder, tmp_path):
    data = read_labelled(folder)
    shutil.rmtree(folder / "air")
    with pytest.raises(LabError, match="validation has protein, silicone_oil; give the same ones"):
        list(train_classifier(data, tmp_path / "run", validation=read_labelled(folder)))


def test_a_single_class_is_refused(folder, tmp_path):
    data = read_labelled(folder).only(["protein"])
    with pytest.raises(LabError, match="All images are of one class, protein; a classifier needs at least two"):
        list(train_classifier(data, tmp_path / "run", validation=data))
    assert not (tmp_path / "run").exists()


def test_the_command_trains_a_classifier(folder, tmp_path, capsys):
    options = ["--validation", str(folder), "--epochs", "0.5", "--out", str(tmp_path / "r")]
    assert main(["train", "classifier", str(folder), *options]) == 0
    assert (tmp_path / "r" / "model.safetensors").is_file()
    assert re.search("left out .*notes.txt", capsys.readouterr().err)


def test_a_classifier_without_validation_tiles_is_refused(folder, tmp_path, capsys):
    assert main(["train", "classifier", str(folder), "--out", str(tmp_path / "r")]) == 2
    assert capsys.readouterr().err.strip().endswith("labelled tiles that are not trained on.")
