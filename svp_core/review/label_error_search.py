"""A labelled source -> which of its labels are suspect: suspects.csv, one row an image, worst first."""

import csv
from dataclasses import dataclass

import numpy as np

from svp_core.classifier.label_judges import predict_during_training, predict_out_of_fold
from svp_core.classifier.resnet import predict_probs
from svp_core.embedding.features import layered_features
from svp_core.errors import LabError
from svp_core.label_errors import (
    SUSPECT,
    LabelErrorReport,
    assign_folds,
    find_label_errors,
    memorisation_warning,
    out_of_fold,
)
from svp_core.label_errors.pca import fit_pca
from svp_core.particle_classes import class_by_key, key_from_name

COLUMNS = ("image", "given", "suggested", "score", "margin", "rank", "reason")
_GUARDED_ON = 4000  # images, drawn at random, that a lab's own network is tried on


@dataclass(frozen=True)
class LabelErrors:
    """Judged images and what is thought of their labels."""

    names: tuple  # of the images that are judged, in the order of review.suspects
    class_keys: tuple
    review: LabelErrorReport

    def rows(self):
        """Rows of suspects.csv, dicts with COLUMNS, worst first."""
        suspects, labels = self.review.scores, self.labels
        repeated = _other_labels(self)
        for position in suspects.order:
            yield {
                "image": self.names[position],
                "given": self.class_keys[labels[position]],
                "suggested": self.class_keys[suspects.suggested[position]],
                "score": f"{suspects.score[position]:.4f}",
                "margin": f"{suspects.margin[position]:.4f}",
                "rank": int(suspects.rank[position]),
                "reason": suspects.reasons[position] + repeated.get(position, ""),
            }

    @property
    def labels(self):
        """Labels of the judged images, int (M,), positions in class_keys."""
        return self.review.labels[self.review.judged]


def search_label_errors(data, classifier, *, synthetic=None, reference=None, by="features", seed=0):
    """Judge every label of Labelled data; yields Progress, returns Found.

    classifier: gives the features; it must not have been trained on these labels. reference: a classifier that surely
    was not, for one that may have been: raises LabError where that knows the labels by heart. synthetic: Labelled tiles
    that are learnt from too, but neither judged nor called as witnesses; classes that data has none of are left out.
    by: who judges; "features" in seconds, "folds" with a network for each fold as well, "training" with one network
    while it learns the labels.
    """
    if reference is not None:
        _refuse_memorised(data, classifier, reference, seed)
    keys, tiles, labels, lots = data.class_keys, data.tiles, data.labels, batches_of(data)
    testifies = np.ones(len(tiles), bool)
    if synthetic is not None:
        known = [position for position, label in enumerate(synthetic.labels) if synthetic.class_keys[label] in keys]
        more = np.array([keys.index(synthetic.class_keys[synthetic.labels[k]]) for k in known], np.int64)
        tiles, labels = np.concatenate([tiles, synthetic.tiles[known]]), np.concatenate([labels, more])
        testifies = np.concatenate([testifies, np.zeros(len(known), bool)])
        # Synthetic tiles come from nobody's run; each may be in any fold.
        lots = None if lots is None else [*lots, *(f"\0{k}" for k in known)]
    found = yield from find_label_errors(
        tiles,
        labels,
        embed=lambda part: layered_features(classifier, part),
        class_names=class_words(keys),
        groups=lots,
        is_real=testifies,
        judge=_judge(by, classifier, seed),
        seed=seed,
    )
    return LabelErrors(tuple(data.names), tuple(keys), found)


def _judge(by, classifier, seed):
    """What looks again after the features, or None."""
    if by == "features":
        return None
    return {"folds": predict_out_of_fold, "training": predict_during_training}[by](classifier, seed=seed)


def batches_of(data):
    """Run or lot of each image, from the folders it lies in besides that of its class; None where all are alike."""
    found = []
    for name, label in zip(data.names, data.labels, strict=True):
        folders = name.split("/")[:-1]
        own = [place for place, folder in enumerate(folders) if key_from_name(folder) == data.class_keys[label]]
        found.append("/".join(folders[: own[-1]] + folders[own[-1] + 1 :] if own else folders))
    return found if len(set(found)) > 1 else None


def class_words(class_keys):
    """Names of the classes as they stand inside a sentence: "silicone oil"."""
    names = [class_by_key(key).name for key in class_keys]
    return [name[:1].lower() + name[1:] for name in names]


def write_label_errors(path, found):
    """suspects.csv: a row for every judged image, worst first."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found.rows())


def summary(found):
    """What was found, as lines for a person."""
    words, result = class_words(found.class_keys), found.review
    doubted, suspected = (result.scores.suggested != found.labels).sum(), (result.scores.score < SUSPECT).sum()
    total = result.total
    lines = [
        f"{_some(len(found.names), 'label')}: {doubted:,} to look at, {suspected:,} of them more likely wrong than "
        f"right; about {_some(round(total.value), 'label', 'is wrong', 'are wrong')} "
        f"(between {total.low:,.0f} and {total.high:,.0f})."
    ]
    lines += [
        f"  {words[pair.given]} -> {words[pair.suggested]}: {pair.n:,} to look at, about {pair.value:,.0f} wrong "
        f"({pair.low:,.0f} to {pair.high:,.0f})"
        for pair in result.pairs
    ]
    lines += [lot.text + "." for lot in result.batch_effects]
    groups, disagreeing = result.duplicates.groups(), result.duplicates.disagreeing(result.labels)
    if groups:
        pictures = _some(len(groups), "picture", "is there", "are there")
        lines.append(f"{pictures} more than once, {len(disagreeing):,} with different labels.")
    if len(result.outliers):
        lines.append(f"{_some(len(result.outliers), 'image', 'resembles', 'resemble')} no class.")
    return [*lines, *result.notes]


def _some(count, what, does="", do=""):
    """ "1 image resembles", "1,200 images resemble"; does, do: the verb of one and of several."""
    words = f"{count:,} {what} {does}" if count == 1 else f"{count:,} {what}s {do}"
    return words.rstrip()


def _other_labels(found):
    """Position among the judged -> words, for images whose copies carry another label."""
    result, words = found.review, class_words(found.class_keys)
    place = {int(position): row for row, position in enumerate(result.judged)}
    said = {}
    for group in result.duplicates.disagreeing(result.labels):
        for position in group:
            others = sorted({words[result.labels[k]] for k in group} - {words[result.labels[position]]})
            if int(position) in place:
                said[place[int(position)]] = f"; the same picture is also labelled {', '.join(others)}"
    return said


def _refuse_memorised(data, classifier, reference, seed):
    """Raise LabError where the classifier has learnt the given labels by heart."""
    known = classifier.config.class_keys
    if not set(data.class_keys) <= set(known):
        return
    rows = np.sort(np.random.default_rng(seed).permutation(len(data.tiles))[:_GUARDED_ON])
    labels = np.array([known.index(data.class_keys[label]) for label in data.labels[rows]])
    seen = predict_probs(classifier, data.tiles[rows])
    features = layered_features(reference, data.tiles[rows])
    places = fit_pca(features, seed=seed).transform(features)
    fold, _ = assign_folds(labels, seed=seed)
    said = memorisation_warning(labels, seen, out_of_fold(places, labels, fold=fold, class_count=len(known)))
    if said:
        raise LabError(said)
