"""Folds: disjoint, whole runs, lookalikes together, and a sentence where there are too few particles."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.experiment.cell import training_rows
from svp_core.experiment.folds import split_folds

KEYS = ("protein", "silicone_oil", "air_bubble")


def split(labels, *, blocks=None, groups=None, seed=0, keys=KEYS):
    blocks = np.arange(len(labels)) if blocks is None else blocks
    return split_folds(np.asarray(labels), keys, blocks=blocks, groups=groups, seed=seed)


def parts(fold):
    return fold.training, fold.validation, fold.test


def test_parts_are_disjoint_and_stratified_and_differ_by_seed():
    labels = np.repeat([0, 1, 2], [100, 40, 20])
    fold = split(labels)
    assert sorted(np.concatenate(parts(fold))) == list(range(160))
    assert [np.bincount(labels[part]).tolist() for part in parts(fold)] == [[60, 24, 12], [20, 8, 4], [20, 8, 4]]
    assert fold.test.tolist() != split(labels, seed=1).test.tolist()
    assert fold.test.tolist() == split(labels).test.tolist()


def test_lookalikes_stay_together():
    labels, blocks = np.repeat([0, 1], [60, 30]), np.r_[np.arange(45).repeat(2)]
    for seed in range(5):
        fold = split(labels, blocks=blocks, seed=seed, keys=KEYS[:2])
        assert not {*blocks[fold.training]} & {*blocks[fold.test], *blocks[fold.validation]}
        assert not {*blocks[fold.validation]} & {*blocks[fold.test]}


def test_whole_runs_are_held_out_where_there_are_enough():
    labels = np.tile(np.repeat([0, 1, 2], [8, 4, 4]), 6)
    groups = tuple(np.repeat([f"run {k}" for k in range(6)], 16))
    fold = split(labels, groups=groups)
    runs = [{groups[row] for row in part} for part in parts(fold)]
    assert not runs[0] & runs[1]
    assert not runs[0] & runs[2]
    assert not runs[1] & runs[2]
    assert fold.notes == ()


def test_two_runs_cannot_be_held_out_and_a_note_says_so():
    labels = np.tile(np.repeat([0, 1, 2], [20, 10, 10]), 2)
    fold = split(labels, groups=tuple(np.repeat(["a", "b"], 40)))
    assert any("2 runs, too few" in note for note in fold.notes)
    assert {*labels[fold.test]} == {0, 1, 2}


@pytest.mark.parametrize(
    ("labels", "sentence"),
    [
        ([0] * 50, "All particles are of one class, protein"),
        ([0] * 50 + [1] * 3 + [2] * 20, "Too few different particles of silicone_oil 3; give at least 10"),
        ([], "All particles are of one class, none"),
    ],
)
def test_too_few_particles_are_a_sentence(labels, sentence):
    with pytest.raises(LabError, match=sentence):
        split(np.array(labels, int))


def test_copies_do_not_count_as_particles():
    labels = np.repeat([0, 1, 2], [50, 20, 20])
    blocks = np.r_[np.arange(50), np.full(20, 50), np.arange(51, 71)]
    with pytest.raises(LabError, match="silicone_oil 1;"):
        split(labels, blocks=blocks)


def test_fifty_classes():
    labels, keys = np.repeat(np.arange(50), 12), tuple(f"kind_{k}" for k in range(50))
    fold = split(labels, keys=keys)
    assert all((np.bincount(labels[part], minlength=50) > 0).all() for part in parts(fold))


def test_a_class_that_the_test_fold_lacks_is_named():
    # All of one class's particles are copies of each other but for a few, in blocks that fill two folds.
    labels = np.repeat([0, 1], [60, 40])
    blocks = np.r_[np.arange(60), np.full(31, 60), np.arange(61, 70)]
    fold = split(labels, blocks=blocks, keys=KEYS[:2])
    assert (np.bincount(labels[fold.training], minlength=2) > 0).all()


def test_fewer_real_tiles_are_contained_in_more():
    labels = np.repeat([0, 1, 2], [100, 40, 40])
    fold = split(labels)
    few, more = (training_rows(fold, labels, [1, 2], real, seed=0) for real in (5, 10))
    assert set(few) < set(more) < set(fold.training)
    assert np.bincount(labels[few]).tolist() == [60, 5, 5]
    assert training_rows(fold, labels, [1, 2], 10_000, seed=0).tolist() == fold.training.tolist()
