"""A training of two classes that takes seconds: tiles, settings, checks of few images."""

import numpy as np

from svp_core.audit import two_sample
from svp_core.datasets.labelled_tiles import LabelledTiles
from svp_core.generator.training_loop import GeneratorTrainingPlan
from svp_core.training import audit_checkpoint, checks, generator
from tests.helpers.drawn_tiles import draw_blocks

STEPS = 8
SMALL = {
    "plan": GeneratorTrainingPlan(images=4 * STEPS, batch=4, warmup_steps=2),
    "choices": {"channels": (16, 32), "dropout": 0.1},
    "checks": 2,
    "check_images": 8,
    "note": "Drawn blocks.",
}


def two_classes():
    """60 dark protein and 60 bright fat droplet tiles."""
    tiles = np.concatenate([draw_blocks(60, seed=0), draw_blocks(60, seed=1, level=220)])
    names = tuple(f"{k}.png" for k in range(120))
    return LabelledTiles(tiles, np.repeat([0, 1], 60), ("protein", "fat_droplet"), names, (("x.txt", "no image"),))


def shorten_checks(patch):
    """Checks of few images, generated in few steps."""
    patch.setattr(checks, "CALLS", 2)
    patch.setattr(checks, "MAX_JUDGED", 8)
    patch.setattr(checks, "MAX_COMPARED", {"held_out": 12, "training": 20})
    patch.setattr(generator, "AUDITED", {"cpu": 6, "cuda": 6})
    patch.setattr(audit_checkpoint, "find_training_reference", lambda description: (None, ""))
    patch.setattr(two_sample, "MIN_STEPS", 2)
    patch.setattr(two_sample, "PASSES", 0)
    patch.setattr(generator, "MADE_AT_CHECK", {"cpu": (8, 8, 8), "cuda": (8, 8, 8)})
