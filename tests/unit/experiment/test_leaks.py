"""Leaks planted on purpose: each is refused with a sentence, and without the guard the same leak raises the score."""

import numpy as np
import pytest

from svp_core.augmentation import augment_tiles
from svp_core.errors import LabError
from svp_core.experiment import cell as cell_module
from svp_core.experiment import leak_guard
from svp_core.experiment.folds import split_folds
from svp_core.experiment.leak_guard import HeldOut, Origin, SyntheticTiles, check_leaks, tile_id, tile_ids
from svp_core.experiment.particles import RealParticles
from svp_core.near_duplicates import orient
from tests.helpers.drawn_discs import draw_discs
from tests.helpers.drawn_experiment import KEYS, embed_levels, run_forest

SEED = 1


@pytest.fixture(scope="module")
def drawn():
    """Particles whose classes have nothing to do with their pictures: only a leak can tell them apart."""
    tiles, rng = draw_discs(150, seed=2), np.random.default_rng(3)
    labels = rng.permutation(np.repeat([0, 1, 2], 50))
    return RealParticles(tiles, labels, KEYS, tuple(f"{KEYS[k]}/{row}.png" for row, k in enumerate(labels)))


def of_test(real, part="test"):
    fold = split_folds(real.labels, real.class_keys, blocks=np.arange(len(real.labels)), seed=SEED)
    rows = getattr(fold, part)
    return rows[real.labels[rows] > 0]


def synthetic(tiles, labels, *origins, origin=None):
    numbers = np.zeros(len(tiles), np.int64) if origin is None else origin
    return SyntheticTiles(np.asarray(tiles), np.asarray(labels), origins, numbers)


def variants(real, rows, dose=40):
    """Classical augmentation of these tiles, each with its parent."""
    made, parent = augment_tiles(real.tiles[rows], seeds=range(dose))
    origins = [Origin("classical augmentation", frozenset([tile_id(tile)])) for tile in real.tiles[rows]]
    return synthetic(made, real.labels[rows][parent], *origins, origin=parent)


def plant_variants_of_test_images(real):
    return variants(real, of_test(real)), "descends from .*, held out as test image"


def plant_variants_of_validation_images(real):
    return variants(real, of_test(real, "validation")), "descends from .*, held out as validation image"


def plant_generator_trained_on_everything(real):
    rows = of_test(real)
    everything = Origin("diffusion trained on all images", frozenset(tile_ids(real.tiles)), is_drawn=True)
    made, parent = augment_tiles(real.tiles[rows], seeds=range(40))
    return synthetic(made, real.labels[rows][parent], everything), "diffusion trained on all images descends from"


def plant_fine_tuned_from_a_leaking_generator(real):
    rows = of_test(real)
    base = Origin("a generator of all images", frozenset(tile_ids(real.tiles)), is_drawn=True)
    training = np.setdiff1d(np.arange(len(real.tiles)), np.r_[rows, of_test(real, "validation")])
    fine_tuned = Origin("its fine-tuned successor", frozenset(tile_ids(real.tiles[training])), is_drawn=True)
    made, parent = augment_tiles(real.tiles[rows], seeds=range(40))
    return synthetic(made, real.labels[rows][parent], fine_tuned.made_from(base)), "fine-tuned successor descends from"


def plant_turned_copies_under_false_parents(real):
    rows = of_test(real)
    innocent = Origin("tiles of unknown hands", frozenset())
    turned = np.stack([np.roll(orient(real.tiles[row], 5), (2, -1), (0, 1)) for row in rows])
    return synthetic(turned, real.labels[rows], innocent), "shows the same as .*, a test image"


def plant_many_lookalikes_by_a_generator(real):
    rows = of_test(real)
    innocent = Origin("a generator", frozenset(), is_drawn=True)
    return synthetic(real.tiles[rows], real.labels[rows], innocent), "more than chance allows"


def plant_unknown_origin(real):
    rows = of_test(real)
    return synthetic(real.tiles[rows], real.labels[rows], Origin("a bought generator", None)), "nothing is known"


