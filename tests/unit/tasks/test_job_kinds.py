"""The registry of job kinds and the requests: complete, the same JSON as ever, joined when equal."""

import importlib
import json
from dataclasses import fields
from pathlib import Path

import pytest

from svp_core.errors import LabError
from svp_core.tasks import job_kinds
from svp_core.tasks.audit import AuditRequest
from svp_core.tasks.classify import ClassifyRequest
from svp_core.tasks.compare import CompareRequest, ComparisonSide
from svp_core.tasks.crop_corrected import CropRequest
from svp_core.tasks.denoise import DenoiseRequest
from svp_core.tasks.embed_review import EmbedReviewRequest
from svp_core.tasks.experiment import ExperimentRequest
from svp_core.tasks.find_label_errors import LabelErrorRequest
from svp_core.tasks.generate import GenerateRequest
from svp_core.tasks.import_images import ImportRequest
from svp_core.tasks.job_kinds import JOB_KINDS, LONG, SHORT, find_kind, kind_of, start
from svp_core.tasks.locate import LocateRequest
from svp_core.tasks.novelty import NoveltyRequest
from svp_core.tasks.quality import QualityRequest
from svp_core.tasks.refit import RefitRequest
from svp_core.tasks.request import JobRequest
from svp_core.tasks.retrain import RetrainRequest
from svp_core.tasks.train import TrainRequest
from svp_core.tasks.train_heads import HeadsRequest
from svp_core.workspace import jobs

ROOT = Path(__file__).resolve().parents[3]
# (request, the JSON that edition 0.1 stored for the same settings)
STORED = [
    (
        GenerateRequest("protein", 16, 7, sampler="preview", weights="generator"),
        {"class_key": "protein", "count": 16, "seed": 7, "sampler": "preview", "weights": "generator"},
    ),
    (
        CompareRequest(
            "protein", 200, 0, "samples", ComparisonSide("generator", "standard"), ComparisonSide(classical=True)
        ),
        {
            "class_key": "protein",
            "count": 200,
            "seed": 0,
            "reference": "samples",
            "left": {"weights": "generator", "sampler": "standard"},
            "right": {"classical": True},
        },
    ),
    (
        DenoiseRequest(("protein", "air_bubble"), 2, 0, sampler="fast", weights="own"),
        {"class_keys": ["protein", "air_bubble"], "count": 2, "seed": 0, "sampler": "fast", "weights": "own"},
    ),
    (
        ClassifyRequest("/data/run 1", "resnet18", None),
        {"source": "/data/run 1", "weights": "resnet18", "um_per_px": None},
    ),
    (
        ClassifyRequest("/data/run 1", "resnet18", 0.7, choices={"run": "a"}),
        {"source": "/data/run 1", "weights": "resnet18", "um_per_px": 0.7, "choices": {"run": "a"}},
    ),
    (ImportRequest("/data/oil", "Oil"), {"source": "/data/oil", "name": "Oil", "class_name": None}),
    (
        TrainRequest("Oil", ("ab", "cd"), ("silicone_oil",), base=None, minutes=30),
        {"name": "Oil", "datasets": ["ab", "cd"], "classes": ["silicone_oil"], "base": None, "minutes": 30},
    ),
    (LabelErrorRequest("dataset", "ab", "Oil"), {"kind": "dataset", "source": "ab", "name": "Oil"}),
    (EmbedReviewRequest("ab"), {"review": "ab"}),
    (RetrainRequest("ab", "Oil round 1", 12), {"review": "ab", "name": "Oil round 1", "decisions": 12}),
    (
        RefitRequest("ab", "5" * 64, "cd", 100),
        {"profile": "ab", "weights_sha256": "5" * 64, "validation": "cd", "labels": 100},
    ),
    (
        ExperimentRequest("dataset", "ab", "Oil", {"arms": ["real", "weights"], "seeds": 3}),
        {"kind": "dataset", "source": "ab", "name": "Oil", "design": {"arms": ["real", "weights"], "seeds": 3}},
    ),
    (
        AuditRequest("Oil", "ab", "cd", images=20),
        {"generator": "Oil", "training": "ab", "held_out": "cd", "images": 20, "seed": 0},
    ),
    (QualityRequest("ab", "cd"), {"real": "ab", "synthetic": "cd", "seed": 0}),
    (
        NoveltyRequest("/data/run 1", "/data/clean", clean=True),
        {"source": "/data/run 1", "normal": "/data/clean", "weights": "resnet18", "clean": True},
    ),
    (
        LocateRequest("/data/frames", depth_um=80.0),
        {
            "source": "/data/frames",
            "background": "filter",
            "threshold": 0.04,
            "neighbour_um": 5.0,
            "um_per_px": None,
            "depth_um": 80.0,
        },
    ),
    (
        HeadsRequest("Split", ("ab",)),
        {"name": "Split", "jobs": ["ab"], "weak": False, "embedding": "resnet18", "seed": 0},
    ),
    (CropRequest("ab", 12, "run 1"), {"job": "ab", "changes": 12, "name": "run 1"}),
]
IDS = [type(request).__name__ for request, _ in STORED]


