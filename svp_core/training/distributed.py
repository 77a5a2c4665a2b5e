"""Several processes, one a GPU, that train one network together, as `accelerate launch` or torchrun start them."""

import os

from svp_core.errors import LabError


def accelerator():
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
            f"This is one of {count} processes that train together, for which accelerate is needed; install it "
            "(pip install accelerate), or start the command without a launcher."
        ) from None
    return Accelerator()


def is_main(company):
    """Whether this process is the one that writes and measures."""
    return company is None or company.is_main_process


def barrier(company):
    """Return when all processes have come here."""
    if company is not None:
        company.wait_for_everyone()


def broadcast(company, word):
    """What the leading process says: its `word`, in every process."""
    if company is None:
        return word
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([word])[0]
