"""Classification of 10^4, 10^5, 10^6 particles: time, memory, linear fit; this machine beside Ray, one node beside two.

    python benchmarks/scale.py [--counts 10000 100000] [--engines local ray] [--folder-of 20000] [--nodes] [--folder X]

An archive of each size is written from the sample tiles, repeated, and classified by the command `classify` into a
folder, by each engine on the same cores, one after the other. --folder-of: so is a folder of so many images, nested in
others. Printed are the seconds, the processor time and the largest memory (PSS) of all processes together, as /proc
tells them every second, and the fits seconds = start + particles x slope by least squares; on a machine that does
other work as well, the processor time is what can be compared. Tables, columns and tiles of the engines are compared
byte for byte. --nodes: with Ray on one node of one core, and on two such nodes (processes on this machine): the
speed-up. --folder: keep archives and the engines' last results there, for benchmarks/large_results.py --folder
X/results_local. Needs Ray for all but --engines local.
"""

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import tifffile
from _processes import cpu_seconds, memory_kb, process_tree
from pyarrow import parquet

from svp_core.classification import results_csv
from svp_core.classification.column_store import STORE_FILE
from svp_core.images import encode_png

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_S = 1.0  # between two readings of memory and processor time
UM_PER_PX = "0.55"
STACK = 96  # particles of a file in an archive
BRANCHES = 10  # folders in each folder of images


