"""Where a network runs, and how fast its arithmetic may be there."""

import contextlib

import torch


def best_device():
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(device):
    """Whether bfloat16 matrix products have their own hardware there; elsewhere they only cost accuracy."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capability = torch.backends.cpu.get_cpu_capability()
    if not capability.startswith("AVX512"):
        return False
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def fast_arithmetic(device, *, bfloat16=None):
    """Context in which networks run in bfloat16 where that pays (or where told so), else in float32."""
    wanted = has_fast_bfloat16(device) if bfloat16 is None else bfloat16
    return torch.autocast(device.type, torch.bfloat16) if wanted else contextlib.nullcontext()
