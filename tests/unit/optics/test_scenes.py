"""Simulated particles: reproducible, with correct labels, and imaging conditions independent of the class."""

import inspect
import json
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from svp_core.images import background_level
from svp_core.optics import scenes
from svp_core.optics.imaging_conditions import LAWS, MAGNIFICATIONS, sample_instrument, sample_viewing


def pixels(job):
    kind, seed = job
    return scenes.simulate(kind, seed).pixels


def test_particle_is_the_same_in_any_order_and_process():
    jobs = [("silicone_oil", 5), ("air_bubble", 5), ("protein", 5), ("silicone_oil", 6)]
    expected = [pixels(job) for job in jobs]
    assert all(np.array_equal(a, pixels(job)) for a, job in zip(expected[::-1], jobs[::-1], strict=True))
    with ProcessPoolExecutor(1) as pool:
        results = list(pool.map(pixels, jobs))
    assert all(np.array_equal(a, b) for a, b in zip(expected, results, strict=True))
    assert not np.array_equal(expected[0], expected[3])
    assert not np.array_equal(expected[0], expected[1])


@pytest.mark.parametrize("kind", scenes.KINDS)
def test_every_kind_is_a_tile_with_its_ground_truth(kind):
    drawn = scenes.simulate(kind, 1, um_per_px=0.28)
    assert drawn.pixels.shape == (64, 64)
    assert drawn.pixels.dtype == np.uint8
    truth = json.loads(json.dumps(drawn.truth))
    assert truth["kind"] == kind
    assert truth["um_per_px"] == 0.28
    assert truth["seed"] == 1
    assert {"shape", "diameter_um", "index", "z_f_um", "na_objective", "background", "noise"} <= truth.keys()
    assert drawn.pixels.std() > 1


def test_beads_have_the_index_of_polystyrene_and_do_not_change_other_kinds():
    drawn = scenes.simulate("polystyrene", 3, um_per_px=0.5)
    assert 1.58 < drawn.truth["index"] < 1.61
    assert drawn.truth["shape"] == "bead"
    # The random numbers of a kind depend on its place: a new one comes last.
    assert scenes.KINDS[:5] == ("protein", "silicone_oil", "air_bubble", "glass_flake", "fibre")
    assert scenes.KINDS[-1] == "polystyrene"


def test_law_of_joined_droplets_draws_two_and_three_the_usual_one_mostly_single_ones():
    def shapes(law):
        return [scenes.simulate("silicone_oil", k, um_per_px=0.28, law=LAWS[law]).truth for k in range(30)]

    joined = [truth["shape"] for truth in shapes("joined") if not truth["oversized"]]
    usual = [truth["shape"] for truth in shapes("usual")]
    assert set(joined) == {"doublet", "lopsided", "triplet"}
    assert usual.count("single") > 15
    assert "triplet" not in usual


def test_law_of_small_particles_draws_them_smaller_than_the_usual_one_does():
    def diameters_px(law):
        drawn = [scenes.simulate("silicone_oil", k, um_per_px=1.25, law=LAWS[law]).truth for k in range(30)]
        return [truth["diameter_um"] / 1.25 for truth in drawn if truth["shape"] == "single"]

    small = diameters_px("small")
    assert 3 - 1e-6 < min(small) < 4
    usual = diameters_px("usual")
    assert min(usual) > 6 - 1e-6
    assert 2 * np.median(small) < np.median(usual)


def test_unknown_kind_raises():
    with pytest.raises(ValueError, match="'dust' cannot be simulated; choose one of protein"):
        scenes.simulate("dust", 0)


def test_runs_never_share_a_particle():
    assert scenes.particle_seed(2, 5) == 2_000_005
    with pytest.raises(ValueError, match="Particle 1000000 is outside"):
        scenes.particle_seed(0, 1_000_000)


def test_viewing_does_not_depend_on_the_kind():
    assert "kind" not in inspect.signature(sample_viewing).parameters
    assert sample_viewing(np.random.default_rng(3)) == sample_viewing(np.random.default_rng(3))


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_no_instrument_resolves_more_than_its_sensor_samples(law):
    rng = np.random.default_rng(0)
    for _ in range(500):
        viewing = sample_viewing(rng, law=law)
        scope, camera = viewing.microscope, viewing.camera
        rendered = camera.um_per_px / camera.oversampling
        assert rendered <= scope.wavelength_um / (4 * scope.na_objective) + 1e-12
        assert np.hypot(*scope.offset) + scope.na_condenser < scope.na_objective
        assert 1.5 <= viewing.diameter_um <= 60
        assert 0.2 <= camera.background <= 0.9


