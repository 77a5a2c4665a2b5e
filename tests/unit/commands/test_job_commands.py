"""The commands that do what a page starts as a job: with tiny models and a few images."""

import json
import re
import sys
from argparse import _SubParsersAction

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core import model_files
from svp_core.cli import ALIASES, COMMANDS, build_parser, main
from svp_core.generator import unet
from svp_core.images import encode_png
from svp_core.progress import Progress
from svp_core.review import store
from svp_core.review.embedding_store import load_embedding
from svp_core.tasks.job_kinds import JOB_KINDS
from svp_core.workspace import datasets, models
from tests.helpers.drawn_tiles import draw_blocks

KEYS = ("fat_droplet", "speck")


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """Folder of an untrained generator."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    config = unet.GeneratorConfig(KEYS, 0.3, 0.2, channels=(16, 32))
    model = unet.build_unet(config)
    torch.nn.init.normal_(model.get_parameter("conv_out.weight"), std=0.05)
    model_files.save_model(folder, config=unet.config_as_dict(config), tensors=model.state_dict(), card="", history=[])
    return folder


def two_classes(count):
    """(tiles, class of each): dark squares are droplets, bright ones specks."""
    tiles = draw_blocks(count, seed=1)
    tiles[count // 2 :] = 255 - tiles[count // 2 :]
    return tiles, np.repeat(KEYS, [count // 2, count - count // 2])


def new_review(count=60):
    tiles, classes = two_classes(count)
    table = pd.DataFrame({"particle": [f"p{k}" for k in range(count)], "given": classes, "um_per_px": 0.5})
    return store.create_review("Two", kind="dataset", source={}, class_keys=KEYS, table=table, tiles=tiles)


def test_every_command_explains_itself(capsys):
    names = [module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS]
    assert {kind.command.replace("_", "-") for kind in JOB_KINDS.values()} <= set(names)
    assert all(name in names for name in ALIASES)
    for name in [*names, *(alias for aliases in ALIASES.values() for alias in aliases)]:
        with pytest.raises(SystemExit) as left:
            main([name, "--help"])
        shown = capsys.readouterr().out
        assert left.value.code == 0
        assert "Exit status" in shown
        assert "default: None" not in shown, name


def test_every_argument_has_a_help_text():
    (commands,) = (action for action in build_parser()._actions if isinstance(action, _SubParsersAction))
    for name, parser in commands.choices.items():
        for action in parser._actions:
            assert action.help or action.choices, f"{name} {action.dest}"


def test_denoise_writes_trajectories(generator, tmp_path, capsys):
    arguments = ["--class", KEYS[0], "--class", KEYS[1], "--count", "1", "--steps", "2", "--weights", str(generator)]
    assert main(["denoise", *arguments, "--out", str(tmp_path / "out")]) == 0
    assert "trajectory.npz" in capsys.readouterr().out
    with np.load(tmp_path / "out" / "trajectory.npz") as arrays:
        assert arrays["noisy"].shape == (3, 2, 64, 64)
        assert arrays["classes"].tolist() == list(KEYS)


def test_compare_writes_both_sides(generator, tmp_path, monkeypatch, capsys):
    def measure(class_key, seed, real, generated, seen, has_seen):
        yield Progress(1, 1)
        return {"classes": {}, "n": len(real)}

    monkeypatch.setattr(sys.modules["svp_core.tasks.compare"], "_measure", measure)
    monkeypatch.setattr("svp_core.quality.text_table.as_table", lambda report: [f"n = {report['n']}"])
    tiles, classes = two_classes(200)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(200)], "class": classes})
    reference = datasets.save_dataset("Two", "own", tiles, table, {})
    arguments = ["--class", KEYS[0], "--count", "50", "--steps", "2", "--reference", reference]
    out = tmp_path / "out"
    assert main(["compare", str(generator), "classical", *arguments, "--out", str(out)]) == 0
    assert len(np.load(out / "left" / "tiles.npy")) == len(np.load(out / "right" / "tiles.npy")) == 50
    assert json.loads((out / "report.json").read_text())["n_real"] == 50
    assert "n = 50" in capsys.readouterr().out
    assert main(["compare", "nowhere", "classical", *arguments, "--out", str(tmp_path / "none")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_import_images_makes_a_data_set(tmp_path, capsys):
    source = tmp_path / "day 5"
    for number, (tile, key) in enumerate(zip(*two_classes(6), strict=True)):
        folder = source / key
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(encode_png(tile))
    (source / KEYS[0] / "broken.png").write_bytes(b"")
    assert main(["import-images", str(source), "--name", "Day 5"]) == 0
    shown = capsys.readouterr()
    (meta,) = datasets.list_datasets()
    assert meta["id"] in shown.out
    assert (meta["name"], meta["count"]) == ("Day 5", 6)
    assert "broken.png" in shown.err
    assert main(["import-images", str(tmp_path / "nowhere")]) == 2


def test_a_review_gets_its_embedding(capsys):
    review = new_review()
    assert load_embedding(store.open_review(review)) is None
    assert main(["embed-review", review]) == 0
    assert load_embedding(store.open_review(review)) is not None
    assert main(["embed-review", "0" * 32]) == 2


def test_retrain_makes_a_model(capsys):
    assert main(["retrain", new_review(), "--name", "Two round 1"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"by_chance, all classes, n = \d+: \d+\.\d % before", shown)
    assert "Two round 1" in [model.name for model in models.list_models("classifier")]
