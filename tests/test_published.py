"""The published generator network: its tensor names and outputs against the published code's, folding, wrong files.

The reference tensors stand in ../shared/official; where that folder is missing, the tests that need it are skipped.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from svp_core.errors import LabError
from svp_core.generator.published import (
    ancestral_steps,
    build_published,
    fold_weight_standardisation,
    load_published,
    sample_published,
)

OFFICIAL = Path(__file__).parents[1].parent / "shared" / "official"
needs_official = pytest.mark.skipif(not OFFICIAL.is_dir(), reason="../shared/official is not here")


def small_network():
    torch.manual_seed(0)
    return build_published(dim=8, dim_mults=(1, 2))


@pytest.fixture
def checkpoint(tmp_path):
    """A small random checkpoint, and a function that writes one with some tensors changed."""
    tensors = small_network().state_dict()

    def write(**changes):
        path = tmp_path / "oil.pth"
        torch.save({key: value for key, value in (tensors | changes).items() if value is not None}, path)
        return path

    return write


def output(model, images, times):
    with torch.no_grad():
        return model(images, times)


@needs_official
def test_every_tensor_of_the_published_network_has_its_name_and_shape():
    lines = (OFFICIAL / "unet_dim64_keys.txt").read_text().splitlines()
    expected = dict(line.split() for line in lines if line.strip())
    ours = {key: "x".join(map(str, tensor.shape)) for key, tensor in build_published().state_dict().items()}
    assert ours == expected


@needs_official
@pytest.mark.parametrize("folded", [False, True])
def test_output_equals_the_published_codes(folded):
    model = load_published(OFFICIAL / "unet_dim8.pth")
    if folded:
        fold_weight_standardisation(model)
    reference = torch.load(OFFICIAL / "unet_dim8_io.pt", weights_only=True)
    assert (output(model, reference["x"], reference["t"]) - reference["y"]).abs().max() <= 1e-5


@needs_official
def test_twenty_steps_equal_the_published_loop():
    model = load_published(OFFICIAL / "unet_dim8.pth")
    reference = torch.load(OFFICIAL / "unet_dim8_sample20.pt", weights_only=True)
    torch.manual_seed(55)
    steps = list(ancestral_steps(model, lambda: torch.randn(2, 1, 64, 64), steps=20))
    assert (steps[1][2] - reference["first"]).abs().max() <= 1e-3
    assert (steps[-1][2] - reference["last"]).abs().max() <= 1e-3


def test_the_published_size_has_35_705_089_parameters():
    with torch.device("meta"):
        model = build_published()
    assert sum(parameter.numel() for parameter in model.parameters()) == 35_705_089
    assert len(model.state_dict()) == 293


def test_folding_changes_no_output_and_works_once():
    model = small_network()
    images, times = torch.randn(3, 1, 32, 32), torch.tensor([0, 250, 499])
    unfolded = output(model, images, times)
    fold_weight_standardisation(model)
    assert (output(model, images, times) - unfolded).abs().max() <= 1e-6
    with pytest.raises(ValueError, match="already folded"):
        fold_weight_standardisation(model)


def test_time_and_image_both_matter():
    model = small_network()
    images = torch.randn(2, 1, 32, 32)
    early = output(model, images, torch.tensor([0, 0]))
    assert (output(model, images, torch.tensor([0, 499])) - early).abs().amax((1, 2, 3)).tolist()[0] <= 1e-6
    assert (output(model, images, torch.tensor([0, 499])) - early).abs().amax((1, 2, 3)).tolist()[1] > 1e-3


def test_a_loaded_checkpoint_is_the_saved_network(checkpoint):
    saved, loaded = small_network(), load_published(checkpoint())
    images, times = torch.randn(2, 1, 32, 32), torch.tensor([10, 400])
    assert torch.equal(output(loaded, images, times), output(saved, images, times))
    assert not loaded.training


def test_ancestral_sampling_equals_diffusers_scheduler():
    from diffusers import DDPMScheduler

    model, steps = small_network(), 6
    scheduler = DDPMScheduler(
        num_train_timesteps=steps, beta_schedule="linear", beta_start=1e-4, beta_end=0.02,
        prediction_type="epsilon", clip_sample=False, variance_type="fixed_small",
    )  # fmt: skip
    scheduler.set_timesteps(steps)
    torch.manual_seed(7)
    images = torch.randn(2, 1, 32, 32)
    for time in scheduler.timesteps:
        noise = output(model, images, time.expand(2))
        images = scheduler.step(noise, time, images).prev_sample
    torch.manual_seed(7)
    *_, (step, sigma, ours, clean) = ancestral_steps(model, lambda: torch.randn(2, 1, 32, 32), steps=steps)
    assert (step, sigma) == (steps, 0)
    assert (ours - images).abs().max() <= 1e-4
    assert (clean - ours).abs().max() <= 1e-4  # the last step goes to the prediction itself


def test_noise_levels_are_those_of_the_published_schedule():
    class Silent(torch.nn.Module):
        def forward(self, images, times):
            return torch.zeros_like(images)

    levels = [sigma for _, sigma, _, _ in ancestral_steps(Silent(), lambda: torch.zeros(1, 1, 8, 8))]
    assert len(levels) == 501
    assert levels[0] == pytest.approx(12.5, abs=0.05)  # 8 % of the image is left in the noise at the start
    assert levels[-2] == pytest.approx(0.01, abs=1e-4)
    assert levels[-1] == 0


def test_a_seed_gives_the_same_image_in_any_batch():
    model = small_network()
    together = [step.clean for step in sample_published(model, seeds=[5, 6, 7], steps=4)]
    alone = [step.clean for step in sample_published(model, seeds=[6], steps=4)]
    assert len(together) == len(alone) == 5
    assert together[-1].shape == (3, 64, 64)
    assert together[-1].dtype == np.uint8
    assert np.abs(together[-1][1].astype(int) - alone[-1][0]).max() <= 1
    assert np.abs(together[-1][0].astype(int) - alone[-1][0]).max() > 1


def test_missing_extra_and_misshapen_tensors_are_named(checkpoint):
    path = checkpoint(
        **{"final_conv.bias": None, "head.weight": torch.zeros(3), "time_mlp.1.weight": torch.zeros(32, 9)}
    )
    with pytest.raises(LabError) as caught:
        load_published(path)
    assert str(caught.value) == (
        "oil.pth does not fit the published generator network (169 tensors): 1 missing (final_conv.bias), "
        "1 extra (head.weight), 1 of another shape (time_mlp.1.weight is 32x9 instead of 32x8)."
    )


def test_another_networks_checkpoint_is_refused_in_one_sentence(tmp_path):
    from torchvision.models import resnet18

    torch.save(resnet18(num_classes=3).state_dict(), tmp_path / "net.pth")
    with pytest.raises(
        LabError, match=r"293 missing \(init_conv.weight, .* and 289 more\), 122 extra \(conv1.weight, "
    ):
        load_published(tmp_path / "net.pth")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"model": {"a": torch.zeros(1)}}, "oil.pth holds entries that are no tensors (model)"),
        ({}, "oil.pth holds no tensors"),
        ([torch.zeros(1)], "oil.pth holds a list"),
        (Path("code that would have to be run"), "oil.pth cannot be read as tensors"),
        ({"init_conv.weight": torch.zeros(6, 1, 1, 1)}, "first layer init_conv.weight of 6x1x1x1"),
        ({"init_conv.weight": torch.zeros(0, 1, 1, 1)}, "first layer init_conv.weight of 0x1x1x1"),
    ],
)
def test_other_contents_get_a_sentence(tmp_path, content, sentence):
    torch.save(content, tmp_path / "oil.pth")
    with pytest.raises(LabError) as caught:
        load_published(tmp_path / "oil.pth")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a zip", b"not a checkpoint at all", b"\x80\x02K"])
def test_damaged_files_get_a_sentence(tmp_path, content):
    (tmp_path / "oil.pth").write_bytes(content)
    with pytest.raises(
        LabError, match="oil.pth cannot be read as tensors; expected is a published generator checkpoint"
    ):
        load_published(tmp_path / "oil.pth")


def test_a_missing_file_gets_a_sentence(tmp_path):
    with pytest.raises(LabError, match="There is no file .*oil.pth"):
        load_published(tmp_path / "oil.pth")
