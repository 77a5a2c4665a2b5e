"""From predictions to figures: every arm with its intervals, and its differences to the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from svp_core.experiment.design import Design, parse_arm
from svp_core.experiment.figures import (
    Floats,
    Predictions,
    as_prevalence,
    figures_of,
    recall_by_size,
    weights_at,
)
from svp_core.experiment.intervals import estimate_effect, holm, multiplicities
from svp_core.experiment.rare_calls import draw_figures
from svp_core.stats.intervals import Estimate

OWN, STATED = "sample", "stated"  # at which prevalence a figure is given
ALPHA = 0.05  # of differences that are claimed
CellKey = tuple[str, str, int]  # network, key of the arm, seed


@dataclass(frozen=True)
class Figure:
    """One figure of one arm."""

    network: str
    arm: str  # key
    figure: str  # "macro_precision", "recall.silicone_oil", ...
    prevalence: str  # OWN or STATED
    value: Estimate
    difference: Estimate | None  # arm minus baseline, paired; None for the baseline itself
    p: float  # of the difference, two-sided; nan where none is computed
    p_holm: float  # adjusted for all arms and networks that this figure is looked at for

    @property
    def is_different(self) -> bool:
        """Whether the difference is claimed: after Holm's correction, and by its interval."""
        d = self.difference
        return d is not None and self.p_holm < ALPHA and (d.low > 0 or d.high < 0)


def compare_arms(
    design: Design,
    class_keys: Sequence[str],
    cells: Mapping[CellKey, Predictions],
    *,
    blocks: NDArray[np.integer],  # (N,), of all real particles: drawn together in a resample
    prevalence: Mapping[str, float],
    sizes: Floats | None = None,  # (N,), of all real particles
    size_edges: Sequence[float] = (),
    seed: int = 0,
) -> list[Figure]:
    """Every figure of every arm that has all its cells, network after network, arms in the design's order."""
    counts = multiplicities(blocks, seed=seed)
    majority = _majority(cells, class_keys)
    stated = as_prevalence(prevalence, class_keys)
    figures: list[Figure] = []
    for network in design.networks:
        values: dict[str, dict[tuple[str, str], Floats]] = {}
        draws: dict[str, dict[str, dict[str, Floats]]] = {}
        tested: dict[str, int] = {}
        for arm in [arm.key for arm in design.parsed()]:
            predicted = [cells.get((network, arm, number)) for number in range(design.seeds)]
            own = [one for one in predicted if one is not None]
            if len(own) < design.seeds:
                continue
            values[arm] = _values(own, class_keys, counts, stated, majority, sizes, size_edges)
            draws[arm] = {
                name: draw_figures(own, class_keys, shares, seed=seed)
                for name, shares in ((OWN, None), (STATED, stated))
            }
            tested[arm] = len(np.unique(np.concatenate([one.particles for one in own])))
        for arm in values:
            baseline = design.baseline_of(parse_arm(arm))
            for name in values[arm]:
                figures.append(_figure(network, arm, baseline and baseline.key, name, values, draws, tested[arm]))
    return _with_holm(figures)


def mended_and_made(
    baseline: Sequence[Predictions], arm: Sequence[Predictions]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(particles that the baseline gets wrong and the arm right, the other way round), positions, most often first.

    Both by seed, in the same order; a particle may be tested in several seeds.
    """
    changes: dict[int, int] = {}
    for before, after in zip(baseline, arm, strict=True):
        right_before, right_after = (one.probs.argmax(1) == one.labels for one in (before, after))
        for particle, change in zip(before.particles, right_after.astype(int) - right_before, strict=True):
            changes[int(particle)] = changes.get(int(particle), 0) + int(change)
    ordered = sorted(changes, key=lambda particle: (-abs(changes[particle]), particle))
    mended, made = ([p for p in ordered if sign * changes[p] > 0] for sign in (1, -1))
    return np.array(mended, np.int64), np.array(made, np.int64)


def _values(predicted, class_keys, counts, stated, majority, sizes, edges):
    """(figure, prevalence) -> float (1 + B, seeds)."""
    columns: dict[tuple[str, str], list[Floats]] = {}
    for one in predicted:
        weights = counts[:, one.particles]
        named = {OWN: weights, STATED: weights_at(stated, one.labels, weights)}
        for prevalence, part in named.items():
            for name, value in figures_of(one, class_keys, part, majority=majority).items():
                columns.setdefault((name, prevalence), []).append(value)
        if sizes is not None and len(edges):
            for name, value in recall_by_size(one, class_keys, weights, sizes=sizes, edges=edges).items():
                columns.setdefault((name, OWN), []).append(value)
    return {name: np.stack(parts, axis=1) for name, parts in columns.items()}


def _figure(network, arm, baseline, name, values, draws, n):
    own, (figure, prevalence) = values[arm][name], name
    estimate = estimate_effect(own, n=n, bounds=(0, 1)).estimate
    rare = draws[arm][prevalence].get(figure)
    # Resamples of particles without an error have none either; and precision of a rare class hangs on few calls.
    is_open = prevalence == STATED and "precision" in figure
    if rare is not None and (is_open or estimate.low == estimate.high):
        estimate = _widened(estimate, rare)
    if baseline not in values:
        return Figure(network, arm, figure, prevalence, estimate, None, np.nan, np.nan)
    effect = estimate_effect(own - values[baseline][name], n=n, bounds=(-1, 1))
    difference = effect.estimate
    if rare is not None and (is_open or difference.low == difference.high):
        difference = _widened(difference, rare - draws[baseline][prevalence][figure][::-1])
    p = effect.p if prevalence == OWN else np.nan
    return Figure(network, arm, figure, prevalence, estimate, difference, p, np.nan)


def _widened(estimate: Estimate, draws: Floats) -> Estimate:
    low, high = np.nanquantile(draws, (0.025, 0.975)) if not np.isnan(draws).all() else (np.nan, np.nan)
    return Estimate(estimate.value, float(np.fmin(estimate.low, low)), float(np.fmax(estimate.high, high)), estimate.n)


def _with_holm(figures: list[Figure]) -> list[Figure]:
    """The figures with p-values adjusted over arms and networks, each figure by itself."""
    adjusted = dict[int, float]()
    for name in dict.fromkeys((one.figure, one.prevalence) for one in figures):
        rows = [index for index, one in enumerate(figures) if (one.figure, one.prevalence) == name]
        adjusted |= dict(zip(rows, holm([figures[index].p for index in rows]), strict=True))
    return [
        Figure(f.network, f.arm, f.figure, f.prevalence, f.value, f.difference, f.p, adjusted[index])
        for index, f in enumerate(figures)
    ]


def _majority(cells, class_keys):
    total = np.zeros(len(class_keys))
    for predictions in cells.values():
        total += np.bincount(predictions.labels, minlength=len(class_keys))
    return int(total.argmax())
