"""How long does an audit take? 200 training and 200 held-out tiles, a generator and a reference of the shipped size.

    python benchmarks/audit_time.py [--tiles 200]

Simulates the tiles as images in two folders, and audits the shipped generator on one core as the command does, contest
tools included; the reference is the same network with weights of its own. Prints seconds of processor time by step.
Exit status 1 where the audit takes more than 3 minutes, or the relation network more than 10.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image

from svp_core.generator import unet
from svp_core.model_files import find_model_folder, save_model
from svp_core.optics import scenes
from svp_core.tasks.audit import AuditRequest, audit

KEYS = ("protein", "silicone_oil", "air_bubble")
RUN_SEEDS = {"training": 2018, "held_out": 2019}
RELATION, CONTEST = "Training the relation network", "Support vectors and clusters"
MOST_S, MOST_RELATION_S = 180, 600


def main():
    """Simulate, audit, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tiles", type=int, default=200, help="of each set")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, run_seed in RUN_SEEDS.items():
            simulate(folder / name, options.tiles, run_seed)
        write_reference(folder / "reference")
        training, held_out, reference = (str(folder / name) for name in (*RUN_SEEDS, "reference"))
        (folder / "out").mkdir()
        request = AuditRequest("generator", training, held_out, reference, contest_tools=True)
        spent = time_steps(audit(request, folder / "out"))
    relation, contest = spent.pop(RELATION, 0.0), spent.pop(CONTEST, 0.0)
    for name, seconds in spent.items():
        print(f"{seconds:7.1f} s  {name}")
    print(f"{sum(spent.values()):7.1f} s  audit of {options.tiles} + {options.tiles} tiles (at most {MOST_S})")
    print(f"{relation:7.1f} s  relation network (at most {MOST_RELATION_S})")
    print(f"{contest:7.1f} s  support vectors, clusters, verdict and report")
    sys.exit(int(sum(spent.values()) > MOST_S or relation > MOST_RELATION_S))


def simulate(folder, count, run_seed):
    """`count` particles of the shipped classes in turn, as PNG in a folder a class."""
    for k in range(count):
        key = KEYS[k % len(KEYS)]
        (folder / key).mkdir(parents=True, exist_ok=True)
        tile = scenes.simulate(key, scenes.particle_seed(run_seed, k)).pixels
        Image.fromarray(tile).save(folder / key / f"{k:04d}.png")


def write_reference(folder):
    """A generator of the shipped size that saw no tile: its weights, with noise added; without a guide."""
    shipped = unet.load_generator(find_model_folder("generator"))
    torch.manual_seed(0)
    tensors = {
        name: tensor + 0.02 * tensor.std() * torch.randn_like(tensor) if tensor.ndim > 1 else tensor
        for name, tensor in shipped.model.state_dict().items()
    }
    config = unet.config_as_dict(replace(shipped.config, guide_channels=()))
    save_model(folder, config=config, tensors=tensors, card="", history=[])


def time_steps(steps):
    """Seconds of processor time by what the progress says; time before a message counts to the one before it."""
    spent, name, start = {}, "Loading", time.process_time()
    for progress in steps:
        now = time.process_time()
        spent[name] = spent.get(name, 0.0) + now - start
        name, start = progress.message.partition(" (")[0] or name, now
    spent[name] = spent.get(name, 0.0) + time.process_time() - start
    return spent


if __name__ == "__main__":
    main()
