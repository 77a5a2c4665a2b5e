"""Shared by the page tests of Review: the page with a review open, its batches, events as from a browser."""

from tests.helpers.app_pages import open_page

PAGE = "pages/review.py"


def reviewing(review, **query):
    """The page with this review open for Anna."""
    return open_page(PAGE, review=review.id, reviewer="Anna", desk="d1", **query)


def press(app, label):
    """Press the button of a form, which has no key of its own."""
    next(button for button in app.button if button.label == label).click().run()


def batches_of(app, review):
    return app.session_state[f"annotation_{review.id}_state"].batches


def decide(app, review, *events, finished=()):
    """Send these events as the browser does."""
    app.session_state[f"annotation_{review.id}"] = {"unsaved": list(events), "finished": list(finished)}
    return app.run()
