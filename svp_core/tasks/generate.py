"""Make synthetic particles: tiles.npy, manifest.csv and provenance.json, growing batch by batch."""

import csv

from svp_core.files import atomic_write, write_json
from svp_core.progress import Progress
from svp_core.tasks.generation_request import check_request, provenance, ready_generator
from svp_core.tile_file import append_tiles, read_tiles

MANY = 64  # from so many images on it pays to find out first how they are made fastest here
MANIFEST_COLUMNS = ("image", "class", "run_seed", "position", "image_seed", "sampler", "steps", "weights", "kind")


def generate(config, folder):
    """Make synthetic particles of one class.

    config: class_key; count; seed (of the run, int >= 0); optional weights (name or folder of a generator, default
    "generator"); optional sampler (key of that generator's samplers, default "standard", of a published one "fast");
    optional steps (instead of the sampler's own).
    Makes tiles.npy, uint8 (N, 64, 64), and manifest.csv, a row a tile, both growing batch by batch and both complete
    up to Progress.step; provenance.json.
    """
    generator, sampler, steps = ready_generator(config)
    class_key, count, seed = config["class_key"], config["count"], config["seed"]
    check_request(generator, [class_key], count, seed)
    from svp_core.generator.sampling import image_seeds, sample_tiles

    write_json(folder / "provenance.json", {**provenance(generator, sampler, steps), "class": class_key, "seed": seed})
    tiles_file, manifest = folder / "tiles.npy", folder / "manifest.csv"
    done = _finished_rows(manifest, tiles_file)
    seeds, making = image_seeds(seed, count), f"Making {count:,} images"
    yield Progress(done, count, making)
    size = _set_pace(generator) if count - done >= MANY else None
    batches = sample_tiles(generator, class_key, seeds=seeds[done:], sampler=sampler, steps=steps, call_size=size)
    with _open_manifest(manifest, done) as file:
        for start, tiles in batches:
            first = done + start
            append_tiles(tiles_file, tiles, after=first)
            made_so = (sampler.key, steps, generator.folder.name, "synthetic")
            csv.writer(file, lineterminator="\n").writerows(
                (f"{class_key}_{seed}_{position:05d}.png", class_key, seed, position, seeds[position], *made_so)
                for position in range(first, first + len(tiles))
            )
            file.flush()
            yield Progress(first + len(tiles), count, making)


def _set_pace(generator):
    """Images in a network call, and the threads set to their number; None where a generator has its own pace."""
    from svp_core.generator.unet import Generator
    from svp_core.tasks.throughput import throughput_here

    if not isinstance(generator, Generator):
        return None
    import torch

    pace = throughput_here(generator)
    torch.set_num_threads(pace.threads)
    return pace.call_size


def _finished_rows(manifest, tiles_file):
    """How many tiles are finished: in the manifest, by a whole line, and in the file of tiles."""
    if not (manifest.is_file() and tiles_file.is_file()):
        return 0
    return min(max(0, manifest.read_bytes().count(b"\n") - 1), len(read_tiles(tiles_file)))


def _open_manifest(manifest, done):
    """The manifest, open for further rows behind its head and the first `done` ones; what a crash left is dropped."""
    lines = manifest.read_text("utf-8").splitlines(keepends=True) if done else [",".join(MANIFEST_COLUMNS) + "\n"]
    atomic_write(manifest, lambda temporary: temporary.write_bytes("".join(lines[: done + 1]).encode()))
    return manifest.open("a", encoding="utf-8", newline="")
