"""Record denoising trajectories, from pure noise to the finished image: trajectory.npz."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svp_core.display import class_name
from svp_core.files import atomic_write
from svp_core.progress import Progress, Steps
from svp_core.tasks.generation_request import check_classes, check_generation, ready_generator
from svp_core.tasks.request import JobRequest, optional


@dataclass(frozen=True)
class DenoiseRequest(JobRequest):
    """Denoising trajectories of some particles of each class."""

    class_keys: tuple[str, ...]
    count: int  # images per class
    seed: int  # as in GenerateRequest: the same seed gives the same particles there and here
    sampler: str | None = optional()  # key of one of the generator's samplers; None: its default
    weights: str | None = optional()  # name or folder of a generator; None: the shipped one
    steps: int | None = optional()  # denoising steps; None: the sampler's own number

    @property
    def title(self) -> str:
        classes = ", ".join(class_name(key).lower() for key in self.class_keys)
        return f"Denoising of {classes}, seed {self.seed}"

    def check(self) -> None:
        check_generation(self.count, self.seed, self.steps)


def denoise(request: DenoiseRequest, folder: Path) -> Steps:
    """Record how particles form from noise, step by step.

    Writes trajectory.npz: noisy and clean, uint8 (S + 1, N, 64, 64), first axis from pure noise to the finished image;
    sigmas float (S + 1,); seeds int (N,); classes str (N,). The file is rewritten after each finished class.
    """
    request.check()
    generator, sampler, steps = ready_generator(request.weights, request.sampler, request.steps)
    class_keys, count, seed = list(request.class_keys), request.count, request.seed
    check_classes(generator, class_keys)
    from svp_core.generator.sampling import image_seeds, trajectory

    seeds, total = image_seeds(seed, count), len(class_keys) * steps
    noisy, clean = [], []
    yield Progress(0, total, "Starting from noise")
    for position, class_key in enumerate(class_keys):
        path = []
        for state in trajectory(generator, class_key, seeds=seeds, sampler=sampler, steps=steps):
            path.append(state)
            if 0 < state.step < steps:
                yield Progress(position * steps + state.step, total, f"Step {state.step} of {steps}")
        noisy.append(np.stack([state.noisy for state in path]))
        clean.append(np.stack([state.clean for state in path]))
        finished = class_keys[: position + 1]
        atomic_write(
            folder / "trajectory.npz",
            lambda temporary, path=path, finished=finished: np.savez(
                temporary,
                noisy=np.concatenate(noisy, axis=1),
                clean=np.concatenate(clean, axis=1),
                sigmas=np.array([state.sigma for state in path]),
                seeds=np.array(seeds * len(finished), np.int64),
                classes=np.repeat(np.array(finished), count),
            ),
        )
        yield Progress((position + 1) * steps, total, f"Step {steps} of {steps}")