def test_pixel_sizes_cover_those_of_instruments():
    rng = np.random.default_rng(0)
    sizes = np.array([sample_viewing(rng).camera.um_per_px for _ in range(300)])
    near = [np.isclose(sizes, size, rtol=0.11).mean() for size in (0.28, 0.55, 1.25)]
    assert sum(near) == pytest.approx(1)
    assert min(near) > 0.2


def test_one_instrument_images_a_whole_run():
    instrument = sample_viewing(np.random.default_rng(4), um_per_px=0.55)
    drawn = [scenes.simulate("air_bubble", k, instrument=instrument).truth for k in range(3)]
    assert len({d["wavelength_um"] for d in drawn}) == len({d["background"] for d in drawn}) == 1
    assert len({d["diameter_um"] for d in drawn}) == 3
    assert {d["um_per_px"] for d in drawn} == {0.55}


@pytest.mark.parametrize("magnification", MAGNIFICATIONS)
def test_drawn_instrument_has_its_magnification(magnification):
    drawn = [sample_instrument(np.random.default_rng(k), magnification) for k in range(20)]
    sizes = np.array([instrument.camera.um_per_px for instrument in drawn])
    assert np.abs(sizes / MAGNIFICATIONS[magnification] - 1).max() <= 0.1
    assert len(set(sizes)) == 20


def test_small_bubble_is_dark_and_background_has_its_level():
    for k in range(40):
        drawn = scenes.simulate("air_bubble", k, um_per_px=0.28)
        truth = drawn.truth
        if truth["shape"] == "small" and truth["z_f_um"] > 8 and truth["diameter_um"] < 6 and truth["shift_px_x"] < 3:
            assert background_level(drawn.pixels) == pytest.approx(255 * truth["background"], abs=8)
            assert drawn.pixels.min() < background_level(drawn.pixels) - 7
            return
    raise AssertionError("no small bubble among forty particles")


def test_particle_cut_off_by_the_tile_has_its_true_centre():
    """The dark disc of a large bubble in focus agrees with its centre and diameter."""
    for k in range(200):
        drawn = scenes.simulate("air_bubble", k, um_per_px=0.28)
        truth = drawn.truth
        v, u = np.mgrid[:64, :64] - 31.5
        x, y, radius = truth["centre_x_px"], truth["centre_y_px"], truth["diameter_um"] / 2 / 0.28
        inside, mirrored = np.hypot(u - x, v - y) < radius, np.hypot(u + x, v + y) < radius
        if truth["shape"] == "large" and (inside != mirrored).mean() > 0.3 and truth["background"] > 0.6:
            dark = drawn.pixels < 255 * truth["background"] * 0.8
            assert (dark == inside).mean() > 0.85 > (dark == mirrored).mean()
            return
    raise AssertionError("no large off-centre bubble that the tile cuts off")


def test_only_particles_larger_than_the_tile_are_oversized_and_sizes_are_not_clipped():
    rng = np.random.default_rng(2)
    drawn = [sample_viewing(rng) for _ in range(2000)]
    assert all(v.oversized == (v.diameter_um >= 58 * v.camera.um_per_px) for v in drawn)
    large = [scenes.simulate("air_bubble", k, um_per_px=1.25).truth for k in range(60)]
    large = [truth["diameter_um"] for truth in large if truth["shape"] == "large"]
    assert len(large) > 5
    assert len(set(np.round(large, 3))) == len(large)
    assert max(large) < 96


def test_protein_never_exceeds_its_maximum_index():
    shapes = set()
    for k in range(24):
        truth = scenes.simulate("protein", k, um_per_px=0.28).truth
        shapes.add(truth["shape"])
        assert truth["medium_index"] < truth["index"] <= truth["medium_index"] + 0.09 + 1e-9
    assert {"sheet", "felt"} <= shapes  # both laws of shapes


def test_opaque_particle_in_focus_is_darker_than_any_protein_fold():
    """An absorbing piece stays dark on both sides of the focus; nothing in it lights up."""
    levels = []
    for k in range(12):
        drawn = scenes.simulate("opaque", k, um_per_px=0.55)
        if abs(drawn.truth["z_f_um"]) < 20 and not drawn.truth["oversized"]:
            levels.append(drawn.pixels.min() / (255 * drawn.truth["background"]))
    assert len(levels) > 3
    assert np.median(levels) < 0.7
