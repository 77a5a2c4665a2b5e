"""Search for label errors in a labelled source: suspects.csv, one row per image, most doubtful first."""

import csv
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
from svp_core.progress import Progress

if TYPE_CHECKING:
    from svp_core.classifier.resnet import Classifier
    from svp_core.datasets.labelled_tiles import LabelledTiles
    from svp_core.label_errors.find import LabelJudge

COLUMNS: tuple[str, ...] = ("image", "given", "suggested", "score", "margin", "rank", "reason")
_MEMORISATION_SAMPLE = 4000  # images, drawn at random, on which a classifier is tested for memorised labels


@dataclass(frozen=True)
class LabelErrors:
    """Result of a search: the judged images and the scores of their labels."""

    names: tuple[str, ...]  # of the judged images, in the order of report.scores
    class_keys: tuple[str, ...]
    report: LabelErrorReport

    def rows(self) -> Iterator[dict[str, str | int]]:
        """Rows of suspects.csv, dicts with COLUMNS, most doubtful first."""
        scores, labels = self.report.scores, self.labels
        duplicates = _duplicate_notes(self)
        for position in scores.order:
            yield {
                "image": self.names[position],
                "given": self.class_keys[labels[position]],
                "suggested": self.class_keys[scores.suggested[position]],
                "score": f"{scores.score[position]:.4f}",
                "margin": f"{scores.margin[position]:.4f}",
                "rank": int(scores.rank[position]),
                "reason": scores.reasons[position] + duplicates.get(position, ""),
            }

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of the judged images, (M,), positions in class_keys."""
        return self.report.labels[self.report.judged]


def search_label_errors(
    data: "LabelledTiles",
    classifier: "Classifier",
    *,
    synthetic: "LabelledTiles | None" = None,
    reference: "Classifier | None" = None,
    by: str = "features",
    seed: int = 0,
) -> Generator[Progress, None, LabelErrors]:
    """Score every label of labelled tiles; yields Progress, returns LabelErrors.

    classifier: gives the features; it must not have been trained on these labels. reference: a classifier that surely
    was not, where `classifier` may have been: raises LabError if that one has memorised the labels. synthetic: tiles to
    learn from that are neither judged nor used as neighbours; classes that data does not have are left out.
    by: the judge; "features" takes seconds, "folds" also trains a network per fold, "training" uses one network's
    predictions while it learns the labels.
    """
    if reference is not None:
        _refuse_memorised(data, classifier, reference, seed)
    keys, tiles, labels, batches = data.class_keys, data.tiles, data.labels, batch_labels(data)
    is_real = np.ones(len(tiles), bool)
    if synthetic is not None:
        known = [position for position, label in enumerate(synthetic.labels) if synthetic.class_keys[label] in keys]
        more = np.array([keys.index(synthetic.class_keys[synthetic.labels[k]]) for k in known], np.int64)
        tiles, labels = np.concatenate([tiles, synthetic.tiles[known]]), np.concatenate([labels, more])
        is_real = np.concatenate([is_real, np.zeros(len(known), bool)])
        # Synthetic tiles belong to no run; each may be in any fold.
        batches = None if batches is None else [*batches, *(f"\0{k}" for k in known)]
    report = yield from find_label_errors(
        tiles,
        labels,
        embed=lambda some: layered_features(classifier, some),
        class_names=class_texts(keys),
        groups=batches,
        is_real=is_real,
        judge=_judge(by, classifier, seed),
        seed=seed,
    )
    return LabelErrors(tuple(data.names), tuple(keys), report)


def _judge(by: str, classifier: "Classifier", seed: int) -> "LabelJudge | None":
    """The judge that follows the features, or None."""
    if by == "features":
        return None
    return {"folds": predict_out_of_fold, "training": predict_during_training}[by](classifier, seed=seed)


def batch_labels(data: "LabelledTiles") -> list[str] | None:
    """Run or lot of each image, from its folders other than that of its class; None where all are the same."""
    batches = []
    for name, label in zip(data.names, data.labels, strict=True):
        folders = name.split("/")[:-1]
        own = [index for index, folder in enumerate(folders) if key_from_name(folder) == data.class_keys[label]]
        batches.append("/".join(folders[: own[-1]] + folders[own[-1] + 1 :] if own else folders))
    return batches if len(set(batches)) > 1 else None


def class_texts(class_keys: Sequence[str]) -> list[str]:
    """Names of the classes inside a sentence: "silicone oil"."""
    names = [class_by_key(key).name for key in class_keys]
    return [name[:1].lower() + name[1:] for name in names]


def write_label_errors(path: str | Path, errors: LabelErrors) -> None:
    """Write suspects.csv: one row per judged image, most doubtful first."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(errors.rows())


