"""Networks with random weights, whose output depends on every input."""

from typing import Any

import torch


def randomise_output(unet: Any) -> None:
    """Give the output layer of an untrained UNet random weights; build_unet sets it to zero."""
    torch.nn.init.normal_(unet.conv_out.weight, std=0.05)
