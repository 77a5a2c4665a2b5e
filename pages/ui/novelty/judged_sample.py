"""Results of a search for unusual particles as the page uses them: columns, marks, order, captions."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name
from svp_core.novelty.listing import FALSE_SHARE
from svp_core.novelty.teaching import like_confirmed


@dataclass(frozen=True, eq=False)
class JudgedSample:
    """Results of a search with its table; the columns are those of the particles that could be measured (N,)."""

    results: ClassificationResults
    table: pd.DataFrame  # novelty.csv, rejected items included

    @cached_property
    def judged(self) -> pd.DataFrame:
        """Rows of the particles that could be measured, in the order of the tiles."""
        return pd.DataFrame(self.table[self.table["status"] == "ok"]).reset_index(drop=True)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A column as numbers; NaN where empty."""
        return np.asarray(self.judged[name], float)

    def is_yes(self, name: str) -> NDArray[np.bool_]:
        """Where a column says yes."""
        return np.asarray(self.judged[name] == "yes", bool)

    @cached_property
    def is_taught(self) -> bool:
        """Whether strangers are confirmed."""
        return bool(np.isfinite(self.numbers("taught_p")).any())

    @cached_property
    def alike(self) -> NDArray[np.bool_]:
        """Particles marked as like the confirmed strangers, these included."""
        return like_confirmed(self.numbers("taught_p"), self.numbers("taught_false_share"))

    @property
    def has_rates(self) -> bool:
        """Whether it is known which are surely like the confirmed strangers; of an earlier version it is not."""
        return bool(np.isfinite(self.numbers("taught_false_share")).any())

    @cached_property
    def surely_alike(self) -> NDArray[np.bool_]:
        """The confirmed strangers, and those like them of which at most FALSE_SHARE are expected to be known ones."""
        rates = self.numbers("taught_false_share")
        return self.alike & ((rates <= FALSE_SHARE) | (np.isnan(rates) & self.has_rates))

    @cached_property
    def by_unusual(self) -> NDArray[np.intp]:
        """Positions of the particles, the most unusual first: by p-value, then by score."""
        return np.lexsort(
            (-np.nan_to_num(self.numbers("novelty_score"), nan=-np.inf), _last(self.numbers("novelty_p")))
        )

    @cached_property
    def by_taught(self) -> NDArray[np.intp]:
        """Positions of the particles, the likest to the confirmed strangers first: by taught p, then as by_unusual."""
        place = np.argsort(self.by_unusual)
        return np.lexsort((place, _last(self.numbers("taught_p"))))

    def captions(self, positions: NDArray[np.intp]) -> list[str]:
        """What is written below each particle: p-value or score, the class that it was named, what spoke."""
        return [_caption(row) for row in self.judged.iloc[positions].to_dict("records")]


def _last(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """These p-values; where there is none, larger than any."""
    return np.where(np.isnan(p_values), 2.0, p_values)


def _caption(row: Mapping[Any, Any]) -> str:
    has_p, taught = pd.notna(row["novelty_p"]), row["taught_p"]
    values = [f"taught p {taught:.3f}"] if pd.notna(taught) else []
    values.append(f"p {row['novelty_p']:.3f}" if has_p else f"score {row['novelty_score']:.1f}")
    spoke = [row["spoke"]] if pd.notna(row["spoke"]) else []
    return " · ".join([*values, f"{class_name(row['named'])}?", *spoke])
