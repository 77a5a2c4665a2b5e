"""Every page opens; links to jobs, jobs in the sidebar, numbers out of range. What only a browser shows: browser/."""

import pytest

from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import repo_root
from tests.helpers.app_pages import new_app, open_page, page_text

ROOT = repo_root()


PAGES = sorted(f"pages/{path.name}" for path in (ROOT / "pages").glob("*.py"))


@pytest.mark.parametrize("page", PAGES)
def test_page_opens(page):
    app = open_page(page)
    assert not app.exception
    assert app.title
    assert not app.error


@pytest.mark.parametrize("page", ["synthesize", "denoising", "classify"])
@pytest.mark.parametrize("job_id", ["nonsense", "0" * 32, "../../etc"])
def test_link_to_a_job_that_is_not_there(page, job_id):
    app = open_page(f"pages/{page}.py", job=job_id)
    assert not app.exception
    assert len(app.error) == 1
    assert "no job" in app.error[0].value.replace("\\", "")


def test_link_to_another_kind_of_job():
    job_id, _ = jobs.start("denoise", {"class_keys": ["protein"], "count": 1, "seed": 0, "sampler": "preview"})
    app = open_page("pages/classify.py", job=job_id)
    assert not app.exception
    assert "does not point" in app.error[0].value


def test_failed_job_says_its_sentence():
    job_id, _ = jobs.start("classify", {"source": "/gone", "weights": "resnet18", "um_per_px": None})
    with engine().begin() as db:
        db.execute(job_table.update().values(state="failed", error="There is no file <b>gone</b>.", ended=1.0))
    app = open_page("pages/classify.py", job=job_id)
    assert app.error[0].value == "There is no file \\<b\\>gone\\<\\/b\\>\\."
    assert not app.exception


def test_job_under_way_is_in_the_sidebar():
    job_id, _ = jobs.start("generate", {"class_key": "protein", "count": 5, "seed": 1, "sampler": "preview"})
    app = new_app().run()
    assert "Under way" in [caption.value for caption in app.sidebar.caption]
    app.button(key=f"stop_{job_id}").click().run()
    assert jobs.get(job_id).state == "cancelled"
    assert not app.exception


@pytest.mark.parametrize(
    ("page", "query", "fields", "button"),
    [
        ("synthesize", {}, {"make_count": (0, -5, 2.5, 1001), "make_seed": (-5, 0.5, 2**31 + 1, 1e20)}, "make_go"),
        ("synthesize", {"mode": "Compare"}, {"compare_count": (49, 1001), "compare_seed": (-5,)}, "compare_go"),
        ("denoising", {}, {"film_count": (0, 7), "film_seed": (-5, 1e20)}, "film_go"),
    ],
)
def test_a_number_that_cannot_be_is_refused_in_a_sentence_and_the_one_before_is_not_taken(page, query, fields, button):
    app = open_page(f"pages/{page}.py", **query)
    for key, wrong in fields.items():
        field = app.number_input(key=key)
        # With bounds of its own the browser would keep the number to itself.
        assert field.proto.data_type == field.proto.FLOAT
        assert not (field.proto.has_min)
        assert not (field.proto.has_max)
        right = field.value
        for typed in wrong:
            app.number_input(key=key).set_value(typed)
            app.button(key=button).click().run()
            assert "must be a whole number from" in app.error[0].value
            assert not jobs.active()
            assert not app.exception
        app.number_input(key=key).set_value(right).run()
        assert not app.error
    app.button(key=button).click().run()
    assert len(jobs.active()) == 1
    assert not app.exception


@pytest.mark.parametrize("asked", ["Cancel", "Pause"])
def test_what_was_asked_of_a_job_is_said_at_once_and_not_asked_again(asked):
    config = {"name": "oil", "datasets": [], "classes": [], "base": "generator", "minutes": 2}
    job_id, _ = jobs.start("train", config)
    with engine().begin() as db:
        db.execute(job_table.update().values(state="running", started=jobs.get(job_id).created))
    app = open_page("pages/train.py", job=job_id)
    app.button(key="cancel_job" if asked == "Cancel" else "pause_job").click().run()
    words, left = ("Pausing …", ["Cancel"]) if asked == "Pause" else ("Stopping …", [])  # who has paused may cancel
    assert jobs.get(job_id).state == "running"
    assert not app.exception
    assert f"**{words}**" in page_text(app)
    assert [button.label for button in app.button if button.label in ("Pause", "Cancel")] == left
    sidebar = new_app().run().sidebar
    assert words in [caption.value for caption in sidebar.caption]
    assert [button.label for button in sidebar.button if button.label == "Cancel"] == left
