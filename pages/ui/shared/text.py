"""How names, numbers, times and jobs read on a screen."""

import re
from datetime import datetime
from os.path import commonpath
from pathlib import Path

from svp_core.particle_classes import class_by_key
from svp_core.workspace.datasets import MAX_NAME

DASH = "–"
# What a job's steps are, where not "step".
STEP_OF = {
    "generate": "image",
    "classify": "item",
    "gather": "item",
    "suspect": "label",
    "likeness": "particle",
    "retrain": "particle",
}


def escape_markdown(text):
    """This text as Markdown that shows exactly it: a file called <b>x</b>.png or *y*.png is no formatting."""
    escaped = re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", str(text))
    return re.sub(r"\s+", " ", escaped)


def truncate(name):
    """This name, cut where it is longer than those given now: it may be from before."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def class_name(key):
    """The class as the lab says it; an unknown key as it is."""
    try:
        return class_by_key(key).name
    except KeyError:
        return str(key)


def without_common_prefix(names):
    """These names without the folders and the file that they all share: "…#12" for "run 7/run 7.lst#12"."""
    shared = commonpath(list(names))
    cut = max(shared.rfind("/"), shared.rfind("#"))
    return [f"…{name[cut:]}" if cut > 0 else name for name in names]


def without_names(text, names):
    """This text with the names of runs left out of those of their files: "settings in ….ctx".

    names: of the runs.
    """
    for name in sorted((name.rpartition("/")[2] for name in names), key=len, reverse=True):
        text = text.replace(name, "…") if len(name) > 3 else text
    return text


def count_noun(count, what):
    """A number with its noun: "1 particle", "1,200 particles"."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def format_share(part, whole):
    """ "94.2 %", or a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else DASH


def format_duration(seconds):
    """A length of time to plan by: "8 s", "3 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def format_time(timestamp):
    """When something was, by this machine's clock: "14:05" today, "3 May, 14:05" before."""
    then = datetime.fromtimestamp(timestamp)
    day = "" if then.date() == datetime.now().date() else f"{then.day} {then:%b}, "
    return f"{day}{then:%H:%M}"


def job_title(job):
    """What a job does, in a line; not yet escaped."""
    asked = job.config
    if job.kind == "generate":
        return (
            f"{count_noun(asked['count'], 'image')} of {class_name(asked['class_key']).lower()}, seed {asked['seed']}"
        )
    if job.kind == "compare":
        left, right = (model_title(asked[side]) for side in ("left", "right"))
        return f"Compare {left} with {right}, {class_name(asked['class_key']).lower()}, seed {asked['seed']}"
    if job.kind == "denoise":
        classes = ", ".join(class_name(key).lower() for key in asked["class_keys"])
        return f"Denoising of {classes}, seed {asked['seed']}"
    if job.kind == "classify":
        return f"Classify {Path(asked['source']).name}"
    if job.kind == "gather":
        return f"Bring in {truncate(asked['name'])}"
    if job.kind == "suspect":
        return f"Look for wrong labels in {truncate(asked['name'])}"
    if job.kind == "likeness":
        return "Map of a review"
    if job.kind == "retrain":
        return f"Retrain {asked['name']}"
    if job.kind == "train":
        return f"Train {asked['name']}"
    return job.kind


def model_title(asked):
    """Who makes one side of a comparison, as its job was asked: a model's name, or classical augmentation."""
    return "classical augmentation" if "classical" in asked else asked["weights"]


def job_outcome(job):
    """A few words about how a job has ended."""
    took = format_duration(job.ended - job.started) if job.ended and job.started else ""
    if job.state == "done":
        return count_noun(job.step, STEP_OF.get(job.kind, "step")) + (f" in {took}" if took else "")
    if job.state == "cancelled":
        return f"Cancelled after {job.step:,}" + (f" of {job.total:,}" if job.total else "")
    if job.state == "paused":
        return f"Paused after {job.step:,}" + (f" of {job.total:,}" if job.total else "")
    return {"failed": "Failed", "lost": "Interrupted"}.get(job.state, "Under way")
