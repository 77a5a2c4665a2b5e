"""An instrument with finished classifications of drawn figures, and validations of it."""

import numpy as np

from svp_core.tasks.instrument_runs import assign_profile
from svp_core.tasks.validation import start_validation
from svp_core.workspace import jobs
from svp_core.workspace.validations import open_validation, record_answers
from tests.helpers.finished_jobs import KEYS, make_job
from tests.helpers.stored_work import store_job

SHA256 = "5" * 64
ALLOWED = (*KEYS, "other", "unsure", "not_a_particle")


def classified_instrument(count=400, *, runs=1, seed=0, right=0.9, weights="resnet18", sha256=SHA256, given=None):
    """(profile, truth of every job: {job id: class keys (n,)}) of an instrument with classifications of one classifier.

    given: truth of the particles; drawn where it is left out. right: share whose most likely class is the true one.
    """
    rng, truth = np.random.default_rng(seed), {}
    for _ in range(runs):
        codes = rng.integers(0, 3, count) if given is None else np.array([KEYS.index(key) for key in given])
        likely = np.where(rng.random(count) < right, codes, (codes + 1) % 3)
        probs = np.full((count, 3), 0.04)
        probs[np.arange(count), likely] = 0.92
        job_id = store_job("classify", {"source": "/data/run", "weights": weights, "um_per_px": None})
        sizes = np.exp(rng.normal(1.6, 0.6, count)).round(4)
        make_job(jobs.job_folder(job_id), probs, sizes.tolist(), weights=weights, weights_sha256=sha256)
        truth[job_id] = np.array(KEYS)[codes]
        profile = assign_profile(job_id)
    return profile, truth


def validation_of(profile, truth, *, count=60, seed=1, sha256=SHA256):
    """(a drawn validation, the true class of its particles: {id: class key})."""
    validation = open_validation(profile.id, start_validation(profile.id, sha256, count, seed=seed))
    table = validation.table
    positions = [int(image.rpartition("#")[2]) - 1 for image in table["image"]]
    return validation, {
        particle: str(truth[job][at]) for particle, job, at in zip(table["id"], table["job"], positions, strict=True)
    }


def answer(n, particle, label, *, reviewer="Anna", tab="t1", purpose="label", **more):
    """An event as the browser sends it."""
    kind = label if label in ("unsure", "not_a_particle", "undo", "skip") else "label"
    event = {
        "tab": tab,
        "n": n,
        "particle": particle,
        "kind": kind,
        "label": label,
        "reviewer": reviewer,
        "at": 1e9 + n,
    }
    return {**event, "purpose": purpose, **more}


def answer_all(validation, answers, *, reviewer="Anna"):
    """Record these answers: {particle: label}."""
    events = [
        answer(n, particle, label, reviewer=reviewer, tab=f"tab of {reviewer}")
        for n, (particle, label) in enumerate(answers.items(), 1)
    ]
    assert set(record_answers(validation, events, allowed=ALLOWED).values()) == {""}
