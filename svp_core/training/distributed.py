"""Data-parallel training: several processes, one per GPU, as `accelerate launch` or torchrun start them."""

import os
from typing import TYPE_CHECKING, TypeVar

from svp_core.errors import LabError

if TYPE_CHECKING:
    from accelerate import Accelerator

Value = TypeVar("Value")


def create_accelerator() -> "Accelerator | None":
    """accelerate's Accelerator where a launcher started this process as one of several, else None.

    Raises LabError where accelerate is not installed.
    """
    count = int(os.environ.get("WORLD_SIZE") or 1)
    if count < 2:
        return None
    try:
        from accelerate import Accelerator
    except ModuleNotFoundError:
        raise LabError(
            f"This is one of {count} processes of a distributed training, which needs accelerate; install it "
            "(pip install accelerate), or start the command without a launcher."
        ) from None
    return Accelerator()


def is_main(accelerator: "Accelerator | None") -> bool:
    """Whether this is the main process, which writes files and runs the checks."""
    return accelerator is None or accelerator.is_main_process


def barrier(accelerator: "Accelerator | None") -> None:
    """Wait until all processes have reached this point."""
    if accelerator is not None:
        accelerator.wait_for_everyone()


def broadcast(accelerator: "Accelerator | None", value: Value) -> Value:
    """Broadcast the main process's value to all processes."""
    if accelerator is None:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]
