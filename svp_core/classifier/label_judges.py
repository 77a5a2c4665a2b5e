"""Label judges: predicted probabilities of networks trained on the labels in question.

Slower than features of a network that never saw the labels. Both start from a trained classifier with a new last layer.
A judge is what label_errors.find_label_errors takes: a function of tiles uint8 (N, 64, 64), labels int (N,), probs
float (N, K) predicted out of fold from features, and fold int (N,); it yields Progress and returns (float32 (N, K),
notes for the user).
"""

import math
from collections.abc import Callable, Generator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import softmax

from svp_core.classifier.augment import augment
from svp_core.classifier.resnet import Classifier, with_new_last_layer
from svp_core.classifier.training_loop import fit_temperature
from svp_core.device import fast_arithmetic
from svp_core.images import to_model
from svp_core.label_errors.memorisation import memorisation_warning
from svp_core.progress import Progress

Judgement = Generator[Progress, None, tuple[NDArray[np.floating], tuple[str, ...]]]
Judge = Callable[
    [NDArray[np.uint8], NDArray[np.integer], NDArray[np.floating], NDArray[np.integer]], Judgement
]  # tiles, labels, probs, fold

EPOCHS = 6  # few, because a network that has memorised its labels finds no errors
MIN_STEPS = 120  # small sets get more epochs
BATCH_SIZE = 64
HEAD_RATE, RATE = 2e-3, 2e-4  # learning rates of the new last layer and of the other layers
WEIGHT_DECAY = 0.05


def predict_out_of_fold(classifier: Classifier, *, seed: int = 0) -> Judge:
    """A judge with one network per fold, trained on the labels of all other folds.

    Its probabilities are averaged with those of the features: the two err on different images.
    """

    def judge(tiles, labels, probs, fold):
        logits, numbers = np.zeros(probs.shape, np.float32), np.unique(fold)
        if len(numbers) < 2:
            return probs, ()
        for done, number in enumerate(numbers):
            held_out = fold == number
            model, rows = _new_head(classifier, probs.shape[1], seed), np.flatnonzero(~held_out)
            for step, steps, loss, _, _ in _learn(model, tiles, labels, rows, classifier.device, seed):
                yield Progress(done * steps + step, len(numbers) * steps, f"network {done + 1} of {len(numbers)}", loss)
            logits[held_out] = _logits(model, tiles[held_out], classifier.device)
        own = softmax(logits / fit_temperature(torch.from_numpy(logits), labels), axis=1).astype(np.float32)
        return (own + probs) / 2, ()

    return judge


def predict_during_training(classifier: Classifier, *, seed: int = 0) -> Judge:
    """A judge with one network trained on all labels: its probabilities while it trains, averaged over the epochs.

    A wrong label is learnt late, from the other images (area under the margin, Pleiss et al. 2020, arXiv 2001.10528,
    here with probabilities). The first epoch, in which the last layer is new, does not count. A fifth of the cost of
    predict_out_of_fold. A note says so where the network memorised the labels.
    """

    def judge(tiles, labels, probs, fold):
        del fold  # every image is predicted by the same network
        sums, times = np.zeros(probs.shape), np.zeros(len(labels))
        model, everything = _new_head(classifier, probs.shape[1], seed), np.arange(len(labels))
        for step, steps, loss, rows, batch_probs in _learn(model, tiles, labels, everything, classifier.device, seed):
            if step * BATCH_SIZE > len(labels):
                np.add.at(sums, rows, batch_probs)
                np.add.at(times, rows, 1)
            yield Progress(step, steps, "learning all labels", loss)
        seen_probs = softmax(_logits(model, tiles, classifier.device), axis=1)
        note = memorisation_warning(labels, seen_probs, probs)
        return (sums / times[:, None]).astype(np.float32), (note,) if note else ()

    return judge


def _new_head(classifier, class_count, seed):
    """The classifier's network with a new last layer, of the last stage alone, for this number of classes."""
    torch.manual_seed(seed)
    return with_new_last_layer(classifier, class_count, all_stages=False)


def _learn(model, tiles, labels, rows, device, seed):
    """Train in place on these rows; yields (step, steps, loss, rows of the batch, their probs before the step)."""
    rng = np.random.default_rng(seed)
    last = set(model.fc.parameters())
    optimiser = torch.optim.AdamW(
        [{"params": list(last), "lr": HEAD_RATE}, {"params": [p for p in model.parameters() if p not in last]}],
        lr=RATE,
        weight_decay=WEIGHT_DECAY,
    )
    epoch_steps = math.ceil(len(rows) / BATCH_SIZE)
    # Whole epochs, at least two, so that every image is seen after the first as well.
    epochs = max(EPOCHS, math.ceil(MIN_STEPS / epoch_steps))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * epoch_steps)
    model.train()
    batches = []
    for step in range(epochs * epoch_steps):
        if step % epoch_steps == 0:
            batches = np.array_split(rng.permutation(rows), epoch_steps)
        batch = batches[step % epoch_steps]
        images = torch.from_numpy(np.asarray(tiles[batch])).float().div(255)[:, None]
        images = augment(images, rng).mul(2).sub(1).to(device, memory_format=torch.channels_last)
        with fast_arithmetic(device):
            logits = model(images).float()
        loss = F.cross_entropy(logits, torch.from_numpy(labels[batch]).to(device))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        yield step + 1, epochs * epoch_steps, loss.item(), batch, logits.detach().softmax(1).cpu().numpy()
    model.eval()


@torch.inference_mode()
def _logits(model, tiles, device):
    batches = []
    for start in range(0, len(tiles), 256):
        images = to_model(tiles[start : start + 256], device).to(memory_format=torch.channels_last)
        with fast_arithmetic(device):
            batches.append(model(images).float().cpu().numpy())
    return np.concatenate(batches)
