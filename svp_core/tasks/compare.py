"""Two makers of particles against the same reference: their tiles, sizes and shapes, figures in report.json."""

import csv
from io import StringIO

import numpy as np

from svp_core.errors import LabError
from svp_core.files import atomic_write, write_json
from svp_core.progress import Progress
from svp_core.tasks.generate import generate
from svp_core.tasks.generation_request import check_request, ready_generator
from svp_core.tile_file import append_tiles, read_tiles

SIDES = ("left", "right")
MIN_IMAGES = 50  # tiles on each side: of fewer no figure says anything
MOST_REAL, MOST_SEEN = 4000, 10_000  # tiles of the reference that are looked at, drawn by the seed
COPY_FIGURES = ("ct_z", "closer_to_training", "copied", "authentic")  # say something only of what was trained on
SHAPE_COLUMNS = ("ecd_px", "aspect_ratio", "circularity")


def compare(config, folder):
    """Make particles of one class in two ways and measure both against the same reference tiles.

    config: class_key; count (of each side) and seed; left and right, each either {"weights", "sampler"} as in
    generate, or {"classical": True} for classical augmentation of reference tiles; reference, the id of a data set.
    Measured is against reference tiles that neither side has seen: where a model was trained on that data set, those
    that it held out; where a side is classical augmentation, the half that is not augmented, drawn by the seed, or
    all that such a model held out. The other tiles are what copies are looked for among.
    Makes left/ and right/, each with tiles.npy and manifest.csv; real.npy and seen.npy, uint8 (N, 64, 64), the tiles
    measured against and the others; shapes.csv, a row a tile, set left, right or real; report.json: n_real, n_seen,
    and left and right, each the report of quality.compare. Started again it goes on with the tiles that are missing.
    Progress counts network calls.
    """
    class_key, count, seed = config["class_key"], config["count"], config["seed"]
    sides = {side: config[side] for side in SIDES}
    if count < MIN_IMAGES:
        raise LabError(f"{count} images a side were asked for; give {MIN_IMAGES} or more, fewer say nothing.")
    yield Progress(0, None, "Reading the reference")
    real, seen, who = _read_reference(config["reference"], class_key, seed, sides)
    for name, tiles in (("real", real), ("seen", seen)):
        atomic_write(folder / f"{name}.npy", lambda temporary, tiles=tiles: np.save(temporary, tiles))
    steps = {side: _steps(asked, class_key, count, seed) for side, asked in sides.items()}
    done, total = 0, count * sum(steps.values()) + measure_steps(count) * len(SIDES)
    for side, asked in sides.items():
        place = folder / side
        place.mkdir(exist_ok=True)
        if is_classical(asked):
            _augment(class_key, count, seed, seen, place)
        else:
            making = generate({"class_key": class_key, "count": count, "seed": seed, **asked}, place)
            for progress in making:
                said = f"Making {count:,} images with {asked['weights']}"
                yield Progress(done + progress.step * steps[side], total, said)
        done += count * steps[side]
    made = {side: read_tiles(folder / side / "tiles.npy") for side in SIDES}
    _write_shapes(folder, {**made, "real": real})
    reports, share = {}, measure_steps(count)
    for side in SIDES:
        measuring = _measure(class_key, seed, real, np.asarray(made[side]), seen, side in who)
        reports[side] = yield from _scaled(measuring, done, share, total)
        done += share
    write_json(folder / "report.json", {"n_real": len(real), "n_seen": len(seen), **reports})
    yield Progress(total, total, "Finished")


def is_classical(asked):
    """Whether one side of a config is classical augmentation."""
    return bool(asked.get("classical"))


def measure_steps(count):
    """How long measuring a side takes, about, in network calls of the shipped generator."""
    return 400 + 3 * count


