"""The task "compare" with a tiny network: one reference for both sides, disjoint halves, resuming."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core import model_files
from svp_core.audit import two_sample
from svp_core.errors import LabError
from svp_core.generator import unet
from svp_core.progress import Progress
from svp_core.tasks.compare import COPY_METRICS, measure_steps
from svp_core.tasks.job_kinds import run_task
from svp_core.tile_file import read_tiles
from svp_core.workspace import datasets

COUNT = 50


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A workspace with 120 drawn droplets as a data set, and a tiny generator: (id of the data set, model folder)."""
    patch = pytest.MonkeyPatch()
    patch.setenv("SVP_WORKSPACE", str(tmp_path_factory.mktemp("work")))
    patch.delenv("SVP_DATABASE_URL", raising=False)
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :64]
    inside = [np.hypot(rows - 32, columns - 32) < radius for radius in rng.uniform(4, 12, 120)]
    tiles = np.stack([np.where(disc, 90, 170) + rng.normal(0, 2, (64, 64)) for disc in inside]).round().astype(np.uint8)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(120)], "class": "silicone_oil"})
    table.loc[100:, "class"] = "air_bubble"
    reference = datasets.save_dataset("Droplets", "labelled", tiles, table, {})
    torch.manual_seed(0)
    config = unet.GeneratorConfig(("silicone_oil", "air_bubble"), 0.3, 0.2, channels=(16, 32))
    model = unet.build_unet(config)
    torch.nn.init.normal_(model.get_parameter("conv_out.weight"), std=0.05)
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    model_files.save_model(folder, config=unet.config_as_dict(config), tensors=model.state_dict(), card="", history=[])
    yield reference, folder
    patch.undo()


@pytest.fixture(scope="module")
def config(lab):
    reference, folder = lab
    side = {"weights": str(folder), "sampler": "preview", "steps": 2}
    return {
        "class_key": "silicone_oil",
        "count": COUNT,
        "seed": 3,
        "reference": reference,
        "left": side,
        "right": {"classical": True},
    }


