"""Tables of the Help page: definitions of particle measures and quality metrics, from their registries."""

import pandas as pd

from svp_core.classification.derived_columns import NUMBERS
from svp_core.quality.metric_names import METRICS

GOOD = {"low": "lower is better", "high": "higher is better", "real": "equal to the real tiles"}
SOURCES = {
    "kid": "Bińkowski et al. 2018, arXiv:1801.01401",
    "precision": "Kynkäänniemi et al. 2019, arXiv:1904.06991",
    "recall": "Kynkäänniemi et al. 2019, arXiv:1904.06991",
    "density": "Naeem et al. 2020, arXiv:2002.09797",
    "coverage": "Naeem et al. 2020, arXiv:2002.09797",
    "told_apart": "classifier two-sample test, Lopez-Paz and Oquab 2017, arXiv:1610.06545",
    "ct_z": "Meehan et al. 2020, arXiv:2004.05675",
    "authentic": "Alaa et al. 2022, arXiv:2102.08921",
}


def particle_measures() -> pd.DataFrame:
    """One row per measure in results.csv: column, name, unit, definition."""
    rows = [(key, measure.title, measure.unit or "–", measure.definition) for key, measure in NUMBERS.items()]
    return pd.DataFrame(rows, columns=["column", "measure", "unit", "definition"])


def quality_metrics() -> pd.DataFrame:
    """One row per metric of a quality report: name, what is good, meaning, source."""
    rows = [
        (metric.name, GOOD.get(metric.target, f"near {metric.target}"), metric.description, SOURCES.get(key, ""))
        for key, metric in METRICS.items()
    ]
    return pd.DataFrame(rows, columns=["metric", "good", "meaning", "source"])
