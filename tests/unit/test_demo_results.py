"""What the first page shows: a row a sample tile, a trajectory as the job makes it; and that the shipped ones fit."""

import csv

import numpy as np
import pytest
import torch

from svp_core.classifier import resnet
from svp_core.generator import sampling, unet
from svp_core.model_files import SHIPPED_MODELS
from svp_core.sample_data import demo_results
from svp_core.workspace.paths import sample_folder

KEYS = ("protein", "silicone_oil", "air_bubble")
CPU = torch.device("cpu")


@pytest.fixture
def models():
    torch.manual_seed(0)
    plan = unet.GeneratorConfig(KEYS, pixel_mean=0.3, pixel_std=0.2, channels=(16, 32))
    generator = unet.Generator(unet.build_unet(plan).eval(), plan, None, CPU)
    config = resnet.ClassifierConfig(KEYS)
    classifier = resnet.Classifier(resnet.build_classifier(config).eval(), config, None, CPU)
    return {"generator": generator, "classifier": classifier}


def test_every_sample_tile_gets_a_row_and_every_class_a_recording(models, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_results, "TRAJECTORIES_PER_CLASS", 2)
    np.save(tmp_path / "tiles.npy", np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8))
    rows = [["image", "class", "um_per_px"], *([f"{k}.png", "protein", "0.5"] for k in range(5))]
    with open(tmp_path / "particles.csv", "w", newline="") as file:
        csv.writer(file).writerows(rows)
    steps = list(demo_results.build_demo_results(tmp_path, **models))
    assert steps[-1].step == steps[-1].total == 8
    with open(tmp_path / "results.csv", newline="") as file:
        results = list(csv.DictReader(file))
    assert [row["image"] for row in results] == [f"{k}.png" for k in range(5)]
    assert {row["given"] for row in results} == {"protein"}
    assert {row["um_per_px"] for row in results} == {"0.5000"}
    frames = sampling.SAMPLERS["standard"].steps + 1
    with np.load(tmp_path / "trajectory.npz", allow_pickle=False) as recorded:
        assert recorded["noisy"].shape == recorded["clean"].shape == (frames, 6, 64, 64)
        assert recorded["sigmas"].shape == (frames,)
        assert recorded["classes"].tolist() == [k for k in KEYS for _ in range(2)]


def test_the_shipped_recording_ends_in_what_the_shipped_generator_makes():
    generator = unet.load_generator(SHIPPED_MODELS / "generator", device=CPU)
    with np.load(sample_folder() / "trajectory.npz", allow_pickle=False) as recorded:
        classes, seeds, last = recorded["classes"].tolist(), recorded["seeds"].tolist(), recorded["clean"][-1]
    at = classes.index("silicone_oil")
    ((_, tiles),) = sampling.sample_tiles(generator, "silicone_oil", seeds=seeds[at : at + 1])
    # Another processor rounds otherwise: the same picture, not the same bits.
    assert np.abs(tiles[0].astype(int) - last[at]).mean() < 1


def test_the_shipped_results_name_the_shipped_tiles():
    classifier = resnet.load_classifier(SHIPPED_MODELS / "resnet18", device=CPU)
    tiles = np.load(sample_folder() / "tiles.npy", mmap_mode="r", allow_pickle=False)
    with open(sample_folder() / "results.csv", newline="", encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    assert len(results) == len(tiles)
    probs = resnet.predict_probs(classifier, tiles[:60])
    named = [classifier.config.class_keys[k] for k in probs.argmax(1)]
    same = np.mean([row["label"] == name for row, name in zip(results, named, strict=False)])
    assert same >= 58 / 60
