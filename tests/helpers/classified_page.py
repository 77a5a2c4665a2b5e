"""A finished classification of drawn values, and its results on the page Classify."""

import json
import re

import numpy as np
import pandas as pd

from pages.ui.classify.results_view import VIEWS as ALL_VIEWS
from svp_core.workspace import jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.app_pages import open_page

KEYS = ("protein", "silicone_oil", "air_bubble")


VIEWS = tuple(view.title for view in ALL_VIEWS)


COUNT = 400


REJECTED = 2


def write_job(
    *,
    name="run 1",
    seed=0,
    volume_ml=0.02,
    um_per_px=0.5,
    runs=1,
    missing=0,
    weights="resnet18",
    count=COUNT,
    keys=KEYS,
):
    """A finished classification of drawn figures; (id, its table)."""
    job_id, _ = jobs.start("classify", {"source": f"/data/{name}", "weights": weights, "um_per_px": None})
    folder, rng = jobs.job_folder(job_id), np.random.default_rng(seed)
    probs = rng.dirichlet((0.6, *[0.3] * (len(keys) - 1)), count).round(4)
    table = pd.DataFrame(
        {"image": [f"{name}.lst#{at}" for at in range(count)], "label": np.array(keys)[probs.argmax(1)]}
    )
    table["confidence"] = probs.max(1)
    table[[f"p_{key}" for key in keys]] = probs
    table["given"] = None
    table["ecd_px"] = rng.gamma(3, 4, count).round(4)
    table["ecd_um"] = table["ecd_px"] * um_per_px if um_per_px else None
    table["aspect_ratio"], table["circularity"] = rng.random((2, count)).round(4)
    table["contrast"] = -rng.gamma(4, 10, count).round(4)
    table["touches_edge"] = np.where(rng.random(count) < 0.1, "yes", "no")
    table["um_per_px"] = um_per_px
    table["run"] = [f"{name} {at % runs + 1}" if runs > 1 else name for at in range(count)]
    table["status"], table["reason"] = "ok", None
    table["instrument.abd_diameter"] = table["ecd_px"] * 0.4
    rejected = pd.DataFrame({"image": ["x.png", "y.png"], "status": "rejected", "reason": "the image is damaged"})
    pd.concat([rejected, table]).to_csv(folder / "results.csv", index=False)
    np.save(folder / "tiles.npy", rng.integers(0, 255, (count, 64, 64), np.uint8))
    facts = [
        {
            "name": run,
            "kind": "flowcam",
            "count": (count + REJECTED + missing) // runs,
            "um_per_px": um_per_px,
            "volume_ml": volume_ml,
            "volume_from": f"{run}.ctx",
            "dilution": 1.0,
        }
        for run in sorted(set(table["run"]))
    ]
    summary = {
        "title": f"FlowCam run {name}",
        "kind": "flowcam",
        "source": f"/data/{name}",
        "notes": [],
        "um_per_px": um_per_px,
        "um_per_px_from": "",
        "weights": weights,
        "offered": count + REJECTED,
        "named": count,
        "rejected": REJECTED,
        "counts": {},
        "runs": facts,
        "choices": {},
        "inputs": {"files": 1, "bytes": 1, "sha256": "0" * 64},
        "software": {"numpy": "2"},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    with engine().begin() as db:
        db.execute(
            job_table.update()
            .where(job_table.c.id == job_id)
            .values(state="done", step=count, total=count, started=1.0, ended=5.0)
        )
    return job_id, table


def change_run(job_id, name, *, no_sizes=False, **facts):
    """Have a run of a written job without sizes, or with other facts in its summary.json."""
    folder = jobs.job_folder(job_id)
    if no_sizes:
        table = pd.read_csv(folder / "results.csv")
        table.loc[table["run"] == name, ["ecd_um", "um_per_px"]] = None
        table.to_csv(folder / "results.csv", index=False)
    summary = json.loads((folder / "summary.json").read_text())
    (run,) = (run for run in summary["runs"] if run["name"] == name)
    run |= facts
    (folder / "summary.json").write_text(json.dumps(summary))


def add_sizes_of_record(job_id, sizes_um, *, rule="instrument: Diameter (ABD)"):
    """Give the particles of a written job these sizes of record (N,), as classify writes them."""
    path = jobs.job_folder(job_id) / "results.csv"
    table = pd.read_csv(path)
    ok = table["status"] == "ok"
    table.loc[ok, "size_um"], table.loc[ok, "size_rule"] = np.asarray(sizes_um), rule
    table.to_csv(path, index=False)


def open_results(job_id, view="Gallery", **query):
    """The page Classify with the results of this job, at this view."""
    return open_page("pages/classify.py", job=job_id, view=view, **query)


def html_tables(app):
    return [text for text in html_texts(app) if "<table" in text]


def counts_shown(app):
    """Name -> number in the line of figures."""
    (line,) = [text for text in html_texts(app) if "class='figure'" in text]
    items = re.findall(r"class='figure'>(?:<span[^>]*>●</span> )?([^<]+?) <b[^>]*>([\d,]+)</b>", line)
    return {name: int(number.replace(",", "")) for name, number in items}


def table_cells(html):
    """Rows of a table as lists of texts."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[" ".join(re.sub("<.*?>", " ", cell, flags=re.DOTALL).split()) for cell in row] for row in cells]


def change_summary(job_id, **values):
    path = jobs.job_folder(job_id) / "summary.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def html_texts(app):
    return [element.proto.body for element in app.get("html")]


def downloads(app):
    """Key -> label of the download buttons."""
    buttons = [element.proto for element in app.get("download_button")]
    return {re.search(r"(?:report_html|get_\w+)$", button.id).group(): button.label for button in buttons}


def report_of(app):
    return app.get("iframe")[0].proto.srcdoc
