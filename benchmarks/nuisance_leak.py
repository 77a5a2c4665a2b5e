"""Test of whether nuisances in simulated images predict the class; a network would learn such a shortcut.

    python benchmarks/nuisance_leak.py

Trains a random forest on nuisances of the sample tiles only and cross-validates it: balanced accuracy, 1/3 is chance.
Once with the nuisances as sampled by the simulator, once as they can be measured from the pixels; there only tiles
whose border is free of the particle count, because a large bubble that covers the border is not a nuisance. Size and
focus are shown for comparison: size has the same distribution for all classes except for large bubbles, which are
physics, and focus has the same for all. Exit code 1 where nuisances predict the class with a balanced accuracy above
0.42.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

ROOT = Path(__file__).resolve().parents[1]

NUISANCES = (
    "background",
    "gradient_x",
    "gradient_y",
    "noise",
    "gamma",
    "stray_light",
    "motion_px",
    "blur_px",
    "shift_px_x",
    "shift_px_y",
    "um_per_px",
    "wavelength_um",
)


def main():
    """Print one line per set of predictors; returns the exit code."""
    table = pd.read_csv(ROOT / "sample_data" / "particles.csv")
    tiles = np.load(ROOT / "sample_data" / "tiles.npy", mmap_mode="r", allow_pickle=False)
    labels = table["class"].to_numpy()
    measured, free = measured_nuisances(tiles)
    rows = {
        "nuisances as simulated": (table[list(NUISANCES)].to_numpy(), labels),
        "nuisances measured, border free": (measured[free], labels[free]),
        "size alone (not a nuisance)": (table[["diameter_um", "um_per_px"]].to_numpy(), labels),
        "focus alone": (table[["z_f_um"]].to_numpy()[table["shape"] != "large"], labels[table["shape"] != "large"]),
    }
    print("balanced accuracy of a random forest, 5-fold; chance is 0.333")
    scores = {name: forest_accuracy(*columns) for name, columns in rows.items()}
    for name, (score, spread) in scores.items():
        print(f"  {name:34} {score:.3f} +- {1.96 * spread:.3f}   n = {len(rows[name][1])}")
    return 1 if max(scores[name][0] for name in list(rows)[:2]) > 0.42 else 0


def measured_nuisances(tiles):
    """(nuisances float (N, 5), bool (N,): which borders are free of the particle), measured from each tile's border.

    The nuisances: background level, noise, slope along x and y, softness of the noise.
    """
    border = np.concatenate([tiles[:, :5], tiles[:, -5:]], axis=1).astype(float)
    level = np.median(border, axis=(1, 2))
    fine = np.diff(border, axis=2) / np.sqrt(2)
    noise = 1.4826 * np.median(np.abs(fine), axis=(1, 2))
    coarse = border[:, :, 2:] - border[:, :, :-2]
    softness = coarse.std(axis=(1, 2)) / np.maximum(fine.std(axis=(1, 2)), 0.1)
    slope_x = np.median(border[:, :, -8:], axis=(1, 2)) - np.median(border[:, :, :8], axis=(1, 2))
    slope_y = np.median(border[:, 5:], axis=(1, 2)) - np.median(border[:, :5], axis=(1, 2))
    spread = np.abs(border.mean(1) - level[:, None]).max(1)
    free = (spread < 0.06 * level) & (np.abs(slope_x) < 0.06 * level)
    return np.stack([level, noise, slope_x, slope_y, softness], 1), free


def forest_accuracy(features, labels):
    """(balanced accuracy, its standard error) of a cross-validated random forest."""
    forest = RandomForestClassifier(200, min_samples_leaf=5, class_weight="balanced", random_state=0, n_jobs=1)
    predicted = cross_val_predict(forest, features, labels, cv=StratifiedKFold(5, shuffle=True, random_state=0))
    score = balanced_accuracy_score(labels, predicted)
    rng = np.random.default_rng(0)
    resampled = []
    for _ in range(200):
        rows = rng.integers(0, len(labels), len(labels))
        resampled.append(balanced_accuracy_score(labels[rows], predicted[rows]))
    return float(score), float(np.std(resampled))


if __name__ == "__main__":
    sys.exit(main())
