"""Figures of a validation against hand-counted ones; their intervals hold over many drawn validations."""

import numpy as np
import pytest

from svp_core.stats.intervals import estimate_share, estimate_weighted_share
from svp_core.validation.answers import OTHER, answer_keys, settle
from svp_core.validation.draw import SizeRange, draw_by_size
from svp_core.validation.figures import LabelledParticles, validation_figures
from svp_core.validation.reference import validation_reference
from svp_core.validation.wording import percent, range_text, summary_sentences

KEYS = ("protein", "silicone_oil", "air_bubble")


def labelled(truth, likely, confidence, *, ranges=None, range_of=None, unsure_below=0.8):
    probs = np.full((len(truth), 3), 0.0)
    for row, (key, p) in enumerate(zip(likely, confidence, strict=True)):
        probs[row] = (1 - p) / 2
        probs[row, KEYS.index(key)] = p
    assigned = np.array([key if p >= unsure_below else "unsure" for key, p in zip(likely, confidence, strict=True)])
    ranges = ranges or (SizeRange(2, 5, len(truth), len(truth)),)
    range_of = np.zeros(len(truth), int) if range_of is None else np.asarray(range_of)
    return LabelledParticles(np.array(truth, object), probs, assigned.astype(object), KEYS, ranges, range_of)


def test_figures_counted_by_hand():
    truth = ["protein", "protein", "silicone_oil", "other", "not_a_particle", "unsure", "air_bubble", "air_bubble"]
    likely = ["protein", "silicone_oil", "silicone_oil", "protein", "protein", "protein", "air_bubble", "protein"]
    figures = validation_figures(labelled(truth, likely, [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.7, 0.7]))
    assert (figures["n"], figures["cannot_tell"]) == (7, 1)
    assert figures["accuracy"]["value"] == pytest.approx(3 / 7)
    assert (figures["accuracy_low"], figures["accuracy_high"]) == (pytest.approx(3 / 8), pytest.approx(4 / 8))
    assert figures["named"]["value"] == pytest.approx(5 / 7)
    assert figures["right_of_named"]["value"] == pytest.approx(2 / 5)
    protein, oil, air = figures["by_class"]
    assert (protein["ppv"]["value"], protein["ppv"]["n"]) == (pytest.approx(1 / 3), 3)
    assert (protein["found"]["value"], protein["found"]["n"]) == (0.5, 2)
    assert (oil["ppv"]["value"], oil["found"]["value"]) == (0.5, 1)
    assert air["ppv"] is None
    assert air["found"]["value"] == 0
    sure, unsure = figures["calibration"][1], figures["calibration"][0]
    assert [row["confidence"] for row in (unsure, sure)] == [pytest.approx(0.7), pytest.approx(0.9)]
    assert unsure["right"]["value"] == 0.5
    assert figures["overconfidence"]["value"] == pytest.approx((5 * 0.9 + 2 * 0.7) / 7 - 3 / 7)


def test_a_size_range_counts_by_its_population():
    ranges = (SizeRange(2, 5, 900, 4), SizeRange(5, None, 100, 4))
    truth, likely = ["protein"] * 8, ["protein"] * 4 + ["silicone_oil"] * 4
    figures = validation_figures(labelled(truth, likely, [0.9] * 8, ranges=ranges, range_of=[0] * 4 + [1] * 4))
    assert figures["accuracy"]["value"] == pytest.approx(0.9)
    assert [row["accuracy"]["value"] for row in figures["by_size"]] == [1, 0]
    wide = figures["accuracy"]["high"] - figures["accuracy"]["low"]
    assert wide > estimate_share(np.arange(8) > 0).high - estimate_share(np.arange(8) > 0).low - 0.05


def test_equal_weights_give_wilsons_interval():
    hits = np.arange(50) < 43
    equal, plain = estimate_weighted_share(hits, np.full(50, 7.0)), estimate_share(hits)
    assert (equal.value, equal.low, equal.high, equal.n) == pytest.approx((plain.value, plain.low, plain.high, 50))


def test_intervals_hold_over_drawn_validations():
    rng = np.random.default_rng(0)
    sizes = rng.choice([3.0, 6.0, 12.0, 30.0], size=4000, p=[0.75, 0.2, 0.04, 0.01])
    right = rng.random(4000) < np.select([sizes < 5, sizes < 10], [0.95, 0.85], 0.7)
    confidence = np.full(4000, 0.9)
    holds = []
    for seed in range(400):
        draw = draw_by_size(sizes, 100, edges=(5, 10, 25), seed=seed)
        truth = ["protein"] * 100
        likely = ["protein" if right[at] else "silicone_oil" for at in draw.positions]
        drawn = labelled(truth, likely, confidence[:100], ranges=draw.ranges, range_of=draw.range_of)
        accuracy = validation_figures(drawn)["accuracy"]
        holds.append(accuracy["low"] <= right.mean() <= accuracy["high"])
    assert np.mean(holds) >= 0.93


def test_without_a_definite_answer_there_are_no_figures():
    figures = validation_figures(labelled(["unsure"] * 3, ["protein"] * 3, [0.9] * 3))
    assert (figures["n"], figures["accuracy"], figures["overconfidence"]) == (0, None, None)
    assert figures["accuracy_low"] == 0
    assert percent(figures["accuracy"]) == "–"


def test_two_people_are_settled():
    answers = {"Anna": {"1": "protein", "2": "protein", "3": "unsure"}, "Ben": {"1": "protein", "2": "other"}}
    settled = settle(answers, {})
    assert settled.truth == {"1": "protein", "2": "unsure", "3": "unsure"}
    assert settled.disagreements == ("2",)
    assert settled.pairs == (("protein", "protein"), ("protein", "other"))
    after = settle(answers, {"2": "protein"})
    assert (after.truth["2"], after.disagreements) == ("protein", ())
    figures = validation_figures(labelled(["protein"], ["protein"], [0.9]), settled.pairs)
    assert figures["agreement"]["same"]["value"] == 0.5
    assert answer_keys(KEYS) == (*KEYS, OTHER)
    assert answer_keys((*KEYS, OTHER)) == (*KEYS, OTHER)


def record(labels):
    count = len(labels)
    particles = {
        "labels": labels,
        "probs": [[0.8, 0.1, 0.1]] * count,
        "sizes_um": [None, *([4.0] * (count - 1))],
        "sizes_px": [8.0] * count,
        "assigned": ["protein"] * count,
    }
    return {"class_keys": list(KEYS), "particles": particles}


def test_the_reference_holds_the_particles_of_known_classes():
    reference = validation_reference(record(["silicone_oil", "other", "unsure", "protein", "not_a_particle"]))
    assert reference.labels.tolist() == [1, 0]
    assert reference.class_keys == KEYS
    assert np.isnan(reference.sizes_um[0])
    assert reference.sizes_px.tolist() == [8, 8]
    assert validation_reference(record(["other", "unsure"])) is None


def test_words():
    assert range_text({"low": 0.0, "high": 2}) == "below 2 µm"
    assert range_text({"low": 25, "high": None}) == "25 µm and more"
    assert range_text({"low": None, "high": None}) == "not measured"
    figures = validation_figures(labelled(["protein"] * 99 + ["unsure"], ["protein"] * 100, [0.95] * 100))
    sentences = summary_sentences({"figures": figures})
    assert "100 % (96 to 100)" in sentences[0]
    assert "99 or 100 %" in " ".join(sentences)
