"""A size-standard run: beads among debris and doublets, their bias, and the pixel size that they imply."""

import json

import numpy as np
import pytest

from svp_core.errors import LabError
from svp_core.size_standard.standard import evaluate_beads, from_dict, main_population
from svp_core.size_standard.wording import size_row, standard_sentences

CERTIFIED = 10.0


def drawn_run(*, beads=300, scale=1.0, cv=0.02, seed=0):
    """(sizes, aspect ratio, cut) of beads measured `scale` too large, with doublets, debris, strands and cut ones."""
    rng = np.random.default_rng(seed)
    sizes = np.concatenate(
        [
            rng.normal(CERTIFIED * scale, cv * CERTIFIED * scale, beads),
            rng.normal(CERTIFIED * scale * np.sqrt(2), 0.3, beads // 6),  # two in contact
            rng.uniform(1, 4, beads // 2),  # debris
            np.full(40, CERTIFIED * scale * 1.1),  # long ones
            np.full(40, CERTIFIED * scale * 0.85),  # cut by the image
            np.full(5, np.nan),
        ]
    )
    aspect, cut = np.full(len(sizes), 0.97), np.zeros(len(sizes), bool)
    aspect[-85:-45], cut[-45:-5] = 0.4, True
    return sizes, aspect, cut


def evaluate(sizes, aspect, cut, **options):
    known = {"ecd_um": sizes * 1.2, "diameter_um": sizes}
    defaults = {"um_per_px": 0.5, "certified_um": CERTIFIED, "selected_by": "ecd_um", "corrected": "diameter_um"}
    return evaluate_beads(known, aspect_ratio=aspect, cut=cut, **{**defaults, **options})


def test_mean_cv_and_bias_are_those_of_the_single_beads():
    sizes, aspect, cut = drawn_run(scale=1.05)
    found = evaluate(sizes, aspect, cut)
    by_name = {size.diameter: size for size in found.sizes}
    singles = sizes[:300]
    assert found.beads == by_name["diameter_um"].n == 300
    assert by_name["diameter_um"].mean_um == pytest.approx(singles.mean())
    assert by_name["diameter_um"].cv == pytest.approx(singles.std(ddof=1) / singles.mean())
    assert by_name["diameter_um"].bias == pytest.approx(singles.mean() / CERTIFIED - 1)
    assert by_name["ecd_um"].bias == pytest.approx(1.2 * singles.mean() / CERTIFIED - 1)
    # Student's interval by hand.
    half = 1.968 * singles.std(ddof=1) / np.sqrt(300) / CERTIFIED
    assert by_name["diameter_um"].bias_high - by_name["diameter_um"].bias == pytest.approx(half, rel=1e-3)


def test_the_pixel_size_that_the_beads_imply():
    sizes, aspect, cut = drawn_run(scale=1.05)
    pixel = evaluate(sizes, aspect, cut).pixel
    assert pixel is not None
    assert pixel.implied == pytest.approx(0.5 / 1.05, rel=2e-3)
    assert pixel.low < pixel.implied < pixel.high
    assert not pixel.agrees
    # What the correction does not know for sure widens the interval.
    unsure = evaluate(sizes, aspect, cut, correction_sd=0.04).pixel
    assert unsure is not None
    assert unsure.agrees
    certificate = evaluate(sizes, aspect, cut, uncertainty_um=1.0).pixel
    assert certificate is not None
    assert certificate.agrees


def test_the_interval_holds_the_true_bias():
    runs = [evaluate(*drawn_run(beads=40, cv=0.1, seed=seed)).sizes[1] for seed in range(200)]
    held = np.mean([size.bias_low <= 0 <= size.bias_high for size in runs])
    assert 0.9 <= held <= 0.99


def test_the_main_population_is_the_largest_one():
    rng = np.random.default_rng(1)
    sizes = np.concatenate([rng.normal(5, 0.1, 60), rng.normal(9, 0.2, 200), [np.nan, 0.0]])
    chosen = main_population(sizes)
    assert chosen[60:260].all()
    assert not chosen[:60].any()
    assert not chosen[260:].any()
    assert not main_population([np.nan]).any()


def test_what_is_no_size_standard_is_refused():
    sizes, aspect, cut = drawn_run()
    with pytest.raises(LabError, match="choose a run of beads"):
        evaluate(sizes[:15], aspect[:15], cut[:15])
    for certified, uncertainty in ((0.0, 0.0), (1e6, 0.0), (10.0, 6.0), (10.0, -1.0)):
        with pytest.raises(LabError, match="is not possible"):
            evaluate(sizes, aspect, cut, certified_um=certified, uncertainty_um=uncertainty)


def test_a_result_is_stored_and_read_back():
    found = evaluate(*drawn_run(), created="2025-04-09T10:00:00+00:00", source="Beads")
    assert from_dict(json.loads(json.dumps(found.as_dict()))) == found
    assert from_dict(None) is None
    assert from_dict({"sizes": []}) is None
    assert found.pixel is not None
    text = " ".join(standard_sentences(found))
    assert "300 of " in text
    assert f"{found.pixel.implied:.4g} µm per pixel" in text
    assert size_row(found.sizes[1])[0] == "Corrected for the optics"
