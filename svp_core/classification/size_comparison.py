"""The size of record beside the diameter of the outline: how many particles each finds from a size upwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from svp_core.classification.derived_columns import OUTLINE, SIZE, SIZE_RULE
from svp_core.classification.results import ClassificationResults, numeric_column
from svp_core.display import join_names
from svp_core.particle_classes import SIZE_BINS_UM

ECD_UM = "ecd_um"
COMPARED_COLUMNS = (SIZE, SIZE_RULE, ECD_UM)  # of results.csv
_MAX_RULES = 3  # named in a sentence


@dataclass(frozen=True)
class SizeComparison:
    """Particles of at least each size, by the size of record and by the outline."""

    rules: Mapping[str, int]  # rule of the size of record -> particles, the most frequent first
    edges_um: tuple[float, ...]
    by_record: tuple[int, ...]  # particles >= each edge
    by_outline: tuple[int, ...]

    @property
    def sentence(self) -> str:
        """Both counts with their difference, in one line; one of them where nothing but outlines is known."""
        sizes = ", ".join(f"{edge:g}" for edge in self.edges_um)
        record = ", ".join(f"{n:,}" for n in self.by_record)
        if set(self.rules) <= {OUTLINE}:
            return (
                f"At ≥ {sizes} µm: {record} particles by the size of record, which is the outline's ECD: the files "
                "state no diameter of the instrument."
            )
        outline = ", ".join(f"{n:,}" for n in self.by_outline)
        pairs = zip(self.by_outline, self.by_record, strict=True)
        difference = ", ".join(f"{outline - record:+,}".replace("-", "−") for outline, record in pairs)
        return (
            f"At ≥ {sizes} µm: {record} particles by the size of record ({rules_text(self.rules)}); {outline} by the "
            f"outline's ECD ({difference})."
        )


def compare_sizes(
    sizes_um: ArrayLike, rules: Sequence[str | None], ecd_um: ArrayLike, *, edges_um: Sequence[float] = SIZE_BINS_UM
) -> SizeComparison:
    """SizeComparison of particles with these sizes of record (N,), rules (N,) and diameters of the outline (N,)."""
    names, counts = np.unique([rule for rule in rules if isinstance(rule, str)], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return SizeComparison(
        {str(names[k]): int(counts[k]) for k in order},
        tuple(edges_um),
        *(
            tuple(int((np.asarray(values, float) >= edge).sum()) for edge in edges_um)  # NaN is in no bin
            for values in (sizes_um, ecd_um)
        ),
    )


def rules_text(rules: Mapping[str, int]) -> str:
    """The rules of the sizes of record in words, with the number of particles where there are several."""
    if len(rules) == 1:
        return next(iter(rules))
    named = [f"{rule} for {count:,}" for rule, count in list(rules.items())[:_MAX_RULES]]
    rest = sum(list(rules.values())[_MAX_RULES:])
    return join_names([*named, *([f"other rules for {rest:,}"] if rest else [])])


def size_comparison_of(results: ClassificationResults) -> SizeComparison | None:
    """SizeComparison of a whole classification whose table has COMPARED_COLUMNS; None without sizes of record."""
    if not set(COMPARED_COLUMNS) <= set(results.table):
        return None
    sizes = numeric_column(results, SIZE)
    if np.isnan(sizes).all():
        return None
    return compare_sizes(sizes, results.table[SIZE_RULE].tolist(), numeric_column(results, ECD_UM))
