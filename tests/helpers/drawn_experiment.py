"""A small experiment on drawn particles of known class, and its cells by the cheap networks."""

import numpy as np

from svp_core.experiment.cell import Pool, run_cell
from svp_core.experiment.design import Design, parse_arm
from svp_core.experiment.folds import split_folds
from svp_core.experiment.particles import RealParticles
from svp_core.progress import run_to_end
from tests.helpers.drawn_labels import draw_shapes, embed_blocks

KEYS = ("protein", "silicone_oil", "air_bubble")


def embed_levels(tiles):
    """Features of tiles that no turn, reflection or small shift changes: quantiles of their grey levels, (N, 33)."""
    flat = np.asarray(tiles, np.float32).reshape(len(tiles), -1)
    return np.quantile(flat, np.linspace(0, 1, 33), axis=1).T.astype(np.float32)


def draw_particles(counts=(60, 20, 20), *, seed=0, groups=None):
    """(RealParticles of drawn shapes, their features)."""
    tiles, labels = draw_shapes(counts, seed=seed)
    names = tuple(f"{KEYS[label]}/{row}.png" for row, label in enumerate(labels))
    real = RealParticles(tiles, labels.astype(np.int64), KEYS[: len(counts)], names, groups)
    return real, embed_blocks(tiles)


def run_forest(real, features, arm, seed, *, trees=20, pools=None, minority=KEYS[1:], embed=embed_blocks):
    """CellResult of one arm, by its text."""
    design = Design(arms=("real", arm), networks=("forest",), minority=tuple(minority), trees=trees)
    fold = split_folds(real.labels, real.class_keys, blocks=np.arange(len(real.labels)), groups=real.groups, seed=seed)
    own_pools = {source: Pool(made, embed(made.tiles)) for source, made in (pools or {}).items()}
    steps = run_cell(design, parse_arm(arm), "forest", seed, real=real, features=features, fold=fold, pools=own_pools)
    return run_to_end(steps)
