"""How long work tells where it is."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """Yielded after each finished step of something long; to stop the work, stop iterating."""

    step: int  # finished steps, from 1
    total: int | None  # None while it is not known
    message: str = ""
    loss: float | None = None  # of this step, in training
