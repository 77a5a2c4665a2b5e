"""Arms as text, presets, and sentences for designs that cannot be carried out."""

import json
from dataclasses import replace

import pytest

from svp_core.errors import LabError
from svp_core.experiment.design import PRESETS, Arm, Design, parse_arm, stated_prevalence, with_minority
from svp_core.experiment.stored import design_as_config, design_from_config
from svp_core.experiment.units import units_of

KEYS = ("protein", "silicone_oil", "air_bubble")


@pytest.mark.parametrize(
    ("text", "arm", "title"),
    [
        ("real", Arm(), "real only"),
        ("weights@100", Arm(balance="weights", real=100), "class weights, 100 real"),
        ("classical:500", Arm(("classical",), 500), "classical augmentation, 500"),
        ("shipped:500@0", Arm(("shipped",), 500, real=0), "shipped generator, 500, none real"),
        (
            "fine_tuned+classical:1000@50/size",
            Arm(("fine_tuned", "classical"), 1000, real=50, where="size"),
            "fine-tuned diffusion + classical augmentation, 1,000, 50 real, weak sizes only",
        ),
    ],
)
def test_arms_are_read_and_written(text, arm, title):
    assert parse_arm(text) == arm
    assert arm.key == text
    assert arm.title == title


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("photos:5", "names 'photos'"),
        ("classical", "needs a dose"),
        ("classical:0", "needs a dose"),
        ("classical+classical:5", "different sources"),
        ("real:5", "adds nothing"),
        ("classical:5/luck", "ends in /luck"),
        ("classical:5@0/size", "no real tiles"),
        ("!", "is not an arm"),
    ],
)
def test_impossible_arms_are_a_sentence(text, sentence):
    with pytest.raises(LabError, match=sentence):
        parse_arm(text)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_carried_out_and_stored(name):
    PRESETS[name].check()
    assert design_from_config(json.loads(json.dumps(design_as_config(PRESETS[name])))) == PRESETS[name]
    files = [unit.file(__import__("pathlib").Path("x")) for unit in units_of(PRESETS[name])]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": 2}, "2 seeds"),
        ({"arms": ("real", "real")}, "2 to 40 different arms"),
        ({"baseline": "oversampling"}, "not one of the arms"),
        ({"networks": ("vit",)}, "no network 'vit'"),
        ({"networks": ()}, "No network"),
        ({"steps": 0}, "0 steps cannot be used; give a whole number from 1 to 1,000,000"),
        ({"steps": 10**12}, "1000000000000 steps cannot be used"),
        ({"seeds": "x"}, "'x' seeds cannot be used; give a whole number from 3 to 20"),
        ({"trees": 10**9}, "from 1 to 10,000"),
        ({"most": -3}, "-3 most cannot be used"),
        ({"generator_images": 0}, "0 generator images cannot be used"),
        ({"prevalence": {"protein": -1.0}}, "0 or more"),
        ({"prevalence": {"protein": 0.0, "air_bubble": 0.0}}, "no particle of any class"),
    ],
)
def test_impossible_designs_are_a_sentence(change, sentence):
    with pytest.raises(LabError, match=sentence):
        replace(Design(), **change).check()


def test_minority_classes_and_mixture():
    counts = {"protein": 1000, "silicone_oil": 200, "air_bubble": 900}
    assert with_minority(Design(), counts).minority == ("silicone_oil",)
    assert with_minority(Design(), dict.fromkeys(KEYS, 50)).minority == KEYS[1:]
    with pytest.raises(LabError, match="no particles of fibre"):
        with_minority(Design(minority=("fibre",)), counts)
    assert stated_prevalence(Design(), KEYS, KEYS[1:]) == {"protein": 5e5, "silicone_oil": 500, "air_bubble": 500}
    assert stated_prevalence(Design(prevalence={"a": 3}), ("a", "b"), ("b",)) == {"a": 3, "b": 0}


def test_doses_share_a_pool_and_mixtures_are_split():
    design = Design(arms=("real", "weights", "classical:500", "classical:90/size", "classical+shipped:301"))
    assert design.needs("classical", None) == 500
    assert design.needs("shipped", None) == 151
    assert design.needs("diffusion", None) == 0
    pools = [unit for unit in units_of(design) if unit.is_pool]
    assert [(unit.seed, unit.source) for unit in pools] == [(s, n) for s in range(3) for n in ("classical", "shipped")]