def test_every_kind_has_a_page_a_command_and_a_request_of_its_own():
    for key, kind in JOB_KINDS.items():
        assert kind.key == key
        assert (ROOT / kind.page).is_file(), key
        assert issubclass(kind.request, JobRequest)
        assert kind.lane in (SHORT, LONG)
        command = importlib.import_module(f"svp_core.commands.{kind.command}")
        assert callable(command.add_arguments), key
        assert callable(command.run), key
    assert len({kind.request for kind in JOB_KINDS.values()}) == len(JOB_KINDS)
    assert {type(request) for request, _ in STORED} == {kind.request for kind in JOB_KINDS.values()}


def test_every_task_module_has_a_kind():
    shared = {"__init__", "job_kinds", "request", "generation_request", "lanes", "throughput"}
    shared |= {"stored_classifications", "instrument_runs", "validation", "expectations", "reference_matching"}
    shared |= {"size_standard", "taught_strangers", "experiment_source"}
    shared |= {"known_run", "run_comparison", "stored_features", "unlike_details", "normal_set"}
    shared |= {"novelty_table", "novelty_verdict", "novelty_rebuilt", "located", "box_exchange"}
    shared |= {"box_scoring", "frame_background", "frame_search"}
    modules = {path.stem for path in (ROOT / "svp_core" / "tasks").glob("*.py")} - shared
    assert modules == {kind.task.__module__.rpartition(".")[2] for kind in JOB_KINDS.values()}


def test_stored_keys_and_lanes_stay():
    assert list(JOB_KINDS) == [
        "generate", "compare", "denoise", "classify", "gather", "train", "suspect", "likeness", "retrain", "refit",
        "experiment", "audit", "quality", "novelty", "locate", "crop",
        "heads",
    ]  # fmt: skip
    assert {key for key, kind in JOB_KINDS.items() if kind.lane == LONG} == {"train", "retrain", "experiment"}


@pytest.mark.parametrize(("request_", "config"), STORED, ids=IDS)
def test_a_request_is_stored_with_the_keys_of_edition_0_1_and_read_back(request_, config):
    assert json.loads(json.dumps(request_.to_config())) == config
    assert type(request_).from_config(config) == request_
    assert job_kinds.job_title(kind_of(request_).key, config) == request_.title


@pytest.mark.parametrize(("request_", "config"), STORED, ids=IDS)
def test_settings_that_this_version_cannot_read_are_a_sentence(request_, config):
    with pytest.raises(LabError, match="unknown key, 'colour'"):
        type(request_).from_config({**config, "colour": 1})
    with pytest.raises(LabError, match=f"lack '{next(iter(config))}'"):
        type(request_).from_config({key: value for key, value in config.items() if key != next(iter(config))})
    assert job_kinds.job_title(kind_of(request_).key, {"colour": 1}) == kind_of(request_).key


def test_optional_settings_may_be_missing():
    request = GenerateRequest.from_config({"class_key": "protein", "count": 1, "seed": 0})
    assert (request.sampler, request.weights, request.steps) == (None, None, None)
    assert ClassifyRequest.from_config({"source": "/data"}).weights == "resnet18"
    for kind in JOB_KINDS.values():
        names = [item.name for item in fields(kind.request)]
        assert kind.opened_by not in names or kind.opened_by in ("review", "profile") or kind.key == "crop", kind.key


def test_an_equal_request_joins_the_job_of_an_earlier_edition(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    for request, config in STORED:
        job_id, _ = jobs.start(kind_of(request).key, config)
        assert start(request) == (job_id, False)


@pytest.mark.parametrize(
    ("request_", "fragment"),
    [
        (GenerateRequest("protein", 0, 0), "0 images"),
        (GenerateRequest("protein", 1, -1), "seed -1"),
        (GenerateRequest("protein", 1, 0, steps=1), "1 denoising steps"),
        (DenoiseRequest(("protein",), 100_001, 0), "100001 images"),
        (CompareRequest("protein", 49, 0, "s", ComparisonSide(), ComparisonSide(classical=True)), "49 images per side"),
        (ClassifyRequest("/data", um_per_px=0), "pixel size of 0"),
        (ImportRequest("/data", " "), "no name"),
        (LabelErrorRequest("dataset", "ab", " "), "no name"),
        (LabelErrorRequest("folders", "ab", "Oil"), "'folders'"),
        (ExperimentRequest("folder", "/data", " "), "no name"),
        (ExperimentRequest("files", "/data", "Oil"), "'files'"),
        (ExperimentRequest("folder", "/data", "Oil", {"seeds": 2}), "2 seeds"),
        (LocateRequest("/data", "plane"), "'plane' is not a background"),
        (LocateRequest("/data", threshold=0), "threshold of 0"),
        (LocateRequest("/data", depth_um=0), "depth of 0"),
    ],
)
def test_an_impossible_request_is_refused_before_a_job_starts(request_, fragment, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    with pytest.raises(LabError, match=fragment):
        start(request_)
    assert not jobs.recent()


def test_addresses_that_open_a_job():
    config = {"review": "ab", "name": "Oil", "decisions": 1}
    assert find_kind("retrain").query("j", config) == {"look": "Retrain", "review": "ab"}
    assert find_kind("compare").query("j", {}) == {"mode": "Compare", "comparison": "j"}
    assert find_kind("train").query("j", {"images": 500}) == {"job": "j"}
    with pytest.raises(LabError, match="no jobs of kind 'walk'"):
        find_kind("walk")
