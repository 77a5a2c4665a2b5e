"""Job folders of classifications that nobody classified: what was named how, and how large it is, is given."""

import json
from types import SimpleNamespace

import numpy as np

from svp_core.classification.results_csv import INSTRUMENT, ResultsWriter
from svp_core.morphology import MEASURES

KEYS = ("protein", "silicone_oil", "air_bubble")
EXPORTED = ("protein", "silicone_oil", "?", "air_bubble")  # classes of the particles that are exported, see sure()


def run_facts(name="day 5", count=0, **more):
    """A run as summary.json holds it."""
    known = {
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
    return known | more


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
    **summary,
):
    """Write the job folder of these particles; returns the tiles, uint8 (N, 64, 64) or (N, 64, 64, 3).

    probs: (N, 3) in the order of KEYS. sizes_um: (N,), None where not measured. rejected: (name, reason), after the
    others. run_of: name of each particle's run. instrument: column -> values (N,).
    """
    folder.mkdir(parents=True, exist_ok=True)
    probs, rng, count = np.asarray(probs, float).reshape(-1, 3), np.random.default_rng(4), len(sizes_um)
    runs = [run_facts(count=count + len(rejected))] if runs is None else runs
    run_of = run_of or [runs[0]["name"] if runs else ""] * count
    instrument = instrument or {}
    rows = []
    for at in range(count):
        row = dict.fromkeys((*MEASURES, "given")) | {f"p_{key}": p for key, p in zip(KEYS, probs[at], strict=True)}
        size = sizes_um[at]
        row |= {
            "ecd_um": size,
            "ecd_px": None if size is None else size / 0.5,
            "circularity": 0.2 + 0.7 * probs[at].max(),
        }
        row |= {"image": names[at] if names else f"day 5.lst#{at + 1}", "label": KEYS[probs[at].argmax()]}
        row |= {"confidence": probs[at].max(), "um_per_px": 0.5, "run": run_of[at], "status": "ok", "reason": ""}
        rows.append(row | {f"{INSTRUMENT}{name}": values[at] for name, values in instrument.items()})
    for name, reason in rejected:
        nothing = dict.fromkeys((*MEASURES, "given", "label", "confidence", "um_per_px", *(f"p_{key}" for key in KEYS)))
        nothing |= {"image": name, "reason": reason, "status": "rejected", "run": runs[0]["name"] if runs else ""}
        rows.append(nothing | {f"{INSTRUMENT}{column}": None for column in instrument})
    shape = (count, 64, 64, 3) if colour else (count, 64, 64)
    tiles = rng.integers(0, 256, shape, dtype=np.uint8)
    with (folder / "results.csv").open("w", encoding="utf-8", newline="") as file:
        ResultsWriter(file, KEYS, tuple(instrument)).write(SimpleNamespace(rows=rows))
    np.save(folder / "tiles.npy", tiles[..., 0] if colour else tiles)
    if colour:
        np.save(folder / "colour.npy", tiles)
    known = {
        "title": "FlowCam run day 5",
        "kind": "flowcam",
        "source": "/some/where/day 5",
        "notes": ["Recorded at 10x."],
        "um_per_px": 0.5,
        "um_per_px_from": "cal_const in day 5.lst",
        "weights": "resnet18",
        "runs": runs,
        "choices": {},
        "inputs": {"files": 12, "bytes": 3456, "sha256": "ab" * 32},
        "software": {"numpy": "1.2.3"},
        "offered": len(rows),
        "named": count,
        "rejected": len(rejected),
        "counts": {},
    }
    (folder / "summary.json").write_text(json.dumps(known | summary), "utf-8")
    return tiles


def sure(*labels, of=0.95):
    """Probabilities (N, 3) by which these are the most probable classes; "?" is unsure, oil a little ahead."""
    rows = []
    for label in labels:
        if label == "?":
            rows.append([0.3, 0.4, 0.3])
        else:
            rows.append([of if key == label else (1 - of) / 2 for key in KEYS])
    return np.array(rows)
