"""Classification on a Ray cluster: the files of the local engine, byte for byte, also after a worker was killed."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from svp_core.classification import measure, shards
from svp_core.execution import ray_cluster
from svp_core.images import encode_png
from svp_core.tasks.classify import ClassifyRequest, classify

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
