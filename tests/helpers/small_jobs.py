"""One small job of every kind: its settings, what it starts from, and the check that its result is one and usable.

What takes long and writes nothing (scores, features, a training up to its end) is replaced, in this process.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from svp_core import model_files
from svp_core.audit import membership, two_sample
from svp_core.classification.results import read_results_folder
from svp_core.embedding import clusters, features
from svp_core.experiment import units
from svp_core.experiment.outcome import read_outcome
from svp_core.generator import unet
from svp_core.generator_audit.model_verdict import recorded_audit
from svp_core.images import encode_png
from svp_core.instruments.detect import read_particles
from svp_core.review import store
from svp_core.review.embedding_store import load_embedding
from svp_core.tasks import find_label_errors as search
from svp_core.tasks import locate
from svp_core.tasks.find_label_errors import label_error_summary
from svp_core.tasks.import_images import imported_dataset
from svp_core.tasks.located import read_located
from svp_core.tasks.retrain import retrain_summary
from svp_core.tasks.train import model_of
from svp_core.tile_file import read_tiles
from svp_core.training import generator as generator_training
from svp_core.training.finalise import finalise
from svp_core.workspace import datasets, models
from tests.helpers.drawn_frames import write_frames
from tests.helpers.drawn_labels import embed_blocks
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.forking import forked
from tests.helpers.tiny_training import SMALL, shorten_checks, two_classes

JOB = "jobs/" + "0" * 32  # folder in the workspace
COUNT = 24  # tiles


def own_models():
    return [model for model in models.list_models("generator", "classifier") if not model.shipped]


def drawn_set(name):
    tiles = draw_blocks(COUNT, seed=1)
    tiles[COUNT // 2 :] = 255 - tiles[COUNT // 2 :]
    classes = ["fat_droplet"] * (COUNT // 2) + ["speck"] * (COUNT - COUNT // 2)
    table = pd.DataFrame({"image": [f"{k}.png" for k in range(COUNT)], "class": classes})
    return datasets.save_dataset(name, "own", tiles, table, {})


def one_import(workspace):
    source = workspace.parent / "images" / "speck"
    source.mkdir(parents=True)
    for k, tile in enumerate(draw_blocks(4, seed=0)):
        (source / f"{k}.png").write_bytes(encode_png(tile))
    (source / "no image.png").write_text("text")

    def check(folder):
        dataset, left_out = imported_dataset(folder)
        assert [meta["id"] for meta in datasets.list_datasets()] == [dataset]
        assert len(datasets.open_dataset(dataset).tiles) == 4
        assert len(left_out) == 1

    return {"source": str(source.parent), "name": "Specks"}, check


def one_search(workspace):
    del workspace
    dataset = drawn_set("Two kinds")

    def score(reviewable):
        yield from ()
        count = len(reviewable.tiles)
        return reviewable, [], (np.zeros((count, 3), np.int32), np.zeros((count, 2), np.float32))

    search._score = score
    clusters.tsne_map = lambda coordinates: coordinates

    def check(folder):
        review, _ = label_error_summary(folder)
        assert [header["review"] for header in store.list_reviews()] == [review]
        assert len(store.open_review(review).tiles) == COUNT
        assert [path.name for path in (folder.parents[1] / "reviews").iterdir()] == [review]
        assert load_embedding(store.open_review(review)) is not None

    return {"kind": "dataset", "source": dataset, "name": "Two kinds"}, check


def one_retraining(workspace):
    del workspace
    tiles = draw_blocks(COUNT * 2, seed=1)
    tiles[COUNT:] = 255 - tiles[COUNT:]
    given = ["fat_droplet"] * COUNT + ["speck"] * COUNT
    table = pd.DataFrame({"particle": [f"p{k}" for k in range(len(tiles))], "given": given})
    keys = ("fat_droplet", "speck")
    review = store.create_review("Two", kind="dataset", source={}, class_keys=keys, table=table, tiles=tiles)

    def every_eighth_pixel(_, tiles):
        yield from ()
        return tiles.reshape(len(tiles), -1)[:, ::8].astype(np.float32)

    features.embed_tiles = every_eighth_pixel

    def check(folder):
        summary = retrain_summary(folder)
        assert [model.name for model in own_models()] == [summary["model"]] == ["Again"]
        model_files.read_tensors(models.find_model("Again"))

    return {"review": review, "name": "Again", "decisions": 0}, check


def one_training(workspace):
    """Stopped after its last check; what is left is to make a model of it."""
    folder = workspace / JOB

    def until_stopped():
        shorten_checks(pytest.MonkeyPatch())
        steps = generator_training.train_generator(two_classes(), folder / "run", **SMALL)
        for progress in steps:
            if progress.loss is not None and progress.step == 7:
                break
        steps.close()

    assert forked(until_stopped) == 0

    def last_steps(out, **_):
        yield from ()
        if (Path(out) / "config.json").exists():
            yield from resume(out)
        else:
            finalise(out)

    resume = generator_training.resume_training
    generator_training.resume_training = last_steps

    def check(folder):
        assert [model.name for model in own_models()] == [model_of(folder)] == ["Fat"]
        generator = models.find_model("Fat")
        assert unet.load_generator(generator)
        assert (generator / "card.md").read_text("utf-8")

    return {"name": "Fat", "datasets": [], "classes": []}, check


def one_generation(workspace):
    del workspace
    config = unet.GeneratorConfig(("protein",), 0.3, 0.2, channels=(16, 32))
    torch.manual_seed(0)
    tensors = unet.build_unet(config).state_dict()
    described = unet.config_as_dict(config)
    model_files.save_model(models.new_model_folder("tiny"), config=described, tensors=tensors, card="", history=[])

    def check(folder):
        manifest = pd.read_csv(folder / "manifest.csv")
        assert manifest["position"].tolist() == list(range(3))
        assert read_tiles(folder / "tiles.npy").shape == (3, 64, 64)

    return {"class_key": "protein", "count": 3, "seed": 1, "weights": "tiny", "steps": 2}, check


def one_classification(workspace):
    source = workspace.parent / "images"
    source.mkdir()
    for k, tile in enumerate(draw_blocks(3, seed=0)):
        (source / f"{k}.png").write_bytes(encode_png(tile))

    def check(folder):
        results = read_results_folder(folder)
        assert len(results.table) == len(read_tiles(folder / "tiles.npy")) == results.summary["named"] == 3

    return {"source": str(source), "um_per_px": 0.5}, check


def one_location(workspace):
    source = workspace.parent / "frames"
    write_frames(source, 5)
    locate.BLOCK_FRAMES = 2

    def check(folder):
        located = read_located(folder)
        assert len(located.readable) == 5
        records = list(read_particles(folder / "found"))
        assert len(records) == located.facts["particles"] == 25
        assert not any(record.reason for record in records)
        assert not (folder / "parts").exists()

    return {"source": str(source)}, check


def one_experiment(workspace):
    del workspace

    def embed(tiles):
        yield from ()
        return embed_blocks(tiles)

    units.embed = embed
    design = {"arms": ["real", "weights"], "networks": ["forest"], "seeds": 3, "trees": 3}

    def check(folder):
        outcome = read_outcome(folder)
        assert outcome.unfinished == 0
        assert len({one.arm for one in outcome.figures}) == 2
        assert len(list(folder.glob("cells/*.npz"))) == 6
        assert (folder / "table.csv").read_text("utf-8").count("\n") == len(outcome.figures) + 1
        assert (folder / "report.html").is_file()

    return {"kind": "dataset", "source": drawn_set("Ours"), "name": "Ours", "design": design}, check


def one_audit(workspace):
    one_generation(workspace)
    two_sample.MIN_STEPS, two_sample.PASSES = 2, 0
    membership.SPLITS = membership.RESAMPLES = 10
    unet.Generator.estimate_clean = lambda self, noisy, sigma, class_keys: noisy
    sets = []
    for seed, name in enumerate(("Trained", "Kept")):
        table = pd.DataFrame({"image": [f"{k}.png" for k in range(12)], "class": ["protein"] * 12})
        sets.append(datasets.save_dataset(name, "own", draw_blocks(12, seed=seed), table, {}))
    config = {"generator": "tiny", "training": sets[0], "held_out": sets[1], "reference": "none", "images": 2}

    def check(folder):
        report = json.loads((folder / "report.json").read_text("utf-8"))
        assert report["n_members"] == report["n_held_out"] == 12
        assert (folder / "scores.csv").read_text("utf-8").count("\n") == 25
        kept = recorded_audit(models.find_model("tiny"))
        assert kept["verdict"] == report["verdict"]

    return config, check


KINDS = {
    "gather": one_import,
    "suspect": one_search,
    "retrain": one_retraining,
    "train": one_training,
    "generate": one_generation,
    "classify": one_classification,
    "locate": one_location,
    "experiment": one_experiment,
    "audit": one_audit,
}
