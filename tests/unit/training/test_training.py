"""From labelled tiles to a generator's model folder: held out, resumed after a kill, ended when it copies."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.files import file_sha256
from svp_core.generator import training_loop as generator_training
from svp_core.generator.sampling import sample_tiles
from svp_core.generator.unet import load_generator
from svp_core.images import encode_png
from svp_core.model_files import SHIPPED_MODELS
from svp_core.quality import Estimate
from svp_core.training import checks, generator
from svp_core.training.card import COPY_WARNING
from svp_core.training.checkpoints import CheckpointFolder, check_rows, read_growth, read_history
from svp_core.training.finalise import finalise
from svp_core.training.generator import train_generator
from svp_core.training.training_log import ENDINGS
from svp_core.workspace.paths import repo_root
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_training import SMALL, STEPS, two_classes


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


def test_the_command_trains_a_generator_of_a_new_class_from_the_shipped_one(tmp_path, monkeypatch, capsys):
    for k, tile in enumerate(draw_blocks(52, seed=3)):
        (tmp_path / "data" / "Fat droplets").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "Fat droplets" / f"{k}.png").write_bytes(encode_png(tile))
    (tmp_path / "data" / "Fat droplets" / "broken.png").write_bytes(b"")
    arguments = ["train", "generator", str(tmp_path / "data"), "--images", "32", "--out", str(tmp_path / "run")]
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert "left out Fat droplets/broken.png: the file is empty; copy it again" in captured.err
    assert "Finished" in captured.out
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    shipped = json.loads((SHIPPED_MODELS / "generator" / "config.json").read_text())
    changed = {"class_keys": ["fat_droplets"], "dropout": 0.1}
    assert inherited(config["generator"]) == inherited(shipped["generator"]) | changed
    assert config["generator"]["guide_widths"] == config["generator"]["insisted"] == []
    assert config["from"]["name"] == "generator"
    assert config["plan"]["learning_rate"] < 0.0004
