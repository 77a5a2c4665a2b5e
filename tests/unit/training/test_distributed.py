"""Several processes that train one network: the same run as from one, and a sentence without accelerate."""

import os
import socket
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from svp_core.errors import LabError
from svp_core.training import distributed
from svp_core.training.generator import train_generator
from svp_core.workspace.paths import repo_root
from tests.helpers.distributed_run import ORDER
from tests.helpers.tiny_training import shorten_checks, two_classes


def test_one_process_is_alone(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.accelerator() is None
    assert distributed.is_main(None)
    assert distributed.broadcast(None, "word") == "word"
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert distributed.accelerator() is None


def test_without_accelerate_several_are_a_sentence(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(LabError, match="one of 2 processes that train together.*pip install accelerate"):
        distributed.accelerator()


def test_two_processes_make_the_run_of_one(tmp_path):
    pytest.importorskip("accelerate")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    # On GPUs `accelerate launch` starts the same launcher; on a CPU it would start a single process.
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc_per_node",
        "2",
        "--master_addr",
        "127.0.0.1",
        "--master_port",
        port,
        "-m",
        "tests.helpers.distributed_run",
        str(tmp_path / "two"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(repo_root()), "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(command, cwd=repo_root(), env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "8" in done.stdout

    with pytest.MonkeyPatch.context() as patch:
        shorten_checks(patch)
        list(train_generator(two_classes(), tmp_path / "one", **ORDER))
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    apart = max(float((ours[name].float() - theirs[name].float()).abs().max()) for name in theirs)
    # Sums round otherwise in two halves; half a batch alone would leave the weights about 0.01 apart.
    assert apart < 0.005
