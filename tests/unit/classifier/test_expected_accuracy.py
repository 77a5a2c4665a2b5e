"""Accuracy on drawn instruments: stored with the model, read back, and absent for a model without it."""

import pytest

from svp_core.classifier.expected_accuracy import (
    FILE,
    ExpectedAccuracy,
    read_expected_accuracy,
    write_expected_accuracy,
)
from svp_core.errors import LabError
from svp_core.model_files import find_model_folder
from svp_core.optics.imaging_conditions import MAGNIFICATIONS


def test_figures_are_read_back_and_absent_where_never_measured(tmp_path):
    assert read_expected_accuracy(tmp_path) == []
    rows = [ExpectedAccuracy("20x", 0.82, 0.78, 0.86, 8, 720), ExpectedAccuracy("4x", 0.91, 0.89, 0.93, 8, 720)]
    write_expected_accuracy(tmp_path, rows)
    assert read_expected_accuracy(tmp_path) == rows


@pytest.mark.parametrize("content", ["{", '[{"value": 1}]', "[1]"])
def test_damaged_file_is_named(tmp_path, content):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(LabError, match=FILE):
        read_expected_accuracy(tmp_path)


@pytest.mark.parametrize("name", ["resnet18", "resnet18_six", "resnet50"])
def test_shipped_classifiers_state_every_magnification(name):
    rows = read_expected_accuracy(find_model_folder(name))
    assert [row.magnification for row in rows] == list(MAGNIFICATIONS)
    assert all(0.5 < row.low <= row.value <= row.high < 1 for row in rows)
    assert min(row.instruments for row in rows) >= 8
