"""The library of simulated instruments: its file, its exposure with a run's conditions, the reference made of it."""

from dataclasses import replace

import numpy as np
import pytest

from svp_core.classifier.resnet import Classifier, ClassifierConfig, build_classifier
from svp_core.device import best_device
from svp_core.errors import LabError
from svp_core.optics.imaging_conditions import MAGNIFICATIONS
from svp_core.profiles.conditions import PIXEL_SIZES_UM, ImagingConditions, measure_conditions
from svp_core.reference_library import matching
from svp_core.reference_library.library import LEVELS, library_version, read_library, write_library
from svp_core.reference_library.matching import expose_library, matched_reference
from svp_core.stats.confusion import MIN_SIMILAR
from tests.helpers.drawn_library import CLASSES, draw_library

CONDITIONS = ImagingConditions(0.56, "10x", 0.6, 0.03, -0.02, 0.0085, 200)


def untrained(keys=CLASSES):
    config = ClassifierConfig(tuple(keys))
    return Classifier(build_classifier(config).eval().to(best_device()), config, None, best_device())


def test_magnifications_are_those_of_the_simulator():
    assert PIXEL_SIZES_UM == MAGNIFICATIONS


def test_a_library_is_read_back_to_a_step(tmp_path):
    given = draw_library()
    noisy = given.images + np.random.default_rng(1).normal(0, 0.3, given.images.shape)
    given = replace(given, images=np.clip(noisy, 0, 40).astype(np.float32))
    assert read_library("10x", folder=tmp_path) is None
    assert library_version("10x", folder=tmp_path) == ""
    size = write_library(tmp_path, given)
    read = read_library("10x", folder=tmp_path)
    assert read is not None
    assert size == (tmp_path / "10x.safetensors").stat().st_size
    assert np.abs(read.images - given.images).max() <= 0.5 / LEVELS + 1e-6
    assert (read.classes, read.magnification, read.instrument_count) == (given.classes, "10x", 4)
    assert (read.instruments == given.instruments).all()
    assert read.um_per_px == pytest.approx(given.um_per_px)


def test_smooth_images_are_stored_in_a_fraction_of_their_size(tmp_path):
    library = draw_library(instruments=10)
    assert write_library(tmp_path, library) < 0.2 * library.images.size


def test_a_damaged_library_says_so(tmp_path):
    write_library(tmp_path, draw_library())
    path = tmp_path / "10x.safetensors"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LabError, match="damaged"):
        read_library("10x", folder=tmp_path)


def test_exposed_particles_have_the_conditions_of_the_run():
    library = draw_library(instruments=12)
    tiles, detected = expose_library(library, CONDITIONS, np.ones(len(library.classes), bool))
    found = measure_conditions(list(tiles), um_per_px=0.56)
    assert found is not None
    assert len(tiles) == len(detected) == len(library.classes)
    assert found.noise == pytest.approx(CONDITIONS.noise, rel=0.05)
    assert found.background == pytest.approx(CONDITIONS.background, rel=0.01)
    assert (found.gradient_x, found.gradient_y) == pytest.approx((0.03, -0.02), abs=0.002)


def test_what_no_instrument_would_detect_is_left_out():
    library = draw_library()
    faint = replace(library, images=np.where(np.arange(len(library.classes))[:, None, None] % 2, 1.0, library.images))
    tiles, detected = expose_library(faint, CONDITIONS, np.ones(len(library.classes), bool))
    assert detected.tolist() == list(range(0, len(library.classes), 2))
    assert len(tiles) == len(detected)


def test_a_matched_reference_knows_classes_instruments_and_sizes(monkeypatch):
    monkeypatch.setattr(matching, "MIN_OF_CLASS", 10)
    library = draw_library(classes=(*CLASSES, "fibre"))

    def mark(tiles, probs):
        return np.arange(len(tiles)) % 2 == 0

    reference = matched_reference(untrained(), CONDITIONS, library=library, mark_unlike=mark)
    assert reference is not None
    # Fibres are no class of this classifier.
    assert np.bincount(reference.labels).tolist() == [20, 20, 20]
    assert reference.instruments is not None
    assert reference.sizes_px is not None
    assert reference.unlike is not None
    assert np.bincount(reference.instruments).tolist() == [15] * 4
    assert reference.unlike.sum() == 30
    assert reference.probs.sum(1) == pytest.approx(np.ones(60), abs=1e-3)
    assert reference.sizes_um == pytest.approx(0.5 * reference.sizes_px)
    assert ((reference.sizes_px > 6) & (reference.sizes_px < 27)).all()


def test_there_is_no_reference_where_it_would_say_too_little(monkeypatch):
    library = draw_library()
    assert matched_reference(untrained((*CLASSES, "fat_droplet")), CONDITIONS, library=library) is None
    assert matched_reference(untrained(), CONDITIONS, library=library) is None  # 20 of a class
    monkeypatch.setattr(matching, "MIN_OF_CLASS", 10)
    assert matched_reference(untrained(), CONDITIONS, library=library) is not None


def test_conditions_of_equal_runs_are_equal_when_rounded():
    other = replace(CONDITIONS, background=0.6012, noise=0.0086, gradient_x=0.0312, n_crops=90)
    assert other.rounded() == CONDITIONS.rounded()
    assert replace(CONDITIONS, noise=0.010).rounded() != CONDITIONS.rounded()
    assert CONDITIONS.rounded().noise == pytest.approx(CONDITIONS.noise, rel=0.03)
    assert CONDITIONS.rounded().rounded() == CONDITIONS.rounded()


@pytest.mark.parametrize("magnification", MAGNIFICATIONS)
def test_the_shipped_library_has_particles_as_small_as_instruments_count(magnification):
    library = read_library(magnification)
    assert library is not None
    small = library.diameters_um / library.um_per_px < 8
    for key in ("protein", "silicone_oil", "air_bubble"):
        of_class = np.array([name == key for name in library.classes])
        assert (small & of_class).sum() >= 2 * MIN_SIMILAR
        assert len(np.unique(library.instruments[small & of_class])) >= 30
