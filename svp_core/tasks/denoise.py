"""Record how particles come out of noise: trajectory.npz."""

import numpy as np

from svp_core.files import atomic_write
from svp_core.progress import Progress
from svp_core.tasks.generation_request import check_request, ready_generator


def denoise(config, folder):
    """Record how particles come out of noise, step by step.

    config: class_keys; count (images of each class); seed, sampler, steps, weights as in generate.
    Makes trajectory.npz: noisy and clean, uint8 (S + 1, N, 64, 64), first axis from pure noise to the finished image;
    sigmas float (S + 1,); seeds int (N,); classes str (N,). It is written anew after each finished class.
    """
    generator, sampler, steps = ready_generator(config)
    class_keys, count, seed = config["class_keys"], config["count"], config["seed"]
    check_request(generator, class_keys, count, seed)
    from svp_core.generator.sampling import image_seeds, trajectory

    seeds, total = image_seeds(seed, count), len(class_keys) * steps
    noisy, clean = [], []
    yield Progress(0, total, "Starting from noise")
    for position, class_key in enumerate(class_keys):
        walk = []
        for at in trajectory(generator, class_key, seeds=seeds, sampler=sampler, steps=steps):
            walk.append(at)
            if 0 < at.step < steps:
                yield Progress(position * steps + at.step, total, f"Step {at.step} of {steps}")
        noisy.append(np.stack([at.noisy for at in walk]))
        clean.append(np.stack([at.clean for at in walk]))
        made = class_keys[: position + 1]
        atomic_write(
            folder / "trajectory.npz",
            lambda temporary, walk=walk, made=made: np.savez(
                temporary,
                noisy=np.concatenate(noisy, axis=1),
                clean=np.concatenate(clean, axis=1),
                sigmas=np.array([at.sigma for at in walk]),
                seeds=np.array(seeds * len(made), np.int64),
                classes=np.repeat(np.array(made), count),
            ),
        )
        yield Progress((position + 1) * steps, total, f"Step {steps} of {steps}")
