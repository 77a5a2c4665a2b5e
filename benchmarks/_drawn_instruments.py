"""Particles of whole instruments drawn from the simulator's usual law, kept in a folder from run to run.

One file per instrument, written when its last particle is simulated: an interrupted run goes on with the next
instrument, and several runs with the same folder share the work.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import MAGNIFICATIONS, sample_instrument
from svp_core.reference_library.library import LEVELS


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


def pool(folder, entropy, magnification, number, per_kind):
    """Pool of this instrument, from the folder or simulated now.

    entropy: of the set of instruments; sets share no instrument and no particle. per_kind: kind -> particles.
    """
    path = Path(folder) / f"{entropy}_{magnification}_{number:03}.npz"
    if path.is_file():
        with np.load(path, allow_pickle=False) as stored:
            truth = json.loads(str(stored["truth"]))
            if all(sum(one["kind"] == kind for one in truth) >= n for kind, n in per_kind.items()):
                return Pool(magnification, number, stored["tiles"], stored["images"], truth)
    position = list(MAGNIFICATIONS).index(magnification)
    instrument = sample_instrument(np.random.default_rng([entropy, position, number]), magnification)
    particles = [
        scenes.simulate(
            kind, scenes.particle_seed(entropy, 10_000 * number + 1000 * position + k), instrument=instrument
        )
        for kind, n in per_kind.items()
        for k in range(n)
    ]
    tiles = np.stack([particle.pixels for particle in particles])
    images = np.stack([np.round(np.clip(particle.image * LEVELS, 0, 65535)) for particle in particles])
    truth = [particle.truth for particle in particles]
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    np.savez(temporary, tiles=tiles, images=images.astype(np.uint16), truth=json.dumps(truth))
    temporary.rename(path)
    return Pool(magnification, number, tiles, images.astype(np.uint16), truth)
