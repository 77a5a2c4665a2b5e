"""Nothing but the particle tells its class: a forest that sees only nuisances is near chance."""

import numpy as np
import pandas as pd

from benchmarks.nuisance_leak import DRAWN, told
from svp_core.workspace.paths import sample_folder


def test_nuisances_do_not_tell_the_class():
    table = pd.read_csv(sample_folder() / "particles.csv")
    score, _ = told(table[list(DRAWN)].to_numpy(), table["class"].to_numpy())
    assert score < 0.42


def test_a_leak_would_be_found():
    table = pd.read_csv(sample_folder() / "particles.csv")
    features = table[list(DRAWN)].to_numpy(copy=True)
    features[:, 0] += np.where(table["class"] == "air_bubble", 0.15, 0)
    score, _ = told(features, table["class"].to_numpy())
    assert score > 0.45
