"""Progress events of long-running work."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """Yielded after each finished step of long-running work; to stop the work, stop iterating."""

    step: int  # finished steps, from 1
    total: int | None  # None while it is unknown
    message: str = ""
    loss: float | None = None  # training loss of this step


Steps = Generator[Progress, None, None]  # long-running work; close() stops it


def run_to_end(
    steps: Generator[Progress, Any, Result], on_progress: Callable[[Progress], object] = lambda progress: None
) -> Result:
    """Run a generator of Progress to its end and return its return value; on_progress receives each event."""
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value
        on_progress(progress)


def uncounted(
    steps: Generator[Progress, Any, Result], *, step: int = 0, total: int | None = None
) -> Generator[Progress, None, Result]:
    """The same work with its numbers in the message alone; the job stands at `step` of `total` meanwhile.

    For a part whose steps are of another kind than the job's, or the rate and the time left would mix them.
    """
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            return end.value
        text = progress.message
        if text and progress.step and progress.total and " of " not in text:
            text += f" ({progress.step:,} of {progress.total:,})"
        yield Progress(step, total, text)
