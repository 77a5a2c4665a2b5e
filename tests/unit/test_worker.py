"""The worker process: its errors, its share of the machine."""

import pytest

from svp_core.workspace import jobs
from tests.helpers.trial_jobs import trial_lab, wait_for


@pytest.fixture
def lab(tmp_path, monkeypatch):
    yield from trial_lab(tmp_path, monkeypatch)


def test_a_lab_error_becomes_the_error_of_the_job(lab):
    job_id, _ = jobs.start("refuse", {})
    job = wait_for(job_id, "failed")
    assert job.error == "The folder 'oil' holds no images; choose another."
    assert job.step == 1
    assert "Traceback" not in jobs.log_file(job_id).read_text()


def test_a_defect_is_one_sentence_with_its_traceback_in_the_log(lab):
    job_id, _ = jobs.start("break_down", {})
    job = wait_for(job_id, "failed")
    log = jobs.log_file(job_id)
    assert str(log) in job.error
    assert "ZeroDivisionError" in job.error
    assert "\n" not in job.error
    assert "Traceback" in log.read_text()
    assert "planted" in log.read_text()
    again, started = jobs.start("break_down", {})
    assert started
    assert again != job_id
    wait_for(again, "failed")


def test_an_unknown_kind_fails_with_an_error(lab):
    job_id, _ = jobs.start("no such kind", {})
    assert "'no such kind'" in wait_for(job_id, "failed").error


def test_one_long_step_is_not_taken_for_death(lab):
    job_id, _ = jobs.start("long_step", {})
    first = wait_for(job_id, lambda job: job.state == "running" and job.total)
    second = wait_for(job_id, lambda job: job.heartbeat > first.heartbeat)
    third = wait_for(job_id, lambda job: job.heartbeat > second.heartbeat)
    assert (third.state, third.step) == ("running", 0)
    (jobs.job_folder(job_id) / "gate").touch()
    wait_for(job_id, "done")


def test_what_a_long_step_is_about_is_shown_before_it_ends(lab, monkeypatch):
    monkeypatch.setenv("TRIAL_WRITE_S", "600")  # events in quick succession are not all written, but their messages are
    job_id, _ = jobs.start("announce", {})
    assert wait_for(job_id, lambda job: job.message == "second").state == "running"
    (jobs.job_folder(job_id) / "gate").touch()
    wait_for(job_id, "done")


def test_a_job_leaves_room_for_the_pages(lab, monkeypatch):
    monkeypatch.delenv("SVP_JOB_THREADS", raising=False)
    monkeypatch.setattr(jobs, "_cores", lambda: 4)
    monkeypatch.setenv("TRIAL_CORES", "4")
    monkeypatch.setenv("TRIAL_SLOTS", "1")
    job_id, _ = jobs.start("surroundings", {})
    job = wait_for(job_id, "done")
    niceness, threads, own_session = (jobs.job_folder(job_id) / "around.txt").read_text().split()
    assert int(niceness) >= 10
    assert threads == "3"
    assert own_session == "True"
    assert not job.message, "loaded by every job, needed by some"


@pytest.mark.parametrize(("cores", "slots", "threads"), [(1, 1, 1), (2, 1, 1), (4, 1, 3), (8, 2, 3), (64, 4, 15)])
def test_slots_and_threads_follow_the_cores(monkeypatch, cores, slots, threads):
    monkeypatch.delenv("SVP_JOB_THREADS", raising=False)
    monkeypatch.setattr(jobs, "_cores", lambda: cores)
    assert (jobs.slots(), jobs.threads()) == (slots, threads)
    assert 2 * jobs.slots() * jobs.threads(both_lanes=True) <= max(cores, 2), "two lanes take no more than the cores"
    assert jobs.slots() * jobs.threads() <= max(cores - 1, 1)
    monkeypatch.setenv("SVP_JOB_THREADS", "2")
    assert jobs.threads() == 2
