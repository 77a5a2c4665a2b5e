"""Nuisance parameters do not reveal the class: a random forest on them alone is near chance."""

import numpy as np
import pandas as pd

from benchmarks.nuisance_leak import NUISANCES, forest_accuracy
from svp_core.workspace.paths import sample_folder


def test_nuisances_do_not_predict_the_class():
    table = pd.read_csv(sample_folder() / "particles.csv")
    accuracy, _ = forest_accuracy(table[list(NUISANCES)].to_numpy(), table["class"].to_numpy())
    assert accuracy < 0.42


def test_planted_leak_is_detected():
    table = pd.read_csv(sample_folder() / "particles.csv")
    features = table[list(NUISANCES)].to_numpy(copy=True)
    features[:, 0] += np.where(table["class"] == "air_bubble", 0.15, 0)
    accuracy, _ = forest_accuracy(features, table["class"].to_numpy())
    assert accuracy > 0.45
