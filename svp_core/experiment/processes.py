"""Do units in several processes: one per GPU, or one thread each on the processor. Progress as they finish."""

import os
import threading
import time
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from svp_core.experiment.units import Unit, run_unit
from svp_core.progress import Progress, run_to_end

_WAIT_S = 1.0  # between two events while nothing finishes, so that a job can be stopped


def run_units(folder: Path, units: Sequence[Unit], *, processes: int) -> Generator[Progress, None, None]:
    """Do the units that are not done; yields Progress(finished units, all units). Pools are done before cells.

    Stopped, it ends its processes; a unit in progress is then lost, finished ones stay.
    """
    total, done = len(units), sum(unit.is_done(folder) for unit in units)
    yield Progress(done, total, "")
    for part in ([u for u in units if u.is_pool], [u for u in units if not u.is_pool]):
        waiting = [unit for unit in part if not unit.is_done(folder)]
        if processes > 1 and len(waiting) > 1:
            steps = _in_parallel(folder, waiting, min(processes, len(waiting)))
        else:
            steps = _one_after_another(folder, waiting)
        for finished, message in steps:
            done += finished
            yield Progress(done, total, message)


def _one_after_another(folder, units):
    for unit in units:
        for progress in run_unit(folder, unit):
            share = f" ({progress.step:,} of {progress.total:,})" if progress.total and progress.step else ""
            yield 0, f"{describe(unit)}: {progress.message or 'training'}{share}"
        yield 1, describe(unit)


def _in_parallel(folder, units, processes):
    context = get_context("spawn")
    numbers = context.Queue()
    for number in range(processes):
        numbers.put(number)
    pool = ProcessPoolExecutor(
        processes, mp_context=context, initializer=_start_process, initargs=(numbers, os.getpid())
    )
    try:
        pending = {pool.submit(_do, folder, unit): unit for unit in units}
        while pending:
            finished, _ = wait(pending, timeout=_WAIT_S, return_when=FIRST_COMPLETED)
            for future in finished:
                unit = pending.pop(future)
                future.result()
                yield 1, describe(unit)
            if not finished:
                yield 0, f"{min(processes, len(pending))} at once"
    finally:
        workers = list((pool._processes or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in workers:
            worker.terminate()


def _start_process(numbers, parent):
    """First thing in a process: its GPU, and a watch on its parent, so that none outlives a killed job."""
    number = numbers.get()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


def _end_with(parent):
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _do(folder, unit):
    run_to_end(run_unit(folder, unit))


def describe(unit: Unit) -> str:
    """A unit in words."""
    from svp_core.experiment.design import NETWORK_TITLES, SOURCE_TITLES, parse_arm

    if unit.is_pool:
        return f"Tiles of {SOURCE_TITLES[unit.source]}, seed {unit.seed + 1}"
    return f"{NETWORK_TITLES[unit.network]}, {parse_arm(unit.arm).title}, seed {unit.seed + 1}"


def process_count() -> int:
    """Processes that this machine does units with: one per GPU, else one per thread that this job may use."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else max(1, torch.get_num_threads())
