"""Same results on a GPU as on the CPU, where there is a GPU."""

import numpy as np
import pytest
import torch

from svp_core.classifier.resnet import load_classifier, predict_probs
from svp_core.generator import sampling, throughput, training_loop, unet
from svp_core.model_files import find_model_folder
from tests.helpers.drawn_tiles import draw_blocks

CPU, GPU = torch.device("cpu"), torch.device("cuda")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")


def sampled(device):
    generator = unet.load_generator(find_model_folder("generator"), device=device)
    batches = sampling.sample_tiles(generator, "air_bubble", seeds=sampling.image_seeds(0, 12), sampler="standard")
    return np.concatenate([tiles for _, tiles in batches]).astype(int)


def test_a_seed_gives_the_same_particle_on_a_gpu():
    difference = np.abs(sampled(GPU) - sampled(CPU))
    # bfloat16 rounds differently there, and an image between two kinds of particle may become the other kind.
    assert np.median(difference.mean((1, 2))) < 3


def test_a_seed_gives_the_same_image_in_any_batch_on_a_gpu():
    generator = unet.load_generator(find_model_folder("generator"), device=GPU)
    seeds = sampling.image_seeds(1, 5)
    alone, together = (
        np.concatenate(
            [tiles for _, tiles in sampling.sample_tiles(generator, "protein", seeds=batch, sampler="preview")]
        )
        for batch in (seeds[3:4], seeds)
    )
    assert np.array_equal(alone[0], together[3])
    assert throughput.calibrate(generator, most_threads=1).call_size in throughput.SIZES["cuda"]


def test_a_classifier_gives_the_same_probabilities_on_a_gpu():
    tiles = draw_blocks(40, seed=0)
    on_cpu, on_gpu = (
        predict_probs(load_classifier(find_model_folder("resnet18"), device=device), tiles) for device in (CPU, GPU)
    )
    assert np.abs(on_cpu - on_gpu).max() < 0.05


def test_a_generator_learns_on_a_gpu():
    tiles = draw_blocks(40, seed=0)
    config = training_loop.config_for(tiles, ("fat_droplet",), channels=(16, 32))
    plan = training_loop.GeneratorTrainingPlan(images=64, batch=16, warmup_steps=1)
    training = training_loop.GeneratorTraining(config, plan, device=GPU)
    losses = [progress.loss or np.nan for progress in training.run(tiles, np.zeros(40, int))]
    assert len(losses) == 4
    assert np.isfinite(losses).all()
