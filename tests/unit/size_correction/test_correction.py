"""The size correction: right on simulated particles that it has not seen, honest where it knows nothing."""

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.morphology import measure
from svp_core.optics import scenes
from svp_core.size_correction.correction import load_correction, save_correction
from svp_core.size_correction.features import CLASSES, FEATURES, features

COUNT = 24


@pytest.fixture(scope="module")
def spheres():
    """(measures, labels, µm per px, true diameters) of simulated droplets, bubbles and beads of new instruments."""
    found = []
    for kind in ("silicone_oil", "air_bubble", "polystyrene"):
        for number in range(COUNT):
            particle = scenes.simulate(kind, scenes.particle_seed(12_009, number))
            measured, truth = measure(particle.pixels), particle.truth
            if measured["ecd_px"] is not None and not measured["touches_edge"]:
                found.append((measured, kind, truth["um_per_px"], truth["diameter_um"]))
    assert len(found) > 1.5 * COUNT
    return [list(column) for column in zip(*found, strict=True)]


def test_spheres_are_sized_right_with_intervals_that_hold(spheres):
    measured, labels, scales, true = spheres
    estimated, low, high = load_correction().estimate(measured, labels, scales).T
    outlines = np.array([row["ecd_px"] for row in measured]) * scales
    assert np.median(outlines / true) > 1.1  # what the optics add
    assert abs(np.median(estimated / true) - 1) < 0.1
    assert ((low <= true) & (true <= high)).mean() >= 0.85
    assert (low <= estimated).all()
    assert (estimated <= high).all()
    assert np.median(high / low) < 2


def test_the_estimate_is_a_length(spheres):
    """The same images at another pixel size within the same magnification are larger by about as much."""
    measured, labels, scales, _ = spheres
    known = load_correction()
    one, other = (known.estimate(measured, labels, np.array(scales) * factor)[:, 0] for factor in (1.0, 1.02))
    assert np.median(other / one) == pytest.approx(1.02, abs=0.01)


def test_a_class_that_it_does_not_know_and_a_strange_outline_still_have_a_size(spheres):
    measured, _, scales, true = spheres
    known = load_correction()
    unnamed = known.estimate(measured, ["my own class"] * len(true), scales)
    assert abs(np.median(unnamed[:, 0] / true) - 1) < 0.2
    strange = [row | {"contrast": 1e6, "perimeter_px": 1e6} for row in measured]
    outlines = np.array([row["ecd_px"] for row in measured]) * scales
    ratio = known.estimate(strange, [None] * len(true), scales)[:, 0] / outlines
    assert (ratio > 0.1).all()
    assert (ratio < 10).all()


def test_outside_its_pixel_sizes_it_says_nothing(spheres):
    measured, labels, _, _ = spheres
    known = load_correction()
    low, high = known.um_per_px
    scales = np.full(len(labels), 0.5)
    scales[:2] = low * 0.9, high * 1.1
    estimates = known.estimate(measured, labels, scales)
    assert np.isnan(estimates[:2]).all()
    assert np.isfinite(estimates[2:]).all()
    assert known.estimate([], [], []).shape == (0, 3)


def test_saved_and_loaded_it_is_the_same(spheres, tmp_path):
    measured, labels, scales, _ = spheres
    known, path = load_correction(), tmp_path / "new" / "correction.safetensors"
    save_correction(known, path)
    again = load_correction(path)
    assert again.um_per_px == known.um_per_px
    assert dict(again.facts) == dict(known.facts)
    assert np.array_equal(again.estimate(measured, labels, scales), known.estimate(measured, labels, scales))


def test_a_damaged_file_is_refused_with_a_sentence(tmp_path):
    for content in (None, b"", b"x" * 100):
        path = tmp_path / f"{content!r:.9}.safetensors"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(LabError, match="missing or damaged"):
            load_correction(path)


def test_features_name_the_class_and_scale_with_the_particle(spheres):
    measured, _, _, _ = spheres
    rows = features(measured[:2], ["protein", "dust"], [0.5, 1.0])
    assert rows.shape == (2, len(FEATURES) + len(CLASSES))
    assert rows[0, len(FEATURES) :].tolist() == [1.0, *[0.0] * (len(CLASSES) - 1)]
    assert not rows[1, len(FEATURES) :].any()
    assert rows[1, FEATURES.index("log_um_per_px")] == 0
    assert rows[0, FEATURES.index("log_ecd_px")] == pytest.approx(np.log(measured[0]["ecd_px"]))
