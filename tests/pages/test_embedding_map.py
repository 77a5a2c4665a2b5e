"""The map of a review without a browser: made by a job, drawn round, named as a whole; groups; what is shown."""

import json

import numpy as np
import pytest

from pages.ui.review.embedding_map_chart import draw_map, subsample
from svp_core.review import decision_log
from svp_core.review.embedding_store import load_embedding, save_embedding
from svp_core.workspace import jobs
from svp_core.workspace.paths import workspace_root
from tests.helpers.app_pages import finish, opened, said
from tests.helpers.drawn_tiles import draw_blocks
from tests.helpers.review_fixture import event, new_review, record, standing

PAGE = "pages/review.py"
SQUARE = {"x": [-0.5, 0.5, 0.5, -0.5], "y": [-0.5, -0.5, 0.5, 0.5]}


def mapped(count=40, **columns):
    """A review whose first half lies near the origin, the other far to the right."""
    review = new_review(count, **columns)
    places = np.zeros((count, 3), np.float32)
    places[count // 2 :, 0] = 5
    nearest = np.full((count, 2), -1)
    save_embedding(review.id, review.table["particle"].tolist(), nearest, places, places[:, :2])
    return review


def on_map(review, reviewer="Anna"):
    return opened(PAGE, review=review.id, reviewer=reviewer, desk="d1", look="Map")


def draw_round(app, review, outline=SQUARE):
    from svp_core.classification.filters import Region

    app.session_state[f"map_{review.id}_outline"] = Region("x", "y", tuple(outline["x"]), tuple(outline["y"]))
    return app.run()


def legend_of(app):
    (chart,) = app.get("plotly_chart")
    return [trace.get("name") for trace in json.loads(chart.proto.spec)["data"]]


def test_a_review_without_a_map_gets_one_by_a_job():
    review = new_review(12)
    np.save(workspace_root() / "reviews" / review.id / "tiles.npy", draw_blocks(12, seed=2))
    app = opened(PAGE, review=review.id, reviewer="Anna", desk="d1", look="Map")
    app.button(key="map_make").click().run()
    (job,) = jobs.active()
    assert job.kind == "likeness"
    assert job.config == {"review": review.id}
    finish(job.id)
    app.run()
    app.run()
    found = load_embedding(review)
    assert found.plane.shape == (12, 2)
    assert (found.nearest[:, 0] >= 0).all()
    assert "Draw round" in said(app)


def test_what_is_drawn_round_is_named_as_a_whole_and_undone_as_a_whole():
    review = mapped()
    app = draw_round(on_map(review), review)
    assert "**20 particles** undecided" in said(app)
    app.button(key="map_label_air_bubble").click().run()
    rows = decision_log.history(review.id)
    assert [d.particle for d in rows] == [f"p{k}" for k in range(20)]
    assert {(d.to_label, d.purpose, d.reviewer) for d in rows} == {("air_bubble", "map", "Anna")}
    assert len({d.batch for d in rows}) == 1
    assert "Nothing in here is undecided" in said(app)
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    app.button(key="map_undo").click().run()
    assert all(standing(review).is_open(d.particle) for d in rows)


def test_selected_ones_alone_or_all_others():
    review = mapped()
    app = draw_round(on_map(review), review)
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


def test_what_others_decided_is_left_alone_unless_asked_and_then_only_a_second_opinion():
    review = mapped()
    record(review, event(1, "p0", reviewer="Bert", label="silicone_oil"))
    app = draw_round(on_map(review), review)
    assert "**19 particles** undecided" in said(app)
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    app.button(key="map_label_air_bubble").click().run()
    now = standing(review)
    assert now.label("p0") == "silicone_oil"
    assert now.label("p1") == "air_bubble"
    assert list(now.disagreements()) == ["p0"]


def test_a_group_is_chosen_from_the_table_and_named(monkeypatch):
    review = mapped()
    app = on_map(review)
    app.button_group(key=f"map_{review.id}_by").set_value("Groups of look-alikes").run()
    table = next(frame.value for frame in app.dataframe if "Suspect" in frame.value)
    assert table["Particles"].sum() == 40
    assert table["Undecided"].sum() == 40
    assert "Choose a group" in said(app)
    assert not app.exception


def test_without_a_name_nothing_can_be_labelled():
    review = mapped()
    app = draw_round(opened(PAGE, review=review.id, look="Map"), review)
    assert "Enter your name" in said(app)
    assert not [b for b in app.button if (b.key or "").startswith("map_label")]


def test_suspects_are_ringed_and_labels_have_their_colours():
    labels = np.array(["protein"] * 5 + ["air_bubble"] * 3 + ["unsure", ""], object)
    suspects = np.arange(10) < 2
    figure = draw_map(np.zeros((10, 2)), labels, suspects, among=np.ones(10, bool))
    names = [trace["name"] for trace in figure["data"]]
    assert names == ["Protein (5)", "Air bubble (3)", "Unlabelled (1)", "Unsure (1)", "Suspect (2)"]
    assert len({trace["marker"]["color"] for trace in figure["data"][:3]}) == 3
    assert all(trace["type"] == "scattergl" for trace in figure["data"])


def test_what_is_left_out_is_neither_drawn_nor_counted_and_nothing_moves():
    plane = np.arange(20.0).reshape(10, 2)
    labels = np.array(["protein"] * 6 + ["air_bubble"] * 4, object)
    suspects, among = np.arange(10) % 2 == 0, np.arange(10) < 5
    whole = draw_map(plane, labels, suspects, among=np.ones(10, bool))
    part = draw_map(plane, labels, suspects, among=among, chosen=np.arange(10) == 1)
    assert [trace["name"] for trace in part["data"]] == ["Protein (5)", "Suspect (3)"]
    points, rings = part["data"]
    assert points["x"].tolist() == [0, 2, 4, 6, 8]
    assert rings["x"].tolist() == [0, 4, 8]
    assert points["marker"]["opacity"].tolist() == [0.12, 0.9, 0.12, 0.12, 0.12]
    assert part["layout"]["xaxis"]["range"] == whole["layout"]["xaxis"]["range"]
    nothing = draw_map(plane, labels, suspects, among=np.zeros(10, bool))
    assert nothing["data"] == [{"type": "scatter", "x": [], "y": [], "showlegend": False}]


@pytest.mark.parametrize("by", ["Drawn round", "Groups of look-alikes"])
def test_the_map_of_the_undecided_leaves_the_decided_out(by):
    review = mapped()
    record(review, *(event(n, f"p{n}") for n in range(1, 5)))
    app = on_map(review)
    app.button_group(key=f"map_{review.id}_by").set_value(by).run()
    assert legend_of(app) == ["Protein (36)"]
    app.toggle(key=f"map_{review.id}_open").set_value(False).run()
    assert legend_of(app) == ["Protein (36)", "Air bubble (4)"]
    record(review, *(event(n, f"p{n - 100}", "keep") for n in range(100, 140)))
    app.toggle(key=f"map_{review.id}_open").set_value(True).run()
    assert legend_of(app) == [None]
    assert "Every particle is decided" in said(app)
    assert not app.exception


def test_of_very_many_every_label_and_the_suspects_are_drawn():
    labels = np.array(["protein"] * 99_900 + ["air_bubble"] * 100, object)
    suspects = np.zeros(100_000, bool)
    suspects[50_000:50_400] = True
    drawn = subsample(labels, suspects)
    assert len(drawn) <= 20_100
    assert len(set(drawn)) == len(drawn)
    assert suspects[drawn].sum() == 400
    assert (labels[drawn] == "air_bubble").sum() == 100


@pytest.mark.parametrize("count", [1, 2])
def test_a_map_of_hardly_anything(count):
    review = mapped(count)
    app = on_map(review)
    assert not app.exception
    assert not app.error
