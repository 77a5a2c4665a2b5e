"""The real particles of an experiment: tiles, labels, runs, sizes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svp_core.experiment.design import Design, with_minority
from svp_core.experiment.folds import check_enough
from svp_core.experiment.lookalikes import group_lookalikes

MANY_RUNS = 10  # from so many runs on, whole runs are resampled for the intervals instead of particles
MAX_PARTICLES = 30_000  # all pairs are compared; twice as many take four times as long


@dataclass(frozen=True, eq=False)
class RealParticles:
    """Labelled real particles; what an experiment learns from and is tested on."""

    tiles: NDArray[np.uint8]  # (N, 64, 64)
    labels: NDArray[np.int64]  # (N,), positions in class_keys
    class_keys: tuple[str, ...]
    names: tuple[str, ...]
    groups: tuple[str, ...] | None = None  # run or lot of each; None where unknown
    sizes: NDArray[np.float64] | None = None  # diameter of each; nan where nothing was measured
    size_unit: str = "px"  # or "µm"

    def counts(self) -> dict[str, int]:
        """Particles by class key."""
        return {key: int((self.labels == label).sum()) for label, key in enumerate(self.class_keys)}

    def take(self, rows: NDArray[np.integer]) -> "RealParticles":
        """The particles at these positions."""
        return replace(
            self,
            tiles=self.tiles[rows],
            labels=self.labels[rows],
            names=tuple(self.names[row] for row in rows),
            groups=None if self.groups is None else tuple(self.groups[row] for row in rows),
            sizes=None if self.sizes is None else self.sizes[rows],
        )


def take_part(real: RealParticles, design: Design) -> tuple[RealParticles, Design]:
    """(the particles that take part, the design with its minority classes named).

    Of each class at most as many as the design says, drawn at random, always the same ones.
    """
    design, rng, rows = with_minority(design, real.counts()), np.random.default_rng(14), []
    for label, key in enumerate(real.class_keys):
        members = np.flatnonzero(real.labels == label)
        most = design.most_minority if key in design.minority else design.most
        rows.append(members if most is None or len(members) <= most else rng.choice(members, most, replace=False))
    chosen = np.sort(np.concatenate(rows)) if rows else np.zeros(0, np.int64)
    return (real if len(chosen) == len(real.labels) else real.take(chosen)), design


def lookalike_blocks(real: RealParticles) -> NDArray[np.int64]:
    """Number of each particle's block, int (N,): lookalikes share one. Raises LabError for too few particles."""
    unchecked = np.arange(len(real.labels))
    check_enough(real.labels, unchecked, real.class_keys)  # at once, before the search takes its time
    blocks = group_lookalikes(real.tiles)
    check_enough(real.labels, blocks, real.class_keys)
    return blocks


def resampled_blocks(blocks: NDArray[np.integer], groups: Sequence[str] | None) -> NDArray[np.int64]:
    """Blocks that are drawn together for the intervals, int (N,): whole runs where there are MANY_RUNS or more."""
    if groups is not None and len(set(groups)) >= MANY_RUNS:
        return np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
    return np.asarray(blocks, np.int64)
