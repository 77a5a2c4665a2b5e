"""The app as a person meets it: its own server on a fresh workspace, and a Chromium that may reach nothing else."""

import os
import shutil
from pathlib import Path

import pytest

from tests.helpers.app_server import PATIENCE_MS, serving, settle

TEST_S = 900  # for one test on a busy machine: some wait for several jobs, which give way to all other processes
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(item.fspath).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session")
def browser():
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium was found; in CI the browser tests have to run")
        pytest.skip("no Chromium was found")
    sync_api = pytest.importorskip("playwright.sync_api")
    sync_api.expect.set_options(timeout=PATIENCE_MS)
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield found
        found.close()


@pytest.fixture(scope="session")
def workspace(tmp_path_factory):
    return tmp_path_factory.mktemp("work space ä")


@pytest.fixture(scope="session")
def server(browser, workspace):
    """Address of one server for all flows, whose trainings check few images."""
    with serving(workspace, module="tests.helpers.quick_training_server") as address:
        yield address


@pytest.fixture
def lab(monkeypatch, workspace, server):
    """The server's workspace, open to this process too: svp_core.workspace sees the same jobs and data sets.

    Jobs that a test leaves under way are cancelled, or the next test's job would wait for them.
    """
    from svp_core.workspace import jobs

    monkeypatch.setenv("SVP_WORKSPACE", str(workspace))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    yield server
    for job in jobs.active():
        jobs.cancel(job.id)


@pytest.fixture
def visit(browser):
    """visit(address, **context options) => a page of a new visitor, shown and settled.

    At the end of the test no visitor may have met an error in the browser, an unexpected error on the page, or a
    request that leaves this machine.
    """
    visitors, errors, abroad = [], [], []

    def open_page(address, **options):
        options = {"viewport": {"width": 1280, "height": 800}, "accept_downloads": True, **options}
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: abroad.append(request.url) if _leaves(request.url) else None)
        visitors.append(page)
        page.goto(address)
        settle(page)
        return page

    yield open_page
    exceptions = [page.locator("[data-testid=stException], .st-key-unexpected_error").count() for page in visitors]
    for page in visitors:
        page.context.close()
    assert not errors
    assert not abroad
    assert not any(exceptions)


def _leaves(url):
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))
