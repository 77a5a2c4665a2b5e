"""A classified run is named as known: later runs of its instrument are judged by it, and say so."""

from pathlib import Path

import numpy as np
import pytest

from svp_core.classification.own_instrument import OUTDATED
from svp_core.classification.results import read_results_folder
from svp_core.classification.strangers import FEATURES_FILE, verdict_of, verdict_sentence
from svp_core.cli import main
from svp_core.errors import LabError
from svp_core.images import encode_png
from svp_core.model_files import find_model_folder, weights_sha256
from svp_core.novelty.calibration_file import find_calibration
from svp_core.novelty.known_run import MIN_PARTICLES
from svp_core.novelty.tile_forms import WHOLE
from svp_core.report.document import report_html
from svp_core.tasks.classify import ClassifyRequest, classify, name_particles
from svp_core.tasks.instrument_runs import assign_profile
from svp_core.tasks.known_run import forget_known_run, is_in_use, name_known_run
from svp_core.tasks.stored_classifications import read_summary
from svp_core.tasks.unlike_details import nearest_known_tiles, parts_of
from svp_core.workspace import jobs
from svp_core.workspace.instrument_profiles import export_profile, find_profile, update_known_run
from tests.helpers.finished_jobs import KEYS, confident_probs, make_job
from tests.helpers.stored_work import store_job

