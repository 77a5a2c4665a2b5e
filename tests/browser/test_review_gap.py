"""Review over a gap in the connection: a lid closed for minutes, a server restarted; nothing was pressed before it.

After a gap that is longer than the server remembers a visit, the page belongs to a new visit. The server here forgets
after a second what it otherwise forgets after a minute, so the gap may be short.
"""

import time

import pytest
from playwright.sync_api import expect

from tests.helpers.app_server import serving, settle, wait_until
from tests.helpers.cut_link import link_to
from tests.helpers.review_browser import CLASSES, create_review, grid_of, ids_on, press, state_of, written

FORGETTING = ("--server.disconnectedSessionTTL", "1")
GAP_S = 5


@pytest.fixture
def own_workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    return tmp_path


def decide_twenty(page, review):
    """Twenty keys, without a reload: twenty rows, each for the particle that was on the screen."""
    page.locator("[data-test-connection-state='CONNECTED']").wait_for(state="attached")
    settle(page)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(".keyboard")).to_have_text("")
    ids, keys = ids_on(page)[:20], [str(1 + index % 3) for index in range(20)]
    press(page, keys)
    wait_until(lambda: len(written(review)) >= 20)
    assert written(review) == [(particle, CLASSES[int(key) - 1]) for particle, key in zip(ids, keys, strict=True)]
    expect(page.locator(".saving")).to_contain_text("Saved")


def test_twenty_keys_after_a_gap_longer_than_the_visit_is_remembered(visit, browser, own_workspace):
    review = create_review(200)
    with serving(own_workspace, options=FORGETTING) as address, link_to(address) as link:
        page = visit(f"{link.address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        link.cut()
        time.sleep(GAP_S)
        link.restore()
        decide_twenty(page, review)


def test_twenty_keys_after_a_restart_of_the_server(visit, browser, own_workspace):
    review = create_review(200)
    with serving(own_workspace) as address:
        page = visit(f"{address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        grid = page.locator(".box").element_handle()
    time.sleep(1)
    with serving(own_workspace, port=int(address.rpartition(":")[2])):
        decide_twenty(page, review)
        assert grid.evaluate("grid => grid.isConnected")  # it was not taken off the page meanwhile


def test_keys_during_the_message_of_a_lost_connection_are_decisions(visit, browser, own_workspace):
    review = create_review(200)
    with serving(own_workspace) as address, link_to(address) as link:
        page = visit(f"{link.address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        ids = ids_on(page)
        link.cut()
        page.get_by_role("dialog").wait_for()
        press(page, ["3", "Enter", "2"])
        expect(page.locator(".tile .chip.settled")).to_have_count(3)
        link.restore()
        wait_until(lambda: len(written(review)) == 3, found=lambda: (written(review), state_of(page)))
        assert written(review) == list(zip(ids[:3], ("air_bubble", "protein", "silicone_oil"), strict=True))


def test_a_page_that_refreshes_nothing_runs_again_whole_after_a_restart(visit, browser, own_workspace):
    """Else the new server knows none of its fragments, and drops what they send."""
    with serving(own_workspace) as address:
        page = visit(f"{address}/help")
    with serving(own_workspace, port=int(address.rpartition(":")[2]), options=("--logger.level", "debug")):
        wait_until(lambda: "Running script" in (own_workspace / "server.log").read_text(), timeout_ms=60_000)
        settle(page)


def test_after_a_reload_with_a_page_unsaved_the_next_key_decides_the_next_page(visit, browser, own_workspace):
    review = create_review(200)
    with serving(own_workspace) as address, link_to(address) as link:
        page = visit(f"{link.address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        first = ids_on(page)
        page.evaluate(HOLD_BACK)
        press(page, ["3"] * len(first))
        assert written(review) == []
        page.reload()
        grid_of(page)
        press(page, ["2"])
        wait_until(lambda: len(written(review)) == len(first) + 1)
        labels = written(review)
        assert sorted(labels[: len(first)]) == sorted((particle, "air_bubble") for particle in first)
        assert labels[-1][0] not in first


HOLD_BACK = "() => { WebSocket.prototype.send = () => {}; }"
