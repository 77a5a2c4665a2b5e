"""How names, numbers, times and jobs read on a screen."""

from datetime import datetime
from os.path import commonpath
from pathlib import Path

from svp_core.display import class_name, count_noun, escape_markdown, format_duration
from svp_core.workspace.datasets import MAX_NAME

__all__ = [
    "DASH",
    "class_name",
    "count_noun",
    "escape_markdown",
    "format_duration",
    "format_share",
    "format_time",
    "job_outcome",
    "job_title",
    "model_title",
    "truncate",
    "without_common_prefix",
    "without_names",
]

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


def truncate(name):
    """This name, cut where it is longer than those given now: it may be from before."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


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


def format_share(part, whole):
    """ "94.2 %", or a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else DASH


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
