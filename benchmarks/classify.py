"""How fast a source becomes a table of results, beside the network alone in the same run; and in how much memory.

    python benchmarks/classify.py [--images 20000] [--rounds 2] [--processes N] [--threads N] [--network resnet18]

Two sources: a folder of PNG tiles (the sample particles, shifted so that no two are the same), and FlowCam runs (the
one in ../shared/real where that exists, else the sample run; as many copies in one drop as give that many particles).
Each goes through the task that the page starts: recognised, fingerprinted, read, measured, named, tiles and results.csv
written; only loading the network is left out. The network alone names the same tiles, which lie in memory, before and
after. Processor time is counted over all processes, so it tells something on a busy machine, too.

Memory is the proportional share (PSS) of this process and those it starts, sampled; on systems without /proc only this
process is counted. Exit code 1 if a source is slower than 0.6 of the network alone, or takes more than 1.5 GB.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).resolve().parents[1]

# PyTorch is imported in functions: the processes that read images import this file, too.
from svp_core.images import encode_png

REAL_RUN = ROOT.parent / "shared" / "real" / "flowcam_run"
SAMPLES = ROOT / "sample_data"
TARGET_SHARE = 0.6
TARGET_BYTES = 1.5e9
PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def write_tiles(folder, count):
    """A folder of so many PNG tiles, no two the same."""
    tiles = np.load(SAMPLES / "tiles.npy", mmap_mode="r", allow_pickle=False)
    folder.mkdir()
    for number in range(count):
        shift, position = divmod(number, len(tiles))
        (folder / f"particle {number:06}.png").write_bytes(encode_png(np.roll(tiles[position], shift, axis=1)))


def write_runs(folder, count):
    """A folder of so many FlowCam particles or a few more: copies of one run."""
    from svp_core.instruments.detect import detect_source

    run = REAL_RUN if REAL_RUN.is_dir() else SAMPLES / "flowcam_run"
    for number in range(-(-count // detect_source(run).count)):
        shutil.copytree(run, folder / f"{number:03}")


class Watch:
    """Most memory at once and processor seconds of this process and of all that it starts."""

    def __init__(self):
        self.peak, self._seconds, self._own = 0, {}, 0.0

    @contextmanager
    def watching(self):
        """Look around every second inside the with block."""
        ended = threading.Event()

        def look_around():
            while not ended.wait(1):
                self.look()
            self._own += time.thread_time()

        thread = threading.Thread(target=look_around, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def look(self):
        """Take the memory now, and the processor seconds so far."""
        pids = _family()
        self.peak = max(self.peak, sum(map(_pss, pids)))
        self._seconds |= {pid: seconds for pid in pids if (seconds := _processor_seconds(pid)) is not None}

    @property
    def seconds(self):
        """Processor seconds of this process, less what looking around took, and of all that were seen."""
        others = sum(seconds for pid, seconds in self._seconds.items() if pid != os.getpid())
        return time.process_time() - self._own + others


def _family():
    """This process and its descendants."""
    parents = {}
    for stat in PROC.glob("[0-9]*/stat"):
        fields = _stat(int(stat.parent.name))
        if fields:
            parents[int(stat.parent.name)] = int(fields[1])
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _stat(pid):
    try:
        # Behind the program's name, which may hold anything.
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _processor_seconds(pid):
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK if fields else None


def _pss(pid):
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def name_alone(classifier, tiles, watch):
    """(seconds, processor seconds) that the network alone takes for these tiles."""
    from svp_core.classifier.resnet import predict_probs

    start, before = time.perf_counter(), watch.seconds
    predict_probs(classifier, tiles)
    return time.perf_counter() - start, watch.seconds - before


def classify(source, folder, classifier, watch):
    """(seconds, processor seconds) from the source to results.csv and all else that the task makes."""
    from svp_core.tasks.classify import classify as task

    folder.mkdir()
    start, before = time.perf_counter(), watch.seconds
    with watch.watching(), patch("svp_core.classifier.resnet.load_classifier", return_value=classifier):
        for _ in task({"source": str(source), "weights": str(classifier.folder)}, folder):
            pass
    return time.perf_counter() - start, watch.seconds - before


def compare(words, source, classifier, options, scratch):
    """Print how a source did; returns (its share of the network's images a second, most memory in bytes)."""
    from svp_core.tile_file import read_tiles

    watch, alone, whole = Watch(), [], []
    for number in range(options.rounds):
        job = scratch / f"job {number}"
        whole.append(classify(source, job, classifier, watch))
        tiles = np.array(read_tiles(job / "tiles.npy"))
        alone.append(name_alone(classifier, tiles, watch))
        shutil.rmtree(job)
    rates = [len(tiles) / statistics.median(seconds for seconds, _ in runs) for runs in (alone, whole)]
    costs = [statistics.median(seconds for _, seconds in runs) / len(tiles) * 1000 for runs in (alone, whole)]
    memory = f"{watch.peak / 1e9:.2f} GB" if watch.peak else "not measured here"
    print(f"\n{words}: {len(tiles):,} particles")
    print(f"  network alone        {rates[0]:8.0f} images/s  {costs[0]:6.3f} ms of processor time each")
    print(f"  source to results    {rates[1]:8.0f} images/s  {costs[1]:6.3f} ms of processor time each")
    print(f"  share                {rates[1] / rates[0]:8.2f}           {costs[0] / costs[1]:6.2f} by processor time")
    print(f"  most memory          {memory:>8}")
    return rates[1] / rates[0], watch.peak


def main():
    parser = argparse.ArgumentParser(description="Images a second from a source to its table of results.")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--processes", type=int, help="that read besides; as the task decides when not given")
    parser.add_argument("--threads", type=int, help="of the network")
    parser.add_argument("--network", default="resnet18")
    options = parser.parse_args()
    if options.images < 1 or options.rounds < 1:
        parser.error("--images and --rounds are at least 1")

    import torch

    from svp_core.classification import classify as naming
    from svp_core.classifier.resnet import load_classifier, predict_probs
    from svp_core.model_files import find_model_folder

    if options.threads:
        torch.set_num_threads(options.threads)
    if options.processes is not None:
        naming.processes_for = lambda count: options.processes
    classifier = load_classifier(find_model_folder(options.network))
    predict_probs(classifier, np.zeros((512, 64, 64), np.uint8))  # warms up
    device = torch.cuda.get_device_name() if classifier.device.type == "cuda" else "no GPU"
    print(f"{options.network}, {torch.get_num_threads()} threads, {device};", end=" ")
    print(f"{naming.processes_for(options.images)} processes read; median of {options.rounds} rounds")
    met = True
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for words, write in (("Folder of PNG tiles", write_tiles), ("FlowCam runs", write_runs)):
            write(scratch / words, options.images)
            share, peak = compare(words, scratch / words, classifier, options, scratch)
            met = met and share >= TARGET_SHARE and peak <= TARGET_BYTES
            shutil.rmtree(scratch / words)
    print(f"\ntarget, at least {TARGET_SHARE} of the network and {TARGET_BYTES / 1e9} GB: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
