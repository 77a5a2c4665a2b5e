"""Work on a Ray cluster: the files of the local engine, byte for byte, also after a worker was killed."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core.classification import measure, shards
from svp_core.classifier import resnet
from svp_core.cli import main
from svp_core.embedding.feature_table import feature_table
from svp_core.execution import ray_cluster
from svp_core.generator import unet
from svp_core.generator.sampling import image_seeds, sample_on_engine
from svp_core.images import encode_png
from svp_core.progress import run_to_end
from svp_core.tasks import locate as locate_task
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.locate import LocateRequest, locate
from tests.helpers.drawn_frames import write_frames
from tests.helpers.tiny_generator import CONFIG

pytest.importorskip("ray", reason="Ray is not installed (requirements-cluster.txt)")

COUNT, BATCH_BYTES = 60, 20_000
FILES = ("results.csv", "tiles.npy", "colour.npy", "novelty.f16", "summary.json")


@pytest.fixture(scope="module")
def cluster():
    """Ray on this machine, stopped at the end."""
    os.environ.pop(ray_cluster.ADDRESS, None)
    import ray

    yield ray
    ray.shutdown()


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A folder with particles, one in colour, one broken; read in batches of some images."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr(measure, "BATCH_BYTES", BATCH_BYTES)
    folder, rng = tmp_path / "drop", np.random.default_rng(1)
    folder.mkdir()
    v, u = np.mgrid[:56, :56] - 27.5
    for number in range(COUNT):
        image = rng.normal(175, 3, (56, 56))
        image[np.hypot(u / rng.uniform(0.6, 1.4), v) < rng.uniform(5, 18)] -= rng.uniform(30, 90)
        pixels = image.clip(0, 255).astype(np.uint8)
        colour = np.repeat(pixels[..., None], 3, axis=2) // np.array([1, 1, 2], np.uint8)
        (folder / f"{number:03d}.png").write_bytes(encode_png(colour if number == 40 else pixels))
    (folder / "020.png").write_bytes(b"broken")
    return folder


def files_of(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def worker_processes():
    """Processes of the actors on this machine."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::_Worker"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def folder_named(path):
    path.mkdir()
    return path


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the test finds its workers in /proc")
def test_killed_and_resumed_classification_on_a_cluster_equals_the_local_one(cluster, source, tmp_path, monkeypatch):
    local, remote = folder_named(tmp_path / "local"), folder_named(tmp_path / "remote")
    list(classify(ClassifyRequest(str(source)), local))
    request = ClassifyRequest(str(source), engine="ray")

    steps = classify(request, remote)
    next(step for step in steps if "particles classified" in step.message)
    os.kill(worker_processes()[0], signal.SIGKILL)
    next(step for step in steps if step.step > COUNT // 3)
    steps.close()
    done = len(list((remote / shards.FOLDER).glob("*.parquet")))
    assert 2 <= done < len(files_of(local)["tiles.npy"]) // BATCH_BYTES

    handed_out, original = [], ray_cluster.RayExecutor.map_ordered

    def count(self, function, items, *, workers):
        yield from original(self, function, (handed_out.append(item) or item for item in items), workers=workers)

    monkeypatch.setattr(ray_cluster.RayExecutor, "map_ordered", count)
    batches = [step for step in classify(request, remote) if "particles classified" in step.message]
    assert len(handed_out) == len(batches) - done
    assert files_of(remote) == files_of(local)
    assert not (remote / shards.FOLDER).exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="the test finds its workers in /proc")
def test_killed_and_resumed_location_on_a_cluster_equals_the_local_one(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(locate_task, "BLOCK_FRAMES", 6)
    write_frames(tmp_path / "frames", 40)
    (tmp_path / "frames" / "frame_9.png").write_bytes(b"broken")
    local, remote = folder_named(tmp_path / "local"), folder_named(tmp_path / "remote")
    request = LocateRequest(str(tmp_path / "frames"), background="frames", um_per_px=0.5, depth_um=100.0)
    list(locate(request, local))

    steps = locate(replace(request, engine="ray"), remote)
    next(step for step in steps if step.step == 1)
    os.kill(worker_processes()[0], signal.SIGKILL)
    next(step for step in steps if step.step == 22)
    steps.close()
    assert len(list((remote / "parts").glob("*.boxes"))) == 3
    again = [step.step for step in locate(replace(request, engine="ray"), remote) if step.message.endswith("particles")]
    assert again == list(range(19, 41))
    files = {path.relative_to(local): path.read_bytes() for path in local.rglob("*") if path.is_file()}
    assert len([path for path in files if path.suffix == ".png"]) == 7
    assert files == {path.relative_to(remote): path.read_bytes() for path in remote.rglob("*") if path.is_file()}


def test_generated_simulated_and_embedded_particles_equal_the_local_ones(cluster, tmp_path):
    torch.manual_seed(0)
    generator = unet.Generator(unet.build_unet(CONFIG).eval(), CONFIG, None, torch.device("cpu"))
    config = resnet.ClassifierConfig(("protein", "silicone_oil"))
    classifier = resnet.Classifier(resnet.build_classifier(config).eval(), config, None, torch.device("cpu"))
    tiles = np.random.default_rng(0).integers(0, 256, (5, 64, 64), np.uint8)
    seeds, sampler, found = image_seeds(5, 7), generator.samplers["preview"], {}
    for engine in ("local", "ray"):
        options = {"seeds": seeds, "sampler": sampler, "steps": 2, "call_size": 3}
        made = list(sample_on_engine(engine, generator, "air_bubble", **options))
        table = run_to_end(feature_table(classifier, tiles, {"image": list("abcde")}, engine=engine))
        arguments = ["--class", "protein", "--count", "3", "--seed", "4", "--engine", engine]
        assert main(["simulate", *arguments, "--out", str(tmp_path / engine)]) == 0
        simulated = {path.name: path.read_bytes() for path in (tmp_path / engine).rglob("*.*")}
        found[engine] = [start for start, _ in made], np.concatenate([part for _, part in made]), table, simulated
    (starts, images, table, files), (other_starts, other_images, other_table, other_files) = found.values()
    assert starts == other_starts == [0, 3, 6]
    np.testing.assert_array_equal(images, other_images)
    pd.testing.assert_frame_equal(table, other_table)
    assert files == other_files
    assert len(files) == 4
