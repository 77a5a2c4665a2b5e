"""A tiny generator with random weights."""

import pytest
import torch

from svp_core.generator import unet
from tests.helpers.random_networks import randomise_output
from tests.helpers.tiny_generator import CONFIG


@pytest.fixture(scope="module")
def generator():
    """A network with random weights: its images mean nothing but depend on every input."""
    torch.manual_seed(0)
    model = unet.build_unet(CONFIG).eval()
    randomise_output(model)
    return unet.Generator(model, CONFIG, None, torch.device("cpu"))
