"""Generators for the positive control of an audit: a base, one overfitted on 32 tiles, and a fresh one."""

import numpy as np
import torch

from svp_core.generator import training_loop
from svp_core.generator.training_loop import GeneratorTraining, GeneratorTrainingPlan, config_for
from tests.helpers.drawn_tiles import draw_blocks

KEY = "protein"
MEMBERS, FRESH, HELD_OUT = (draw_blocks(count, seed=seed) for count, seed in ((32, 2), (32, 4), (64, 3)))
BASE_IMAGES, TUNED_IMAGES = 2560, 4480


def train_controls(patch):
    """(base, fine-tuned on MEMBERS, fine-tuned on FRESH): generators; without flips and turns, which would protect."""
    patch.setattr(training_loop, "dihedral", lambda tile, which: tile)
    others = draw_blocks(200, seed=1)
    # Folded 8 x 8, so that a training takes seconds.
    config = config_for(others, (KEY,), channels=(64, 64), patch=8)
    base = _train(config, others, BASE_IMAGES, None)
    tuned = [_train(config, tiles, TUNED_IMAGES, base.ema.state_dict()) for tiles in (MEMBERS, FRESH)]
    return tuple(training.generator for training in (base, *tuned))


def _train(config, tiles, images, start):
    plan = GeneratorTrainingPlan(images=images, warmup_steps=10, learning_rate=2e-3, coarse_fraction=0, p_uncond=0)
    training = GeneratorTraining(config, plan, device=torch.device("cpu"), start=start)
    for _ in training.run(tiles, np.zeros(len(tiles), int)):
        pass
    return training
