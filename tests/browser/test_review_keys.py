"""Keys of the page Review: they work wherever the focus is except in a text field; the remembered name."""

import time

from playwright.sync_api import expect

from tests.helpers.app_server import settle, wait_until
from tests.helpers.review_browser import (
    CLASSES,
    create_review,
    grid_of,
    ids_on,
    press,
    start_reviewing,
    written,
)


def test_keys_work_straight_after_start_reviewing(visit, lab):
    review = create_review(200)
    page = visit(f"{lab}/review?review={review}")
    start_reviewing(page, "Anna")
    ids = ids_on(page)
    keys = [str(1 + index % 3) for index in range(40)]
    press(page, keys)
    wait_until(lambda: len(written(review)) == 40)
    assert written(review) == [(particle, CLASSES[int(key) - 1]) for particle, key in zip(ids, keys, strict=True)]


def test_keys_work_after_a_click_beside_the_grid(visit, lab):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(page.locator(".tile").first).to_be_visible()
    ids = ids_on(page)
    page.locator("h1").first.click()
    press(page, ["3", "2"])
    page.get_by_role("tab", name="Decide", exact=True).click()
    press(page, ["Enter"])
    wait_until(lambda: len(written(review)) == 3)
    assert written(review) == list(zip(ids[:3], ("air_bubble", "silicone_oil", "protein"), strict=True))


def test_typing_into_a_field_decides_nothing(visit, lab):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(page.locator(".tile").first).to_be_visible()
    keys = page.locator(".keyboard")
    expect(keys).to_have_text("")
    page.get_by_test_id("stPopover").get_by_role("button").click()
    field = page.get_by_test_id("stPopoverBody").get_by_role("combobox").first
    field.click()
    expect(keys).to_contain_text("Keys off")
    press(page, ["3", "3"])
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.locator("h1").first.click()
    expect(keys).to_have_text("")
    press(page, ["2"])
    wait_until(lambda: len(written(review)) == 1)
    time.sleep(1)
    assert [label for _, label in written(review)] == ["silicone_oil"]


def test_a_window_without_the_focus_says_so(visit, lab):
    review = create_review(60)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(page.locator(".tile").first).to_be_visible()
    page.evaluate("document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))")
    expect(page.locator(".keyboard")).to_contain_text("Keys off")
    page.evaluate("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".keyboard")).to_have_text("")


def test_keys_belong_to_the_grid_again_after_a_choice_in_the_drop_down(visit, lab):
    review = create_review(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    grid_of(page)
    press(page, ["n", "n"])
    wait_until(lambda: len(written(review)) == 2)
    page.get_by_test_id("stSelectbox").first.click()
    page.get_by_role("option", name="Skipped by me").click()
    expect(page.locator(".tile")).to_have_count(2)
    expect(page.locator(".keyboard")).to_have_text("")
    press(page, ["3"])
    wait_until(lambda: len(written(review)) == 3)
    assert written(review)[-1][1] == "air_bubble"


def test_the_name_is_remembered_by_this_browser_and_can_be_changed(visit, lab):
    review = create_review(60)
    page = visit(f"{lab}/review?review={review}")
    start_reviewing(page, "Anna Müller")
    page.wait_for_function("localStorage.getItem('svp-lab/reviewer') === 'Anna Müller'")
    page = page.context.new_page()
    page.goto(f"{lab}/review?review={create_review(60)}")
    settle(page)
    field = page.get_by_role("textbox").first
    expect(field).to_have_value("Anna Müller")
    field.fill("Bert")
    page.get_by_role("button", name="Start reviewing").click()
    expect(page.get_by_text("Reviewer: Bert")).to_be_visible()
    page.get_by_role("button", name="Change reviewer").click()
    expect(page.get_by_role("textbox").first).to_have_value("Bert")
