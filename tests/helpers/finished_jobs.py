"""Job folders of classifications with given probabilities and sizes, without running a classifier."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from svp_core.classification.derived_columns import DERIVED_COLUMNS, OUTLINE
from svp_core.classification.results_csv import INSTRUMENT, ResultsWriter
from svp_core.morphology import MEASURES

KEYS = ("protein", "silicone_oil", "air_bubble")
SIX_KEYS = (*KEYS, "glass_flake", "fibre", "other")
# In the order of SIX_KEYS: particles that six classes name otherwise than these with flakes, fibres and others as one.
FOLDED_PROBS = [
    [0.40, 0.05, 0.05, 0.20, 0.15, 0.15],  # protein by the largest of six, other by the sum of 0.5
    [0.10, 0.05, 0.05, 0.30, 0.50, 0.00],  # fibre, unsure of six; other by 0.8 of four
    [0.95, 0.01, 0.01, 0.01, 0.01, 0.01],
    [0.02, 0.02, 0.91, 0.00, 0.01, 0.04],
]
EXPORTED = (
    "protein",
    "silicone_oil",
    "?",
    "air_bubble",
)  # classes of an exported job's particles, see confident_probs()


@dataclass(frozen=True)
class Batch:
    """Rows for a ResultsWriter."""

    rows: list[dict[str, Any]]


SUMMARY = {
    "title": "FlowCam run day 5",
    "kind": "flowcam",
    "source": "/some/where/day 5",
    "notes": ["Recorded at 10x."],
    "um_per_px": 0.5,
    "um_per_px_from": "cal_const in day 5.lst",
    "weights": "resnet18",
    "choices": {},
    "inputs": {"files": 12, "bytes": 3456, "sha256": "ab" * 32},
    "software": {"numpy": "1.2.3"},
    "counts": {},
}


def run_facts(name="day 5", count=0, **more):
    """A run as summary.json holds it."""
    facts = {
        "name": name,
        "kind": "flowcam",
        "count": count,
        "um_per_px": 0.5,
        "um_per_px_from": "cal_const in day 5.lst",
        "volume_ml": 0.25,
        "volume_from": "settings in day 5.ctx",
        "dilution": 1.0,
        "efficiency": 0.22,
        "instrument": "FlowCam, VisualSpreadsheet 4.19.3",
        "settings": {"Flow cell": "FC100"},
    }
    return facts | more


def make_job(
    folder,
    probs,
    sizes_um,
    *,
    names=None,
    rejected=(),
    runs=None,
    run_of=None,
    instrument=None,
    colour=False,
    keys=KEYS,
    **summary,
):
    """Write the job folder of these particles; returns the tiles, uint8 (N, 64, 64) or (N, 64, 64, 3).

    probs: (N, K) in the order of keys. sizes_um: (N,), None where not measured. rejected: (name, reason), after the
    others. run_of: name of each particle's run. instrument: column -> values (N,). summary: keys of summary.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    probs, rng, count = np.asarray(probs, float).reshape(-1, len(keys)), np.random.default_rng(4), len(sizes_um)
    runs = [run_facts(count=count + len(rejected))] if runs is None else runs
    run_of = run_of or [runs[0]["name"] if runs else ""] * count
    instrument = instrument or {}
    images = names or [f"day 5.lst#{number}" for number in range(1, count + 1)]
    rows = [
        _classified_row(images[k], run_of[k], probs[k], sizes_um[k], keys)
        | {f"{INSTRUMENT}{name}": values[k] for name, values in instrument.items()}
        for k in range(count)
    ]
    first_run = runs[0]["name"] if runs else ""
    rows += [_rejected_row(name, reason, first_run, instrument, keys) for name, reason in rejected]
    shape = (count, 64, 64, 3) if colour else (count, 64, 64)
    tiles = rng.integers(40, 220, shape, dtype=np.uint8)  # without levels that drawn marks have
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        ResultsWriter(file, keys, tuple(instrument)).write(Batch(rows))
    np.save(folder / "tiles.npy", tiles[..., 0] if colour else tiles)
    if colour:
        np.save(folder / "colour.npy", tiles)
    defaults = SUMMARY | {"runs": runs, "offered": len(rows), "named": count, "rejected": len(rejected)}
    (folder / "summary.json").write_text(json.dumps(defaults | summary), "utf-8")
    return tiles


def _classified_row(image, run, probs, size_um, keys):
    measured = {
        "ecd_um": size_um,
        "ecd_px": None if size_um is None else size_um / 0.5,
        "circularity": 0.2 + 0.7 * probs.max(),
        "size_um": size_um,
        "size_rule": None if size_um is None else OUTLINE,
    }
    return {
        **dict.fromkeys((*MEASURES, *DERIVED_COLUMNS, "given")),
        **{f"p_{key}": p for key, p in zip(keys, probs, strict=True)},
        **measured,
        "image": image,
        "label": keys[probs.argmax()],
        "confidence": probs.max(),
        "um_per_px": 0.5,
        "run": run,
        "status": "ok",
        "reason": "",
    }


def _rejected_row(name, reason, run, instrument, keys):
    empty = (*MEASURES, *DERIVED_COLUMNS, "given", "label", "confidence", "um_per_px", *(f"p_{key}" for key in keys))
    return {
        **dict.fromkeys((*empty, *(f"{INSTRUMENT}{column}" for column in instrument))),
        "image": name,
        "reason": reason,
        "status": "rejected",
        "run": run,
    }


def confident_probs(*labels, of=0.95):
    """Probabilities (N, 3): `of` for each label's class, the rest shared equally; "?" is unsure, oil slightly ahead."""
    rows = []
    for label in labels:
        if label == "?":
            rows.append([0.3, 0.4, 0.3])
        else:
            rows.append([of if key == label else (1 - of) / 2 for key in KEYS])
    return np.array(rows)
