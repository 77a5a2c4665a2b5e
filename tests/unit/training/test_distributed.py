"""Distributed training: the same model as from one process, and an error message without accelerate."""

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
from tests.helpers.distributed_run import SETTINGS
from tests.helpers.tiny_training import shorten_checks, two_classes


def test_a_single_process_has_no_accelerator(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.create_accelerator() is None
    assert distributed.is_main(None)
    assert distributed.broadcast(None, "value") == "value"
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert distributed.create_accelerator() is None


def test_several_processes_without_accelerate_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(LabError, match="one of 2 processes of a distributed training.*pip install accelerate"):
        distributed.create_accelerator()


def test_two_processes_train_the_same_model_as_one(tmp_path):
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
        list(train_generator(two_classes(), tmp_path / "one", **SETTINGS))
    two, one = (load_file(tmp_path / name / "model.safetensors") for name in ("two", "one"))
    difference = max(float((two[name].float() - one[name].float()).abs().max()) for name in one)
    # Sums round differently in two halves; half a batch alone would change the weights by about 0.01.
    assert difference < 0.005
