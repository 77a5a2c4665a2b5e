"""The page Classify without a browser: matched reference, promised thresholds, what a confidence is worth."""

import numpy as np
import pytest

from svp_core.classification.promises import promises_for
from svp_core.classification.results import read_results_folder
from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
from svp_core.display import format_percent, format_percent_interval
from svp_core.report.document import report_html
from svp_core.stats.calibration import right_shares
from svp_core.stats.confusion import ConfusionReference, worth_of_classes
from svp_core.workspace import jobs
from tests.helpers.app_pages import page_text
from tests.helpers.classified_page import KEYS, html_tables, open_results, write_job
from tests.helpers.report_page import ReportPage


@pytest.fixture
def matched():
    """Id of a classification with a matched reference, on which only some classes are named well."""
    job_id, _ = write_job()
    rng = np.random.default_rng(0)
    labels = np.tile(np.repeat(np.arange(3), 10), 40)
    weight = np.where(labels == 2, 12.0, 1.0)
    probs = np.stack([rng.dirichlet(np.where(np.arange(3) == k, w, 0.5)) for k, w in zip(labels, weight, strict=True)])
    sizes = rng.gamma(3, 4, len(labels))
    reference = ConfusionReference(
        probs.astype(np.float32),
        labels,
        sizes * 0.5,
        KEYS,
        "1,200 simulated particles of 40 instruments at 10x",
        sizes,
        np.repeat(np.arange(40), 30),
    )
    write_confusion_reference(jobs.job_folder(job_id), reference, file=MATCHED_FILE)
    return job_id


def test_promised_thresholds_are_set_by_one_button(matched):
    app = open_results(matched)
    promises = promises_for(read_results_folder(jobs.job_folder(matched), ["ecd_px"]))
    kept = {one.class_key: one.threshold for one in promises if one.threshold is not None}
    assert 0 < len(kept) < 3
    app.button(key="use_promised").click().run()
    assert not app.exception
    for key in KEYS:
        assert app.toggle(key=f"own_threshold_{key}").value == (key in kept)
        if key in kept:
            assert app.slider(key=f"threshold_{key}").value == kept[key]


def test_no_thresholds_are_promised_by_the_models_own_reference():
    job_id, _ = write_job()
    app = open_results(job_id, "Counts")
    assert "use_promised" not in [button.key for button in app.button]
    assert [box.label for box in app.expander if "worth" in box.label] == []


def test_the_worth_of_a_confidence_stands_below_the_counts(matched):
    app = open_results(matched, "Counts")
    assert "1,200 simulated particles of 40 instruments at 10x" in page_text(app)
    assert "What a confidence is worth here" in [box.label for box in app.expander]
    assert "Confidence" in html_tables(app)[-1]


def test_the_report_names_reference_prior_and_worth(matched):
    text = report_html(jobs.job_folder(matched))
    reference = promises_reference(matched)
    assert "1,200 simulated particles of 40 instruments at 10x" in text
    worths = worth_of_classes(reference, dict.fromkeys(KEYS, 0.8))
    assert f"protein {worths['protein']:.0f}, silicone oil {worths['silicone_oil']:.0f}" in text
    assert "On 40 simulated instruments with this run" in text
    beside_the_tables = text.partition("What a confidence is worth")[0]
    assert "1,200 simulated particles of 40 instruments at 10x" in beside_the_tables


def promises_reference(job_id):
    from svp_core.classification.counted import confusion_reference_for

    reference, _ = confusion_reference_for(read_results_folder(jobs.job_folder(job_id)))
    assert reference is not None
    return reference


def test_the_worth_of_a_confidence_stands_in_the_report_too(matched):
    page = ReportPage(report_html(jobs.job_folder(matched)))
    rows = page.rows("Share named right, by confidence and size")
    reference = promises_reference(matched)
    shares = right_shares(reference, edges_um=(0.0, 5.0, 10.0, 25.0))
    assert [row[0] for row in rows][-1] == "97 to 100 %"
    surest = next(one for one in shares if one.low_confidence == 0.97 and one.low_um == 5)
    assert surest.right is not None
    assert rows[-1][2] == (
        f"{format_percent(surest.right.value)} {format_percent_interval(surest.right.low, surest.right.high)} "
        f"confidence {format_percent(surest.confidence)}"
    )
    # What is pooled stands beside it; no table where the reference does not tell instruments apart.
    assert page.text.index("What a confidence is worth") < page.text.index("On 40 simulated instruments")
    assert "What a confidence is worth" not in report_html(jobs.job_folder(write_job()[0]))
