"""Compute device, and the arithmetic precision that is fast on it."""

import contextlib

import torch


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device has hardware for bfloat16 matrix products; elsewhere they only cost accuracy."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    capability = torch.backends.cpu.get_cpu_capability()
    if not capability.startswith("AVX512"):
        return False
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def fast_arithmetic(device: torch.device, *, bfloat16: bool | None = None) -> contextlib.AbstractContextManager[object]:
    """Context in which networks run in bfloat16 or float32; None = bfloat16 where the device has hardware for it."""
    use_bfloat16 = has_fast_bfloat16(device) if bfloat16 is None else bfloat16
    return torch.autocast(device.type, torch.bfloat16) if use_bfloat16 else contextlib.nullcontext()
