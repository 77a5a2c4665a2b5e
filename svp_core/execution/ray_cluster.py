"""Work on a Ray cluster: actors that hold what the function needs, on every machine that has joined.

Ray's actors, not Ray Data: a source is read in its order by one process (archives, lists, collages), results are wanted
in that order, and a batch must hold the same particles as on one machine, or the network rounds differently. What Ray
Data would add, reading in many places, is what would give that up.
"""

import os
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from svp_core.errors import LabError
from svp_core.execution.executor import WorkItem
from svp_core.execution.local import MAX_WAITING, MAX_WAITING_BYTES, LocalExecutor
from svp_core.execution.threads import set_threads

ADDRESS = "SVP_RAY_ADDRESS"  # environment variable: address of a running cluster, such as ray://head:10001 or head:6379
MAX_LOSSES = 3  # of a batch's worker; a batch that kills a fourth one is at fault itself
NICENESS = 1  # of workers of a cluster that is started here
MAX_ON_GPU = 8  # actors that share a GPU
START_S = 300  # until at least one actor must be there
ANSWER_S = 10  # until a cluster must answer at its address
STORE_BYTES = 512 * 1024**2  # shared memory of a cluster that is started here
_SAME_VERSIONS = ("numpy", "opencv-python-headless", "pillow", "torch", "torchvision")  # results depend on them


def has_ray() -> bool:
    """Whether Ray is installed."""
    return find_spec("ray") is not None


def cluster_address() -> str:
    """Address of the cluster that this lab uses; "" where none is named: then Ray is started on this machine."""
    return os.environ.get(ADDRESS, "").strip()


def has_cluster() -> bool:
    """Whether a cluster can be offered: Ray is installed, and an address is set or Ray already runs on this machine."""
    return has_ray() and bool(cluster_address() or _address_here())


def _address_here() -> str:
    """Address of the cluster that this machine belongs to; "" where none answers: the file outlives a lost cluster."""
    try:
        address = Path(os.environ.get("RAY_TMPDIR") or "/tmp", "ray", "ray_current_cluster").read_text("utf-8").strip()
        _knock(address)
    except OSError:
        return ""
    return address


class RayExecutor(LocalExecutor):
    """The executor of a cluster; see Executor. The process of a job runs on this machine and hands out its batches."""

    def map_ordered(
        self, function: Callable[[Any], Any], items: Iterable[WorkItem], *, workers: int
    ) -> Generator[tuple[Any, Any], None, None]:
        """Map in actors, each of which keeps its copy of the function. workers: 0: one for every core of the cluster.

        A batch whose worker or machine is lost is done again by another one; its result is taken once. Raises LabError
        where Ray is missing, no cluster answers, a worker has other versions, or a batch has lost MAX_LOSSES workers.
        """
        actors = _Actors(_connected(), function, workers)
        try:
            yield from _in_order(actors, items)
        finally:
            actors.stop()


@dataclass
class _Batch:
    """An item that is being worked on."""

    index: int
    item: WorkItem
    losses: int = 0


def _in_order(actors: "_Actors", items: Iterable[WorkItem]) -> Iterator[tuple[Any, Any]]:
    source, again, results = iter(items), deque[_Batch](), dict[int, tuple[_Batch, Any]]()
    taken = given = waiting_bytes = 0
    is_over = False
    while True:
        while actors.has_room():
            batch = again.popleft() if again else None
            is_full = taken - given >= 2 * MAX_WAITING * actors.count or waiting_bytes > MAX_WAITING_BYTES
            if batch is None and not is_over and not (is_full and taken > given):
                if (item := next(source, None)) is None:
                    is_over = True
                else:
                    batch, taken, waiting_bytes = _Batch(taken, item), taken + 1, waiting_bytes + item.size
            if batch is None:
                break
            actors.submit(batch)
        if is_over and taken == given:
            return
        for batch, result in actors.wait():
            if isinstance(result, WorkerLost):
                batch.losses += 1
                if batch.losses > MAX_LOSSES:
                    raise LabError(
                        f"{batch.losses} workers were lost on the same images, perhaps for lack of memory; see the "
                        "log of Ray on that machine."
                    )
                again.append(batch)
            else:
                results[batch.index] = batch, result
        while given in results:
            batch, result = results.pop(given)
            given, waiting_bytes = given + 1, waiting_bytes - batch.item.size
            if isinstance(result, _Raised):
                raise result.error
            yield batch.item.context, result


class WorkerLost(Exception):
    """The process or machine of a worker has ended."""


@dataclass
class _Raised:
    """What the function raised."""

    error: BaseException


