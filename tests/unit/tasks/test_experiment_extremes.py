"""Experiments on unusual sets: a class that a fold lacks, fifty classes, three images a class, one class."""

import math

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.experiment import folds, leak_guard, lookalikes, units
from svp_core.experiment.outcome import read_outcome
from svp_core.images import encode_png
from svp_core.progress import Progress
from svp_core.tasks.experiment import ExperimentRequest, experiment
from tests.helpers.drawn_labels import draw_shapes, embed_blocks

DESIGN = {"arms": ["real", "weights"], "networks": ["forest"], "seeds": 3, "trees": 10}


@pytest.fixture(autouse=True)
def quick_features(monkeypatch):
    def embed(tiles):
        yield Progress(len(tiles), len(tiles))
        return embed_blocks(tiles)

    monkeypatch.setattr(units, "embed", embed)


def write_folder(folder, names, each):
    """Drawn shapes, one sub-folder per class; `each` of every class."""
    tiles, labels = draw_shapes([each] * len(names), seed=0)
    for row, (tile, label) in enumerate(zip(tiles, labels, strict=True)):
        path = folder / names[label] / f"{row:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(tile))
    return str(folder)


def outcome_of(source, out, **changes):
    list(experiment(ExperimentRequest("folder", source, "Ours", {**DESIGN, **changes}), out, processes=1))
    return read_outcome(out)


def test_a_class_that_a_fold_lacks_is_named_and_has_no_figures(tmp_path, monkeypatch):
    """The folds are stratified, so the split is forced: all bubbles lie in one of five parts, and are trained on."""

    def assign(labels, **_):
        fold = np.arange(len(labels)) % folds.FOLDS
        return np.where(labels == 2, 2, fold), []

    monkeypatch.setattr(folds, "assign_folds", assign)
    source = write_folder(tmp_path / "Ours", ("Protein", "Silicone oil", "Air bubbles"), 20)
    outcome = outcome_of(source, tmp_path / "out")
    for part in ("validation", "test"):
        assert f"The {part} fold of a seed has no air_bubble; its figures leave that out." in outcome.notes
    own = {one.figure: one.value for one in outcome.figures if one.arm == "real" and one.prevalence == "sample"}
    assert math.isnan(own["recall.air_bubble"].value)
    known = [own[f"recall.{key}"].value for key in ("protein", "silicone_oil")]
    assert own["macro_recall"].value == pytest.approx(np.mean(known), abs=1e-9)
    assert "nan" not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_fifty_classes_give_a_table_and_a_report(tmp_path, monkeypatch):
    for module in (leak_guard, lookalikes):  # the search is slow among so many alike shapes, and tested elsewhere
        monkeypatch.setattr(module, "find_lookalikes", lambda tiles, others: np.zeros((0, 2), np.int64))
    names = [f"Kind {k:02}" for k in range(50)]
    outcome = outcome_of(write_folder(tmp_path / "Many", names, 10), tmp_path / "out")
    assert len(outcome.class_keys) == 50
    assert sum(outcome.counts.values()) == 500
    values = [one.value.value for one in outcome.figures if one.figure == "macro_recall"]
    assert values
    assert all(0 < value < 1 for value in values)
    assert sum(one.figure.startswith("recall.") and one.prevalence == "sample" for one in outcome.figures) == 2 * 50
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000


def test_three_images_of_every_class_are_a_sentence(tmp_path):
    source = write_folder(tmp_path / "Few", ("Protein", "Silicone oil", "Air bubbles"), 3)
    with pytest.raises(LabError, match="protein 3, silicone_oil 3, air_bubble 3; give at least 10 of every class"):
        outcome_of(source, tmp_path / "out")
    assert not (tmp_path / "out" / "design.json").exists()


def test_one_class_is_a_sentence(tmp_path):
    source = write_folder(tmp_path / "One", ("Protein",), 30)
    with pytest.raises(LabError, match="All particles are of one class, protein"):
        outcome_of(source, tmp_path / "out")
