"""What networks that learn the labels think of them: slower judges than features of a network that never saw them.

Both begin from a trained classifier with a new last layer. A judge is what label_review.review takes: a function of
tiles uint8 (N, 64, 64), labels int (N,), probs float (N, K) that features give out of fold, and fold int (N,); it
yields Progress and returns (float32 (N, K), sentences for the person).
"""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from svp_core.classifier.augment import augment
from svp_core.classifier.training_loop import fit_temperature
from svp_core.device import fast_arithmetic
from svp_core.images import to_model
from svp_core.label_errors.memorisation import is_memorised
from svp_core.progress import Progress

EPOCHS = 6  # times each tile is shown; few, as a network that knows its labels by heart finds no errors
MIN_STEPS = 120  # of small sets more epochs
BATCH_SIZE = 64
HEAD_RATE, RATE = 2e-3, 2e-4  # learning rates of the new last layer and of the rest
WEIGHT_DECAY = 0.05


def predict_out_of_fold(classifier, *, seed=0):
    """A judge by one network for each fold, which learns the labels of all others.

    Its probabilities are averaged with those of the features: the two err on different images.
    """

    def judge(tiles, labels, probs, fold):
        logits, numbers = np.zeros(probs.shape, np.float32), np.unique(fold)
        if len(numbers) < 2:
            return probs, ()
        for done, number in enumerate(numbers):
            held = fold == number
            model, learnt = _begun(classifier, probs.shape[1], seed), np.flatnonzero(~held)
            for step, steps, loss, _, _ in _learn(model, tiles, labels, learnt, classifier.device, seed):
                yield Progress(done * steps + step, len(numbers) * steps, f"network {done + 1} of {len(numbers)}", loss)
            logits[held] = _logits(model, tiles[held], classifier.device)
        own = _softmax(logits / fit_temperature(torch.from_numpy(logits), labels))
        return (own + probs) / 2, ()

    return judge


def predict_during_training(classifier, *, seed=0):
    """A judge by what one network that learns all labels thinks of each image while it learns, mean of its epochs.

    A wrong label is learnt late, from the others (area under the margin, Pleiss et al. 2020, arXiv 2001.10528, here of
    probabilities). The first epoch, in which the last layer is new, does not count. A fifth of the cost of
    judge_by_folds. A sentence says so where the network came to know the labels by heart.
    """

    def judge(tiles, labels, probs, fold):
        thought, times = np.zeros(probs.shape), np.zeros(len(labels))
        model, everything = _begun(classifier, probs.shape[1], seed), np.arange(len(labels))
        for step, steps, loss, rows, found in _learn(model, tiles, labels, everything, classifier.device, seed):
            if step * BATCH_SIZE > len(labels):
                np.add.at(thought, rows, found)
                np.add.at(times, rows, 1)
            yield Progress(step, steps, "learning all labels", loss)
        said = is_memorised(labels, _softmax(_logits(model, tiles, classifier.device)), probs)
        return (thought / times[:, None]).astype(np.float32), (said,) if said else ()

    return judge


def _begun(classifier, class_count, seed):
    """The classifier's network with a last layer for so many classes."""
    torch.manual_seed(seed)
    model = copy.deepcopy(classifier.model)
    model.fc = nn.Linear(model.fc.in_features, class_count).to(classifier.device)
    return model


def _learn(model, tiles, labels, rows, device, seed):
    """Train in place on these rows; yields (step, steps, loss, rows shown, their probabilities before the step)."""
    rng = np.random.default_rng(seed)
    last = set(model.fc.parameters())
    optimiser = torch.optim.AdamW(
        [{"params": list(last), "lr": HEAD_RATE}, {"params": [p for p in model.parameters() if p not in last]}],
        lr=RATE,
        weight_decay=WEIGHT_DECAY,
    )
    an_epoch = math.ceil(len(rows) / BATCH_SIZE)
    # Whole epochs, at least two, so that every image is shown after the first as well.
    epochs = max(EPOCHS, math.ceil(MIN_STEPS / an_epoch))
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * an_epoch)
    model.train()
    for step in range(epochs * an_epoch):
        if step % an_epoch == 0:
            parts = np.array_split(rng.permutation(rows), an_epoch)
        shown = parts[step % an_epoch]
        images = torch.from_numpy(np.asarray(tiles[shown])).float().div(255)[:, None]
        images = augment(images, rng).mul(2).sub(1).to(device, memory_format=torch.channels_last)
        with fast_arithmetic(device):
            logits = model(images).float()
        loss = F.cross_entropy(logits, torch.from_numpy(labels[shown]).to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        slower.step()
        yield step + 1, epochs * an_epoch, loss.item(), shown, logits.detach().softmax(1).cpu().numpy()
    model.eval()


@torch.inference_mode()
def _logits(model, tiles, device):
    found = []
    for start in range(0, len(tiles), 256):
        images = to_model(tiles[start : start + 256], device).to(memory_format=torch.channels_last)
        with fast_arithmetic(device):
            found.append(model(images).float().cpu().numpy())
    return np.concatenate(found)


def _softmax(logits):
    raised = np.exp(logits - logits.max(1, keepdims=True))
    return (raised / raised.sum(1, keepdims=True)).astype(np.float32)
