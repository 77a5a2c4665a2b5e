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
from svp_core.novelty.calibration import LEVEL
from svp_core.novelty.teaching import TAUGHT_SHARE


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
    def marked(self) -> NDArray[np.bool_]:
        """Particles unlike normal ones, or like the confirmed strangers."""
        return self.is_yes("unlike") | (self.numbers("taught_p") <= TAUGHT_SHARE * LEVEL)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Positions of the particles, the most unusual first: by p-value, taught ones included, then by score."""
        values = np.stack([self.numbers("novelty_p"), self.numbers("taught_p") / TAUGHT_SHARE])
        smallest = np.where(np.isnan(values), 2.0, values).min(0)
        return np.lexsort((-np.nan_to_num(self.numbers("novelty_score"), nan=-np.inf), smallest))

    def captions(self, positions: NDArray[np.intp]) -> list[str]:
        """What is written below each particle: p-value or score, the class that it was named, what spoke."""
        return [_caption(row) for row in self.judged.iloc[positions].to_dict("records")]


def _caption(row: Mapping[Any, Any]) -> str:
    has_p, taught = pd.notna(row["novelty_p"]), row["taught_p"]
    values = [f"p {row['novelty_p']:.3f}" if has_p else f"score {row['novelty_score']:.1f}"]
    if taught <= TAUGHT_SHARE * LEVEL:  # no number is not
        values.append(f"taught {taught:.3f}")
    spoke = [row["spoke"]] if pd.notna(row["spoke"]) else []
    return " · ".join([*values, f"{class_name(row['named'])}?", *spoke])
