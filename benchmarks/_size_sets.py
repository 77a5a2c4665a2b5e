"""Simulated particles of known diameter for benchmarks/size_correction.py, measured as classify measures them.

A set is a file ROLE_NAME.npz with tiles, uint8 (N, 64, 64), and truth, JSON, of one kind or of one instrument. Roles:
`fit`, particles that each have an instrument of their own; `calibrate` and `judge`, whole instruments drawn afresh.
"""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from svp_core.morphology import measure, segment
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import LAWS, MAGNIFICATIONS, sample_instrument

FIT_SEED, CALIBRATE_SEED, JUDGE_SEED = 12_002, 12_004, 12_001  # runs of the simulator that nothing else uses
FIT_LAWS = ("usual", "soft", "other")
INSTRUMENTS, EACH = 8, 12  # per magnification; particles of each kind
FIT_CROPPED = 0.5  # share of the particles to fit on that are measured on a crop, too
MARGINS_PX = (5, 20)  # around the outline, of a crop as instruments cut it


@dataclass(frozen=True)
class Measured:
    """One particle as measured on one image of it."""

    role: str
    instrument: str  # name of its set
    kind: str
    diameter_um: float  # true
    um_per_px: float
    cut: bool  # larger than the tile
    measures: Mapping[str, Any]
    tile: np.ndarray  # (64, 64)
    cropped: bool  # whether measured on a crop of the tile around the particle


def simulate_missing(folder: Path, count: int) -> None:
    """Simulate the sets that the folder lacks. count: particles of each kind and law to fit on."""
    folder.mkdir(parents=True, exist_ok=True)
    waiting = [name for name in _set_names() if not (folder / f"{name}.npz").is_file()]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_simulate_set, waiting, [folder] * len(waiting), [count] * len(waiting)))


def read_measured(folder: Path, *, margin_seed: int = 0) -> Iterator[Measured]:
    """Measure every particle of the folder's sets: on its tile, and on a crop of it; those without an outline not."""
    rng = np.random.default_rng(margin_seed)
    for path in sorted(folder.glob("*_*.npz")):
        with np.load(path) as file:
            tiles, truths = file["tiles"], json.loads(str(file["truth"]))
        for tile, truth in zip(tiles, truths, strict=True):
            about = (path.stem.partition("_")[0], path.stem, truth["kind"], truth["diameter_um"], truth["um_per_px"])
            for cropped in (False, True) if about[0] != "fit" or rng.random() < FIT_CROPPED else (False,):
                image = _cropped(tile, int(rng.integers(*MARGINS_PX))) if cropped else tile
                values = measure(image)
                if values["ecd_px"] is not None:
                    yield Measured(*about, bool(truth["oversized"]), values, tile, cropped)


def _cropped(tile: np.ndarray, margin: int) -> np.ndarray:
    """The part of a tile around its particle, as an instrument cuts it."""
    rows, columns = (np.flatnonzero(segment(tile).any(axis)) for axis in (1, 0))
    if not len(rows):
        return tile
    top, left = max(0, rows[0] - margin), max(0, columns[0] - margin)
    return np.ascontiguousarray(tile[top : rows[-1] + 1 + margin, left : columns[-1] + 1 + margin])


def _set_names() -> list[str]:
    fit = [f"fit_{law}_{kind}" for law in FIT_LAWS for kind in scenes.KINDS]
    places = [f"{magnification}_{number}" for number in range(INSTRUMENTS) for magnification in MAGNIFICATIONS]
    return [*fit, *(f"{role}_{place}" for role in ("calibrate", "judge") for place in places)]


def _simulate_set(name: str, folder: Path, count: int) -> None:
    role, *rest = name.split("_", 2)
    if role == "fit":
        law, kind = rest
        seeds = (scenes.particle_seed(FIT_SEED + list(LAWS).index(law) * 10, k) for k in range(count))
        particles = [scenes.simulate(kind, seed, law=LAWS[law]) for seed in seeds]
    else:
        magnification, number = rest[0], int(rest[1])
        run, place = JUDGE_SEED if role == "judge" else CALIBRATE_SEED, list(MAGNIFICATIONS).index(magnification)
        viewing = sample_instrument(np.random.default_rng([run, place, number]), magnification)
        first = number * 10_000 + place * 1_000
        seeds = [scenes.particle_seed(run, first + k) for k in range(EACH)]
        particles = [scenes.simulate(kind, seed, instrument=viewing) for kind in scenes.KINDS for seed in seeds]
    np.savez(
        folder / f"{name}.npz",
        tiles=np.stack([particle.pixels for particle in particles]),
        truth=json.dumps([particle.truth for particle in particles]),
    )
