"""Names of classes and labels, numbers, percentages and dates as text."""

import pytest

from svp_core.display import (
    DASH,
    UNSURE_COLOUR,
    class_colour,
    class_marker,
    class_name,
    class_paint,
    count_noun,
    format_interval,
    format_number,
    format_percent,
    format_percent_interval,
    format_share,
    format_utc,
    join_names,
    label_text,
    model_label,
    shared_prefix,
)


def test_a_class_has_its_name_and_an_unknown_key_stays():
    assert class_name("silicone_oil") == "Silicone oil"
    assert class_name("unsure") == "Unsure"
    assert class_name("all") == "All"
    assert class_name("Fat droplets!") == "Fat droplets!"


def test_a_label_is_a_class_or_an_answer_that_is_not_a_class():
    assert [label_text(label) for label in ("protein", "unsure", "not_a_particle", "")] == [
        "Protein",
        "Unsure",
        "Not a particle",
        "Unlabelled",
    ]


def test_unsure_particles_are_drawn_as_grey_outlines():
    assert class_colour("unsure") == UNSURE_COLOUR
    assert class_paint("unsure")["fill"] == "none"
    assert class_paint("protein")["fill"] == class_colour("protein")
    assert class_marker("unsure") != class_marker("protein")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, DASH),
        (0, "0"),
        (12345.6, "12,346"),
        (99.94, "99.9"),
        (5.57, "5.6"),
        (0.0253, "0.03"),
        (1e-9, "< 0.01"),
        (0.1 + 0.2, "0.30"),
        (3.0, "3"),
    ],
)
def test_a_number_is_shown_with_the_digits_that_count(value, text):
    assert format_number(value) == text


def test_intervals_and_shares_have_a_dash_where_there_is_no_value():
    assert format_interval(102, 147.2) == "102 to 147"
    assert format_interval(None, None) == DASH
    assert format_percent(0.9423) == "94.2 %"
    assert format_percent(None) == format_share(1, 0) == format_percent_interval(None, None) == DASH
    assert format_share(1, 8) == "12.5 %"
    assert format_percent_interval(0.901, 0.96) == "90.1 to 96.0 %"


def test_counts_dates_and_lists_of_names():
    assert count_noun(1, "particle") == "1 particle"
    assert count_noun(1200, "particle") == "1,200 particles"
    assert format_utc(0) == "1970-01-01 00:00:00"
    assert join_names(["a", "b"]) == "a, b"
    assert join_names(list("abcdefg")) == "a, b, c, d, e and 2 more"


def test_the_shared_prefix_is_found_letter_by_letter():
    assert shared_prefix(["run/run.lst#12", "run/run.lst#120"]) == "run/run.lst#12"
    assert shared_prefix(["a/b.png", "a/c.png"]) == "a/"
    assert shared_prefix(["a", "b"]) == shared_prefix([]) == ""


def test_shipped_classifiers_are_called_as_papers_write_them():
    assert model_label("resnet18") == "ResNet-18"
    assert model_label("our model 3") == "our model 3"