def _read_reference(dataset_id, class_key, seed, sides):
    """(tiles that no side has seen, other tiles, the sides that have seen those); tiles uint8 (N, 64, 64)."""
    from svp_core.images import TILE_PX
    from svp_core.workspace import datasets

    if dataset_id == datasets.SAMPLES:
        datasets.install_samples()
    found = datasets.open_dataset(dataset_id)
    if found.tiles.shape[1:] != (TILE_PX, TILE_PX):
        raise LabError(
            f"{found.meta['name']!r} holds tiles of {found.tiles.shape[1]} px; {TILE_PX} px can be compared with."
        )
    of_class = found.table["class"] == class_key if "class" in found.table else np.zeros(len(found.table), bool)
    names = (dataset_id + "/" + found.table["image"].astype(str)).to_numpy()
    held_out = {side: held for side, asked in sides.items() if (held := _held_out(asked, dataset_id))}
    classical = [side for side, asked in sides.items() if is_classical(asked)]
    mine = np.random.default_rng(seed).permutation(np.flatnonzero(of_class))
    if held_out:
        unseen = np.all([np.isin(names[mine], list(held)) for held in held_out.values()], axis=0)
    else:
        unseen = np.arange(len(mine)) >= (len(mine) // 2 if classical else 0)
    real, seen = mine[unseen][:MOST_REAL], mine[~unseen][:MOST_SEEN]
    if len(real) < MIN_IMAGES or (classical and len(seen) < MIN_IMAGES):
        why = "that no side was trained on" if held_out else "in each half, one to augment" if classical else "of it"
        raise LabError(
            f"{found.meta['name']!r} holds {len(mine):,} tiles of {class_key}, and a comparison needs {MIN_IMAGES} "
            f"{why}; choose another data set or class."
        )
    real, seen = (np.asarray(found.tiles[np.sort(part)]) for part in (real, seen))
    return real, seen, {*held_out, *classical}


def _held_out(asked, dataset_id):
    """Names of this data set's tiles that a model held out from its training; none where it was not trained on it."""
    if is_classical(asked):
        return set()
    from svp_core.model_files import read_model_folder
    from svp_core.workspace.models import find_model

    held = read_model_folder(find_model(asked["weights"])).config.get("held_out")
    # The shipped model says in words what was held out.
    return {name for name in held if name.startswith(f"{dataset_id}/")} if isinstance(held, list) else set()


def _steps(asked, class_key, count, seed):
    """Network calls an image. Raises LabError where this side cannot make what is ordered."""
    if is_classical(asked):
        return 0
    generator, _, steps = ready_generator(asked)
    check_request(generator, [class_key], count, seed)
    return steps


def _measure(class_key, seed, real, made, seen, has_seen):
    """Yield Progress, return the report of quality.compare."""
    from svp_core.classifier.resnet import load_classifier
    from svp_core.quality import compare as measure_against
    from svp_core.workspace.models import find_model

    # Both sides get them, as they fill up the real-vs-real floors: the same on both.
    training = {class_key: seen} if len(seen) else None
    report = yield from measure_against(
        real={class_key: real},
        synthetic={class_key: made},
        training=training,
        seed=seed,
        classifier=load_classifier(find_model("resnet18")),
    )
    if not has_seen:
        # Nothing of that was trained on here, so nothing can have been copied.
        part = report["classes"][class_key]
        part.pop("closest", None)
        part["figures"] = {key: found for key, found in part["figures"].items() if key not in COPY_FIGURES}
    return report


def _augment(class_key, count, seed, parents, place):
    """Tiles and manifest of the classical side; done anew each time, it takes a second."""
    from svp_core.augmentation import augment_tiles
    from svp_core.generator.sampling import image_seeds

    seeds = image_seeds(seed, count)
    tiles, made_from = augment_tiles(parents, seeds=seeds)
    append_tiles(place / "tiles.npy", tiles, after=0)
    rows = [
        (f"{class_key}_classical_{seed}_{position:05d}.png", class_key, seed, position, image_seed, int(parent))
        for position, (image_seed, parent) in enumerate(zip(seeds, made_from, strict=True))
    ]
    _write_table(place / "manifest.csv", ("image", "class", "run_seed", "position", "image_seed", "parent"), rows)


def _write_shapes(folder, sets):
    """shapes.csv: a row a tile, empty where nothing could be measured."""
    from svp_core.morphology import measure

    rows = []
    for name, tiles in sets.items():
        measured = [measure(tile) for tile in tiles]
        rows += [(name, *(found[column] for column in SHAPE_COLUMNS)) for found in measured]
    _write_table(folder / "shapes.csv", ("set", *SHAPE_COLUMNS), rows)


def _write_table(path, columns, rows):
    text = StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    atomic_write(path, lambda temporary: temporary.write_bytes(text.getvalue().encode()))


def _scaled(measuring, done, share, total):
    """Pass on the progress of `measuring` as a share of the whole; returns what it returns."""
    while True:
        try:
            progress = next(measuring)
        except StopIteration as finished:
            return finished.value
        part = progress.step / progress.total if progress.total else 0
        yield Progress(done + int(share * part), total, progress.message or "Measuring")
