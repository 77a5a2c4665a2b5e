"""Tasks with tiny networks: their files, resuming, error messages; one as a real job."""

import csv
import json
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from svp_core import model_files
from svp_core.classification.results_csv import read_results
from svp_core.classifier import resnet
from svp_core.errors import LabError
from svp_core.generator import sampling, unet
from svp_core.images import to_colour_tile
from svp_core.instruments.fingerprint import fingerprint, hash_inputs
from svp_core.tasks.job_kinds import run_task
from svp_core.tile_file import append_tiles, read_colour_tiles, read_tiles
from svp_core.workspace import datasets, jobs
from tests.helpers.drawn_run import draw_run
from tests.helpers.trial_jobs import wait_for


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folder with an untrained run of each kind: "generator" and "resnet18"."""
    folder = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    config = unet.GeneratorConfig(("silicone_oil", "air_bubble"), 0.3, 0.2, channels=(16, 32), dropout=0.0)
    model = unet.build_unet(config)
    torch.nn.init.normal_(model.get_parameter("conv_out.weight"), std=0.05)
    save(folder / "generator", unet.config_as_dict(config), model)
    config = resnet.ClassifierConfig(("protein", "silicone_oil", "air_bubble"))
    save(folder / "resnet18", resnet.config_as_dict(config), resnet.build_classifier(config))
    return folder


def save(folder, config, model):
    model_files.save_model(folder, config=config, tensors=model.state_dict(), card="# Tiny\n", history=[])


@pytest.fixture(scope="module")
def config(tiny):
    return {
        "class_key": "air_bubble",
        "count": 20,
        "seed": 3,
        "sampler": "preview",
        "steps": 2,
        "weights": str(tiny / "generator"),
    }


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """Folder of a finished "generate" job."""
    folder = tmp_path_factory.mktemp("finished")
    steps = [progress.step for progress in run_task("generate", config, folder)]
    assert steps == [0, 8, 16, 20]
    return folder


def test_generate_writes_tiles_manifest_and_provenance(config, finished, tiny):
    generator = unet.load_generator(tiny / "generator")
    seeds = sampling.image_seeds(3, 20)
    made = sampling.sample_tiles(generator, "air_bubble", seeds=seeds, sampler="preview", steps=2)
    tiles = read_tiles(finished / "tiles.npy")
    assert np.array_equal(tiles, np.concatenate([batch for _, batch in made]))
    assert tiles.std() > 0
    with (finished / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["image_seed"]) for row in rows] == seeds
    assert rows[19] == {
        "image": "air_bubble_3_00019.png",
        "class": "air_bubble",
        "run_seed": "3",
        "position": "19",
        "image_seed": str(seeds[19]),
        "sampler": "preview",
        "steps": "2",
        "weights": "generator",
        "kind": "synthetic",
    }
    parents = json.loads((finished / "provenance.json").read_text())
    assert (parents["weights"], parents["seed"], parents["class"]) == ("generator", 3, "air_bubble")
    assert len(parents["card_sha256"]) == len(parents["weights_sha256"]) == 64


def test_generate_resumes_where_it_was_stopped(config, finished, tmp_path):
    for progress in (stopped := run_task("generate", config, tmp_path)):
        if progress.step == 8:
            break
    stopped.close()
    assert len(read_tiles(tmp_path / "tiles.npy")) == 8
    # As if the process had died in the middle of writing: a half row, a tile too many.
    with (tmp_path / "manifest.csv").open("a") as file:
        file.write("air_bubble_3_00")
    append_tiles(tmp_path / "tiles.npy", np.zeros((1, 64, 64), np.uint8), after=8)
    assert [progress.step for progress in run_task("generate", config, tmp_path)] == [8, 16, 20]
    for name in ("tiles.npy", "manifest.csv", "provenance.json"):
        assert (tmp_path / name).read_bytes() == (finished / name).read_bytes()
    assert [progress.step for progress in run_task("generate", config, tmp_path)] == [20]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"class_key": "protein"}, "silicone_oil, air_bubble; requested: protein"),
        ({"sampler": "best"}, "no sampler 'best'; use preview"),
        ({"count": 0}, "0 images"),
        ({"count": 100_001}, "100001 images"),
        ({"seed": -1}, "seed -1 is not from 0 to"),
        ({"steps": 1}, "1 denoising steps"),
        ({"weights": "nowhere"}, "no model called 'nowhere'"),
    ],
)
def test_an_impossible_request_is_an_error(config, tmp_path, wrong, sentence):
    with pytest.raises(LabError, match=sentence):
        list(run_task("generate", {**config, **wrong}, tmp_path))
    assert not (tmp_path / "tiles.npy").exists()


def trajectories(config, count):
    """A "denoise" config with the settings of this "generate" config."""
    shared = {name: value for name, value in config.items() if name != "class_key"}
    return {**shared, "class_keys": ["silicone_oil", "air_bubble"], "count": count}


def test_denoise_ends_with_the_tiles_of_generate(config, finished, tmp_path):
    config = trajectories(config, count=3)
    seen = [(progress.step, progress.total) for progress in run_task("denoise", config, tmp_path)]
    assert seen == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]
    with np.load(tmp_path / "trajectory.npz", allow_pickle=False) as found:
        assert found["noisy"].shape == found["clean"].shape == (3, 6, 64, 64)
        assert found["clean"].dtype == np.uint8
        assert list(found["classes"]) == ["silicone_oil"] * 3 + ["air_bubble"] * 3
        assert list(found["seeds"]) == sampling.image_seeds(3, 3) * 2
        assert found["sigmas"].shape == (3,)
        assert (np.diff(found["sigmas"]) < 0).all()
        difference = found["clean"][-1, 3:].astype(int) - read_tiles(finished / "tiles.npy")[:3]
        assert abs(difference).max() <= 1
    assert [file.name for file in tmp_path.iterdir()] == ["trajectory.npz"]


def test_a_stopped_denoise_keeps_the_finished_class(config, tmp_path):
    config = trajectories(config, count=2)
    for progress in (stopped := run_task("denoise", config, tmp_path)):
        if progress.step == 3:
            break
    stopped.close()
    with np.load(tmp_path / "trajectory.npz") as found:
        assert list(found["classes"]) == ["silicone_oil"] * 2
        assert found["noisy"].shape == (3, 2, 64, 64)


def test_classify_writes_a_row_for_every_item(tiny, tmp_path):
    source, folder = tmp_path / "run <b> ä", tmp_path / "job"
    (source / "oil").mkdir(parents=True)
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(70):
        pixels = rng.integers(170, 181, (30, 40), dtype=np.uint8)
        pixels[10:20, 12:28] = 60  # what does not stand out is rejected
        Image.fromarray(pixels).save(source / "oil" / f"p {number}.png")
    (source / "broken.png").write_bytes(b"no image")
    config = {"source": str(source), "weights": str(tiny / "resnet18"), "um_per_px": 0.5}
    seen = list(run_task("classify", config, folder))
    assert seen[-1].step == 71
    assert all(progress.total in (None, 71) for progress in seen)
    table = pd.read_csv(folder / "results.csv")
    named = table[table["status"] == "ok"]
    assert len(table) == 71
    assert len(named) == 70
    assert set(named["given"]) == {"silicone_oil"}
    assert table.loc[table["status"] == "rejected", "reason"].notna().all()
    assert set(named["um_per_px"]) == {0.5}
    assert len(read_tiles(folder / "tiles.npy")) == 70
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["offered"], summary["named"], summary["rejected"]) == (71, 70, 1)
    assert sum(summary["counts"].values()) == 70
    assert summary["weights"] == "resnet18"
    # Again in the same folder: it starts over, nothing is duplicated.
    list(run_task("classify", config, folder))
    assert len(pd.read_csv(folder / "results.csv")) == 71
    assert len(read_tiles(folder / "tiles.npy")) == 70


def test_classify_stores_runs_instrument_columns_and_colour(tiny, tmp_path):
    source, folder = tmp_path / "drop", tmp_path / "job"
    folder.mkdir()
    (source / "first").mkdir(parents=True)
    # A grey run before one in colour: its tiles are converted to colour afterwards.
    truth = draw_run(source / "second", count=12, title="run")
    draw_run(source / "first", count=5, title="grey")
    for path in (source / "first").glob("*.tif"):
        Image.open(path).convert("L").save(path)
    config = {"source": str(source), "weights": str(tiny / "resnet18"), "choices": {}}
    with patch("svp_core.classification.measure.BATCH_BYTES", 4000):
        list(run_task("classify", config, folder))
    summary = json.loads((folder / "summary.json").read_text())
    assert [(run["name"], run["count"]) for run in summary["runs"]] == [("grey", 5), ("run", 12)]
    assert summary["inputs"] == fingerprint(list(hash_inputs(source)))
    assert summary["inputs"]["files"] > 6
    assert summary["software"]["torch"] == torch.__version__.partition("+")[0]
    assert summary["choices"] == {}
    table = read_results(folder / "results.csv")
    assert table["run"].tolist() == ["grey"] * 5 + ["run"] * 12
    assert table["instrument.raw_area"].tolist()[5:] == [mask.sum() for _, mask in truth]
    assert table["area_px"].tolist() == table["instrument.raw_area"].tolist()
    tiles, colour = read_tiles(folder / "tiles.npy"), read_colour_tiles(folder / "colour.npy")
    assert tiles.shape == (17, 64, 64)
    assert colour.shape == (17, 64, 64, 3)
    assert np.array_equal(colour[5:], np.stack([to_colour_tile(pixels) for pixels, _ in truth]))
    assert (colour[:5] == tiles[:5, ..., None]).all()
    # A grey source in the same folder leaves no colour behind.
    list(run_task("classify", {**config, "source": str(source / "first")}, folder))
    assert not (folder / "colour.npy").exists()
    assert len(read_tiles(folder / "tiles.npy")) == 5


def test_an_unreadable_source_is_an_error(tiny, tmp_path):
    config = {"source": str(tmp_path / "none"), "weights": str(tiny / "resnet18")}
    with pytest.raises(LabError, match="There is no file or folder"):
        list(run_task("classify", config, tmp_path))
    with pytest.raises(LabError, match="pixel size of 0 µm"):
        list(run_task("classify", {**config, "um_per_px": 0}, tmp_path))


def test_a_real_job_becomes_a_data_set(config, finished, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    job_id, _ = jobs.start("generate", config)
    job = wait_for(job_id, lambda job: not job.active)
    assert (job.state, job.step, job.total) == ("done", 20, 20)
    assert (job.rate or 0) > 0
    found = datasets.open_dataset(datasets.save_generated(job_id, "Bubbles"))
    assert np.array_equal(found.tiles, read_tiles(finished / "tiles.npy"))
    assert found.meta["kind"] == "synthetic"
    assert found.meta["classes"] == {"air_bubble": 20}
    assert found.meta["provenance"]["job"] == job_id
    assert found.meta["provenance"]["sampler"] == "preview"
    with pytest.raises(LabError, match="no finished images"):
        other, _ = jobs.start("generate", {**config, "class_key": "protein"})
        assert "requested: protein" in wait_for(other, "failed").error
        datasets.save_generated(other, "None")
