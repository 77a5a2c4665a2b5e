"""What holds after changes of boxes: the last state, undo as one more change, and no impossible box."""

import pytest

from svp_core.frames.box_record import BoxEvent, FrameBox, current_boxes, event_fault, state_text

LOCATED = (FrameBox("p1", (10, 10, 20, 20), "", 0.9), FrameBox("p2", (40, 40, 60, 60)))


def event(box, after, *, n=1, kind="move", before=None, undoes="", reviewer="Ada"):
    return BoxEvent("t", n, "f.png", box, kind, before, after, undoes, reviewer, 0.0)


def state(box, label=""):
    return {"box": box, "label": label}


def test_the_last_change_holds_and_an_undo_is_one_more():
    moved = event("p1", state([11, 10, 21, 20]), before=state([10, 10, 20, 20]))
    drawn = event("d", state([70, 70, 80, 80], "protein"), kind="draw")
    gone = event("p2", None, kind="delete", before=state([40, 40, 60, 60]))
    back = event("p2", state([40, 40, 60, 60]), kind="undo", undoes="t/1", reviewer="Bo")
    frame = current_boxes(LOCATED, [moved, drawn, gone])
    assert [(box.id, box.box, box.label) for box in frame.boxes] == [
        ("p1", (11, 10, 21, 20), ""),
        ("d", (70, 70, 80, 80), "protein"),
    ]
    assert {box.id for box in current_boxes(LOCATED, [moved, drawn, gone, back]).boxes} == {"p1", "p2", "d"}
    assert current_boxes(LOCATED, [gone, back]).changed_by == {"Ada", "Bo"}
    assert current_boxes(LOCATED, []).boxes == LOCATED


def test_a_score_stays_with_the_box_that_was_found():
    labelled = current_boxes(LOCATED, [event("p1", state([10, 10, 20, 20], "protein"), kind="label")])
    assert labelled.boxes[0].score == 0.9
    moved = current_boxes(LOCATED, [event("p1", state([11, 10, 20, 20]))])
    assert moved.boxes[0].score is None


def test_a_frame_is_checked_until_it_is_not():
    yes, no = (event("", {"checked": value}, kind="check") for value in (True, False))
    assert current_boxes(LOCATED, [yes]).is_checked
    assert not current_boxes(LOCATED, [yes, no]).is_checked


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"after": state([0, 0, 101, 10])}, "beyond"),
        ({"after": state([5, 5, 5, 10])}, "empty"),
        ({"after": state([5, 5, 6.5, 10])}, "whole numbers"),
        ({"after": state([5, 5, True, 10])}, "whole numbers"),
        ({"after": {"box": [1, 2, 3]}}, "whole numbers"),
        ({"after": state([5, 5, 9, 9], 7)}, "label"),
        ({"after": state([5, 5, 9, 9], "x" * 81)}, "label"),
        ({"after": None}, "state after"),
        ({"after": None, "kind": "delete"}, ""),
        ({"kind": "burn"}, "not a change"),
        ({"box": ""}, "id of its box"),
        ({"box": "", "kind": "check", "after": {"checked": True}}, ""),
        ({"box": "", "kind": "check", "after": {"checked": 1}}, "yes or no"),
    ],
)
def test_what_a_browser_sends_is_checked(changed, words):
    sent = {"kind": "move", "box": "p1", "after": state([5, 5, 9, 9]), **changed}
    fault = event_fault(sent, (100, 200))
    assert (words in fault) if words else fault == ""
    assert event_fault(sent, None)


def test_only_what_belongs_to_a_state_is_stored():
    assert state_text({"label": "a", "box": [1, 2, 3, 4], "score": "<script>"}) == '{"box": [1, 2, 3, 4], "label": "a"}'
    assert state_text(None) == "null"
    assert state_text({"checked": True, "box": 1}) == '{"checked": true}'