PLANTED = [
    plant_variants_of_test_images,
    plant_variants_of_validation_images,
    plant_generator_trained_on_everything,
    plant_fine_tuned_from_a_leaking_generator,
    plant_turned_copies_under_false_parents,
    plant_many_lookalikes_by_a_generator,
    plant_unknown_origin,
]


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_leak_is_refused_and_would_have_raised_the_score(plant, drawn, monkeypatch):
    features = embed_levels(drawn.tiles)
    made, sentence = plant(drawn)
    arm, pools = f"classical:{len(made)}", {"classical": made}
    with pytest.raises(LabError, match=f"^The arm 'classical augmentation, {len(made)}' is refused: .*{sentence}"):
        run_forest(drawn, features, arm, SEED, pools=pools, embed=embed_levels)
    if "validation" in sentence:
        return  # a forest does not look at the validation fold
    honest = recall(run_forest(drawn, features, "oversampling", SEED, trees=100))
    monkeypatch.setattr(cell_module, "check_leaks", lambda *args, synthetic, **rest: np.arange(len(synthetic)))
    assert recall(run_forest(drawn, features, arm, SEED, pools=pools, trees=100, embed=embed_levels)) > honest + 0.1


def recall(result):
    """Share of the minority's test particles that are called right."""
    own = result.predictions
    minority = own.labels > 0
    return (own.probs.argmax(1) == own.labels)[minority].mean()


def test_a_duplicate_under_another_name_is_refused(drawn):
    held_out = HeldOut("test", drawn.tiles[:5], drawn.names[:5])
    training = np.concatenate([drawn.tiles[20:30], orient(drawn.tiles[3], 2)[None]])
    names = [f"new/{row}.png" for row in range(11)]
    nothing = synthetic(np.zeros((0, 64, 64), np.uint8), np.zeros(0, int))
    with pytest.raises(LabError, match=rf"the training image new/10.png shows the same as {drawn.names[3]}, a test"):
        check_leaks("real only", [held_out], real=training, real_names=names, synthetic=nothing)


def test_a_chance_lookalike_of_a_generator_is_dropped(drawn):
    held_out = HeldOut("test", drawn.tiles[:5], drawn.names[:5])
    made = synthetic(drawn.tiles[4:20], np.ones(16, int), Origin("a generator", frozenset(), is_drawn=True))
    kept = check_leaks("g", [held_out], real=drawn.tiles[30:40], real_names=drawn.names[30:40], synthetic=made)
    assert kept.tolist() == list(range(1, 16))


def test_an_honest_arm_passes(drawn):
    fold = split_folds(drawn.labels, drawn.class_keys, blocks=np.arange(len(drawn.labels)), seed=SEED)
    rows = fold.training[drawn.labels[fold.training] > 0]
    pools = {"classical": variants(drawn, rows, dose=80)}
    result = run_forest(drawn, embed_levels(drawn.tiles), "classical:20", SEED, pools=pools, embed=embed_levels)
    assert result.added == {"protein": 0, "silicone_oil": 20, "air_bubble": 20}
    assert result.dropped == 0
    assert set(result.predictions.particles) == set(fold.test)
    assert result.trained_on == {key: int((drawn.labels[fold.training] == k).sum()) for k, key in enumerate(KEYS)}


def test_what_was_searched_is_remembered(drawn, monkeypatch):
    """The arms of a seed share tiles: only new ones are compared, and a leak among known ones is still found."""
    searched = []
    search = leak_guard.find_lookalikes
    monkeypatch.setattr(leak_guard, "find_lookalikes", lambda a, b: searched.append(len(a) + len(b)) or search(a, b))
    held_out = drawn.tiles[100:110]
    assert leak_guard.lookalikes_of(drawn.tiles[95:103], held_out).tolist() == [[5, 0], [6, 1], [7, 2]]
    assert leak_guard.lookalikes_of(drawn.tiles[101:104], held_out).tolist() == [[0, 1], [1, 2], [2, 3]]
    assert leak_guard.lookalikes_of(np.repeat(drawn.tiles[99:101], 2, 0), held_out).tolist() == [[2, 0], [3, 0]]
    assert searched == [18, 11, 10]
