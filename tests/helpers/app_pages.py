"""A page of the app without a browser: open it, do a job's work in this process, read what the page shows."""

from streamlit.testing.v1 import AppTest

from svp_core.tasks.job_kinds import run_task
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from svp_core.workspace.paths import repo_root

ROOT = repo_root()


SCRIPT_S = 240  # for one run of a page on a busy machine


def new_app():
    """The app as it starts, on no page yet."""
    return AppTest.from_file(ROOT / "app.py", default_timeout=SCRIPT_S)


def open_page(page, **query):
    """The app on this page, as after a click in the menu."""
    app = new_app()
    for name, value in query.items():
        app.query_params[name] = value
    return app.run().switch_page(page).run()


def finish_job(job_id):
    """Do the work of a job here and now."""
    job = jobs.get(job_id)
    for progress in run_task(job.kind, job.config, jobs.job_folder(job_id)):
        last = progress
    mark_done(job_id, step=last.step, total=last.total)


def mark_done(job_id, *, step, total):
    """Write down that a job is done, after 4 s."""
    created = jobs.get(job_id).created
    with engine().begin() as db:
        db.execute(
            job_table.update()
            .where(job_table.c.id == job_id)
            .values(state="done", step=step, total=total, started=created, ended=created + 4)
        )


def page_text(app):
    """All text on the page, as it is read."""
    return page_markdown(app).replace("\\", "")


def page_markdown(app):
    """All text on the page, with the backslashes that keep names from being Markdown."""
    kinds = (app.markdown, app.caption, app.error, app.warning, app.info, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)
