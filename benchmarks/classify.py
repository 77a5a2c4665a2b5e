"""Throughput of a classification from source to results, compared with the network alone; and its peak memory.

    python benchmarks/classify.py [--images 20000] [--rounds 2] [--processes N] [--threads N] [--network resnet18]

Two sources: a folder of PNG tiles (the sample particles, shifted so that no two are the same), and FlowCam runs (the
one in ../shared/real if it exists, else the sample run; as many copies in one folder as give that many particles).
Each passes through the task that the page starts: detected, hashed, read, measured, classified, tiles and results.csv
written; only loading the network is left out. The network alone classifies the same tiles, held in memory, after each
round. CPU time is summed over all processes, so it is informative on a busy machine as well.

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
from _processes import cpu_seconds, memory_kb, process_tree

ROOT = Path(__file__).resolve().parents[1]

# PyTorch is imported in functions: the processes that read images import this file as well.
from svp_core.images import encode_png

REAL_RUN = ROOT.parent / "shared" / "real" / "flowcam_run"
SAMPLES = ROOT / "sample_data"
TARGET_SHARE = 0.6
TARGET_BYTES = 1.5e9


def write_tiles(folder, count):
    """Write a folder of `count` PNG tiles, no two the same."""
    tiles = np.load(SAMPLES / "tiles.npy", mmap_mode="r", allow_pickle=False)
    folder.mkdir()
    for number in range(count):
        shift, position = divmod(number, len(tiles))
        (folder / f"particle {number:06}.png").write_bytes(encode_png(np.roll(tiles[position], shift, axis=1)))


def write_runs(folder, count):
    """Write a folder with copies of one FlowCam run, `count` particles or a few more."""
    from svp_core.instruments.detect import detect_source

    run = REAL_RUN if REAL_RUN.is_dir() else SAMPLES / "flowcam_run"
    for number in range(-(-count // detect_source(run).count)):
        shutil.copytree(run, folder / f"{number:03}")


class ResourceMonitor:
    """Peak memory and CPU seconds of this process and all processes that it starts."""

    def __init__(self):
        self.peak, self._seconds, self._own = 0, {}, 0.0

    @contextmanager
    def sampling(self):
        """Sample every second inside the with block."""
        ended = threading.Event()

        def sample_repeatedly():
            while not ended.wait(1):
                self.sample()
            self._own += time.thread_time()

        thread = threading.Thread(target=sample_repeatedly, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def sample(self):
        """Record the memory in use and the CPU seconds so far."""
        pids = process_tree(os.getpid())
        self.peak = max(self.peak, 1024 * sum(map(memory_kb, pids)))
        self._seconds |= {pid: seconds for pid in pids if (seconds := cpu_seconds(pid)) is not None}

    @property
    def seconds(self):
        """CPU seconds of this process, without those of sampling, and of all sampled processes."""
        others = sum(seconds for pid, seconds in self._seconds.items() if pid != os.getpid())
        return time.process_time() - self._own + others


def predict_only(classifier, tiles, monitor):
    """(seconds, CPU seconds) of the network alone for these tiles."""
    from svp_core.classifier.resnet import predict_probs

    start, before = time.perf_counter(), monitor.seconds
    predict_probs(classifier, tiles)
    return time.perf_counter() - start, monitor.seconds - before


def classify(source, folder, classifier, monitor):
    """(seconds, CPU seconds) from the source to results.csv and the other files of the task."""
    from svp_core.tasks.classify import ClassifyRequest
    from svp_core.tasks.classify import classify as task

    folder.mkdir()
    start, before = time.perf_counter(), monitor.seconds
    with monitor.sampling(), patch("svp_core.classifier.resnet.load_classifier", return_value=classifier):
        for _ in task(ClassifyRequest(source=str(source), weights=str(classifier.folder)), folder):
            pass
    return time.perf_counter() - start, monitor.seconds - before


def compare(title, source, classifier, options, scratch):
    """Print the results of one source; returns (its rate relative to the network alone, peak memory in bytes)."""
    from svp_core.tile_file import read_tiles

    monitor, network, pipeline = ResourceMonitor(), [], []
    for number in range(options.rounds):
        job = scratch / f"job {number}"
        pipeline.append(classify(source, job, classifier, monitor))
        tiles = np.array(read_tiles(job / "tiles.npy"))
        network.append(predict_only(classifier, tiles, monitor))
        shutil.rmtree(job)
    rates = [len(tiles) / statistics.median(seconds for seconds, _ in runs) for runs in (network, pipeline)]
    costs = [statistics.median(seconds for _, seconds in runs) / len(tiles) * 1000 for runs in (network, pipeline)]
    memory = f"{monitor.peak / 1e9:.2f} GB" if monitor.peak else "not measured"
    print(f"\n{title}: {len(tiles):,} particles")
    print(f"  network alone        {rates[0]:8.0f} images/s  {costs[0]:6.3f} ms of CPU time per image")
    print(f"  source to results    {rates[1]:8.0f} images/s  {costs[1]:6.3f} ms of CPU time per image")
    print(f"  share                {rates[1] / rates[0]:8.2f}           {costs[0] / costs[1]:6.2f} by CPU time")
    print(f"  peak memory          {memory:>8}")
    return rates[1] / rates[0], monitor.peak


def main():
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--processes", type=int, help="worker processes that read images; default: as the task decides")
    parser.add_argument("--threads", type=int, help="threads of the network")
    parser.add_argument("--network", default="resnet18")
    options = parser.parse_args()
    if options.images < 1 or options.rounds < 1:
        parser.error("--images and --rounds are at least 1")

    import torch

    from svp_core.classification import classify as classification
    from svp_core.classifier.resnet import load_classifier, predict_probs
    from svp_core.model_files import find_model_folder

    if options.threads:
        torch.set_num_threads(options.threads)
    if options.processes is not None:
        classification.processes_for = lambda count: options.processes
    classifier = load_classifier(find_model_folder(options.network))
    predict_probs(classifier, np.zeros((512, 64, 64), np.uint8))  # warm-up
    device = torch.cuda.get_device_name() if classifier.device.type == "cuda" else "no GPU"
    print(f"{options.network}, {torch.get_num_threads()} threads, {device};", end=" ")
    print(f"{classification.processes_for(options.images)} reading processes; median of {options.rounds} rounds")
    met = True
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        for title, write in (("Folder of PNG tiles", write_tiles), ("FlowCam runs", write_runs)):
            write(scratch / title, options.images)
            share, peak = compare(title, scratch / title, classifier, options, scratch)
            met = met and share >= TARGET_SHARE and peak <= TARGET_BYTES
            shutil.rmtree(scratch / title)
    target = f"at least {TARGET_SHARE} of the network alone and at most {TARGET_BYTES / 1e9} GB"
    print(f"\ntarget, {target}: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
