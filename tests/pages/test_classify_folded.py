"""The page Classify without a browser: glass flakes, fibres and others seen as one class."""

import numpy as np
import pandas as pd
import pytest

from pages.ui.classify import unlike_view
from pages.ui.classify.results_data import cache_name, load_results, numeric_column
from svp_core.classifier.confusion_reference import MATCHED_FILE, write_confusion_reference
from svp_core.report.document import report_html
from svp_core.workspace import jobs
from tests.helpers.app_pages import page_text
from tests.helpers.classified_page import (
    KEYS,
    VIEWS,
    counts_shown,
    html_tables,
    open_results,
    report_of,
    table_cells,
    write_job,
)
from tests.helpers.confusion import certain_reference
from tests.helpers.finished_jobs import SIX_KEYS

FOUR_KEYS = (*KEYS, "other")
FOLD = "fold_others"


def six_classes(**options):
    """(id of a classification by six classes, its probabilities of four (N, 4))."""
    job_id, table = write_job(keys=SIX_KEYS, **options)
    of_others = table[[f"p_{key}" for key in SIX_KEYS[3:]]].sum(axis=1).round(4)
    return job_id, np.column_stack([table[[f"p_{key}" for key in KEYS]], of_others]), table


def sure(probs, key, below=0.8):
    """How many particles are named so from this probability on."""
    column = FOUR_KEYS.index(key)
    return int(((probs.argmax(1) == column) & (probs[:, column] >= below)).sum())


def test_figures_follow_the_sum_of_probabilities_and_come_back():
    job_id, probs, table = six_classes()
    app = open_results(job_id)
    six = counts_shown(app)
    assert six["Fibre"] == ((table["label"] == "fibre") & (table["confidence"] >= 0.8)).sum()
    app.toggle(key=FOLD).set_value(True).run()
    shown = counts_shown(app)
    assert not {"Fibre", "Glass flake"} & set(shown)
    assert shown["Other"] == sure(probs, "other") > six["Other"] + six["Fibre"] + six["Glass flake"]
    assert shown["Protein"] == sure(probs, "protein")
    assert shown["Unsure"] == (probs.max(1) < 0.8).sum()
    app.toggle(key=FOLD).set_value(False).run()
    assert counts_shown(app) == six
    assert not app.exception


def test_three_classes_offer_no_fold_even_where_the_address_asks_for_it():
    job_id, _ = write_job()
    app = open_results(job_id, "Report", fold_others="true")
    assert FOLD not in [toggle.key for toggle in app.toggle]
    assert "Air bubble" in counts_shown(app)
    assert "counted as one class" not in report_of(app)
    assert not app.exception
    assert not app.error


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_folds_by_the_address_and_back(view):
    job_id, _, _ = six_classes(runs=2)
    app = open_results(job_id, view, fold_others="true")
    assert app.toggle(key=FOLD).value
    assert "Fibre" not in counts_shown(app)
    for folded in (False, True):
        app.toggle(key=FOLD).set_value(folded).run()
        assert ("Fibre" in counts_shown(app)) != folded
        assert not app.exception
        assert not app.error


def test_a_filter_by_a_class_that_is_folded_becomes_one_by_the_class_it_is_in():
    job_id, probs, _ = six_classes()
    app = open_results(job_id)
    app.button_group(key=f"{job_id}_labels").set_value(["fibre"]).run()
    assert " · Fibre" in page_text(app)
    app.toggle(key=FOLD).set_value(True).run()
    assert f"**{sure(probs, 'other')} of 400 particles** · Other" in page_text(app)
    app.button_group(key=f"{job_id}_labels").set_value(["protein", "other"]).run()
    assert f"**{sure(probs, 'protein') + sure(probs, 'other')} of 400 particles**" in page_text(app)
    app.toggle(key=FOLD).set_value(False).run()
    app.button_group(key=f"{job_id}_labels").set_value(["protein", "fibre"]).run()
    app.toggle(key=FOLD).set_value(True).run()
    assert f"**{sure(probs, 'protein') + sure(probs, 'other')} of 400 particles** · Protein" in page_text(app)
    assert app.button_group(key=f"{job_id}_labels").value == ["protein", "other"]
    assert not app.exception


def test_thresholds_of_folded_classes_are_their_own():
    job_id, probs, table = six_classes()
    app = open_results(job_id)
    app.toggle(key="own_threshold_fibre").set_value(True)
    app.toggle(key="own_threshold_protein").set_value(True)
    app.toggle(key="own_threshold_other").set_value(True).run()
    app.slider(key="threshold_fibre").set_value(0.3)
    app.slider(key="threshold_protein").set_value(0.6)
    app.slider(key="threshold_other").set_value(0.3).run()
    app.toggle(key=FOLD).set_value(True).run()
    assert "own_threshold_fibre" not in [toggle.key for toggle in app.toggle]
    assert counts_shown(app)["Protein"] == sure(probs, "protein", 0.6)
    assert counts_shown(app)["Other"] == sure(probs, "other"), "the others alone had a threshold, these have none"
    app.toggle(key="own_threshold_other_folded").set_value(True).run()
    app.slider(key="threshold_other_folded").set_value(0.95).run()
    assert counts_shown(app)["Other"] == sure(probs, "other", 0.95)
    app.toggle(key=FOLD).set_value(False).run()
    assert counts_shown(app)["Other"] == ((table["label"] == "other") & (table["confidence"] >= 0.3)).sum()
    assert not app.exception


