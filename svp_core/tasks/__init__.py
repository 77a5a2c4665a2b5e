"""What can be done as a job: kind -> task.

A task is a generator function (config, folder): it yields Progress after each finished step and leaves its files in
the folder. To stop it, stop iterating; what is finished stays. Called again with the same config and folder it goes
on where it stopped, or starts over. It knows no database and no screen, so that the command line can call it too.
Networks are imported only when a task runs.
"""

from svp_core.tasks.classify import classify
from svp_core.tasks.compare import compare
from svp_core.tasks.denoise import denoise
from svp_core.tasks.embed_review import embed_review
from svp_core.tasks.find_label_errors import find_label_errors
from svp_core.tasks.generate import generate
from svp_core.tasks.import_images import import_images
from svp_core.tasks.retrain import retrain
from svp_core.tasks.train import train

TASKS = {
    "generate": generate,
    "compare": compare,
    "denoise": denoise,
    "classify": classify,
    "gather": import_images,
    "train": train,
    "suspect": find_label_errors,
    "likeness": embed_review,
    "retrain": retrain,
}
