"""Confirmed strangers mark those like them in a stored classification; forgetting them undoes it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from svp_core.classification.results import read_results_folder
from svp_core.classification.strangers import (
    FEATURES_FILE,
    TAUGHT_FILE,
    is_unlike,
    verdict_of,
    verdict_sentence,
    withheld_reason,
)
from svp_core.errors import LabError
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.taught_strangers import forget_strangers, teach_strangers

RUN = Path(__file__).parents[3] / "sample_data" / "flowcam_run" / "SVP-SIM-001"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVP_WORKSPACE", str(tmp_path_factory.mktemp("lab")))
        folder = tmp_path_factory.mktemp("job")
        for _ in classify(ClassifyRequest(str(RUN)), folder):
            pass
        yield folder


def test_a_class_taught_as_strangers_is_marked_and_forgotten(folder):
    results = read_results_folder(folder)
    before = is_unlike(results)
    assert before.mean() < 0.09
    assert verdict_of(results) is not None
    assert withheld_reason(results) == ""
    air = np.flatnonzero(results.probs[:, results.class_keys.index("air_bubble")] > 0.9)
    teach_strangers(results, air[:20].tolist())
    taught = read_results_folder(folder)
    assert taught.summary["novelty"]["taught"]["confirmed"] == 20
    gain = taught.summary["novelty"]["taught"]["gain"]
    # Of a kind that is known they can only be told in part: known ones of it are among those that p counts.
    assert gain["auc_after"] > gain["auc_before"] + 0.3
    assert gain["found_after"]["value"] > gain["found_before"]["value"]
    assert gain["found_after"]["n"] == 20
    marked = is_unlike(taught)
    assert marked[air[:20]].all()
    assert marked.sum() >= before.sum()
    forget_strangers(taught)
    again = read_results_folder(folder)
    assert "taught" not in again.summary["novelty"]
    assert np.array_equal(is_unlike(again), before)
    assert not (folder / TAUGHT_FILE).exists()


def test_very_unusual_particles_raise_the_alarm_where_the_marked_ones_do_not(folder):
    results = read_results_folder(folder)
    p_values = np.linspace(0.06, 1, len(results.probs))
    p_values[: len(p_values) // 20] = 0.005
    unusual = replace(results, table=results.table.assign(novelty_p=p_values))
    verdict = verdict_of(unusual)
    assert verdict is not None
    assert (verdict.is_marked_alarm, verdict.is_far_alarm) == (False, True)
    assert "more unusual than 99.0 % of them" in verdict_sentence(unusual)
    assert withheld_reason(unusual)
    p_values[: len(p_values) // 20] = 0.04
    usual = replace(results, table=results.table.assign(novelty_p=p_values))
    assert verdict_sentence(usual) == withheld_reason(usual) == ""


def test_results_without_features_cannot_be_taught(folder, tmp_path):
    results = read_results_folder(folder)
    features = (folder / FEATURES_FILE).read_bytes()
    (folder / FEATURES_FILE).write_bytes(features[:-2])
    try:
        with pytest.raises(LabError, match="classify the source again"):
            teach_strangers(results, range(10))
    finally:
        (folder / FEATURES_FILE).write_bytes(features)
    with pytest.raises(LabError, match="too few"):
        teach_strangers(results, [1, 2])
    assert "taught" not in json.loads((folder / "summary.json").read_text("utf-8"))["novelty"]
