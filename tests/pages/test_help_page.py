"""The Help page: every topic opens, and its tables hold every measure and metric."""

import pytest

from pages.ui.help.measure_tables import SOURCES, particle_measures, quality_metrics
from svp_core.classification.derived_columns import NUMBERS
from svp_core.quality.metric_names import METRICS
from tests.helpers.app_pages import open_page


@pytest.mark.parametrize("topic", ["Pages", "Keys", "Files", "Measures", "Limits", "Serving", "Cluster"])
def test_every_topic_opens(topic):
    app = open_page("pages/help.py", topic=topic)
    assert not app.exception
    assert not app.error
    assert len(app.markdown) >= 1


def test_tables_hold_every_measure_and_metric():
    assert particle_measures()["column"].tolist() == list(NUMBERS)
    assert quality_metrics()["metric"].tolist() == [metric.name for metric in METRICS.values()]
    assert set(SOURCES) <= set(METRICS)