@pytest.fixture
def unmeasured(monkeypatch):
    """Skip the metrics, for tests of something else."""

    def measure(class_key, seed, real, made, seen, has_seen):
        yield Progress(1, 1, "")
        return {"n": [len(real), len(made), len(seen)], "has_seen": has_seen}

    monkeypatch.setattr(sys.modules["svp_core.tasks.compare"], "_measure", measure)


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """(folder of a finished comparison, its Progress events)."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:  # no test looks at how well the sides can be told apart
        patch.setattr(two_sample, "MIN_STEPS", 3)
        patch.setattr(two_sample, "PASSES", 0)
        return folder, list(run_task("compare", config, folder))


def test_progress_counts_network_calls_and_reaches_its_total(finished):
    _, seen = finished
    total = COUNT * 2 + 2 * measure_steps(COUNT)
    assert [p.total for p in seen] == [None] + [total] * (len(seen) - 1)
    steps = [p.step for p in seen]
    assert steps == sorted(steps)
    assert steps[-1] == total
    assert 16 in steps


def test_both_sides_are_compared_with_the_half_that_was_not_augmented(config, finished):
    folder, _ = finished
    real = np.load(folder / "real.npy")
    held = datasets.open_dataset(config["reference"]).tiles[:100]
    parents = [tile for tile in held if not (real == tile).all((1, 2)).any()]
    assert len(real) == len(parents) == 50
    made, manifest = read_tiles(folder / "right" / "tiles.npy"), pd.read_csv(folder / "right" / "manifest.csv")
    assert len(made) == len(manifest) == COUNT
    assert max(manifest["parent"]) < 50
    from svp_core.augmentation import augment_tiles

    again, _ = augment_tiles(np.stack(parents), seeds=manifest["image_seed"])
    assert np.array_equal(again, made)
    report = json.loads((folder / "report.json").read_text())
    assert (report["n_real"], report["n_seen"]) == (50, 50)


def test_sizes_and_shapes_of_all_three_sets_are_stored(finished):
    shapes = pd.read_csv(finished[0] / "shapes.csv")
    assert shapes["set"].value_counts().to_dict() == {"left": COUNT, "right": COUNT, "real": 50}
    assert shapes.loc[shapes["set"] == "real", "ecd_px"].between(6, 26).all()


def test_only_augmented_tiles_can_have_been_copied(finished):
    report = json.loads((finished[0] / "report.json").read_text())
    left, right = (report[side]["classes"]["silicone_oil"] for side in ("left", "right"))
    assert set(right["figures"]) - set(left["figures"]) == set(COPY_METRICS)
    assert left["n"] == right["n"] == 50
    assert "closest" not in left
    assert len(right["closest"])
    # Both sides have the same real-vs-real baseline.
    assert left["figures"]["kid"]["floor"] == right["figures"]["kid"]["floor"]
    # The untrained network's noise is far worse.
    assert right["figures"]["kid"]["value"] < left["figures"]["kid"]["low"]


def test_two_models_are_compared_with_the_whole_reference(config, unmeasured, tmp_path):
    config = {**config, "right": {**config["left"], "steps": 3}}
    list(run_task("compare", config, tmp_path))
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["left"] == report["right"] == {"n": [100, COUNT, 0], "has_seen": False}


def test_a_model_is_compared_with_tiles_it_has_not_seen(config, lab, unmeasured, tmp_path):
    reference, tiny = lab
    table = datasets.open_dataset(reference).table
    held = [f"{reference}/{name}" for name in table["image"][:50]] + ["another/51.png"]
    own = tmp_path / "own"
    shutil.copytree(tiny, own)
    model_config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps({**model_config, "held_out": held}))
    (tmp_path / "job").mkdir()
    list(run_task("compare", {**config, "left": {**config["left"], "weights": str(own)}}, tmp_path / "job"))
    report = json.loads((tmp_path / "job" / "report.json").read_text())
    # The classical side is given what the model was trained on; neither has seen the 50.
    assert report["left"] == report["right"] == {"n": [50, COUNT, 50], "has_seen": True}
    tiles = datasets.open_dataset(reference).tiles
    assert np.array_equal(np.load(tmp_path / "job" / "real.npy"), tiles[:50])
    (own / "config.json").write_text(json.dumps({**model_config, "held_out": held[:49]}))
    with pytest.raises(LabError, match="needs 50 that neither side was trained on"):
        list(run_task("compare", {**config, "left": {**config["left"], "weights": str(own)}}, tmp_path / "job"))


def test_a_stopped_comparison_resumes_with_the_missing_tiles(config, finished, unmeasured, tmp_path):
    for progress in (stopped := run_task("compare", config, tmp_path)):
        if progress.step >= 32:
            break
    stopped.close()
    assert len(read_tiles(tmp_path / "left" / "tiles.npy")) == 16
    steps = [p.step for p in run_task("compare", config, tmp_path)]
    assert steps[:2] == [0, 32]
    for name in ("left/tiles.npy", "left/manifest.csv", "right/tiles.npy", "shapes.csv", "real.npy"):
        assert (tmp_path / name).read_bytes() == (finished[0] / name).read_bytes()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"count": 49}, "49 images per side were requested; give 50"),
        ({"reference": "none"}, "no data set 'none'"),
        (
            {"class_key": "air_bubble"},
            "'Droplets' holds 20 tiles of air_bubble; a comparison needs 50 in each half",
        ),
        (
            {"class_key": "air_bubble", "right": {"weights": "resnet18"}},
            "holds 20 tiles of air_bubble; a comparison needs 50",
        ),
        ({"right": {"weights": "nowhere", "sampler": "preview"}}, "no model called 'nowhere'"),
    ],
)
def test_an_impossible_comparison_is_an_error_before_anything_is_generated(config, tmp_path, wrong, sentence):
    with pytest.raises(LabError, match=sentence):
        list(run_task("compare", {**config, **wrong}, tmp_path))
    assert not (tmp_path / "left").exists()
