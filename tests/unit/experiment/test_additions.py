"""What arms add: as many tiles as asked for, of the minority, each with the real tiles behind it."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.experiment import additions
from svp_core.experiment.leak_guard import Origin, join_synthetic, tile_id, tile_ids
from svp_core.model_files import find_model_folder
from svp_core.progress import run_to_end
from tests.helpers.drawn_experiment import KEYS, draw_particles


@pytest.fixture(scope="module")
def minority():
    real, _ = draw_particles((10, 12, 12), seed=5)
    rows = np.flatnonzero(real.labels > 0)
    return real.tiles[rows], real.labels[rows]


def test_augmented_tiles_name_their_one_parent(minority):
    tiles, labels = minority
    made = additions.augmented(tiles, labels, dose=15, seed=1)
    assert np.bincount(made.labels).tolist() == [0, 15, 15]
    ids = np.array(tile_ids(tiles))
    for row in range(len(made)):
        (parent,) = made.origins[made.origin[row]].parents
        assert labels[ids == parent] == [made.labels[row]]
    again = additions.augmented(tiles, labels, dose=20, seed=1)
    assert (again.tiles[:15] == made.tiles[:15]).all()  # a larger dose begins with the smaller one
    assert (additions.augmented(tiles, labels, dose=15, seed=2).tiles != made.tiles).any()


def test_simulated_tiles_have_no_parents():
    made = run_to_end(additions.simulated(KEYS, [1, 2], dose=2, seed=0))
    assert made.labels.tolist() == [1, 1, 2, 2]
    assert {origin.parents for origin in made.origins} == {frozenset()}
    assert len({tile_id(tile) for tile in made.tiles}) == 4
    with pytest.raises(LabError, match="The simulator makes none of round"):
        run_to_end(additions.simulated(("round", "ragged"), [0], dose=2, seed=0))


def test_a_generator_of_the_fold_names_every_tile_it_was_trained_on(minority):
    tiles, labels = minority
    steps = additions.trained_in_fold(tiles, labels, KEYS, images=64, seed=0, choices={"channels": (16, 32)})
    generator, origin = run_to_end(steps)
    assert origin.parents == frozenset(tile_ids(tiles))
    assert generator.class_keys == KEYS[1:]
    made = run_to_end(additions.generated(generator, origin, KEYS, [1, 2], dose=1, seed=0))
    assert made.labels.tolist() == [1, 2]
    assert all(one.is_drawn and one.parents == origin.parents for one in made.origins)


def test_a_fine_tuned_generator_starts_from_the_shipped_one(minority):
    tiles, labels = minority
    base = find_model_folder("generator")
    generator, origin = run_to_end(additions.trained_in_fold(tiles, labels, KEYS, images=1, seed=0, base=base))
    shipped, nothing = additions.shipped_generator(base)
    assert nothing.parents == frozenset()
    assert origin.parents == frozenset(tile_ids(tiles))
    weight = "conv_in.weight"
    change = (generator.model.state_dict()[weight] - shipped.model.state_dict()[weight]).abs().max()
    assert change < 0.01
    with pytest.raises(LabError, match="The shipped generator makes none of fat_droplet"):
        run_to_end(additions.generated(shipped, nothing, ("fat_droplet",), [0], dose=1, seed=0))


def test_sources_that_can_make_a_class():
    assert additions.possible_sources(("round", "air_bubble")) == additions.SOURCES
    assert additions.possible_sources(("round",)) == ("classical", "diffusion", "fine_tuned")


def test_origins_of_joined_tiles_stay_their_own(minority):
    tiles, labels = minority
    first = additions.augmented(tiles, labels, dose=2, seed=0)
    second = run_to_end(additions.simulated(KEYS, [1], dose=1, seed=0))
    joined = join_synthetic([first, second])
    assert [joined.origins[k].name for k in joined.origin] == ["classical augmentation"] * 4 + ["the simulator"]
    known, unknown = Origin("a", frozenset("x")), Origin("b", None)
    assert known.made_from(Origin("c", frozenset("y"))).parents == frozenset("xy")
    assert known.made_from(unknown).parents is None
