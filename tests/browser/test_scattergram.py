"""The plots of the page Classify in a real browser: what is drawn round points at known places gives exactly those."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from svp_core.files import write_json
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table

# Particles on a grid: six sizes, each twice the one before, with ten aspect ratios each. Those of every other size are
# protein, and none of them looks the same upside down or with its axes exchanged.
SIZES, RATIOS = 2.0 ** np.arange(6), np.arange(1, 11) / 10
ECD, ASPECT = (side.ravel() for side in np.meshgrid(SIZES, RATIOS))
COUNT = len(ECD)
PROTEIN = np.isin(ECD, SIZES[::2])


@pytest.fixture
def grid_job(lab, no_job_processes):
    """grid_job(other class=...) => id of a finished classification of the grid."""

    def make(other="silicone_oil"):
        job_id, _ = jobs.start("classify", {"source": f"/data/{other}", "weights": "resnet18", "um_per_px": None})
        folder = jobs.job_folder(job_id)
        table = pd.DataFrame({"image": [f"grid#{at}" for at in range(COUNT)], "ecd_um": ECD, "ecd_px": 2 * ECD})
        table["aspect_ratio"], table["circularity"], table["um_per_px"] = ASPECT, 0.5, 0.5
        table["label"], table["confidence"] = np.where(PROTEIN, "protein", other), 0.95
        table["p_protein"], table[f"p_{other}"] = np.where(PROTEIN, 0.95, 0.05), np.where(PROTEIN, 0.05, 0.95)
        table["given"], table["reason"], table["run"], table["status"] = "", "", "grid", "ok"
        table["touches_edge"] = "no"
        table.to_csv(folder / "results.csv", index=False)
        np.save(folder / "tiles.npy", np.full((COUNT, 64, 64), 175, np.uint8))
        write_json(
            folder / "summary.json",
            {
                "title": "Grid",
                "kind": "flowcam",
                "source": "/data/grid",
                "notes": [],
                "um_per_px": 0.5,
                "um_per_px_from": "grid.ctx",
                "weights": "resnet18",
                "offered": COUNT,
                "named": COUNT,
                "rejected": 0,
                "counts": {},
                "runs": [],
            },
        )
        with engine().begin() as db:
            ended = {"state": "done", "step": COUNT, "total": COUNT, "started": 1.0, "ended": 5.0}
            db.execute(job_table.update().where(job_table.c.id == job_id).values(**ended))
        return job_id

    return make


@pytest.fixture
def plots(visit, lab, grid_job):
    """The view Plots of the grid, all points of it there."""

    def open_plots(**how):
        page = visit(f"{lab}/classify?job={grid_job(**how)}&view=Plots", viewport={"width": 1280, "height": 1400})
        expect(legend(page).first).to_be_visible()
        return page

    return open_plots


def part(page, name):
    return page.locator(f"[class*=st-key-{name}_]")


def legend(page):
    return part(page, "scattergram").locator(".legend button")


def place(page, ecd, aspect):
    """Where a value lies on the page, (x, y) in px."""
    box = part(page, "scattergram").locator("canvas.over").bounding_box()
    x, y = (
        part(page, "scattergram")
        .locator(".box")
        .evaluate("(box, [x, y]) => [box.S.x.place(x), box.S.y.place(y)]", [ecd, aspect])
    )
    return box["x"] + x, box["y"] + y


def draw(page, *corners):
    """Draw round these (ECD, aspect ratio) with the mouse."""
    for at, corner in enumerate([*corners, corners[0]]):
        page.mouse.move(*place(page, *corner), steps=8)
        if not at:
            page.mouse.down()
    page.mouse.up()


def drag(page, start, end):
    page.mouse.move(*place(page, *start))
    page.mouse.down()
    page.mouse.move(*place(page, *end), steps=6)
    page.mouse.up()


def expect_shown(page, kept):
    """The line under the filter, the figures of the classes and the tiles below are those of the kept ones."""
    line = page.locator(".st-key-filter_line")
    all_of_them = f"All {COUNT} particles"
    expect(line).to_contain_text(all_of_them if kept.all() else f"{kept.sum()} of {COUNT} particles")
    figures = page.locator(".st-key-figures b")
    expect(figures.nth(0)).to_have_text(str((kept & PROTEIN).sum()))
    expect(figures.nth(1)).to_have_text(str((kept & ~PROTEIN).sum()))
    if kept.any():
        expect(page.get_by_role("group", name="Particles").first).to_have_attribute(
            "aria-label", f"Particles, {kept.sum()}"
        )


def test_points_lie_where_the_axes_say(plots):
    page = plots()
    (left, low), (right, high) = place(page, 1, 0.2), place(page, 32, 0.9)
    assert left < right
    assert high < low
    for ecd, aspect, name in ((32, 0.3, "Silicone oil"), (16, 0.9, "Protein"), (1, 0.1, "Protein")):
        page.mouse.move(*place(page, ecd, aspect))
        note = part(page, "scattergram").locator(".note")
        expect(note).to_have_text(re.compile(rf"^{name}\s*ECD \(µm\) {ecd}\s*Aspect ratio {aspect}$"))
    # The dot of the screen in the middle of a marker is of the class's colour, on white.
    red, green, blue, cover = (
        part(page, "scattergram")
        .locator(".under")
        .evaluate(
            """(canvas, [x, y]) => {
      const S = canvas.closest('.box').S, sharp = window.devicePixelRatio;
      return [...canvas.getContext('2d').getImageData(S.x.place(x) * sharp, S.y.place(y) * sharp, 1, 1).data];
    }""",
            [32, 0.3],
        )
    )
    assert np.allclose((red, green, blue), (0xBD, 0x81, 0x18), atol=3)
    assert cover > 150


def test_lasso_selects_exactly_the_points_inside(plots):
    page = plots()
    # A triangle: of 8 µm from 0.25 up, of 16 µm from 0.55 up, nothing of 32 µm.
    draw(page, (6, 0.15), (6, 1.05), (22, 1.05))
    inside = (ECD > 6) & (ECD < 22) & (ASPECT > 0.15 + 0.9 * (ECD - 6) / 16)
    assert inside.sum() == 8 + 3
    expect_shown(page, inside)
    expect(legend(page)).to_have_text(
        [f"Protein ({(inside & PROTEIN).sum()} of 30)", f"Silicone oil ({(inside & ~PROTEIN).sum()} of 30)"]
    )
    page.get_by_role("tab", name="Gallery").click()
    groups = page.get_by_role("group", name=re.compile("^Particles, "))
    expect(groups).to_have_count(2)
    assert sum(int(group.get_attribute("aria-label").split()[-1]) for group in groups.all()) == inside.sum()
    page.get_by_role("tab", name="Plots").click()
    expect(legend(page).first).to_contain_text(" of 30")  # it is still drawn
    page.locator(".st-key-filter_clear button").click()
    expect_shown(page, np.ones(COUNT, bool))
    expect(legend(page).first).to_have_text("Protein (30)")


@pytest.mark.parametrize("how", ["Escape", "double click"])
def test_box_selects_the_points_inside_until_it_is_cleared(plots, how):
    page = plots()
    part(page, "scattergram").get_by_role("button", name="Box").click()
    drag(page, (20, 0.75), (3, 0.15))
    expect_shown(page, (ECD > 3) & (ECD < 20) & (ASPECT > 0.15) & (ASPECT < 0.75))
    if how == "Escape":
        page.keyboard.press("Escape")
    else:
        page.mouse.dblclick(*place(page, 25, 0.5))
    expect_shown(page, np.ones(COUNT, bool))


def test_lasso_side_on_a_logarithmic_axis_is_straight_on_the_screen(plots):
    page = plots()
    page.locator("[class*=_log] label").first.click()
    expect(part(page, "scattergram").locator(".hint")).to_be_visible()
    page.wait_for_function("""() => [...document.querySelectorAll('*')].some(
      e => e.shadowRoot?.querySelector('.box')?.S?.x?.log)""")
    one, two, four = (place(page, ecd, 0.5)[0] for ecd in (1, 2, 4))
    assert two - one == pytest.approx(four - two, abs=0.1)
    # Drawn with three moves only, so that its long side is one straight line on the screen.
    for at, corner in enumerate([(0.95, 0.02), (33, 0.02), (0.95, 1.03)]):
        page.mouse.move(*place(page, *corner))
        if not at:
            page.mouse.down()
    page.mouse.up()
    side = 1.03 - 1.01 * (np.log(ECD) - np.log(0.95)) / (np.log(33) - np.log(0.95))
    as_seen, if_linear = side > ASPECT, 1.03 - 1.01 * (ECD - 0.95) / 32.05 > ASPECT
    assert as_seen.sum() != if_linear.sum()
    expect_shown(page, as_seen)


def test_hiding_classes_and_zooming_do_not_filter(plots):
    page = plots()
    legend(page).nth(0).click()
    expect(legend(page).nth(0)).to_have_attribute("aria-pressed", "false")
    page.mouse.move(*place(page, 16, 0.5))
    expect(part(page, "scattergram").locator(".note")).to_be_hidden()
    legend(page).nth(0).click()
    whole = part(page, "scattergram").get_by_role("button", name="Reset zoom")
    expect(whole).to_be_disabled()
    before, beside = place(page, 16, 0.5), place(page, 8, 0.5)
    page.mouse.move(*before)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -300)
    page.keyboard.up("Control")
    expect(whole).to_be_enabled()
    after = place(page, 16, 0.5)
    assert after == pytest.approx(before, abs=2)  # what is under the pointer stays there
    assert after[0] - place(page, 8, 0.5)[0] > 1.2 * (before[0] - beside[0])
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(before[0] + 60, before[1] + 30, steps=4)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert place(page, 16, 0.5) == pytest.approx((after[0] + 60, after[1] + 30), abs=2)
    whole.click()
    assert place(page, 16, 0.5) == pytest.approx(before, abs=0.5)
    expect_shown(page, np.ones(COUNT, bool))


def test_range_selected_up_to_the_end_of_an_axis_is_open(plots):
    page = plots()
    panel = part(page, "histograms").locator(".panel").first
    panel.scroll_into_view_if_needed()
    box = panel.bounding_box()
    ends = panel.evaluate("panel => [panel.x.place(6), panel.x.place(12), panel.x.end]")

    def brush(start, end):
        page.mouse.move(box["x"] + start, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + end, box["y"] + 60, steps=6)
        page.mouse.up()

    brush(ends[1], ends[0])
    expect_shown(page, (ECD > 6) & (ECD < 12))
    expect(page.locator(".st-key-filter_line")).to_contain_text(re.compile(r"ECD \(µm\) [56](\.\d+)? to 1[12]"))
    brush(ends[0], ends[2] + 5)
    expect_shown(page, ECD > 6)
    expect(page.locator(".st-key-filter_line")).to_contain_text(re.compile(r"ECD \(µm\) ≥ [56]"))
    page.keyboard.press("Escape")
    expect_shown(page, np.ones(COUNT, bool))


def test_a_class_whose_name_is_markup_is_text(plots):
    name = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    page = plots(other=name)
    page.on("dialog", lambda dialog: pytest.fail("a class's name was run"))
    expect(legend(page).nth(1)).to_contain_text(name)
    page.mouse.move(*place(page, 32, 0.3))
    expect(part(page, "scattergram").locator(".note")).to_contain_text(name)
    assert not part(page, "scattergram").locator("img, script").count()


def test_confidence_histogram_per_class_marks_its_threshold(visit, lab, grid_job):
    page = visit(f"{lab}/classify?job={grid_job()}&view=Unsure&unsure_below=0.97")
    panels = page.locator("[class*=st-key-confidence_] .panel")
    expect(panels).to_have_count(2)
    expect(panels.nth(1)).to_have_attribute("aria-label", "Silicone oil (n = 30)")
    box = panels.nth(1).bounding_box()
    page.mouse.move(box["x"] + panels.nth(1).evaluate("panel => panel.x.place(0.95)"), box["y"] + 60)
    note = page.locator("[class*=st-key-confidence_] .note")
    expect(note).to_have_text(re.compile(r"^0\.9\d* to 0\.9\d*\s*Silicone oil 30$"))
    expect(page.locator("[class*=st-key-confidence_] .hint")).to_be_hidden()
