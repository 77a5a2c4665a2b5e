"""A classified run of beads as the size standard of its instrument: evaluated, stored, printed, on page and report."""

import numpy as np
import pytest

from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.size_standard.standard import from_dict
from svp_core.tasks.classify import ClassifyRequest, classify
from svp_core.tasks.instrument_runs import classifications_of
from svp_core.tasks.size_standard import evaluate_size_standard
from svp_core.workspace import instrument_profiles, jobs
from svp_core.workspace.database import engine
from svp_core.workspace.database import job as job_table
from tests.helpers.app_pages import open_page, page_text
from tests.helpers.report_page import ReportPage, written_report
from tests.helpers.simulated_beads import bead_tiles
from tests.helpers.stored_work import store_job

CERTIFIED = 10.0


@pytest.fixture(scope="module")
def beads():
    return bead_tiles(CERTIFIED, 28)


@pytest.fixture
def bead_run(beads, tmp_path, monkeypatch, no_job_processes):
    """Id of the finished classification of a run of beads."""
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)
    tiles, um_per_px = beads
    (tmp_path / "beads").mkdir()
    for number, tile in enumerate(tiles):
        (tmp_path / "beads" / f"{number}.png").write_bytes(encode_png(tile))
    request = ClassifyRequest(str(tmp_path / "beads"), um_per_px=um_per_px)
    job_id = store_job("classify", request.to_config())
    list(classify(request, jobs.job_folder(job_id)))
    with engine().begin() as db:
        db.execute(job_table.update().where(job_table.c.id == job_id).values(state="done", started=1.0, ended=2.0))
    return job_id


def test_beads_are_sized_as_their_certificate_says(bead_run, beads):
    found = evaluate_size_standard(jobs.job_folder(bead_run), CERTIFIED)
    sizes = {size.diameter: size for size in found.sizes}
    assert found.beads >= 20
    assert set(sizes) == {"size_um", "ecd_um", "diameter_um"}
    # The outline of a bead is too large; corrected for the optics it is right.
    assert abs(sizes["diameter_um"].bias) < 0.15
    assert abs(sizes["diameter_um"].bias) < abs(sizes["ecd_um"].bias)
    assert sizes["diameter_um"].bias_low <= 0 <= sizes["diameter_um"].bias_high
    assert found.pixel is not None
    assert found.pixel.in_use == pytest.approx(beads[1], rel=1e-3)  # as results.csv rounds it
    assert found.pixel.agrees
    # A certificate of another size is noticed.
    wrong = evaluate_size_standard(jobs.job_folder(bead_run), CERTIFIED * 1.6).pixel
    assert wrong is not None
    assert not wrong.agrees


def test_the_command_prints_and_stores_it_and_the_report_prints_it(bead_run, capsys):
    ((job, summary),) = classifications_of(instrument_profiles.list_profiles()[0].id)
    assert job.id == bead_run
    before = ReportPage(written_report(jobs.job_folder(bead_run))).text
    assert "No size-standard run is stored for this instrument." in before
    command = ["size-standard", bead_run, "--certified-um", "10", "--uncertainty-um", "0.1"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    profile = instrument_profiles.find_profile(summary["profile"])
    stored = from_dict(profile.size_standard)
    assert stored is not None
    assert (stored.certified_um, stored.uncertainty_um) == (10.0, 0.1)
    assert f"Stored with instrument {profile.id}" in printed
    assert "µm per pixel" in printed
    page = ReportPage(written_report(jobs.job_folder(bead_run)))
    (row,) = [row for row in page.rows("Sizes of the beads") if row[0] == "Corrected for the optics"]
    assert row[2] == f"{stored.sizes[-1].mean_um:.3g} µm"
    assert main(["size-standard", bead_run, "--certified-um", "0"]) == 2
    assert "is not possible" in capsys.readouterr().err


def test_the_page_evaluates_and_shows_it(bead_run):
    (profile,) = instrument_profiles.list_profiles()
    app = open_page("pages/instrument.py", profile=profile.id, part="Size standard")
    assert "Not checked yet" in page_text(app)
    app.button(key="standard_go").click().run()
    assert "Enter the certified diameter" in page_text(app) + "".join(error.value for error in app.error)
    app.number_input(key="standard_um").set_value(CERTIFIED)
    app.button(key="standard_go").click().run()
    assert not app.exception
    stored = from_dict(instrument_profiles.find_profile(profile.id).size_standard)
    assert stored is not None
    assert stored.pixel is not None
    assert f"{stored.pixel.implied:.4g} µm per pixel" in page_text(app)


def test_a_run_that_is_no_bead_run_is_refused(tmp_path, bead_run):
    folder = jobs.job_folder(bead_run)
    lines = (folder / "results.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "results.csv").write_text("".join(lines[:8]), "utf-8")
    np.save(folder / "tiles.npy", np.load(folder / "tiles.npy")[:7])
    with pytest.raises(LabError, match="choose a run of beads"):
        evaluate_size_standard(folder, CERTIFIED)
