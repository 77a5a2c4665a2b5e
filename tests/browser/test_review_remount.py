"""The grid of the page Review is taken off the page and put there again in one run: to the reviewer it is the same."""

import pytest

from pages.ui.components import annotation_grid
from pages.ui.components.annotation_grid import ANSWERS, LABEL_NAMES, SKIPPED
from pages.ui.components.register import read_component
from tests.helpers.review_browser import CLASSES, chips_on, press

COUNT = 12
EMPTY = "<h1 data-test-connection-state='CONNECTED'>Review</h1>"
UNSAVED = """() => localStorage.setItem('svp-review/r1/before/1', JSON.stringify(
  { tab: 'before', n: 1, reviewer: 'Ben', at: 1, particle: 'run#7', kind: 'label', label: 'protein' }))"""
PUT_BACK = """data => {
  const place = window.firstPlace;
  document.body.replaceChildren(document.querySelector('h1'), place);
  window.mountGrid({ data, parentElement: place, setStateValue: (name, value) => { window.state[name] = value; } });
}"""
MOUNT = """data => {
  const place = document.createElement('div');
  place.innerHTML = window.gridHtml;
  document.body.replaceChildren(document.querySelector('h1'), place);
  window.state = {};
  window.mountGrid({ data, parentElement: place, setStateValue: (name, value) => { window.state[name] = value; } });
}"""
TAKE_OFF = "document.querySelector('.box').parentElement.remove()"


@pytest.fixture
def page(browser):
    """An empty page with the script of the grid; no server, so that the moment between two grids is the test's own."""
    html, css, js = read_component(annotation_grid.__file__, annotation_grid.SCRIPTS)
    page = browser.new_context().new_page()
    # An address, so that there is a browser's storage; nothing is fetched from it.
    page.route("**", lambda route: route.fulfill(body=EMPTY, content_type="text/html"))
    page.goto("http://grid.example/")
    page.add_style_tag(content=css)
    page.evaluate("html => { window.gridHtml = html; }", html)
    page.add_script_tag(content=js.replace("export default function", "window.mountGrid = function"))
    yield page
    page.context.close()


def grid_data(**changed):
    """What the server sends: one page of particles, nothing decided."""
    item = {"given": "protein", "suggested": "air_bubble", "probabilities": [], "lines": [], "neighbours": []}
    item |= {"hidden": False, "decided": None, "purpose": "queue", "again": False}
    items = [{**item, "id": f"run#{index}"} for index in range(COUNT)]
    batch = {"id": "b1", "title": "", "items": items, "sheet": "b1/tiles", "columns": 6, "px": 64, "neighbours": None}
    words = {"label_names": LABEL_NAMES, "answers": ANSWERS, "skipped": SKIPPED, "end": "", "more": False, "notes": {}}
    classes = [{"key": key, "name": key, "colour": None} for key in CLASSES]
    return {"review": "r1", "reviewer": "Anna", "own_only": False, "saved": {}, "filter": "all", "classes": classes} | {
        "examples": None,
        "batches": [batch],
        **words,
        **changed,
    }


def decided(page):
    return [words for words, look in chips_on(page) if "settled" in look]


def test_keys_between_two_grids_decide_the_particles_that_were_next(page):
    page.evaluate(MOUNT, grid_data())
    press(page, ["3", "3", "ArrowRight"])
    page.evaluate(TAKE_OFF)
    press(page, ["1", "u"])
    page.evaluate(MOUNT, grid_data())
    press(page, ["2"])
    sent = page.evaluate("window.state.unsaved")
    assert len({event["tab"] for event in sent}) == 1
    wanted = [(0, "air_bubble"), (1, "air_bubble"), (3, "protein"), (4, "unsure"), (5, "silicone_oil")]
    assert sorted((event["n"], event["particle"], event["label"]) for event in sent) == [
        (n, f"run#{index}", label) for n, (index, label) in enumerate(wanted, 1)
    ]
    assert len(decided(page)) == 5
    press(page, ["z"] * 5)
    assert decided(page) == []  # undo reaches back before the change of the grid


@pytest.mark.parametrize("changed", [{"reviewer": "Ben"}, {"review": "r2"}, {"filter": "skipped"}])
def test_another_reviewer_review_or_filter_gets_none_of_them(page, changed):
    page.evaluate(MOUNT, grid_data())
    page.evaluate(TAKE_OFF)
    press(page, ["1", "1"])
    page.evaluate(MOUNT, grid_data(**changed))
    assert decided(page) == []


def test_a_grid_that_was_left_and_opened_again_is_a_new_one(page):
    page.evaluate(MOUNT, grid_data())
    page.evaluate(TAKE_OFF)
    press(page, ["1"])
    page.locator("h1").click()
    page.evaluate(MOUNT, grid_data())
    assert decided(page) == []
    press(page, ["2"])
    assert decided(page) == ["silicone_oil"]


def test_a_grid_that_comes_back_takes_the_keys_again(page):
    page.evaluate(MOUNT, grid_data())
    page.evaluate("() => { window.firstPlace = document.querySelector('.box').parentElement; }")
    page.evaluate(MOUNT, grid_data())
    press(page, ["3", "3"])
    page.evaluate(PUT_BACK, grid_data())
    press(page, ["1"])
    sent = page.evaluate("window.state.unsaved")
    assert len({event["tab"] for event in sent}) == 1
    assert sorted(event["particle"] for event in sent) == ["run#0", "run#1", "run#2"]
    assert decided(page) == ["air_bubble", "air_bubble", "protein"]


@pytest.mark.parametrize(("priority", "count"), [("important", 2), ("", 0)])
def test_keys_count_while_react_hides_the_page_but_not_in_what_is_hidden_for_good(page, priority, count):
    page.evaluate(MOUNT, grid_data())
    page.evaluate("priority => document.querySelector('.box').style.setProperty('display', 'none', priority)", priority)
    press(page, ["3", "3"])
    assert len(decided(page)) == count


@pytest.mark.parametrize(("signed_in", "senders"), [(True, ["Anna"]), (False, ["Ben", "Anna"])])
def test_another_persons_unsaved_decisions_wait_where_people_sign_in(page, signed_in, senders):
    """The server takes from a person who is signed in only what is theirs; all in one message would be refused."""
    page.evaluate(UNSAVED)
    page.evaluate(MOUNT, grid_data(own_only=signed_in))
    press(page, ["3"])
    sent = page.evaluate("window.state.unsaved")
    assert sorted(event["reviewer"] for event in sent) == sorted(senders)
    assert page.locator(".saving").text_content() == f"Saving {len(senders)}"
    assert page.evaluate("localStorage.getItem('svp-review/r1/before/1')")
