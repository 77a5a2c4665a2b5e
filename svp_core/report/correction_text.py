"""What a report says about corrected counts: estimate, reference, prior, matching, variation between instruments."""

from collections.abc import Mapping

import numpy as np

from svp_core.display import class_name, format_percent, join_names
from svp_core.stats.between_instruments import MAX_WORTH, USUAL_WORTH
from svp_core.stats.calibration import accuracy, accuracy_of_instruments
from svp_core.stats.confusion import ConfusionReference, worth_of_classes


def correction_sentences(reference: ConfusionReference, thresholds: Mapping[str, float]) -> list[str]:
    """Sentences of the method section on corrected counts and predictive values.

    thresholds: class key -> minimum probability, those that the counts use.
    """
    own = reference.of_own_instrument()
    sentences = [
        "Corrected counts are the most likely true counts, given how the classifier assigns labelled particles of "
        "similar size in pixels that it was not trained on, unsure ones included (expectation and maximisation, Shepp "
        "and Vardi 1982, run until no count changes). Positive predictive values follow from such counts, at the class "
        "mixture of this sample; where sizes in pixels are known, the mixture is that of each octave of sizes. The "
        f"labelled particles are {reference.description}."
    ]
    if reference.instruments is None:
        sentences.append(
            "Their instruments are not told apart: as an allowance for the variation between instruments, all of them "
            f"together count as {USUAL_WORTH:g} particles of each class from this instrument."
        )
    elif not own.all():
        worths = worth_of_classes(reference, thresholds)
        listed = join_names([f"{class_name(key).lower()} {worth:.0f}" for key, worth in worths.items()])
        sentences.append(
            "The intervals include how much the confusion of classes differs between instruments, fitted by class to "
            "the simulated ones (Dirichlet-multinomial). What those say about this instrument is worth this many "
            f"particles of its own, {MAX_WORTH:g} at most: {listed}."
        )
    if own.any():
        sentences.append(
            f"{int(own.sum()):,} of the labelled particles are of this instrument and count in full; the simulated "
            "ones are the prior."
        )
    if expected := expected_accuracy_sentence(reference):
        sentences.append(expected)
    sentences.append(
        "Matching changes the class of no particle. Not included in any interval: kinds of particles that the labelled "
        "ones do not contain, and instruments unlike all of theirs."
    )
    return sentences


def expected_accuracy_sentence(reference: ConfusionReference) -> str:
    """How often the classifier is right on simulated instruments exposed like the sample's; "" where there are none.

    The range is that of single instruments: what one instrument may be like, not how well the mean is known.
    """
    if reference.instruments is None:
        return ""
    simulated = reference.select(~reference.of_own_instrument())
    if not len(simulated.labels):
        return ""
    single = accuracy_of_instruments(simulated)
    low, high = np.quantile(single, (0.05, 0.95))
    each = round(len(simulated.labels) / len(single))
    return (
        f"On {len(single):,} simulated instruments with this run's background and noise, the classifier names "
        f"{format_percent(accuracy(simulated).value)} of particles of all sizes right, every class weighted equally "
        f"({format_percent(low)} to {format_percent(high)} on nine of ten of them, by {each:,} particles each); on "
        "real particles that is not known before some are labelled."
    )
