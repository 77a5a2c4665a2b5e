"""Memory and processor time of processes, as /proc tells them; nothing where there is no /proc."""

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def process_tree(root: int) -> set[int]:
    """Ids of a process and all below it."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        if fields := _fields(int(stat.parent.name)):
            parents[int(stat.parent.name)] = int(fields[1])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def cpu_seconds(pid: int) -> float | None:
    """Processor time of a process, user and system; None where it has ended."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / TICK if fields else None


def memory_kb(pid: int) -> int:
    """Memory of a process (PSS), what it shares divided among those that share it, in kB of 1,024 bytes; 0: ended."""
    with suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _fields(pid: int) -> list[str]:
    """What stat says after the program's name, which may contain any character; [] where the process has ended."""
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return []
