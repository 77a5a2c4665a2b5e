"""Classification of 10^4, 10^5, 10^6 particles: time, memory, linear fit; this machine beside Ray, one node beside two.

    python benchmarks/scale.py [--counts 10000 100000] [--engines local ray] [--nodes] [--folder DIR] [--weights MODEL]

An archive of each size is written from the sample tiles, repeated, and classified by the command `classify` into a
folder, by each engine on the same cores, one after the other. Printed are the seconds, the largest memory of all
processes together (PSS, where /proc tells it), the fit seconds = start + particles x slope by least squares, and how
much longer Ray takes. Tables of results are compared byte for byte. --nodes: with Ray on one node of one core, and on
two such nodes (processes on this machine): the speed-up. Needs Ray for all but --engines local.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np

from svp_core.images import encode_png

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_S = 0.5  # between two readings of the memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--engines", nargs="+", choices=("local", "ray"), default=["local", "ray"])
    parser.add_argument("--nodes", action="store_true", help="one node of one core beside two, with Ray")
    parser.add_argument("--weights", default="resnet18")
    parser.add_argument("--folder", type=Path, help="keep the archives here and use them again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        archives = {count: write_archive(folder / f"{count}.zip", count) for count in options.counts}
        seconds = compare_engines(archives, options.engines, options.weights)
        for engine, by_count in seconds.items():
            print_fit(engine, by_count)
        if len(seconds) > 1:
            for count in archives:
                print(f"{count:,}: Ray takes {seconds['ray'][count] / seconds['local'][count] - 1:+.0%} of time")
        if options.nodes:
            compare_nodes(archives[max(archives)], max(archives), options.weights)


def write_archive(path: Path, count: int) -> Path:
    """An archive of `count` particles as PNG files, the sample tiles repeated."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        images = [encode_png(tile) for tile in np.load(ROOT / "sample_data" / "tiles.npy")]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for number in range(count):
                archive.writestr(f"particle_{number:07d}.png", images[number % len(images)])
    return path


def compare_engines(archives: dict[int, Path], engines: list[str], weights: str) -> dict[str, dict[int, float]]:
    """engine -> particles -> seconds; prints them."""
    seconds: dict[str, dict[int, float]] = {engine: {} for engine in engines}
    for count, archive in archives.items():
        tables = set()
        for engine in engines:
            seconds[engine][count], megabytes, table = classify(archive, engine, weights)
            tables.add(table)
            rate = count / seconds[engine][count]
            print(
                f"{count:>9,} {engine:<6} {seconds[engine][count]:8.1f} s  {rate:6.0f}/s  {megabytes:6,.0f} MB",
                flush=True,
            )
        if len(tables) > 1:
            sys.exit(f"The engines' tables of {count:,} particles differ.")
    return seconds


def print_fit(engine: str, seconds: dict[int, float]) -> None:
    """The least-squares line through the times, and how far off it the times are."""
    if len(seconds) < 2:
        return
    counts, times = np.array(list(seconds)), np.array(list(seconds.values()))
    slope, start = np.polyfit(counts, times, 1)
    largest = np.abs(times / (start + slope * counts) - 1).max()
    off = f", largest deviation {largest:.0%}" if len(seconds) > 2 else ""
    print(f"{engine}: {start:.1f} s + {1000 * slope:.2f} s per 1,000 particles{off}")


def compare_nodes(archive: Path, count: int, weights: str) -> None:
    """Time with one and with two Ray nodes of one core each."""
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_worker_niceness", "1")
    times = []
    for nodes in (1, 2):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        seconds, _, _ = classify(archive, "ray", weights, address=str(cluster.address))
        cluster.shutdown()
        times.append(seconds)
        print(f"{count:>9,} Ray, {nodes} node{'s' * (nodes > 1)} of one core {seconds:8.1f} s", flush=True)
    print(f"Speed-up of two nodes: {times[0] / times[1]:.2f}")


def classify(archive: Path, engine: str, weights: str, *, address: str = "") -> tuple[float, float, bytes]:
    """(seconds, largest MB of its processes, results.csv) of one classification."""
    out = Path(tempfile.mkdtemp(prefix="svp-scale-"))
    command = [sys.executable, "-m", "svp_core", "classify", str(archive), "--out", str(out / "out")]
    environment = {**os.environ, "SVP_WORKSPACE": str(out / "workspace"), "SVP_RAY_ADDRESS": address}
    start = time.perf_counter()
    with (out / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--engine", engine, "--weights", weights], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        memory = Memory(process.pid)
        status = process.wait()
    seconds = time.perf_counter() - start
    if status:
        sys.exit((out / "log").read_text()[-2000:])
    table = (out / "out" / "results.csv").read_bytes()
    shutil.rmtree(out)
    return seconds, memory.largest(), table


class Memory:
    """Reads the memory of a process and all below it until it ends."""

    def __init__(self, pid: int) -> None:
        self._pid, self._largest = pid, 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def largest(self) -> float:
        """The largest sum that was seen, MB."""
        self._thread.join()
        return self._largest

    def _watch(self) -> None:
        while Path(f"/proc/{self._pid}/smaps_rollup").exists():
            self._largest = max(self._largest, sum(map(pss_megabytes, process_tree(self._pid))))
            time.sleep(SAMPLE_S)


def process_tree(root: int) -> set[int]:
    """Ids of a process and all below it."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def pss_megabytes(pid: int) -> float:
    """Memory of a process, what it shares divided among those that share it."""
    with suppress(OSError, IndexError, ValueError):
        return float(Path(f"/proc/{pid}/smaps_rollup").read_text().partition("Pss:")[2].split()[0]) / 1e3
    return 0.0


if __name__ == "__main__":
    main()
