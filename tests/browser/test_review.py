"""The page Review in a real browser: no key is lost, doubled or applied to the wrong particle."""

import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from svp_core.errors import LabError
from svp_core.review import decision_log, store
from svp_core.review.blind_repeats import hides_suggestion
from svp_core.review.embedding_store import save_embedding
from svp_core.review.history_file import import_history
from tests.helpers.app_server import serving, settle, wait_until

CLASSES = ("protein", "silicone_oil", "air_bubble")
SPACING_S = 0.02
MANY = 20_000
NAMED_BADLY = "<script>document.title='no'</script>" + "x" * 300


def begin(count, **columns):
    """A review of `count` particles, all labelled protein, each with a tile of its own grey value."""
    names = columns.pop("names", None) or [f"run 7.lst#{place}" for place in range(count)]
    table = pd.DataFrame(
        {
            "particle": names,
            "given": "protein",
            "suggested": "air_bubble",
            "score": np.linspace(0, 1, count),
            "ecd_um": np.linspace(2, 30, count),
            "reason": "8 of 9 look-alikes are air bubbles",
            **columns,
        }
    )
    greys = (np.arange(count) % 200 + 20).astype(np.uint8)
    tiles = np.broadcast_to(greys[:, None, None], (count, 64, 64))
    while True:
        review = store.create_review(
            "Run <7>", kind="folder", source={"path": "/lab"}, class_keys=CLASSES, table=table, tiles=tiles
        )
        # Where the first one's suggestion happens to be kept back, the first page is of such ones, and shorter.
        if not hides_suggestion(review, names[0]):
            return review


def grid_of(page):
    """Wait for the first page of the grid; nothing is clicked, since keys work wherever the focus is."""
    expect(page.locator(".tile").first).to_be_visible()


def chips_on(page):
    """[text, classes] of the chip on each tile of the page, in order."""
    return page.locator(".tile .chip").evaluate_all("all => all.map(one => [one.textContent, one.className])")


def ids_on(page):
    """Particles on the page, in the order of the tiles."""
    titles = page.locator(".tile").evaluate_all("all => all.map(one => one.title)")
    return [title.rpartition("\n")[2].rpartition(" · ")[2] for title in titles]


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)
        time.sleep(SPACING_S)


def reached(review, count):
    return len(written(review)) == count


def written(review):
    return [(d.particle, d.to_label) for d in decision_log.history(review)]


def test_forty_keys_in_a_row_are_forty_rows(visit, lab):
    review = begin(200)
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
    review = begin(200)
    with serving(tmp_path) as address:
        page = visit(f"{address}/review?review={review}&reviewer=Anna")
        grid_of(page)
        ids = ids_on(page)
        press(page, ["3"] * 10)
    press(page, ["1"] * 10)  # nobody is there
    painted = [words for words, look in chips_on(page) if "settled" in look]
    assert painted == ["Air bubble"] * 10 + ["Protein"] * 10
    with serving(tmp_path, port=int(address.rpartition(":")[2])):
        wait_until(lambda: len(written(review)) == 20)
        assert written(review) == [*((p, "air_bubble") for p in ids[:10]), *((p, "protein") for p in ids[10:20])]
        grid_of(page)
        wait_until(lambda: sum("settled" in look for _, look in chips_on(page)) == 20)
        press(page, ["2"])
        wait_until(lambda: len(written(review)) == 21)
        assert written(review)[-1] == (ids[20], "silicone_oil")


def test_a_reload_resumes_and_undo_reaches_back(visit, lab):
    review = begin(100)
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


def test_two_reviewers_of_one_queue_decide_nothing_twice(visit, lab):
    review = begin(240)
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


def test_a_large_queue_takes_every_key(visit, lab):
    """Without a limit of time: benchmarks/reviewing.py measures how soon the next particle is painted."""
    review = begin(MANY)
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
    review = begin(100)
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
    review = begin(30, names=[f"{place}{NAMED_BADLY}" for place in range(30)])
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
    review = begin(100)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna", color_scheme=scheme)
    grid_of(page)
    for key in ("?", " "):
        page.keyboard.press(key)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_toolbar_of_the_table_covers_no_button(visit, lab):
    review = begin(50)
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


def draw_around_all(page):
    """Draw a lasso around everything in the map."""
    area = page.locator(".plot .over").first
    expect(area).to_be_visible()
    settle(page)
    box = area.bounding_box()
    corners = [(0.06, 0.02), (0.99, 0.02), (0.99, 0.93), (0.06, 0.93), (0.06, 0.03)]
    points = [(box["x"] + across * box["width"], box["y"] + down * box["height"]) for across, down in corners]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def test_five_hundred_are_labelled_by_one_lasso_and_undone_at_once(visit, lab):
    review = begin(500)
    names = [f"run 7.lst#{place}" for place in range(500)]
    places = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    save_embedding(review, names, np.full((500, 1), -1), places, places[:, :2])
    page = visit(f"{lab}/review?review={review}&reviewer=Anna&look=Map")
    draw_around_all(page)
    expect(page.get_by_text("500 particles unreviewed")).to_be_visible()
    page.get_by_role("button", name="Air bubble", exact=True).click()
    wait_until(lambda: len(written(review)) == 500)
    assert sorted(written(review)) == sorted((name, "air_bubble") for name in names)
    assert len({d.batch for d in decision_log.history(review)}) == 1
    expect(page.get_by_text("No unreviewed particles in this selection.")).to_be_visible()
    page.get_by_role("tab", name="History").click()
    page.get_by_role("button", name="Undo my last decision").click()
    wait_until(lambda: len(written(review)) == 1000)
    standing = store.open_review(review).current_labels().add(decision_log.history(review))
    assert not standing.decided


