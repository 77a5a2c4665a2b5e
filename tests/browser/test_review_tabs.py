"""Several tabs on one review: a closed one returns its particles and loses no decision, an open one keeps them."""

import time
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

from svp_core.review import decision_log
from svp_core.review.leases import LEASE_S, lease_holders
from tests.helpers.app_server import PATIENCE_MS, serving, settle, wait_until
from tests.helpers.review_browser import (
    create_review,
    grid_of,
    ids_on,
    press,
    written,
)


@pytest.fixture(scope="module", autouse=True)
def idle_tab(browser, server, workspace):
    """A tab on a review of its own in which nothing is pressed, open while the other tests of this file run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SVP_WORKSPACE", str(workspace))
        patch.delenv("SVP_DATABASE_URL", raising=False)
        review = create_review(200)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{server}/review?review={review}&reviewer=Anna")
        expect(page.locator(".tile").first).to_be_visible()
        first_end = min(until_ for _, until_ in lease_holders(review).values())
        assert first_end <= time.time() + LEASE_S <= time.time() + 60
    yield SimpleNamespace(review=review, ids=set(ids_on(page)), first_end=first_end)
    page.context.close()


@pytest.mark.parametrize("name", ["Anna", "Bert"])
def test_a_closed_tab_returns_its_particles(visit, lab, name):
    review = create_review(200)
    first = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(first.locator(".tile").first).to_be_visible()
    ids = ids_on(first)
    first.goto("about:blank")  # as good as closed
    second = visit(f"{lab}/review?review={review}&reviewer={name}")
    expect(second.locator(".tile").first).to_be_visible()
    assert ids_on(second) == ids


def test_unsaved_decisions_of_a_closed_tab_are_written_when_the_next_is_opened(visit, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    review = create_review(200)
    with serving(tmp_path) as address:
        page = visit(f"{address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        ids = ids_on(page)
        press(page, ["3"] * 4)
        wait_until(lambda: len(written(review)) == 4)
    press(page, ["1"] * 6)  # nobody is there
    context = page.context
    page.goto("about:blank")  # as good as closed
    with serving(tmp_path, port=int(address.rpartition(":")[2])):
        page = context.new_page()
        page.goto(f"{address}/review?review={review}&reviewer=Anna")
        settle(page)
        wait_until(lambda: len(written(review)) == 10)
        assert [particle for particle, _ in written(review)] == ids[:10]
        grid_of(page)


def test_two_reviewers_of_one_queue_decide_nothing_twice(visit, lab):
    review = create_review(240)
    pages = [visit(f"{lab}/review?review={review}&reviewer={name}") for name in ("Anna", "Bert")]
    for page in pages:
        grid_of(page)
    for turn in range(3):
        for page in pages:
            grid_of(page)
            press(page, ["3"] * 20)
        wait_until(lambda turn=turn: len(written(review)) >= 40 * (turn + 1))
    particles = [d.particle for d in decision_log.history(review) if d.purpose == "queue"]
    assert len(particles) == len(set(particles))
    assert len(written(review)) == 120


def test_an_open_tab_keeps_its_particles_while_nothing_is_pressed(lab, idle_tab):
    def first_end():
        return min((end for _, end in lease_holders(idle_tab.review).values()), default=0)

    wait_until(lambda: first_end() > idle_tab.first_end)
    assert idle_tab.ids <= set(lease_holders(idle_tab.review))
