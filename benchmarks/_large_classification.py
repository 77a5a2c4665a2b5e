"""A classification of any number of particles, fabricated for benchmarks: results.csv, tiles.npy, summary.json."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from svp_core.classification.results_csv import columns, read_results
from svp_core.files import write_json

ROOT = Path(__file__).resolve().parents[1]
KEYS = ("protein", "silicone_oil", "air_bubble")
CHUNK = 100_000  # rows at once; also of a run
_EXACT = ("confidence", "um_per_px", *(f"p_{key}" for key in KEYS))


def write_classification(folder: Path, count: int, *, instrument: int = 130) -> None:
    """Write a classification of `count` particles, about half of them with low confidence, into a job's folder.

    Measures are those of the sample particles with 5 % of noise; tiles are theirs, repeated. instrument: number of
    columns of the instrument.
    """
    sample, rng = read_results(ROOT / "sample_data" / "results.csv"), np.random.default_rng(0)
    names, counts, writer = columns(KEYS, [f"Column {number}" for number in range(instrument)]), {}, None
    for start in range(0, count, CHUNK):
        table = _rows(sample, rng, start, min(CHUNK, count - start), instrument)[names]
        for key in KEYS:
            counts[key] = counts.get(key, 0) + int((np.asarray(table["label"]) == key).sum())
        rows = pa.Table.from_pandas(table, preserve_index=False)
        if writer is None:
            options = arrow_csv.WriteOptions(quoting_style="none")
            writer = arrow_csv.CSVWriter(str(folder / "results.csv"), rows.schema, write_options=options)
        writer.write_table(rows)
    if writer is not None:
        writer.close()
    write_tiles(folder / "tiles.npy", count)
    write_json(folder / "summary.json", _summary(count, counts))


def write_tiles(path: Path, count: int) -> None:
    """Write `count` tiles, those of the sample particles repeated."""
    tiles = np.load(ROOT / "sample_data" / "tiles.npy", mmap_mode="r")
    stored = np.lib.format.open_memmap(path, "w+", np.uint8, (count, *tiles.shape[1:]))
    for start in range(0, count, len(tiles)):
        stored[start : start + len(tiles)] = tiles[: count - start]
    stored.flush()


def _rows(sample: pd.DataFrame, rng: np.random.Generator, start: int, count: int, instrument: int) -> pd.DataFrame:
    positions = np.arange(start, start + count)
    table = pd.DataFrame(sample.iloc[positions % len(sample)]).reset_index(drop=True)
    for name in table.columns:
        if table[name].dtype.kind == "f" and name not in _EXACT:
            table[name] = (table[name] * rng.normal(1, 0.05, count)).round(4)
    probs = rng.dirichlet((0.3, 0.1, 0.1), count).round(4)
    table[[f"p_{key}" for key in KEYS]] = probs
    table["label"], table["confidence"] = np.array(KEYS)[probs.argmax(1)], probs.max(1)
    table["image"] = [f"run {start // CHUNK + 1}.lst#{number + 1}" for number in positions]
    table["run"], table["um_per_px"], table["given"] = f"run {start // CHUNK + 1}", 0.5, None
    own = rng.gamma(2, 9, (count, instrument)).round(4)
    extra = pd.DataFrame(own, columns=[f"instrument.Column {number}" for number in range(instrument)])
    return pd.concat([table, extra], axis=1)


def _summary(count: int, counts: dict[str, int]) -> dict[str, Any]:
    runs = [
        {
            "name": f"run {start // CHUNK + 1}",
            "kind": "flowcam",
            "count": min(CHUNK, count - start),
            "um_per_px": 0.5,
            "um_per_px_from": "cal_const",
            "volume_ml": 0.2,
            "volume_from": "run.ctx",
            "settings": {},
        }
        for start in range(0, count, CHUNK)
    ]
    return {
        "title": f"{count:,} particles",
        "kind": "flowcam",
        "source": f"/data/{count}",
        "notes": [],
        "um_per_px": 0.5,
        "um_per_px_from": "run.ctx",
        "weights": "resnet18",
        "offered": count,
        "named": count,
        "rejected": 0,
        "counts": counts,
        "runs": runs,
    }
