"""Columns of results.csv that are derived from a particle's measures, its class and its files: how they are called.

A classification of an earlier version lacks them; where a value is not known, its cell is empty.
"""

from svp_core.morphology import MEASURES, Measure

SIZE, SIZE_RULE, DIAMETER = "size_um", "size_rule", "diameter_um"
DIAMETER_COLUMNS = (DIAMETER, "diameter_low_um", "diameter_high_um")  # estimate of the true diameter, 95 % interval
OUTLINE = "outline ECD"  # rule of a size that is the diameter of the particle's own outline

# The numbers among them.
DERIVED_MEASURES = {
    SIZE: Measure(
        "Size of record",
        "µm",
        "The instrument's own diameter where its files state one, else ECD",
    ),
    DIAMETER: Measure("True diameter, estimated", "µm", "ECD of our outline, corrected for the optics"),
    "diameter_low_um": Measure("True diameter, low", "µm", "Lower end of the 95 % interval of the true diameter"),
    "diameter_high_um": Measure("True diameter, high", "µm", "Upper end of the 95 % interval of the true diameter"),
    "novelty_score": Measure("Novelty score", "", "How unusual among known particles of the most likely class"),
    "novelty_p": Measure("Novelty p", "", "Share of known particles of the most likely class that are as unusual"),
}
# All of them, in the order of results.csv.
DERIVED_COLUMNS = (
    *(SIZE, SIZE_RULE, *DIAMETER_COLUMNS),
    *("novelty_score", "novelty_p", "unlike"),
)
DERIVED_TEXTS = (SIZE_RULE, "unlike")

NUMBERS = {**MEASURES, **DERIVED_MEASURES}  # every measure of results.csv by its column