class _Actors:
    """The workers: those that answer, those that are starting, and the batches that they have."""

    def __init__(self, ray: Any, function: Callable[[Any], Any], count: int) -> None:
        self._ray, self._function = ray, ray.put(function)
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0))
        self.count = count or max(1, min(int(resources.get("CPU", 1)), gpus * MAX_ON_GPU or 10**9))
        self._share = min(1.0, gpus / self.count) if gpus else 0
        self._loads: dict[Any, int] = {}  # actor -> batches that it has
        self._work: dict[Any, tuple[Any, _Batch]] = {}  # reference of a result -> actor, batch
        self._starting = dict(self._start() for _ in range(self.count))

    def has_room(self) -> bool:
        """Whether an actor could take a batch."""
        return any(load < MAX_WAITING for load in self._loads.values())

    def submit(self, batch: _Batch) -> None:
        """Give a batch to the actor that has the fewest."""
        actor = min(self._loads, key=lambda one: self._loads[one])
        self._loads[actor] += 1
        self._work[actor.call.remote(batch.item.argument)] = actor, batch

    def wait(self) -> list[tuple[_Batch, Any]]:
        """(batch, result, WorkerLost or _Raised) of all that has ended; waits for one, or for an actor to be ready."""
        ended, references = [], [*self._work, *self._starting]
        ready, _ = self._ray.wait(references, num_returns=1, timeout=START_S)
        if not ready and not self._loads:
            raise LabError(
                f"No worker of the Ray cluster was ready within {START_S} s; `ray status` says what it waits for."
            )
        ready, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        for reference in ready:
            if reference in self._starting:
                self._welcome(reference)
            else:
                ended.append(self._result_of(reference))
        return ended

    def stop(self) -> None:
        """End all actors; what they are doing is dropped."""
        for actor in (*self._loads, *self._starting.values()):
            self._ray.kill(actor)

    def _start(self) -> tuple[Any, Any]:
        """(reference that is there once it is ready, actor)."""
        options = {"num_cpus": 1, "num_gpus": round(self._share, 4), "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(_Worker).options(**options).remote(self._function)
        return actor.versions.remote(), actor

    def _welcome(self, reference: Any) -> None:
        actor = self._starting.pop(reference)
        try:
            _check_versions(*self._ray.get(reference))
        except self._ray.exceptions.RayActorError as error:
            if not self._loads and not self._starting:
                raise LabError(f"The workers of the Ray cluster do not start: {_last_line(error)}") from None
            return
        self._loads[actor] = 0

    def _result_of(self, reference: Any) -> tuple[_Batch, Any]:
        actor, batch = self._work.pop(reference)
        exceptions = self._ray.exceptions
        try:
            result = self._ray.get(reference)
        except exceptions.RayTaskError as error:
            result = _Raised(error.cause if isinstance(error.cause, BaseException) else error)
        except (exceptions.RayActorError, exceptions.ObjectLostError, exceptions.WorkerCrashedError):
            result = WorkerLost()
            if self._loads.pop(actor, None) is not None:
                self._starting.update([self._start()])
        if actor in self._loads:
            self._loads[actor] -= 1
        return batch, result


class _Worker:
    """The actor: calls its function with one argument at a time, on one core."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        set_threads(1)
        self._function = function

    def versions(self) -> tuple[str, dict[str, str]]:
        """(name of this machine, versions of what results depend on)."""
        return os.uname().nodename if hasattr(os, "uname") else "a worker", _versions()

    def call(self, argument: Any) -> Any:
        """The function's result."""
        return self._function(argument)


def _connected() -> Any:
    """The module ray, connected. Raises LabError where it is missing or no cluster answers."""
    if not has_ray():
        raise LabError(
            "Ray is not installed; install it on every machine (pip install -r requirements-cluster.txt), or use the "
            "engine local."
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    os.environ.setdefault("RAY_worker_niceness", str(NICENESS))  # Ray's own, 15, starves beside anything else
    import ray

    if ray.is_initialized():
        return ray
    quiet: Mapping[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address := cluster_address():
        try:
            _knock(address)
            ray.init(address, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise LabError(
                f"No Ray cluster answers at {address} ({_last_line(error)}); start it (ray start --head), or unset "
                f"{ADDRESS} to use this machine alone."
            ) from None
    else:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        own: Mapping[str, Any] = {"num_cpus": cores, "include_dashboard": False, "object_store_memory": STORE_BYTES}
        if here := _address_here():
            ray.init(here, **quiet)
        else:
            ray.init("local", **own, **quiet)
    return ray


def _knock(address: str) -> None:
    """Raise OSError where nothing listens at host:port: Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), timeout=ANSWER_S).close()


def _versions() -> dict[str, str]:
    return {name: version(name) for name in _SAME_VERSIONS}


def _check_versions(machine: str, versions: Mapping[str, str]) -> None:
    for name, own in _versions().items():
        if versions[name] != own:
            raise LabError(
                f"{machine} has {name} {versions[name]} and this machine {own}, so their results would differ; install "
                "the same requirements.txt on both."
            )


def _last_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()[:200]