@dataclass(frozen=True)
class Cost:
    """What one classification took."""

    seconds: float
    cpu_seconds: float  # of all its processes
    megabytes: float  # largest memory of all its processes together
    digest: str  # of the results, see digest_of; "": not asked for


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--engines", nargs="+", choices=("local", "ray"), default=["local", "ray"])
    parser.add_argument("--nodes", action="store_true", help="one node of one core beside two, with Ray")
    parser.add_argument("--folder-of", type=int, nargs="*", default=[], help="classify folders of so many images, too")
    parser.add_argument("--weights", default="resnet18")
    parser.add_argument("--folder", type=Path, help="keep the archives here and use them again; keep the results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        kept = options.folder / "results" if options.folder else None
        for count in options.folder_of:
            source = write_folder(folder / f"{count}_images", count)
            print_overhead(count, compare_engines(source, count, options.engines, options.weights))
        costs = {
            count: compare_engines(
                write_archive(folder / f"{count}.zip", count), count, options.engines, options.weights, kept=kept
            )
            for count in options.counts
        }
        for engine in options.engines:
            print_fit(engine, "s", {count: cost[engine].seconds for count, cost in costs.items()})
            print_fit(engine, "s of processors", {count: cost[engine].cpu_seconds for count, cost in costs.items()})
        for count, cost in costs.items():
            print_overhead(count, cost)
        if options.nodes and costs:
            compare_nodes(folder / f"{max(costs)}.zip", max(costs), options.weights)


def write_archive(path: Path, count: int) -> Path:
    """An archive of `count` particles as TIFF stacks, the sample tiles repeated: it may hold 200,000 files at most."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        tiles = np.load(ROOT / "sample_data" / "tiles.npy")
        stacks = [encode_stack(tiles[start : start + STACK]) for start in range(0, len(tiles), STACK)]
        unfinished = path.with_suffix(".part")
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for number in range(count // STACK):
                archive.writestr(f"particles_{number:05d}.tif", stacks[number % len(stacks)])
            if rest := count % STACK:
                archive.writestr("particles_rest.tif", encode_stack(tiles[:rest]))
        unfinished.rename(path)
    return path


def encode_stack(tiles: np.ndarray) -> bytes:
    """Tiles (N, 64, 64) as the pages of a TIFF."""
    file = io.BytesIO()
    tifffile.imwrite(file, tiles, photometric="minisblack", compression="deflate", metadata=None)
    return file.getvalue()


def write_folder(path: Path, count: int) -> Path:
    """A folder of `count` particles as PNG files, two levels of folders deep, the sample tiles repeated."""
    if not path.exists():
        images, unfinished = sample_images(), path.with_name(f"{path.name}.part")
        for number in range(count):
            inner = unfinished / f"day_{number % BRANCHES}" / f"run_{number // BRANCHES % BRANCHES}"
            inner.mkdir(parents=True, exist_ok=True)
            (inner / f"particle_{number:07d}.png").write_bytes(images[number % len(images)])
        unfinished.rename(path)
    return path


def sample_images() -> list[bytes]:
    """The sample tiles as PNG files."""
    return [encode_png(tile) for tile in np.load(ROOT / "sample_data" / "tiles.npy")]


def compare_engines(
    source: Path, count: int, engines: list[str], weights: str, *, kept: Path | None = None
) -> dict[str, Cost]:
    """engine -> what it took; prints it. kept: the results go to <kept>_<engine>."""
    costs = {}
    for engine in engines:
        out = kept.with_name(f"{kept.name}_{engine}") if kept else None
        costs[engine] = cost = classify(source, engine, weights, kept=out, compared=len(engines) > 1)
        print(
            f"{count:>9,} {engine:<6} {cost.seconds:8.1f} s  {count / cost.seconds:6.0f}/s  "
            f"{cost.cpu_seconds:8.1f} s of processors  {cost.megabytes:6,.0f} MB",
            flush=True,
        )
    if len({cost.digest for cost in costs.values()}) > 1:
        sys.exit(f"The engines' results of {count:,} particles in {source.name} differ.")
    if len(costs) > 1:
        print(f"{count:>9,} particles in {source.name}: results.csv, results.parquet, tiles.npy are equal", flush=True)
    return costs


def print_overhead(count: int, costs: dict[str, Cost]) -> None:
    """How much more Ray takes."""
    if len(costs) > 1:
        local, ray = costs["local"], costs["ray"]
        print(
            f"{count:,}: Ray takes {ray.seconds / local.seconds - 1:+.0%} of time, "
            f"{ray.cpu_seconds / local.cpu_seconds - 1:+.0%} of processor time"
        )


def print_fit(engine: str, unit: str, seconds: dict[int, float]) -> None:
    """The least-squares line through the times, and how far off it the times are."""
    if len(seconds) < 2:
        return
    counts, times = np.array(list(seconds)), np.array(list(seconds.values()))
    slope, start = np.polyfit(counts, times, 1)
    largest = np.abs(times / (start + slope * counts) - 1).max()
    off = f", largest deviation {largest:.0%}" if len(seconds) > 2 else ""
    print(f"{engine}: {start:.1f} + {1000 * slope:.2f} {unit} per 1,000 particles{off}")


def compare_nodes(archive: Path, count: int, weights: str) -> None:
    """Time with one and with two Ray nodes of one core each."""
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_worker_niceness", "1")
    times = []
    for nodes in (1, 2):
        cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        for _ in range(nodes - 1):
            cluster.add_node(num_cpus=1)
        seconds = classify(archive, "ray", weights, address=str(cluster.address)).seconds
        cluster.shutdown()
        times.append(seconds)
        print(f"{count:>9,} Ray, {nodes} node{'s' * (nodes > 1)} of one core {seconds:8.1f} s", flush=True)
    print(f"Speed-up of two nodes: {times[0] / times[1]:.2f}")


def classify(
    source: Path, engine: str, weights: str, *, address: str = "", kept: Path | None = None, compared: bool = False
) -> Cost:
    """What one classification took. kept: folder that its results replace. compared: with its digest."""
    with tempfile.TemporaryDirectory(prefix="svp-scale-") as temporary:
        workspace, out = Path(temporary, "workspace"), kept or Path(temporary, "results")
        shutil.rmtree(out, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "svp_core",
            "classify",
            str(source),
            "--out",
            str(out),
            "--um-per-px",
            UM_PER_PX,
        ]
        environment = {**os.environ, "SVP_WORKSPACE": str(workspace), "SVP_RAY_ADDRESS": address}
        start = time.perf_counter()
        with Path(temporary, "log").open("w") as log:
            process = subprocess.Popen(
                [*command, "--engine", engine, "--weights", weights], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
            watch = Watch(process.pid)
            status = process.wait()
        seconds = time.perf_counter() - start
        if status:
            sys.exit(Path(temporary, "log").read_text()[-2000:])
        return Cost(seconds, *watch.totals(), digest_of(out) if compared else "")


def digest_of(folder: Path) -> str:
    """SHA-256 of results.csv, of its columns as Parquet, and of tiles.npy."""
    digest = hashlib.sha256()
    for name in ("results.csv", "tiles.npy"):
        with (folder / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    with patch.object(results_csv, "MIN_BYTES", 0):  # a small table has no Parquet file by itself
        results_csv.store_results(folder / "results.csv")
    columns = parquet.ParquetFile(folder / STORE_FILE)
    for group in range(columns.num_row_groups):
        rows = columns.read_row_group(group).replace_schema_metadata(None)  # it names the time of results.csv
        for batch in rows.to_batches():
            digest.update(batch.schema.serialize().to_pybytes() + batch.serialize().to_pybytes())
    return digest.hexdigest()


class Watch:
    """Reads memory and processor time of a process and all below it until it ends."""

    def __init__(self, pid: int) -> None:
        self._pid, self._largest = pid, 0.0
        self._cpu_seconds: dict[int, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def totals(self) -> tuple[float, float]:
        """(processor time of all together, s; largest memory of all together that was seen, MB), once it has ended."""
        self._thread.join()
        return sum(self._cpu_seconds.values()), self._largest

    def _run(self) -> None:
        while Path(f"/proc/{self._pid}/smaps_rollup").exists():
            processes = process_tree(self._pid)
            self._largest = max(self._largest, sum(map(memory_kb, processes)) / 1e3)
            self._cpu_seconds |= {pid: seconds for pid in processes if (seconds := cpu_seconds(pid))}
            time.sleep(SAMPLE_S)


if __name__ == "__main__":
    main()
