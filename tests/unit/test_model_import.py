"""Import of published checkpoints: both networks, full size, their cards, and an error message for any other file.

The reference tensors are in ../shared/official; where that folder is missing, the tests that need it are skipped.
"""

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models import resnet18

from svp_core import model_files
from svp_core.classifier import resnet
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.generator import load, sampling
from svp_core.generator.published import build_published
from svp_core.generator.published_checkpoint import published_network, read_checkpoint
from svp_core.model_import import COLOUR_MEAN, COLOUR_STD, class_in_name, import_published
from svp_core.workspace import models

CPU = torch.device("cpu")


def small_network():
    torch.manual_seed(0)
    return build_published(dim=8, dim_mults=(1, 2))


def published_resnet():
    torch.manual_seed(0)
    return resnet18(num_classes=3).eval()


@pytest.fixture
def checkpoint(tmp_path):
    """Function that writes a small random generator checkpoint with some tensors changed; returns its path."""
    tensors = small_network().state_dict()

    def write(name="silicone_oil_diffusion_model.pth", **changes):
        torch.save({key: value for key, value in (tensors | changes).items() if value is not None}, tmp_path / name)
        return tmp_path / name

    return write


def read_tensors(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def test_importing_a_generator_keeps_its_weights_unchanged(checkpoint, tmp_path):
    path = checkpoint()
    assert import_published(path, tmp_path / "oil") == "published"
    saved, original = read_tensors(tmp_path / "oil"), torch.load(path, weights_only=True)
    assert saved.keys() == original.keys()
    assert all(torch.equal(saved[key], original[key]) for key in original)
    config = json.loads((tmp_path / "oil" / "config.json").read_text())
    assert config["published"] == {
        "class_keys": ["silicone_oil"],
        "dim": 8,
        "channels": 1,
        "dim_mults": [1, 2],
        "steps": 500,
        "beta_first": 1e-4,
        "beta_last": 0.02,
    }
    assert config["imported_from"]["file"] == path.name
    assert len(config["imported_from"]["sha256"]) == 64
    card = (tmp_path / "oil" / "card.md").read_text("utf-8")
    assert "silicone oil" in card
    assert "CC BY-NC-SA 4.0" in card
    assert "the file's name" in card
    assert "Exact" in card
    assert "24 network calls" in card
    assert max(map(len, card.splitlines())) <= 125


def test_the_imported_model_computes_what_the_checkpoint_computes(checkpoint, tmp_path):
    import_published(checkpoint(), tmp_path / "oil")
    generator = load.load_generator(tmp_path / "oil", device=CPU)
    network = small_network()
    images, times = torch.randn(2, 1, 64, 64), torch.tensor([3, 480])
    with torch.no_grad():
        assert (generator.model(images, times) - network(images, times)).abs().max() <= 1e-5
    ((start, tiles),) = sampling.sample_tiles(generator, "silicone_oil", seeds=[4], steps=3)
    assert start == 0
    assert tiles.shape == (1, 64, 64)
    assert tiles.std() > 0


def test_a_full_size_checkpoint_imports_and_is_used_like_any_model(tmp_path, monkeypatch, capsys):
    """35.7 M parameters, random: by the command, listed among the lab's models, used by name in generate."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    torch.manual_seed(0)
    path = tmp_path / "air_bubble.pth"
    torch.save(build_published().state_dict(), path)
    run = models.new_model_folder("published bubbles")
    assert main(["import-published", str(path), "--out", str(run)]) == 0
    assert "published bubbles" in capsys.readouterr().out
    (listed,) = [model for model in models.list_models("published")]
    assert listed.config["published"]["class_keys"] == ["air_bubble"]
    assert listed.config["published"]["dim"] == 64
    assert "35.7 M parameters, 293 tensors" in (run / "card.md").read_text("utf-8")
    out = tmp_path / "made"
    options = ["--class", "air_bubble", "--count", "1", "--steps", "2", "--weights", "published bubbles"]
    assert main(["generate", *options, "--out", str(out)]) == 0
    rows = (out / "manifest.csv").read_text().splitlines()
    assert rows[1].endswith(",fast,2,published bubbles,synthetic")
    assert (out / "air_bubble_0_00000.png").is_file()
    assert json.loads((out / "provenance.json").read_text())["sampler"] == "fast"


def test_the_imported_reference_gives_the_reference_output(tmp_path, reference_vectors):
    import_published(reference_vectors / "unet_dim8.pth", tmp_path / "run", class_key="Air bubbles")
    generator = load.load_generator(tmp_path / "run", device=CPU)
    assert generator.class_keys == ("air_bubble",)
    reference = torch.load(reference_vectors / "unet_dim8_io.pt", weights_only=True)
    with torch.no_grad():
        assert (generator.model(reference["x"], reference["t"]) - reference["y"]).abs().max() <= 1e-5


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("silicone_oil_diffusion_model", "silicone_oil"),
        ("air_bubble_diffusion_model-500", "air_bubble"),
        ("Air-Bubbles final", "air_bubble"),
        ("oil2", "silicone_oil"),
        ("model", None),
        ("oil_and_bubbles", None),
        ("boiler", None),
    ],
)
def test_the_class_is_read_from_an_unambiguous_file_name(name, key):
    assert class_in_name(name) == key


def test_an_unclear_class_must_be_given(checkpoint, tmp_path, capsys):
    path = checkpoint("model.pth")
    with pytest.raises(LabError, match="The name model.pth does not say which class"):
        import_published(path, tmp_path / "run")
    assert main(["import-published", str(path), "--out", str(tmp_path / "run"), "--class", "Fat droplets"]) == 0
    assert load.load_generator(tmp_path / "run").class_keys == ("fat_droplets",)
    assert "fat droplets" in (tmp_path / "run" / "card.md").read_text("utf-8")


def test_an_existing_model_is_not_overwritten(checkpoint, tmp_path):
    import_published(checkpoint(), tmp_path / "oil")
    with pytest.raises(LabError, match="already a model in .*oil; choose a new folder"):
        import_published(checkpoint(), tmp_path / "oil")


@pytest.mark.parametrize("wrapped", [True, False])
def test_the_imported_resnet_gives_the_same_probabilities(tmp_path, wrapped):
    network, path = published_resnet(), tmp_path / "best.pth"
    others = {"epoch": 7, "args": argparse.Namespace(lr=0.1), "optimizer": {"state": {}}}
    torch.save({"model": network.state_dict(), **others} if wrapped else network.state_dict(), path)
    assert import_published(path, tmp_path / "named", class_key="air_bubble") == "classifier"
    classifier = resnet.load_classifier(tmp_path / "named", device=CPU)
    assert classifier.config.class_keys == ("protein", "silicone_oil", "air_bubble")
    tiles = np.random.default_rng(0).integers(0, 256, (5, 64, 64), dtype=np.uint8)
    # As its description says: three equal channels, 0..1, minus the mean, divided by the standard deviation.
    colour = torch.from_numpy(tiles)[:, None].expand(-1, 3, -1, -1) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (COLOUR_MEAN, COLOUR_STD))
    with torch.no_grad():
        expected = network((colour - mean) / std).softmax(1).numpy()
    with torch.inference_mode():
        logits = classifier.model(torch.from_numpy(tiles)[:, None] / 127.5 - 1)
    assert np.abs(logits.softmax(1).numpy() - expected).max() <= 1e-5
    assert np.abs(resnet.predict_probs(classifier, tiles) - expected).max() <= 0.02  # bfloat16 on some processors
    card = (tmp_path / "named" / "card.md").read_text("utf-8")
    assert "CC BY-NC-SA 4.0" in card
    assert "Unknown: how its authors prepared the images" in card


def test_the_classify_command_uses_an_imported_resnet(tmp_path):
    torch.save({"model": published_resnet().state_dict()}, tmp_path / "best.pth")
    import_published(tmp_path / "best.pth", tmp_path / "named")
    samples = model_files.SHIPPED_MODELS.parent / "sample_data" / "labelled" / "protein"
    out = tmp_path / "results.csv"
    assert main(["classify", str(samples), "--weights", str(tmp_path / "named"), "--out", str(out)]) == 0
    rows = list(csv.DictReader(out.open(newline="", encoding="utf-8")))
    assert len(rows) > 5
    assert {row["status"] for row in rows} == {"ok"}
    assert {row["label"] for row in rows} <= {"protein", "silicone_oil", "air_bubble"}


def test_missing_extra_and_misshapen_tensors_are_named(checkpoint, tmp_path):
    path = checkpoint(
        **{"final_conv.bias": None, "head.weight": torch.zeros(3), "time_mlp.1.weight": torch.zeros(32, 9)}
    )
    with pytest.raises(LabError) as caught:
        import_published(path, tmp_path / "run")
    assert str(caught.value) == (
        "silicone_oil_diffusion_model.pth does not fit the published generator network (169 tensors): "
        "1 missing (final_conv.bias), 1 extra (head.weight), 1 of another shape (time_mlp.1.weight is 32x9 instead of "
        "32x8)."
    )
    assert not (tmp_path / "run").exists()


def test_a_resnet_of_other_classes_is_refused(tmp_path):
    torch.save({"model": resnet18(num_classes=1000).state_dict()}, tmp_path / "net.pth")
    with pytest.raises(LabError) as caught:
        import_published(tmp_path / "net.pth", tmp_path / "run")
    assert str(caught.value) == (
        "net.pth does not fit the published ResNet-18 (122 tensors): 2 of another shape "
        "(fc.weight is 1000x512 instead of 3x512, fc.bias is 1000 instead of 3)."
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"encoder.0.weight": torch.zeros(3), "b": torch.zeros(1)},
            "neither of the published networks: expected tensors like init_conv.weight (generator) or conv1.weight",
        ),
        ({"encoder.0.weight": torch.zeros(3)}, "got encoder.0.weight."),
        ({"weights": {"a": torch.zeros(1)}}, "oil.pth holds entries that are not tensors (weights)"),
        ({"model": {"a": 3}}, "oil.pth holds entries that are not tensors (a)"),
        ({}, "oil.pth holds no tensors"),
        ([torch.zeros(1)], "oil.pth holds a list"),
        (Path("code that would have to be run"), "oil.pth cannot be read as tensors"),
        ({"init_conv.weight": torch.zeros(6, 1, 1, 1)}, "first layer init_conv.weight of 6x1x1x1"),
        ({"init_conv.weight": torch.zeros(0, 1, 1, 1)}, "first layer init_conv.weight of 0x1x1x1"),
    ],
)
def test_other_contents_are_refused_with_a_reason(tmp_path, content, message):
    torch.save(content, tmp_path / "oil.pth")
    with pytest.raises(LabError) as caught:
        import_published(tmp_path / "oil.pth", tmp_path / "run")
    assert message in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", b"not a checkpoint at all", b"\x80\x02K"])
def test_damaged_files_are_refused(tmp_path, content):
    (tmp_path / "oil.pth").write_bytes(content)
    with pytest.raises(LabError, match="oil.pth cannot be read as tensors; expected a published checkpoint"):
        read_checkpoint(tmp_path / "oil.pth")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(LabError, match="There is no file .*oil.pth; expected a published checkpoint"):
        import_published(tmp_path / "oil.pth", tmp_path / "run")


def test_colour_generators_and_undefined_weights_are_refused(checkpoint, tmp_path):
    colour = build_published(dim=8, image_channels=3, dim_mults=(1, 2)).state_dict()
    torch.save(colour, tmp_path / "oil.pth")
    with pytest.raises(LabError, match="oil.pth makes images of 3 channels"):
        import_published(tmp_path / "oil.pth", tmp_path / "run")
    with pytest.raises(LabError, match=r"infinite or undefined values \(final_conv.bias\)"):
        import_published(checkpoint(**{"final_conv.bias": torch.tensor([float("nan")])}), tmp_path / "run")


def test_a_half_precision_checkpoint_is_loaded_as_float32(checkpoint):
    tensors = {key: tensor.half() for key, tensor in read_checkpoint(checkpoint()).items()}
    assert {parameter.dtype for parameter in published_network(tensors, "half").parameters()} == {torch.float32}
