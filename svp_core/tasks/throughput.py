"""The pace of this machine: calibrated once for a kind of network, then remembered in the workspace."""

import json
import platform
from dataclasses import asdict

from svp_core.files import write_json
from svp_core.workspace.jobs import threads
from svp_core.workspace.paths import workspace_root


def throughput_here(generator):
    """Pace at which one of our generators makes many images on this machine; measured where it is not yet known."""
    from svp_core.generator.throughput import Throughput, calibrate

    path, key = workspace_root() / "pace.json", _key(generator)
    known = _read(path)
    if key not in known:
        known[key] = asdict(calibrate(generator, most_threads=threads()))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, known)
    return Throughput(**known[key])


def _read(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def _key(generator):
    """What the pace depends on: processor, threads, torch, and how much the network computes."""
    import torch

    device, config = generator.device, generator.config
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    size = f"{'-'.join(map(str, config.channels))} x {config.layers} at {config.tile_px // config.patch} px"
    return f"{name}, {threads()} threads, torch {torch.__version__}, {size}"
