"""Kill a job before its n-th change of a file or of the database, start it again, look at what is there; for all n.

python -m tests.helpers.killed_jobs KIND FOLDER [STRIDE [MODE]] prints a JSON list of [n, what was wrong] and, last, the
number of tries. STRIDE: only every so many changes are tried. MODE "full": the disk is full from that change on. Every
try is a forked process on its own copy of a prepared workspace, killed as `kill -9` does. What takes long and writes
nothing (scores, features, a training up to its end) is replaced.
"""

import errno
import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sqlalchemy import event
from sqlalchemy.engine import Engine

from svp_core import model_files
from svp_core.audit import membership, two_sample
from svp_core.classification.results import read_results_folder
from svp_core.embedding import clusters, features
from svp_core.errors import LabError
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
from svp_core.tasks.job_kinds import run_task
from svp_core.tasks.located import read_located
from svp_core.tasks.retrain import retrain_summary
from svp_core.tasks.train import model_of
from svp_core.tile_file import read_tiles
from svp_core.training import generator as generator_training
from svp_core.training.finalise import finalise
from svp_core.workspace import datasets, models
from svp_core.workspace.database import engine
from svp_core.workspace.paths import storage_problem
from tests.helpers.drawn_frames import write_frames
from tests.helpers.drawn_labels import embed_blocks
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.tiny_training import SMALL, shorten_checks, two_classes

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
NEEDS_SPACE = {"os.mkdir"}
FULL = 3  # exit status
WRITING = os.O_WRONLY | os.O_RDWR
JOB = "jobs/" + "0" * 32
COUNT = 24  # tiles


def disturb(number, workspace, mode):
    """Let this process die before its change number `number`, or find the disk full from there on; 1 is the first."""
    left = number

    def count():
        nonlocal left
        left -= 1
        if left == 0 and mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if left <= 0 and mode == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def watch(name, arguments):
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
        changes = CHANGES if mode == "kill" else NEEDS_SPACE
        if not (writes or name in changes) or isinstance(arguments[0], int):
            return
        path = os.fsdecode(arguments[0])
        if path.startswith(str(workspace)) or not Path(path).is_absolute():  # relative: inside a folder being removed
            count()

    sys.addaudithook(watch)
    event.listen(Engine, "commit", lambda _: count())


def run_on_a_full_disk(kind, config, workspace):
    """Exit status FULL where the task says so in a sentence, as the worker passes it on."""
    try:
        run(kind, config, workspace)
    except LabError as error:
        assert "No space" in str(error), error
        os._exit(FULL)
    except OSError as error:
        assert storage_problem(error), error
        os._exit(FULL)


def forked(work):
    """Exit status of work() in a process of its own: 0, -9 where it was killed, 1 after an error."""
    pid = os.fork()
    if not pid:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(kind, config, workspace):
    os.environ["SVP_WORKSPACE"] = str(workspace)
    for _ in run_task(kind, config, workspace / JOB):
        pass


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


def main(kind, folder, stride="1", mode="kill"):
    folder = Path(folder)
    start = folder / "start"
    os.environ["SVP_WORKSPACE"] = str(start)
    (start / JOB).mkdir(parents=True)
    config, check = KINDS[kind](start)
    engine().dispose()
    problems, number, tries = [], 1 - int(stride), 0
    while True:
        number += int(stride)
        workspace = folder / f"{number}"
        shutil.copytree(start, workspace)

        def killed(number=number, workspace=workspace):
            disturb(number, workspace, mode)
            (run if mode == "kill" else run_on_a_full_disk)(kind, config, workspace)

        def again(workspace=workspace):
            run(kind, config, workspace)
            check(workspace / JOB)
            # What several processes write, at the top of the workspace, is not this job's to tidy up.
            hidden = [str(path.relative_to(workspace)) for path in workspace.rglob(".*") if path.parent != workspace]
            assert not hidden, hidden

        status = forked(killed)
        if status not in (0, -signal.SIGKILL if mode == "kill" else FULL):
            problems.append([number, "the first try failed by itself"])
        if forked(again):
            problems.append([number, "after the kill"])
        shutil.rmtree(workspace)
        if status == 0:
            break
        tries += 1
    print(json.dumps([*problems, tries]))


if __name__ == "__main__":
    main(*sys.argv[1:])
