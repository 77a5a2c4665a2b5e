"""The interface of an executor: a process per job, and a function over batches in their order."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class WorkItem:
    """One batch for Executor.map_ordered."""

    argument: Any  # what the function is called with; must be picklable
    size: int  # bytes that it takes while it waits
    context: Any = None  # stays in this process and comes back beside the result


class Executor(Protocol):
    """Where work runs."""

    def submit_job(
        self, command: Sequence[str], *, folder: Path, environment: Mapping[str, str], log_file: Path
    ) -> None:
        """Start the process of one job, which outlives this process and a Ctrl-C on it.

        environment: added to that of this process. log_file: gets its output, appended.
        """
        ...

    def map_ordered(
        self, function: Callable[[Any], Any], items: Iterable[WorkItem], *, workers: int
    ) -> Generator[tuple[Any, Any], None, None]:
        """Yield (context, function(argument)) of each item, in the order of the items.

        Items are taken from the iterable only as fast as results are taken from here (back-pressure). workers:
        processes beside this one; 0: this process does the work. Closing the iterator ends the processes.
        Raises LabError where a process is killed.
        """
        ...
