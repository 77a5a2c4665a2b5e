"""How often a classifier is right on simulated instruments drawn afresh: drawn_instruments.json in its model folder.

benchmarks/accuracy_by_magnification.py measures and writes it; a lab's own classifier has none.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from svp_core.errors import LabError
from svp_core.files import write_json

FILE = "drawn_instruments.json"


@dataclass(frozen=True)
class ExpectedAccuracy:
    """Share of particles classified correctly on the instruments of one magnification, every class equally frequent."""

    magnification: str  # such as "20x"
    value: float  # 0..1
    low: float  # 95 % interval, resampled by instrument
    high: float
    instruments: int
    particles: int


def write_expected_accuracy(folder: Path, rows: Sequence[ExpectedAccuracy]) -> None:
    """Write the figures of all magnifications into a model folder."""
    write_json(folder / FILE, [asdict(row) for row in rows])


def read_expected_accuracy(folder: Path) -> list[ExpectedAccuracy]:
    """Figures by magnification, in the order written; [] where the model has none. Raises LabError if damaged."""
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        return [ExpectedAccuracy(**row) for row in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise LabError(
            f"{folder.name}/{FILE} is damaged ({error}); run benchmarks/accuracy_by_magnification.py --write again."
        ) from None
