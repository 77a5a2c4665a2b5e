"""The script that retrains all shipped models, at a tiny scale: drawn tiles, a small network, no measurements."""

import json

import pytest
import torch

from benchmarks import retrain_shipped
from svp_core.classifier.resnet import load_classifier
from svp_core.generator import samplers
from svp_core.generator.unet import load_generator
from svp_core.particle_classes import all_keys
from svp_core.training import checks
from tests.helpers.drawn_tiles import draw_blocks

CPU = torch.device("cpu")
LEVELS = {"protein": 60, "silicone_oil": 120, "air_bubble": 220}
FURTHER_LEVELS = {"glass_flake": 30, "fibre": 90, "opaque": 0, "cell": 200}


@pytest.fixture(scope="module")
def retrained(tmp_path_factory):
    """The folder of the new models, and the benchmarks that would have measured them."""
    out, measured = tmp_path_factory.mktemp("retrained"), []

    def drawn(key, tile_set, count, work):
        return draw_blocks(count, seed=tile_set.run_seed, level=(LEVELS | FURTHER_LEVELS)[key])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CALLS", 2)
        patch.setattr(retrain_shipped, "GENERATOR_SETTINGS", {"channels": (16, 32)})
        patch.setattr(retrain_shipped, "EPOCHS", {"resnet18": 0.5, "resnet50": 0.5})
        patch.setattr(retrain_shipped, "simulated", drawn)
        patch.setattr(retrain_shipped, "run", lambda script, *arguments: measured.append((script, arguments)))
        retrain_shipped.main(["--out", str(out), "--scale", "1e-6"])
        again = retrain_shipped.main(["--out", str(out), "--scale", "1e-6"])
        assert again is None
    return out, measured


def test_the_generator_has_its_guide_class_guidance_and_level_offset(retrained):
    out, _ = retrained
    generator = load_generator(out / "generator", device=CPU)
    unguided = load_generator(out / "work" / "unguided", device=CPU)
    assert generator.class_keys == retrain_shipped.CLASSES
    assert generator.guide is not None
    assert generator.config.class_guidance == (3.0, 0, 0)
    means = zip(generator.config.level_means, unguided.config.level_means, strict=True)
    assert [shifted < mean for shifted, mean in means] == [True, True, False]
    assert samplers.SAMPLERS["standard"].guidance_of(generator.config, 1).autoguidance


def test_the_classifier_is_complete_and_its_data_described(retrained):
    out, _ = retrained
    classifier = load_classifier(out / "resnet18", device=CPU)
    assert classifier.config.class_keys == retrain_shipped.CLASSES
    config = json.loads((out / "resnet18" / "config.json").read_text("utf-8"))
    assert set(config["trained_on"]) == set(retrain_shipped.CLASSES)
    assert min(config["trained_on"].values()) >= 5 * 36
    assert classifier.config.all_stages
    assert "run seed 305 (blurred law)" in config["note"]


def test_the_short_training_gets_a_last_layer_of_all_stages(retrained):
    out, _ = retrained
    trained = load_classifier(out / "work" / "resnet18", device=CPU)
    assert not trained.config.all_stages
    layers = load_classifier(out / "work" / "resnet18_all_stages", device=CPU).model.state_dict()
    assert all(tensor.equal(layers[name]) for name, tensor in trained.model.state_dict().items() if "fc." not in name)


def test_both_students_are_one_network_with_other_last_layers(retrained):
    out, _ = retrained
    three, six = (load_classifier(out / name, device=CPU) for name in ("resnet18", "resnet18_six"))
    assert six.config.class_keys == all_keys()
    layers = six.model.state_dict()
    assert all(tensor.equal(layers[name]) for name, tensor in three.model.state_dict().items() if "fc." not in name)


def test_the_resnet50_is_a_student_too(retrained):
    out, _ = retrained
    student, trained = (load_classifier(folder / "resnet50", device=CPU) for folder in (out, out / "work"))
    assert student.config.class_keys == retrain_shipped.CLASSES
    before = trained.model.state_dict()
    assert not all(tensor.equal(before[name]) for name, tensor in student.model.state_dict().items())
    note = json.loads((out / "resnet50" / "config.json").read_text("utf-8"))["note"]
    assert "run seed 324 (joined law)" in note
    assert "a student of the shipped ResNet-18" in note


def test_cards_name_method_and_licence_once(retrained):
    for name in ("generator", "resnet18", "resnet18_six", "resnet50"):
        card = (retrained[0] / name / "card.md").read_text("utf-8")
        assert card.count("arXiv:2508.06021") == 1
        assert card.count("Apache-2.0") == 1
    card = (retrained[0] / "generator" / "card.md").read_text("utf-8")
    assert card.startswith("# generator\n")
    assert card.index("## Guidance") < card.index("## Method and licence") < card.index("## Measured")


def test_references_and_cards_are_measured_by_the_benchmarks(retrained):
    scripts = [script for script, _ in retrained[1]]
    measures = ["reference.py", "shipped_weights.py", "accuracy_by_magnification.py"]
    assert scripts == measures * 2  # too few images for generator_quality.py
    assert all("--write" in arguments for script, arguments in retrained[1] if script != "reference.py")


@pytest.mark.parametrize("scale", ["0", "1.5"])
def test_a_scale_outside_its_range_is_refused(tmp_path, scale):
    with pytest.raises(SystemExit):
        retrain_shipped.main(["--out", str(tmp_path), "--scale", scale])
