"""Particles of whole instruments drawn from the simulator's usual law, kept in a folder from run to run.

One file per instrument, written when its last particle is simulated: an interrupted run goes on with the next
instrument, and several runs with the same folder share the work.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import LAWS, MAGNIFICATIONS, sample_instrument
from svp_core.reference_library.library import LEVELS

MOST = 500  # particles of a kind and law on each instrument: the seeds set aside for them
KINDS_OF = {"other": ("opaque", "cell")}  # class -> kinds that the simulator draws; of other classes, the kind itself


def class_of(kind):
    """Key of the class that a kind of the simulator belongs to."""
    return next((key for key, kinds in KINDS_OF.items() if kind in kinds), kind)


def add_particles_folder(parser):
    """The option --particles: where simulated particles are kept, so that further runs need not simulate them."""
    folder = Path(tempfile.gettempdir()) / "svp_drawn_instruments"
    parser.add_argument("--particles", type=Path, default=folder, help=f"folder to keep them in (default: {folder})")


@dataclass(frozen=True)
class Pool:
    """Particles of one instrument."""

    magnification: str
    number: int
    tiles: Any  # uint8 (N, 64, 64)
    images: Any  # uint16 (N, 64, 64): without noise, LEVELS is the background's
    truth: list[dict[str, Any]]

    @property
    def kinds(self):
        """Kind of each particle, (N,)."""
        return np.array([one["kind"] for one in self.truth], object)


def pool(folder, entropy, magnification, number, per_kind, *, small=False):
    """Pool of this instrument with these numbers of particles, from the folder or simulated now.

    entropy: of the set of instruments; sets share no instrument and no particle. per_kind: kind -> particles, up to
    MOST. small: particles of the law "small" instead of the usual one, on the same instrument. A stored pool with fewer
    is added to; of one with more, the first ones are returned.
    """
    if max(per_kind.values()) > MOST:
        raise ValueError(f"{max(per_kind.values())} particles of a kind were asked for; an instrument has {MOST}.")
    law = "small" if small else "usual"
    path = Path(folder) / f"{entropy}_{magnification}_{number:03}{'_small' if small else ''}.npz"
    tiles, images, truth = _read(path)
    position = list(MAGNIFICATIONS).index(magnification)
    instrument = sample_instrument(np.random.default_rng([entropy, position, number]), magnification)
    first = scenes.particle_seed(entropy, 10_000 * number + 1000 * position + (MOST if small else 0))
    before = len(truth)
    for kind, count in per_kind.items():
        stored = sum(one["kind"] == kind for one in truth[:before])
        for seed in range(first + stored, first + count):
            particle = scenes.simulate(kind, seed, law=LAWS[law], instrument=instrument)
            tiles.append(particle.pixels)
            images.append(np.round(np.clip(particle.image * LEVELS, 0, 65535)).astype(np.uint16))
            truth.append(particle.truth)
    if len(truth) > before:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{uuid4().hex}.npz")
        np.savez(temporary, tiles=np.stack(tiles), images=np.stack(images), truth=json.dumps(truth))
        temporary.rename(path)
    chosen = [k for k, one in enumerate(truth) if one["seed"] - first < per_kind.get(one["kind"], 0)]
    return Pool(
        magnification,
        number,
        np.stack([tiles[k] for k in chosen]),
        np.stack([images[k] for k in chosen]),
        [truth[k] for k in chosen],
    )


def joined(pools):
    """The particles of several pools of one instrument as one pool."""
    first = pools[0]
    truth = [one for each in pools for one in each.truth]
    tiles, images = (np.concatenate([getattr(each, name) for each in pools]) for name in ("tiles", "images"))
    return Pool(first.magnification, first.number, tiles, images, truth)


def _read(path):
    """(tiles, images, truth) of a stored pool, lists; empty ones where there is none."""
    if not path.is_file():
        return [], [], []
    with np.load(path, allow_pickle=False) as stored:
        return list(stored["tiles"]), list(stored["images"]), json.loads(str(stored["truth"]))
