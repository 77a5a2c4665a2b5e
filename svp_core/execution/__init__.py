"""Where the work of this lab runs: one Executor, today this machine's processes.

A cluster (Ray Data: read shards, measure, predict, write, with the same rows in source order) would be a second
implementation of Executor, chosen in executor().
"""

from svp_core.execution.executor import Executor, WorkItem
from svp_core.execution.local import LocalExecutor

__all__ = ["Executor", "LocalExecutor", "WorkItem", "executor"]


def executor() -> Executor:
    """The executor of this lab."""
    return LocalExecutor()
