"""Every figure of a quality report: what it is called, which way is good, what it says."""

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Metric:
    """One figure in words."""

    name: str
    good: str  # "low", "high", or what it should equal: "0", "0.5", "1", "real" = what the real tiles have
    meaning: str  # one sentence
    unit: str = ""


def _in(space):
    return f"In what {space} sees: "


_OURS, _FIXED = "our classifier", "a fixed network"

# In the order of a report: what a microscopist would look at first.
METRICS = {
    "named": Metric("Named as ordered", "high", "Share that our classifier gives the class it was made as."),
    "brightness": Metric(
        "Brightness", "0", "Mean grey level of the synthetic tiles less that of the real ones.", "grey levels"
    ),
    "texture": Metric(
        "Fine texture", "1", "Spread of the finest grain of the background, synthetic to real; below 1 is too smooth."
    ),
    "spectrum": Metric(
        "Spectrum", "low", "How far the strengths of coarse to fine structures differ, mean over 32 scales.", "dB"
    ),
    "shape": Metric(
        "Size and shape", "low", "Mean gap between the distributions of eleven measures, 0 alike to 1 quite different."
    ),
    "roundness": Metric(
        "Roundness", "real", "Median width to length of the particles that lie within their tile; 1 is round."
    ),
    "large": Metric("Large particles", "real", "Share whose particle reaches the border of its tile."),
    "unmeasurable": Metric("Nothing to measure", "real", "Share in which no particle stands out from the background."),
    "told_apart": Metric(
        "Told apart", "0.5", "Area under the curve of a small network that tries: 0.5 it cannot, 1 it always can."
    ),
    "kid": Metric("KID", "low", _in(_FIXED) + "kernel distance between the sets, 0 for sets alike."),
    "precision": Metric("Precision", "high", _in(_FIXED) + "share of synthetic tiles among the real ones."),
    "recall": Metric("Recall", "high", _in(_FIXED) + "share of real tiles that the synthetic ones reach."),
    "density": Metric("Density", "high", _in(_FIXED) + "how thickly real tiles lie round the synthetic; near 1 alike."),
    "coverage": Metric("Coverage", "high", _in(_FIXED) + "share of real tiles with a synthetic one close by."),
    "kid_classifier": Metric(
        "KID, classifier", "low", _in(_OURS) + "kernel distance between the sets, 0 for sets alike."
    ),
    "precision_classifier": Metric(
        "Precision, classifier", "high", _in(_OURS) + "share of synthetic tiles among the real ones."
    ),
    "recall_classifier": Metric(
        "Recall, classifier", "high", _in(_OURS) + "share of real tiles that the synthetic ones reach."
    ),
    "density_classifier": Metric(
        "Density, classifier", "high", _in(_OURS) + "how thickly real tiles lie round the synthetic; near 1 alike."
    ),
    "coverage_classifier": Metric(
        "Coverage, classifier", "high", _in(_OURS) + "share of real tiles with a synthetic one close by."
    ),
    "ct_z": Metric(
        "Copying, CT Z",
        "real",
        "Nearness to training tiles against real ones'; below -2 and well below that of unseen tiles is copying.",
    ),
    "closer_to_training": Metric(
        "Closer to training", "0.5", "Share that lies nearer to training tiles than to as many held-out ones."
    ),
    "copied": Metric(
        "Like one training tile",
        "real",
        "Share three times nearer to one training tile than to any other; more than real: alarm.",
    ),
    "authentic": Metric(
        "Authentic", "real", "Share farther from its nearest training tile than that one is from any other."
    ),
}


def entry(key, estimate, *, floor=None, real=None):
    """One figure of a report, JSON-ready: value, low, high, n, real, floor and ratio; None where there is none.

    estimate, floor: Estimate and Floor. real: the real tiles' own value. ratio: 1 where chance alone reaches: value /
    floor.high where low is good, value / floor.median where high is good, else how far the value is from what it should
    be over how far the farther end of the floor is.
    """
    found = {"value": estimate.value, "low": estimate.low, "high": estimate.high, "n": estimate.n, "real": real}
    found["floor"] = None if floor is None else _plain(asdict(floor))
    found["ratio"] = None if floor is None else _ratio(METRICS[key].good, estimate.value, floor, real)
    return _plain(found)


def _ratio(good, value, floor, real):
    if good == "low":
        over, under = value, floor.high
    elif good == "high":
        over, under = value, floor.median
    else:
        ideal = real if good == "real" else float(good)
        over, under = abs(value - ideal), max(abs(floor.low - ideal), abs(floor.high - ideal))
    return over / under if under > 0 else None


def _plain(found):
    # JSON knows no nan.
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in found.items()
    }