def summary(errors: LabelErrors) -> list[str]:
    """Result of the search as lines of text."""
    names, report = class_texts(errors.class_keys), errors.report
    doubtful, suspects = (report.scores.suggested != errors.labels).sum(), (report.scores.score < SUSPECT).sum()
    total = report.total
    wrong = f"about {_count(round(total.value), 'label', 'is wrong', 'are wrong')} "
    wrong += f"(between {total.low:,.0f} and {total.high:,.0f})."
    if report.not_estimated:
        wrong = f"at most {_count(round(total.high), 'label', 'is wrong', 'are wrong')}. {report.not_estimated}"
    lines = [
        f"{_count(len(errors.names), 'label')}: {doubtful:,} to review, {suspects:,} of them more likely wrong than "
        f"right; {wrong}"
    ]
    for pair in report.pairs:
        count = f"about {pair.value:,.0f} wrong ({pair.low:,.0f} to {pair.high:,.0f})"
        count = f"at most {pair.high:,.0f} wrong" if report.not_estimated else count
        lines.append(f"  {names[pair.given]} -> {names[pair.suggested]}: {pair.n:,} to review, {count}")
    if (
        not report.not_estimated
        and report.pairs
        and sum(round(pair.value) for pair in report.pairs) != round(total.value)
    ):
        lines.append("Each number of wrong labels is rounded, so those of the pairs do not add up to the total.")
    lines += [f"{effect.text}." for effect in report.batch_effects]
    groups, disagreeing = report.duplicates.groups(), report.duplicates.disagreeing(report.labels)
    if groups:
        images = _count(len(groups), "image", "occurs", "occur")
        lines.append(f"{images} more than once, {len(disagreeing):,} with different labels.")
    if len(report.outliers):
        lines.append(f"{_count(len(report.outliers), 'image', 'resembles', 'resemble')} no class.")
    return [*lines, *report.notes]


def _count(count: int, noun: str, singular: str = "", plural: str = "") -> str:
    """ "1 image resembles", "1,200 images resemble"; singular, plural: the verb."""
    text = f"{count:,} {noun} {singular}" if count == 1 else f"{count:,} {noun}s {plural}"
    return text.rstrip()


def _duplicate_notes(errors: LabelErrors) -> dict[int, str]:
    """Position among the judged -> note, for images whose duplicates have another label."""
    report, names = errors.report, class_texts(errors.class_keys)
    rows = {int(position): row for row, position in enumerate(report.judged)}
    notes = {}
    for group in report.duplicates.disagreeing(report.labels):
        for position in group:
            others = sorted({names[report.labels[k]] for k in group} - {names[report.labels[position]]})
            if int(position) in rows:
                notes[rows[int(position)]] = f"; the same image is also labelled {', '.join(others)}"
    return notes


def _refuse_memorised(data: "LabelledTiles", classifier: "Classifier", reference: "Classifier", seed: int) -> None:
    """Raise LabError where the classifier has memorised the given labels."""
    known = classifier.config.class_keys
    if not set(data.class_keys) <= set(known):
        return
    rows = np.sort(np.random.default_rng(seed).permutation(len(data.tiles))[:_MEMORISATION_SAMPLE])
    labels = np.array([known.index(data.class_keys[label]) for label in data.labels[rows]])
    in_sample = predict_probs(classifier, data.tiles[rows])
    features = layered_features(reference, data.tiles[rows])
    coordinates = fit_pca(features, seed=seed).transform(features)
    fold, _ = assign_folds(labels, seed=seed)
    held_out = out_of_fold(coordinates, labels, fold=fold, class_count=len(known))
    warning = memorisation_warning(labels, in_sample, held_out)
    if warning:
        raise LabError(warning)
