"""Functions that hold a model: sent elsewhere, they give the same; every engine makes the same calls."""

import pickle
import shutil

import numpy as np
import pytest
import torch

from svp_core.classifier import resnet
from svp_core.embedding.feature_table import FeaturesOf, feature_table
from svp_core.frames.box_embedding import SHIPPED, open_embedding
from svp_core.frames.candidates import FIGURES
from svp_core.frames.heads import HeadsConfig, TwoHeads, config_as_dict
from svp_core.frames.reading import Frame
from svp_core.generator import unet
from svp_core.generator.sampling import SampleSeeds, image_seeds, sample_on_engine, sample_tiles
from svp_core.model_files import find_model_folder, save_model
from svp_core.progress import run_to_end
from svp_core.tasks.frame_background import FixedBackground
from svp_core.tasks.frame_search import FrameSearch
from svp_core.tasks.locate import LocateRequest
from tests.helpers.drawn_frames import draw_frame
from tests.helpers.tiny_generator import CONFIG

SEEDS = image_seeds(5, 7)


@pytest.fixture(scope="module")
def generator():
    torch.manual_seed(0)
    return unet.Generator(unet.build_unet(CONFIG).eval(), CONFIG, None, torch.device("cpu"))


def test_calls_of_an_engine_are_those_of_the_sampler(generator):
    sampler = generator.samplers["preview"]
    expected = list(sample_tiles(generator, "air_bubble", seeds=SEEDS, sampler=sampler, steps=2, call_size=3))
    found = list(sample_on_engine(None, generator, "air_bubble", seeds=SEEDS, sampler=sampler, steps=2, call_size=3))
    assert [start for start, _ in found] == [start for start, _ in expected] == [0, 3, 6]
    for (_, old), (_, new) in zip(expected, found, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_function_that_has_travelled_gives_the_same_images(generator):
    function = SampleSeeds(generator, "air_bubble", generator.samplers["preview"], 2, 3)
    travelled = pickle.loads(pickle.dumps(function))
    np.testing.assert_array_equal(travelled(SEEDS[:2]), function(SEEDS[:2]))
    assert travelled.model.model is not generator.model


def test_a_feature_table_has_the_features_of_a_classifier_that_has_travelled():
    torch.manual_seed(0)
    config = resnet.ClassifierConfig(("protein", "silicone_oil"))
    classifier = resnet.Classifier(resnet.build_classifier(config).eval(), config, None, torch.device("cpu"))
    tiles = np.random.default_rng(0).integers(0, 256, (3, 64, 64), np.uint8)
    table = run_to_end(feature_table(classifier, tiles, {"image": ["a", "b", "c"]}))
    measures, features = pickle.loads(pickle.dumps(FeaturesOf(classifier)))(tiles)
    np.testing.assert_array_equal(table.filter(regex=r"^f\d{4}$").to_numpy(), features)
    assert table["area_px"].tolist() == [row["area_px"] for row in measures]


def test_a_search_that_has_travelled_gives_the_same_boxes_and_scores_of_its_heads(tmp_path):
    torch.manual_seed(0)
    width = open_embedding(SHIPPED, resnet.load_classifier(find_model_folder(SHIPPED)))[1]
    config = HeadsConfig(width + FIGURES, SHIPPED, (8, 8))
    tensors = TwoHeads(config).state_dict()
    save_model(tmp_path, config=config_as_dict(config), tensors=tensors, card="", history=[])
    pixels = draw_frame([(60, 60, 9, -0.3), (60, 76, 8, -0.35), (150, 200, 7, 0.3)])
    search = FrameSearch(
        LocateRequest("", heads=str(tmp_path)), None, FixedBackground(draw_frame([]).astype(np.float32))
    )
    expected = search(Frame(0, "f", pixels))
    assert len(expected[0]) >= 2
    assert all(row["score"] for row in expected[0])
    data = pickle.dumps(search)
    shutil.rmtree(tmp_path)
    assert pickle.loads(data)(Frame(0, "f", pixels)) == expected
