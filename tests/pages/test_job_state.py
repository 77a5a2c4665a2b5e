"""Session state of one classification: named values under keys of its job."""

import pytest
from streamlit.testing.v1 import AppTest

from pages.ui.classify.job_state import JobState


def test_only_named_values_have_a_key():
    assert JobState("a1").key("labels") == "a1_labels"
    with pytest.raises(AttributeError, match="'colour'"):
        JobState("a1").key("colour")


def page_with_two_jobs():
    import streamlit as st

    from pages.ui.classify.job_state import JobState

    first, second = JobState("a"), JobState("b")
    first.set_range("ecd_um", 2.0, None)
    first.select([5, 3])
    second.select([1], in_gallery=True)
    second.set_default("ranges", ["confidence"])
    second.set_default("ranges", ["area"])
    st.json([list(first.ranges), first.picks, first.turn, list(second.ranges), second.picks, second.turn])
    first.clear_filter()
    st.json([st.session_state[first.range_key("ecd_um", "from")], first.labels, first.region])


def test_values_of_two_classifications_are_separate():
    before, after = (element.value for element in AppTest.from_function(page_with_two_jobs).run().json)
    assert before == '[["ecd_um"], [3, 5], 1, ["confidence"], [1], 0]'
    assert after == "[null, [], null]"
