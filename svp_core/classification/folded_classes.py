"""Results seen with fewer classes: glass flakes, fibres and other particles as the one class "other".

Nothing stored changes. A particle's probability of the folded class is the sum of its probabilities of the classes in
it, and particles are named by these sums; marks as unlike all classes stay as they are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from svp_core.classification.results import ClassificationResults
from svp_core.display import class_name
from svp_core.particle_classes import FURTHER_CLASSES, OTHER, sort_keys
from svp_core.stats.confusion import ConfusionReference

_FURTHER = tuple(particle_class.key for particle_class in FURTHER_CLASSES)
_DECIMALS = 6  # results.csv has four: 0.3 and 0.5 must reach a threshold of 0.8, whatever their sum in binary


def can_be_folded(class_keys: Sequence[str]) -> bool:
    """Whether these classes hold "other" and at least one more of FURTHER_CLASSES."""
    return OTHER.key in class_keys and len(_folded_away(class_keys)) > 0


def folded_keys(class_keys: Sequence[str]) -> tuple[str, ...]:
    """These class keys with FURTHER_CLASSES as one, "other", in the order of sort_keys().

    Raises ValueError where they cannot be folded.
    """
    if not can_be_folded(class_keys):
        raise ValueError(f"{', '.join(class_keys)} have no further classes beside {OTHER.key} to fold into it")
    return sort_keys(fold_key(key) for key in class_keys)


def folds_into(class_keys: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether these classes, folded, are the wanted ones."""
    return can_be_folded(class_keys) and folded_keys(class_keys) == tuple(wanted)


def fold_key(key: str) -> str:
    """The class that a key stands for in folded results: "other" for FURTHER_CLASSES, else the same."""
    return OTHER.key if key in _FURTHER else key


def fold_probs(probs: ArrayLike, class_keys: Sequence[str]) -> NDArray[np.float32]:
    """Probabilities float32 (N, L) of folded_keys(), from those of class_keys, float (N, K)."""
    probs, keys = np.asarray(probs, np.float32).reshape(-1, len(class_keys)), folded_keys(class_keys)
    folded = np.empty((len(probs), len(keys)), np.float32)
    for column, key in enumerate(keys):
        of = [position for position, old in enumerate(class_keys) if fold_key(old) == key]
        if len(of) == 1:
            folded[:, column] = probs[:, of[0]]
        else:
            # Rounded probabilities can sum to slightly more than 1.
            folded[:, column] = np.minimum(np.round(probs[:, of].sum(1, dtype=np.float64), _DECIMALS), 1)
    return folded


def fold_results(results: ClassificationResults) -> ClassificationResults:
    """These results with folded classes; the given ones are kept as its `stored`.

    Its table always holds "confidence", the largest of the folded probabilities, since that column of results.csv has
    the largest of the stored ones; the columns "label" and "given" are folded where the table has them. Raises
    ValueError where the classes cannot be folded.
    """
    probs, keys = fold_probs(results.probs, results.class_keys), folded_keys(results.class_keys)
    table = results.table.assign(confidence=np.round(probs.max(1, initial=0).astype(float), _DECIMALS))
    if "given" in table:
        table["given"] = table["given"].mask(table["given"].isin(_FURTHER), OTHER.key)
    if "label" in table and len(probs):
        table["label"] = np.asarray(keys, object)[probs.argmax(1)]
    return replace(results, class_keys=keys, table=table, probs=probs, stored=results)


def fold_reference(reference: ConfusionReference) -> ConfusionReference:
    """A confusion reference of folded classes: probabilities summed, true classes mapped.

    Raises ValueError where its classes cannot be folded.
    """
    keys = folded_keys(reference.class_keys)
    new_label = np.array([keys.index(fold_key(key)) for key in reference.class_keys])
    return replace(
        reference,
        probs=fold_probs(reference.probs, reference.class_keys),
        labels=new_label[np.asarray(reference.labels, int)],
        class_keys=keys,
    )


def reference_for(reference: ConfusionReference, class_keys: Sequence[str]) -> ConfusionReference | None:
    """A reference for results of these classes: as it is, or folded; None where it is of other classes."""
    if tuple(reference.class_keys) == tuple(class_keys):
        return reference
    return fold_reference(reference) if folds_into(reference.class_keys, class_keys) else None


def fold_sentence(class_keys: Sequence[str]) -> str:
    """Which of these (stored) classes are counted as one, and how, as a sentence."""
    return f"The classes {_names(class_keys)} are counted as one class, {OTHER.key}, by the sum of their probabilities."


def mixture_sentence(class_keys: Sequence[str]) -> str:
    """What corrected counts of the folded class assume, as a sentence. class_keys: as stored."""
    return (
        f"Corrected counts and predictive values take the class {OTHER.key} to be mixed of {_names(class_keys)} as "
        "among the labelled particles."
    )


def _names(class_keys: Sequence[str]) -> str:
    """Names of the classes that are folded: "glass flake, fibre and other"."""
    return (
        f"{', '.join(class_name(key).lower() for key in _folded_away(class_keys))} and {class_name(OTHER.key).lower()}"
    )


def _folded_away(class_keys: Sequence[str]) -> list[str]:
    return [key for key in class_keys if key in _FURTHER and key != OTHER.key]
