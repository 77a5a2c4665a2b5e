"""The map of a review without a browser: computed by a job; lasso, clusters, labels of a selection; its points."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pages.ui.components.embedding_map import DIMMED, NOT_DRAWN
from pages.ui.review import embedding_map
from pages.ui.review.map_points import MAX_LOOKS, map_points, subsample, tile_sheet
from svp_core.review import decision_log
from svp_core.review.embedding_store import load_embedding, save_embedding
from svp_core.workspace import jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import finish_job, open_page, page_text
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.review_fixture import current_labels, event, new_review, record

PAGE = "pages/review.py"
SQUARE = {"x": [-0.5, 0.5, 0.5, -0.5], "y": [-0.5, -0.5, 0.5, 0.5]}


def mapped(count=40, **columns):
    """A review whose first half lies near the origin, the other far to the right."""
    review = new_review(count, **columns)
    coordinates = np.zeros((count, 3), np.float32)
    coordinates[count // 2 :, 0] = 5
    neighbours = np.full((count, 2), -1)
    save_embedding(review.id, review.table["particle"].tolist(), neighbours, coordinates, coordinates[:, :2])
    return review


def on_map(review, reviewer="Anna"):
    return open_page(PAGE, review=review.id, reviewer=reviewer, desk="d1", look="Map")


def select(app, review, outline=SQUARE):
    """Draw around the particles near the origin."""
    from svp_core.classification.filters import Region

    app.session_state[f"map_{review.id}_outline"] = Region("x", "y", tuple(outline["x"]), tuple(outline["y"]))
    return app.run()


def test_a_job_computes_the_map():
    review = new_review(12)
    np.save(workspace_root() / "reviews" / review.id / "tiles.npy", draw_blocks(12, seed=2))
    app = open_page(PAGE, review=review.id, reviewer="Anna", desk="d1", look="Map")
    app.button(key="map_make").click().run()
    (job,) = jobs.active()
    assert job.kind == "likeness"
    assert job.config == {"review": review.id}
    finish_job(job.id)
    app.run()
    app.run()
    embedding = load_embedding(review)
    assert embedding.map_xy.shape == (12, 2)
    assert (embedding.neighbours[:, 0] >= 0).all()
    assert "Draw around" in page_text(app)


def test_a_lasso_selection_is_labelled_and_undone_as_a_whole():
    review = mapped()
    app = select(on_map(review), review)
    assert "**20 particles** unreviewed" in page_text(app)
    app.button(key="map_label_air_bubble").click().run()
    rows = decision_log.history(review.id)
    assert [d.particle for d in rows] == [f"p{k}" for k in range(20)]
    assert {(d.to_label, d.purpose, d.reviewer) for d in rows} == {("air_bubble", "map", "Anna")}
    assert len({d.batch for d in rows}) == 1
    assert "No unreviewed particles" in page_text(app)
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    app.button(key="map_undo").click().run()
    assert all(current_labels(review).is_open(d.particle) for d in rows)


def test_only_the_selected_tiles_or_all_others_are_labelled():
    review = mapped()
    app = select(on_map(review), review)
    app.session_state[f"map_{review.id}_picks"] = {"picked": {0, 3}, "turn": 1}
    app.run()
    app.button(key="map_not_a_particle").click().run()
    assert {d.particle for d in decision_log.history(review.id)} == {"p0", "p3"}
    app.session_state[f"map_{review.id}_picks"] = {"picked": {1}, "turn": 2}
    app.run()
    app.button_group(key=f"map_{review.id}_which").set_value("All but the selected").run()
    app.button(key="map_keep").click().run()
    kept = {d.particle for d in decision_log.history(review.id) if d.kind == "keep"}
    assert kept == {f"p{k}" for k in range(20)} - {"p0", "p1", "p3"}


def test_labels_of_other_reviewers_only_get_a_second_opinion():
    review = mapped()
    record(review, event(1, "p0", reviewer="Bert", label="silicone_oil"))
    app = select(on_map(review), review)
    assert "**19 particles** unreviewed" in page_text(app)
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    app.button(key="map_label_air_bubble").click().run()
    now = current_labels(review)
    assert now.label("p0") == "silicone_oil"
    assert now.label("p1") == "air_bubble"
    assert list(now.disagreements()) == ["p0"]


def test_clusters_are_listed_with_their_labels(monkeypatch):
    review = mapped()
    app = on_map(review)
    app.button_group(key=f"map_{review.id}_by").set_value("Clusters").run()
    table = next(frame.value for frame in app.dataframe if "Suspect" in frame.value)
    assert table["Particles"].sum() == 40
    assert table["Unreviewed"].sum() == 40
    assert "Choose a cluster" in page_text(app)
    assert not app.exception


def test_without_a_name_nothing_can_be_labelled():
    review = mapped()
    app = select(open_page(PAGE, review=review.id, look="Map"), review)
    assert "Enter your name" in page_text(app)
    assert not [b for b in app.button if (b.key or "").startswith("map_label")]


def test_every_label_has_its_look_in_the_order_of_classes():
    labels = np.array(["protein"] * 5 + ["air_bubble"] * 3 + ["unsure", ""], object)
    points = map_points(labels, np.arange(10) < 2, among=np.ones(10, bool))
    assert [(look.name, look.count) for look in points.looks] == [
        ("Protein", 5),
        ("Air bubble", 3),
        ("Unlabelled", 1),
        ("Unsure", 1),
    ]
    assert points.codes.tolist() == [0] * 5 + [1] * 3 + [3, 2]
    assert len({look.colour for look in points.looks[:3]}) == 3
    assert points.looks[3].hollow


def test_excluded_particles_are_neither_drawn_nor_counted():
    labels = np.array(["protein"] * 6 + ["air_bubble"] * 4, object)
    points = map_points(labels, np.arange(10) % 2 == 0, among=np.arange(10) < 5, chosen=np.arange(10) == 1)
    assert [(look.name, look.count) for look in points.looks] == [("Protein", 5)]
    assert points.codes.tolist() == [DIMMED, 0, DIMMED, DIMMED, DIMMED, *[NOT_DRAWN] * 5]
    nothing = map_points(labels, np.zeros(10, bool), among=np.zeros(10, bool))
    assert nothing.looks == ()
    assert (nothing.codes == NOT_DRAWN).all()


def test_more_labels_than_codes_share_the_last_look():
    labels = np.array([f"kind_{k}" for k in range(300)], object)
    points = map_points(labels, np.zeros(300, bool), among=np.ones(300, bool))
    assert len(points.looks) == MAX_LOOKS
    assert sum(look.count for look in points.looks) == 300
    assert points.codes.max() == MAX_LOOKS - 1


def test_tiles_for_hovering_lie_in_the_order_of_the_queue():
    review = mapped(9)
    tiles = np.zeros((9, 64, 64), np.uint8) + np.arange(0, 225, 25, dtype=np.uint8)[:, None, None]
    np.save(workspace_root() / "reviews" / review.id / "tiles.npy", tiles)
    sheet = tile_sheet(review.id)
    assert (sheet.columns, sheet.px) == (3, 64)
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet.jpeg))))
    assert image[32::64, 32::64].ravel().tolist() == pytest.approx(list(range(0, 225, 25)), abs=3)


@pytest.mark.parametrize("mode", ["Lasso", "Clusters"])
def test_the_map_of_unreviewed_particles_leaves_reviewed_ones_out(mode, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        embedding_map,
        "show_embedding_map",
        lambda *arguments, **_: drawn.append([(look.name, look.count) for look in arguments[4]]),
    )
    review = mapped()
    record(review, *(event(n, f"p{n}") for n in range(1, 5)))
    app = on_map(review)
    app.button_group(key=f"map_{review.id}_by").set_value(mode).run()
    assert drawn[-1] == [("Protein", 36)]
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    assert drawn[-1] == [("Protein", 36), ("Air bubble", 4)]
    record(review, *(event(n, f"p{n - 100}", "keep") for n in range(100, 140)))
    app.toggle(key=f"map_{review.id}_open").set_value(True).run()
    assert drawn[-1] == []
    assert "Every particle is reviewed" in page_text(app)
    assert not app.exception


def test_one_click_picks_one_of_many_classes():
    review = mapped(class_keys=tuple(f"kind_{k}" for k in range(12)))
    app = select(on_map(review), review)
    app.button_group(key=f"map_{review.id}_class_0").set_value("kind_7").run()
    assert {(d.to_label, d.purpose) for d in decision_log.history(review.id)} == {("kind_7", "map")}
    assert len(decision_log.history(review.id)) == 20
    assert not app.exception


def test_subsampling_keeps_suspects_and_rare_labels():
    labels = np.array(["protein"] * 99_900 + ["air_bubble"] * 100, object)
    suspects = np.zeros(100_000, bool)
    suspects[50_000:50_400] = True
    drawn = subsample(labels, suspects)
    assert len(drawn) <= 20_100
    assert len(set(drawn)) == len(drawn)
    assert suspects[drawn].sum() == 400
    assert (labels[drawn] == "air_bubble").sum() == 100


@pytest.mark.parametrize("count", [1, 2])
def test_a_map_of_one_or_two_particles(count):
    review = mapped(count)
    app = on_map(review)
    assert not app.exception
    assert not app.error
