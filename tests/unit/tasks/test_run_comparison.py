"""A run that resembles no simulated instrument: said first, nothing is corrected, its particles are marked."""

import json

import numpy as np
import pytest

from svp_core.classification.counted import count_particles
from svp_core.classification.results import read_results_folder
from svp_core.classification.settings import read_settings
from svp_core.classification.strangers import (
    DIFFERING_FILE,
    FEATURES_FILE,
    is_unlike,
    run_differs,
    verdict_sentence,
    withheld_reason,
)
from svp_core.model_files import find_model_folder
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.tile_forms import WHOLE
from svp_core.report.document import report_html
from svp_core.tasks.run_comparison import compare_with_known
from tests.helpers.finished_jobs import KEYS, confident_probs, make_job

COUNT = 240


@pytest.fixture(scope="module")
def calibration():
    found, reason = find_calibration(find_model_folder("resnet18"), KEYS)
    assert found is not None, reason
    return found


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))


def classified(folder, calibration, *, moved):
    """A job's results, its features those of known particles, moved along all of the classifier's directions."""
    examples = calibration.examples
    rows = np.random.default_rng(3).permutation(np.flatnonzero(examples.forms == WHOLE))[:COUNT]
    features, named = examples.features[rows].astype(np.float32), examples.named[rows].astype(int)
    features[:, 64:112] += moved
    make_job(folder, confident_probs(*(KEYS[label] for label in named)), [12.0] * COUNT)
    features.astype(np.float16).tofile(folder / FEATURES_FILE)
    summary = json.loads((folder / "summary.json").read_text())
    whole = compare_with_known(folder, calibration, named=named, forms=np.full(COUNT, WHOLE), summary=summary)
    novelty = {"marked": 0, "total": COUNT, "level": 0.05, "calibration": calibration.description} | whole
    (folder / "summary.json").write_text(json.dumps(summary | {"novelty": novelty}))
    path = folder / "results.csv"
    lines = path.read_text("utf-8").splitlines()
    column = lines[0].split(",").index("novelty_p")
    for number, line in enumerate(lines[1:], 1):
        cells = line.split(",")
        cells[column] = "0.5"
        lines[number] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return read_results_folder(folder, ["size_um"])


def test_known_particles_of_many_instruments_do_not_ring(tmp_path, calibration):
    results = classified(tmp_path / "job", calibration, moved=0.0)
    assert not run_differs(results)
    assert verdict_sentence(results) == withheld_reason(results) == ""
    assert not is_unlike(results).any()
    assert not (results.folder / DIFFERING_FILE).exists()


def test_a_run_that_differs_as_a_whole_is_said_to_and_nothing_is_corrected(tmp_path, calibration):
    results = classified(tmp_path / "job", calibration, moved=4.0)
    assert run_differs(results)
    assert is_unlike(results).mean() > 0.6
    assert "resembles none of the simulated instruments" in verdict_sentence(results)
    settings = read_settings({}, summary=results.summary, columns=results.columns, class_keys=results.class_keys)
    counted = count_particles(results, settings)
    assert counted.ppv == counted.corrected == []
    assert "withheld" in counted.no_reference
    report = report_html(results.folder)
    assert "Positive predictive value, at the class mixture" not in report
    assert report.index("resembles none of the simulated instruments") < report.index("<h2>Counts")


def test_a_lab_run_is_compared_by_its_conditions(tmp_path, calibration):
    from dataclasses import replace

    own = replace(calibration, among=500, spreads=())
    nothing = {"named": np.zeros(0, int), "forms": np.zeros(0, int)}
    assert compare_with_known(tmp_path, own, summary={}, **nothing) == {}
    assert compare_with_known(tmp_path, None, summary={}, **nothing) == {}
