"""The page Review in a real browser: no key is lost, doubled or applied to the wrong particle."""

from functools import partial

import pandas as pd
import pytest
from playwright.sync_api import expect

from svp_core.errors import LabError
from svp_core.review import decision_log, store
from svp_core.review.history_file import import_history
from tests.helpers.app_server import serving, settle, wait_until
from tests.helpers.review_browser import CLASSES, chips_on, create_review, grid_of, ids_on, press, state_of, written

MANY = 20_000
NAMED_BADLY = "<script>document.title='no'</script>" + "x" * 300


def reached(review, count):
    return len(written(review)) == count


def test_forty_keys_in_a_row_are_forty_rows(visit, lab):
    review = create_review(200)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    ids = ids_on(page)
    assert len(ids) == 40
    keys = [str(1 + place % 3) for place in range(40)]
    press(page, keys)
    wait_until(lambda: len(written(review)) == 40)
    assert written(review) == [(particle, CLASSES[int(key) - 1]) for particle, key in zip(ids, keys, strict=True)]
    assert set(ids_on(page)).isdisjoint(ids)  # the next page is there


def test_decisions_made_while_the_server_is_down_are_written_after_its_restart(visit, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    review = create_review(200)
    with serving(tmp_path) as address:
        page = visit(f"{address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        ids = ids_on(page)
        press(page, ["3"] * 10)
    press(page, ["1"] * 10)  # nobody is there
    painted = [words for words, look in chips_on(page) if "settled" in look]
    assert painted == ["Air bubble"] * 10 + ["Protein"] * 10, state_of(page)
    with serving(tmp_path, port=int(address.rpartition(":")[2])):
        wait_until(lambda: len(written(review)) == 20)
        assert written(review) == [*((p, "air_bubble") for p in ids[:10]), *((p, "protein") for p in ids[10:20])]
        grid_of(page)
        wait_until(lambda: sum("settled" in look for _, look in chips_on(page)) == 20)
        press(page, ["2"])
        wait_until(lambda: len(written(review)) == 21)
        assert written(review)[-1] == (ids[20], "silicone_oil")


def test_a_reload_resumes_and_undo_reaches_back(visit, lab):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    ids = ids_on(page)
    press(page, ["3"] * 5 + ["u"])
    wait_until(lambda: len(written(review)) == 6)
    page.reload()
    grid_of(page)
    assert ids_on(page) == ids
    press(page, ["z"])
    wait_until(lambda: len(written(review)) == 7)
    expect(page.locator(".tile .chip.settled")).to_have_count(5)
    press(page, ["1"])
    wait_until(lambda: len(written(review)) == 8)
    standing = store.open_review(review).current_labels().add(decision_log.history(review))
    assert standing.state(ids[5]) != "unsure"
    assert len(standing.decided) == 6


def test_a_large_queue_takes_every_key(visit, lab):
    """Without a limit of time: benchmarks/reviewing.py measures how soon the next particle is painted."""
    review = create_review(MANY)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    done = []
    for _ in range(3):
        expect(page.locator(".tile .chip.settled")).to_have_count(0)
        ids = ids_on(page)
        press(page, ["3"] * len(ids))
        done += [(particle, "air_bubble") for particle in ids]
        wait_until(partial(reached, review, len(done)))
        assert written(review) == done


def test_the_rest_of_a_page_is_accepted_with_one_key_and_undone_as_a_whole(visit, lab):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    ids = ids_on(page)
    press(page, ["3", "f"])
    wait_until(lambda: len(written(review)) == 40)
    expect(page.locator(".tile .chip.settled")).to_have_count(0)
    press(page, ["z"])
    wait_until(lambda: len(written(review)) == 79)
    assert ids_on(page) == ids
    expect(page.locator(".tile .chip.settled")).to_have_count(1)


def test_file_names_are_shown_as_text(visit, lab):
    review = create_review(30, names=[f"{index}{NAMED_BADLY}" for index in range(30)])
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    expect(page.locator(".evidence")).to_contain_text("<script>")
    press(page, ["3", "2"])
    wait_until(lambda: len(written(review)) == 2)
    page.get_by_role("tab", name="History").click()
    settle(page)
    expect(page.get_by_text("2 decisions", exact=True)).to_be_visible()
    assert "Review" in page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_width_of_a_laptop(visit, lab, scheme):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna", color_scheme=scheme)
    grid_of(page)
    for key in ("?", " "):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_toolbar_of_the_table_covers_no_button(visit, lab):
    review = create_review(50)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna", viewport={"width": 1920, "height": 1080})
    grid_of(page)
    press(page, ["3"])
    wait_until(lambda: len(written(review)) == 1)
    page.get_by_role("tab", name="History").click()
    undo, table = page.get_by_role("button", name="Undo my last decision"), page.get_by_test_id("stDataFrame")
    undo.scroll_into_view_if_needed()
    expect(table).to_have_count(3)
    table.last.hover()
    toolbar = table.last.get_by_test_id("stElementToolbar")
    buttons, own = undo.bounding_box(), toolbar.bounding_box()
    assert buttons["x"] + buttons["width"] < own["x"]


def test_an_exported_history_gives_the_same_labels_in_another_workspace(visit, lab, tmp_path, monkeypatch):
    review = create_review(50)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    press(page, ["3", "2", "u", "x", "Enter", "z"])
    wait_until(lambda: len(written(review)) == 6)
    page.get_by_role("tab", name="History").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Whole history").click()
    file = tmp_path / "history.jsonl"
    download.value.save_as(file)
    labels = store.open_review(review).current_labels().add(decision_log.history(review)).labels()
    tampered = tmp_path / "tampered.jsonl"
    tampered.write_text(
        file.read_text("utf-8").replace('"to_label":"silicone_oil"', '"to_label":"protein"', 1), "utf-8"
    )
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "elsewhere"))
    with pytest.raises(LabError):
        import_history(tampered)
    there = import_history(file)
    again = store.open_review(there).current_labels().add(decision_log.history(there)).labels()
    pd.testing.assert_frame_equal(again, labels)
    assert labels["state"].value_counts().to_dict() == {"open": 46, "changed": 2, "unsure": 1, "not_a_particle": 1}