SAMPLE = Path(__file__).parents[3] / "sample_data" / "tiles.npy"
MODEL = find_model_folder("resnet18")
SHA256 = weights_sha256(MODEL)


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch, no_job_processes):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def known_job(count=150, *, second_half_moved=0.0, **summary):
    """Id of a classification of known particles, their features those of the shipped calibration's examples."""
    calibration, reason = find_calibration(MODEL, KEYS)
    assert calibration is not None, reason
    examples = calibration.examples
    rows = np.flatnonzero(examples.forms == WHOLE)
    rows = np.random.default_rng(1).permutation(rows)[:count]
    features = examples.features[rows].astype(np.float32)
    features[count // 2 :] += second_half_moved
    probs = confident_probs(*(KEYS[label] for label in examples.named[rows]))
    job_id = store_job("classify", {"source": "/data/run", "weights": "resnet18", "um_per_px": None})
    runs = [{"name": "day 5", "kind": "images", "count": count, "um_per_px": 0.5, "volume_ml": None, "dilution": None}]
    facts = {"runs": runs, "weights_sha256": SHA256, "named": count, "title": "Clean run"}
    facts |= {"novelty": {"basis": calibration.basis}, **summary}
    make_job(jobs.job_folder(job_id), probs, [5.0] * count, **facts)
    features.astype(np.float16).tofile(jobs.job_folder(job_id) / FEATURES_FILE)
    return job_id


def classified_again(tmp_path):
    """Id of a new classification of three particles of the same instrument."""
    (tmp_path / "run").mkdir(exist_ok=True)
    for number, tile in enumerate(np.load(SAMPLE)[:3]):
        (tmp_path / "run" / f"{number}.png").write_bytes(encode_png(tile))
    job_id = store_job("classify", {"source": "x", "weights": "resnet18", "um_per_px": 0.5})
    list(classify(ClassifyRequest(str(tmp_path / "run"), um_per_px=0.5), jobs.job_folder(job_id)))
    return job_id


def test_later_runs_are_judged_by_the_named_run_and_say_so(tmp_path):
    known = known_job()
    profile = assign_profile(known)
    before = read_results_folder(jobs.job_folder(classified_again(tmp_path)))
    assert "simulated" in before.summary["novelty"]["calibration"]
    profile = name_known_run(profile.id, known)
    record = profile.known_run_of(SHA256)
    assert record is not None
    assert (record["job"], record["particles"], record["title"]) == (known, 150, "Clean run")
    job_id = classified_again(tmp_path)
    assert read_summary(job_id)["profile"] == profile.id
    after = read_results_folder(jobs.job_folder(job_id))
    assert after.summary["novelty"]["calibration"].startswith("150 particles of the run Clean run, named on ")
    assert after.summary["novelty"]["among"] == 150
    # The distances are the same; each p-value is one among 150, or fewer of a class.
    steps = 1 / after.table["novelty_p"].to_numpy(float)
    assert (steps <= 151.5).all()
    assert after.summary["novelty"]["calibration"] in report_html(after.folder)
    assert "150 particles of the run Clean run" in export_profile(profile.id)
    forget_known_run(profile.id, SHA256)
    again = read_results_folder(jobs.job_folder(classified_again(tmp_path)))
    np.testing.assert_array_equal(again.table["novelty_p"], before.table["novelty_p"])


def test_a_run_measured_by_an_earlier_calibration_is_not_used_and_that_is_said(tmp_path):
    known = known_job()
    profile = name_known_run(assign_profile(known).id, known)
    record = profile.known_run_of(SHA256)
    assert record is not None
    assert is_in_use(SHA256, record)
    update_known_run(profile.id, SHA256, {**record, "basis": "0" * 16})
    assert not is_in_use(SHA256, {**record, "basis": "0" * 16})
    assert not is_in_use("0" * 64, record)
    again = read_results_folder(jobs.job_folder(classified_again(tmp_path)))
    assert "simulated" in again.summary["novelty"]["calibration"]
    assert again.summary["novelty"]["note"] == OUTDATED
    assert OUTDATED in report_html(again.folder)


def darker_run(tmp_path, *, darker):
    """Id of a classification of twenty particles of the instrument, on a liquid this many grey levels darker."""
    (tmp_path / f"darker {darker}").mkdir()
    for number, tile in enumerate(np.load(SAMPLE)[::48]):
        (tmp_path / f"darker {darker}" / f"{number}.png").write_bytes(encode_png(tile - np.uint8(darker)))
    job_id = store_job("classify", {"source": f"{darker}", "weights": "resnet18", "um_per_px": 0.5})
    source = str(tmp_path / f"darker {darker}")
    list(name_particles(ClassifyRequest(source, um_per_px=0.5), jobs.job_folder(job_id)))
    return job_id


@pytest.mark.parametrize("all_alike", [False, True])
def test_a_run_in_other_light_than_the_known_one_says_so_whether_or_not_the_alarm_rings(tmp_path, all_alike):
    first = darker_run(tmp_path, darker=0)
    known = known_job(conditions=read_summary(first)["conditions"])
    if all_alike:  # then everything else is unusual
        path, named = (
            jobs.job_folder(known) / FEATURES_FILE,
            read_results_folder(jobs.job_folder(known)).probs.argmax(1),
        )
        features = np.fromfile(path, np.float16).reshape(150, -1)
        for label in range(3):
            features[named == label] = features[named == label].astype(np.float32).mean(0)
        features.tofile(path)
    name_known_run(assign_profile(known).id, known)
    if not all_alike:
        alike = read_results_folder(jobs.job_folder(darker_run(tmp_path, darker=2)))
        assert "differences" not in alike.summary["novelty"]
        assert verdict_sentence(alike) == ""
    darker = read_results_folder(jobs.job_folder(darker_run(tmp_path, darker=40)))
    (difference,) = darker.summary["novelty"]["differences"]
    assert difference.startswith("background")
    verdict = verdict_of(darker)
    assert verdict is not None
    assert verdict.is_alarm == all_alike
    assert difference in verdict_sentence(darker)
    assert difference in report_html(darker.folder)


def test_a_run_that_cannot_calibrate_is_refused(tmp_path):
    profile = assign_profile(known_job())
    for job_id, words in (
        (known_job(MIN_PARTICLES - 10), "at least"),
        (known_job(400, second_half_moved=0.4), "do not resemble each other"),
        (known_job(weights_sha256="0" * 64), "weights of the model resnet18 have changed since"),
        (known_job(novelty={"basis": "0" * 16}), "novelty calibration of resnet18 has changed since"),
        (known_job(runs=[{"name": "a", "kind": "images", "count": 900, "um_per_px": 0.5}]), "stopped before its end"),
    ):
        assign_profile(job_id)
        with pytest.raises(LabError, match=words):
            name_known_run(profile.id, job_id)
    without = known_job()
    assign_profile(without)
    (jobs.job_folder(without) / FEATURES_FILE).unlink()
    with pytest.raises(LabError, match="hold no features"):
        name_known_run(profile.id, without)
    with pytest.raises(LabError, match="is not one of"):
        name_known_run(profile.id, "0" * 32)
    assert find_profile(profile.id).novelty is None


def test_the_command_names_and_forgets_a_run(capsys):
    known = known_job()
    profile = assign_profile(known)
    assert main(["instrument", "known-run", profile.id, known]) == 0
    assert "resnet18: 150 particles of the run Clean run" in capsys.readouterr().out
    assert find_profile(profile.id).known_run_of(SHA256)
    assert main(["instrument", "known-run", profile.id]) != 0
    assert main(["instrument", "known-run", profile.id, "--forget"]) == 0
    assert find_profile(profile.id).known_run_of(SHA256) is None


def test_an_unlike_particle_has_a_part_that_spoke_and_known_particles_beside_it():
    # Without a pixel size, among all magnifications.
    results = read_results_folder(jobs.job_folder(known_job(um_per_px=None)))
    path = results.folder / FEATURES_FILE
    features = np.fromfile(path, np.float16).reshape(len(results.probs), -1)
    features[0, :64] += 3
    features[1, -8:] += 30
    features.tofile(path)
    parts = parts_of(results, np.array([0, 1]))
    assert parts[0].startswith("texture or outline")
    assert parts[1].endswith("size, shape or contrast")
    nearest = nearest_known_tiles(results, np.arange(2, 12))
    assert [len(row) for row in nearest] == [3] * 10
    assert {one.tile.shape for row in nearest for one in row} == {(64, 64)}
    # A known example's nearest known particle is itself: of the same class as it was named, mostly.
    named = np.array(KEYS)[results.probs[2:12].argmax(1)]
    assert np.mean([row[0].class_key == name for row, name in zip(nearest, named, strict=True)]) >= 0.7
    path.unlink()
    assert parts_of(results, np.array([0])) == nearest_known_tiles(results, np.array([0])) == []
