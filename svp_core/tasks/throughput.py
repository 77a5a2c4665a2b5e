"""Throughput of generators on this machine: calibrated once per kind of network, then stored in the workspace."""

import json
import platform
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svp_core.files import write_json
from svp_core.workspace.jobs import threads
from svp_core.workspace.paths import workspace_root

if TYPE_CHECKING:
    from svp_core.generator.throughput import Throughput


def throughput_here(generator: Any) -> "Throughput":
    """How one of our own generators makes many images fastest on this machine; measured where it is not yet known."""
    from svp_core.generator.throughput import Throughput, calibrate

    path, key = workspace_root() / "pace.json", _key(generator)
    known = _read(path)
    if key not in known:
        known[key] = asdict(calibrate(generator, most_threads=_threads()))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
    return Throughput(**known[key])


def _threads() -> int:
    """Threads that this process may use: a job's share of the cores, and what is left of it beside the other lane."""
    import torch

    return min(torch.get_num_threads(), threads())


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _key(generator: Any) -> str:
    """What the throughput depends on: processor, threads, torch, and how much the network computes."""
    import torch

    device, config = generator.device, generator.config
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    size = f"{'-'.join(map(str, config.channels))} x {config.layers} at {config.tile_px // config.patch} px"
    return f"{name}, {_threads()} threads, torch {torch.__version__}, {size}"
