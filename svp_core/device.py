"""Compute device, and the arithmetic precision that is fast on it."""

import contextlib
import copy
from dataclasses import fields, replace
from typing import Any, TypeVar

import torch

Holder = TypeVar("Holder", bound=Any)


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


def on_device(holder: Holder, device: torch.device) -> Holder:
    """A copy of a loaded model (a dataclass with .device, such as Classifier or Generator) whose networks are there."""
    networks = {
        field.name: copy.deepcopy(network).to(device)
        for field in fields(holder)
        if isinstance(network := getattr(holder, field.name), torch.nn.Module)
    }
    return replace(holder, device=device, **networks)


class Travelling:
    """Base of functions for an executor that hold a loaded model, as `self.model`.

    Sent to another process or machine, the model goes by way of the CPU and arrives on the best device there.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "model": on_device(self.model, torch.device("cpu"))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.model = on_device(self.model, best_device())