def test_an_exported_history_gives_the_same_labels_in_another_workspace(visit, lab, tmp_path, monkeypatch):
    review = begin(50)
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


def test_unsaved_decisions_of_a_closed_tab_are_written_when_the_next_is_opened(visit, browser, tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    review = begin(200)
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


def start_reviewing(page, name):
    """Enter a name and start, as a new visitor does; nothing is clicked afterwards."""
    page.get_by_role("textbox").first.fill(name)
    page.get_by_role("button", name="Start reviewing").click()
    expect(page.locator(".tile").first).to_be_visible()


def test_keys_work_straight_after_start_reviewing(visit, lab):
    review = begin(200)
    page = visit(f"{lab}/review?review={review}")
    start_reviewing(page, "Anna")
    ids = ids_on(page)
    keys = [str(1 + index % 3) for index in range(40)]
    press(page, keys)
    wait_until(lambda: len(written(review)) == 40)
    assert written(review) == [(particle, CLASSES[int(key) - 1]) for particle, key in zip(ids, keys, strict=True)]


def test_keys_work_after_a_click_beside_the_grid(visit, lab):
    review = begin(100)
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
    review = begin(100)
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
    review = begin(60)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(page.locator(".tile").first).to_be_visible()
    page.evaluate("document.hasFocus = () => false; window.dispatchEvent(new Event('blur'))")
    expect(page.locator(".keyboard")).to_contain_text("Keys off")
    page.evaluate("document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))")
    expect(page.locator(".keyboard")).to_have_text("")


@pytest.mark.parametrize("name", ["Anna", "Bert"])
def test_a_closed_tab_returns_its_particles(visit, lab, name):
    review = begin(200)
    first = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(first.locator(".tile").first).to_be_visible()
    ids = ids_on(first)
    first.goto("about:blank")  # as good as closed
    second = visit(f"{lab}/review?review={review}&reviewer={name}")
    expect(second.locator(".tile").first).to_be_visible()
    assert ids_on(second) == ids


def test_an_open_tab_keeps_its_particles_while_nothing_is_pressed(visit, lab):
    from svp_core.review.leases import LEASE_S, lease_holders

    review = begin(200)
    page = visit(f"{lab}/review?review={review}&reviewer=Anna")
    expect(page.locator(".tile").first).to_be_visible()
    ids = set(ids_on(page))
    first_end = min(until_ for _, until_ in lease_holders(review).values())
    assert first_end <= time.time() + LEASE_S <= time.time() + 60
    wait_until(lambda: min((end for _, end in lease_holders(review).values()), default=0) > first_end)
    assert ids <= set(lease_holders(review))


def test_the_name_is_remembered_by_this_browser_and_can_be_changed(visit, lab):
    review = begin(60)
    page = visit(f"{lab}/review?review={review}")
    start_reviewing(page, "Anna Müller")
    page.wait_for_function("localStorage.getItem('svp-lab/reviewer') === 'Anna Müller'")
    page = page.context.new_page()
    page.goto(f"{lab}/review?review={begin(60)}")
    settle(page)
    field = page.get_by_role("textbox").first
    expect(field).to_have_value("Anna Müller")
    field.fill("Bert")
    page.get_by_role("button", name="Start reviewing").click()
    expect(page.get_by_text("Reviewer: Bert")).to_be_visible()
    page.get_by_role("button", name="Change reviewer").click()
    expect(page.get_by_role("textbox").first).to_have_value("Bert")


def test_keys_belong_to_the_grid_again_after_a_choice_in_the_drop_down(visit, lab):
    review = begin(100)
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


def test_hovering_over_the_map_shows_the_particle(visit, lab):
    review = begin(30)
    names = [f"run 7.lst#{place}" for place in range(30)]
    coordinates = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    save_embedding(review, names, np.full((30, 1), -1), coordinates, coordinates[:, :2])
    page = visit(f"{lab}/review?review={review}&reviewer=Anna&look=Map")
    area, note = page.locator(".plot .over").first, page.locator(".plot .note").first
    expect(area).to_be_visible()
    settle(page)
    box, points = area.bounding_box(), coordinates[:, :2]
    # As the map lays it out: 5 % of margin on each side, 26 px for the titles of the axes, 8 px at the other ends.
    low, high = points.min(0), points.max(0)
    share = (points[7] - low + 0.05 * (high - low)) / (1.1 * (high - low))
    x = float(box["x"] + 26 + share[0] * (box["width"] - 34))
    y = float(box["y"] + box["height"] - 26 - share[1] * (box["height"] - 34))

    def shown():
        page.mouse.move(x - 40, y)
        page.mouse.move(x, y)
        return note.is_visible() and note.locator("canvas").is_visible()

    wait_until(shown)
    expect(note).to_contain_text("Protein")
