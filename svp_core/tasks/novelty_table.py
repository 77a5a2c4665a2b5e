"""novelty.csv: one row per item of a source, with its score, p-value, what spoke, and the nearest known particles."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from svp_core.classification.results import NOVELTY_P, ClassificationResults, numeric_column, read_results_folder
from svp_core.classification.strangers import taught_p, taught_rates
from svp_core.errors import LabError
from svp_core.files import write_csv
from svp_core.novelty.calibration import LEVEL, NoveltyCalibration, views_of
from svp_core.novelty.listing import FALSE_SHARE, false_discovery_rates
from svp_core.novelty.nearest_known import SHOWN, nearest_known, part_p_values, parts_that_spoke
from svp_core.novelty.tile_forms import forms_of
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.profiles.conditions import nearest_magnification
from svp_core.tasks.normal_set import NORMAL_FILE
from svp_core.tasks.novelty_verdict import NO_P, judge_run
from svp_core.tasks.stored_features import own_calibration, stored_features, used_calibration
from svp_core.tile_file import read_tiles

TABLE = "novelty.csv"
PART_COLUMNS = ("p_texture", "p_classes", "p_shape")  # p-value by each of score.PARTS alone
RESIDUAL_COLUMNS = ("residual", "residual_p")  # of an autoencoder filter
NEAREST_COLUMNS = tuple(f"nearest_{k + 1}" for k in range(SHOWN))
COLUMNS = (
    *("image", "run", "status", "reason", "named", "novelty_score", "novelty_p", "unlike", "false_share", "listed"),
    *(*PART_COLUMNS, "spoke", *NEAREST_COLUMNS, "taught_p", *RESIDUAL_COLUMNS, "taught_false_share"),
)
_TEXTS = ("image", "run", "status", "reason", "named", "unlike", "listed", "spoke", *NEAREST_COLUMNS)
_CHUNK = 2000  # particles at a time, which bounds the memory


def judge_results(
    results: ClassificationResults, *, normal: Mapping[str, Any] | None, is_clean: bool
) -> dict[str, Any]:
    """judge_run() of stored results."""
    p_values = numeric_column(results, NOVELTY_P) if NOVELTY_P in results.table else np.full(len(results.probs), np.nan)
    return judge_run(p_values, used_calibration(results), normal=normal, summary=results.summary, is_clean=is_clean)


def write_table(
    results: ClassificationResults,
    verdict: Mapping[str, Any],
    path: Path,
    *,
    rebuilt: NDArray[np.floating] | None = None,
) -> Iterator[int]:
    """Write novelty.csv of these results, which hold the column novelty_score; yields the number of finished rows.

    Without p-values (state NO_P of the verdict), their columns are empty and the scores stay. rebuilt: scores and
    p-values of an autoencoder filter, (N, 2).
    """
    has_p = verdict["state"] != NO_P
    p_values = numeric_column(results, NOVELTY_P)
    if not has_p:
        p_values = np.full(len(p_values), np.nan)
        rebuilt = None if rebuilt is None else np.stack([rebuilt[:, 0], p_values], axis=1)
    rates, scores = false_discovery_rates(p_values), numeric_column(results, "novelty_score")
    taught, taught_shares = taught_p(results), taught_rates(results)
    calibration, names = used_calibration(results), _example_names(results)
    rows: dict[int, list[Any]] = {}
    images, runs = results.table["image"].tolist(), results.table["run"].fillna("").tolist()
    named = results.probs.argmax(1)
    for start in range(0, len(named), _CHUNK):
        positions = np.arange(start, min(start + _CHUNK, len(named)))
        parts, spoke, nearest = _details(results, calibration, positions)
        for k, position in enumerate(positions):
            judged = not np.isnan(p_values[position])
            rows[int(results.rows[position])] = [
                *(images[position], runs[position], "ok", "", results.class_keys[named[position]]),
                *(_text(scores[position]), _text(p_values[position])),
                *((_yes(p_values[position] <= LEVEL), _text(rates[position])) if judged else ("", "")),
                _yes(rates[position] <= FALSE_SHARE) if judged else "",
                *(_text(value) if judged else "" for value in parts[k]),
                spoke[k] if np.isfinite(scores[position]) else "",
                *(names[index] for index in nearest[k]),
                "" if taught is None else _text(taught[position]),
                *(("", "") if rebuilt is None else map(_text, rebuilt[position])),
                "" if taught_shares is None else _text(taught_shares[position]),
            ]
        yield len(rows)
    blank = [""] * (len(COLUMNS) - 4)
    taken = set(results.rows.tolist())
    others = [row for row in range(results.offered) if row not in taken]
    for row, (image, reason) in zip(others, results.rejected.itertuples(index=False), strict=True):
        rows[row] = [image, "", "rejected", reason, *blank]
    write_csv(path, [COLUMNS, *(rows[row] for row in sorted(rows))])


def read_table(folder: Path) -> pd.DataFrame:
    """novelty.csv of a job's folder, one row per item in the source's order; texts missing where empty, the rest float.

    Columns taught_p and taught_false_share are those of the strangers confirmed last. Raises LabError where the file is
    missing.
    """
    if not (folder / TABLE).is_file():
        raise LabError("This search for unusual particles holds no table; start it again.")
    table = pd.read_csv(folder / TABLE, dtype=dict.fromkeys(_TEXTS, str), keep_default_na=False, na_values=[""])
    results, ok = read_results_folder(folder), table["status"] == "ok"
    for name, values in (("taught_p", taught_p(results)), ("taught_false_share", taught_rates(results))):
        if values is not None or name not in table:  # of an earlier version
            table.loc[ok, name] = np.nan if values is None else values
    return table


def _details(
    results: ClassificationResults, calibration: NoveltyCalibration, positions: NDArray[np.intp]
) -> tuple[NDArray[np.float64], list[str], NDArray[np.intp]]:
    """(p-values by part (n, 3), what spoke, positions of the nearest known examples (n, SHOWN)) of these particles."""
    features = stored_features(results, calibration)[positions]
    views = views_of(features, results.probs[positions].argmax(1))
    forms = forms_of(np.asarray(read_tiles(results.folder / "tiles.npy")[positions]))
    scale, magnification = results.summary.get("um_per_px"), None
    if scale and calibration.examples.library is not None:
        magnification = list(MAGNIFICATIONS).index(nearest_magnification(scale))
    return (
        part_p_values(calibration, views, forms),
        parts_that_spoke(calibration, views, forms, LEVEL),
        nearest_known(calibration, views, forms, magnification=magnification),
    )


def _example_names(results: ClassificationResults) -> list[str]:
    """A name for each example of the calibration: its image, or class, magnification and row of the library."""
    if own_calibration(results) is not None:
        return json.loads((results.folder / NORMAL_FILE).read_text("utf-8"))["examples"]
    examples = used_calibration(results).examples
    if examples.library is None:
        return [f"simulated {results.class_keys[label]}" for label in examples.named]
    names = list(MAGNIFICATIONS)
    return [
        f"simulated {results.class_keys[label]} {names[place]} #{row}"
        for label, (place, row) in zip(examples.named, examples.library, strict=True)
    ]


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _text(value: float) -> str:
    return f"{value:.4f}" if np.isfinite(value) else ""
