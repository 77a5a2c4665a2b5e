"""The map of a review in a real browser: lasso and hovering."""

import numpy as np
from playwright.sync_api import expect

from svp_core.review import decision_log, store
from svp_core.review.embedding_store import save_embedding
from tests.helpers.app_server import settle, wait_until
from tests.helpers.review_browser import create_review, written


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
    review = create_review(500)
    names = [f"run 7.lst#{index}" for index in range(500)]
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


def test_hovering_over_the_map_shows_the_particle(visit, lab):
    review = create_review(30)
    names = [f"run 7.lst#{index}" for index in range(30)]
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
