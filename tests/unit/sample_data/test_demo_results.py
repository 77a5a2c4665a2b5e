"""Demo results: one row per sample tile, trajectories as the job records them, and the shipped files."""

import csv
from pathlib import Path

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
    generator_config = unet.GeneratorConfig(KEYS, pixel_mean=0.3, pixel_std=0.2, channels=(16, 32))
    generator = unet.Generator(unet.build_unet(generator_config).eval(), generator_config, Path(), CPU)
    config = resnet.ClassifierConfig(KEYS)
    classifier = resnet.Classifier(resnet.build_classifier(config).eval(), config, Path(), CPU)
    return {"generator": generator, "classifier": classifier}


def test_every_sample_tile_has_a_row_and_every_class_trajectories(models, tmp_path, monkeypatch):
    monkeypatch.setattr(demo_results, "TRAJECTORIES_PER_CLASS", 2)
    tiles = np.random.default_rng(0).integers(170, 181, (5, 64, 64), dtype=np.uint8)
    tiles[:, 24:40, 20:44] = 60  # a particle: what does not stand out is rejected
    np.save(tmp_path / "tiles.npy", tiles)
    rows = [["image", "class", "um_per_px"], *([f"{k}.png", "protein", "0.5"] for k in range(5))]
    with (tmp_path / "particles.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    steps = list(demo_results.build_demo_results(tmp_path, **models))
    assert steps[-1].step == steps[-1].total == 8
    with (tmp_path / "results.csv").open(newline="") as file:
        results = list(csv.DictReader(file))
    assert [row["image"] for row in results] == [f"{k}.png" for k in range(5)]
    assert {row["given"] for row in results} == {"protein"}
    assert {row["um_per_px"] for row in results} == {"0.5000"}
    frames = sampling.SAMPLERS["standard"].steps + 1
    with np.load(tmp_path / "trajectory.npz", allow_pickle=False) as recorded:
        assert recorded["noisy"].shape == recorded["clean"].shape == (frames, 6, 64, 64)
        assert recorded["sigmas"].shape == (frames,)
        assert recorded["classes"].tolist() == [k for k in KEYS for _ in range(2)]


def test_shipped_trajectory_ends_in_the_sample_of_the_shipped_generator():
    generator = unet.load_generator(SHIPPED_MODELS / "generator", device=CPU)
    with np.load(sample_folder() / "trajectory.npz", allow_pickle=False) as recorded:
        classes, seeds, last = recorded["classes"].tolist(), recorded["seeds"].tolist(), recorded["clean"][-1]
    index = classes.index("silicone_oil")
    ((_, tiles),) = sampling.sample_tiles(generator, "silicone_oil", seeds=seeds[index : index + 1])
    # Another CPU rounds differently: the same image, but not the same bits.
    assert np.abs(tiles[0].astype(int) - last[index]).mean() < 1


def test_shipped_results_match_the_shipped_classifier():
    classifier = resnet.load_classifier(SHIPPED_MODELS / "resnet18", device=CPU)
    tiles = np.load(sample_folder() / "tiles.npy", mmap_mode="r", allow_pickle=False)
    with (sample_folder() / "results.csv").open(newline="", encoding="utf-8") as file:
        results = list(csv.DictReader(file))
    assert len(results) == len(tiles)
    probs = resnet.predict_probs(classifier, tiles[:60])
    predicted = [classifier.config.class_keys[k] for k in probs.argmax(1)]
    same = np.mean([row["label"] == name for row, name in zip(results, predicted, strict=False)])
    assert same >= 58 / 60
