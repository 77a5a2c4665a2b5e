"""Everything about the labels of a set of tiles in one go, and sets that are odd."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from svp_core.errors import LabError
from svp_core.label_errors import find_duplicates, find_label_errors, find_neighbours, find_outliers, fit_pca
from svp_core.label_errors.class_pairs import count_class_pairs, why_not_estimated
from svp_core.progress import run_to_end
from tests.helpers.drawn_labels import draw_shapes, embed_blocks, plant

WORDS = ["dark disc", "bright disc", "bar", "ring"]


def reviewed(tiles, labels, class_names=WORDS, **options):
    steps = find_label_errors(tiles, labels, embed=embed_blocks, class_names=class_names, **options)

    def check(progress):
        assert 0 < progress.step <= progress.total

    return run_to_end(steps, check)


@pytest.fixture(scope="module")
def shapes():
    return draw_shapes((120, 120, 120, 120), seed=0)


def test_planted_errors_are_found_counted_and_explained(shapes):
    tiles, truth = shapes
    labels, rows = plant(truth, 24, seed=0, classes=4)
    found = reviewed(tiles, labels)
    wrong = np.isin(np.arange(480), rows)
    assert average_precision_score(wrong, -found.scores.score) > 0.95
    assert 17 <= found.total.value <= 31
    assert found.total.low <= 24 <= found.total.high
    worst = found.scores.order[0]
    assert found.scores.reasons[worst].startswith(f"labelled {WORDS[labels[worst]]}; p = 0.")
    assert f"nearest particles are labelled {WORDS[truth[worst]]}" in found.scores.reasons[worst]
    assert found.notes == ()
    assert found.batch_effects == []
    assert len(found.judged) == 480
    again = reviewed(tiles, labels)
    np.testing.assert_array_equal(again.scores.rank, found.scores.rank)


def test_order_of_the_images_matters_little(shapes):
    tiles, truth = shapes
    labels, _rows = plant(truth, 24, seed=1, classes=4)
    order = np.random.default_rng(0).permutation(480)
    one, other = reviewed(tiles, labels), reviewed(tiles[order], labels[order])
    assert len(set(one.scores.order[:20]) & set(order[other.scores.order[:20]])) >= 17


def test_synthetic_tiles_train_but_do_not_testify(shapes):
    tiles, truth = shapes
    labels, _rows = plant(truth, 24, seed=2, classes=4)
    made = np.zeros(480, bool)
    made[np.arange(0, 480, 3)] = True
    labels[made] = truth[made]
    found = reviewed(tiles, labels, is_real=~made)
    np.testing.assert_array_equal(found.judged, np.flatnonzero(~made))
    assert len(found.scores.score) == len(found.scores.reasons) == (~made).sum()
    named = found.neighbours.positions[found.neighbours.positions >= 0]
    assert len(named)
    assert not made[named].any()
    assert found.total.n == (~made).sum()
    # They do teach: a class of which only three real ones are left is still known.
    few = np.flatnonzero(~(~made & (truth == 3)))
    few = np.sort(np.r_[few, np.flatnonzero(~made & (truth == 3))[:3]])
    taught = reviewed(tiles[few], truth[few], is_real=~made[few])
    real_rings = ~made[few] & (truth[few] == 3)
    assert (taught.probs[real_rings].argmax(1) == 3).all()


def test_copies_are_found_and_share_a_fold(shapes):
    tiles, truth = shapes
    rng = np.random.default_rng(1)
    source = tiles[[3, 130, 250, 370, 60]].astype(float)
    changed = [source[0], np.roll(source[1], 1, 1), source[2] + 4, source[3] + rng.normal(0, 1, (64, 64)), source[4]]
    more = np.concatenate([tiles, np.stack(changed).round().clip(0, 255).astype(np.uint8)])
    labels = np.r_[truth, truth[[3, 130, 250, 370]], 2]
    found = reviewed(more, labels)
    assert [list(group) for group in found.duplicates.groups()] == [
        [3, 480],
        [60, 484],
        [130, 481],
        [250, 482],
        [370, 483],
    ]
    assert [list(group) for group in found.duplicates.disagreeing(labels)] == [[60, 484]]
    assert found.duplicates.exact[3] == found.duplicates.exact[480]
    assert found.duplicates.exact[130] != found.duplicates.exact[481]
    assert all(found.fold[group[0]] == found.fold[group[1]] for group in found.duplicates.groups())
    assert (
        find_duplicates(tiles, find_neighbours(fit_pca(embed_blocks(tiles)).transform(embed_blocks(tiles)))).groups()
        == []
    )


def test_pictures_of_nothing_known_are_strangers_even_together(shapes):
    tiles, truth = shapes
    rows, columns = np.mgrid[:64, :64]
    boards = np.stack([np.where((rows // size + columns // size) % 2, 30, 230) for size in range(9, 17)])
    more, labels = np.concatenate([tiles, boards.astype(np.uint8)]), np.r_[truth, np.arange(8) % 4]
    places = fit_pca(embed_blocks(more)).transform(embed_blocks(more))
    assert set(find_outliers(places, labels)) >= set(range(480, 488))
    assert len(find_outliers(places, labels)) < 20


def test_runs_are_kept_together_and_their_swaps_told(shapes):
    tiles, truth = shapes
    lots = np.array(["A", "B", "C", "D"])[np.arange(480) % 4]
    labels = truth.copy()
    swapped = np.flatnonzero((lots == "C") & (truth == 1))[:15]
    labels[swapped] = 0
    found = reviewed(tiles, labels, groups=lots)
    assert all(len(set(found.fold[lots == lot])) == 1 for lot in "ABCD")
    (lot,) = found.batch_effects
    assert (lot.batch, lot.given, lot.suggested) == ("C", 0, 1)
    assert lot.suspects >= 13
    assert "4 folds of whole runs" in found.notes[0]


def test_one_class_is_a_sentence(shapes):
    with pytest.raises(LabError, match="All 120 images are labelled dark disc"):
        reviewed(shapes[0][:120], shapes[1][:120])


def test_five_images_are_a_sentence_or_a_result():
    tiles, truth = draw_shapes((3, 2), seed=3)
    with pytest.raises(LabError, match="5 images are too few"):
        reviewed(tiles, truth)
    tiles, truth = draw_shapes((3, 3), seed=3)
    assert sorted(reviewed(tiles, truth).scores.rank) == [1, 2, 3, 4, 5, 6]


def test_a_class_of_one_is_named(shapes):
    tiles, truth = shapes
    labels = truth.copy()
    labels[5] = 4
    found = reviewed(tiles, labels, class_names=[*WORDS, "cell"])
    assert found.notes == ("Too few images to judge their labels: cell.",)
    assert found.scores.score[5] == 0.5


def test_a_hundred_classes():
    rng = np.random.default_rng(5)
    base = rng.integers(60, 220, (100, 8, 8)).repeat(8, 1).repeat(8, 2)
    truth = np.repeat(np.arange(100), 10)
    tiles = (base[truth] + rng.normal(0, 12, (1000, 64, 64))).clip(0, 255).astype(np.uint8)
    labels, rows = plant(truth, 50, seed=0, classes=100)
    found = reviewed(tiles, labels, class_names=[f"class {k}" for k in range(100)])
    assert average_precision_score(np.isin(np.arange(1000), rows), -found.scores.score) > 0.9
    assert 30 <= found.total.value <= 80


@pytest.mark.parametrize("level", [0, 170])
def test_identical_images(level):
    found = reviewed(np.full((40, 64, 64), level, np.uint8), np.arange(40) % 2)
    assert len(found.duplicates.disagreeing(np.arange(40) % 2)) == 1
    assert np.isfinite(found.scores.score).all()
    assert (found.neighbours.positions == -1).all()
    assert "do not follow what the images show" in found.notes[0]


def test_all_labels_wrong(shapes):
    tiles, truth = shapes
    labels = (truth + np.random.default_rng(0).integers(1, 4, 480)) % 4
    found = reviewed(tiles, labels)
    assert found.total.low > 240  # more than half
    assert np.isfinite(found.scores.score).all()


def test_the_number_is_withheld_where_the_predictions_are_often_wrong(shapes):
    """Features without the shape: predictions are little better than chance, and no label is wrong."""
    tiles, truth = shapes

    def weak(part):
        seen = embed_blocks(part)
        return seen + np.random.default_rng(int(part.sum()) % 2**32).normal(0, 12 * seen.std(), seen.shape)

    found = run_to_end(find_label_errors(tiles, truth, embed=weak, class_names=WORDS))
    assert (found.probs.argmax(1) == truth).mean() < 0.7
    assert found.not_estimated.startswith("How many labels are wrong is not estimated")
    planted, _ = plant(truth, 60, seed=0, classes=4)
    known = reviewed(tiles, planted)
    assert known.not_estimated == ""
    assert known.total.low <= 60 <= known.total.high


def test_errors_of_the_model_widen_the_range_downwards():
    """As many of the contradicted labels as the estimate leaves to the model may be among the others."""
    rng = np.random.default_rng(4)
    truth = np.repeat([0, 1], 500)
    probs = np.clip(np.where(truth[:, None] == [0, 1], 0.95, 0.05) + rng.normal(0, 0.02, (1000, 2)), 0.01, 0.99)
    unclear = rng.choice(1000, 240, replace=False)
    probs[unclear] = 0.5 + rng.normal(0, 0.05, (240, 2))
    labels = truth.copy()
    labels[rng.choice(1000, 20, replace=False)] ^= 1
    probs /= probs.sum(1, keepdims=True)
    contradicted = (probs.argmax(1) != labels).sum()
    _, total = count_class_pairs(labels, probs, np.where(probs.argmax(1) != labels, probs.argmax(1), labels))
    assert contradicted > 100
    assert total.low == 0
    assert total.low <= 20 <= total.high
    assert "contradict" in why_not_estimated(labels, probs, total)


def test_one_broken_feature_is_said(shapes):
    tiles, truth = shapes

    def broken(part):
        return np.full((len(part), 3), np.nan)

    with pytest.raises(ValueError, match="NaN"):
        list(find_label_errors(tiles, truth, embed=broken, class_names=WORDS))
