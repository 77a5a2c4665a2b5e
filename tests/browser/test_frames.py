"""The page Frames in a browser: boxes are drawn, moved and undone with mouse and keys; none is lost over a reload."""

from playwright.sync_api import expect

from svp_core.tasks.locate import LocateRequest
from svp_core.tasks.located import corrected_frame, events_of, open_located
from svp_core.workspace import jobs
from tests.helpers.app_pages import finish_job
from tests.helpers.app_server import settle, wait_until
from tests.helpers.drawn_frames import write_frames
from tests.helpers.stored_work import store_job

DRAWN, MOVED, UNDONE = 40, 5, 3
FRAME = "frame_1.png"


def test_boxes_are_drawn_moved_and_undone_and_none_is_lost_over_a_reload(visit, lab, tmp_path):
    write_frames(tmp_path / "frames", 1, discs=1)
    job_id = store_job("locate", LocateRequest(str(tmp_path / "frames"), um_per_px=0.5).to_config())
    finish_job(job_id)
    located = open_located(jobs.get(job_id))
    page = visit(f"{lab}/frames?job={job_id}&reviewer=Ada")
    editor = page.locator(f".st-key-boxes_{job_id} .box")
    expect(editor).to_have_attribute("data-boxes", "1")
    frame = editor.locator(".over").bounding_box()
    scale = frame["width"] / 320 if frame["width"] / 320 < frame["height"] / 240 else frame["height"] / 240
    left = frame["x"] + (frame["width"] - 320 * scale) / 2

    def at(column, row):
        page.mouse.move(left + column * scale, frame["y"] + row * scale)

    page.keyboard.down("Alt")  # draws, whatever lies below
    for k in range(DRAWN):
        at(10 + 30 * (k % 10), 10 + 55 * (k // 10))
        page.mouse.down()
        at(28 + 30 * (k % 10), 40 + 55 * (k // 10))
        page.mouse.up()
    page.keyboard.up("Alt")
    for _ in range(MOVED):
        page.keyboard.press("ArrowRight")
    for _ in range(UNDONE):
        page.keyboard.press("z")
    expect(editor).to_have_attribute("data-boxes", str(DRAWN + 1))
    page.reload()
    settle(page)
    wait_until(lambda: len(events_of(located)) == DRAWN + MOVED + UNDONE)
    boxes = [box.box for box in corrected_frame(located, FRAME).boxes]
    assert len(boxes) == DRAWN + 1
    # The last two were drawn 30 px apart, up to a pixel of rounding; then the last one was moved.
    assert abs(boxes[-1][1] - boxes[-2][1] - (30 + MOVED - UNDONE)) <= 1
    expect(editor).to_have_attribute("data-boxes", str(DRAWN + 1))
    expect(editor).to_have_attribute("data-waiting", "0")
    for width in (1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