def test_confidence_is_that_of_the_sum_in_table_and_filter():
    job_id, probs, table = six_classes()
    app = open_results(job_id, "Table", unsure_below="0.0")
    app.number_input(key=f"{job_id}_confidence_from").set_value(0.9).run()
    assert f"**{(table['confidence'] >= 0.9).sum()} of 400 particles**" in page_text(app)
    app.toggle(key=FOLD).set_value(True).run()
    assert f"**{(probs.max(1) >= 0.9).sum()} of 400 particles**" in page_text(app)
    (frame,) = [frame.value for frame in app.dataframe if "Confidence" in frame.value]
    assert frame["Confidence"].tolist() == sorted(probs.max(1)[probs.max(1) >= 0.9].round(4), reverse=True)
    assert set(frame["Most likely class"]) <= {"Protein", "Silicone oil", "Air bubble", "Other"}


def test_no_cached_value_of_folded_results_is_one_of_the_stored():
    job_id, probs, table = six_classes()
    for _ in range(2):
        stored, folded = load_results(job_id), load_results(job_id, folded=True)
        assert stored is not None
        assert folded is not None
        assert folded.as_stored is stored
        assert cache_name(stored, "confidence") != cache_name(folded, "confidence")
        assert numeric_column(stored, "confidence").tolist() == table["confidence"].tolist()
        assert numeric_column(folded, "confidence").tolist() == probs.max(1).tolist()
    three, _ = write_job(name="b")
    assert load_results(three, folded=True) is load_results(three)


def test_corrected_counts_and_promised_thresholds_are_of_the_shown_classes():
    job_id, _, _ = six_classes()
    write_confusion_reference(jobs.job_folder(job_id), certain_reference(each=(400,) * 6), file=MATCHED_FILE)
    app = open_results(job_id, "Counts")
    for folded, keys in ((True, FOUR_KEYS), (False, SIX_KEYS), (True, FOUR_KEYS)):
        app.toggle(key=FOLD).set_value(folded).run()
        raw, corrected, ppv, *_ = map(table_cells, html_tables(app))
        assert [len(raw), len(corrected), len(ppv)] == [len(keys) + 3, len(keys) + 2, len(keys) + 1]
        assert ("● Fibre" in {row[0] for row in corrected}) != folded
        assert ("to be mixed of glass flake, fibre and other" in page_text(app)) == folded
        promise = next(text for text in page_text(app).split("\n") if "belong to it, on simulated" in text)
        assert ("fibre" in promise) != folded
        assert not app.exception


def test_promised_thresholds_are_set_for_the_shown_classes():
    job_id, _, _ = six_classes()
    rng = np.random.default_rng(0)
    reference = certain_reference(each=(400,) * 6)
    surest = 0.5 + 0.45 * rng.random(len(reference.labels))[:, None]
    right = np.eye(6)[reference.labels] * (surest - 0.1) + 0.02
    object.__setattr__(reference, "probs", (right / right.sum(1, keepdims=True)).astype(np.float32))
    write_confusion_reference(jobs.job_folder(job_id), reference, file=MATCHED_FILE)
    app = open_results(job_id, fold_others="true")
    app.button(key="use_promised").click().run()
    assert app.toggle(key="own_threshold_other_folded").value
    app.toggle(key=FOLD).set_value(False).run()
    assert not app.toggle(key="own_threshold_other").value
    assert app.toggle(key="own_threshold_protein").value
    assert not app.exception


def test_the_report_of_the_page_is_folded_as_it_is():
    job_id, _, _ = six_classes()
    app = open_results(job_id, "Report", fold_others="true")
    assert "glass flake, fibre and other are counted as one class" in report_of(app)
    app.toggle(key=FOLD).set_value(False).run()
    assert "counted as one class" not in report_of(app)
    assert "Glass flake" in report_of(app)
    assert "counted as one class" in report_html(jobs.job_folder(job_id), settings={FOLD: True})


def test_samples_are_folded_side_by_side():
    first, probs, _ = six_classes(name="a")
    second, others, _ = six_classes(name="b", seed=1)
    app = open_results(first, "Side by side")
    app.multiselect(key=f"{first}_beside").set_value([second]).run()
    app.button_group(key="beside_label").set_value("fibre").run()
    app.toggle(key=FOLD).set_value(True).run()
    assert not app.exception
    (shown,) = html_tables(app)
    assert "Fibre" not in shown
    app.button_group(key="beside_label").set_value("other").run()
    for values in (probs, others):
        assert f"· {sure(values, 'other')}" in page_text(app)
    three, _ = write_job(name="c")
    app.multiselect(key=f"{first}_beside").set_value([three]).run()
    assert "has other classes and cannot be compared" in page_text(app)


def test_what_is_unlike_is_judged_by_the_classes_as_stored(monkeypatch):
    job_id, _, _ = six_classes()
    path = jobs.job_folder(job_id) / "results.csv"
    rows = pd.read_csv(path)
    rows["novelty_p"] = np.where(rows["status"] == "ok", 0.5, np.nan)
    rows.loc[rows.index[10:13], "novelty_p"] = 0.001
    rows.to_csv(path, index=False)
    judged = []
    monkeypatch.setattr(unlike_view, "parts_of", lambda results, positions: judged.append(results.class_keys) or [])
    app = open_results(job_id, "Unlike", fold_others="true")
    assert counts_shown(app)["Unlike"] == 3
    assert judged == [SIX_KEYS]
    assert not app.exception
