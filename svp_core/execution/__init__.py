"""Where the work of this lab runs: one Executor, this machine's processes or a Ray cluster."""

from svp_core.errors import LabError
from svp_core.execution.executor import Executor, WorkItem
from svp_core.execution.local import LocalExecutor
from svp_core.execution.ray_cluster import RayExecutor, cluster_address, has_cluster, has_ray

LOCAL, RAY = "local", "ray"
ENGINES = {LOCAL: LocalExecutor, RAY: RayExecutor}  # keys are stored and are options of the command line

__all__ = [
    "ENGINES",
    "LOCAL",
    "RAY",
    "Executor",
    "LocalExecutor",
    "RayExecutor",
    "WorkItem",
    "cluster_address",
    "executor",
    "has_cluster",
    "has_ray",
]


def executor(engine: str | None = None) -> Executor:
    """The executor of this engine; None: LOCAL. Raises LabError for an engine that there is not."""
    try:
        return ENGINES[engine or LOCAL]()
    except KeyError:
        raise LabError(f"There is no engine {engine!r}; use {' or '.join(ENGINES)}.") from None
