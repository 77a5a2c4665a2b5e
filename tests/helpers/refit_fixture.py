"""An instrument whose particles an untrained classifier of the workspace names badly, but could tell apart."""

import numpy as np
import torch

from svp_core import model_files
from svp_core.classifier.resnet import ClassifierConfig, build_classifier, config_as_dict
from svp_core.tasks.validation import keep_result, standing_of
from svp_core.workspace import instrument_profiles, jobs, models
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.finished_jobs import KEYS
from tests.helpers.validated_instrument import answer_all, classified_instrument, validation_of

NAME = "untrained"
LEVELS = (60, 120, 250)  # grey level of the particles of each class


def validated_untrained(*, count=90, answers=None):
    """(profile with a validation, sha256 of the classifier). answers: true class -> answer; as they are without it."""
    torch.manual_seed(0)
    config = ClassifierConfig(KEYS)
    folder = models.new_model_folder(NAME)
    tensors = build_classifier(config).state_dict()
    model_files.save_model(folder, config=config_as_dict(config), tensors=tensors, card="# Untrained\n", history=[])
    sha256 = model_files.weights_sha256(folder)
    profile, truth = classified_instrument(3 * count, weights=NAME, sha256=sha256)
    ((job_id, labels),) = truth.items()
    tiles = np.empty((len(labels), 64, 64), np.uint8)
    for number, (key, level) in enumerate(zip(KEYS, LEVELS, strict=True)):
        mask = labels == key
        tiles[mask] = draw_blocks(int(mask.sum()), seed=number, level=level)
    np.save(jobs.job_folder(job_id) / "tiles.npy", tiles)
    validation, correct = validation_of(profile, truth, count=count, sha256=sha256)
    given = correct if answers is None else {particle: answers(label) for particle, label in correct.items()}
    answer_all(validation, given)
    keep_result(validation, standing_of(validation))
    return instrument_profiles.find_profile(profile.id), sha256
